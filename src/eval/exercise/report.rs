//! Figures from tried exercises.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::Tried;
use crate::eval::report::Share;

/// The exercises of one action in one language.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub language: String,
    pub action: &'static str,
    pub parsed: Share,
    pub applied: Share,
    /// The exercise's rule is kept, and what must stand there does.
    pub kept: Share,
    /// Of all; none where the tests were not run.
    pub passed: Option<Share>,
    /// What stopped the others, by code.
    pub guards: BTreeMap<&'static str, usize>,
    pub generated_tokens: f64,
    pub seconds: f64,
}

/// One row for each language and action.
pub fn rows(tried: &[Tried], ran: bool) -> Vec<Row> {
    let mut groups: BTreeMap<(&str, &'static str), Vec<&Tried>> = BTreeMap::new();
    for one in tried {
        groups.entry((&one.language, one.action.name())).or_default().push(one);
    }
    let row = |((language, action), group): ((&str, &'static str), Vec<&Tried>)| {
        let share =
            |is: &dyn Fn(&Tried) -> bool| Share::new(group.iter().filter(|one| is(one)).count(), group.len());
        let mean =
            |of: &dyn Fn(&Tried) -> f64| group.iter().map(|one| of(one)).sum::<f64>() / group.len() as f64;
        let mut guards = BTreeMap::new();
        for code in group.iter().filter_map(|one| one.guard) {
            *guards.entry(code).or_default() += 1;
        }
        let is_run = ran && group.iter().any(|one| one.passed.is_some() || !one.kept);
        Row {
            language: language.to_owned(),
            action,
            parsed: share(&|one| one.parsed),
            applied: share(&|one| one.applied),
            kept: share(&|one| one.kept),
            passed: is_run.then(|| share(&|one| one.passed == Some(true))),
            guards,
            generated_tokens: mean(&|one| f64::from(one.usage.generated_tokens)),
            seconds: mean(&|one| one.time.as_secs_f64()),
        }
    };
    groups.into_iter().map(row).collect()
}

const TITLES: [&str; 9] =
    ["language", "action", "tasks", "parsed", "applied", "rule kept", "tests pass", "tokens", "seconds"];

/// A table for a terminal, the guards below it.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::new();
    for cells in std::iter::once(TITLES.map(str::to_owned)).chain(rows.iter().map(cells)) {
        let line: Vec<String> = cells.iter().map(|cell| format!("{cell:<10}")).collect();
        let _ = writeln!(table, "{}", line.join(" ").trim_end());
    }
    for row in rows.iter().filter(|row| !row.guards.is_empty()) {
        let guards: Vec<String> = row.guards.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let _ = writeln!(table, "{} {}: {}", row.language, row.action, guards.join(", "));
    }
    table
}

/// A Markdown table.
pub fn markdown(rows: &[Row]) -> String {
    let mut table = format!("| {} |\n|{}\n", TITLES.join(" | "), "---|".repeat(TITLES.len()));
    for row in rows {
        let _ = writeln!(table, "| {} |", cells(row).join(" | "));
    }
    table
}

fn cells(row: &Row) -> [String; 9] {
    let share = |share: Share| share.count.to_string();
    [
        row.language.clone(),
        row.action.to_owned(),
        row.parsed.of.to_string(),
        share(row.parsed),
        share(row.applied),
        share(row.kept),
        row.passed.map_or("–".to_owned(), share),
        format!("{:.0}", row.generated_tokens),
        format!("{:.1}", row.seconds),
    ]
}
