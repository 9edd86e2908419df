//! How an answer is getting on, on one line of a terminal that the next report takes the place of.
//!
//! It goes to standard error, and only where that is a terminal: a log has no use for it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::assist::act::{Acted, Progress};
use crate::cli::colour::harmless;
use crate::engine::Reading;

/// No eye reads faster.
const BETWEEN: Duration = Duration::from_millis(80);
/// Letters of the line that is being written.
const LINE: usize = 50;

/// See the module.
pub struct Ticker<W> {
    /// None: nobody looks.
    screen: Option<W>,
    drawn: Option<Instant>,
    /// The answer is printed on the same terminal as it comes, and needs no line of ours then.
    gives_way: bool,
}

impl Ticker<io::Stderr> {
    pub fn new() -> Self {
        let screen = io::stderr();
        Self { screen: screen.is_terminal().then_some(screen), drawn: None, gives_way: false }
    }

    /// One that is gone as soon as anything is written.
    pub fn until_written() -> Self {
        Self { gives_way: true, ..Self::new() }
    }
}

impl<W: Write> Ticker<W> {
    /// While the model is loaded, before there is anything to report.
    pub fn waiting(&mut self) {
        self.draw("loading the model");
    }

    /// `now` tells how often to draw.
    pub fn tell(&mut self, progress: &Progress, now: Instant) {
        match progress {
            Progress::Reading(Reading { of: 0, .. }) => self.draw("reading"),
            Progress::Reading(Reading { tokens, of }) => {
                self.draw(&format!("reading, {tokens} of {of} tokens"));
            }
            Progress::Writing { .. } if self.gives_way => {
                self.put("\r\x1b[K");
                self.screen = None;
            }
            Progress::Writing { tokens, per_second, line, .. } => {
                if self.drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= BETWEEN) {
                    self.drawn = Some(now);
                    let line: String =
                        harmless(line).chars().filter(|c| !c.is_control()).take(LINE).collect();
                    self.draw(&format!("{tokens} tokens, {per_second:.0}/s  {line}"));
                }
            }
            Progress::By(name) => self.put(&format!("\r\x1b[Kcodesage: {} answers\n", harmless(name))),
            Progress::Again(why) => self.put(&format!("\r\x1b[Kcodesage: once more: {}\n", harmless(why))),
        }
    }

    /// Takes the line away; what it cost is left in its place.
    pub fn end(&mut self, acted: Option<&Acted>) {
        self.put("\r\x1b[K");
        let Some(acted) = acted.filter(|acted| acted.usage.generated_tokens > 0) else { return };
        let (tokens, seconds) = (acted.usage.generated_tokens, acted.milliseconds as f64 / 1000.0);
        let speed = f64::from(tokens) * 1000.0 / f64::from(acted.usage.decode_ms.max(1));
        self.put(&format!("codesage: {tokens} tokens in {seconds:.1} s, {speed:.0}/s\n"));
    }

    /// NB: a line that wraps could not be drawn over, so the terminal is told not to wrap this one.
    fn draw(&mut self, text: &str) {
        self.put(&format!("\r\x1b[?7l\x1b[K{text}\x1b[?7h"));
    }

    /// In one write. A terminal that is gone is no reason to fail.
    fn put(&mut self, text: &str) {
        if let Some(screen) = &mut self.screen {
            let _ = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_over_and_not_too_often() {
        let writing = |tokens| Progress::Writing {
            tokens,
            per_second: 12.6,
            line: "let \x1b[2Jx\t= 1;".into(),
            piece: String::new(),
        };
        let ticker = |gives_way| Ticker { screen: Some(Vec::new()), drawn: None, gives_way };
        let mut quiet = ticker(true);
        quiet.waiting();
        quiet.tell(&writing(1), Instant::now());
        assert!(quiet.screen.is_none());

        let mut ticker = ticker(false);
        let begin = Instant::now();
        ticker.waiting();
        ticker.tell(&Progress::Reading(Reading::default()), begin);
        ticker.tell(&Progress::Reading(Reading { tokens: 384, of: 2100 }), begin);
        ticker.tell(&writing(1), begin);
        ticker.tell(&writing(2), begin + BETWEEN / 2);
        ticker.tell(&writing(3), begin + BETWEEN);
        ticker.tell(&Progress::Again("It is empty.".into()), begin);
        ticker.end(None);
        let shown = String::from_utf8(ticker.screen.unwrap()).unwrap();
        let line = |text: &str| format!("\r\x1b[?7l\x1b[K{text}\x1b[?7h");
        let expected = [
            line("loading the model"),
            line("reading"),
            line("reading, 384 of 2100 tokens"),
            line("1 tokens, 13/s  let \u{fffd}[2Jx= 1;"),
            line("3 tokens, 13/s  let \u{fffd}[2Jx= 1;"),
            "\r\x1b[Kcodesage: once more: It is empty.\n".to_owned(),
            "\r\x1b[K".to_owned(),
        ];
        assert_eq!(shown, expected.concat());
    }
}
