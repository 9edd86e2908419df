//! The figures of a comparison, each with its goal: made of rounds, and told with how sure they are.

use std::fmt::Write;

use serde_json::{Value, json};

use super::arm::Key;
use super::interval::interval;
use super::keys::Class;
use super::tally::{Round, Samples, Side};

/// Prompt tokens of a key of which the time to read one is worth taking: fewer are read at the price of a call.
const READ: u64 = 64;

/// What was measured. Rounds of `ours` and `theirs` belong together, and those of `beside` to `ours`.
pub struct Found<'a> {
    pub ours: &'a Side,
    pub theirs: &'a Side,
    pub beside: &'a Side,
    pub paced_ours: &'a Side,
    pub paced_theirs: &'a Side,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Goal {
    /// Theirs by ours.
    Times(f64),
    /// Ours.
    AtMost(f64),
    None,
}

struct Row {
    /// Key in the object.
    name: &'static str,
    title: &'static str,
    ours: Option<f64>,
    theirs: Option<f64>,
    /// Where theirs by ours lies in 95 of 100.
    sure: Option<(f64, f64)>,
    goal: Goal,
}

/// See the module.
pub struct Rows(Vec<Row>);

/// A figure of one round.
type Of<'a> = dyn Fn(&Round) -> Option<f64> + 'a;

impl Rows {
    /// `tokens`: of a line.
    pub fn of(found: &Found, tokens: u32) -> Self {
        let Found { ours, theirs, beside, paced_ours, paced_theirs } = found;
        let line = |round: &Round| line(round, tokens);
        let both = |name, title, of: &Of<'_>, goal| {
            let figure = |side: &Side, drawn: &[usize]| {
                Samples::new(drawn.iter().filter_map(|&at| side.rounds.get(at).and_then(of))).rank(0.5)
            };
            let rounds = ours.rounds.len().min(theirs.rounds.len());
            let all: Vec<usize> = (0..rounds).collect();
            Row {
                name,
                title,
                ours: figure(ours, &all),
                theirs: figure(theirs, &all),
                sure: interval(rounds, |drawn| times(figure(ours, drawn), figure(theirs, drawn))),
                goal,
            }
        };
        let single = |name, title, ours, theirs, goal| Row { name, title, ours, theirs, sure: None, goal };
        // A jump and a visit to another file are no typing, and cost what is there to be read.
        let mean = |side: &Side, name: &str, is_of: &dyn Fn(Class) -> bool| side.counter(name, is_of).mean();
        let counted = |name, title, of: &str, is_of: &dyn Fn(Class) -> bool, goal| {
            single(name, title, mean(ours, of, is_of), mean(theirs, of, is_of), goal)
        };
        let all = |class| class != Class::Cold;
        // Who wrote nothing wrote nothing in vain, which says nothing.
        let waste = |side: &Side| {
            let totals = Some(&side.totals).filter(|totals| totals.get("generatedTokens") > 0)?;
            totals.0.get("wastedTokens").map(|tokens| *tokens as f64)
        };
        let open = |side: &Side| side.open_times();
        let peak =
            |side: &Side| Some(side.about["memory"]["peakBytes"].as_u64()? as f64 / f64::from(1 << 20));
        let processor =
            |side: &Side| Some(side.about["cpuSeconds"].as_f64()? * 1000.0 / (side.pressed.max(1) as f64));
        let idle = ours.rounds.iter().filter_map(&line);
        let busy = beside.rounds.iter().filter_map(&line);
        let slower = times(Samples::new(idle).rank(0.5), Samples::new(busy).rank(0.5));
        Self(vec![
            counted(
                "evaluatedTokens",
                "prompt tokens read a key typed, mean",
                "evaluatedTokens",
                &Class::types,
                Goal::Times(50.0),
            ),
            counted(
                "allEvaluatedTokens",
                "the same, jumps and visits to other files among them",
                "evaluatedTokens",
                &all,
                Goal::None,
            ),
            counted("promptTokens", "tokens of its prompt, mean", "promptTokens", &all, Goal::None),
            counted("generatedTokens", "tokens written a key, mean", "generatedTokens", &all, Goal::None),
            both("firstTokenMs", "first token p50, ms", &first_token, Goal::Times(20.0)),
            both("lineMs", "a line of as many tokens as are let, p50, ms", &line, Goal::Times(3.0)),
            single("busy", "the same beside a busy process, by that alone", slower, None, Goal::AtMost(2.5)),
            both("readMs", "reading, ms a token (the first key of a run)", &read, Goal::None),
            both("writeMs", "writing, ms a token", &write, Goal::None),
            single(
                "cancelMs",
                "at a person's pace: cancel to idle p95, ms",
                paced_ours.about["cancelMs"]["p95"].as_f64(),
                None,
                Goal::AtMost(15.0),
            ),
            single(
                "wastedTokens",
                "at a person's pace: tokens read and written for nothing",
                waste(paced_ours),
                waste(paced_theirs),
                Goal::Times(10.0),
            ),
            single(
                "openAnswerMs",
                "at a person's pace: answer p50, ms",
                open(paced_ours).0.rank(0.5),
                open(paced_theirs).0.rank(0.5),
                Goal::None,
            ),
            single(
                "pauseToSuggestionMs",
                "at a person's pace: a pause to its suggestion p50, ms",
                open(paced_ours).1.rank(0.5),
                open(paced_theirs).1.rank(0.5),
                Goal::None,
            ),
            single(
                "cpuSeconds",
                "at a person's pace: processor, s for 1,000 keys",
                processor(paced_ours),
                None,
                Goal::None,
            ),
            single("peakMiB", "memory at most, MiB", peak(paced_ours), peak(theirs), Goal::None),
        ])
    }

    pub fn object(&self) -> Value {
        let of = |row: &Row| {
            let value = json!({
                "title": row.title, "codesage": row.ours, "infill": row.theirs, "times": row.times(),
                "interval": row.sure.map(|(low, high)| [low, high]), "met": row.is_met(),
            });
            (row.name.to_owned(), value)
        };
        Value::Object(self.0.iter().map(of).collect())
    }

    /// In Markdown.
    pub fn table(&self) -> String {
        let mut table =
            "| | codesage | llama.vim | times | 95 of 100 | goal |\n|---|--:|--:|--:|--:|---|\n".to_owned();
        for row in &self.0 {
            let [ours, theirs, times] = [row.ours, row.theirs, row.times()].map(shown);
            let sure = row.sure.map_or(String::new(), |(low, high)| {
                format!("{} to {}", shown(Some(low)), shown(Some(high)))
            });
            let goal = match row.goal {
                Goal::Times(least) => format!("{least:.0} times: "),
                Goal::AtMost(most) => format!("at most {most}: "),
                Goal::None => String::new(),
            };
            let met = row.is_met().map_or("", |met| if met { "met" } else { "missed" });
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {} | {ours} | {theirs} | {times} | {sure} | {goal}{met} |", row.title);
        }
        table
    }
}

impl Row {
    fn times(&self) -> Option<f64> {
        times(self.ours, self.theirs)
    }

    /// None where nothing is wanted or nothing was measured.
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            // Nothing at all is less than any share of something.
            Goal::Times(_) if self.ours == Some(0.0) => self.theirs.map(|theirs| theirs > 0.0),
            Goal::Times(least) => self.times().map(|times| times >= least),
            Goal::AtMost(most) => self.ours.map(|ours| ours <= most),
            Goal::None => None,
        }
    }
}

fn times(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    ours.zip(theirs).filter(|(ours, _)| *ours > 0.0).map(|(ours, theirs)| theirs / ours)
}

fn shown(number: Option<f64>) -> String {
    match number {
        None => String::new(),
        Some(number) if !number.is_finite() => "never".to_owned(),
        Some(number) if number.abs() >= 100.0 => format!("{number:.0}"),
        Some(number) if number.abs() >= 10.0 => format!("{number:.1}"),
        Some(number) => format!("{number:.2}"),
    }
}

fn first_token(round: &Round) -> Option<f64> {
    middle(round, |key| Some(key.first_token_ms))
}

fn line(round: &Round, tokens: u32) -> Option<f64> {
    Some(first_token(round)? + write(round)? * f64::from(tokens.saturating_sub(1)))
}

fn write(round: &Round) -> Option<f64> {
    middle(round, |key| {
        let free = key.cost.get("generatedTokens").saturating_sub(key.cost.get("forcedTokens"));
        let after_first = free.checked_sub(1).filter(|&tokens| tokens > 0)?;
        Some(key.write_ms / after_first as f64)
    })
}

/// Of the keys that read much.
fn read(round: &Round) -> Option<f64> {
    let much = round.keys.iter().filter(|(class, key)| {
        *class == Class::Cold && key.cost.get("evaluatedTokens") >= READ && key.read_ms > 0.0
    });
    Samples::new(much.map(|(_, key)| key.read_ms / key.cost.get("evaluatedTokens") as f64)).rank(0.5)
}

/// Over the keys of a round for which the model wrote something, but the first.
fn middle(round: &Round, of: impl Fn(&Key) -> Option<f64>) -> Option<f64> {
    let keys = round.keys.iter().filter(|(class, key)| *class != Class::Cold && key.is_asked());
    Samples::new(keys.filter_map(|(_, key)| of(key))).rank(0.5)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::*;
    use crate::cli::bench::replay::arm::Cost;

    fn side(ms: f64, evaluated: u64, wasted: u64, cancel: Value) -> Side {
        let key = |class, evaluated, ms| {
            let cost = BTreeMap::from([
                ("evaluatedTokens", evaluated),
                ("promptTokens", 500),
                ("generatedTokens", 11),
            ]);
            let key = Key {
                cost: Cost(cost),
                latency_ms: ms,
                first_token_ms: ms / 2.0,
                read_ms: ms / 2.0,
                write_ms: 20.0,
                reason: "shown".into(),
            };
            (class, key)
        };
        let round = |ms| Round {
            keys: vec![key(Class::Cold, 500, 4.0 * ms), key(Class::Character, evaluated, ms)],
            latencies: vec![ms],
            pauses: vec![f64::INFINITY],
        };
        Side {
            name: "side",
            about: json!({"cancelMs": {"p95": cancel}, "memory": {"peakBytes": 5 << 20}, "cpuSeconds": 2.0}),
            rounds: vec![round(ms), round(ms * 1.1), round(ms * 0.9)],
            totals: Cost(BTreeMap::from([("wastedTokens", wasted), ("generatedTokens", 900)])),
            pressed: 1000,
        }
    }

    #[test]
    fn each_figure_stands_beside_its_goal() {
        let (ours, theirs) = (side(10.0, 1, 20, json!(7.5)), side(500.0, 250, 400, Value::Null));
        let beside = side(30.0, 1, 0, Value::Null);
        let found =
            Found { ours: &ours, theirs: &theirs, beside: &beside, paced_ours: &ours, paced_theirs: &theirs };
        let rows = Rows::of(&found, 11);
        expect![[r#"
            | | codesage | llama.vim | times | 95 of 100 | goal |
            |---|--:|--:|--:|--:|---|
            | prompt tokens read a key typed, mean | 1.00 | 250 | 250 |  | 50 times: met |
            | the same, jumps and visits to other files among them | 1.00 | 250 | 250 |  |  |
            | tokens of its prompt, mean | 500 | 500 | 1.00 |  |  |
            | tokens written a key, mean | 11.0 | 11.0 | 1.00 |  |  |
            | first token p50, ms | 5.00 | 250 | 50.0 | 50.0 to 50.0 | 20 times: met |
            | a line of as many tokens as are let, p50, ms | 25.0 | 270 | 10.8 | 10.0 to 11.6 | 3 times: met |
            | the same beside a busy process, by that alone | 1.40 |  |  |  | at most 2.5: met |
            | reading, ms a token (the first key of a run) | 0.04 | 2.00 | 50.0 | 50.0 to 50.0 |  |
            | writing, ms a token | 2.00 | 2.00 | 1.00 | 1.00 to 1.00 |  |
            | at a person's pace: cancel to idle p95, ms | 7.50 |  |  |  | at most 15: met |
            | at a person's pace: tokens read and written for nothing | 20.0 | 400 | 20.0 |  | 10 times: met |
            | at a person's pace: answer p50, ms | 10.0 | 500 | 50.0 |  |  |
            | at a person's pace: a pause to its suggestion p50, ms | never | never | never |  |  |
            | at a person's pace: processor, s for 1,000 keys | 2.00 |  |  |  |  |
            | memory at most, MiB | 5.00 | 5.00 | 1.00 |  |  |
        "#]]
        .assert_eq(&rows.table());
        let object = rows.object();
        assert_eq!(
            (&object["evaluatedTokens"]["times"], &object["busy"]["met"]),
            (&json!(250.0), &json!(true))
        );
    }
}
