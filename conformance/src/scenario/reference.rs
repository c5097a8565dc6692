//! What does a writer of scenarios need to know? The key reference, made from the reader's own tables.

use super::shape::{Kind, Rest, Shape, describe};
use super::{cdb, keys, symbols, verbs};
use initiator_sim::codec;
use std::fmt::Write;

/// The second half of scenarios/LANGUAGE.md: every key, step, PDU, command and name. A test holds the file against it.
pub fn reference() -> String {
    let mut out = String::new();
    let mut shapes = Vec::new();
    heading(&mut out, "Keys of a scenario");
    shape(&mut out, &keys::SCENARIO, &mut shapes);
    heading(&mut out, "Keys of a library file");
    shape(&mut out, &keys::LIBRARY, &mut shapes);
    heading(&mut out, "Steps");
    for verb in verbs::VERBS {
        line(&mut out, format_args!("### {}\n\n{}\n\n    - {}\n", verb.name, verb.doc, verb.example));
        match verb.body {
            Kind::Map(inner) => shape(&mut out, inner, &mut shapes),
            Kind::Either(kinds) => {
                kinds.iter().filter_map(map_of).for_each(|inner| shape(&mut out, inner, &mut shapes));
            }
            _ => line(&mut out, format_args!("Takes {}.\n", describe(&verb.body))),
        }
    }
    heading(&mut out, "Maps inside them");
    let mut at = 0;
    let mut done: Vec<&str> = Vec::new();
    while let Some(inner) = shapes.get(at).copied() {
        at += 1;
        let top = [keys::SCENARIO.name, keys::LIBRARY.name].contains(&inner.name)
            || verbs::VERBS.iter().any(|verb| verb.name == inner.name)
            || inner.name == verbs::EXPECT.name;
        if done.contains(&inner.name) || top {
            continue;
        }
        done.push(inner.name);
        line(&mut out, format_args!("### {}\n\n{}\n", inner.name, inner.doc));
        shape(&mut out, inner, &mut shapes);
    }
    names(&mut out);
    out
}

/// Writing to text cannot fail.
fn line(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{args}");
}

fn heading(out: &mut String, text: &str) {
    line(out, format_args!("## {text}\n"));
}

fn map_of(kind: &Kind) -> Option<&'static Shape> {
    match kind {
        Kind::Map(shape) => Some(shape),
        Kind::List(inner) | Kind::OneOrMany(inner) | Kind::MapOf(inner) => map_of(inner),
        Kind::Either(kinds) => kinds.iter().find_map(map_of),
        _ => None,
    }
}

fn shape(out: &mut String, shape: &'static Shape, shapes: &mut Vec<&'static Shape>) {
    line(out, format_args!("| key | takes | meaning |\n|---|---|---|"));
    for key in shape.keys {
        let must = if key.required { " (required)" } else { "" };
        let takes = describe(&key.kind).replace('|', "\\|");
        line(out, format_args!("| `{}`{must} | {takes} | {} |", key.name, key.doc));
        shapes.extend(map_of(&key.kind));
    }
    let rest = match shape.rest {
        Rest::Refused => "",
        Rest::SendFields => {
            "| *field* | a value, or data | A field of the PDU, instead of the right value. |\n"
        }
        Rest::ExpectFields => "| *field* | a matcher | A field of the PDU. |\n",
        Rest::Operands => "| *operand* | a value | An operand of the command. |\n",
        Rest::ProbeFields => "| *member* | a matcher | A member of the probe's arguments. |\n",
        Rest::Params => "| *parameter* | a value | A parameter of the macro. |\n",
        Rest::Axes => "| *variable* | a list of values | The values it takes. |\n",
    };
    line(out, format_args!("{rest}"));
}

fn names(out: &mut String) {
    heading(out, "Names");
    line(out, format_args!("`needs`: {}.\n", keys::needs().join(", ")));
    line(out, format_args!("`bug`: {}.\n", verbs::bugs().join(", ")));
    line(out, format_args!("Members of probes: {}.\n", super::fields::PROBE.join(", ")));
    line(out, format_args!("| PDU | fields |\n|---|---|"));
    for kind in codec::Kind::all() {
        line(out, format_args!("| {kind} | {} |", super::fields::names(kind).join(" ")));
    }
    line(out, format_args!("\n| command | operands (defaults) |\n|---|---|"));
    for name in cdb::names() {
        let args = initiator_sim::initiator::cdb::args(name).unwrap_or_default();
        let operands: Vec<_> = args.iter().map(|arg| format!("{} ({})", arg.name, arg.default)).collect();
        line(out, format_args!("| {name} | {} |", operands.join(" ")));
    }
    line(out, format_args!("\n| field | names |\n|---|---|"));
    let mut seen: Vec<symbols::Names> = Vec::new();
    for kind in codec::Kind::all() {
        for field in super::fields::names(kind) {
            let list = symbols::of_field(kind, field);
            if !list.is_empty() && !seen.contains(&list) {
                seen.push(list);
                let words: Vec<_> =
                    list.iter().map(|(name, number)| format!("{name} ({number:#x})")).collect();
                line(out, format_args!("| {kind}.{field} | {} |", words.join(", ")));
            }
        }
    }
    let keys: Vec<_> =
        symbols::SENSE_KEY.iter().map(|(name, number)| format!("{name} ({number:#x})")).collect();
    line(out, format_args!("| sense key | {} |", keys.join(", ")));
}
