//! `secret`: a CHAP secret from the random source of the system (rfc7143/9.2.1-2, rfc7143/9.2.1-3).

use super::{CliError, Context, Exit};
use clap::Args;
use std::fmt::Write as _;

/// Make a random CHAP secret
#[derive(Args, Debug)]
#[command(
    after_help = "The secret is what the random source of the system gives, nothing that is derived from words. It is kept nowhere.

Examples:
  iscsi-lab secret                    for secret_hex in a configuration file
  iscsi-lab secret --text             for initiators that take a secret as text, and for secret
  iscsi-lab secret --bytes 32 --json"
)]
pub struct Secret {
    /// How many random bytes, 12 (96 bits) to 1024
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(12..=1024))]
    bytes: u16,
    /// As letters, digits, - and _, each of which stands for 6 random bits
    #[arg(long)]
    text: bool,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

impl Secret {
    /// Writes it to standard output.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let mut bytes = vec![0; self.bytes.into()];
        crate::random::fill(&mut bytes).map_err(CliError::usage)?;
        let (key, secret) = if self.text { ("secret", text(&bytes)) } else { ("secret_hex", hex(&bytes)) };
        if self.json {
            anstream::println!("{:#}", serde_json::json!({ key: secret, "random_bits": bytes.len() * 8 }));
        } else {
            anstream::println!("{secret}");
        }
        Ok(Exit::Passed)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Six bits a character; the last one stands for what is left of the bits.
fn text(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letter = |from: usize| LETTERS[usize::from((from..from + 6).fold(0, |six, at| six << 1 | bit(at)))];
    (0..bytes.len() * 8).step_by(6).map(|from| char::from(letter(from))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_shows() {
        assert_eq!(hex(&[0, 0xff, 0x5a]), "0x00ff5a");
        for (bytes, want) in [
            (&[0_u8, 0, 0][..], "AAAA"),
            (&[0xff; 3], "____"),
            (&[0x00, 0x10, 0x83], "ABCD"),
            (&[0xff], "_w"),
        ] {
            assert_eq!(text(bytes), want);
        }
        assert_eq!(text(&[7; 16]).len(), 22);
    }
}
