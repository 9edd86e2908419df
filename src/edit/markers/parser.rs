//! From pieces of an answer to its edits, line by line.
//!
//! A line that is not complete is held back, so nothing depends on how the stream was cut into pieces. The work is
//! linear in the answer, whatever it holds: a line longer than [`LONGEST_LINE`] is passed on in parts and is text.
//! The parser never fails; an edit says by its [`Status`] how far it can be trusted.

use std::mem;

use crate::edit::markers::answer::{Answer, Block, Body, Event, Fault, Hunk, Status, Stop};
use crate::edit::markers::line::{self, Header, Kind};
use crate::edit::markers::{Markers, Tier};
use crate::edit::repair::unfence;

/// Bytes of a line that are held back. No marker and no line of code is longer.
const LONGEST_LINE: usize = 64 * 1024;

/// The parser: owned and `Send`, for the thread that makes the tokens.
#[derive(Clone, Debug)]
pub struct Parser {
    tier: Tier,
    markers: Markers,
    /// The line that is not complete.
    held: String,
    /// A part of this line was passed on already.
    is_long: bool,
    open: Option<Open>,
    /// The one edit of [`Tier::Region`] was ended.
    is_closed: bool,
    events: Vec<Event>,
    answer: Answer,
}

/// The edit being written.
#[derive(Clone, Debug, Default)]
struct Open {
    /// Headers may still come.
    is_head: bool,
    headers: Vec<(Header, String)>,
    code: String,
    hunks: Vec<Hunk>,
    half: Option<Half>,
    fault: Option<Fault>,
}

/// A hunk being written.
#[derive(Clone, Debug, Default)]
struct Half {
    search: String,
    replace: Option<String>,
}

impl Parser {
    /// For an answer from its first byte, the start marker included. A prefill that holds the marker is pushed like
    /// the rest.
    pub fn new(tier: Tier, markers: Markers) -> Self {
        Self {
            tier,
            markers,
            held: String::new(),
            is_long: false,
            open: None,
            is_closed: false,
            events: Vec::new(),
            answer: Answer::default(),
        }
    }

    /// For an answer that goes on where the prompt has already opened the edit; nothing is told of that.
    pub fn opened(tier: Tier, markers: Markers) -> Self {
        Self { open: Some(Open::new(tier)), ..Self::new(tier, markers) }
    }

    /// Takes the next piece, of any size, and tells what became certain by it.
    pub fn push(&mut self, piece: &str) -> Vec<Event> {
        for mut part in piece.split_inclusive('\n') {
            while part.len() > LONGEST_LINE - self.held.len() {
                let (first, rest) = part.split_at(part.floor_char_boundary(LONGEST_LINE - self.held.len()));
                self.held.push_str(first);
                let text = mem::take(&mut self.held);
                self.text(&text, true);
                self.is_long = true;
                part = rest;
            }
            self.held.push_str(part);
            if part.ends_with('\n') {
                let text = mem::take(&mut self.held);
                self.take(&text);
                self.is_long = false;
            }
        }
        mem::take(&mut self.events)
    }

    /// Whether all is there that was asked for, so that the engine can stop: only in [`Tier::Region`]. An end marker
    /// alone on its line is enough, its line end need not come.
    pub fn is_closed(&self) -> bool {
        let is_end = || {
            let line = self.held.trim_start();
            line.ends_with(">>>") && line.len() < 32 && line == self.markers.end()
        };
        self.is_closed || self.tier == Tier::Region && self.open.is_some() && !self.is_long && is_end()
    }

    /// Ends the answer. Half a marker at its end is dropped.
    pub fn finish(mut self, stop: Stop) -> Answer {
        let held = mem::take(&mut self.held);
        let last = held.strip_suffix('\r').unwrap_or(&held);
        let torn = match self.open {
            Some(_) if !self.is_long => line::torn(last, &self.markers.all()),
            _ => None,
        };
        match torn {
            Some(at) if last[..at].trim().is_empty() => {}
            Some(at) => self.take(&last[..at]),
            None if last.is_empty() => {}
            None => self.take(last),
        }
        self.close(match stop {
            Stop::Marker => Status::Ok,
            Stop::EndOfText => Status::Unterminated,
            Stop::Limit => Status::Truncated,
        });
        self.answer
    }

    /// Takes a line, or what of it is left after its first [`LONGEST_LINE`] bytes.
    fn take(&mut self, line: &str) {
        if self.is_long {
            return self.text(line, true);
        }
        let nonce = self.markers.nonce().map(str::to_owned);
        let (mut text, mut behind) = (line, Vec::new());
        let first = loop {
            let first = line::whole(text, nonce.as_deref());
            if first.is_some() || self.open.is_none() {
                break first;
            }
            if behind.is_empty()
                && let Some(rest) = line::after_end(line, nonce.as_deref())
            {
                self.mark(Kind::End);
                return self.text(rest, false);
            }
            // Markers can share a line, after code or after each other: the last one is taken off first.
            let Some((before, kind)) = line::glued(text, nonce.as_deref()) else {
                break None;
            };
            behind.push(kind);
            text = before;
        };
        match first {
            Some(kind) => self.mark(kind),
            None => self.text(text, false),
        }
        for kind in behind.into_iter().rev() {
            self.mark(kind);
        }
    }

    fn mark(&mut self, kind: Kind) {
        let Some(open) = &mut self.open else {
            // Any other marker in prose is a stray one.
            if kind == Kind::Start && !self.is_closed {
                self.start();
            }
            return;
        };
        match kind {
            Kind::Start if open.is_empty() => *open = Open::new(self.tier),
            Kind::Start => {
                self.close(Status::Implicit);
                self.start();
            }
            Kind::End => {
                self.close(Status::Ok);
                self.is_closed = self.tier == Tier::Region;
            }
            Kind::Code => open.is_head = false,
            Kind::Search => {
                self.events.extend(open.end_hunk());
                open.is_head = false;
                open.half = Some(Half::default());
            }
            Kind::Replace => {
                open.is_head = false;
                if open.half.as_ref().is_none_or(|half| half.replace.is_some()) {
                    open.spoil(Fault::ReplaceWithoutSearch);
                }
                open.half.get_or_insert_default().replace = Some(String::new());
            }
        }
    }

    fn start(&mut self) {
        self.open = Some(Open::new(self.tier));
        self.events.push(Event::Start);
    }

    /// Takes text that is no marker: a line, or a part of a long one.
    fn text(&mut self, text: &str, is_part: bool) {
        let Some(open) = &mut self.open else {
            self.answer.prose.push_str(text);
            self.events.push(Event::Prose(text.to_owned()));
            return;
        };
        if open.is_head {
            let header = if is_part { None } else { line::header(text, self.tier) };
            if let Some((header, value)) = header
                && !open.headers.iter().any(|(known, _)| *known == header)
            {
                open.headers.push((header, value.to_owned()));
                return;
            }
            let is_blank = text.trim().is_empty();
            open.is_head = is_blank && open.headers.is_empty();
            // Blank lines may stand before the headers, and one after them.
            if is_blank {
                return;
            }
        }
        match &mut open.half {
            None => {
                open.code.push_str(text);
                self.events.push(Event::Line(text.to_owned()));
            }
            Some(half) => half.replace.as_mut().unwrap_or(&mut half.search).push_str(text),
        }
    }

    fn close(&mut self, status: Status) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        self.events.extend(open.end_hunk());
        open.unwrap_hunks();
        if !open.hunks.is_empty() && !open.code.trim().is_empty() {
            open.spoil(Fault::TextBesideHunks);
        }
        let status = match open.fault {
            Some(fault) if status != Status::Truncated => Status::Malformed(fault),
            _ => status,
        };
        let body = if open.hunks.is_empty() { Body::Whole(open.code) } else { Body::Hunks(open.hunks) };
        self.answer.blocks.push(Block { headers: open.headers, body, status });
        self.events.push(Event::Close(status));
    }
}

impl Open {
    fn new(tier: Tier) -> Self {
        Self { is_head: tier != Tier::Region, ..Self::default() }
    }

    /// Whether nothing was written yet: a doubled start is harmless then.
    fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.hunks.is_empty() && self.half.is_none() && self.code.trim().is_empty()
    }

    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn end_hunk(&mut self) -> Option<Event> {
        let Half { search, replace } = self.half.take()?;
        let Some(replace) = replace else {
            self.spoil(Fault::SearchWithoutReplace);
            return None;
        };
        // A fence round one side only may be the text that is meant, in Markdown; round both it means nothing.
        let (inner_search, inner_replace) = (unfence(&search), unfence(&replace));
        if inner_search.unwrap_or(&search).trim().is_empty() {
            self.spoil(Fault::EmptySearch);
            return None;
        }
        self.hunks.push(match (inner_search, inner_replace) {
            (Some(search), Some(replace)) => Hunk { search: search.to_owned(), replace: replace.to_owned() },
            _ => Hunk { search, replace },
        });
        Some(Event::Hunk(self.hunks.len() - 1))
    }

    /// Takes off a fence that stands round all hunks: it opens before the first search, and closes the last replace.
    fn unwrap_hunks(&mut self) {
        let Some(last) = self.hunks.last_mut() else {
            return;
        };
        let fenced = format!("{}\n{}", self.code.trim(), last.replace);
        if self.code.trim().lines().count() == 1
            && let Some(inside) = unfence(&fenced)
        {
            last.replace = inside.to_owned();
            self.code.clear();
        }
    }
}
