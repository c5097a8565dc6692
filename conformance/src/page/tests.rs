//! Does a page have everything that happened, and nothing that would break it?

use super::{CutPoint, Subject, page};
use crate::runner::definitions;
use initiator_sim::workload::run_seed;
use initiator_sim::world::{Happened, Keep, Moment};

fn moments(seed: u64) -> Vec<Moment> {
    let keep = Keep { moments: true, probes: true, ..Keep::default() };
    let definitions = definitions().expect("the definitions");
    run_seed(seed, Some(definitions), keep).expect("a run").1.take_moments()
}

#[test]
fn everything_that_happened_is_shown() {
    let mut lost = 0;
    for seed in 0..30 {
        let moments = moments(seed);
        let page = page(&moments, Subject::default());
        let count = |kind: &str| page.events.iter().filter(|event| event.k == kind).count();
        let happened =
            |test: fn(&Happened) -> bool| moments.iter().filter(|moment| test(&moment.what)).count();
        assert_eq!(count("probe"), happened(|what| matches!(what, Happened::Probe(_))));
        assert_eq!(count("disk"), happened(|what| matches!(what, Happened::DiskBegan { .. })));
        assert_eq!(count("fail"), happened(|what| matches!(what, Happened::Violation(_))));
        assert!(count("fault") >= happened(|what| matches!(what, Happened::Fault(_))));
        assert!(page.events.is_sorted_by_key(|event| event.t));
        let lanes = i64::try_from(page.lanes.len()).expect("few");
        assert!(page.events.iter().all(|event| event.l < lanes && event.r.is_none_or(|r| r >= event.t)));
        let calm = happened(|what| matches!(what, Happened::Fault(_) | Happened::Act { .. })) == 0;
        let crooked = page.events.iter().filter(|event| event.c.contains("changed")).count();
        assert!(!calm || crooked == 0, "seed {seed}: {crooked} PDUs changed in a calm network");
        lost += page.events.iter().filter(|event| event.c.contains("lost")).count();
        assert_eq!(page.render(), super::page(&moments, Subject::default()).render());
    }
    assert!(lost > 0, "some seed loses a PDU");
}

#[test]
fn nothing_in_a_page_ends_it_early_or_is_loaded() {
    let subject = Subject {
        title: "</script><b> & @RUN@".to_owned(),
        about: "<i>".to_owned(),
        failure: Some(("</script> \"x\"".to_owned(), "mismatch <s>".to_owned())),
        causality: vec![CutPoint { t: 5, p: 0.25 }],
    };
    let text = page(&moments(1), subject).render();
    assert_eq!(text.matches("</script>").count(), 2);
    assert!(text.contains("&lt;/script&gt;&lt;b&gt; &amp; "), "the title is escaped");
    for loaded in ["src=", "href=", "@import", "url("] {
        assert!(!text.contains(loaded), "{loaded}");
    }
    let start = text.find("id=\"run\">").expect("the values") + 9;
    let end = start + text[start..].find("</script>").expect("their end");
    let run: serde_json::Value = serde_json::from_str(&text[start..end]).expect("JSON");
    assert_eq!(run["causality"][0]["p"], 0.25);
    assert_eq!(
        run["events"].as_array().expect("a list").iter().filter(|event| event["k"] == "fail").count(),
        1
    );
}
