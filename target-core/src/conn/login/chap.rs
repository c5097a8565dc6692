//! CHAP (RFC 7143 12.1.3, RFC 1994).

use alloc::string::String;

/// A name whose secret was proven.
#[derive(Debug)]
pub(in crate::conn::login) struct Verified {
    name: String,
}

impl Verified {
    pub(in crate::conn::login) fn into_name(self) -> String {
        self.name
    }
}
