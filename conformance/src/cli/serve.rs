//! `serve`: a target to talk to.

use super::{CliError, Context, Exit};
use crate::server::Server;
use crate::server::brake::Brake;
use crate::server::config::{self, DEFAULT_LISTEN, DEFAULT_TARGET, LunSpec, ServeConfig};
use crate::server::record::Recorder;
use crate::storage::Backing;
use clap::{Args, ValueEnum};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Serve targets over TCP, with live USDT probes
#[derive(Args, Debug)]
#[command(
    after_help = "SIGTERM and SIGINT ask all sessions to log out and exit 0; a second one exits at once.
SIGHUP reads the configuration file again: portals, targets, LUNs, limits, timers, all but [server]. A file with mistakes
changes nothing; sessions stay, also those of a portal that goes.

Examples:
  iscsi-lab serve
  iscsi-lab serve --listen 0.0.0.0:3260 --lun file:disk.img --lun mem:1G,bs=4096,ro
  iscsi-lab serve --config lab.toml --log-format json --log debug"
)]
pub struct Serve {
    /// Configuration file (TOML); excludes --lun and --target
    #[arg(long, value_name = "FILE", conflicts_with_all = ["lun", "target"])]
    config: Option<PathBuf>,
    /// Address to listen on, port 0 for any; may be repeated [default: 127.0.0.1:3260, or what the file says]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// A logical unit, numbered from 0; may be repeated: mem:SIZE, file:PATH or null:SIZE, then ,bs=4096 and ,ro
    /// [default: mem:64M]
    #[arg(long, value_name = "SPEC")]
    lun: Vec<String>,
    /// iSCSI name of the target
    #[arg(long, value_name = "IQN", default_value = DEFAULT_TARGET)]
    target: String,
    /// Form of the log on standard error
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// What to log: error, warn, info, debug, trace, or a filter such as conformance::server=debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
    /// Also write every probe event to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Serve {
    /// Serves until a signal says otherwise.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        self.start_log()?;
        // Before anything that takes time: a signal that comes early must not be lost.
        let signals = signals()?;
        let config = self.read()?;
        let recorder = match &self.record {
            None => Recorder::off(),
            Some(path) => Recorder::create(path).map_err(|error| CliError::file(path, &error))?,
        };
        let server = Server::start(&config, recorder).map_err(CliError::usage)?;
        announce(&server.addresses(), &config);
        while let Ok(SIGHUP) = signals.recv() {
            self.reload(&server);
        }
        tracing::info!(seconds = config.server.drain.as_secs(), "ending: sessions are asked to log out");
        server.drain();
        let until = Instant::now() + config.server.drain + config.server.linger + Duration::from_secs(1);
        while Instant::now() < until && !server.wait_drained(Duration::from_millis(50)) {
            if matches!(signals.try_recv(), Ok(SIGTERM | SIGINT)) {
                tracing::warn!("ending at once");
                break;
            }
        }
        Ok(Exit::Passed)
    }

    fn start_log(&self) -> Result<(), CliError> {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log)
            .map_err(|error| CliError::usage(format!("--log {}: {error}", self.log)))?;
        // Colours are for people: a log in a file must be found by its words.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = std::io::stderr().is_terminal() && !refused;
        let brake = Brake::start().map_err(|error| CliError::usage(error.to_string()))?;
        let log = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
        let log = match self.log_format {
            LogFormat::Text => log.with_filter(brake).boxed(),
            LogFormat::Json => log.json().with_filter(brake).boxed(),
        };
        let started = tracing_subscriber::registry().with(filter).with(log).try_init();
        started.map_err(|error| CliError::usage(error.to_string()))
    }

    fn read(&self) -> Result<ServeConfig, CliError> {
        let mut config = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
                config::parse(path, &text).map_err(CliError::usage)?
            }
            None => self.config_of_arguments().map_err(CliError::usage)?,
        };
        for line in &config.warnings {
            tracing::warn!("{line}");
        }
        if !self.listen.is_empty() {
            if config.portals.iter().any(|portal| portal.group != 1) {
                return Err(CliError::usage(
                    "--listen: the portals of the file have groups; change their addresses in the file",
                ));
            }
            config.portals = ServeConfig::simple(&self.listen, "", Vec::new()).portals;
        }
        Ok(config)
    }

    fn config_of_arguments(&self) -> Result<ServeConfig, String> {
        let target = config::target_name(&self.target).map_err(|error| format!("--target: {error}"))?;
        let default = ["mem:64M".to_owned()];
        let specs = if self.lun.is_empty() { &default[..] } else { &self.lun };
        let luns: Result<Vec<_>, _> = (0..).zip(specs).map(|(n, spec)| lun(&target, n, spec)).collect();
        let listen = DEFAULT_LISTEN.parse::<SocketAddr>().map_err(|error| error.to_string())?;
        Ok(ServeConfig::simple(&[listen], &target, luns?))
    }

    fn reload(&self, server: &Server) {
        let result = self.read().map_err(|error| error.message).and_then(|config| server.reload(&config));
        match result {
            Ok(()) => tracing::info!("configuration read again"),
            Err(error) => {
                for line in error.lines() {
                    tracing::error!(error = line, "the old configuration stays in force");
                }
            }
        }
    }
}

/// SIGTERM, SIGINT and SIGHUP as they come.
fn signals() -> Result<Receiver<i32>, CliError> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(|error| CliError::usage(error.to_string()))?;
    // A file that reaches the limit of file sizes (RLIMIT_FSIZE) is a full disk, not the end of the process.
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default())
        .map_err(|error| CliError::usage(error.to_string()))?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || signals.forever().try_for_each(|signal| sender.send(signal)));
    Ok(receiver)
}

/// One `--lun`.
fn lun(target: &str, number: u16, spec: &str) -> Result<LunSpec, String> {
    const FORMS: &str = "a LUN is mem:SIZE, file:PATH or null:SIZE, then ,bs=512 or ,bs=4096 and ,ro";
    let wrong = |what: String| format!("--lun {spec}: {what}; {FORMS}");
    let (kind, rest) = spec.split_once(':').ok_or_else(|| wrong("no colon".into()))?;
    // A path may contain commas, so options are taken from the end as long as they are options.
    let (mut rest, mut block_size, mut read_only) = (rest, 512, false);
    while let Some((before, option)) = rest.rsplit_once(',') {
        match option {
            "ro" => read_only = true,
            "bs=512" => block_size = 512,
            "bs=4096" => block_size = 4096,
            _ if kind == "file" && !option.starts_with("bs=") => break,
            other => return Err(wrong(format!("unknown option {other:?}"))),
        }
        rest = before;
    }
    let size = || config::size(rest).map_err(wrong);
    let backing = match kind {
        "mem" => Backing::Memory { bytes: size()?, name: format!("{target}/{number}") },
        "null" => Backing::Null { bytes: size()? },
        "file" => Backing::file(rest, read_only),
        other => return Err(wrong(format!("unknown kind {other:?}"))),
    };
    Ok(LunSpec { block_size, read_only, ..LunSpec::new(target, number, backing) })
}

/// Tells people how to connect, and programs that it is ready. Nobody has to be listening.
fn announce(addresses: &[SocketAddr], config: &ServeConfig) {
    let mut text = String::new();
    for address in addresses {
        text += &format!("listening on {address}\n");
    }
    for target in &config.targets {
        text += &format!("target {}\n", target.name);
        for lun in &target.luns {
            let mode = if lun.read_only { ", read-only" } else { "" };
            text += &format!("  LUN {}: {}, blocks of {}{mode}\n", lun.lun, lun.backing, lun.block_size);
        }
    }
    let first = config.targets.iter().find_map(|target| Some((target, target.luns.first()?)));
    if let (Some((target, lun)), Some(address)) = (first, addresses.first()) {
        let portal = reachable(*address);
        let (name, url) = (&target.name, format!("iscsi://{portal}/{}/{}", target.name, lun.lun));
        text += &format!(
            "connect to {url}
  libiscsi:   iscsi-ls -s iscsi://{portal}; iscsi-inq {url}
  qemu:       qemu-img info {url}; qemu-system-x86_64 -drive file={url},format=raw
  open-iscsi: iscsiadm -m discovery -t sendtargets -p {portal}
              iscsiadm -m node -T {name} -p {portal} --login\n"
        );
    }
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// An address to connect to where `address` may be a wildcard.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], v6.port()))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luns_on_the_command_line() {
        let parse = |spec| lun("iqn.2026-01.x:a", 3, spec);
        let memory = parse("mem:1G,bs=4096,ro").expect("is right");
        assert_eq!((memory.lun, memory.block_size, memory.read_only), (3, 4096, true));
        assert!(matches!(memory.backing, Backing::Memory { bytes: 0x4000_0000, .. }));
        let file = parse("file:/a,b/c,ro").expect("is right");
        assert_eq!(file.backing, Backing::file("/a,b/c", true));
        for (spec, why) in [
            ("1G", "no colon"),
            ("ram:1G", "unknown kind"),
            ("mem:1X", "not a size"),
            ("mem:1G,bs=1024", "unknown option"),
            ("file:a,bs=1", "unknown option"),
        ] {
            let error = parse(spec).expect_err("is wrong");
            assert!(error.contains(why) && error.contains(spec), "{error}");
        }
    }

    #[test]
    fn a_wildcard_is_reached_through_the_loopback() {
        for (listen, connect) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(listen.parse().expect("an address")).to_string(), connect);
        }
    }
}
