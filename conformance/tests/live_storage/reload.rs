//! What an operator changes while initiators are at work, by reading the configuration again (SIGHUP): a medium goes and comes, a
//! file is used in another form; and files that somebody else has.

use super::*;
use std::process::Command;

impl Disk {
    /// A server of one target whose units are described by these lines.
    fn configured(&self, luns: &str) -> Serve {
        self.configure(luns);
        let path = self.0.join("lab.toml");
        Serve::start(&["--listen", "127.0.0.1:0", "--config", path.to_str().expect("a plain path")])
    }

    fn configure(&self, luns: &str) {
        let text = format!("[[target]]\nname = {TARGET:?}\n{luns}");
        std::fs::write(self.0.join("lab.toml"), text).expect("a configuration");
    }

    /// The same, read again.
    fn reconfigured(&self, serve: &Serve, luns: &str) {
        self.configure(luns);
        serve.signal(Signal::HUP);
        serve.logged("configuration read again");
    }
}

/// Somebody else's program: whether it ended well, and what it said.
fn program(program: &str, args: &[&str]) -> (bool, String) {
    let ran = Command::new(program).args(args).output().expect("packages libiscsi-bin, qemu-utils");
    (ran.status.success(), String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned())
}

/// Whoever is logged in, and whoever comes, finds the unit without a medium; then with another one, or so it must seem.
#[test]
#[ignore = "needs libiscsi-bin and qemu-block-extra: run by CI"]
fn an_operator_ejects_and_loads_by_reading_the_configuration_again() {
    let disk = Disk::new("removable");
    let lun = |more: &str| format!("[[target.lun]]\nfile = \"disk.img\"\nremovable = true\n{more}");
    let serve = disk.configured(&lun(""));
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(client.write(5, &[7; 512]), 0);
    let url = format!("iscsi://{}/{TARGET}/0", serve.address());
    assert!(program("iscsi-readcapacity16", &[&url]).0);

    disk.reconfigured(&serve, &lun("ejected = true\n"));
    // NOT READY, MEDIUM NOT PRESENT; what asks for no medium is answered.
    assert_eq!(sense_of(&mut client, &[0; 6], 0, None), (2, 0x3a, 0));
    assert_eq!(sense_of(&mut client, &rw10(0x28, 5, 1), 512, None), (2, 0x3a, 0));
    let (done, said) = program("iscsi-readcapacity16", &[&url]);
    assert!(!done && said.contains("failed"), "{said}");
    let (done, said) = program("qemu-img", &["info", &url]);
    assert!(!done && said.contains("failed to send readcapacity"), "{said}");
    let (done, said) = program("iscsi-inq", &[&url]);
    assert!(done && said.contains("Removable:1"), "{said}");

    disk.reconfigured(&serve, &lun(""));
    // UNIT ATTENTION, NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED: once.
    assert_eq!(sense_of(&mut client, &[0; 6], 0, None), (6, 0x28, 0));
    assert_eq!(client.read(5, 1), (0, vec![7; 512]));
    assert!(program("iscsi-readcapacity16", &[&url]).0);

    // While somebody prevents it the operator can only ask (OPERATOR MEDIUM REMOVAL REQUEST).
    assert_eq!(client.command(&[0x1e, 0, 0, 0, 1, 0], 0, None).0, 0);
    disk.reconfigured(&serve, &lun("ejected = true\n"));
    assert_eq!(sense_of(&mut client, &[0; 6], 0, None), (6, 0x5a, 1));
    assert_eq!(client.read(5, 1), (0, vec![7; 512]));
    drop(client);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}

/// The new form of a file goes on with what the old one kept last, and keeps more.
#[test]
#[ignore = "signals and kills a server: run by CI"]
fn reservations_with_aptpl_outlive_another_form_of_the_file() {
    let disk = Disk::new("forms");
    let lun = |more: &str| format!("[[target.lun]]\nfile = \"disk.img\"\n{more}");
    let serve = disk.configured(&lun(""));
    let mut holder = Client::login(serve.address(), 1);
    assert_eq!(reserve_out(&mut holder, 0, 0, 0, 0xabc, true), 0);
    assert_eq!(reserve_out(&mut holder, 1, 1, 0xabc, 0, false), 0);
    for form in ["delay_ms = 1\n", "write_cache = false\n", "read_only = true\n", "delay_ms = 2\n"] {
        disk.reconfigured(&serve, &lun(form));
        let mut other = Client::login(serve.address(), 2);
        assert_eq!(other.write(0, &[1; 512]), RESERVATION_CONFLICT, "{form}");
    }
    let mut other = Client::login(serve.address(), 2);
    assert_eq!(reserve_out(&mut other, 0, 0, 0, 0xdef, true), 0);
    serve.end(Signal::KILL);
    let serve = disk.configured(&lun(""));
    let mut holder = Client::login(serve.address(), 1);
    let keys = holder.command(&[0x5e, 0, 0, 0, 0, 0, 0, 0, 24, 0], 24, None).1;
    assert_eq!((&keys[14..16], &keys[22..24]), (&[0x0a, 0xbc][..], &[0x0d, 0xef][..]), "{keys:?}");
    drop((holder, other));
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}

/// A second `serve` on a file, a second unit on it, and a configuration that is read again with one.
#[test]
#[ignore = "starts servers that refuse to start: run by CI"]
fn a_file_that_somebody_writes_to_is_nobody_elses() {
    let disk = Disk::new("locked");
    std::os::unix::fs::symlink(disk.path(), disk.0.join("link.img")).expect("a link");
    let refused = |luns: &[&str]| {
        let mut command = lab();
        command.args(["serve", "--listen", "127.0.0.1:0", "--target", TARGET]);
        for lun in luns {
            command.args(["--lun", &format!("file:{}/{lun}", disk.0.display())]);
        }
        let ran = command.stdout(Stdio::null()).output().expect("it runs");
        assert_eq!(ran.status.code(), Some(2));
        String::from_utf8_lossy(&ran.stderr).into_owned()
    };
    let one = "[[target.lun]]\nfile = \"disk.img\"\n";
    let serve = disk.configured(one);
    let said = refused(&["disk.img"]);
    assert!(said.contains("disk.img: another process has it open"), "{said}");
    let said = refused(&["link.img,ro"]);
    assert!(said.contains("link.img: another process has it open for writing"), "{said}");
    disk.configure(&format!("{one}[[target.lun]]\nfile = \"link.img\"\n"));
    serve.signal(Signal::HUP);
    let line = serve.logged("the old configuration stays in force");
    assert!(line.contains("lab.toml:6:8: LUN 1 of") && line.contains("are one file"), "{line}");
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(client.write(0, &[1; 512]), 0);
    drop(client);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
    let said = refused(&["disk.img", "link.img"]);
    assert!(
        said.contains("LUN 1 of") && said.contains("LUN 0 of") && said.contains("are one file"),
        "{said}"
    );
    // Readers share: two units, and two servers.
    let both = format!("{one}read_only = true\n[[target.lun]]\nfile = \"link.img\"\nread_only = true\n");
    let serve = disk.configured(&both);
    let again = format!("file:{},ro", disk.path().display());
    let other = Serve::start(&["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", &again]);
    assert_eq!(Client::login(other.address(), 1).read(0, 1), (0, vec![1; 512]));
    let said = refused(&["disk.img"]);
    assert!(said.contains("another process has it open; only readers can share"), "{said}");
    assert_eq!(other.end(Signal::TERM).0, Some(0));
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}
