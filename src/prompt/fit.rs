//! Cutting the frozen texts so that a prompt fits, by exact counts, once for each anchor.
//!
//! Counting is exact and costs what tokenizing costs, so the searches guess by proportion first. They assume that
//! more text has more tokens; where a vocabulary is odd they keep too little, never too much.

/// Shares of a prompt budget, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    pub head: usize,
    pub tail: usize,
    pub snippets: usize,
}

impl Shares {
    pub fn sum(&self) -> usize {
        self.head + self.tail + self.snippets
    }
}

/// Divides `budget` tokens: the text before the cursor first, then what follows, then other files. The shares add up
/// to the budget. What is typed behind the anchor, and what the model's spelling of a prompt takes (its markers, this
/// file's path), is taken off before.
pub fn shares(budget: usize, snippets_wanted: usize) -> Shares {
    // Other files help less often than the file itself, and in a small window they would only crowd it.
    let snippets = if budget < 512 { 0 } else { snippets_wanted.min(budget / 3) };
    let own = budget - snippets;
    let tail = own / 4;
    Shares { head: own - tail, tail, snippets }
}

/// [`keep_end`] for the text before an anchor: all of it where it fits, else what fits three quarters of `tokens`, so
/// that the next anchor's head can begin with the same line and a model need not read it again.
pub fn settle_head<'a>(text: &'a str, tokens: usize, count: &mut dyn FnMut(&str) -> usize) -> &'a str {
    if text.len() <= tokens || count(text) <= tokens {
        return text;
    }
    keep_end(text, tokens - tokens / 4, count)
}

/// The end of `text`, beginning at a line start where that leaves anything, of at most `tokens` by `count`.
/// Calls `count` on the whole once, and where that does not fit 2 + log2(lines) times more, mostly half as often, on
/// texts near the size that is kept; in a single huge line as many times again, by its characters.
pub fn keep_end<'a>(text: &'a str, tokens: usize, count: &mut dyn FnMut(&str) -> usize) -> &'a str {
    let from = text.len()
        - longest(
            text.len(),
            tokens,
            &mut |bytes| count(&text[text.len() - bytes..]),
            &|bytes| {
                // The last `bytes` bytes, less what stands before the first line start in them.
                let from = text.len() - bytes;
                let from = line_start_from(text, from);
                text.len() - from
            },
            &|bytes| text.len() - ceil_border(text, text.len() - bytes),
        );
    &text[from..]
}

/// The start of `text`, ending at a line end (its terminator kept) where that leaves anything, of at most `tokens` by
/// `count`. Calls `count` as often as [`keep_end`].
pub fn keep_start<'a>(text: &'a str, tokens: usize, count: &mut dyn FnMut(&str) -> usize) -> &'a str {
    let to = longest(
        text.len(),
        tokens,
        &mut |bytes| count(&text[..bytes]),
        &|bytes| line_end_until(text, bytes),
        &|bytes| floor_border(text, bytes),
    );
    &text[..to]
}

/// The largest length up to `all` of at most `tokens`, of those that `lines` rounds down to, or where these leave
/// nothing that `borders` rounds down to.
fn longest(
    all: usize,
    tokens: usize,
    count: &mut dyn FnMut(usize) -> usize,
    lines: &dyn Fn(usize) -> usize,
    borders: &dyn Fn(usize) -> usize,
) -> usize {
    if all == 0 || tokens == 0 {
        return 0;
    }
    let total = count(all);
    if total <= tokens {
        return all;
    }
    let at_line = search(all, total, tokens, count, lines);
    if at_line > 0 { at_line } else { search(all, total, tokens, count, borders) }
}

/// The largest rounded length below `all`, which has `total` tokens, that has at most `tokens`; 0 where none has.
fn search(
    all: usize,
    total: usize,
    tokens: usize,
    count: &mut dyn FnMut(usize) -> usize,
    round: &dyn Fn(usize) -> usize,
) -> usize {
    // What fits, and what does not, each with its tokens.
    let (mut fits, mut exceeds) = ((0, 0), (all, total));
    let (mut guesses, mut last_fits) = (0, true);
    loop {
        let (low, high) = (fits.0, exceeds.0);
        // Text is much alike, so a proportional guess lands near, and one a little beyond it soon has the answer
        // between two; halves bound what it can cost where text is not alike.
        let guess = if guesses < 6 && exceeds.1 > fits.1 {
            let proportional = low + (high - low) * (tokens - fits.1) / (exceeds.1 - fits.1);
            let beyond = (high - low) / 16;
            if last_fits { proportional + beyond } else { proportional.saturating_sub(beyond) }
        } else {
            low + (high - low) / 2
        };
        guesses += 1;
        let mut length = round(guess.clamp(low, high - 1));
        if length <= low {
            // Nothing to stop at below the guess: the first stop above it, if any.
            match next_stop(low, guess.max(low), high, round) {
                Some(stop) => length = stop,
                None => return low,
            }
        }
        let tokens_of = count(length);
        last_fits = tokens_of <= tokens;
        if last_fits {
            fits = (length, tokens_of);
        } else {
            exceeds = (length, tokens_of);
        }
    }
}

/// The least stop above `from` and below `high` that is also above `low`, found by halving.
fn next_stop(low: usize, from: usize, high: usize, round: &dyn Fn(usize) -> usize) -> Option<usize> {
    let (mut below, mut above) = (from, high.checked_sub(1)?);
    if round(above) <= low {
        return None;
    }
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if round(middle) <= low { below = middle } else { above = middle }
    }
    Some(round(above))
}

/// The first line start at or after byte `from`; the end where there is none.
fn line_start_from(text: &str, from: usize) -> usize {
    if from == 0 {
        return 0;
    }
    let bytes = text.as_bytes();
    (from..bytes.len()).find(|at| bytes[at - 1] == b'\n').unwrap_or(bytes.len())
}

/// The last line end at or before byte `to`; 0 where there is none.
fn line_end_until(text: &str, to: usize) -> usize {
    text.as_bytes()[..to].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

fn ceil_border(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn floor_border(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Keep = fn(&'static str, usize, &mut dyn FnMut(&str) -> usize) -> &'static str;

    /// Tokens as a vocabulary might have them: words of up to four letters, signs, and runs of blanks.
    fn tokens(text: &str) -> usize {
        let mut count = 0;
        let mut run = (' ', 0);
        for c in text.chars() {
            let kind = if c.is_alphanumeric() {
                'w'
            } else if c == ' ' {
                'b'
            } else {
                c
            };
            run = if run.0 == kind && run.1 < 4 && kind.is_alphabetic() {
                (kind, run.1 + 1)
            } else {
                (kind, 1)
            };
            count += usize::from(run.1 == 1);
        }
        count
    }

    #[test]
    fn budgets_are_shared() {
        let table = [
            (0, 0, (0, 0, 0)),
            (100, 1024, (75, 25, 0)),
            (511, 1024, (384, 127, 0)),
            (1200, 1024, (600, 200, 400)),
            (6000, 1024, (3732, 1244, 1024)),
            (6000, 0, (4500, 1500, 0)),
        ];
        for (budget, wanted, (head, tail, snippets)) in table {
            let shares = shares(budget, wanted);
            assert_eq!(shares, Shares { head, tail, snippets }, "{budget}, {wanted}");
            assert_eq!(head + tail + snippets, budget);
        }
    }

    #[test]
    fn cuts() {
        // Tokens here are bytes.
        let table = [
            ("one\ntwo\nthree\n", 99, "one\ntwo\nthree\n", "one\ntwo\nthree\n"),
            ("one\ntwo\nthree\n", 14, "one\ntwo\nthree\n", "one\ntwo\nthree\n"),
            ("one\ntwo\nthree\n", 13, "two\nthree\n", "one\ntwo\n"),
            ("one\ntwo\nthree\n", 6, "three\n", "one\n"),
            ("one\ntwo\nthree\n", 5, "hree\n", "one\n"),
            ("one\ntwo\nthree\n", 3, "ee\n", "one"),
            ("one\r\ntwo", 6, "two", "one\r\n"),
            ("ééé", 3, "é", "é"),
            ("ééé", 1, "", ""),
            ("abc", 0, "", ""),
            ("", 5, "", ""),
        ];
        for (text, limit, end, start) in table {
            assert_eq!(keep_end(text, limit, &mut str::len), end, "{text:?} {limit}");
            assert_eq!(keep_start(text, limit, &mut str::len), start, "{text:?} {limit}");
        }
    }

    #[test]
    fn few_counts() {
        let code = include_str!("fit.rs");
        let huge: &'static str = "word ".repeat(10_000).leak();
        for (text, most) in [(code, 11), (huge, 20)] {
            for limit in [10, 100, 500, 1000, 3000] {
                for keep in [keep_end as Keep, keep_start as Keep] {
                    let mut calls = 0;
                    let kept = keep(text, limit, &mut |text| {
                        calls += 1;
                        tokens(text)
                    });
                    assert!(!kept.is_empty());
                    assert!(calls <= most, "{calls} calls for {limit} tokens of {} bytes", text.len());
                }
            }
        }
    }

    #[test]
    fn a_settled_head_leaves_room() {
        let text = "line of text\n".repeat(100);
        let kept = settle_head(&text, 100, &mut tokens);
        assert!(tokens(kept) <= 75 && tokens(kept) > 60);
        assert_eq!(settle_head(&text, 5000, &mut tokens), text);
    }

    proptest! {
        #[test]
        fn always_fits_and_is_the_longest(text in "[ab\u{e9}\n ]{0,80}", limit in 0usize..60) {
            let mut count = |text: &str| text.chars().count();
            let end = keep_end(&text, limit, &mut count);
            prop_assert!(text.ends_with(end) && count(end) <= limit);
            let start = keep_start(&text, limit, &mut count);
            prop_assert!(text.starts_with(start) && count(start) <= limit);

            let best_end = (0..=text.len())
                .filter(|at| *at == 0 || text.as_bytes()[..*at].ends_with(b"\n"))
                .map(|at| &text[at..])
                .find(|end| count(end) <= limit)
                .filter(|end| !end.is_empty());
            if let Some(best) = best_end {
                prop_assert_eq!(end, best);
            } else {
                prop_assert_eq!(count(end), limit.min(count(&text)));
            }
            let best_start = (0..=text.len())
                .rev()
                .filter(|at| *at == text.len() || text.as_bytes()[..*at].ends_with(b"\n"))
                .map(|at| &text[..at])
                .find(|start| count(start) <= limit)
                .filter(|start| !start.is_empty());
            if let Some(best) = best_start {
                prop_assert_eq!(start, best);
            } else {
                prop_assert_eq!(count(start), limit.min(count(&text)));
            }
        }
    }
}
