//! A capture of a real initiator becomes a scenario that passes in the simulator and over TCP.

use crate::capture::Capture;
use crate::harness::{Serve, TARGET, folder};
use crate::serve::program;
use crate::tool::run;
use std::fs;

#[test]
#[ignore = "needs libiscsi-bin, tshark and the right to capture: run by CI"]
fn a_captured_initiator_is_played_again() {
    let serve = Serve::luns("import", &["mem:64M"]);
    let capture = Capture::start("import", serve.address());
    run("iscsi-ls", &["-s", &serve.portal()]).ok();
    run("iscsi-inq", &[&serve.url(0)]).ok();
    let captured = capture.finish();
    let root = folder().join("imported");
    let file = root.join("scenarios/imported/libiscsi.scn.yaml");
    let _ = fs::remove_dir_all(&root);
    let lab = program();
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    run(lab, &["import", &text(captured.path()), "-o", &text(&file)]).ok();
    run(lab, &["--root", &text(&root), "replay", &text(&file), "--log", "probes"]).ok();
    let addr = serve.address().to_string();
    run(lab, &["--root", &text(&root), "run", "--addr", &addr, "--target", TARGET])
        .ok()
        .says(&["1 passed, 0 failed"]);
    serve.stop();
}
