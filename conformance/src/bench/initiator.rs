//! A real initiator as the load: iscsi-perf of libiscsi, random reads, started for each measurement and read by what it prints.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What it reads in.
const SECTOR: u32 = 512;

/// The program, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IscsiPerf(PathBuf);

impl IscsiPerf {
    /// Looks for it where programs are (PATH).
    pub fn find() -> Option<Self> {
        let folders = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&folders).map(|folder| folder.join("iscsi-perf"));
        found.into_iter().find(|path| path.is_file()).map(Self)
    }

    /// Reads a second that it says it had on average. Runs for whole seconds, one at least.
    ///
    /// # Errors
    /// It does not start, fails, or says something else.
    pub fn run(
        &self,
        target: (SocketAddr, &str),
        depth: u16,
        bytes: u32,
        time: Duration,
    ) -> Result<f64, String> {
        let Self(program) = self;
        let fail = |what: &str| format!("{}: {what}", program.display());
        let url = format!("iscsi://{}/{}/0", target.0, target.1);
        let output = Command::new(program)
            .args(["-r", "-m", &depth.to_string(), "-b", &(bytes / SECTOR).to_string()])
            .args(["-t", &time.as_secs().max(1).to_string(), &url])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| fail(&error.to_string()))?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        match average(&text).filter(|_| output.status.success() && text.contains("finished.")) {
            Some(iops) => Ok(iops),
            None => Err(fail(text.trim().lines().last().unwrap_or("it says nothing"))),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// The last average in what it printed.
fn average(text: &str) -> Option<f64> {
    let (_, rest) = text.rsplit_once("iops average ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_average_counts() {
        let said = "\r00:00:01 - lba 7, iops current 45312 (176 MB/s), iops average 45312 (176 MB/s), in_flight 32\r\
                    iops average 37847 (147 MB/s)     \n\nfinished.\n";
        assert_eq!(average(said), Some(37847.0));
        assert_eq!(average("Failed to connect"), None);
    }
}
