//! How do saved mode parameters look in the record that is kept over a restart? A byte for the form of the record, then the
//! pages that can be saved, each as MODE SELECT has it.

use super::keep::Fields;
use super::mode_page::ModePage;
use super::mode_values::ModeParameters;
use crate::config::LunConfig;
use alloc::vec::Vec;
use bytes::Bytes;

const FORM: u8 = 1;

fn savable() -> impl Iterator<Item = ModePage> {
    ModePage::ALL.into_iter().filter(|page| page.is_savable())
}

pub(super) fn encode(saved: &ModeParameters) -> Bytes {
    let mut record = Vec::from([FORM]);
    for page in savable() {
        record.extend(page.values(saved));
    }
    record.into()
}

/// `None` if it makes no sense.
pub(super) fn decode(record: &[u8], config: &LunConfig) -> Option<ModeParameters> {
    let mut fields = Fields(record);
    if fields.byte()? != FORM {
        return None;
    }
    let mut modes = ModeParameters::default_of(config);
    for page in savable() {
        let given = fields.take(page.len())?;
        page.absorb(given, &mut modes).ok()?;
        if page.values(&modes) != given {
            return None;
        }
    }
    fields.end().map(|()| modes)
}
