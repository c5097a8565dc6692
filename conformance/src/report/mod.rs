//! How are results handed to other programs? One model of a run, and a writer for each form that asks for one.
//!
//! ```text
//!  runner::suite::Ran ─┐
//!                      ├─> Results ──> json | junit | tap | sarif | markdown | html      (--report KIND=FILE)
//!  sweep's seeds ──────┘
//! ```
//!
//! Nothing here looks at a clock: the same run of the simulator gives the same bytes, and times are virtual there.

mod html;
mod junit;
mod markdown;
mod model;
mod sarif;
mod seeds;
mod tap;
#[cfg(test)]
mod tests;
mod xfail;

pub use model::{CaseResult, FailureResult, Outcome, Results, Row, Suite, Tool};
pub use seeds::Seeds;
pub use xfail::{KnownFailures, XfailError};

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JUnit XML, as Jenkins' schema has it.
    Junit,
    /// The model itself.
    Json,
    /// One page for a browser.
    Html,
    /// Test Anything Protocol, version 13.
    Tap,
    /// Static Analysis Results Interchange Format 2.1.0.
    Sarif,
    /// For a pull request or a summary of a job.
    Markdown,
}

impl Form {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("junit", Self::Junit),
        ("json", Self::Json),
        ("html", Self::Html),
        ("tap", Self::Tap),
        ("sarif", Self::Sarif),
        ("markdown", Self::Markdown),
    ];
}

/// One report to be written: `KIND=FILE` on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Which form.
    pub form: Form,
    /// Where to.
    pub path: PathBuf,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Form::ALL.map(|(name, _)| name).join(", ");
        let (kind, path) = text
            .split_once('=')
            .ok_or_else(|| format!("wants KIND=FILE, where KIND is one of {}", known()))?;
        let form = Form::ALL.iter().find(|(name, _)| *name == kind).map(|(_, form)| *form);
        let form = form.ok_or_else(|| format!("there is no report `{kind}`, only {}", known()))?;
        if path.is_empty() {
            return Err("the name of the file is missing behind `=`".to_owned());
        }
        Ok(Self { form, path: Path::new(path).to_path_buf() })
    }
}

impl Results {
    /// The report in this form.
    ///
    /// # Errors
    /// A writer of another library refuses, which is a mistake here.
    pub fn render(&self, form: Form) -> Result<String, String> {
        match form {
            Form::Junit => junit::render(self),
            Form::Json => {
                serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|e| e.to_string())
            }
            Form::Html => Ok(html::render(self)),
            Form::Tap => Ok(tap::render(self)),
            Form::Sarif => Ok(sarif::render(self)),
            Form::Markdown => Ok(markdown::render(self)),
        }
    }

    /// Writes every report that is wanted; folders are made.
    ///
    /// # Errors
    /// The file and what is wrong with it.
    pub fn write(&self, wanted: &[Wanted]) -> Result<(), String> {
        for one in wanted {
            let text = self.render(one.form)?;
            let said = |error: std::io::Error| format!("{}: {error}", one.path.display());
            if let Some(folder) = one.path.parent() {
                std::fs::create_dir_all(folder).map_err(said)?;
            }
            std::fs::write(&one.path, text).map_err(said)?;
        }
        Ok(())
    }

    /// The JSON Schema of the JSON report.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}
