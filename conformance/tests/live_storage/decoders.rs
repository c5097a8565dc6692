//! Do the decoders of sg3_utils and sdparm understand every page and every kind of sense data? What the target answers is handed to
//! them as hexadecimal digits; they must decode it and complain about nothing.

use crate::common::serve::Serve;
use crate::common::{Client, TARGET};
use initiator_sim::codec::Kind;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

/// Words with which these programs complain.
const COMPLAINTS: [&str; 10] = [
    "malformed",
    "unknown",
    "too short",
    "truncated",
    "unexpected",
    "unable",
    "illegal page",
    "cannot",
    "can't",
    "mismatch",
];

/// A folder with files of digits, and the server they come from.
struct Decoders {
    folder: PathBuf,
    _serve: Serve,
    client: Client,
}

impl Decoders {
    /// With a folder of its own: the tests of a program run side by side.
    fn new(name: &str) -> Self {
        let name = format!("decoders-{name}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = folder.join("serve.toml");
        let text = format!(
            "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"8M\"\nphysical_block_size = 4096\natomic_blocks = 64\n"
        );
        std::fs::write(&config, text).expect("a file");
        let config = config.to_str().expect("a plain path");
        let serve = Serve::start(&["--listen", "127.0.0.1:0", "--config", config]);
        let client = Client::login(serve.address(), 1);
        Self { folder, _serve: serve, client }
    }

    /// The data that a command brings.
    fn read(&mut self, cdb: &[u8], len: u32) -> Vec<u8> {
        let (status, data) = self.client.command(cdb, len, None);
        assert_eq!(status, 0, "{cdb:02x?}");
        data
    }

    /// The sense data of a command that fails.
    fn sense(&mut self, cdb: &[u8], len: u32, out: Option<&[u8]>) -> Vec<u8> {
        let request = self.client.request(cdb, len, out.is_some());
        self.client.send(&request);
        loop {
            let pdu = self.client.receive().expect("an answer");
            match (pdu.kind(), out) {
                (Some(Kind::R2T), Some(out)) => {
                    let (at, n) = (pdu.word("BufferOffset") as usize, pdu.word("DesiredLen") as usize);
                    self.client.data_out(&pdu, &out[at..at + n]);
                }
                (Some(Kind::ScsiResponse), _) => {
                    self.client.exp_stat_sn = pdu.word("StatSN").wrapping_add(1);
                    assert_eq!(pdu.word("Status"), 2, "{cdb:02x?}: {pdu}");
                    return pdu.data[2..].to_vec();
                }
                (other, _) => panic!("{other:?} instead of a response: {pdu}"),
            }
        }
    }

    /// Hands bytes to a program; what it said.
    fn decode(&self, program: &str, args: &[&str], file: &str, bytes: &[u8]) -> String {
        let path = self.folder.join("bytes.hex");
        let mut text = String::new();
        for line in bytes.chunks(16) {
            let digits: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "{}", digits.join(" "));
        }
        std::fs::write(&path, text).expect("a file");
        let file = format!("{file}={}", path.display());
        let output = Command::new(program).args(args).arg(&file).output().expect("packages of .ci/run");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?} {bytes:02x?}: {}\n{said}", output.status);
        // What sg_get_lba_status calls provisioning status 0.
        let lower = said.to_lowercase().replace("mapped (or unknown)", "mapped");
        for complaint in COMPLAINTS {
            let wrong = lower.lines().find(|line| line.contains(complaint));
            assert!(wrong.is_none(), "{program} {args:?} {bytes:02x?}\n{wrong:?} in\n{said}");
        }
        said
    }
}

impl Drop for Decoders {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[track_caller]
fn says(said: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(said.contains(wanted), "{wanted:?} is not in\n{said}");
    }
}

#[test]
#[ignore = "needs sg3-utils: run by CI"]
fn sg_inq_and_sg_vpd_decode_every_page() {
    let mut lab = Decoders::new("inquiry");
    let standard = lab.read(&[0x12, 0, 0, 0, 0xff, 0], 255);
    says(
        &lab.decode("sg_inq", &[], "--inhex", &standard),
        &["ISCSILAB", "VIRTUAL-DISK", "3PC=1", "CmdQue=1"],
    );
    let pages = lab.read(&[0x12, 1, 0, 0, 0xff, 0], 255);
    says(&lab.decode("sg_vpd", &[], "--inhex", &pages), &["Device identification", "Block limits (SBC)"]);
    let mut all = String::new();
    for page in &pages[4..] {
        let data = lab.read(&[0x12, 1, *page, 2, 0, 0], 512);
        all += &lab.decode("sg_vpd", &[], "--inhex", &data);
    }
    says(
        &all,
        &[
            "Maximum compare and write length: 255 blocks",
            "Optimal transfer length granularity: 8 blocks",
            "Maximum atomic transfer length: 64 blocks",
            "Unmap command supported (LBPU): 1",
            "designator type: NAA",
            "Non-rotating medium",
            "Write same non-zero (WSNZ): 0",
        ],
    );
}

#[test]
#[ignore = "needs sg3-utils: run by CI"]
fn sg_logs_decodes_every_page() {
    let mut lab = Decoders::new("logs");
    assert_eq!(lab.client.write(0, &[1; 4096]), 0);
    lab.read(&[0x28, 0, 0, 0, 0, 0, 0, 0, 8, 0], 4096);
    // All pages, and all of their subpages.
    let list = lab.read(&[0x4d, 0, 0x40, 0xff, 0, 0, 0, 2, 0, 0], 512);
    says(&lab.decode("sg_logs", &[], "--in", &list), &["Supported log pages"]);
    let mut all = String::new();
    for pair in list[4..].chunks(2).filter(|pair| pair[1] != 0xff && **pair != [0, 0]) {
        let data = lab.read(&[0x4d, 0, 0x40 | pair[0], pair[1], 0, 0, 0, 0x10, 0, 0], 4096);
        all += &lab.decode("sg_logs", &[], "--in", &data);
    }
    says(
        &all,
        &[
            "Write error counter page",
            "Read error counter page",
            "Verify error counter page",
            "Non-medium error count = 0",
            "Accumulated start-stop cycles = 0",
            "Self-test results page",
            "General Statistics and Performance",
            "Informational Exceptions page",
        ],
    );
}

#[test]
#[ignore = "needs sg3-utils: run by CI"]
fn sg_decode_sense_names_what_is_wrong() {
    let mut lab = Decoders::new("sense");
    let invalid = lab.sense(&[0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0], 512, None);
    says(
        &lab.decode("sg_decode_sense", &[], "--file", &invalid),
        &["Fixed format", "Illegal Request", "Invalid field in cdb", "Error in Command: byte 1 bit 5"],
    );
    let opcode = lab.sense(&[0xff; 10], 0, None);
    says(&lab.decode("sg_decode_sense", &[], "--file", &opcode), &["Invalid command operation code"]);
    let range = lab.sense(&[0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0][..], 512, None);
    says(&lab.decode("sg_decode_sense", &[], "--file", &range), &["Logical block address out of range"]);
    // COMPARE AND WRITE of zeros with something else at byte 5.
    let mut data = vec![0; 1024];
    data[5] = 1;
    let cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 1, 0, 0];
    let differs = lab.sense(&cdb, 1024, Some(&data));
    says(
        &lab.decode("sg_decode_sense", &[], "--file", &differs),
        &["Miscompare", "Miscompare during verify operation", "Info fld=0x5"],
    );
    // Descriptor format, by D_SENSE of the control page.
    let current = lab.read(&[0x1a, 0x08, 0x0a, 0, 0xff, 0], 255);
    let mut select = [&[0; 4][..], &current[4..16]].concat();
    select[4] &= 0x3f;
    select[6] |= 0x04;
    assert_eq!(lab.client.command(&[0x15, 0x10, 0, 0, 16, 0], 16, Some(&select)).0, 0);
    for (cdb, len, wanted) in [
        (&[0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0][..], 512, "Field pointer"),
        (&[0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 0], 512, "Logical block address out of range"),
    ] {
        let sense = lab.sense(cdb, len, None);
        says(&lab.decode("sg_decode_sense", &[], "--file", &sense), &["Descriptor format", wanted]);
    }
    let differs = lab.sense(&cdb, 1024, Some(&data));
    says(&lab.decode("sg_decode_sense", &[], "--file", &differs), &["Descriptor format", "Info"]);
    // With progress: while the unit is sanitized.
    assert_eq!(lab.client.command(&[0x48, 0x83, 0, 0, 0, 0, 0, 0, 0, 0], 0, None).0, 0);
    let sense = lab.read(&[0x03, 0, 0, 0, 0xff, 0], 255);
    says(
        &lab.decode("sg_decode_sense", &[], "--file", &sense),
        &["sanitize in progress", "Progress indication"],
    );
}

#[test]
#[ignore = "needs sg3-utils and sdparm: run by CI"]
fn sdparm_decodes_every_mode_page_and_sg_get_lba_status_what_is_mapped() {
    let mut lab = Decoders::new("modes");
    for control in [0, 0x40, 0x80, 0xc0] {
        let pages = lab.read(&[0x5a, 0, control | 0x3f, 0xff, 0, 0, 0, 4, 0, 0], 1024);
        let said = lab.decode("sdparm", &["--all", "--long"], "--inhex", &pages);
        says(
            &said,
            &[
                "Caching (SBC)",
                "Control [co] mode page",
                "Power condition",
                "Informational exceptions control",
            ],
        );
    }
    assert_eq!(lab.client.write(8, &[1; 4096]), 0);
    let cdb = [0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    let status = lab.read(&cdb, 256);
    says(&lab.decode("sg_get_lba_status", &["--maxlen=256"], "--inhex", &status), &["mapped", "deallocated"]);
}
