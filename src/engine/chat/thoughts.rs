//! Takes a model's thoughts off its answer as it streams: `<think>` … `</think>` at the very beginning, and the
//! line ends behind it. Pure.
//!
//! Templates are told that nobody wants to read them, and a prefilled answer leaves no place for them; some models
//! think all the same. Anywhere else the words are text, since they may be part of a program.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// An answer that may begin with thoughts.
#[derive(Debug)]
pub struct Thoughts {
    state: State,
    /// What cannot be judged yet: the beginning of the answer, or of a `</think>`.
    held: String,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Perhaps some blanks so far, and a part of `<think>`.
    Beginning,
    Thinking,
    /// Line ends may follow.
    Done,
    Answer,
}

impl Default for Thoughts {
    fn default() -> Self {
        Self { state: State::Beginning, held: String::new() }
    }
}

impl Thoughts {
    /// The part of the answer that is certain after `text`. Joined, the parts are the same however the text is cut.
    pub fn push(&mut self, text: &str) -> String {
        if self.state == State::Answer {
            return text.into();
        }
        self.held += text;
        if self.state == State::Beginning {
            let begun = self.held.trim_start();
            if let Some(thought) = begun.strip_prefix(OPEN) {
                self.held = thought.into();
                self.state = State::Thinking;
            } else if OPEN.starts_with(begun) {
                return String::new();
            } else {
                self.state = State::Answer;
                return std::mem::take(&mut self.held);
            }
        }
        if self.state == State::Thinking {
            if let Some((_, answer)) = self.held.split_once(CLOSE) {
                self.held = answer.into();
                self.state = State::Done;
            } else {
                // Enough for the beginning of a closing one.
                let kept = self.held.ceil_char_boundary(self.held.len().saturating_sub(CLOSE.len() - 1));
                self.held.drain(..kept);
                return String::new();
            }
        }
        let answer = self.held.trim_start_matches(['\n', '\r']).to_owned();
        self.held.clear();
        if !answer.is_empty() {
            self.state = State::Answer;
        }
        answer
    }

    /// What was still held when the answer ended: its beginning was no thought. Unfinished thoughts are none of it.
    pub fn finish(&mut self) -> String {
        match self.state {
            State::Beginning => std::mem::take(&mut self.held),
            State::Thinking | State::Done | State::Answer => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, by characters, and cut in two at every place.
    fn check(text: &str, expected: &str) {
        let read = |parts: &[&str]| {
            let mut thoughts = Thoughts::default();
            let answer: String = parts.iter().map(|part| thoughts.push(part)).collect();
            answer + &thoughts.finish()
        };
        assert_eq!(read(&[text]), expected, "{text:?}");
        let characters: Vec<&str> = text.split_inclusive(|_| true).collect();
        assert_eq!(read(&characters), expected, "{text:?}, character by character");
        for cut in (0..text.len()).filter(|&cut| text.is_char_boundary(cut)) {
            assert_eq!(read(&[&text[..cut], &text[cut..]]), expected, "{text:?}, cut at {cut}");
        }
    }

    #[test]
    fn thoughts_are_taken_off() {
        for (text, expected) in [
            ("", ""),
            ("fn a() {}\n", "fn a() {}\n"),
            ("    indented", "    indented"),
            ("<think>\nWell, é🦀.\n</think>\n\n    fn a()", "    fn a()"),
            ("\n <think></think>a", "a"),
            ("<think>a</thin></think>\r\nb</think>", "b</think>"),
            ("<think>one</think><think>two</think>", "<think>two</think>"),
            // Never finished.
            ("<think>and then </thi", ""),
            ("<think>and</think>\n", ""),
            // None after all.
            ("<thi", "<thi"),
            ("  \n<", "  \n<"),
            ("<thinking>", "<thinking>"),
            ("a <think>b</think>", "a <think>b</think>"),
        ] {
            check(text, expected);
        }
    }
}
