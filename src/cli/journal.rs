//! `codesage journal`: what was asked of the machine, and what became of it.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::{Failure, Session, count};
use crate::assist::journal::{self, Outcome, Record, Told};
use crate::text::unseen::is_unseen;

#[derive(Args, Debug)]
pub struct Options {
    /// Only the action of this id, or those whose ids begin so
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print an object with the records, oldest first
    #[arg(long)]
    json: bool,
    /// So many records, the last ones
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = count::at_least_one::<usize>)]
    limit: usize,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let Some(folder) = journal::state_dir() else {
        let message = "there is no home to keep a journal in; name a folder in CODESAGE_STATE";
        return Err(Failure::Message(message.to_owned()));
    };
    let file = journal::file_in(&folder);
    let prefix = options.id.unwrap_or_default();
    let told = journal::read(&folder, options.limit, &prefix)
        .map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
    if told.records.is_empty() && !prefix.is_empty() {
        return Err(Failure::Message(format!("{}: no action is called `{prefix}…`", file.display())));
    }
    print(session.output, &file, &told, options.json)
}

fn print(mut output: impl Write, file: &Path, told: &Told, as_json: bool) -> Result<(), Failure> {
    let Told { records, unreadable } = told;
    if as_json {
        writeln!(output, "{:#}", json!({"file": file, "records": records, "unreadable": unreadable}))?;
        return Ok(());
    }
    if records.is_empty() {
        writeln!(output, "nothing yet ({})", file.display())?;
    }
    for record in records {
        // A file may be named as terminals are commanded.
        let is_unfit = |c: char| c.is_control() || is_unseen(c);
        let line: String = line(record).chars().map(|c| if is_unfit(c) { '\u{fffd}' } else { c }).collect();
        writeln!(output, "{line}")?;
    }
    match unreadable {
        0 => {}
        1 => writeln!(output, "and 1 line that this version cannot read")?,
        lines => writeln!(output, "and {lines} lines that this version cannot read")?,
    }
    Ok(())
}

fn line(record: &Record) -> String {
    let Record {
        time,
        id,
        action,
        recipe,
        workspace,
        path,
        guard,
        files,
        lines_added,
        lines_removed,
        tokens,
        ms,
        model,
        ..
    } = record;
    // To the second: milliseconds are for programs.
    let time = match time.split_once('.') {
        Some((seconds, _)) => format!("{}Z", seconds.replace('T', " ")),
        None => time.clone(),
    };
    let action = recipe.as_deref().unwrap_or(action.name());
    let outcome = match guard {
        Some(guard) => format!("{} ({guard})", word(record.outcome)),
        None => word(record.outcome).to_owned(),
    };
    let place = if workspace.is_empty() { path.clone() } else { format!("{workspace}: {path}") };
    let mut line = format!("{time}  {id:<10}  {action:<9} {outcome:<20} {place}");
    match files.as_slice() {
        [] => {}
        [only] if only == path => {}
        [only] => line += &format!(" → {only}"),
        [..] => line += &format!(" → {} files", files.len()),
    }
    if lines_added + lines_removed > 0 {
        line += &format!("  +{lines_added} -{lines_removed}");
    }
    line + &format!("  {tokens} tokens, {:.1} s, {model}", *ms as f64 / 1000.0)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Preview => "shown first",
        Outcome::Discarded => "discarded",
        Outcome::Answer => "answered",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
        Outcome::Undone => "undone",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::edit::Action;

    fn printed(told: &Told, as_json: bool) -> String {
        let mut output = Vec::new();
        print(&mut output, Path::new("journal.jsonl"), told, as_json).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_record_is_a_line_that_a_person_can_read() {
        let applied = Record {
            time: "2026-11-21T10:33:58.120Z".into(),
            id: "0q4k7wz1mh".into(),
            action: Action::Refactor,
            recipe: None,
            workspace: "shop".into(),
            workspace_id: "0a1b2c3d".into(),
            path: "src/a.rs".into(),
            outcome: Outcome::Applied,
            guard: None,
            files: vec!["src/a.rs".into()],
            lines_added: 3,
            lines_removed: 1,
            tokens: 120,
            ms: 1234,
            model: "codesage-mini".into(),
        };
        let told = Told {
            records: vec![
                applied.clone(),
                Record {
                    action: Action::UnitTest,
                    outcome: Outcome::Preview,
                    guard: Some("syntax".into()),
                    files: vec!["tests/a.rs".into()],
                    ..applied.clone()
                },
                Record {
                    action: Action::Custom,
                    recipe: Some("tidy".into()),
                    outcome: Outcome::Cancelled,
                    // As before there were names of workspaces.
                    workspace: String::new(),
                    path: "\u{1b}[2Jx\n".into(),
                    files: vec![],
                    lines_added: 0,
                    lines_removed: 0,
                    ..applied
                },
            ],
            unreadable: 2,
        };
        expect![[r#"
            2026-11-21 10:33:58Z  0q4k7wz1mh  refactor  applied              shop: src/a.rs  +3 -1  120 tokens, 1.2 s, codesage-mini
            2026-11-21 10:33:58Z  0q4k7wz1mh  unitTest  shown first (syntax) shop: src/a.rs → tests/a.rs  +3 -1  120 tokens, 1.2 s, codesage-mini
            2026-11-21 10:33:58Z  0q4k7wz1mh  tidy      cancelled            �[2Jx�  120 tokens, 1.2 s, codesage-mini
            and 2 lines that this version cannot read
        "#]].assert_eq(&printed(&told, false));
        expect![[r#"
            nothing yet (journal.jsonl)
        "#]]
        .assert_eq(&printed(&Told::default(), false));
        let object: serde_json::Value = serde_json::from_str(&printed(&told, true)).unwrap();
        assert_eq!(
            (object["records"][1]["guard"].as_str(), object["unreadable"].as_u64()),
            (Some("syntax"), Some(2))
        );
    }
}
