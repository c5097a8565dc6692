//! What is an iSCSI name? (RFC 7143 4.2.7, RFC 3721, RFC 3980)
//!
//! Names are compared after [`normalise`], which maps ASCII upper case to lower case. Of the stringprep profile of
//! RFC 3722, which needs Unicode tables, the ASCII part is checked exactly; beyond ASCII only letters and digits that
//! are not upper case are taken, and Normalization Form C is believed, not verified.

use alloc::string::String;
use core::fmt;

/// Longest name in bytes.
pub const NAME_BYTES_MAX: usize = 223;

/// Why something is not an iSCSI name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Empty or longer than [`NAME_BYTES_MAX`].
    Length,
    /// It begins with none of `iqn.`, `eui.` and `naa.`.
    Type,
    /// A character that names cannot have.
    Character,
    /// `iqn.` is not followed by `yyyy-mm.`
    Date,
    /// The naming authority is not a reversed domain name.
    Authority,
    /// `eui.` is not followed by 16 hexadecimal digits, `naa.` not by 16 or 32.
    Digits,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a name has 1 to 223 bytes",
            Self::Type => "a name begins with iqn., eui. or naa.",
            Self::Character => "a name consists of lower-case letters, digits, dots, dashes and colons",
            Self::Date => "after iqn. comes yyyy-mm and a dot",
            Self::Authority => "after the date comes a reversed domain name",
            Self::Digits => "after eui. come 16 hexadecimal digits, after naa. 16 or 32",
        })
    }
}

impl core::error::Error for NameError {}

/// The name in the form in which names are compared, if it is one.
pub fn normalise(name: &str) -> Result<String, NameError> {
    // rfc7143/4.2.5.4-7.
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(NameError::Length);
    }
    // rfc7143/4.2.5.4-10.
    let name = name.to_ascii_lowercase();
    // rfc7143/4.2.5.4-11.
    match name.split_once('.') {
        Some(("iqn", rest)) => check_iqn(rest)?,
        Some(("eui", digits)) if digits.len() == 16 => check_hex(digits)?,
        Some(("naa", digits)) if digits.len() == 16 || digits.len() == 32 => check_hex(digits)?,
        Some(("eui" | "naa", _)) => return Err(NameError::Digits),
        _ => return Err(NameError::Type),
    }
    Ok(name)
}

fn check_hex(digits: &str) -> Result<(), NameError> {
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { Ok(()) } else { Err(NameError::Digits) }
}

fn check_iqn(rest: &str) -> Result<(), NameError> {
    if !rest.chars().all(in_name) {
        return Err(NameError::Character);
    }
    let (date, rest) = rest.split_once('.').ok_or(NameError::Date)?;
    let (year, month) = date.split_once('-').ok_or(NameError::Date)?;
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let is_month = month.len() == 2 && month.parse().is_ok_and(|month: u8| (1..=12).contains(&month));
    if !is_year || !is_month {
        return Err(NameError::Date);
    }
    let authority = rest.split(':').next().unwrap_or_default();
    if authority.split('.').any(str::is_empty) { Err(NameError::Authority) } else { Ok(()) }
}

fn in_name(c: char) -> bool {
    if c.is_ascii() {
        matches!(c, 'a'..='z' | '0'..='9' | '-' | '.' | ':')
    } else {
        c.is_alphanumeric() && !c.is_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let long = alloc::format!("iqn.2001-04.com.example:{}", "x".repeat(199));
        for (name, result) in [
            ("iqn.2001-04.com.example:storage:diskarrays-sn-a8675309", Ok(())),
            ("iqn.2001-04.com.example", Ok(())),
            ("IQN.2001-04.COM.Example:A", Ok(())),
            ("iqn.2001-04.com.example:", Ok(())),
            ("iqn.2001-12.com.example:straße", Ok(())),
            ("eui.02004567A425678D", Ok(())),
            ("naa.52004567BA64678D", Ok(())),
            ("naa.62004567BA64678D0123456789ABCDEF", Ok(())),
            (&long, Ok(())),
            (&alloc::format!("{long}x"), Err(NameError::Length)),
            ("", Err(NameError::Length)),
            ("iqn", Err(NameError::Type)),
            ("disk", Err(NameError::Type)),
            ("iqm.2001-04.com.example", Err(NameError::Type)),
            ("iqn.", Err(NameError::Date)),
            ("iqn.2001-13.com.example", Err(NameError::Date)),
            ("iqn.2001-00.com.example", Err(NameError::Date)),
            ("iqn.2001-4.com.example", Err(NameError::Date)),
            ("iqn.01-04.com.example", Err(NameError::Date)),
            ("iqn.2001.com.example", Err(NameError::Date)),
            ("iqn.2001-04", Err(NameError::Date)),
            ("iqn.2001-04.", Err(NameError::Authority)),
            ("iqn.2001-04.:x", Err(NameError::Authority)),
            ("iqn.2001-04.com..example", Err(NameError::Authority)),
            ("iqn.2001-04.com.example:a b", Err(NameError::Character)),
            ("iqn.2001-04.com.example:a_b", Err(NameError::Character)),
            ("iqn.2001-04.com.example:a/b", Err(NameError::Character)),
            ("iqn.2001-04.com.example:Ä", Err(NameError::Character)),
            ("eui.02004567A425678", Err(NameError::Digits)),
            ("eui.02004567A425678G", Err(NameError::Digits)),
            ("eui.02004567A425678D0", Err(NameError::Digits)),
            ("naa.52004567BA64678D0", Err(NameError::Digits)),
        ] {
            assert_eq!(normalise(name).map(drop), result, "{name}");
        }
    }

    #[test]
    fn names_that_differ_in_case_are_one_name() {
        assert_eq!(normalise("IQN.2001-04.com.Example:A"), normalise("iqn.2001-04.com.example:a"));
        assert_eq!(normalise("eui.02004567A425678D"), Ok("eui.02004567a425678d".into()));
    }

    proptest! {
        #[test]
        fn normalising_is_done_once(name in "(iqn\\.2001-0[1-9]\\.[a-zA-Z.:_-]{0,40}|\\PC{0,40})") {
            if let Ok(once) = normalise(&name) {
                prop_assert_eq!(normalise(&once), Ok(once.clone()));
                prop_assert!(once.len() <= NAME_BYTES_MAX);
            }
        }
    }
}
