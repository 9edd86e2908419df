//! Spelling with a toy vocabulary: words, runs of blanks and single signs, learned as they come.

use std::cell::{Cell, RefCell};

use super::*;
use crate::context::Snippet;

/// Tokens from 100 up are texts; below are control tokens. Splits as a pre-tokenizer does: a blank joins the word
/// after it, runs of blanks and of signs stay together.
#[derive(Default)]
struct Words {
    texts: RefCell<Vec<&'static str>>,
    bytes_read: Cell<usize>,
}

impl Words {
    fn id(&self, text: &str) -> Token {
        let mut texts = self.texts.borrow_mut();
        let index = texts.iter().position(|known| *known == text).unwrap_or_else(|| {
            texts.push(Box::leak(text.to_string().into_boxed_str()));
            texts.len() - 1
        });
        100 + index as Token
    }

    fn show(&self, tokens: &[Token]) -> String {
        let show = |&token: &Token| match token {
            1 => "<pre>".into(),
            2 => "<suf>".into(),
            3 => "<mid>".into(),
            4 => "<sep>".into(),
            _ => format!("{:?}", self.texts.borrow()[token as usize - 100]).replace('"', "'"),
        };
        tokens.iter().map(show).collect::<Vec<String>>().join(" ")
    }
}

impl Tokenizer for Words {
    fn tokenize(&self, text: &str) -> Vec<Token> {
        self.bytes_read.set(self.bytes_read.get() + text.len());
        let class = |c: char| match c {
            'a'..='z' | 'A'..='Z' => 0,
            ' ' | '\t' => 1,
            '\n' => 2,
            _ => 3,
        };
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            let start = at;
            if chars[at] == ' ' && chars.get(at + 1).is_some_and(|&c| class(c) == 0) {
                at += 1;
            }
            let kind = class(chars[at]);
            while at < chars.len() && class(chars[at]) == kind {
                at += 1;
            }
            // In a run of blanks before a word the last one joins the word.
            if kind == 1 && at - start > 1 && chars.get(at).is_some_and(|&c| class(c) == 0) {
                at -= 1;
            }
            tokens.push(self.id(&chars[start..at].iter().collect::<String>()));
        }
        tokens
    }

    fn piece(&self, token: Token) -> &[u8] {
        usize::try_from(token - 100)
            .ok()
            .and_then(|index| self.texts.borrow().get(index).copied())
            .map_or(b"", str::as_bytes)
    }
}

fn speller(layout: Layout) -> Speller {
    let fim = FimTokens { prefix: 1, suffix: 2, middle: Some(3) };
    Speller::new(Spelling {
        layout,
        begin: None,
        fim: Some(fim),
        separator: Some(4),
        file_header: "{path}\n".into(),
        filler: 0,
    })
}

fn fill(head: &str, typed: &str, tail: &str) -> Fill {
    Fill {
        snippets: Arc::from([]),
        path: "src/a.rs".into(),
        head: head.into(),
        tail: tail.into(),
        typed: typed.into(),
    }
}

#[test]
fn layouts() {
    for (layout, expected) in [
        (Layout::AnchoredMiddle, "<pre> 'use' ' x' '\\n' <suf> '\\n' '}' <mid> 'let' ' y'"),
        (Layout::SuffixFirst, "<pre> <suf> '\\n' '}' <mid> 'use' ' x' '\\n' 'let' ' y'"),
        (Layout::SuffixPrefixMiddle, "<suf> '\\n' '}' <pre> 'use' ' x' '\\n' 'let' ' y' <mid>"),
        (Layout::PrefixOnly, "'use' ' x' '\\n' 'let' ' y'"),
    ] {
        let words = Words::default();
        let spelled = speller(layout).spell(&fill("use x\n", "let y = se", "\n}"), &words);
        // ` =` is settled, as the word after it begins with its own blank; the toy joins neither.
        let shown = words.show(&spelled.tokens);
        assert!(shown.starts_with(expected.trim_end_matches(" <mid>")), "{layout:?}: {shown}");
        assert_eq!(shown.ends_with("<mid>"), layout == Layout::SuffixPrefixMiddle);
        assert_eq!(spelled.forced, b" se");
    }
}

#[test]
fn files_stand_first_and_only_where_there_are_some() {
    let words = Words::default();
    let mut prompt = fill("", "x", "");
    prompt.snippets = Arc::from([Snippet { path: "b.rs".into(), text: "fn b".into() }]);
    let spelled = speller(Layout::SuffixFirst).spell(&prompt, &words);
    expect_test::expect![
        "<sep> 'b' '.' 'rs' '\\n' 'fn' ' b' '\\n' <sep> 'src' '/' 'a' '.' 'rs' '\\n' <pre> <suf> <mid>"
    ]
    .assert_eq(&words.show(&spelled.tokens));
    assert_eq!(spelled.forced, b"x");
}

#[test]
fn an_empty_prompt_has_a_token() {
    let spelled = speller(Layout::PrefixOnly).spell(&fill("", "", ""), &Words::default());
    assert_eq!(spelled.tokens, [0]);
}

/// Every cursor position of a text, forwards and back with jumps: warm tokens are cold tokens, and a keystroke reads
/// few bytes.
#[test]
fn warm_is_cold() {
    let text = include_str!("../spell.rs");
    let head = &text[..text.len() / 2];
    let words = Words::default();
    let mut warm = speller(Layout::SuffixFirst);
    warm.spell(&fill(head, "", "\n}"), &words);
    let mut most = 0;
    let ends =
        text.char_indices().map(|(at, _)| at).filter(|at| (head.len()..head.len() + 1500).contains(at));
    let ends: Vec<usize> = ends.collect();
    let walk = ends.iter().chain(ends.iter().rev().step_by(3)).chain(ends.iter().step_by(97));
    for (step, &end) in walk.enumerate() {
        let prompt = fill(head, &text[head.len()..end], "\n}");
        words.bytes_read.set(0);
        let spelled = warm.spell(&prompt, &words);
        if step < ends.len() {
            most = most.max(words.bytes_read.get());
        }
        let cold = speller(Layout::SuffixFirst).spell(&prompt, &words);
        assert_eq!(spelled, cold, "at byte {end}");
    }
    assert!(most < 400, "a keystroke tokenized {most} bytes");
}

#[test]
fn an_endless_run_is_not_forced_whole() {
    let words = Words::default();
    let text = "ab(".repeat(500) + &"x".repeat(40);
    let spelled = speller(Layout::AnchoredMiddle).spell(&fill("", &text, ""), &words);
    assert!(spelled.forced.len() <= MOST_FORCED);
    let run = "(".repeat(1000);
    let spelled = speller(Layout::AnchoredMiddle).spell(&fill("", &run, ""), &words);
    // One token of a thousand signs cannot be cut; it is forced as the toy has it.
    assert_eq!(spelled.forced.len(), 1000);
}
