//! How are times, sizes and counts written? A number and its unit, without a blank: `250ms`, `64MiB`, `1M`.

/// Nanoseconds, virtual or real.
pub type Nanos = u64;

const TIMES: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const SIZES: [(&str, u64); 7] = [
    ("", 1),
    ("k", 1 << 10),
    ("KiB", 1 << 10),
    ("M", 1 << 20),
    ("MiB", 1 << 20),
    ("G", 1 << 30),
    ("GiB", 1 << 30),
];

const COUNTS: [(&str, u64); 3] = [("", 1), ("k", 1_000), ("M", 1_000_000)];

/// A time with its unit: `30s`, `1.5s`, `250ms`, `10m`.
pub fn time(text: &str) -> Result<Nanos, String> {
    if text == "0" {
        return Ok(0);
    }
    scaled(text, &TIMES)
        .ok_or_else(|| format!("`{text}` is no time; write a number and ns, us, ms, s, m or h, as in 250ms"))
}

/// A size in bytes: `512`, `4k`, `64MiB`.
pub fn size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES).ok_or_else(|| {
        format!("`{text}` is no size; write bytes or a number and KiB, MiB or GiB, as in 64MiB")
    })
}

/// A count: `500`, `20k`, `1M`.
pub fn count(text: &str) -> Result<u64, String> {
    scaled(text, &COUNTS)
        .ok_or_else(|| format!("`{text}` is no count; write a number, or one with k or M, as in 1M"))
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || number.ends_with('.') {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(*scale)?;
    let mut place = *scale;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.checked_add(u64::from(digit.checked_sub(b'0')?).checked_mul(place)?)?;
    }
    Some(total)
}

/// A time for people, to three digits or so.
pub fn rough_time(nanos: Nanos) -> String {
    let step = match nanos {
        0..1_000_000 => 1_000,
        1_000_000..1_000_000_000 => 1_000_000,
        _ => 100_000_000,
    };
    show_time(nanos / step * step)
}

/// A time as people write it, with the largest unit that keeps it exact to the microsecond.
pub fn show_time(nanos: Nanos) -> String {
    match nanos {
        0 => "0s".to_owned(),
        n if n % 1_000_000_000 == 0 => format!("{}s", n / 1_000_000_000),
        n if n % 1_000_000 == 0 => format!("{}ms", n / 1_000_000),
        n if n % 1_000 == 0 => format!("{}us", n / 1_000),
        n => format!("{n}ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_understood() {
        assert_eq!(time("250ms"), Ok(250_000_000));
        assert_eq!(time("1.5s"), Ok(1_500_000_000));
        assert_eq!(time("10m"), Ok(600_000_000_000));
        assert_eq!(size("4k"), Ok(4096));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(count("1M"), Ok(1_000_000));
        for bad in ["", "5", "s", "5 s", "-1s", "1..2s", "1.s", "99999999999999999999s", "5x"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert_eq!(show_time(1_500_000_000), "1500ms");
        assert_eq!(show_time(30_000_000_000), "30s");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[0-9.]{0,22}[a-zA-Zé]{0,3}") {
            let _ = (time(&text), size(&text), count(&text));
        }

        #[test]
        fn a_shown_time_reads_back(nanos in any::<u64>()) {
            prop_assert_eq!(time(&show_time(nanos)), Ok(nanos));
        }
    }
}
