//! qemu's tools: whole images there and back, patterns in odd places.

use crate::harness::{Scratch, Serve, TARGET, noise};
use crate::serve::program;
use crate::tool::run;

const MIB: usize = 1 << 20;
const IMAGE: usize = 64 * MIB;

/// An image without a pattern, with holes that the client must write as zeros.
fn image(seed: u64) -> Vec<u8> {
    let mut bytes = noise(seed, IMAGE);
    for at in [3 * MIB, 17 * MIB + 4096, 63 * MIB] {
        bytes[at..at + MIB].fill(0);
    }
    bytes
}

/// The options of qemu's driver: URLs cannot name digests there.
fn options(serve: &Serve, digest: &str) -> String {
    format!(
        "driver=raw,file.driver=iscsi,file.transport=tcp,file.portal={},file.target={TARGET},file.lun=0,\
         file.header-digest={digest}",
        serve.address()
    )
}

fn there_and_back(name: &str, kind: &str, block: u32) {
    let source = Scratch::with(&format!("{name}-source"), &image(block.into()));
    let back = Scratch::new(&format!("{name}-back"));
    // Not zeros, so that a zero which was not written shows.
    let disk = Scratch::with(&format!("{name}-disk"), &vec![0xaa; if kind == "file" { IMAGE } else { 0 }]);
    let lun = match kind {
        "file" => format!("file:{},bs={block}", disk.path()),
        _ => format!("mem:64M,bs={block}"),
    };
    let serve = Serve::luns(name, &[&lun]);
    for digest in ["none", "crc32c"] {
        let options = options(&serve, digest);
        let there = ["convert", "-n", "--target-image-opts", "-f", "raw", source.path(), &options];
        run("qemu-img", &there).ok();
        run("qemu-img", &["convert", "--image-opts", &options, "-O", "raw", back.path()]).ok();
        assert!(source.bytes() == back.bytes(), "what came back differs, header digest {digest}");
        let _ = std::fs::remove_file(back.path());
        // For the second round: something else in every block.
        run("qemu-io", &["-f", "raw", "-c", &format!("write -P 0x55 0 {IMAGE}"), &serve.url(0)]).ok();
    }
    run("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", source.path(), &serve.url(0)]).ok();
    run("qemu-img", &["compare", "-f", "raw", "-F", "raw", source.path(), &serve.url(0)])
        .ok()
        .says(&["Images are identical"]);
    serve.stop();
    if kind == "file" {
        assert!(source.bytes() == disk.bytes(), "the file behind the unit differs");
    }
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn an_image_goes_to_memory_and_comes_back() {
    there_and_back("convert-mem", "mem", 512);
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn an_image_goes_to_memory_of_4096_byte_blocks_and_comes_back() {
    there_and_back("convert-mem-4k", "mem", 4096);
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn an_image_goes_to_a_file_and_comes_back() {
    there_and_back("convert-file", "file", 512);
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn an_image_goes_to_a_file_of_4096_byte_blocks_and_comes_back() {
    there_and_back("convert-file-4k", "file", 4096);
}

#[test]
#[ignore = "loads the machine for seconds: run by CI"]
fn both_digests_on_every_pdu_and_the_data_compared() {
    // The clients of the distribution know no data digest; ours does.
    let serve = Serve::luns("digests", &["mem:64M"]);
    for digests in ["header", "data", "header,data"] {
        let address = serve.address().to_string();
        let args = ["bench", &address, TARGET, "--op", "rw", "--verify", "--digest", digests, "--secs", "1"];
        run(program(), &args).ok();
    }
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin, qemu-utils and qemu-block-extra: run by CI"]
fn a_target_that_insists_on_header_digests_is_used_with_them() {
    let text = format!(
        "[offer]\nheader_digest = \"required\"\n[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"8M\"\n"
    );
    let serve = Serve::config("digest-required", &text, &[]);
    let url = serve.url(0);
    run("iscsi-perf", &["-r", "-m", "8", "-b", "8", "-t", "1", &url]).ok().says(&["finished."]);
    run("qemu-io", &["-f", "raw", "-c", "write -P 0x77 512 1M", "-c", "read -P 0x77 512 1M", &url]).ok();
    // A client that says it will not have them is refused.
    run("qemu-io", &["--image-opts", "-c", "read 0 512", &options(&serve, "none")]).refused();
    serve.stop();
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn qemu_sees_the_unit_as_it_is() {
    let serve = Serve::luns("info", &["mem:64M", "mem:8M,ro"]);
    run("qemu-img", &["info", &serve.url(0)]).ok().says(&["file format: raw", "virtual size: 64 MiB"]);
    run("qemu-io", &["-r", "-f", "raw", "-c", "read -P 0 0 1M", &serve.url(1)]).ok();
    run("qemu-io", &["-f", "raw", "-c", "write 0 512", &serve.url(1)]).refused();
    run("qemu-img", &["info", &serve.url(2)]).refused();
    serve.stop();
}

/// What is discarded or written as zeros reads as zeros, and nothing else does; the file behind the unit shows the same. With
/// blocks of 4096 bytes qemu 7.2 aborts when it looks for holes before it reads (an assertion in its `iscsi_co_block_status`).
fn discard_and_write_zeroes(name: &str, kind: &str) {
    const UNIT: usize = 16 * MIB;
    let disk = Scratch::with(&format!("{name}-disk"), &vec![0; if kind == "file" { UNIT } else { 0 }]);
    let lun = match kind {
        "file" => format!("file:{}", disk.path()),
        _ => "mem:16M".to_owned(),
    };
    let serve = Serve::luns(name, &[&lun]);
    let url = serve.url(0);
    let io = |commands: &[&str]| {
        let mut args = vec!["-f", "raw", "-d", "unmap", "-t", "none"];
        args.extend(commands.iter().flat_map(|command| ["-c", *command]));
        args.push(&url);
        run("qemu-io", &args).ok().never_says(&["failed", "rror"])
    };
    io(&["write -P 0xaa 0 16M", "flush"]);
    // UNMAP; WRITE SAME; WRITE SAME with UNMAP; blocks here and there.
    io(&[
        "discard 1M 2M",
        "write -z 4M 1M",
        "write -z -u 6M 1M",
        "write -z 8200k 4k",
        "discard 12M 4M",
        "flush",
    ]);
    let zeros = [(1, 2), (4, 1), (6, 1), (12, 4)].map(|(at, len)| (at * MIB, len * MIB));
    let mut content = vec![0xaa_u8; UNIT];
    for (at, len) in zeros.into_iter().chain([(8200 << 10, 4 << 10)]) {
        content[at..at + len].fill(0);
    }
    io(&[
        "read -P 0xaa 0 1M",
        "read -P 0 1M 2M",
        "read -P 0xaa 3M 1M",
        "read -P 0 4M 1M",
        "read -P 0xaa 5M 1M",
        "read -P 0 6M 1M",
        "read -P 0xaa 7M 1M",
        "read -P 0 8200k 4k",
        "read -P 0xaa 9M 3M",
        "read -P 0 12M 4M",
    ]);
    // GET LBA STATUS: what was let go of has no data.
    let map = run("qemu-img", &["map", "-f", "raw", "--output=json", &url]).ok().text;
    let holes: usize = map
        .split('{')
        .filter(|extent| extent.contains("\"zero\": true") && extent.contains("\"data\": false"))
        .filter_map(|extent| {
            extent.split("\"length\": ").nth(1)?.split(',').next()?.trim().parse::<usize>().ok()
        })
        .sum();
    assert!(holes >= 7 * MIB, "{holes} bytes of holes in {map}");
    let wanted = Scratch::with(&format!("{name}-wanted"), &content);
    let same = ["compare", "-f", "raw", "-F", "raw", wanted.path(), &url];
    run("qemu-img", &same).ok().says(&["Images are identical"]);
    serve.stop();
    if kind == "file" {
        use std::os::unix::fs::MetadataExt as _;
        assert!(disk.bytes() == content, "the file behind the unit differs");
        let taken = std::fs::metadata(disk.path()).expect("the file").blocks() * 512;
        assert!(taken <= (UNIT - 7 * MIB) as u64, "{taken} bytes are still taken");
    }
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn qemu_discards_and_writes_zeros_in_memory() {
    discard_and_write_zeroes("zeros-mem", "mem");
}

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn qemu_discards_and_writes_zeros_in_a_file() {
    discard_and_write_zeroes("zeros-file", "file");
}
