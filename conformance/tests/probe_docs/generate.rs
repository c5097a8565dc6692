//! Texts made from the definitions.

use super::layout;
use initiator_sim::net::Dir;
use initiator_sim::oracle::{MemberType, ProbeDefinitions};
use std::collections::BTreeMap;
use std::fmt::Write;

const ORIGIN: &str =
    "Generated from iscsi.yaml; UPDATE_EXPECT=1 cargo test -p conformance --test probe_docs writes it.";

fn meaning<'a>(definitions: &'a ProbeDefinitions, member: &str) -> &'a str {
    let text = definitions.strings.get(member).or_else(|| definitions.numbers.get(member));
    text.map_or("", String::as_str)
}

/// `iscsi.h`: the structs for bpftrace, gdb and whoever else reads C.
pub fn header(definitions: &ProbeDefinitions) -> String {
    let mut out = format!(
        "/*\n * What the arguments of the {} provider's probes point to, on 64-bit Linux.\n * {ORIGIN}\n */\n\
         #ifndef ISCSI_LAB_ISCSI_H\n#define ISCSI_LAB_ISCSI_H\n",
        definitions.provider
    );
    for one in &definitions.types {
        let (offsets, size) = layout(one);
        let name = &one.name;
        let _ = writeln!(out, "\n/* arg{}: {size} bytes */\ntypedef struct {name} {{", one.arg);
        for (member, (_, at)) in one.members.iter().zip(offsets) {
            let kind = match member.kind {
                MemberType::String => "char *",
                MemberType::Bytes => "unsigned char *",
                MemberType::U64 => "unsigned long long ",
                MemberType::U32 => "unsigned int ",
            };
            let _ =
                writeln!(out, "\t{kind}{}; /* {at}: {} */", member.name, meaning(definitions, &member.name));
        }
        let _ = writeln!(out, "}} {name};");
    }
    out.push('\n');
    for one in &definitions.constants {
        let _ = writeln!(out, "#define {} {:#04x} /* {} */", one.name, one.value, one.text);
    }
    out + "\n#endif\n"
}

/// What the published type is called in the D library: illumos has types of the published names already.
pub fn translated(name: &str) -> String {
    format!("lab_{name}")
}

/// The struct of addresses that a translator takes.
pub fn addresses(name: &str) -> String {
    format!("lab_{}addr_t", name.trim_end_matches('t'))
}

/// `dtrace/lib/iscsi.d`: types, translators and names for D.
pub fn library(definitions: &ProbeDefinitions) -> String {
    let mut out = format!(
        "/*\n * What the arguments of the {} provider's probes point to, for D on 64-bit systems.\n * {ORIGIN}\n *\n\
         * A probe's argument is the address of a struct in the server's memory, so it is copied in member by member:\n\
         *   xlate <lab_iscsiinfo_t *>((lab_iscsiinfo_addr_t *)arg1)->ii_target\n */\n",
        definitions.provider
    );
    for one in &definitions.types {
        let (to, from) = (translated(&one.name), addresses(&one.name));
        let _ = writeln!(out, "\ntypedef struct {} {{", from.trim_end_matches("_t"));
        for member in &one.members {
            let kind = if member.kind == MemberType::U32 { "uint32_t" } else { "uint64_t" };
            let _ = writeln!(out, "\t{kind} {};", member.name);
        }
        let _ = writeln!(out, "}} {from};\n\ntypedef struct {} {{", to.trim_end_matches("_t"));
        for member in &one.members {
            let kind = match member.kind {
                MemberType::String => "string ",
                MemberType::Bytes => "uint8_t *",
                MemberType::U64 => "uint64_t ",
                MemberType::U32 => "uint32_t ",
            };
            let _ = writeln!(out, "\t{kind}{}; /* {} */", member.name, meaning(definitions, &member.name));
        }
        let _ = writeln!(out, "}} {to};\n\ntranslator {to} < {from} *p > {{");
        let number =
            |kind: &str, name: &str| format!("*({kind} *)copyin((uintptr_t)&p->{name}, sizeof ({kind}))");
        for member in &one.members {
            let name = &member.name;
            let value = match member.kind {
                MemberType::String => format!("copyinstr({})", number("uint64_t", name)),
                MemberType::Bytes => {
                    let (address, len) = (number("uint64_t", name), number("uint64_t", "ic_len"));
                    format!("(uint8_t *)copyin({address},\n\t    {len})")
                }
                MemberType::U64 => number("uint64_t", name),
                MemberType::U32 => number("uint32_t", name),
            };
            let _ = writeln!(out, "\t{name} = {value};");
        }
        out += "};\n";
    }
    out.push('\n');
    for one in &definitions.constants {
        let _ = writeln!(out, "inline uint32_t {} = {:#04x}; /* {} */", one.name, one.value, one.text);
    }
    out + &names_in_d("iscsi_opcode", &definitions.scsi_opcodes)
        + &names_in_d("iscsi_function", &definitions.task_functions)
}

fn names_in_d(inline: &str, names: &BTreeMap<u8, String>) -> String {
    let mut out = format!("\ninline string {inline}[uint8_t code] =\n");
    for (code, name) in names {
        let _ = writeln!(out, "    code == {code:#04x} ? \"{name}\" :");
    }
    out + "    \"\";\n"
}

/// `text` with the lines between `generated: NAME` and `generated: end` replaced.
pub fn fill(text: &str, definitions: &ProbeDefinitions) -> Result<String, String> {
    let mut out = String::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let mark = line.split_once("generated: ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
        if mark == Some("end") {
            inside = false;
        }
        if !inside {
            out += line;
        }
        match mark {
            None | Some("end") => {}
            Some("types") => out += &types(definitions),
            Some("constants") => out += &constants(definitions),
            Some("probes") => out += &probes(definitions),
            Some("scsi_opcodes") => out += &names(&definitions.scsi_opcodes),
            Some("task_functions") => out += &names(&definitions.task_functions),
            Some(other) => return Err(format!("nothing is generated for {other:?}")),
        }
        inside |= mark.is_some_and(|mark| mark != "end");
    }
    if inside { Err("a generated part has no end".into()) } else { Ok(out) }
}

/// For the BEGIN of a bpftrace script.
fn names(names: &BTreeMap<u8, String>) -> String {
    names.iter().map(|(code, name)| format!("\t@name[{code:#04x}] = \"{name}\";\n")).collect()
}

fn types(definitions: &ProbeDefinitions) -> String {
    let mut out =
        String::from("\n| argument | type | offset | member | what it holds |\n|---|---|---|---|---|\n");
    for one in &definitions.types {
        let (offsets, size) = layout(one);
        for (n, (member, (_, at))) in one.members.iter().zip(offsets).enumerate() {
            let (argument, name) = if n == 0 {
                (format!("arg{}", one.arg), format!("`{}`, {size} bytes", one.name))
            } else {
                Default::default()
            };
            let kind = match member.kind {
                MemberType::String => "char *",
                MemberType::Bytes => "uint8_t *",
                MemberType::U64 => "uint64_t ",
                MemberType::U32 => "uint32_t ",
            };
            let text = meaning(definitions, &member.name);
            let _ = writeln!(out, "| {argument} | {name} | {at} | `{kind}{}` | {text} |", member.name);
        }
    }
    out + "\n"
}

fn constants(definitions: &ProbeDefinitions) -> String {
    let mut out = String::from("\n| name | value | what it means |\n|---|---|---|\n");
    for one in &definitions.constants {
        let _ = writeln!(out, "| `{}` | {:#04x} | {} |", one.name, one.value, one.text);
    }
    out + "\n"
}

fn probes(definitions: &ProbeDefinitions) -> String {
    let members: Vec<&str> =
        definitions.types.iter().flat_map(|one| &one.members).map(|member| member.name.as_str()).collect();
    let members = members
        .into_iter()
        .filter(|name| definitions.probes.iter().any(|probe| probe.info.contains_key(*name)));
    let members: Vec<&str> = members.collect();
    let mut out =
        format!("\n| probe | PDU | {} |\n|---|---|{}\n", members.join(" | "), "---|".repeat(members.len()));
    for probe in &definitions.probes {
        let dir = if probe.dir == Dir::Out { "received" } else { "sent" };
        let sources = members.iter().map(|member| probe.info.get(*member).map_or("", String::as_str));
        let sources: Vec<String> = sources.map(|source| format!("`{source}`")).collect();
        let _ = writeln!(out, "| {} | {:#04x}, {dir} | {} |", probe.name, probe.opcode, sources.join(" | "));
    }
    out + "\n"
}
