//! Sizes as people write them.

/// Bytes of `512`, `64MiB`, `64M`, `1.5G` is refused: binary units only, whole numbers.
///
/// # Errors
/// What is allowed.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => {
            return Err(format!(
                "{text:?} is not a size; write bytes or a whole number of K, M, G or T (1024)"
            ));
        }
    };
    let number: u64 = number
        .replace('_', "")
        .parse()
        .map_err(|_| format!("{text:?} is not a size; write for example 64M, 10G or 1073741824"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("{text:?} is more than 16 EiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512", Some(512)),
            ("64MiB", Some(64 << 20)),
            ("64m", Some(64 << 20)),
            ("1_000 K", Some(1_024_000)),
            ("2T", Some(2 << 40)),
            ("4b", Some(4)),
            ("", None),
            ("M", None),
            ("1.5G", None),
            ("64MB", None),
            ("-1", None),
            ("18446744073709551615K", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text:?}");
        }
    }
}
