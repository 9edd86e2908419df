//! Cuts a stream of bytes into the bodies of messages, by the header that LSP puts before each.
//!
//! Skips what is no header, so that one broken message costs one message. Trusts no number of a client's, and holds
//! no more than has arrived. Does *not* read a body: `transport` does.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// A body longer than this is not read: the header is taken for garbage. Bytes.
const LONGEST_BODY: usize = 1 << 30;

/// A header block longer than this is none. Bytes.
const LONGEST_HEADER: usize = 1 << 14;

/// What is kept allocated between messages, bytes: a 50 MB document is not paid for twice.
const KEPT_BUFFER: usize = 1 << 20;

/// Bytes that are no frame; they have been skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbage;

/// Cuts the input into bodies. What is between two frames and is not one is skipped, once told.
pub struct Frames<R> {
    input: R,
    buffer: Vec<u8>,
    /// Where the unread part of `buffer` begins.
    start: usize,
    /// The length of the body that `start` stands at, once its header was read.
    body: Option<usize>,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), start: 0, body: None }
    }

    /// The next body, or word of what stood there instead; `None` at the end. Safe to drop at any await.
    pub async fn next(&mut self) -> io::Result<Option<Result<Vec<u8>, Garbage>>> {
        loop {
            if let Some(frame) = self.cut() {
                return Ok(Some(frame));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BUFFER {
                self.buffer = Vec::new();
            }
            // Never what the header claims: that is the client's number.
            let missing = self.body.unwrap_or(0).saturating_sub(self.buffer.len());
            self.buffer.reserve(missing.clamp(1 << 13, KEPT_BUFFER));
            if self.input.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn cut(&mut self) -> Option<Result<Vec<u8>, Garbage>> {
        let length = match self.body {
            Some(length) => length,
            None => {
                let unread = self.buffer.get(self.start..).unwrap_or_default();
                let Some(end) = find(unread, b"\r\n\r\n") else {
                    let length = unread.len();
                    return (length > LONGEST_HEADER).then(|| Err(self.skip_garbage(length)));
                };
                let Some(length) = content_length(&unread[..end]) else {
                    return Some(Err(self.skip_garbage(end + 4)));
                };
                self.start += end + 4;
                *self.body.insert(length)
            }
        };
        let body = self.buffer.get(self.start..self.start + length)?.to_vec();
        self.start += length;
        self.body = None;
        Some(Ok(body))
    }

    /// Skips to where the next header may begin, at most `length` bytes of the unread ones.
    fn skip_garbage(&mut self, length: usize) -> Garbage {
        let garbage = self.buffer.get(self.start + 1..self.start + length).unwrap_or_default();
        self.start += find(garbage, b"Content-Length").map_or(length, |at| at + 1);
        Garbage
    }
}

/// The length that a header block names; other fields are nothing to us (the only charset there is, is UTF-8).
fn content_length(header: &[u8]) -> Option<usize> {
    std::str::from_utf8(header)
        .ok()?
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .filter(|length| *length <= LONGEST_BODY)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Bodies and refusals of an input that arrives in pieces of `step` bytes.
    async fn read(input: &[u8], step: usize) -> Vec<String> {
        let (mut near, far) = tokio::io::duplex(step);
        let input = input.to_vec();
        tokio::spawn(async move { near.write_all(&input).await });
        let mut frames = Frames::new(far);
        let mut seen = Vec::new();
        while let Ok(Some(frame)) = frames.next().await {
            seen.push(match frame {
                Ok(body) => String::from_utf8_lossy(&body).into_owned(),
                Err(Garbage) => "refused".into(),
            });
        }
        seen
    }

    #[tokio::test]
    async fn frames_are_found_whatever_stands_between_them() {
        let cases: &[(&str, &[&str])] = &[
            ("Content-Length: 2\r\n\r\n{}", &["{}"]),
            ("content-length:2\r\nX: y\r\nA: b\r\nC: d\r\n\r\n{}", &["{}"]),
            ("Content-Type: a; charset=latin1\r\nContent-Length: 2\r\n\r\n{}", &["{}"]),
            ("Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n{ }", &["{}", "{ }"]),
            ("Content-Length: 0\r\n\r\nContent-Length: 2\r\n\r\n{}", &["", "{}"]),
            ("garbageContent-Length: 2\r\n\r\n{}", &["refused", "{}"]),
            ("Content-Length: -1\r\n\r\nContent-Length: 2\r\n\r\n{}", &["refused", "{}"]),
            ("Content-Length: 99999999999999\r\n\r\nContent-Length: 2\r\n\r\n{}", &["refused", "{}"]),
            ("\r\n\r\nContent-Length: 2\r\n\r\n{}", &["refused", "{}"]),
            ("Content-Length: 20\r\n\r\n{}", &[]),
        ];
        for (input, expected) in cases {
            for step in [1, 7, 1 << 12] {
                assert_eq!(read(input.as_bytes(), step).await, *expected, "{input:?} by {step}");
            }
        }
        let endless = [b"x".repeat(LONGEST_HEADER + 1), b"Content-Length: 2\r\n\r\n{}".to_vec()].concat();
        assert_eq!(read(&endless, 1 << 16).await.last().map(String::as_str), Some("{}"));
    }
}
