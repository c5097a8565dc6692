//! Pieces of YAML in the flow style; strings as JSON has them, which YAML reads alike.

/// Longest data that is written out; longer data becomes a pattern of the same length.
const DATA_MAX: usize = 4096;

/// A text with nothing in it that the language would take for a variable.
pub(super) fn scalar(text: &str) -> String {
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

/// A map.
pub(super) fn map(entries: &[(String, String)]) -> String {
    let parts: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", parts.join(", "))
}

/// Bytes, or what stands for them. True if they are another pattern than they were.
pub(super) fn data(bytes: &[u8]) -> (String, bool) {
    let first = bytes.first().copied().unwrap_or(0);
    if bytes.len() > 16 && bytes.iter().all(|byte| *byte == first) {
        return (format!("{{fill: [{first}, {}]}}", bytes.len()), false);
    }
    if bytes.len() > DATA_MAX {
        return (format!("\"pat(1,{})\"", bytes.len()), true);
    }
    (hex(bytes), false)
}

/// Bytes written out.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{{hex: \"{digits}\"}}")
}

/// A LUN field as the language has it: the number of the simple forms, else all eight bytes.
pub(super) fn lun(value: u64) -> String {
    let number = value >> 48;
    if value << 16 == 0 && number < 256 { number.to_string() } else { format!("{value:#x}") }
}
