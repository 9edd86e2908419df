//! Figures from cases, as a table for a terminal, as Markdown, and as an object.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde::Serialize;

use crate::eval::run::Case;
use crate::eval::{Kind, exercise};

/// All figures of one run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub model: String,
    pub parameters: u64,
    pub model_bytes: u64,
    pub seed: u64,
    pub rows: Vec<Row>,
    /// Who made the edits, where that is another model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edit_model: Option<String>,
    /// Of the small edits; empty where none were asked for.
    pub edits: Vec<exercise::report::Row>,
}

/// The holes of one kind in one language.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub language: &'static str,
    /// `Kind::name`; for names followed by whether the file that defines them was open.
    pub kind: String,
    pub holes: usize,
    pub exact: Share,
    /// What copying the nearest line gets right of the same holes.
    pub copied: Share,
    /// Mean over the holes, 0 to 1; an empty answer counts 0.
    pub similarity: f64,
    /// Of the answers, where a tree tells.
    pub syntax_kept: Share,
    /// Of the answers.
    pub stopped: Share,
    /// Of the answers.
    pub repeats_suffix: Share,
    /// Answers that an editor would show unasked: those of `completion.minConfidence` or more.
    pub confident: Share,
    /// Of those, how many are exact.
    pub confident_exact: Share,
    /// Empty answers by reason code.
    pub empty: BTreeMap<&'static str, usize>,
    pub prompt_tokens: f64,
    pub generated_tokens: f64,
    /// Milliseconds from question to answer.
    pub ms_p50: f64,
    pub ms_p95: f64,
}

/// What the columns of the tables are called, and what they say.
pub const COLUMNS: [(&str, &str); 13] = [
    ("language", "by its LSP identifier"),
    (
        "kind",
        "what was taken out: `line-end`, the rest of a line; `line`, all of it; `inner`, a condition or the arguments of \
         a call; `block`, the lines of one; `name`, the rest of a name from another file, which was `file open` or not \
         (`alone`)",
    ),
    ("holes", "how many were asked"),
    ("exact", "what came back is what the author wrote: the first line, the block or the name"),
    ("95 %", "between these per cent the true share of `exact` lies, as sure as that (Wilson's interval)"),
    (
        "copied",
        "`exact` without a model, by copying from the nearest line that begins alike: the least to beat",
    ),
    (
        "similar",
        "how near what came back is to what the author wrote, from 0 to 1 (Levenshtein); nothing is 0",
    ),
    ("syntax", "answers that bring no syntax error"),
    ("stopped", "answers that end where the author's text does"),
    ("repeats", "answers that write the line once more which follows"),
    ("empty", "holes where nothing came back; the reasons stand below the table"),
    ("ms p50", "milliseconds to the answer, the median"),
    ("tokens", "of the prompt + of the answer, means"),
];

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    pub count: usize,
    pub of: usize,
    /// The 95 % confidence interval of the share, 0 to 1 (Wilson's score interval).
    pub low: f64,
    pub high: f64,
}

impl Share {
    pub fn new(count: usize, of: usize) -> Self {
        let Range { start: low, end: high } = wilson(count, of);
        Self { count, of, low, high }
    }

    /// In per cent.
    pub fn percent(self) -> f64 {
        100.0 * self.count as f64 / self.of.max(1) as f64
    }

    fn among<'a>(cases: impl Iterator<Item = &'a Case>, is: impl Fn(&Case) -> bool) -> Self {
        let (mut count, mut of) = (0, 0);
        for case in cases {
            of += 1;
            count += usize::from(is(case));
        }
        Self::new(count, of)
    }
}

impl Report {
    /// `least_confidence` is `completion.minConfidence`.
    pub fn rows(cases: &[Case], least_confidence: f32) -> Vec<Row> {
        let mut groups: BTreeMap<(&'static str, Kind, bool), Vec<&Case>> = BTreeMap::new();
        for case in cases {
            groups.entry((case.language, case.hole.kind, case.quoted)).or_default().push(case);
        }
        groups.into_iter().map(|(key, cases)| row(key, &cases, least_confidence)).collect()
    }

    /// A table for a terminal.
    pub fn table(&self) -> String {
        let [language, kind, holes, rest @ ..] = COLUMNS.map(|(title, _)| title);
        let mut table = format!("{language:<8} {kind:<15} {holes:>5}");
        for title in rest {
            let _ = write!(table, " {title:>9}");
        }
        table.push('\n');
        for row in &self.rows {
            let _ = write!(table, "{:<8} {:<15} {:>5}", row.language, row.kind, row.holes);
            for cell in row.cells() {
                let _ = write!(table, " {cell:>9}");
            }
            table.push('\n');
        }
        for (language, reasons) in self.reasons() {
            let _ = writeln!(table, "{language}: empty answers: {reasons}");
        }
        if !self.edits.is_empty() {
            let _ = write!(table, "\n{}{}", self.edited_by(), exercise::report::table(&self.edits));
        }
        table
    }

    /// A Markdown table.
    pub fn markdown(&self) -> String {
        let titles = COLUMNS.map(|(title, _)| title).join(" | ");
        let mut table = format!("| {titles} |\n|{}\n", "---|".repeat(COLUMNS.len()));
        for row in &self.rows {
            let _ = writeln!(
                table,
                "| {} | {} | {} | {} |",
                row.language,
                row.kind,
                row.holes,
                row.cells().map(|cell| cell.replace('-', "–")).join(" | ")
            );
        }
        if !self.edits.is_empty() {
            let _ = write!(table, "\n{}{}", self.edited_by(), exercise::report::markdown(&self.edits));
        }
        table
    }

    /// A line that names another model, above what that made.
    fn edited_by(&self) -> String {
        self.edit_model.as_ref().map_or(String::new(), |name| format!("Edits by {name}:\n\n"))
    }

    /// The reasons of empty answers by language.
    fn reasons(&self) -> Vec<(&'static str, String)> {
        let mut by_language: BTreeMap<&'static str, BTreeMap<&'static str, usize>> = BTreeMap::new();
        for row in &self.rows {
            let reasons = by_language.entry(row.language).or_default();
            for (code, count) in &row.empty {
                *reasons.entry(code).or_default() += count;
            }
        }
        let said = by_language.into_iter().filter(|(_, reasons)| !reasons.is_empty());
        said.map(|(language, reasons)| {
            let reasons: Vec<_> = reasons.iter().map(|(code, count)| format!("{code} {count}")).collect();
            (language, reasons.join(", "))
        })
        .collect()
    }
}

impl Row {
    fn cells(&self) -> [String; 10] {
        let share =
            |share: Share| if share.of == 0 { "–".into() } else { format!("{:.1} %", share.percent()) };
        let Share { low, high, .. } = self.exact;
        [
            share(self.exact),
            format!("{:.0}-{:.0}", 100.0 * low, 100.0 * high),
            share(self.copied),
            format!("{:.2}", self.similarity),
            share(self.syntax_kept),
            share(self.stopped),
            share(self.repeats_suffix),
            share(Share::new(self.empty.values().sum(), self.holes)),
            format!("{:.0}", self.ms_p50),
            format!("{:.0}+{:.0}", self.prompt_tokens, self.generated_tokens),
        ]
    }
}

fn row((language, kind, quoted): (&'static str, Kind, bool), cases: &[&Case], least_confidence: f32) -> Row {
    let all = || cases.iter().copied();
    let answered = || all().filter(|case| case.answer.is_some());
    let confident = || all().filter(|case| case.confidence.is_some_and(|mean| mean >= least_confidence));
    let mean = |of: &dyn Fn(&Case) -> f64| all().map(of).sum::<f64>() / cases.len().max(1) as f64;
    let mut empty = BTreeMap::new();
    for case in all().filter(|case| case.answer.is_none()) {
        *empty.entry(case.reason.code()).or_default() += 1;
    }
    let mut times: Vec<f64> = all().map(|case| case.time.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let rank = |share: f64| times.get((share * (times.len().saturating_sub(1)) as f64) as usize).copied();
    Row {
        language,
        kind: match (kind, quoted) {
            (Kind::Name, true) => format!("{}, file open", kind.name()),
            (Kind::Name, false) => format!("{}, alone", kind.name()),
            _ => kind.name().to_owned(),
        },
        holes: cases.len(),
        exact: Share::among(all(), |case| case.score.exact),
        copied: Share::among(all(), |case| case.copied.exact),
        similarity: mean(&|case| case.score.similarity),
        syntax_kept: Share::among(answered().filter(|case| case.score.syntax_kept.is_some()), |case| {
            case.score.syntax_kept == Some(true)
        }),
        stopped: Share::among(answered(), |case| case.score.stopped),
        repeats_suffix: Share::among(answered(), |case| case.score.repeats_suffix),
        confident: Share::among(all(), |case| case.confidence.is_some_and(|mean| mean >= least_confidence)),
        confident_exact: Share::among(confident(), |case| case.score.exact),
        empty,
        prompt_tokens: mean(&|case| f64::from(case.usage.prompt_tokens)),
        generated_tokens: mean(&|case| f64::from(case.usage.generated_tokens)),
        ms_p50: rank(0.5).unwrap_or_default(),
        ms_p95: rank(0.95).unwrap_or_default(),
    }
}

/// Wilson's score interval at 95 %.
fn wilson(count: usize, of: usize) -> Range<f64> {
    if of == 0 {
        return 0.0..1.0;
    }
    let (n, z) = (of as f64, 1.96);
    let p = count as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    ((middle - spread) / scale).max(0.0)..((middle + spread) / scale).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;
    use crate::completion::Reason;
    use crate::engine::Usage;
    use crate::eval::Hole;
    use crate::eval::score::Score;

    fn case(kind: Kind, quoted: bool, exact: bool, reason: Reason) -> Case {
        let answered = reason.is_shown();
        let score = Score { exact, similarity: f64::from(u8::from(exact)), ..Score::default() };
        Case {
            hole: Hole { kind, project: 0, file: 0, taken: 0..1, judged: 0..1 },
            language: "rust",
            quoted,
            reason,
            answer: answered.then(|| "x".to_owned()),
            score: Score { syntax_kept: Some(true), stopped: exact, ..score },
            confidence: answered.then_some(if exact { -0.1 } else { -2.0 }),
            usage: Usage { prompt_tokens: 100, generated_tokens: 5, ..Usage::default() },
            time: Duration::from_millis(20),
            copied: Score::default(),
        }
    }

    #[test]
    fn tables() {
        let cases = [
            case(Kind::Line, true, true, Reason::OkNew),
            case(Kind::Line, true, false, Reason::OkNew),
            case(Kind::Line, true, false, Reason::DropRepeat),
            case(Kind::Name, true, true, Reason::OkNew),
            case(Kind::Name, false, false, Reason::GenEmpty),
        ];
        let rows = Report::rows(&cases, -0.5);
        assert_eq!((rows[0].confident, rows[0].confident_exact), (Share::new(1, 3), Share::new(1, 1)));
        let report = Report {
            model: "m".into(),
            parameters: 1,
            model_bytes: 1,
            seed: 1,
            rows,
            edit_model: None,
            edits: vec![],
        };
        expect![[r#"
            language kind            holes     exact      95 %    copied   similar    syntax   stopped   repeats     empty    ms p50    tokens
            rust     line                3    33.3 %      6-79     0.0 %      0.33   100.0 %    50.0 %     0.0 %    33.3 %        20     100+5
            rust     name, alone         1     0.0 %      0-79     0.0 %      0.00         –         –         –   100.0 %        20     100+5
            rust     name, file open     1   100.0 %    21-100     0.0 %      1.00   100.0 %   100.0 %     0.0 %     0.0 %        20     100+5
            rust: empty answers: drop.repeat 1, gen.empty 1
        "#]].assert_eq(&report.table());
        expect![[r#"
            | language | kind | holes | exact | 95 % | copied | similar | syntax | stopped | repeats | empty | ms p50 | tokens |
            |---|---|---|---|---|---|---|---|---|---|---|---|---|
            | rust | line | 3 | 33.3 % | 6–79 | 0.0 % | 0.33 | 100.0 % | 50.0 % | 0.0 % | 33.3 % | 20 | 100+5 |
            | rust | name, alone | 1 | 0.0 % | 0–79 | 0.0 % | 0.00 | – | – | – | 100.0 % | 20 | 100+5 |
            | rust | name, file open | 1 | 100.0 % | 21–100 | 0.0 % | 1.00 | 100.0 % | 100.0 % | 0.0 % | 0.0 % | 20 | 100+5 |
        "#]].assert_eq(&report.markdown());
        let alone = |share| Share::new(share, 1);
        let edit = exercise::report::Row {
            language: "rust".into(),
            action: "refactor",
            parsed: alone(1),
            applied: alone(1),
            kept: alone(0),
            passed: None,
            guards: BTreeMap::new(),
            generated_tokens: 9.0,
            seconds: 1.0,
        };
        for (by, expected) in
            [(None, "\n\nlanguage   action"), (Some("other"), "\n\nEdits by other:\n\nlanguage   action")]
        {
            let report =
                Report { edit_model: by.map(str::to_owned), edits: vec![edit.clone()], ..report.clone() };
            assert!(report.table().contains(expected), "{}", report.table());
            assert!(
                report.markdown().contains(by.unwrap_or("| language | action |")),
                "{}",
                report.markdown()
            );
        }
    }

    #[test]
    fn intervals() {
        for (count, of, low, high) in
            [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.278), (5, 10, 0.237, 0.763), (10, 10, 0.722, 1.0)]
        {
            let share = Share::new(count, of);
            assert!((share.low - low).abs() < 1e-3 && (share.high - high).abs() < 1e-3, "{share:?}");
        }
    }
}
