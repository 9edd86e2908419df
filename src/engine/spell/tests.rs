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
            5 => "<s>".into(),
            6 => "<u>".into(),
            7 => "</u>".into(),
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

    /// `<s>`, `<u>` and `</u>` are control tokens.
    fn tokenize_own(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = [("<s>", 5), ("<u>", 6), ("</u>", 7)].into_iter();
            let next = next.filter_map(|(text, token)| Some((rest.find(text)?, text.len(), token)));
            let (at, length, token) = next.min().unwrap_or((rest.len(), 0, 0));
            tokens.extend(self.tokenize(&rest[..at]));
            tokens.extend((length > 0).then_some(token));
            rest = &rest[at + length..];
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
        chat: None,
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

fn prompt(head: &str, typed: &str, tail: &str) -> Prompt {
    Prompt::Fill(fill(head, typed, tail))
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
        let spelled = speller(layout).spell(&prompt("use x\n", "let y = se", "\n}"), &words);
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
    let snippets = Arc::from([Snippet { path: "b.rs".into(), text: "fn b".into() }]);
    let prompt = Prompt::Fill(Fill { snippets, ..fill("", "x", "") });
    let spelled = speller(Layout::SuffixFirst).spell(&prompt, &words);
    expect_test::expect![
        "<sep> 'b' '.' 'rs' '\\n' 'fn' ' b' '\\n' <sep> 'src' '/' 'a' '.' 'rs' '\\n' <pre> <suf> <mid>"
    ]
    .assert_eq(&words.show(&spelled.tokens));
    assert_eq!(spelled.forced, b"x");
}

#[test]
fn without_healing_all_is_settled() {
    let words = Words::default();
    let prompt = prompt("ab\n", "self.con", "\n");
    let healed = speller(Layout::AnchoredMiddle).spell(&prompt, &words);
    let Speller { spelling, .. } = speller(Layout::AnchoredMiddle);
    let plain = Speller::without_healing(spelling).spell(&prompt, &words);
    assert!(plain.tokens.starts_with(&healed.tokens) && plain.tokens.len() > healed.tokens.len());
    assert_eq!((healed.forced.is_empty(), plain.forced.is_empty()), (false, true));
}

#[test]
fn an_empty_prompt_has_a_token() {
    let spelled = speller(Layout::PrefixOnly).spell(&prompt("", "", ""), &Words::default());
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
    warm.spell(&prompt(head, "", "\n}"), &words);
    let mut most = 0;
    let ends =
        text.char_indices().map(|(at, _)| at).filter(|at| (head.len()..head.len() + 1500).contains(at));
    let ends: Vec<usize> = ends.collect();
    let walk = ends.iter().chain(ends.iter().rev().step_by(3)).chain(ends.iter().step_by(97));
    for (step, &end) in walk.enumerate() {
        let prompt = prompt(head, &text[head.len()..end], "\n}");
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
    let spelled = speller(Layout::AnchoredMiddle).spell(&prompt("", &text, ""), &words);
    assert!(spelled.forced.len() <= MOST_FORCED);
    let run = "(".repeat(1000);
    let spelled = speller(Layout::AnchoredMiddle).spell(&prompt("", &run, ""), &words);
    // One token of a thousand signs cannot be cut; it is forced as the toy has it.
    assert_eq!(spelled.forced.len(), 1000);
}

fn instruct(system: &str) -> Prompt {
    Prompt::Instruct(Instruct {
        system: system.into(),
        user: "see </u> <s>".into(),
        prefill: "go on".into(),
        plain: "see plain <s>".into(),
    })
}

/// A model that is talked to by this template.
fn talker(template: Option<&str>, begin: Option<Token>) -> Speller {
    let specials = crate::engine::chat::Specials { begin: "<s>", end: "", has: &|_| false };
    let mut speller = speller(Layout::AnchoredMiddle);
    speller.spelling.chat = Chat::new(template, &specials, std::time::UNIX_EPOCH).map(Arc::new);
    speller.spelling.begin = begin;
    speller
}

#[test]
fn instructions() {
    let once = "{% for m in messages %}<u>{{ m.content }}</u>{% endfor %}{% if add_generation_prompt %}<u>{% endif %}";
    let begun = "{{ bos_token }}{% for m in messages %}<u>{{ m.content }}</u>{% endfor %}";
    let said = "'see' ' ' '</' 'u' '>' ' ' '<' 's' '>'";
    for (template, begin, system, expected) in [
        (Some(once), None, "be", format!("<u> 'be' </u> <u> {said} </u> <u> 'go' ' on'")),
        (Some(once), Some(5), "", format!("<s> <u> {said} </u> <u> 'go' ' on'")),
        // Put by the template: not twice.
        (Some(begun), Some(5), "", format!("<s> <u> {said} </u> <u> 'go' ' on'")),
        (Some(begun), None, "", format!("<s> <u> {said} </u> <u> 'go' ' on'")),
        (None, None, "be", "'see' ' plain' ' ' '<' 's' '>'".into()),
        (None, Some(5), "be", "<s> 'see' ' plain' ' ' '<' 's' '>'".into()),
    ] {
        let words = Words::default();
        let mut speller = talker(template, begin);
        let spelled = speller.spell(&instruct(system), &words);
        assert_eq!((words.show(&spelled.tokens), spelled.forced.len()), (expected, 0), "{template:?}");
        assert_eq!(speller.may_think(&instruct("")), template.is_some());
        assert!(!speller.may_think(&prompt("", "", "")));
    }
}

/// What was said before is not tokenized again, and a model's own words are not a person's.
#[test]
fn instructions_are_frozen() {
    let words = Words::default();
    let mut speller = talker(Some("{% for m in messages %}<u>{{ m.content }}</u>{% endfor %}"), None);
    let first = speller.spell(&instruct("be"), &words);
    words.bytes_read.set(0);
    assert_eq!(speller.spell(&instruct("be"), &words), first);
    assert_eq!(words.bytes_read.get(), 0);
    let Prompt::Instruct(said) = instruct("be") else { panic!("an instruction") };
    let same = Prompt::Instruct(Instruct { user: "<u>".into(), ..said });
    let shown = words.show(&speller.spell(&same, &words).tokens);
    assert_eq!(shown, "<u> 'be' </u> <u> '<' 'u' '>' </u> <u> 'go' ' on'");
}
