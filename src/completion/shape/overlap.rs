//! Where a text meets what stands right of the cursor: no closer doubled, none lost, no text repeated.

use crate::completion::Reason;
use crate::completion::line::{Surroundings, indent_of, is_word, splits_word};
use crate::completion::shape::visible;

/// A text put before what stands right of the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// What of the text is used.
    pub added: String,
    /// That, and the closers that it does not bring itself.
    pub text: String,
    /// Bytes right of the cursor that `text` replaces: none, or all to the line's end.
    pub covers: usize,
    /// Visible characters that the document gains.
    pub gains: usize,
}

/// Puts `text` before the rest of the line. `Err(None)`: nothing visible is left to put there.
pub fn meet(around: &Surroundings, text: &str) -> Result<Met, Option<Reason>> {
    let rest = &*around.rest;
    if !around.rest_is_closers() {
        return before_text(text, rest);
    }
    let added = text.trim_end();
    if added.trim().is_empty() {
        return Err(None);
    }
    if rest.trim().is_empty() {
        return Ok(Met { added: added.into(), text: added.into(), covers: 0, gains: visible(added) });
    }
    let text = before_closers(around, added);
    if text == rest {
        return Err(Some(Reason::DropSuffix));
    }
    let gains = visible(&text).saturating_sub(visible(rest));
    Ok(Met { added: added.into(), text, covers: rest.len(), gains })
}

/// `text`, and of the closers right of the cursor those that it does not close itself. Brackets are counted, for
/// `foo()` in front of `)` has its own.
fn before_closers(around: &Surroundings, text: &str) -> String {
    let rest = &*around.rest;
    let balance = balance_at(around, text).1;
    // The closers that the text brings for what was open stand for the same ones of the line, in their order.
    let ours = balance.unmatched.iter();
    let theirs = rest.char_indices().filter(|(_, c)| !c.is_whitespace() && !matches!(c, ';' | ','));
    let shared = ours.zip(theirs).take_while(|((our, _), (_, their))| our == their).last();
    let (behind_ours, behind_theirs) = match shared {
        Some(((_, ours), (theirs, c))) => (&text[*ours..], &rest[theirs + c.len_utf8()..]),
        None => (text, rest),
    };
    // Then `;` and the like: what ends the text and begins what is left of the line, blanks before it or not.
    let bare = behind_theirs.trim_start();
    let repeated = (1..=bare.len().min(behind_ours.len()))
        .rev()
        .filter(|length| bare.is_char_boundary(*length) && behind_ours.ends_with(&bare[..*length]))
        .find(|length| shared.is_some() || bare[..*length].chars().all(|c| matches!(c, ';' | ',')));
    let left = repeated.map_or(behind_theirs, |length| &bare[length..]);
    // A block's closer gets a line of its own, as the block's first line has one.
    let is_block = text.trim_start_matches([' ', '\t']).starts_with('\n');
    if is_block && left.trim_start().starts_with([')', ']', '}']) {
        format!("{text}\n{}{}", indent_of(&around.prefix), left.trim_start())
    } else {
        format!("{text}{left}")
    }
}

/// The balance of the line left of the cursor, and that of `text` as it goes on from there.
fn balance_at(around: &Surroundings, text: &str) -> (Balance, Balance) {
    let rest = &*around.rest;
    let mut line = Balance::with_angles(rest.contains('>'));
    line.read_before(&around.prefix, rest);
    let quote = line.quote.filter(|quote| rest.trim_start().starts_with(*quote));
    let mut balance = Balance { quote, ..Balance::with_angles(line.counts_angles) };
    balance.read(text);
    (line, balance)
}

/// Where `text` closes what neither stands closed right of the cursor nor was opened left of it on its line: the byte
/// at which it ends instead. Only for a line with closers right of the cursor, for elsewhere a text may close what
/// was opened on the lines above.
pub fn surplus(around: &Surroundings, text: &str) -> Option<usize> {
    if around.rest.trim().is_empty() || !around.rest_is_closers() {
        return None;
    }
    let (line, balance) = balance_at(around, text);
    let mut standing = around.rest.chars().filter(|c| !c.is_whitespace() && !matches!(c, ';' | ','));
    let mut opened = line.quote.into_iter().chain(line.open.iter().rev().map(|open| closer_of(*open)));
    let fitting = balance
        .unmatched
        .iter()
        .map(|(c, _)| [standing.next(), opened.next()].contains(&Some(*c)))
        .take_while(|fits| *fits)
        .count();
    let (c, behind) = balance.unmatched.get(fitting)?;
    let at = behind - c.len_utf8();
    // Behind the last closer that fits, only what clings to it is believed: `.bar(y)`, and not `; b[2]`.
    let start = fitting.checked_sub(1).map_or(0, |last| balance.unmatched[last].1);
    let between = &text[start..at];
    let is_loose = |c: char| c.is_whitespace() || matches!(c, ';' | ',');
    let ends = between.match_indices(is_loose).find(|(end, _)| {
        let mut inner = Balance::default();
        inner.read_before(&between[..*end], &between[*end..]);
        inner.open.is_empty() && inner.quote.is_none()
    });
    Some(ends.filter(|_| fitting > 0).map_or(at, |(end, _)| start + end))
}

/// One line before other text: what that text says already is left out.
fn before_text(text: &str, rest: &str) -> Result<Met, Option<Reason>> {
    let line = text.lines().next().unwrap_or("");
    if line.trim().is_empty() {
        return Err(None);
    }
    let mut balance = Balance::with_angles(rest.contains('>'));
    balance.read(line);
    // A closer of a pair that the text opened itself is no repetition.
    let is_own = |at: usize| {
        line[at..].starts_with([')', ']', '}'])
            && !balance.unmatched.iter().any(|(c, end)| end - c.len_utf8() == at)
    };
    let whole = rest.trim_end();
    let at_whole = line.match_indices(whole).map(|(at, _)| at).find(|at| {
        !is_own(*at)
            && !splits_word(line, *at)
            && (visible(whole) > 1 || at + whole.len() == line.trim_end().len())
    });
    let at_part = || {
        (0..line.len()).filter(|at| line.is_char_boundary(*at)).find(|at| {
            let part = &line[*at..];
            rest.starts_with(part) && !is_own(*at) && !splits_word(line, *at)
        })
    };
    let mut added = &line[..at_whole.or_else(at_part).unwrap_or(line.len())];
    if rest.starts_with(char::is_whitespace) {
        added = added.trim_end();
    }
    if added.trim().is_empty() {
        return Err(Some(Reason::DropSuffix));
    }
    // An opener that stands right of the cursor already: the text writes anew what it begins.
    let opens_again = |c: char| matches!(c, '(' | '[' | '{' | '<') && added.trim_start().starts_with(c);
    if rest.trim_start().starts_with(opens_again) || (added.ends_with(is_word) && rest.starts_with(is_word)) {
        return Err(Some(Reason::DropMidLine));
    }
    Ok(Met { added: added.into(), text: added.into(), covers: 0, gains: visible(added) })
}

/// Brackets of a text, by a scan that knows quotes: those left open, and those that close what was open before.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    open: Vec<char>,
    /// Each with the byte behind it; a quote too, where the text began inside one.
    unmatched: Vec<(char, usize)>,
    quote: Option<char>,
    counts_angles: bool,
    read: usize,
}

impl Balance {
    fn with_angles(counts_angles: bool) -> Self {
        Self { counts_angles, ..Self::default() }
    }

    /// Brackets opened and not closed.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// What would close them, innermost first; `None` where the text ends inside a quote.
    pub fn closers(&self) -> Option<String> {
        self.quote.is_none().then(|| self.open.iter().rev().map(|open| closer_of(*open)).collect())
    }

    /// Whether `text`, which begins inside `quote`, closes it.
    pub fn closes_quote(quote: char, text: &str) -> bool {
        let mut balance = Self { quote: Some(quote), ..Self::default() };
        balance.read(text);
        balance.unmatched.first().is_some_and(|(c, _)| *c == quote)
    }

    /// Closers of what was open before the text, each with the byte behind it.
    pub fn unmatched(&self) -> &[(char, usize)] {
        &self.unmatched
    }

    /// Reads on.
    pub fn read(&mut self, text: &str) {
        self.read_before(text, "");
    }

    /// Reads on, knowing what follows: an apostrophe quotes only where another one ends it on the line.
    fn read_before(&mut self, text: &str, rest: &str) {
        let began_quoted = self.quote.is_some() && self.read == 0;
        let mut chars = text.char_indices().peekable();
        let mut last = ' ';
        while let Some((at, c)) = chars.next() {
            let behind = at + c.len_utf8();
            match self.quote {
                // Where the text began in a string and goes over lines, that one may.
                Some(_) if c == '\n' && !(began_quoted && self.unmatched.is_empty()) => self.quote = None,
                Some(_) if c == '\\' => drop(chars.next()),
                Some(quote) if c == quote => {
                    self.quote = None;
                    if began_quoted && self.unmatched.is_empty() {
                        self.unmatched.push((c, self.read + behind));
                    }
                }
                Some(_) => {}
                None => match c {
                    '"' | '`' => self.quote = Some(c),
                    '\'' if is_quote(last, &text[behind..], rest) => self.quote = Some(c),
                    '(' | '[' | '{' => self.open.push(c),
                    ')' | ']' | '}' => self.close(c, behind),
                    '<' if self.counts_angles && !last.is_whitespace() => self.open.push(c),
                    '>' if self.counts_angles && !matches!(last, '-' | '=' | ' ') => self.close(c, behind),
                    _ => {}
                },
            }
            last = c;
        }
        self.read += text.len();
    }

    fn close(&mut self, c: char, behind: usize) {
        let opener = match c {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => '<',
        };
        // An angle that nothing closes was a comparison.
        while c != '>' && self.open.last() == Some(&'<') {
            self.open.pop();
        }
        if self.open.last() == Some(&opener) {
            self.open.pop();
        } else {
            self.unmatched.push((c, self.read + behind));
        }
    }
}

fn closer_of(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '<' => '>',
        _ => '}',
    }
}

/// Whether an apostrophe behind `last` begins a quotation, and not a lifetime or the middle of a word.
fn is_quote(last: char, text: &str, rest: &str) -> bool {
    if matches!(last, '&' | '<' | '+') {
        return false;
    }
    let line = text.split('\n').next().unwrap_or("");
    let word = line.find(|c: char| !is_word(c)).unwrap_or(line.len());
    let is_lifetime = line[word..].starts_with(['>', ',', ':']) && word > 0;
    let closes = line.contains('\'') || (line.len() == text.len() && rest.contains('\''));
    closes && !is_lifetime
}
