//! Following precedents: where a text goes on elsewhere, its tokens are taken before the model's own.
//!
//! How far depends on how much of the text agrees there. With two things that do, the file knows better than a model of
//! few weights, however sure that one is; with less, the tokens of a precedent may together be only so much less likely
//! than the model's own choices. Among precedents of which as much agrees the model chooses. The numbers were found on
//! packages that are no part of any evaluation (`models/builtin/LOG.md`). Pure.

use super::Choice;
use crate::completion::precedent::Precedent;
use crate::engine::slot::Token;

/// How much less likely than the likeliest tokens those that are followed may be, all of an answer together (natural
/// logarithm), by what agrees at the precedent. The last number stands for all that is more.
const BUDGETS: [f32; 3] = [2.0, 8.0, f32::INFINITY];
/// The probability that a token which is followed is counted as at least, by what agrees: with it, an answer that follows
/// passes for as sure as one of the model's own that is right as often (37 % of the followed ones with two things that
/// agree, 82 % with five).
const COUNTED: [f32; 6] = [0.5, 0.6, 0.78, 0.85, 0.87, 0.92];

/// A token that some precedents go on with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    token: Token,
    /// What agrees at the best of them.
    agreeing: u32,
}

/// What the precedents, the best first, say comes behind `said`, the answer so far, where the model would write `own`. `next`
/// is the token that begins a text, if one may be chosen that does.
pub fn votes(
    precedents: &[Precedent],
    said: &[u8],
    own: &[u8],
    mut next: impl FnMut(&str) -> Option<Token>,
) -> Vec<Vote> {
    let is_blank = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    // The blanks that a line begins with are the model's: elsewhere it stood where it had to stand there.
    let indents = said.trim_ascii().is_empty() && is_blank(own.first());
    let mut votes: Vec<Vote> = Vec::new();
    for precedent in precedents.iter().filter(|p| !indents || is_blank(p.text.as_bytes().first())) {
        let Some(token) = rest(precedent, said).and_then(&mut next) else { continue };
        if votes.iter().all(|vote| vote.token != token) {
            votes.push(Vote { token, agreeing: precedent.agreeing });
        }
    }
    votes
}

/// What is left of a precedent whose beginning was said. Blanks that were written first make no difference to a text
/// that begins with none.
fn rest<'p>(precedent: &'p Precedent, said: &[u8]) -> Option<&'p str> {
    let text = precedent.text.as_str();
    let said = if text.starts_with([' ', '\t']) { said } else { said.trim_ascii_start() };
    let rest = text.as_bytes().strip_prefix(said)?;
    std::str::from_utf8(rest).ok().filter(|rest| !rest.is_empty())
}

/// The choices of one answer.
#[derive(Debug, Default)]
pub struct Follower {
    /// How much less likely than the likeliest tokens those chosen were.
    spent: f32,
}

impl Follower {
    /// The choice with `votes`, from a `row` of logits of which `best` is the likeliest.
    pub fn choose(&mut self, row: &[f32], best: Choice, votes: &[Vote]) -> Choice {
        let logit = |token: Token| usize::try_from(token).ok().and_then(|token| row.get(token)).copied();
        let mut followed: Option<(Vote, f32)> = None;
        for vote in votes {
            let Some(loss) = logit(best.token).zip(logit(vote.token)).map(|(most, x)| most - x) else {
                continue;
            };
            // NB: false for what is no number.
            let affordable = loss.is_finite() && self.spent + loss <= at(&BUDGETS, vote.agreeing);
            let is_better = followed.is_none_or(|(other, least)| {
                vote.agreeing > other.agreeing || (vote.agreeing == other.agreeing && loss < least)
            });
            if affordable && is_better {
                followed = Some((*vote, loss));
            }
        }
        let Some((vote, loss)) = followed else { return best };
        self.spent += loss;
        let own = best.log_probability - loss;
        Choice { token: vote.token, log_probability: own.max(at(&COUNTED, vote.agreeing).ln()) }
    }
}

/// The number for so much that agrees.
fn at(numbers: &[f32], agreeing: u32) -> f32 {
    numbers[(agreeing as usize).min(numbers.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precedent(text: &str, agreeing: u32) -> Precedent {
        Precedent { text: text.into(), agreeing }
    }

    /// A vocabulary of single bytes.
    fn byte(text: &str) -> Option<Token> {
        text.bytes().next().map(Token::from)
    }

    fn check_votes(precedents: &[Precedent], said: &str, expected: &[(char, u32)]) {
        check_votes_against("x", precedents, said, expected);
    }

    /// Where the model would write `own`.
    fn check_votes_against(own: &str, precedents: &[Precedent], said: &str, expected: &[(char, u32)]) {
        let votes = votes(precedents, said.as_bytes(), own.as_bytes(), byte).into_iter();
        let votes: Vec<_> = votes.map(|vote| (char::from(vote.token as u8), vote.agreeing)).collect();
        assert_eq!(votes, expected, "{said:?}");
    }

    #[test]
    fn blanks_that_begin_a_line_are_the_models() {
        for own in ["    ", "\t", " x"] {
            check_votes_against(own, &[precedent("go", 2)], "", &[]);
            check_votes_against(own, &[precedent("go", 2)], "  ", &[]);
            check_votes_against(own, &[precedent("go", 2)], "g", &[('o', 2)]);
            // Behind what is typed they are text.
            check_votes_against(own, &[precedent(" = 1", 2)], "", &[(' ', 2)]);
        }
        for own in ["\n", "", "x"] {
            check_votes_against(own, &[precedent("go", 2)], "  ", &[('g', 2)]);
        }
    }

    #[test]
    fn what_comes_behind_what_was_said() {
        check_votes(&[precedent("go", 1)], "", &[('g', 1)]);
        check_votes(&[precedent("going", 1)], "goin", &[('g', 1)]);
        // Said to its end, or not said.
        check_votes(&[precedent("go", 1)], "go", &[]);
        check_votes(&[precedent("go", 1)], "s", &[]);
        check_votes(&[precedent("漢", 1)], "\u{6f22}", &[]);
        // Blanks before it.
        check_votes(&[precedent("go", 1)], "    g", &[('o', 1)]);
        check_votes(&[precedent(" = 1", 1)], " ", &[('=', 1)]);
        // As long as they say the same they are one.
        let both = [precedent("ac", 2), precedent("ab", 1), precedent("b", 1)];
        check_votes(&both, "", &[('a', 2), ('b', 1)]);
        check_votes(&both, "a", &[('c', 2), ('b', 1)]);
    }

    /// A row of three logits, the first the highest.
    fn choices(probabilities: [f32; 3], answers: &[&[(Token, u32)]]) -> Vec<(Token, f32)> {
        let row = probabilities.map(f32::ln);
        let best = Choice { token: 0, log_probability: row[0] };
        let mut follower = Follower::default();
        let vote = |&(token, agreeing): &(Token, u32)| Vote { token, agreeing };
        let choose = |votes: &&[(Token, u32)]| {
            let choice = follower.choose(&row, best, &votes.iter().map(vote).collect::<Vec<_>>());
            (choice.token, (choice.log_probability.exp() * 100.0).round() / 100.0)
        };
        answers.iter().map(choose).collect()
    }

    #[test]
    fn what_agrees_more_goes_first() {
        let one = |votes: &[(Token, u32)]| choices([0.5, 0.3, 0.2], &[votes])[0];
        assert_eq!(one(&[]), (0, 0.5));
        assert_eq!(one(&[(1, 1)]), (1, 0.6));
        assert_eq!(one(&[(1, 1), (2, 3)]), (2, 0.85));
        // The model chooses between equals, and is surer where it would have said the same.
        assert_eq!(one(&[(2, 2), (1, 2)]), (1, 0.78));
        assert_eq!(one(&[(0, 2), (1, 2)]), (0, 0.78));
        assert_eq!(choices([0.9, 0.09, 0.01], &[&[(0, 1)]]), [(0, 0.9)]);
        // No such token.
        assert_eq!(one(&[(7, 9), (-1, 9)]), (0, 0.5));
    }

    #[test]
    fn what_agrees_little_may_cost_little() {
        let sure = [0.98, 0.01, 0.01];
        assert_eq!(choices(sure, &[&[(1, 0)]]), [(0, 0.98)]);
        assert_eq!(choices(sure, &[&[(1, 1)], &[(1, 1)], &[(0, 1)]]), [(1, 0.6), (0, 0.98), (0, 0.98)]);
        assert_eq!(choices(sure, &[&[(1, 2)][..]; 9]), [(1, 0.78); 9]);
        // One that may cost as much as it likes leaves nothing to one that may not.
        assert_eq!(choices(sure, &[&[(1, 2)], &[(1, 2)], &[(1, 1)]])[2], (0, 0.98));
    }

    #[test]
    fn rows_without_numbers() {
        let best = Choice { token: 0, log_probability: 0.0 };
        for row in [[f32::INFINITY, 1.0], [1.0, f32::NAN], [1.0, f32::NEG_INFINITY]] {
            let vote = Vote { token: 1, agreeing: 9 };
            assert_eq!(Follower::default().choose(&row, best, &[vote]), best, "{row:?}");
        }
    }
}
