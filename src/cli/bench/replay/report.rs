//! The figures of a replay, as a table for a person and as one object for everybody else.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::keys::Class;
use super::tally::{Samples, Side, Time};
use crate::cli::Failure;

/// What a replay was told to do.
pub struct Plan {
    pub mode: &'static str,
    pub accept: String,
    pub seed: u64,
    pub runs: usize,
    pub keys: usize,
    /// The one that was dropped among them.
    pub rounds: usize,
    pub tokens: u32,
    pub without: Vec<&'static str>,
    /// Whether one core was kept busy.
    pub is_beside: bool,
    /// Processes that wanted to run when it began.
    pub load: Option<f64>,
}

/// Counters in the table, and what they are called there.
const COLUMNS: [(&str, &str); 4] = [
    ("evaluatedTokens", "read"),
    ("promptTokens", "prompt"),
    ("generatedTokens", "written"),
    ("decodeCalls", "decodes"),
];
/// Counters in the object.
const COUNTERS: [&str; 11] = [
    "promptTokens",
    "evaluatedTokens",
    "reusedTokens",
    "generatedTokens",
    "forcedTokens",
    "draftedTokens",
    "acceptedDraftTokens",
    "decodeCalls",
    "cacheHits",
    "afterCancelTokens",
    "wastedTokens",
];
/// Beside a busier machine times say little.
const QUIET: f64 = 0.2;

impl Plan {
    /// The whole object. `sides` are CodeSage, then what it is compared with.
    pub fn object(&self, sides: &[Side]) -> Value {
        let arms: Map<String, Value> = sides.iter().map(|side| (side.name.to_owned(), arm(side))).collect();
        let rows: Map<String, Value> = ratios(sides)
            .into_iter()
            .map(|Ratio { name, title, ours, theirs }| {
                let ratio = ratio(ours, theirs);
                (name.to_owned(), json!({"title": title, "codesage": ours, "infill": theirs, "ratio": ratio}))
            })
            .collect();
        json!({
            "mode": self.mode, "accept": self.accept, "seed": self.seed, "runs": self.runs, "keys": self.keys,
            "rounds": self.rounds, "maxTokens": self.tokens, "without": self.without, "beside": self.is_beside, "load": self.load,
            "arms": arms, "ratios": if rows.is_empty() { Value::Null } else { Value::Object(rows) },
        })
    }

    /// What a person reads.
    pub fn print(&self, sides: &[Side], output: &mut impl Write) -> Result<(), Failure> {
        let Plan { mode, accept, seed, runs, keys, rounds, tokens, .. } = self;
        writeln!(
            output,
            "{mode} replay, seed {seed}: {runs} runs of at most {keys} keys, accept {accept}, at most {tokens} tokens \
             written"
        )?;
        if *rounds > 1 {
            writeln!(output, "{rounds} rounds, one arm after the other in each; the first is not counted")?;
        }
        if !self.without.is_empty() {
            writeln!(output, "without {}", self.without.join(", "))?;
        }
        if self.is_beside {
            writeln!(output, "one core kept busy beside it")?;
        }
        if let Some(load) = self.load.filter(|load| *load > QUIET) {
            writeln!(
                output,
                "NB: the machine was busy with other things (load {load:.1}): times say little"
            )?;
        }
        for side in sides {
            writeln!(output)?;
            print_side(side, output)?;
        }
        if let [_, _] = sides {
            writeln!(output, "\n{:<44}{:>12}{:>12}{:>9}", "", "codesage", "infill", "ratio")?;
        }
        for Ratio { title, ours, theirs, .. } in ratios(sides) {
            // What this mode does not measure has no row.
            if ours.is_some() || theirs.is_some() {
                let [ours, theirs, ratio] = [ours, theirs, ratio(ours, theirs)].map(shown);
                writeln!(output, "{title:<44}{ours:>12}{theirs:>12}{ratio:>9}")?;
            }
        }
        Ok(())
    }
}

fn print_side(side: &Side, output: &mut impl Write) -> Result<(), Failure> {
    let model = &side.about["model"];
    let called = model["name"].as_str().or(model["path"].as_str()).unwrap_or("unknown model");
    let threads = model["threads"].as_u64().map_or(String::new(), |threads| format!(", {threads} threads"));
    let context = model["contextTokens"].as_u64().map_or(String::new(), |n| format!(", context {n}"));
    writeln!(output, "{}: {called}{threads}{context}", side.name)?;
    if side.rounds.iter().any(|round| !round.keys.is_empty()) {
        write!(output, "{:<12}{:>6}", "key", "keys")?;
        for (_, title) in COLUMNS {
            write!(output, "{title:>11}{:>5}", "p95")?;
        }
        writeln!(output)?;
        let rows = Class::ALL.map(|class| (class.name(), group(move |of| of == class)));
        for (name, is_of) in rows.into_iter().chain(groups()) {
            let of = |counter: &str| side.counter(counter, &is_of);
            let keys = of("evaluatedTokens").count();
            if keys == 0 {
                continue;
            }
            write!(output, "{name:<12}{keys:>6}")?;
            for (counter, _) in COLUMNS {
                let samples = of(counter);
                let p95 = samples.rank(0.95).map_or("-".to_owned(), |p95| format!("{p95:.0}"));
                write!(output, "{:>11}{p95:>5}", shown(samples.mean()))?;
            }
            writeln!(output)?;
        }
    }
    let times = |title: &str, samples: &Samples, output: &mut dyn Write| {
        let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| shown(samples.rank(share)));
        writeln!(output, "{title:<34}{:>6}   p50 {p50:>8}  p95 {p95:>8}  max {max:>8} ms", samples.count())
    };
    let (open, pauses) = side.open_times();
    for (title, samples) in [
        ("request to answer", side.times(Time::Answer)),
        ("request to first token", side.times(Time::FirstToken)),
        ("request to answer, by the clock", open),
        ("pause to suggestion", pauses),
    ] {
        if samples.count() > 0 {
            times(title, &samples, output)?;
        }
    }
    let about = &side.about;
    if let (Some(requests), Some(answers)) = (about["requests"].as_u64(), about["answers"].as_u64()) {
        let surplus = about["surplusAnswers"].as_u64().unwrap_or(0);
        writeln!(output, "{requests} requests, {answers} answers, {surplus} answers too many")?;
    }
    if let Some(shown) = about["completion"]["shown"].as_u64() {
        writeln!(output, "{shown} answers with a suggestion")?;
    }
    if let Some(peak) = about["memory"]["peakBytes"].as_u64() {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let own = about["memory"]["anonymousBytes"].as_u64().unwrap_or(0);
        writeln!(output, "memory: {:.0} MiB at most, {:.0} MiB of its own at the end", mib(peak), mib(own))?;
    }
    if let Some(seconds) = about["cpuSeconds"].as_f64() {
        let keys = side.pressed.max(1) as f64;
        writeln!(output, "processor: {:.1} s for 1,000 keys", seconds * 1000.0 / keys)?;
    }
    Ok(())
}

type Group = Box<dyn Fn(Class) -> bool>;

fn group(is_of: impl Fn(Class) -> bool + 'static) -> Group {
    Box::new(is_of)
}

/// Several classes together.
fn groups() -> [(&'static str, Group); 2] {
    [("typing", group(Class::types)), ("all but cold", group(is_warm))]
}

fn is_warm(class: Class) -> bool {
    class != Class::Cold
}

/// Two digits behind the point where they matter.
fn shown(number: Option<f64>) -> String {
    match number {
        None => "-".to_owned(),
        Some(number) if !number.is_finite() => "never".to_owned(),
        Some(number) if number.abs() >= 100.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.2}"),
    }
}

fn arm(side: &Side) -> Value {
    let counters = |of: &dyn Fn(&str) -> Samples| {
        let known =
            COUNTERS.into_iter().map(|name| (name, of(name))).filter(|(_, samples)| samples.count() > 0);
        known.map(|(name, samples)| (name.to_owned(), samples.object())).collect::<Map<_, _>>()
    };
    let mut keys = Map::new();
    for class in Class::ALL {
        let object = counters(&|name| side.counter(name, |of| of == class));
        if !object.is_empty() {
            keys.insert(class.name().to_owned(), Value::Object(object));
        }
    }
    let (open, pauses) = side.open_times();
    let (along, decodes) = side.along();
    json!({
        "about": side.about,
        "keys": keys,
        "typing": counters(&|name| side.counter(name, Class::types)),
        "allButCold": counters(&|name| side.counter(name, is_warm)),
        "answerMs": side.times(Time::Answer).object(),
        "firstTokenMs": side.times(Time::FirstToken).object(),
        "openAnswerMs": open.object(),
        "pauseToSuggestionMs": pauses.object(),
        "shownAlong": {"keys": along, "decodeCalls": decodes},
        "reasons": side.reasons(),
        "pressed": side.pressed,
        "totals": side.totals.0,
    })
}

/// One figure of both arms.
struct Ratio {
    /// Key in the object.
    name: &'static str,
    title: &'static str,
    ours: Option<f64>,
    theirs: Option<f64>,
}

/// None without another arm.
fn ratios(sides: &[Side]) -> Vec<Ratio> {
    let [ours, theirs] = sides else { return Vec::new() };
    let row = |name, title, of: &dyn Fn(&Side) -> Option<f64>| Ratio {
        name,
        title,
        ours: of(ours),
        theirs: of(theirs),
    };
    vec![
        row("evaluatedTokens", "prompt tokens evaluated a key", &|side| {
            side.counter("evaluatedTokens", is_warm).mean()
        }),
        row("typingEvaluatedTokens", "the same, of keys that type", &|side| {
            side.counter("evaluatedTokens", Class::types).mean()
        }),
        row("promptTokens", "tokens of a prompt", &asked_prompt),
        row("generatedTokens", "tokens written a key", &|side| {
            side.counter("generatedTokens", is_warm).mean()
        }),
        row("firstTokenMs", "first token p50, ms, median of rounds", &|side| side.median(Time::FirstToken)),
        row("answerMs", "answer p50, ms, median of rounds", &|side| side.median(Time::Answer)),
        row("openAnswerMs", "answer p50 by the clock, ms", &|side| side.open_times().0.rank(0.5)),
        row("pauseToSuggestionMs", "pause to suggestion p50, ms", &|side| side.open_times().1.rank(0.5)),
        row("wastedTokens", "tokens read and written in vain", &|side| {
            let is_by_the_clock = side.open_times().0.count() > 0;
            side.totals.0.get("wastedTokens").filter(|_| is_by_the_clock).map(|tokens| *tokens as f64)
        }),
    ]
}

/// How many times ours theirs is.
fn ratio(ours: Option<f64>, theirs: Option<f64>) -> Option<f64> {
    ours.zip(theirs).filter(|(ours, _)| *ours > 0.0).map(|(ours, theirs)| theirs / ours)
}

/// Of keys for which there was a prompt: less context is no speed.
fn asked_prompt(side: &Side) -> Option<f64> {
    let keys = side.rounds.iter().flat_map(|round| &round.keys);
    let prompts = keys.filter_map(|(_, key)| key.cost.0.get("promptTokens").copied());
    Samples::new(prompts.filter(|tokens| *tokens > 0).map(|tokens| tokens as f64)).mean()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;

    use super::*;
    use crate::cli::bench::replay::arm::{Cost, Key};
    use crate::cli::bench::replay::tally::Round;

    fn side(name: &'static str, evaluated: u64, ms: f64) -> Side {
        let key = |class| {
            let counts = BTreeMap::from([
                ("evaluatedTokens", evaluated),
                ("promptTokens", 500),
                ("generatedTokens", 5),
            ]);
            (
                class,
                Key {
                    cost: Cost(counts),
                    latency_ms: ms,
                    first_token_ms: ms / 2.0,
                    read_ms: 0.0,
                    write_ms: 0.0,
                    reason: "shown".into(),
                },
            )
        };
        let keys = vec![key(Class::Cold), key(Class::Character), key(Class::Character)];
        Side {
            name,
            about: json!({"model": {"name": "m", "threads": 2}, "requests": 3, "answers": 3}),
            rounds: vec![Round { keys, ..Round::default() }],
            totals: Cost::default(),
            pressed: 3,
        }
    }

    fn plan() -> Plan {
        Plan {
            mode: "closed",
            accept: "never".into(),
            seed: 1,
            runs: 1,
            keys: 3,
            rounds: 2,
            tokens: 8,
            without: vec!["healing"],
            is_beside: false,
            load: Some(3.0),
        }
    }

    #[test]
    fn a_table() {
        let mut output = Vec::new();
        plan().print(&[side("codesage", 1, 10.0), side("infill", 250, 400.0)], &mut output).unwrap();
        expect![[r#"
            closed replay, seed 1: 1 runs of at most 3 keys, accept never, at most 8 tokens written
            2 rounds, one arm after the other in each; the first is not counted
            without healing
            NB: the machine was busy with other things (load 3.0): times say little

            codesage: m, 2 threads
            key           keys       read  p95     prompt  p95    written  p95    decodes  p95
            cold             1       1.00    1        500  500       5.00    5          -    -
            character        2       1.00    1        500  500       5.00    5          -    -
            typing           2       1.00    1        500  500       5.00    5          -    -
            all but cold     2       1.00    1        500  500       5.00    5          -    -
            request to answer                      2   p50    10.00  p95    10.00  max    10.00 ms
            request to first token                 2   p50     5.00  p95     5.00  max     5.00 ms
            3 requests, 3 answers, 0 answers too many

            infill: m, 2 threads
            key           keys       read  p95     prompt  p95    written  p95    decodes  p95
            cold             1        250  250        500  500       5.00    5          -    -
            character        2        250  250        500  500       5.00    5          -    -
            typing           2        250  250        500  500       5.00    5          -    -
            all but cold     2        250  250        500  500       5.00    5          -    -
            request to answer                      2   p50      400  p95      400  max      400 ms
            request to first token                 2   p50      200  p95      200  max      200 ms
            3 requests, 3 answers, 0 answers too many

                                                            codesage      infill    ratio
            prompt tokens evaluated a key                       1.00         250      250
            the same, of keys that type                         1.00         250      250
            tokens of a prompt                                   500         500     1.00
            tokens written a key                                5.00        5.00     1.00
            first token p50, ms, median of rounds               5.00         200    40.00
            answer p50, ms, median of rounds                   10.00         400    40.00
        "#]]
        .assert_eq(&String::from_utf8(output).unwrap());
    }

    #[test]
    fn an_object() {
        let object = plan().object(&[side("codesage", 1, 10.0), side("infill", 250, 400.0)]);
        assert_eq!(object["ratios"]["evaluatedTokens"]["ratio"], 250.0);
        assert_eq!(
            object["ratios"]["firstTokenMs"],
            json!({
                "title": "first token p50, ms, median of rounds", "codesage": 5.0, "infill": 200.0, "ratio": 40.0,
            })
        );
        let ours = &object["arms"]["codesage"];
        assert_eq!(ours["keys"]["character"]["evaluatedTokens"]["samples"], 2);
        assert_eq!(ours["keys"]["character"].get("decodeCalls"), None);
        assert_eq!(plan().object(&[side("codesage", 0, 1.0)])["ratios"], Value::Null);
        // Nothing evaluated at all has no ratio.
        let object = plan().object(&[side("codesage", 0, 1.0), side("infill", 250, 4.0)]);
        assert_eq!(object["ratios"]["evaluatedTokens"]["ratio"], Value::Null);
    }
}
