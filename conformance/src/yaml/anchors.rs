//! Does a text use anchors or aliases, or nest without end? `serde_yaml` resolves the former silently and takes time by the
//! square of the depth of the latter, so this looks at the tokens.
//!
//! It knows just enough of YAML to tell where a token begins: quotes, comments, flow brackets, block scalars. A line inside
//! a plain text of several lines that begins with `&` or `*` is taken for one; quoting the text helps.

use super::{DEPTH_MAX, Place};

/// Brackets open at once, beyond which the text is not even parsed.
const FLOW_MAX: usize = 1000;

/// The first thing that is refused, and why.
pub(super) fn find(text: &str) -> Option<(Place, String)> {
    Scanner { rest: text, line: 1, column: 1, flow: 0 }.scan()
}

struct Scanner<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    /// Depth of `[` and `{`.
    flow: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest.chars().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.bump();
        }
    }

    fn scan(mut self) -> Option<(Place, String)> {
        // Column of the innermost key or dash on this line: what a block scalar must be indented beyond.
        let mut parent = 0;
        loop {
            match self.peek()? {
                ' ' | '\t' | '\r' | ',' => {
                    self.bump();
                }
                '\n' => {
                    self.bump();
                    parent = 0;
                }
                '#' => self.skip_line(),
                '[' | '{' => {
                    self.flow += 1;
                    if self.flow > FLOW_MAX {
                        let what = format!("lists and maps are nested more than {DEPTH_MAX} deep");
                        return Some((Place { line: self.line, column: self.column }, what));
                    }
                    self.bump();
                }
                ']' | '}' => {
                    self.flow = self.flow.saturating_sub(1);
                    self.bump();
                }
                '-' | '?' | ':' if self.second().is_none_or(char::is_whitespace) => {
                    parent = parent.max(self.column);
                    self.bump();
                }
                '"' => self.quoted('"'),
                '\'' => self.quoted('\''),
                sigil @ ('&' | '*') if self.second().is_some_and(|c| !c.is_whitespace()) => {
                    let what = if sigil == '&' { "anchors (&)" } else { "aliases (*)" };
                    let what = format!("{what} are not used here: write the value out, or quote the text");
                    return Some((Place { line: self.line, column: self.column }, what));
                }
                '|' | '>' if self.flow == 0 => {
                    self.skip_line();
                    self.block(parent.max(1));
                    parent = 0;
                }
                _ => {
                    let column = self.column;
                    if self.plain() {
                        parent = column;
                    }
                }
            }
        }
    }

    /// A quoted text, over lines if need be.
    fn quoted(&mut self, quote: char) {
        self.bump();
        while let Some(c) = self.bump() {
            if c == '\\' && quote == '"' {
                self.bump();
            } else if c == quote {
                if quote == '\'' && self.peek() == Some('\'') {
                    self.bump();
                } else {
                    return;
                }
            }
        }
    }

    /// A plain text up to what ends it; true if it is a key.
    fn plain(&mut self) -> bool {
        // The first character belongs to it whatever it is, so that the scan always goes on.
        let mut before = self.bump().unwrap_or(' ');
        while let Some(c) = self.peek() {
            let ends = match c {
                '\n' => true,
                ':' => self
                    .second()
                    .is_none_or(|next| next.is_whitespace() || self.flow > 0 && ",[]{}".contains(next)),
                '#' => before.is_whitespace(),
                ',' | '[' | ']' | '{' | '}' => self.flow > 0,
                _ => false,
            };
            if ends {
                return c == ':';
            }
            before = c;
            self.bump();
        }
        false
    }

    /// The lines of a block scalar: all that are blank or indented beyond column `parent`.
    fn block(&mut self, parent: usize) {
        self.bump();
        loop {
            let line = self.rest.split('\n').next().unwrap_or_default();
            let indent = line.len() - line.trim_start_matches(' ').len();
            if self.rest.is_empty() || !line.trim().is_empty() && indent < parent {
                return;
            }
            self.skip_line();
            self.bump();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn only_tokens_count() {
        let clean = [
            "a: \"*\"\nb: '&x'\n",
            "a: x*y&z\n# *comment &x\n",
            "a: |\n  *text\n  &more\nb: 1\n",
            "- k: >\n    *text\n  l: 1\n",
            "- |\n  *x\n- b\n",
            "{a: \"it's\", b: 'say \"*\"', c: pat(7)}\n",
            "a: 'it''s *x'\n",
            "a: * b\n",
        ];
        for text in clean {
            assert_eq!(find(text), None, "{text:?}");
        }
        let dirty = [
            ("a: *x\n", 1, 4),
            ("[b, &y c]\n", 1, 5),
            ("a: |\n  t\nb: &z 1\n", 3, 4),
            ("- k: |\n    t\n  l: *q\n", 3, 6),
        ];
        for (text, line, column) in dirty {
            let (place, _) = find(text).expect(text);
            assert_eq!((place.line, place.column), (line, column), "{text:?}");
        }
    }
}
