//! `codesage models list`: the catalogue, as this machine sees it.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::super::{Failure, Session};
use super::{calibrate, padded};
use crate::config::Settings;
use crate::models::advice::{self, Fits, Here, Machine, Purpose, Row};
use crate::models::catalog::{self, Model};
use crate::models::discover::{self, Surroundings};
use crate::models::{hardware, memory, speed};

/// Of measuring the memory; having it to read takes as long again.
const MEASURED: Duration = Duration::from_millis(500);

/// How fast models would write here, and how that is known.
struct Speed {
    /// Bytes of weights a second.
    weights: f64,
    threads: u32,
    /// Of measuring.
    took: Duration,
    /// None: by llama.cpp. Else by the speed of memory, bytes a second, and why.
    memory: Option<(f64, String)>,
}

#[derive(Args, Debug)]
pub struct Options {
    /// Print one object
    #[arg(long)]
    json: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let here = on_disk();
    let available = hardware::available_memory();
    let speed = measured(&session.settings, available)?;
    let machine = Machine { available, weight_speed: speed.weights };
    let of = |model: &Model| here.get(&model.name).cloned().unwrap_or_default();
    let lists =
        Purpose::BOTH.map(|purpose| (purpose, advice::rows(&machine, purpose, catalog::models(), of)));
    let mut output = session.output;
    if options.json {
        writeln!(output, "{:#}", object(&machine, &speed, &lists))?;
        return Ok(());
    }
    for (purpose, rows) in &lists {
        write!(output, "{}", table(*purpose, rows))?;
    }
    let free = available.map_or("an unknown part".to_owned(), memory::shown);
    writeln!(output, "{} Free memory: {free}. A size with ~ is computed.", speed.told())?;
    writeln!(output, "{}", recommendation(&lists[0].1))?;
    Ok(())
}

/// By llama.cpp where that can be had. Somebody who ends it meanwhile ends all.
fn measured(settings: &Settings, available: Option<u64>) -> Result<Speed, Failure> {
    let (start, threads) = (Instant::now(), hardware::compute_threads());
    let of = |weights, memory| Speed { weights, threads, took: start.elapsed(), memory };
    match calibrate::weight_speed(settings, available) {
        Ok(weights) => Ok(of(weights, None)),
        Err(Failure::Message(why)) => {
            let memory = speed::memory_speed(threads, available, MEASURED);
            Ok(of(speed::of_memory(memory), Some((memory, why))))
        }
        Err(failure) => Err(failure),
    }
}

impl Speed {
    fn told(&self) -> String {
        let Self { weights, threads, took, memory } = self;
        let took = took.as_secs_f64();
        match memory {
            None => format!(
                "Speeds are estimated from what llama.cpp did just now: it wrote with random weights and got through \
                 {:.1} GB of them a second (measured in {took:.1} s).",
                weights / 1e9
            ),
            Some((memory, why)) => format!(
                "Speeds are estimated, for the processor alone: {threads} threads read {:.1} GB/s from memory just now \
                 (measured in {took:.1} s), of which a model reaches about {:.0} %. llama.cpp was not measured: {why}.",
                memory / 1e9,
                weights / memory * 100.0
            ),
        }
    }
}

/// Files of the catalogue's models, by the model's name.
fn on_disk() -> HashMap<String, Vec<Here>> {
    let mut here: HashMap<String, Vec<Here>> = HashMap::new();
    for candidate in discover::survey(&Surroundings::of_process()).candidates {
        let Ok(fit) = discover::examine(&candidate) else {
            continue;
        };
        if let Some(model) = fit.model {
            let quantization = fit.header.quantization;
            let file = Here { path: candidate.path, quantization, bytes: candidate.bytes };
            here.entry(model.name.clone()).or_default().push(file);
        }
    }
    here
}

fn table(purpose: Purpose, rows: &[Row]) -> String {
    let title = match purpose {
        Purpose::Suggestions => "For suggestions",
        Purpose::Edits => "For edits and explanations",
    };
    let line = |cells: [&str; 8]| {
        let widths = [32, 10, 9, 9, 10, 14, 22, 0];
        let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        format!("{}\n", padded.join(" ").trim_end())
    };
    let mut table = line([title, "format", "file", "memory", "fits", "speed", "score", "licence"]);
    for row in rows {
        let Row { model, quantization, file, memory, fits, tokens_per_second, here } = row;
        let mark = if file.is_exact { "" } else { "~" };
        let fits = match (fits, here) {
            (Fits::Well, Some(_)) => "yes, here",
            (Fits::Slowly, Some(_)) => "slow, here",
            (Fits::No, Some(_)) => "no, here",
            (Fits::Well, None) => "yes",
            (Fits::Slowly, None) => "slow",
            (Fits::No, None) => "no",
        };
        let score = model.score.as_ref();
        let score = score.map_or("".to_owned(), |score| format!("{} {:.1}", score.test, score.value));
        let licence = match &*model.limits {
            "" => model.licence.clone(),
            limits => format!("{}: {limits}", model.licence),
        };
        table += &line([
            &model.name,
            quantization,
            &format!("{mark}{}", memory::shown(file.count)),
            &memory::shown(*memory),
            fits,
            &format!("{tokens_per_second:.1} tokens/s"),
            &score,
            &licence,
        ]);
    }
    table + "\n"
}

/// One line with the command to type next.
fn recommendation(rows: &[Row]) -> String {
    let Some(row) = advice::best(rows) else {
        return "No model of the list fits into the memory that is free; the one in the binary does."
            .to_owned();
    };
    let name = &row.model.name;
    let command = match &row.here {
        Some(_) => format!("codesage --model {name}"),
        None if row.quantization == row.model.usual() => format!("codesage models pull {name}"),
        None => format!("codesage models pull {name} --quant {}", row.quantization),
    };
    let slow =
        if row.fits == Fits::Slowly { " (slower than you type; the model in the binary is not)" } else { "" };
    format!("For this machine: {command}{slow}")
}

fn object(machine: &Machine, speed: &Speed, lists: &[(Purpose, Vec<Row>); 2]) -> Value {
    let rows = |rows: &[Row]| rows.iter().map(row_object).collect::<Vec<Value>>();
    json!({
        "machine": {
            "availableBytes": machine.available,
            "threads": speed.threads,
            "weightBytesPerSecond": machine.weight_speed.round(),
            "memoryBytesPerSecond": speed.memory.as_ref().map(|(memory, _)| memory.round()),
        },
        "suggestions": rows(&lists[0].1),
        "edits": rows(&lists[1].1),
        "recommendation": recommendation(&lists[0].1),
    })
}

fn row_object(row: &Row) -> Value {
    let Row { model, quantization, file, memory, fits, tokens_per_second, here } = row;
    let all: Vec<Value> = model
        .quantizations()
        .map(|quantization| {
            let bytes = model.bytes(quantization);
            json!({
                "name": quantization,
                "bytes": bytes.map(|bytes| bytes.count),
                "exact": bytes.is_some_and(|bytes| bytes.is_exact),
            })
        })
        .collect();
    let score = model.score.as_ref();
    json!({
        "name": model.name,
        "role": format!("{:?}", model.role).to_lowercase(),
        "parameters": model.parameters,
        "licence": model.licence,
        "limits": model.limits,
        "note": model.note,
        "quantization": quantization,
        "quantizations": all,
        "fileBytes": file.count,
        "exact": file.is_exact,
        "contextTokens": model.usual_context(),
        "memoryBytes": memory,
        "fits": match fits { Fits::Well => "yes", Fits::Slowly => "slowly", Fits::No => "no" },
        "estimatedTokensPerSecond": (tokens_per_second * 10.0).round() / 10.0,
        "score": score.map(|score| json!({"test": score.test, "percent": score.value, "source": score.source})),
        "path": here,
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_speed_says_how_it_is_known() {
        let took = Duration::from_millis(1900);
        let by_llama = Speed { weights: 8.06e9, threads: 2, took, memory: None };
        expect!["Speeds are estimated from what llama.cpp did just now: it wrote with random weights and got through 8.1 GB of them a second (measured in 1.9 s)."].assert_eq(&by_llama.told());
        let memory = Some((1e10, "this program was built without llama.cpp".to_owned()));
        let by_memory = Speed { weights: speed::of_memory(1e10), memory, ..by_llama };
        expect!["Speeds are estimated, for the processor alone: 2 threads read 10.0 GB/s from memory just now (measured in 1.9 s), of which a model reaches about 70 %. llama.cpp was not measured: this program was built without llama.cpp."].assert_eq(&by_memory.told());
    }

    #[test]
    fn the_table_says_what_fits_and_what_to_type() {
        let machine = Machine { available: Some(6_000_000_000), weight_speed: 1.4e10 };
        let here = |model: &Model| {
            let file = Here { path: "a.gguf".into(), quantization: "Q8_0".into(), bytes: 531_068_128 };
            if model.name == "qwen2.5-coder-0.5b" { vec![file] } else { Vec::new() }
        };
        let mut rows = advice::rows(&machine, Purpose::Suggestions, catalog::models(), here);
        rows.retain(|row| row.model.name.starts_with("qwen") || row.model.name.starts_with("codestral"));
        expect![[r#"
            For suggestions                  format     file      memory    fits       speed          score                  licence
            qwen2.5-coder-0.5b               Q8_0       531 MB    796 MB    yes, here  26.4 tokens/s  HumanEval-FIM 77.7     Apache-2.0
            qwen2.5-coder-1.5b               Q8_0       1.6 GB    2.2 GB    slow       8.5 tokens/s   HumanEval-FIM 83.5     Apache-2.0
            qwen2.5-coder-3b                 Q8_0       3.3 GB    4.1 GB    slow       4.3 tokens/s   HumanEval-FIM 85.7     Qwen Research License: no commercial use
            qwen2.5-coder-7b                 Q4_K_M     ~4.8 GB   5.9 GB    slow       2.9 tokens/s   HumanEval-FIM 86.2     Apache-2.0
            qwen2.5-coder-14b                Q4_K_M     ~9.2 GB   13.8 GB   no         1.5 tokens/s   HumanEval-FIM 87.7     Apache-2.0
            codestral-22b                    Q4_K_M     ~13.7 GB  19.3 GB   no         1.0 tokens/s   HumanEval-FIM 82.7     Mistral AI Non-Production License: no commercial use, not in production
            qwen2.5-coder-32b                Q4_K_M     ~20.2 GB  27.2 GB   no         0.7 tokens/s   HumanEval-FIM 88.3     Apache-2.0

            For this machine: codesage --model qwen2.5-coder-0.5b
        "#]].assert_eq(&format!(
            "{}{}\n",
            table(Purpose::Suggestions, &rows),
            recommendation(&rows)
        ));
        rows.clear();
        expect!["No model of the list fits into the memory that is free; the one in the binary does."]
            .assert_eq(&recommendation(&rows));
    }
}
