//! What llama.vim remembers and sends: the text round the cursor, answers it has had, and chunks of other files.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Value, json};
use xxhash_rust::xxh3::Xxh3;

use crate::cli::bench::replay::editor::{Editor, OpenFile};

/// Lines above and below the cursor (`n_prefix`, `n_suffix`).
const PREFIX_LINES: usize = 256;
const SUFFIX_LINES: usize = 64;
/// Answers kept (`max_cache_keys`).
const CACHED: usize = 250;
/// Bytes that are looked back.
const LOOK_BACK: usize = 128;
/// An answer is kept for a prefix that has lost so many first lines too.
const SCROLLED: usize = 3;
/// Chunks sent, and waiting; lines of one; lines round the cursor that they are taken from.
const CHUNKS: usize = 16;
const CHUNK_LINES: usize = 64;
const SCOPE: usize = 1024;
/// Lines that the cursor moves before chunks are taken round it.
const FAR: usize = 32;
/// How much alike two chunks are one, and a chunk is what stands round the cursor.
const SAME: f64 = 0.9;
const NEAR: f64 = 0.5;

/// `s:fim_ctx_local`: the text round the cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Local {
    pub prefix: String,
    /// The line up to the cursor.
    pub middle: String,
    pub suffix: String,
    /// The line from the cursor on.
    pub right: String,
    /// Bytes.
    pub indent: usize,
}

impl Local {
    /// With `previous` taken, where it is not empty: its lines.
    pub fn of(editor: &Editor, previous: &[String]) -> Self {
        let file = editor.file();
        let line = file.line(editor.cursor);
        let (row, _) = file.place(editor.cursor);
        let lines: Vec<&str> = file.text.split('\n').collect();
        let current = &file.text[line.clone()];
        let (mut left, mut right) = current.split_at(editor.cursor - line.start);
        let mut indent = current.len() - current.trim_start().len();
        if current.trim().is_empty() {
            (left, right, indent) = ("", "", 0);
        }
        let first = row.saturating_sub(PREFIX_LINES);
        let mut above: Vec<String> = lines[first..row].iter().map(|line| (*line).to_owned()).collect();
        let below = &lines[(row + 1).min(lines.len())..(row + 1 + SUFFIX_LINES).min(lines.len())];
        let mut middle = left.to_owned();
        if let [first, more @ ..] = previous {
            right = "";
            let taken = [current, first].concat();
            middle = match more {
                [] => taken,
                [between @ .., last] => {
                    above.push(taken);
                    above.extend(between.iter().cloned());
                    last.clone()
                }
            };
        }
        Self {
            prefix: above.join("\n") + "\n",
            middle,
            suffix: [right, "\n", &below.join("\n"), "\n"].concat(),
            right: right.to_owned(),
            indent,
        }
    }

    /// What an answer is kept by.
    pub fn hashes(&self) -> Vec<u64> {
        let mut hashes = vec![hash(&[&self.prefix, &self.middle], &self.suffix)];
        let mut prefix = self.prefix.as_str();
        for _ in 0..SCROLLED {
            prefix = prefix.split_once('\n').map_or("", |(_, rest)| rest);
            if prefix.is_empty() {
                break;
            }
            hashes.push(hash(&[prefix, &self.middle], &self.suffix));
        }
        hashes
    }
}

fn hash(before: &[&str], suffix: &str) -> u64 {
    let mut hasher = Xxh3::new();
    before.iter().for_each(|text| hasher.update(text.as_bytes()));
    hasher.update("Î".as_bytes());
    hasher.update(suffix.as_bytes());
    hasher.digest()
}

/// `g:cache_data`: answers, the least recently used one forgotten first.
#[derive(Default)]
pub struct Cache {
    answers: HashMap<u64, Kept>,
    /// Least recently used first.
    order: VecDeque<u64>,
}

/// An answer, and its number among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub content: String,
    pub number: u64,
}

impl Cache {
    pub fn put(&mut self, hash: u64, kept: &Kept) {
        self.touch(hash);
        if self.answers.len() >= CACHED
            && !self.answers.contains_key(&hash)
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.answers.insert(hash, kept.clone());
    }

    pub fn get(&mut self, hash: u64) -> Option<&Kept> {
        if self.answers.contains_key(&hash) {
            self.touch(hash);
        }
        self.answers.get(&hash)
    }

    /// What is shown at a place: the answer for it, else the longest rest of one that is being typed.
    pub fn find(&mut self, local: &Local) -> Option<Kept> {
        if let Some(kept) = self.get(hash(&[&local.prefix, &local.middle], &local.suffix)) {
            return Some(kept.clone());
        }
        let before = [local.prefix.as_str(), &local.middle].concat();
        let mut best: Option<Kept> = None;
        for back in 1..=LOOK_BACK.min(before.len()) {
            let at = before.len() - back;
            if !before.is_char_boundary(at) {
                continue;
            }
            let Some(Kept { content, number }) = self.get(hash(&[&before[..at]], &local.suffix)) else {
                continue;
            };
            let rest = content.strip_prefix(&before[at..]).filter(|rest| !rest.is_empty());
            if let Some(rest) = rest
                && best.as_ref().is_none_or(|best| rest.len() > best.content.len())
            {
                best = Some(Kept { content: rest.to_owned(), number: *number });
            }
        }
        best
    }

    fn touch(&mut self, hash: u64) {
        self.order.retain(|other| *other != hash);
        self.order.push_back(hash);
    }
}

/// `s:ring_chunks` and `s:ring_queued`: pieces of text from elsewhere.
pub struct Ring {
    random: fastrand::Rng,
    chunks: VecDeque<Chunk>,
    queued: VecDeque<Chunk>,
    /// The line of the cursor when chunks were last taken round it.
    picked: Option<usize>,
}

struct Chunk {
    lines: Vec<String>,
    file: String,
}

impl Ring {
    pub fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            chunks: VecDeque::new(),
            queued: VecDeque::new(),
            picked: None,
        }
    }

    /// `BufEnter`: the top of a file that was looked at.
    pub fn enter(&mut self, file: &OpenFile) {
        let lines: Vec<&str> = file.text.lines().take(CHUNK_LINES / 2 + 1).collect();
        self.pick(&lines, &file.uri, true);
    }

    /// The next chunk that waits is sent from now on; false when none waits.
    pub fn read_next(&mut self) -> bool {
        let Some(chunk) = self.queued.pop_front() else { return false };
        if self.chunks.len() == CHUNKS {
            self.chunks.pop_front();
        }
        self.chunks.push_back(chunk);
        true
    }

    /// `s:ring_get_extra`.
    pub fn extra(&self) -> Vec<Value> {
        let of = |(number, chunk): (usize, &Chunk)| json!({"text": chunk.lines.join("\n") + "\n", "time": number, "filename": chunk.file});
        self.chunks.iter().enumerate().map(of).collect()
    }

    /// Chunks that are like what stands round the cursor would be repeated, and go.
    pub fn forget_similar(&mut self, editor: &Editor) {
        let row = editor.place().0;
        let lines: Vec<&str> = editor.file().text.lines().collect();
        let half = CHUNK_LINES / 2;
        let here = &lines[row.saturating_sub(half).min(lines.len())..(row + half + 1).min(lines.len())];
        let first = self.random.usize(0..=here.len().saturating_sub(half));
        let here = &here[first..(first + half + 1).min(here.len())];
        self.chunks.retain(|chunk| similarity(&chunk.lines, here) <= NEAR);
    }

    /// The end of `llama#fim`: far from where chunks were last taken, what is above and below the window waits.
    pub fn follow(&mut self, editor: &Editor) {
        let row = editor.place().0;
        if self.picked.is_some_and(|picked| picked.abs_diff(row) <= FAR) {
            return;
        }
        let file = editor.file();
        let lines: Vec<&str> = file.text.lines().collect();
        let from = |first: usize, last: usize| &lines[first.min(lines.len())..last.min(lines.len())];
        let above = from(row.saturating_sub(SCOPE), row.saturating_sub(PREFIX_LINES));
        let below = from(row + SUFFIX_LINES, row + SUFFIX_LINES + CHUNK_LINES);
        self.pick(above, &file.uri, false);
        self.pick(below, &file.uri, false);
        self.picked = Some(row);
    }

    /// `s:pick_chunk`.
    fn pick(&mut self, lines: &[&str], file: &str, replaces: bool) {
        if lines.len() < 3 {
            return;
        }
        let half = CHUNK_LINES / 2;
        let chunk: Vec<String> = if lines.len() + 1 < CHUNK_LINES {
            lines.iter().map(|line| (*line).to_owned()).collect()
        } else {
            let first = self.random.usize(0..=lines.len().saturating_sub(half));
            lines[first..(first + half + 1).min(lines.len())].iter().map(|line| (*line).to_owned()).collect()
        };
        let slices: Vec<&str> = chunk.iter().map(String::as_str).collect();
        let is_same = |other: &Chunk| similarity(&other.lines, &slices) > SAME;
        let is_known = |other: &Chunk| other.lines == chunk || !replaces && is_same(other);
        if self.chunks.iter().chain(&self.queued).any(is_known) {
            return;
        }
        self.chunks.retain(|other| !is_same(other));
        self.queued.retain(|other| !is_same(other));
        if self.queued.len() == CHUNKS {
            self.queued.pop_front();
        }
        self.queued.push_back(Chunk { lines: chunk, file: file.to_owned() });
    }
}

/// `s:chunk_sim`: words that both have, of all words.
fn similarity(a: &[String], b: &[&str]) -> f64 {
    let words = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let (a, b) = (words(&a.join("\n")), words(&b.join("\n")));
    let known: HashSet<&String> = a.iter().collect();
    let common = b.iter().filter(|word| known.contains(word)).count();
    2.0 * common as f64 / (a.len() + b.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(text: &str) -> Editor {
        let cursor = text.find('|').expect("a cursor");
        let text = text.replacen('|', "", 1);
        let file = OpenFile { uri: "file:///a.rs".into(), language: "rust", text, version: 1 };
        Editor { files: vec![file], focus: 0, cursor }
    }

    fn kept(content: &str) -> Kept {
        Kept { content: content.to_owned(), number: 1 }
    }

    fn owned(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_text_round_a_cursor() {
        type Case<'a> = (&'a str, &'a [&'a str], &'a str, &'a str, &'a str, usize);
        let cases: &[Case] = &[
            ("a\n  b|c\nd\n", &[], "a\n", "  b", "c\nd\n\n", 2),
            // Blanks alone are not sent.
            ("a\n  |\nd", &[], "a\n", "", "\nd\n", 0),
            ("|x", &[], "\n", "", "x\n\n", 0),
            // As if taken: one line, and more.
            ("a\n b|\nd", &["c"], "a\n", " bc", "\nd\n", 1),
            ("a\nb|\nd", &["1", "2", "3"], "a\nb1\n2\n", "3", "\nd\n", 0),
        ];
        for (text, previous, prefix, middle, suffix, indent) in cases {
            let local = Local::of(&editor(text), &owned(previous));
            assert_eq!(
                (&*local.prefix, &*local.middle, &*local.suffix),
                (*prefix, *middle, *suffix),
                "{text:?}"
            );
            assert_eq!(local.indent, *indent, "{text:?}");
        }
    }

    #[test]
    fn answers_are_found_again_and_along_what_is_typed() {
        let mut cache = Cache::default();
        for hash in Local::of(&editor("x\ny\nlet |\n"), &[]).hashes() {
            cache.put(hash, &kept("total = 1;"));
        }
        let mut find = |text: &str| cache.find(&Local::of(&editor(text), &[])).map(|kept| kept.content);
        assert_eq!(find("x\ny\nlet |\n").as_deref(), Some("total = 1;"));
        assert_eq!(find("x\ny\nlet to|\n").as_deref(), Some("tal = 1;"));
        // The first line has left the window.
        assert_eq!(find("y\nlet to|\n").as_deref(), Some("tal = 1;"));
        for elsewhere in ["x\ny\nlet a|\n", "x\ny\nlet total = 1;|\n", "x\ny\nlet |\nz"] {
            assert_eq!(find(elsewhere), None, "{elsewhere}");
        }
        for number in 0..CACHED as u64 {
            cache.put(number, &kept("y"));
        }
        assert_eq!((cache.answers.len(), cache.order.len()), (CACHED, CACHED));
        assert_eq!(cache.find(&Local::of(&editor("x\ny\nlet |\n"), &[])), None);
    }

    #[test]
    fn chunks_wait_are_sent_and_go() {
        let file =
            |name: &str, text: String| OpenFile { uri: name.into(), language: "rust", text, version: 1 };
        let text = |word: &str| (0..40).map(|n| format!("{word}{n} {word}\n")).collect::<String>();
        let mut ring = Ring::new(1);
        ring.enter(&file("a", text("a")));
        ring.enter(&file("a", text("a")));
        ring.enter(&file("tiny", "x\n".into()));
        assert_eq!(ring.extra(), Vec::<Value>::new());
        assert!(ring.read_next() && !ring.read_next());
        assert_eq!(ring.extra().len(), 1);
        assert_eq!(ring.extra()[0]["filename"], "a");
        // Working on the same text.
        ring.forget_similar(&editor(&format!("{}|", text("a"))));
        assert_eq!(ring.extra().len(), 0);
        for number in 0..40u8 {
            ring.enter(&file("b", text(&"q".repeat(usize::from(number) + 1))));
            ring.read_next();
        }
        assert_eq!(ring.extra().len(), CHUNKS);
    }
}
