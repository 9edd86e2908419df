//! A comparison with a server that answers as llama-server does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::bench;
use super::gates::replay;

/// Answers as llama-server does, as if a token were a byte, until it has answered so many.
fn infill(answers: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let left = std::sync::Arc::new(std::sync::Mutex::new((answers, String::new())));
        for stream in listener.incoming().map_while(Result::ok) {
            let left = left.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                    let is_infill = line.contains(" /infill ");
                    let mut length = 0;
                    while !line.trim().is_empty() {
                        line.clear();
                        reader.read_line(&mut line).unwrap();
                        let header = line.to_lowercase();
                        length = header
                            .strip_prefix("content-length: ")
                            .map_or(length, |n| n.trim().parse().unwrap());
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                    let mut left = left.lock().unwrap();
                    let reply = if is_infill {
                        let Some(fewer) = left.0.checked_sub(1) else { return };
                        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
                        let prompt = text("input_prefix") + &text("prompt") + "|" + &text("input_suffix");
                        let common = left.1.bytes().zip(prompt.bytes()).take_while(|(a, b)| a == b).count();
                        let read = prompt.len() - common;
                        *left = (fewer, prompt);
                        json!({
                            "content": "x();\n", "timings/prompt_n": read, "timings/cache_n": common,
                            "timings/predicted_n": 3, "timings/predicted_ms": 0.0,
                        })
                    } else {
                        json!({"model_path": "same.gguf", "build_info": "b1"})
                    };
                    let reply = reply.to_string();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", reply.len());
                    (&stream).write_all((head + &reply).as_bytes()).unwrap();
                    line.clear();
                }
            });
        }
    });
    address
}

#[test]
fn a_comparison_tells_both_and_the_ratios() {
    let short = ["--rounds", "3", "--runs", "1", "--keys", "25", "--tokens", "4"];
    let address = infill(usize::MAX);
    let report = replay(&[&["--against", &address], &short[..]].concat());
    let (ours, theirs) = (&report["arms"]["codesage"], &report["arms"]["infill"]);
    // The same keys; those of the first round are not counted.
    assert_eq!(ours["pressed"], theirs["pressed"]);
    for arm in [ours, theirs] {
        assert_eq!(arm["keys"]["cold"]["evaluatedTokens"]["samples"], 2);
    }
    assert_eq!(theirs["about"]["model"]["path"], "same.gguf");
    let ratio = &report["ratios"]["evaluatedTokens"];
    assert!(ratio["ratio"].as_f64() > Some(50.0), "{ratio}");
    for name in ["promptTokens", "firstTokenMs", "answerMs"] {
        assert!(report["ratios"][name]["infill"].as_f64() > Some(0.0), "{name}: {report:#}");
    }
    // As a table too, and not by half.
    let ended = bench(&[&["replay", "--against", &infill(usize::MAX)], &short[..]].concat());
    let table = String::from_utf8(ended.stdout).unwrap();
    assert!(table.contains("prompt tokens evaluated a key"), "{table}");
    let address = infill(9);
    let ended = bench(&[&["replay", "--against", &address], &short[..]].concat());
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(1), 0));
    assert!(
        String::from_utf8_lossy(&ended.stderr).contains(&format!("--against {address}: it cannot be asked"))
    );
}
