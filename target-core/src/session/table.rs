//! State tables as data, in the layout of RFC 7143 section 8: a row is a state, a column the next state, a cell the
//! transition between them. What is not in a cell cannot happen.

use alloc::format;
use alloc::string::String;
use core::fmt::Debug;

/// `N` states and the transitions between them.
#[derive(Clone, Copy, Debug)]
pub struct Table<S, T, const N: usize> {
    /// The states with the symbols the RFC gives them, in its order.
    pub states: [(S, &'static str); N],
    /// One row for each state.
    pub cells: [[Option<T>; N]; N],
}

impl<S: Copy + Eq, T: Copy + Eq + Debug, const N: usize> Table<S, T, N> {
    /// Where `transition` leads from `state`; `None` if the RFC has no such transition there.
    pub fn next(&self, state: S, transition: T) -> Option<S> {
        let row = self.states.iter().zip(&self.cells).find(|((from, _), _)| *from == state)?.1;
        let column = row.iter().position(|cell| *cell == Some(transition))?;
        self.states.get(column).map(|(to, _)| *to)
    }

    /// The table as text, to be held against the RFC.
    pub fn matrix(&self) -> String {
        let mut text = line("", self.states.iter().map(|(_, name)| String::from(*name)));
        for ((_, name), row) in self.states.iter().zip(&self.cells) {
            let cells = row.iter().map(|cell| match cell {
                Some(transition) => format!("{transition:?}"),
                None => String::from("-"),
            });
            text.push_str(&line(name, cells));
        }
        text
    }

    /// Every cell, filled or not, against [`Table::next`].
    #[cfg(test)]
    pub(crate) fn check_cells(&self)
    where
        S: Debug,
    {
        for ((from, _), row) in self.states.iter().zip(&self.cells) {
            for ((to, _), cell) in self.states.iter().zip(row) {
                if let Some(transition) = cell {
                    assert_eq!(self.next(*from, *transition), Some(*to));
                    assert_eq!(
                        row.iter().filter(|other| *other == cell).count(),
                        1,
                        "{from:?} {transition:?}"
                    );
                }
            }
            let absent = self.cells.iter().flatten().flatten().filter(|it| !row.contains(&Some(**it)));
            for transition in absent {
                assert_eq!(self.next(*from, *transition), None);
            }
        }
    }
}

fn line(head: &str, cells: impl Iterator<Item = String>) -> String {
    let mut text = format!("{head:<4}");
    for cell in cells {
        text.push_str(&format!("{cell:<4}"));
    }
    let mut text = String::from(text.trim_end());
    text.push('\n');
    text
}
