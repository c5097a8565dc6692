//! What can be known of a D script without DTrace: that everything it names exists, and that its brackets close.

use super::generate::{addresses, translated};
use initiator_sim::oracle::ProbeDefinitions;
use std::collections::BTreeSet;

/// Words of the language and its library that the scripts use.
const LANGUAGE: &[&str] = &[
    "arg0",
    "arg1",
    "arg2",
    "avg",
    "clear",
    "code",
    "copyin",
    "copyinstr",
    "count",
    "inline",
    "int64_t",
    "normalize",
    "p",
    "printa",
    "printf",
    "probename",
    "quantize",
    "sizeof",
    "string",
    "struct",
    "sum",
    "this",
    "timestamp",
    "translator",
    "trunc",
    "typedef",
    "uint32_t",
    "uint64_t",
    "uint8_t",
    "uintptr_t",
    "walltimestamp",
    "xlate",
];
const OPTIONS: &[&str] = &["quiet", "strsize=256"];
const OTHER_PROBES: &[&str] = &["dtrace:::BEGIN", "dtrace:::END", "profile:::tick-1sec"];
/// What the library defines beside types and constants.
const INLINES: &[&str] = &["iscsi_opcode", "iscsi_function"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text,
    Sign(String),
}

/// The text without comments; pragmas are judged on the way.
fn plain(text: &str, problems: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        out += &rest[..at];
        let Some(end) = rest[at..].find("*/") else {
            problems.push("a comment has no end".into());
            return out;
        };
        rest = &rest[at + end + 2..];
    }
    out += rest;
    let line = |line: &str| -> Option<String> {
        if line.starts_with("#!") {
            return None;
        }
        let Some(pragma) = line.strip_prefix('#') else { return Some(format!("{line}\n")) };
        let option = pragma.strip_prefix("pragma D option ").unwrap_or(pragma);
        if !OPTIONS.contains(&option) {
            problems.push(format!("unknown pragma {option}"));
        }
        None
    };
    out.lines().filter_map(line).collect()
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(next) = chars.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
                word.push(next);
            }
            out.push(Token::Word(word));
        } else if c == '"' {
            while let Some(next) = chars.next() {
                match next {
                    '\\' => drop(chars.next()),
                    '"' => break,
                    _ => {}
                }
            }
            out.push(Token::Text);
        } else if c == '-' && chars.next_if_eq(&'>').is_some() {
            out.push(Token::Sign("->".into()));
        } else if !c.is_whitespace() {
            out.push(Token::Sign(c.into()));
        }
    }
    out
}

/// Everything that a file may name beside what it declares itself.
struct Known<'a> {
    definitions: &'a ProbeDefinitions,
    words: BTreeSet<String>,
}

impl<'a> Known<'a> {
    fn new(definitions: &'a ProbeDefinitions) -> Self {
        let mut words: BTreeSet<String> =
            LANGUAGE.iter().chain(INLINES).map(|word| (*word).to_owned()).collect();
        words.extend(definitions.constants.iter().map(|one| one.name.clone()));
        for one in &definitions.types {
            words.extend([translated(&one.name), addresses(&one.name)]);
            words.extend(one.members.iter().map(|member| member.name.clone()));
        }
        Self { definitions, words }
    }

    /// Judges an expression or a body.
    fn check(&self, tokens: &[Token], own: &BTreeSet<String>, problems: &mut Vec<String>) {
        brackets(tokens, problems);
        for (at, token) in tokens.iter().enumerate() {
            let Token::Word(word) = token else { continue };
            let before = at.checked_sub(1).map(|at| &tokens[at]);
            let number = word.starts_with(|c: char| c.is_ascii_digit());
            let aggregation = before == Some(&Token::Sign("@".into()));
            // `this->NAME`: a variable of the clause.
            let variable = before == Some(&Token::Sign("->".into()))
                && at.checked_sub(2).map(|at| &tokens[at]) == Some(&Token::Word("this".into()));
            if word == "xlate" {
                self.translation(&tokens[at..], problems);
            } else if !number
                && !aggregation
                && !variable
                && !self.words.contains(word)
                && !own.contains(word)
            {
                problems.push(format!("unknown {word}"));
            }
        }
    }

    /// `xlate <lab_X_t *>((lab_X_addr_t *)argN)->member`, with all of the same type.
    fn translation(&self, tokens: &[Token], problems: &mut Vec<String>) {
        let words: Vec<&str> = tokens
            .iter()
            .take(17)
            .map(|token| match token {
                Token::Word(word) | Token::Sign(word) => word.as_str(),
                Token::Text => "\"",
            })
            .collect();
        let ["xlate", "<", to, "*", ">", "(", "(", from, "*", ")", arg, ")", "->", member, ..] = words[..]
        else {
            problems.push(format!("not a whole translation: {}", words.join(" ")));
            return;
        };
        let Some(one) = self.definitions.types.iter().find(|one| translated(&one.name) == to) else {
            problems.push(format!("no translator makes a {to}"));
            return;
        };
        if addresses(&one.name) != from {
            problems.push(format!("{to} is not made from {from}"));
        }
        if format!("arg{}", one.arg) != arg {
            problems.push(format!("{arg} is no {to}"));
        }
        if !one.members.iter().any(|found| found.name == member) {
            problems.push(format!("{to} has no {member}"));
        }
    }
}

fn brackets(tokens: &[Token], problems: &mut Vec<String>) {
    let mut open = Vec::new();
    for token in tokens {
        let Token::Sign(sign) = token else { continue };
        let wanted = match sign.as_str() {
            "(" | "[" | "{" => {
                open.push(sign.as_str());
                continue;
            }
            ")" => "(",
            "]" => "[",
            "}" => "{",
            _ => continue,
        };
        if open.pop() != Some(wanted) {
            problems.push(format!("{sign} closes nothing"));
        }
    }
    problems.extend(open.into_iter().map(|sign| format!("{sign} is not closed")));
}

/// What is wrong with a script.
pub fn script(text: &str, definitions: &ProbeDefinitions) -> Vec<String> {
    let mut problems = Vec::new();
    let text = plain(text, &mut problems);
    let known = Known::new(definitions);
    let own = assigned(&tokens(&text));
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some(head) = rest.find(['{', '/']) else {
            problems.push(format!("no clause follows {rest}"));
            break;
        };
        let only_commands = descriptions(&rest[..head], definitions, &mut problems);
        rest = &rest[head..];
        let mut clause = Vec::new();
        if let Some(predicate) = rest.strip_prefix('/') {
            // The slash that ends it stands at the end of a line.
            let Some(end) = predicate.find("/\n") else {
                problems.push("a predicate has no end".into());
                break;
            };
            known.check(&tokens(&predicate[..end]), &own, &mut problems);
            clause.extend(tokens(&predicate[..end]));
            rest = predicate[end + 1..].trim_start();
        }
        let Some(end) = body(rest) else {
            problems.push(format!("{{ is not closed: {}", rest.lines().next().unwrap_or_default()));
            break;
        };
        let inside = tokens(&rest[..end]);
        known.check(&inside, &own, &mut problems);
        clause.extend(inside);
        if !only_commands && clause.contains(&Token::Word("arg2".into())) {
            problems.push("arg2 is scsi-command's alone".into());
        }
        rest = rest[end..].trim_start();
    }
    problems
}

/// Where the body that begins here ends.
fn body(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Judges the probes of a clause; true if all are scsi-command.
fn descriptions(text: &str, definitions: &ProbeDefinitions, problems: &mut Vec<String>) -> bool {
    let mut only_commands = true;
    for one in text.split(',').map(str::trim) {
        let ours = one.strip_prefix("iscsi$target:::");
        let exists = match ours {
            Some("") => true,
            Some(name) => definitions.probes.iter().any(|probe| probe.name == name),
            None => OTHER_PROBES.contains(&one),
        };
        if !exists {
            problems.push(format!("there is no probe {one}"));
        }
        only_commands &= ours == Some("scsi-command");
    }
    only_commands
}

/// Names of the script's own variables: `NAME =` and `NAME[...] =`.
fn assigned(tokens: &[Token]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let is = |at: usize, sign: &str| tokens.get(at) == Some(&Token::Sign(sign.into()));
    for (at, token) in tokens.iter().enumerate() {
        let (Token::Word(word), Some(Token::Sign(sign))) = (token, tokens.get(at + 1)) else { continue };
        let plain = at > 0 && (is(at - 1, ";") || is(at - 1, "{"));
        if plain && sign == "=" && !is(at + 2, "=") {
            out.insert(word.clone());
        }
        if sign != "[" {
            continue;
        }
        let mut depth = 0_i32;
        let end = tokens[at + 1..].iter().position(|token| {
            match token {
                Token::Sign(sign) if sign == "[" => depth += 1,
                Token::Sign(sign) if sign == "]" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let after = |n: usize| end.and_then(|end| tokens.get(at + 1 + end + n));
        if after(1) == Some(&Token::Sign("=".into())) && after(2) != Some(&Token::Sign("=".into())) {
            out.insert(word.clone());
        }
    }
    out
}

/// What is wrong with the library.
pub fn library(text: &str, definitions: &ProbeDefinitions) -> Vec<String> {
    let mut problems = Vec::new();
    let text = plain(text, &mut problems);
    let tags = definitions.types.iter().flat_map(|one| [translated(&one.name), addresses(&one.name)]);
    let own = tags.map(|name| name.trim_end_matches("_t").to_owned()).collect();
    Known::new(definitions).check(&tokens(&text), &own, &mut problems);
    problems
}
