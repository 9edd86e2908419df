//! The model in the box, through the whole program: the file is the one that its card describes, and it does the few
//! things that it is there for.
#![cfg(feature = "llama")]

#[path = "support/process.rs"]
#[expect(dead_code, reason = "tests/whole.rs uses the rest")]
mod process;

use std::fs;
use std::path::Path;

use codesage::models::catalog::{self, Layout};
use codesage::models::{builtin, gguf};
use process::Process;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn capabilities() -> Value {
    json!({ "textDocument": { "inlineCompletion": {} }, "general": { "positionEncodings": ["utf-8"] } })
}

#[test]
fn it_is_the_file_that_the_card_describes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/builtin");
    let bytes = fs::read(folder.join("codesage-mini-q8_0.gguf")).unwrap();
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let card = fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(card.contains(&sum), "models/builtin/README.md does not have the SHA-256 {sum}");
    assert!(bytes.len() <= 40 << 20, "{} bytes", bytes.len());
}

#[test]
fn its_tokens_are_those_that_it_was_taught() {
    let folder = tempfile::tempdir().unwrap();
    let header = gguf::check(&builtin::unpack(folder.path()).unwrap()).unwrap();
    let spelling = catalog::spelling(&header);
    assert_eq!(spelling.layout, Layout::SuffixFirst);
    // `models/builtin/tokenizer.py` puts them first.
    let ids = [spelling.pre, spelling.suf, spelling.mid, spelling.sep];
    assert_eq!(ids, [Some(1), Some(3), Some(2), Some(6)]);
    for (id, text) in
        [(1, "<|fim_prefix|>"), (2, "<|fim_middle|>"), (3, "<|fim_suffix|>"), (6, "<|file_sep|>")]
    {
        assert_eq!(header.vocabulary.id(text), Some(id), "{text}");
    }
}

/// The suggestion at `$0` in `marked`, with other files open.
fn suggested(marked: &str, name: &str, others: &[(&str, &str)]) -> String {
    suggested_with(&[], marked, name, others)
}

/// The same, with more on the command line.
fn suggested_with(arguments: &[&str], marked: &str, name: &str, others: &[(&str, &str)]) -> String {
    let mut server = Process::spawn_with(None, arguments, &[]).initialized(capabilities());
    assert_eq!(server.settled()["state"], "ready");
    let language = |name: &str| if name.ends_with(".py") { "python" } else { "rust" };
    for (other, text) in others {
        server.open(&format!("file:///project/{other}"), language(other), text);
    }
    let at = marked.find("$0").unwrap();
    let line = marked[..at].matches('\n').count();
    let column = at - marked[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let uri = format!("file:///project/{name}");
    server.open(&uri, language(name), &marked.replacen("$0", "", 1));
    let items = server.inline(&uri, (line, column));
    let text = items.first().and_then(|item| item["insertText"].as_str()).unwrap_or_default().to_owned();
    server.finish();
    text
}

/// The cursor stands inside a token of the whole text: `val` is `values` begun.
#[test]
fn it_goes_on_inside_a_word() {
    let marked = "fn sum(values: &[u32]) -> u32 {\n    let first = values[0];\n    let second = values[1];\n    \
                  let third = val$0\n    first + second + third\n}\n";
    let text = suggested(marked, "sum.rs", &[]);
    assert!(text.starts_with("ues["), "{text:?}");
}

/// Files are followed by what computes, not by the model: without that, what is written is the model's own.
const ITS_OWN: &[&str] = &["--without", "precedents"];

/// A name that only another file has, begun: with that file open it is written to its end.
#[test]
fn it_copies_a_name_from_another_file() {
    let other = "class Desk:\n    def tariff_for(self, days: int) -> int:\n        return self.tariff_for(days - 1)\n\n    \
                 def tariff_for_all(self, days):\n        return self.tariff_for(days)\n";
    let marked = "def total(desk, days):\n    fine = desk.tariff_$0\n    return fine\n";
    let text = suggested_with(ITS_OWN, marked, "total.py", &[("fines.py", other)]);
    assert!(text.starts_with("for("), "{text:?}");
    let alone = suggested_with(ITS_OWN, marked, "total.py", &[]);
    assert!(!alone.starts_with("for("), "{alone:?}");
}

/// Far above, beyond what it reads, the file does after the same lines what nobody could guess.
#[test]
fn it_goes_on_as_the_file_does_elsewhere() {
    let filler: String = (0..600).map(|n| format!("NUMBER_{n} = {n}\n")).collect();
    let marked = format!(
        "def first(request):\n    if not is_trusted(request):\n        raise UntrustedError(request, why=\"no seal\")\n    \
         return gate(request)\n\n{filler}def second(request):\n    if not is_trusted(request):\n        $0\n    \
         return gate(request)\n"
    );
    let expected = "raise UntrustedError(request, why=\"no seal\")";
    assert_eq!(suggested(&marked, "gates.py", &[]), expected);
    // With half a word typed, which is healed.
    let begun = marked.replace("$0", "rai$0");
    assert_eq!(suggested(&begun, "gates.py", &[]), expected.trim_start_matches("rai"));
    let alone = suggested_with(ITS_OWN, &marked, "gates.py", &[]);
    assert_ne!(alone, expected);
}

/// And as another open file of the language does, where other files may be read.
#[test]
fn it_goes_on_as_another_file_does() {
    let other = "def first(request):\n    if not is_trusted(request):\n        raise UntrustedError(request, why=\"no seal\")\n    \
                 return gate(request)\n";
    let marked =
        "def second(request):\n    if not is_trusted(request):\n        $0\n    return gate(request)\n";
    let expected = "raise UntrustedError(request, why=\"no seal\")";
    assert_eq!(suggested(marked, "gates.py", &[("first.py", other)]), expected);
    assert_ne!(suggested(marked, "gates.py", &[("first.rs", other)]), expected);
    let settings = tempfile::NamedTempFile::new().unwrap();
    fs::write(settings.path(), "[context]\ncrossFile = false\n").unwrap();
    let alone = &["--config", settings.path().to_str().unwrap()];
    assert_ne!(suggested_with(alone, marked, "gates.py", &[("first.py", other)]), expected);
}
