//! Tables of cases for `gather`.

use expect_test::{Expect, expect};

use super::*;
use crate::syntax::Language;

fn document(path: &str, text: &str) -> Arc<Document> {
    Arc::new(Document::new(Language::of("", path), 1, text))
}

fn source(path: &str, recency: u64, text: &str) -> Source {
    Source { path: path.into(), document: document(path, text), recency }
}

/// Tokens as the tests count them.
fn tokens(snippet: &Snippet) -> usize {
    words(&snippet.text).count() + 1
}

fn ask(here: &str, sources: &[Source], previous: &Context, budget: usize) -> Context {
    let offset = here.find("$0").expect("a cursor");
    let here = document("here.rs", &here.replacen("$0", "", 1));
    gather(&here, offset, sources, previous, budget, &mut tokens)
}

fn check(context: &Context, expected: Expect) {
    let shown: String =
        context.snippets.iter().map(|snippet| format!("== {}\n{}\n", snippet.path, snippet.text)).collect();
    expected.assert_eq(&shown);
}

const SHAPES: &str = "\
/// A circle.
pub struct Circle {
    radius: f64,
}

impl Circle {
    pub fn scaled_area(&self, factor: f64) -> f64 {
        self.radius * factor
    }
}

fn unrelated_thing() -> u8 {
    7
}
";
const COLORS: &str =
    "pub enum Color {\n    Red,\n    Green,\n}\n\npub fn paint(color: Color) {\n    brush(color);\n}\n";
const HERE: &str =
    "fn main() {\n    let circle = Circle::new();\n    circle.scaledArea($0\n    paint(x);\n}\n";

#[test]
fn what_is_named_round_the_cursor_is_found() {
    let sources = [source("shapes.rs", 1, SHAPES), source("colors.rs", 2, COLORS)];
    let context = ask(HERE, &sources, &Context::default(), 100);
    check(
        &context,
        expect![[r#"
            == shapes.rs
            /// A circle.
            pub struct Circle {
                radius: f64,
            }
            == shapes.rs
            impl Circle {
                pub fn scaled_area(&self, factor: f64) -> f64 {
                    self.radius * factor
                }
            }
            == colors.rs
            pub fn paint(color: Color) {
                brush(color);
            }
        "#]],
    );
}

#[test]
fn nothing_is_quoted_for_nothing() {
    let sources = [source("shapes.rs", 1, SHAPES)];
    assert_eq!(ask("$0", &sources, &Context::default(), 100), Context::default());
    assert_eq!(ask(HERE, &[], &Context::default(), 100), Context::default());
    assert_eq!(ask(HERE, &sources, &Context::default(), 0), Context::default());
}

#[test]
fn the_budget_is_exact() {
    let sources = [source("shapes.rs", 1, SHAPES), source("colors.rs", 2, COLORS)];
    for budget in 0..60 {
        let context = ask(HERE, &sources, &Context::default(), budget);
        assert!(context.snippets.iter().map(tokens).sum::<usize>() <= budget);
    }
}

#[test]
fn near_duplicates_are_left_out() {
    let copy = HERE.replace("$0", "").replace("main", "principal");
    let sources = [source("copy.rs", 3, &copy), source("a.rs", 1, COLORS), source("b.rs", 2, COLORS)];
    let context = ask(HERE, &sources, &Context::default(), 1000);
    assert!(context.snippets.iter().all(|snippet| snippet.path != "copy.rs"), "the window itself");
    assert!(context.snippets.iter().all(|snippet| snippet.path != "a.rs"), "the older of two equal ones");
    assert!(!context.snippets.is_empty());
}

#[test]
fn what_was_chosen_stays_in_its_place() {
    let sources = [source("shapes.rs", 1, SHAPES), source("colors.rs", 2, COLORS)];
    let first = ask(HERE, &sources, &Context::default(), 100);
    assert!(first.snippets.len() > 1);
    // Another order of the sources, another recency, another rank.
    let other = HERE.replace("$0", "paint(Color::Red); paint(Color::Green); $0");
    let touched = [source("colors.rs", 8, COLORS), source("shapes.rs", 9, SHAPES)];
    let second = ask(&other, &touched, &first, 100);
    assert_eq!(second.snippets[..first.snippets.len()], first.snippets);
    // A snippet whose text changed goes, and the others keep their order.
    let edited = SHAPES.replace("radius", "diameter");
    let third = ask(HERE, &[source("colors.rs", 8, COLORS), source("shapes.rs", 9, &edited)], &first, 100);
    let stayed: Vec<_> = first.snippets.iter().filter(|snippet| third.snippets.contains(snippet)).collect();
    assert_eq!(stayed, third.snippets.iter().take(stayed.len()).collect::<Vec<_>>());
}

#[test]
fn only_the_last_is_replaced_and_by_a_much_better_one() {
    let candidate = |text: &str, score| Candidate {
        snippet: Snippet { path: "a".into(), text: text.into() },
        score,
        recency: 0,
        start: 0,
    };
    let previous = Context { snippets: vec![candidate("one", 1.0).snippet, candidate("two", 1.0).snippet] };
    for (score, expected) in [(1.4, ["one", "two"]), (1.6, ["one", "new"])] {
        let candidates = vec![candidate("new", score), candidate("one", 1.0), candidate("two", 1.0)];
        let context = choose(candidates, &previous, 2, &mut |_| 1);
        let texts: Vec<_> = context.snippets.iter().map(|snippet| &*snippet.text).collect();
        assert_eq!(texts, expected, "{score}");
    }
}

#[test]
fn large_chunks_are_quoted_in_part() {
    let body: String =
        (0..80).map(|line| format!("    let circle_{line} = circle.scaledArea({line});\n")).collect();
    let text = format!("pub fn draw(circle: &Circle) {{\n{body}}}\n");
    let context = ask(HERE, &[source("draw.rs", 1, &text)], &Context::default(), 10_000);
    let quoted = &context.snippets[0].text;
    assert!(quoted.len() <= BODY && quoted.starts_with("pub fn draw") && quoted.ends_with(");"), "{quoted}");
}

#[test]
fn a_hundred_documents_give_the_same_every_time() {
    let sources: Vec<Source> = (0..100)
        .map(|number| {
            source(&format!("{number}.rs"), number % 7, &SHAPES.replace("Circle", &format!("Circle{number}")))
        })
        .collect();
    let first = ask(HERE, &sources, &Context::default(), 300);
    let reversed: Vec<Source> = sources
        .iter()
        .rev()
        .map(|source| Source {
            path: source.path.clone(),
            document: source.document.clone(),
            recency: source.recency,
        })
        .collect();
    assert!(!first.snippets.is_empty() && first.snippets.len() <= MOST);
    assert_eq!(ask(HERE, &reversed, &Context::default(), 300), first);
}
