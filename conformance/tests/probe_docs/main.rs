//! Do the header, the D library, the tables and the scripts of `conformance/probes` say what the definitions say?
//!
//! What is generated from `iscsi.yaml` is written anew by
//! `UPDATE_EXPECT=1 cargo test -p conformance --test probe_docs`; without it a difference fails.

mod dtrace;
mod generate;

use conformance::usdt::{ConnInfoRepr, IscsiCmdRepr, IscsiInfoRepr};
use initiator_sim::oracle::{MemberType, ProbeDefinitions, TypeDefinition};
use std::collections::BTreeSet;
use std::fs;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("probes")
}

fn definitions() -> Arc<ProbeDefinitions> {
    conformance::runner::definitions().expect("the shipped definitions are right")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files with this ending, by name.
fn files(folder: &Path, ending: &str) -> Vec<(String, String)> {
    let mut out: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| (path.file_name().expect("a file").to_string_lossy().into_owned(), read(&path)))
        .collect();
    out.sort();
    assert!(!out.is_empty(), "no .{ending} in {}", folder.display());
    out
}

/// Bytes of a member, which is also its alignment.
fn size(kind: MemberType) -> usize {
    match kind {
        MemberType::String | MemberType::Bytes | MemberType::U64 => 8,
        MemberType::U32 => 4,
    }
}

/// Where each member lies, and how large the whole is, by the rules of C on 64-bit machines.
fn layout(definition: &TypeDefinition) -> (Vec<(&str, usize)>, usize) {
    let (mut at, mut align, mut members) = (0, 1, Vec::new());
    for member in &definition.members {
        let size = size(member.kind);
        at = usize::next_multiple_of(at, size);
        members.push((member.name.as_str(), at));
        (at, align) = (at + size, align.max(size));
    }
    (members, at.next_multiple_of(align))
}

#[test]
fn what_is_generated_is_what_the_definitions_say() {
    let definitions = definitions();
    let mut wanted = vec![
        (folder().join("iscsi.h"), generate::header(&definitions)),
        (folder().join("dtrace/lib/iscsi.d"), generate::library(&definitions)),
    ];
    let mut with_blocks = vec![(folder().join("README.md"), read(&folder().join("README.md")))];
    with_blocks.extend(files(&folder(), "bt").into_iter().map(|(name, text)| (folder().join(name), text)));
    for (path, text) in with_blocks {
        let filled =
            generate::fill(&text, &definitions).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        wanted.push((path, filled));
    }
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut stale = Vec::new();
    for (path, wanted) in wanted {
        if fs::read_to_string(&path).ok().as_ref() == Some(&wanted) {
            continue;
        }
        if update {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, wanted).expect("writable");
        } else {
            stale.push(path.display().to_string());
        }
    }
    assert!(
        stale.is_empty(),
        "not what iscsi.yaml says: {stale:?}; UPDATE_EXPECT=1 cargo test -p conformance --test probe_docs"
    );
}

#[test]
fn the_defined_structs_are_those_that_the_server_passes() {
    let definitions = definitions();
    let offsets = |name: &str| {
        let definition = definitions.types.iter().find(|one| one.name == name).expect("is defined");
        layout(definition)
    };
    assert_eq!(
        offsets("conninfo_t"),
        (
            vec![
                ("ci_local", offset_of!(ConnInfoRepr, ci_local)),
                ("ci_remote", offset_of!(ConnInfoRepr, ci_remote)),
                ("ci_protocol", offset_of!(ConnInfoRepr, ci_protocol)),
            ],
            size_of::<ConnInfoRepr>()
        )
    );
    assert_eq!(
        offsets("iscsiinfo_t"),
        (
            vec![
                ("ii_target", offset_of!(IscsiInfoRepr, ii_target)),
                ("ii_initiator", offset_of!(IscsiInfoRepr, ii_initiator)),
                ("ii_lun", offset_of!(IscsiInfoRepr, ii_lun)),
                ("ii_itt", offset_of!(IscsiInfoRepr, ii_itt)),
                ("ii_ttt", offset_of!(IscsiInfoRepr, ii_ttt)),
                ("ii_cmdsn", offset_of!(IscsiInfoRepr, ii_cmdsn)),
                ("ii_statsn", offset_of!(IscsiInfoRepr, ii_statsn)),
                ("ii_datasn", offset_of!(IscsiInfoRepr, ii_datasn)),
                ("ii_datalen", offset_of!(IscsiInfoRepr, ii_datalen)),
                ("ii_flags", offset_of!(IscsiInfoRepr, ii_flags)),
            ],
            size_of::<IscsiInfoRepr>()
        )
    );
    assert_eq!(
        offsets("iscsicmd_t"),
        (
            vec![("ic_len", offset_of!(IscsiCmdRepr, ic_len)), ("ic_cdb", offset_of!(IscsiCmdRepr, ic_cdb))],
            size_of::<IscsiCmdRepr>()
        )
    );
    for member in definitions.types.iter().flat_map(|one| &one.members) {
        let text = definitions.strings.get(&member.name).or_else(|| definitions.numbers.get(&member.name));
        assert!(text.is_some(), "{} is not explained", member.name);
    }
}

#[test]
fn every_script_is_there_in_both_languages_and_in_the_readme() {
    let names = |folder: &Path, ending| -> BTreeSet<String> {
        let names = files(folder, ending).into_iter();
        names.map(|(name, _)| name.trim_end_matches(&format!(".{ending}")).to_owned()).collect()
    };
    let bt = names(&folder(), "bt");
    assert_eq!(bt, names(&folder().join("dtrace"), "d"));
    let table =
        ["who", "snoop", "io", "rwsnoop", "rwlat", "cmds", "terr", "top"].map(|it| format!("iscsi{it}"));
    let posted = ["events-by-remote", "commands-by-target", "bytes-sent"].map(String::from);
    assert_eq!(bt, table.into_iter().chain(posted).collect());
    let readme = read(&folder().join("README.md"));
    for name in &bt {
        assert!(readme.contains(&format!("{name}.bt")), "the README does not show {name}.bt");
    }
}

#[test]
fn bpftrace_scripts_name_only_probes_that_exist() {
    let definitions = definitions();
    let known: BTreeSet<&str> = definitions.probes.iter().map(|probe| probe.name.as_str()).collect();
    for (file, text) in files(&folder(), "bt") {
        let mut found = 0;
        for place in text.split("usdt:").skip(1) {
            let probe = place.split([' ', ',', '\n']).next().unwrap_or_default();
            let name = probe.strip_prefix("$1:iscsi:").unwrap_or_else(|| panic!("{file}: usdt:{probe}"));
            assert!(name == "*" || known.contains(name), "{file}: there is no probe {name}");
            found += 1;
        }
        assert!(found > 0, "{file} has no probe");
    }
}

#[test]
fn dtrace_scripts_name_only_what_exists() {
    let definitions = definitions();
    let library = read(&folder().join("dtrace/lib/iscsi.d"));
    let mut problems = dtrace::library(&library, &definitions);
    for (file, text) in files(&folder().join("dtrace"), "d") {
        problems.extend(dtrace::script(&text, &definitions).into_iter().map(|one| format!("{file}: {one}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn mistakes_in_dtrace_scripts_are_found() {
    let definitions = definitions();
    let right = "#pragma D option quiet\n/* a comment */\niscsi$target:::scsi-command\n\
        /xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_flags & II_WRITE/\n\
        { start[1] = timestamp; @n[start[1], xlate <lab_iscsicmd_t *>((lab_iscsicmd_addr_t *)arg2)->ic_len] = count(); }\n";
    assert_eq!(dtrace::script(right, &definitions), [""; 0]);
    for (from, to, what) in [
        ("scsi-command", "scsi-comand", "scsi-comand"),
        ("iscsi$target", "iscsi*", "iscsi*"),
        ("quiet", "quite", "quite"),
        ("ii_flags", "ii_flag", "ii_flag"),
        ("II_WRITE", "II_WRITES", "II_WRITES"),
        ("ii_flags", "ci_local", "ci_local"),
        ("arg1", "arg0", "arg0"),
        ("lab_iscsiinfo_addr_t", "lab_iscsicmd_addr_t", "lab_iscsicmd_addr_t"),
        ("scsi-command", "scsi-response", "arg2"),
        ("count()", "counts()", "counts"),
        ("start[1] = ", "", "start"),
        ("count();", "count(;", "closes nothing"),
        ("timestamp; @", "timestamp; } @", "}"),
    ] {
        let wrong = right.replacen(from, to, 1);
        let found = dtrace::script(&wrong, &definitions).join("; ");
        assert!(found.contains(what), "{from} -> {to}: {found:?}");
    }
    let library = generate::library(&definitions);
    assert_eq!(dtrace::library(&library, &definitions), [""; 0]);
    for (from, to) in [("p->ii_itt", "p->ii_it"), ("copyinstr(", "copyinst("), ("};", "}}")] {
        assert!(!dtrace::library(&library.replacen(from, to, 1), &definitions).is_empty(), "{from} -> {to}");
    }
}
