//! The clearing effects of RFC 7143 appendix E.1, row by row and column by column.
//!
//! [`clearing::ROWS`] is the two tables of the appendix, one letter a cell. The test plays every cell that can be seen from
//! outside: it sets the object up on a connection of a session with two, lets the event happen, and looks whether the object
//! is gone. A cell that cannot be seen says why in [`clearing::unseen`].

mod clearing;
mod common;

use clearing::{Event, OBJECTS, Object, Play, ROWS, expected, unseen};

/// What the appendix has in a row, as a cell for each object.
fn cells(row: &'static str, level: u8) -> impl Iterator<Item = (Object, &'static str)> {
    let cells = row.split_whitespace().map(move |cell| expected(cell, level));
    OBJECTS.into_iter().zip(cells)
}

/// The rows that there are at a level: below level 2 there is no recovery logout.
fn rows(level: u8) -> impl Iterator<Item = (Event, &'static str)> {
    ROWS.into_iter().filter(move |(event, _)| level == 2 || *event != Event::RecoveryLogout)
}

fn play(level: u8, fast: bool, event: Event, object: Object) -> &'static str {
    let mut play = Play::new(level, fast);
    // A number that is still known can be used to acknowledge; one that is not leaves the status as it is.
    play.acknowledges = object == Object::StatSn;
    if play.is_gone_after(event, object) { "Y" } else { "N" }
}

/// Plays the cells of a recovery level; what is other than in the appendix goes to `wrong`.
fn matrix(level: u8, wrong: &mut Vec<String>) -> String {
    let mut matrix = format!("ErrorRecoveryLevel={level:<6}IT IC CT ST PP DC DD SS CS DS\n");
    for (event, row) in rows(level) {
        let mut line = format!("{:<26}", format!("{event:?}"));
        for (object, cell) in cells(row, level) {
            let played = if cell == "-" {
                "-"
            } else if unseen(event, object, level).is_some() {
                "*"
            } else {
                let got = play(level, false, event, object);
                if got != cell {
                    wrong.push(format!("level {level}, {event:?}, {object:?}: {got} instead of {cell}"));
                }
                got
            };
            line.push_str(&format!("{played:<3}"));
        }
        matrix.push_str(line.trim_end());
        matrix.push('\n');
    }
    matrix
}

/// With TaskReporting=FastAbort a reset leaves the tags to be cleared later (note 20); the rest is as ever.
fn fast_matrix(level: u8, wrong: &mut Vec<String>) -> String {
    let mut text = String::new();
    for (event, row) in rows(level).filter(|(event, _)| event.is_reset()) {
        let mut line = format!("{:<26}", format!("{event:?}, FastAbort"));
        for (object, cell) in cells(row, level) {
            let cell = if object == Object::Ttt { "N" } else { cell };
            let got = match (cell, unseen(event, object, level)) {
                ("-", _) => "-",
                (_, Some(_)) => "*",
                _ => play(level, true, event, object),
            };
            if got != cell && got != "*" {
                wrong.push(format!(
                    "level {level}, {event:?}, FastAbort, {object:?}: {got} instead of {cell}"
                ));
            }
            line.push_str(&format!("{got:<3}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Why cells were not played, and which.
fn reasons() -> String {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for level in [0, 1, 2] {
        for (event, row) in rows(level) {
            for (object, _) in cells(row, level).filter(|(_, cell)| *cell != "-") {
                let Some(why) = unseen(event, object, level) else { continue };
                let place = format!("{event:?}/{object:?}");
                match reasons.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, places)) if places.contains(&place) => {}
                    Some((_, places)) => places.push(place),
                    None => reasons.push((why, vec![place])),
                }
            }
        }
    }
    reasons.iter().map(|(why, places)| format!("\n{why}:\n  {}\n", places.join(", "))).collect()
}

#[test]
fn every_cell_that_can_be_seen_is_as_the_appendix_says() {
    assert!(ROWS.iter().all(|(_, row)| row.split_whitespace().count() == OBJECTS.len()));
    let mut wrong = Vec::new();
    let mut text = String::from("Y: cleared, N: stays, -: not applicable, *: not played, see below\n");
    for level in [0, 1, 2] {
        text.push('\n');
        text.push_str(&matrix(level, &mut wrong));
        text.push_str(&fast_matrix(level, &mut wrong));
    }
    text.push_str(&reasons());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/states");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("clearing-effects", text));
}

/// Every look can see that the object is there.
#[test]
fn without_an_event_everything_stays() {
    for level in [0, 1, 2] {
        for object in OBJECTS.into_iter().filter(|object| unseen(Event::Nothing, *object, level).is_none()) {
            assert_eq!(play(level, false, Event::Nothing, object), "N", "level {level}, {object:?}");
        }
    }
}

/// The status that a cell of SS finds acknowledged is there if nobody acknowledges it.
#[test]
fn a_status_of_a_lost_connection_stays_until_its_number_is_acknowledged() {
    for event in [Event::ConnFailure, Event::SessionFailure, Event::FailedLogout, Event::RecoveryLogout] {
        assert!(!Play::new(2, false).is_gone_after(event, Object::StatSn), "{event:?}");
    }
}
