//! Following precedents: a token that the model holds for nearly as likely as its best one is taken, where the text goes
//! on with it elsewhere.
//!
//! A mixture of two models, the second of which knows nothing but the lines of the file (a cache, as in Tu, Su and
//! Devanbu 2014). What weight it has depends on how much of the text agrees there, on how many other places say something
//! else, and on how much of its text the model has followed by now. The numbers were found on packages that are no part of
//! any evaluation (`models/builtin/LOG.md`). Pure.

use super::Choice;
use crate::completion::precedent::Precedent;
use crate::engine::slot::Token;

/// How much less likely than the best a token may be, by what agrees at the precedent.
const MARGINS: [f32; 4] = [0.2, 0.3, 0.6, 0.9];
/// More for each byte that was followed…
const A_BYTE: f32 = 0.02;
/// …but no more than this: what the model is sure of stands.
const LARGEST: f32 = 0.9;
/// Half of what speaks for a token besides the model is counted as its probability: with all of it, texts were shown as
/// sure that were right one time in three.
const COUNTED: f32 = 0.5;

/// A token that some precedents go on with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    token: Token,
    /// How much less likely than the best it may be.
    margin: f32,
}

/// What the precedents say comes behind `said`, the answer so far. `next` is the token that begins a text, if one may be
/// chosen that does.
pub fn votes(
    precedents: &[Precedent],
    said: &[u8],
    mut next: impl FnMut(&str) -> Option<Token>,
) -> Vec<Vote> {
    let mut all = 0.0;
    // With the mass, and the most that agrees.
    let mut tokens: Vec<(Token, f32, u32)> = Vec::new();
    for precedent in precedents {
        let Some(token) = rest(precedent, said).and_then(&mut next) else { continue };
        all += precedent.mass();
        match tokens.iter_mut().find(|other| other.0 == token) {
            Some((_, mass, agreeing)) => {
                *mass += precedent.mass();
                *agreeing = precedent.agreeing.max(*agreeing);
            }
            None => tokens.push((token, precedent.mass(), precedent.agreeing)),
        }
    }
    let followed = A_BYTE * said.trim_ascii_start().len() as f32;
    let vote = |(token, mass, agreeing): (Token, f32, u32)| {
        let margin = MARGINS[(agreeing as usize).min(MARGINS.len() - 1)] + followed;
        Vote { token, margin: margin.min(LARGEST) * mass / all }
    };
    tokens.into_iter().map(vote).collect()
}

/// What is left of a precedent whose beginning was said. Blanks that were written first make no difference to a text
/// that begins with none.
fn rest<'p>(precedent: &'p Precedent, said: &[u8]) -> Option<&'p str> {
    let text = precedent.text.as_str();
    let said = if text.starts_with([' ', '\t']) { said } else { said.trim_ascii_start() };
    let rest = text.as_bytes().strip_prefix(said)?;
    std::str::from_utf8(rest).ok().filter(|rest| !rest.is_empty())
}

/// The choice with `votes`, from a `row` of logits of which `best` is the likeliest.
pub fn follow(row: &[f32], best: Choice, votes: &[Vote]) -> Choice {
    let logit = |token: Token| usize::try_from(token).ok().and_then(|token| row.get(token)).copied();
    let most = best.log_probability.exp();
    let mut followed = (0.0, best);
    for vote in votes {
        let Some(below) = logit(vote.token).zip(logit(best.token)).map(|(x, most)| x - most) else {
            continue;
        };
        let probability = most * below.exp();
        let gain = probability + vote.margin - most;
        // NB: false for what is no number.
        if gain > followed.0 {
            let counted = (probability + COUNTED * vote.margin).min(1.0);
            followed = (gain, Choice { token: vote.token, log_probability: counted.ln() });
        }
    }
    followed.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precedent(text: &str, agreeing: u32, places: u32) -> Precedent {
        Precedent { text: text.into(), agreeing, places }
    }

    /// A vocabulary of single bytes.
    fn byte(text: &str) -> Option<Token> {
        text.bytes().next().map(Token::from)
    }

    fn margins(precedents: &[Precedent], said: &str) -> Vec<(char, f32)> {
        let votes = votes(precedents, said.as_bytes(), byte).into_iter();
        votes.map(|vote| (char::from(vote.token as u8), (vote.margin * 100.0).round() / 100.0)).collect()
    }

    #[test]
    fn what_agrees_more_and_was_followed_longer_counts_more() {
        for (agreeing, margin) in [(0, 0.2), (1, 0.3), (2, 0.6), (3, 0.9), (9, 0.9)] {
            assert_eq!(margins(&[precedent("go", agreeing, 1)], ""), [('g', margin)]);
        }
        assert_eq!(margins(&[precedent("going", 1, 1)], "goin"), [('g', 0.38)]);
        assert_eq!(margins(&[precedent(&"g".repeat(99), 1, 1)], &"g".repeat(90)), [('g', 0.9)]);
        // Said to its end, or not said.
        assert_eq!(margins(&[precedent("go", 1, 1)], "go"), []);
        assert_eq!(margins(&[precedent("go", 1, 1)], "s"), []);
        assert_eq!(margins(&[precedent("漢", 1, 1)], "\u{6f22}"), []);
        // Blanks before it.
        assert_eq!(margins(&[precedent("go", 1, 1)], "    g"), [('o', 0.32)]);
        assert_eq!(margins(&[precedent(" = 1", 1, 1)], " "), [('=', 0.3)]);
    }

    #[test]
    fn precedents_that_differ_share() {
        // One in four places; a place where one thing more agrees is as good as three.
        let (one, three) = (precedent("a", 1, 1), precedent("b", 1, 3));
        assert_eq!(margins(&[one.clone(), three], ""), [('a', 0.08), ('b', 0.23)]);
        assert_eq!(margins(&[one, precedent("c", 2, 1)], ""), [('a', 0.08), ('c', 0.45)]);
        // As long as they say the same they are one.
        assert_eq!(margins(&[precedent("ab", 1, 1), precedent("ac", 2, 1)], ""), [('a', 0.6)]);
    }

    #[test]
    fn a_vote_moves_a_choice_by_its_margin() {
        let row = [0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()];
        let best = Choice { token: 0, log_probability: 0.5_f32.ln() };
        let chosen = |votes: &[(Token, f32)]| {
            let votes: Vec<Vote> = votes.iter().map(|&(token, margin)| Vote { token, margin }).collect();
            let choice = follow(&row, best, &votes);
            (choice.token, (choice.log_probability.exp() * 100.0).round() / 100.0)
        };
        assert_eq!(chosen(&[]), (0, 0.5));
        assert_eq!(chosen(&[(1, 0.19)]), (0, 0.5));
        assert_eq!(chosen(&[(1, 0.22)]), (1, 0.41));
        assert_eq!(chosen(&[(1, 0.3), (2, 0.5)]), (2, 0.45));
        // The model's own choice is surer with a precedent.
        assert_eq!(chosen(&[(0, 0.4), (1, 0.4)]), (0, 0.7));
        assert_eq!(chosen(&[(0, 1.0)]), (0, 1.0));
        // What the model is sure of stands.
        let sure = Choice { token: 0, log_probability: 0.99_f32.ln() };
        let vote = Vote { token: 1, margin: LARGEST };
        assert_eq!(follow(&[0.99_f32.ln(), 0.01_f32.ln()], sure, &[vote]), sure);
        // No such token, and no number.
        assert_eq!(chosen(&[(7, 1.0), (-1, 1.0), (1, f32::NAN)]), (0, 0.5));
        let odd = follow(
            &[f32::INFINITY, 1.0],
            Choice { token: 0, log_probability: 0.0 },
            &[Vote { token: 1, margin: 1.0 }],
        );
        assert_eq!(odd.token, 0);
    }
}
