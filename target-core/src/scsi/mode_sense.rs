//! How is it set? MODE SENSE(6), MODE SENSE(10) (SPC-4 6.13, 6.14; SBC-3 6.4)

use super::cdb::Cdb;
use super::mode_page::{ModePage, PS};
use super::mode_values::ModeParameters;
use super::next::{Context, Handled, Next};
use super::unit::LogicalUnit;
use alloc::vec::Vec;

/// PAGE CODE that stands for all pages.
const ALL_PAGES: u8 = 0x3f;
/// SUBPAGE CODE that stands for all subpages, subpage 0 among them.
const ALL_SUBPAGES: u8 = 0xff;

/// DEVICE-SPECIFIC PARAMETER (SBC-3 6.4.1).
const WP: u8 = 0x80;
const DPOFUA: u8 = 0x10;

/// PC: which values are asked for.
enum Values {
    Current,
    Changeable,
    Default,
    Saved,
}

pub(super) fn mode_sense(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let long_form = cdb.byte(0) == 0x5a;
    let values = match cdb.byte(2) >> 6 {
        0 => Values::Current,
        1 => Values::Changeable,
        2 => Values::Default,
        _ => Values::Saved,
    };
    let pages = wanted(cdb.byte(2) & 0x3f, cdb.byte(3))?;
    let unit = context.unit()?;
    let no_descriptor = cdb.bit(1, 3);
    let long_addresses = long_form && cdb.bit(1, 4) && !no_descriptor;
    let descriptor = match (no_descriptor, long_addresses) {
        (true, _) => Vec::new(),
        (false, false) => short_descriptor(unit),
        (false, true) => long_descriptor(unit),
    };
    let mut body = Vec::new();
    for page in pages {
        let mut values = match values {
            Values::Current => page.values(&unit.modes),
            Values::Changeable => page.changeable(),
            Values::Default => page.values(&ModeParameters::default_of(&unit.config)),
            Values::Saved => page.values(&unit.saved()),
        };
        if let Some(head) = values.first_mut().filter(|_| page.is_savable()) {
            *head |= PS;
        }
        body.extend(values);
    }
    let device = DPOFUA | if unit.write_protection().is_some() { WP } else { 0 };
    let after = descriptor.len().saturating_add(body.len());
    let length =
        |before: usize| after.saturating_add(before + usize::from(planted!(ModeDataLength))).to_be_bytes();
    // MODE DATA LENGTH counts what follows itself.
    let (mut data, allocation) = if long_form {
        let [.., high, low] = length(6);
        let [.., descriptor_high, descriptor_low] = descriptor.len().to_be_bytes();
        let header = [high, low, 0, device, u8::from(long_addresses), 0, descriptor_high, descriptor_low];
        (Vec::from(header), u32::from(cdb.be16(7)))
    } else {
        let ([.., low], [.., descriptor_low]) = (length(3), descriptor.len().to_be_bytes());
        (Vec::from([low, 0, device, descriptor_low]), u32::from(cdb.byte(4)))
    };
    data.extend(descriptor);
    data.extend(body);
    Ok(Next::data(data, allocation))
}

fn wanted(code: u8, subpage: u8) -> Result<Vec<ModePage>, super::outcome::Failure> {
    if code == ALL_PAGES && !matches!(subpage, 0 | ALL_SUBPAGES) {
        return Err(Cdb::reject(3, None));
    }
    let pages = ModePage::ALL.into_iter().filter(|page| {
        let (its_code, its_subpage) = page.code();
        (code == ALL_PAGES || code == its_code) && (subpage == ALL_SUBPAGES || subpage == its_subpage)
    });
    let pages: Vec<ModePage> = pages.collect();
    if !pages.is_empty() {
        return Ok(pages);
    }
    let known = ModePage::with_code(code, 0).is_some();
    Err(if known { Cdb::reject(3, None) } else { Cdb::reject(2, Some(5)) })
}

/// Short LBA mode parameter block descriptor (SBC-3 6.4.2.2).
fn short_descriptor(unit: &LogicalUnit) -> Vec<u8> {
    let mut descriptor = Vec::with_capacity(8);
    descriptor.extend(u32::try_from(unit.config.blocks).unwrap_or(u32::MAX).to_be_bytes());
    // The length takes three bytes; the one before is reserved.
    descriptor.extend((unit.block_size() & 0x00ff_ffff).to_be_bytes());
    descriptor
}

/// Long LBA mode parameter block descriptor (SBC-3 6.4.2.3).
fn long_descriptor(unit: &LogicalUnit) -> Vec<u8> {
    let mut descriptor = Vec::with_capacity(16);
    descriptor.extend(unit.config.blocks.to_be_bytes());
    descriptor.extend([0; 4]);
    descriptor.extend(unit.block_size().to_be_bytes());
    descriptor
}
