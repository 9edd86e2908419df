//! What a keystroke costs before any model is asked: the edit, the tree, the chunks, the columns, the precedents.
//!
//! The goal is a change of a 10,000-line document visible in a snapshot within 1 ms at the 99th percentile.

use std::hint::black_box;

use codesage::completion::precedent::precedents;
use codesage::syntax::{Language, chunk, scope, tree};
use codesage::text::{Change, Document, DocumentStore, Encoding, Position};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ropey::Rope;
use url::Url;

const RUST: &str = include_str!("../fixtures/source/interval.rs");
const PYTHON: &str = include_str!("../fixtures/source/ledger.py");

/// A source repeated to 10,000 lines.
fn long(source: &str) -> String {
    let lines = source.lines().count();
    source.repeat(10_000 / lines + 1)
}

fn type_at(line: u32, column: u32) -> [Change; 1] {
    let place = Position { line, column };
    [Change { range: Some(place..place), text: "x".to_owned() }]
}

fn change_to_snapshot(c: &mut Criterion) {
    let uri = Url::parse("file:///bench.rs").expect("a URI");
    let store = DocumentStore::default();
    let document = store.open(uri.clone(), "rust", 0, &long(RUST));
    document.tree();
    let mut version = 0;
    c.bench_function("didChange to snapshot, 10,000 lines", |b| {
        b.iter(|| {
            version += 1;
            store.change(&uri, version, &type_at(5_000, 3), Encoding::Utf16);
            black_box(store.snapshot(&uri))
        });
    });
    let full = [Change { range: None, text: long(RUST) }];
    c.bench_function("full-text didChange to snapshot, 10,000 lines", |b| {
        b.iter(|| {
            version += 1;
            store.change(&uri, version, &full, Encoding::Utf16);
            black_box(store.snapshot(&uri))
        });
    });
}

fn positions(c: &mut Criterion) {
    let rope = Rope::from_str(&long(RUST));
    let place = Position { line: 5_000, column: 20 };
    for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
        c.bench_function(&format!("position to offset and back, {encoding:?}"), |b| {
            b.iter(|| encoding.position(&rope, encoding.offset(&rope, black_box(place))));
        });
    }
    let line = Rope::from_str(&"é🦀".repeat(100_000));
    let place = Position { line: 0, column: 150_000 };
    c.bench_function("position to offset and back, 200,000-character line", |b| {
        b.iter(|| Encoding::Utf16.position(&line, Encoding::Utf16.offset(&line, black_box(place))));
    });
}

fn parses(c: &mut Criterion) {
    for (id, source) in [("rust", RUST), ("python", PYTHON)] {
        let language = Language::of(id, "");
        let document = Document::new(language, 0, &long(source));
        let parsed = document.tree().cloned();
        c.bench_function(&format!("parse after one key, 10,000 lines of {id}"), |b| {
            b.iter_batched(
                || document.edited(1, &type_at(5_000, 3), Encoding::Utf16).0,
                |edited| black_box(edited.tree().is_some()),
                BatchSize::SmallInput,
            );
        });
        c.bench_function(&format!("parse afresh, 10,000 lines of {id}"), |b| {
            b.iter(|| tree::parse(language, document.rope(), None));
        });
        c.bench_function(&format!("chunks, 10,000 lines of {id}"), |b| {
            b.iter(|| chunk::chunks(language, document.rope(), parsed.as_ref()));
        });
        let offset = document.rope().line_to_byte(5_000);
        c.bench_function(&format!("extent, 10,000 lines of {id}"), |b| {
            b.iter(|| scope::extent(language, document.rope(), parsed.as_ref(), black_box(offset)));
        });
        c.bench_function(&format!("trial of a candidate, 10,000 lines of {id}"), |b| {
            b.iter(|| {
                let trial = scope::Trial::new(language, document.rope(), parsed.as_ref(), offset..offset);
                trial.map(|mut trial| trial.errors_with("x = 1\n"))
            });
        });
    }
}

fn looking_for_precedents(c: &mut Criterion) {
    let rope = Rope::from_str(&long(RUST));
    let others = vec![rope.clone(); 12];
    let start = rope.line_to_byte(5_000);
    let rest = rope.byte_slice(start..).to_string();
    let typed = start + rest.find("self.").map_or(0, |at| at + "self.".len());
    for (name, offset) in [("at the start of a line", start), ("behind what is typed", typed)] {
        c.bench_function(&format!("precedents {name}, 10,000 lines and twelve files open"), |b| {
            b.iter(|| precedents(&rope, black_box(offset), black_box(&others)));
        });
    }
}

criterion_group!(benches, change_to_snapshot, positions, parses, looking_for_precedents);
criterion_main!(benches);
