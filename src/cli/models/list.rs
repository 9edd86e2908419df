//! `codesage models list`: the catalogue, as this machine sees it.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::super::{Failure, Session};
use super::padded;
use crate::models::advice::{self, Fits, Here, Machine, Purpose, Row};
use crate::models::catalog::{self, Model};
use crate::models::discover::{self, Surroundings};
use crate::models::{hardware, memory, speed};

/// Of measuring; having the memory to read takes as long again.
const MEASURED: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub struct Options {
    /// Print one object
    #[arg(long)]
    json: bool,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let here = on_disk();
    let (threads, available) = (hardware::compute_threads(), hardware::available_memory());
    let start = Instant::now();
    let memory_speed = speed::memory_speed(threads, available, MEASURED);
    let took = start.elapsed();
    let machine = Machine { available, memory_speed };
    let of = |model: &Model| here.get(&model.name).cloned().unwrap_or_default();
    let lists =
        Purpose::BOTH.map(|purpose| (purpose, advice::rows(&machine, purpose, catalog::models(), of)));
    let mut output = session.output;
    if options.json {
        writeln!(output, "{:#}", object(&machine, threads, &lists))?;
        return Ok(());
    }
    for (purpose, rows) in &lists {
        write!(output, "{}", table(*purpose, rows))?;
    }
    let free = available.map_or("an unknown part".to_owned(), memory::shown);
    writeln!(
        output,
        "Speeds are estimated, for the processor alone: {threads} threads read {:.1} GB/s from memory just now (measured \
         in {:.1} s). Free memory: {free}. A size with ~ is computed.",
        machine.memory_speed / 1e9,
        took.as_secs_f64()
    )?;
    writeln!(output, "{}", recommendation(&lists[0].1))?;
    Ok(())
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

fn object(machine: &Machine, threads: u32, lists: &[(Purpose, Vec<Row>); 2]) -> Value {
    let rows = |rows: &[Row]| rows.iter().map(row_object).collect::<Vec<Value>>();
    json!({
        "machine": {
            "availableBytes": machine.available,
            "threads": threads,
            "memoryBytesPerSecond": machine.memory_speed.round(),
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
    fn the_table_says_what_fits_and_what_to_type() {
        let machine = Machine { available: Some(6_000_000_000), memory_speed: 2e10 };
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
