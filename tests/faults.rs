//! What goes wrong with edits, and what becomes of it: every way in which a model, a person or a client is known to
//! spoil one, as tables of cases.
//!
//! Each row goes the way of an editor's code action, with a model that says what the row has it say: it ends in a text
//! that is right to the byte, in a preview, or in a refusal with the code of what stopped it.

#[path = "faults/additions.rs"]
mod additions;
#[path = "faults/again.rs"]
mod again;
#[path = "faults/form.rs"]
mod form;
#[path = "faults/fuzz.rs"]
mod fuzz;
#[path = "faults/guards.rs"]
mod guards;
#[path = "faults/habits.rs"]
mod habits;
#[path = "faults/ladder.rs"]
mod ladder;
#[path = "faults/lost.rs"]
mod lost;
#[path = "faults/meanwhile.rs"]
mod meanwhile;
#[path = "faults/progress.rs"]
mod progress;
#[path = "support/scene.rs"]
mod scene;
#[path = "faults/set.rs"]
mod set;
#[path = "faults/start.rs"]
mod start;

use codesage::edit::Action;
use scene::{Ended, Scene};

/// A file of Rust, the cursor in a method of it.
const RUST: &str = "\
use std::fmt;

/// A price in cents.
pub struct Price(u64);

impl Price {
    pub fn doubled(&self) -> u64 {
        let cents = self.0;$0
        cents * 2
    }

    fn label(&self) -> String {
        format!(\"{} ct\", self.0)
    }
}
";

/// What the region of [`RUST`] is.
const DOUBLED: &str = "    pub fn doubled(&self) -> u64 {
        let cents = self.0;
        cents * 2
    }";

/// What a good answer makes of it.
const BETTER: &str = "    pub fn doubled(&self) -> u64 {
        self.0 * 2
    }";

/// A file of Python, the cursor in a function of it.
const PYTHON: &str = "\
import math


def area(radius):
    square = radius * radius$0
    return math.pi * square


def edge(radius):
    return 2 * math.pi * radius
";

const AREA: &str = "def area(radius):
    square = radius * radius
    return math.pi * square";

const BETTER_AREA: &str = "def area(radius):
    return math.pi * radius**2";

/// What a row must end in.
#[derive(Clone, Debug)]
enum Must {
    /// This text.
    Apply(String),
    /// A preview of this text, with the code of the guard.
    Preview(&'static str, String),
    /// A refusal with this code, whose sentence has all of these in it.
    Refuse(&'static str, Vec<String>),
    /// This prose.
    Answer(&'static str),
}

/// What is shown when it fails, the scene, and its end.
type Row = (&'static str, Scene, Must);

async fn check(rows: impl IntoIterator<Item = Row>) {
    let mut wrong = Vec::new();
    for (name, scene, must) in rows {
        let seen = scene.play().await;
        let is_right = match (&must, &seen.ended) {
            (Must::Apply(expected), Ended::Applied(text)) => expected == text,
            (Must::Preview(code, expected), Ended::Preview(guard, _, text)) => {
                code == guard && expected == text
            }
            (Must::Refuse(code, parts), Ended::Refused(guard, sentence)) => {
                code == guard
                    && parts.iter().all(|part| sentence.contains(part.as_str()))
                    && is_sentence(sentence)
            }
            (Must::Answer(expected), Ended::Answer(prose)) => expected == prose,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{name}: {:?}\n  not {must:?}", seen.ended));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// Something that a person can read: it begins like a sentence and ends like one.
fn is_sentence(text: &str) -> bool {
    text.starts_with(char::is_uppercase) && text.ends_with('.') && text.len() > 20
}

fn rust(action: Action) -> Scene {
    Scene::new("src/price.rs", RUST, action)
}

fn python(action: Action) -> Scene {
    Scene::new("shapes.py", PYTHON, action)
}

/// The file of [`RUST`] with `method` in place of [`DOUBLED`].
fn rust_with(method: &str) -> String {
    RUST.replace("$0", "").replacen(DOUBLED, method, 1)
}

/// The file of [`PYTHON`] with `function` in place of [`AREA`].
fn python_with(function: &str) -> String {
    PYTHON.replace("$0", "").replacen(AREA, function, 1)
}

fn applies(text: impl Into<String>) -> Must {
    Must::Apply(text.into())
}

fn refuses(code: &'static str, parts: &[&str]) -> Must {
    Must::Refuse(code, parts.iter().map(|part| (*part).to_owned()).collect())
}
