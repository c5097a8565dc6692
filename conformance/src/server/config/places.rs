//! Where in its file is a setting? What is found wrong only when it is used (storage, addresses, the core's own check) can be
//! pointed at then.

use std::collections::BTreeMap;
use std::fmt::Display;
use target_core::config::ConfigError;

/// `path:line:column` by the setting's path in [`target_core::config::Config`], such as `targets[0].luns[1].serial`. Empty
/// for what came from the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(pub(super) BTreeMap<String, String>);

impl Places {
    /// Where the setting is, or else what it belongs to.
    fn of(&self, mut field: &str) -> Option<&str> {
        loop {
            if let Some(place) = self.0.get(field) {
                return Some(place);
            }
            field = field.get(..field.rfind(['.', '['])?)?;
        }
    }

    /// The message behind the place of the setting that it is about.
    pub fn message(&self, field: &str, problem: impl Display) -> String {
        self.of(field).map_or_else(|| problem.to_string(), |place| format!("{place}: {problem}"))
    }

    /// What the core says of a configuration.
    pub fn error(&self, error: &ConfigError) -> String {
        self.message(&error.field, error)
    }
}
