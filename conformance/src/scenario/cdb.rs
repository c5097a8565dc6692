//! Which SCSI commands have names in scenarios? Those of the initiator's table; here is what a reader asks about them.

use initiator_sim::initiator::cdb;

/// The operand that every command has.
const CONTROL: &str = "control";

/// The full name of a command, also by its abbreviation.
pub fn find(name: &str) -> Option<String> {
    let built = cdb::build::<&str>(name, &[]).ok()?;
    let described = cdb::describe(&built);
    described.split(' ').next().map(str::to_owned)
}

/// The names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    cdb::names().collect::<Vec<_>>().into_iter()
}

/// The operands of a command by its full name.
pub fn operands(name: &str) -> Vec<&'static str> {
    let named = cdb::args(name).unwrap_or_default().iter().map(|arg| arg.name);
    named.chain([CONTROL]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_name_and_abbreviation() {
        assert_eq!(find("tur").as_deref(), Some("test_unit_ready"));
        assert_eq!(find("read10").as_deref(), Some("read10"));
        assert_eq!(find("raed10"), None);
        assert!(operands("write16").contains(&"lba") && operands("write16").contains(&"control"));
        assert!(names().all(|name| find(name).as_deref() == Some(name)));
    }
}
