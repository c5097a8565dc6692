//! `trace check`: can what a trace says be true?

use super::{CliError, Exit, print, read};
use crate::golden::{Renderer, Wire};
use crate::trace::{CONN_UNKNOWN, Judge, RecordKind};
use clap::Args;
use std::path::PathBuf;

/// Judge the probe events of trace files; exit 1 if one cannot be true
#[derive(Args, Debug)]
#[command(
    after_help = "Every event is judged by the probe definitions and by the session's earlier ones: sequence numbers, tags, lengths,
names; `trace live --check` does the same live. An initiator that breaks the rules shows here too. Exits with 1 if
something cannot be true or if events were lost, with 7 if there is no probe event.

Examples:
  iscsi-lab trace check events.jsonl
  iscsi-lab trace check a.jsonl b.jsonl --json"
)]
pub(super) struct Check {
    /// The traces
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON object a finding
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let mut text = String::new();
        let (mut judged, mut findings, mut lost) = (0, 0_u64, 0);
        for path in &self.files {
            let name = path.display().to_string();
            let records = read(path)?;
            let mut judge = Judge::new().map_err(CliError::usage)?;
            let mut renderer = Renderer::new(Wire::Digest);
            for (at, record) in records.iter().enumerate() {
                let line = renderer.line(record);
                let place = at + 1;
                match record.what {
                    RecordKind::Lost(count) => lost += count,
                    RecordKind::Probe(_) if record.conn == CONN_UNKNOWN => {
                        let message = format!(
                            "{name}: record {place} does not say its connection, so it cannot be judged"
                        );
                        return Err(CliError::usage(message));
                    }
                    _ => {}
                }
                for finding in judge.record(record) {
                    findings += 1;
                    text += &if self.json {
                        let (probe, member, what) = (finding.probe.name(), finding.member, &finding.text);
                        let json = serde_json::json!({
                            "file": name, "record": place, "probe": probe, "member": member, "text": what
                        });
                        format!("{json}\n")
                    } else {
                        format!("{name}: record {place}: {finding}\n  {line}\n")
                    };
                }
            }
            judged += judge.judged();
        }
        print(text.as_bytes())?;
        anstream::eprintln!("{judged} event(s) judged, {findings} violation(s), {lost} lost");
        if judged == 0 {
            return Err(CliError {
                exit: Exit::NothingSelected,
                message: "there is no probe event".to_owned(),
            });
        }
        Ok(if findings + lost == 0 { Exit::Passed } else { Exit::Failed })
    }
}
