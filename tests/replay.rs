//! `codesage bench replay` and `bench model` as programs: what they print, and the gates that the counters must pass.
//!
//! Counters are exact, so they are asserted; times are printed by the command and asserted nowhere. Each gate is seen
//! to fail with the part that it guards switched off.

#[cfg(feature = "llama")]
#[path = "replay/against.rs"]
mod against;
#[cfg(feature = "llama")]
#[path = "replay/cold.rs"]
mod cold;
#[cfg(feature = "llama")]
#[path = "replay/gates.rs"]
mod gates;

use std::path::Path;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_codesage"))
        .arg("bench")
        .args(arguments)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env_remove("CODESAGE_MODEL")
        .env_remove("CODESAGE_CONFIG")
        .output()
        .expect("the program runs")
}

fn written(shape: &str, out: &Path) -> Vec<u8> {
    let ended = bench(&["model", "--shape", shape, "--quant", "q4_0", "--out", &out.to_string_lossy()]);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    std::fs::read(out).unwrap()
}

#[test]
fn a_model_of_a_real_shape_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = written("tiny", &folder.path().join("a.gguf"));
    assert_eq!(first, written("tiny", &folder.path().join("b.gguf")));
    let header = codesage::models::gguf::check_bytes(&first).unwrap();
    assert_eq!((header.architecture.as_str(), header.vocabulary.len()), ("qwen2", 151_936));
    // Nothing else is left beside them.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let nowhere = folder.path().join("none").join("c.gguf");
    assert_eq!(
        bench(&["model", "--shape", "tiny", "--out", &nowhere.to_string_lossy()]).status.code(),
        Some(1)
    );
}

#[test]
fn source_text_is_sent_to_no_other_machine() {
    for address in ["http://192.0.2.1:8012", "http://example.com", "https://127.0.0.1:8012", "127.0.0.1:8012"]
    {
        assert_eq!(bench(&["replay", "--against", address]).status.code(), Some(2), "{address}");
    }
}
