//! libiscsi's small tools: what they print about our targets, with and without authentication.

use crate::harness::{Serve, TARGET};
use crate::tool::{Ran, run};

fn two_luns(name: &str) -> Serve {
    Serve::luns(name, &["mem:64M", "mem:32M,bs=4096,ro"])
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_ls_lists_targets_and_units() {
    let serve = two_luns("ls");
    let portal = serve.portal();
    let target = format!("Target:{TARGET} Portal:{},1", serve.address());
    run("iscsi-ls", &[&portal]).ok().says(&[&target]);
    // The size is in MB as the tool rounds it: the last block's address, not the number of blocks.
    run("iscsi-ls", &["-s", &portal]).ok().says(&[
        &target,
        "Lun:0    Type:DIRECT_ACCESS (Size:63M)",
        "Lun:1    Type:DIRECT_ACCESS (Size:31M)",
    ]);
    run("iscsi-ls", &["--url", &portal]).ok().says(&[&format!("{portal}/{TARGET}/0")]);
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_ls_lists_three_hundred_targets() {
    use std::fmt::Write as _;
    let mut text = String::new();
    for n in 0..300 {
        let _ = write!(text, "[[target]]\nname = \"{TARGET}:{n:03}\"\n[[target.lun]]\nnull = \"1M\"\n");
    }
    let serve = Serve::config("many-targets", &text, &[]);
    let ran = run("iscsi-ls", &[serve.portal()]).ok();
    let listed: Vec<_> = ran.text.lines().filter(|line| line.starts_with("Target:")).collect();
    assert_eq!(listed.len(), 300, "{}", ran.text);
    for n in 0..300 {
        assert!(ran.text.contains(&format!("Target:{TARGET}:{n:03} Portal:{},1", serve.address())), "{n}");
    }
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_inq_reads_the_standard_data_and_every_vpd_page() {
    let serve = two_luns("inq");
    let url = serve.url(0);
    run("iscsi-inq", &[&url]).ok().says(&[
        "Peripheral Qualifier:CONNECTED",
        "Peripheral Device Type:DIRECT_ACCESS",
        "Removable:0",
        "ReponseDataFormat:2",
        "CmdQue:1",
        "Version Descriptor:0961",
    ]);
    // The tool reads decimal numbers alone.
    let page = |code: u8| run("iscsi-inq", &["-e", "1", "-c", &code.to_string(), &url]);
    page(0x00).ok().says(&[
        "Page:0x00",
        "Page:0x80",
        "Page:0x83",
        "Page:0x86",
        "Page:0xb0",
        "Page:0xb1",
        "Page:0xb2",
    ]);
    page(0x80).ok().says(&["Unit Serial Number:["]);
    page(0x83).ok().says(&["DEVICE DESIGNATOR #0", "Association:(0) LOGICAL_UNIT"]);
    page(0xb0).ok().says(&["maximum transfer length:"]);
    page(0xb1).ok().says(&["Medium Rotation Rate:"]);
    page(0xb2).ok().says(&["provisioning type:"]);
    page(0x42).refused().says(&["ILLEGAL_REQUEST", "INVALID_FIELD_IN_CDB"]);
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_readcapacity16_knows_block_length_and_size() {
    let serve = two_luns("readcapacity16");
    for (lun, last, length, bytes) in [(0, 131_071, 512, 64 << 20), (1, 8191, 4096, 32 << 20)] {
        let url = serve.url(lun);
        run("iscsi-readcapacity16", &[&url]).ok().says(&[
            &format!("RETURNED LOGICAL BLOCK ADDRESS:{last}\n"),
            &format!("LOGICAL BLOCK LENGTH IN BYTES:{length}\n"),
            &format!("Total size:{bytes}\n"),
        ]);
        let size = run("iscsi-readcapacity16", &["-s", &url]).ok();
        assert_eq!(size.text.trim(), bytes.to_string());
    }
    run("iscsi-readcapacity16", &[serve.url(7)]).refused();
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin and qemu-block-extra: run by CI"]
fn iscsi_swp_protects_the_unit_and_frees_it_again() {
    let serve = two_luns("swp");
    let url = serve.url(0);
    let write = || run("qemu-io", &["-f", "raw", "-c", "write -P 0x11 0 4k", &url]);
    run("iscsi-swp", &[&url]).ok().says(&["SWP:0"]);
    write().ok();
    run("iscsi-swp", &["-s", "on", &url]).ok().says(&["Turning SWP ON"]);
    run("iscsi-swp", &[&url]).ok().says(&["SWP:1"]);
    write().refused();
    run("iscsi-swp", &["-s", "off", &url]).ok().says(&["SWP:1", "Turning SWP OFF"]);
    run("iscsi-swp", &[&url]).ok().says(&["SWP:0"]);
    write().ok();
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_perf_reads_at_depth() {
    let serve = two_luns("perf");
    for args in [
        &["-m", "1", "-b", "8", "-t", "1"][..],
        &["-r", "-m", "32", "-b", "8", "-t", "1"],
        // 1 MiB a command: four Data-In sequences at libiscsi's MaxBurstLength.
        &["-r", "-m", "8", "-b", "2048", "-t", "1"],
    ] {
        let url = serve.url(0);
        let mut all = args.to_vec();
        all.push(&url);
        let ran = run("iscsi-perf", &all).ok().says(&["capacity is 131072 blocks", "finished."]);
        assert!(iops(&ran) > 0, "{}", ran.text);
    }
    serve.stop();
}

/// The last average that iscsi-perf printed.
fn iops(ran: &Ran) -> u64 {
    let last = ran.text.rsplit("iops average ").next().expect("split gives one at least");
    last.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

const CHAP: &str = r#"
[[target]]
name = "iqn.2026-01.org.example:live"
[[target.lun]]
memory = "8M"
[target.auth]
chap = [{ name = "alice", secret = "in-the-looking-glass" }]
mutual = { name = "target", secret = "the-other-direction" }
"#;

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn chap_one_way_and_mutual() {
    let serve = Serve::config("chap", CHAP, &[]);
    let at = serve.address();
    let inq = |who: &str, more: &str| run("iscsi-inq", &[format!("iscsi://{who}{at}/{TARGET}/0{more}")]);
    let good = "alice%in-the-looking-glass@";
    inq(good, "").ok().says(&["DIRECT_ACCESS"]);
    let mutual = |secret: &str| format!("?target_user=target&target_password={secret}");
    inq(good, &mutual("the-other-direction")).ok().says(&["DIRECT_ACCESS"]);
    // Ours is right, so it is the initiator that finds the target out.
    inq(good, &mutual("something-else-here")).refused();
    inq("alice%through-the-keyhole@", "").refused();
    inq("bob%in-the-looking-glass@", "").refused();
    inq("", "").refused();
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn discovery_asks_for_its_own_secret() {
    let auth = "[discovery]\nchap = [{ name = \"scout\", secret = \"only-looking-around\" }]\n";
    let text = format!("{auth}[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"8M\"\n");
    let serve = Serve::config("discovery-chap", &text, &[]);
    let at = serve.address();
    run("iscsi-ls", &[format!("iscsi://scout%only-looking-around@{at}")]).ok().says(&[TARGET]);
    run("iscsi-ls", &[format!("iscsi://scout%only-looking-aside@{at}")]).refused().never_says(&[TARGET]);
    run("iscsi-ls", &[format!("iscsi://{at}")]).refused().never_says(&[TARGET]);
    run("iscsi-inq", &[serve.url(0)]).ok();
    serve.stop();
}

#[test]
#[ignore = "needs libiscsi-bin and an IPv6 loopback: run by CI"]
fn ipv6_portals_work_and_are_named_with_brackets() {
    let serve = Serve::named("ipv6", &["--listen", "[::1]:0", "--target", TARGET]);
    let at = serve.address();
    run("iscsi-ls", &["-s", &serve.portal()])
        .ok()
        .says(&[&format!("Portal:[::1]:{},1", at.port()), "DIRECT_ACCESS"]);
    run("iscsi-inq", &[serve.url(0)]).ok().says(&["DIRECT_ACCESS"]);
    serve.stop();
}
