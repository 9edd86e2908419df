//! Server-sent events, from bytes as they come to the data of each event. Pure.
//!
//! As the HTML standard has it (9.2.6), as far as servers of models use it: `data` lines, joined; comments and other
//! fields are skipped. A line has a bound, so that a server cannot fill the memory with one.

/// Bytes of a line at most, and of the data of an event.
const LONGEST: usize = 1 << 20;

/// What comes is no such stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    TooLong,
    NotText,
    /// It ends in the midst of a character.
    Cut,
}

/// A stream of events, cut anywhere.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    /// The data of the event that is being read, if it has any.
    data: Option<String>,
    /// The last byte was a carriage return: a line feed behind it ends no further line.
    is_behind_return: bool,
}

impl Events {
    /// Takes bytes, and gives the data of each event that is complete; of those before what is broken, too.
    pub fn push(&mut self, bytes: &[u8], complete: &mut Vec<String>) -> Result<(), Broken> {
        for &byte in bytes {
            let is_second = std::mem::take(&mut self.is_behind_return) && byte == b'\n';
            match byte {
                b'\n' if is_second => {}
                b'\n' | b'\r' => {
                    self.is_behind_return = byte == b'\r';
                    complete.extend(self.end_line()?);
                }
                _ if self.line.len() == LONGEST => return Err(Broken::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    /// The data of an event at whose end the stream ended without the empty line.
    pub fn finish(&mut self) -> Result<Option<String>, Broken> {
        if std::str::from_utf8(&self.line).is_err_and(|error| error.error_len().is_none()) {
            return Err(Broken::Cut);
        }
        let complete = self.end_line()?;
        Ok(complete.or_else(|| self.data.take()))
    }

    fn end_line(&mut self) -> Result<Option<String>, Broken> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let line = std::str::from_utf8(&line).map_err(|_| Broken::NotText)?;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // llama-server once sent its errors by a field of that name.
        if matches!(field, "data" | "error") {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) if data.len() + value.len() >= LONGEST => return Err(Broken::TooLong),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, byte by byte, and cut in two at every place.
    fn check(text: &str, expected: &[&str]) {
        let read = |parts: &[&[u8]]| {
            let mut events = Events::default();
            let mut found = Vec::new();
            parts.iter().for_each(|part| events.push(part, &mut found).expect("text"));
            found.extend(events.finish().expect("text"));
            found
        };
        let bytes = text.as_bytes();
        assert_eq!(read(&[bytes]), expected, "{text:?}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&single), expected, "{text:?}, byte by byte");
        for cut in 0..bytes.len() {
            assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), expected, "{text:?}, cut at {cut}");
        }
    }

    #[test]
    fn events_however_they_are_cut() {
        for (text, expected) in [
            ("", &[][..]),
            ("data: a\n\n", &["a"]),
            ("data:a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\rdata:  c\n\n", &["a", "b", " c"]),
            ("data: é🦀\n\n", &["é🦀"]),
            ("data: one\ndata: two\n\n", &["one\ntwo"]),
            (": ping\n\n: ping\n\nevent: x\nid: 7\ndata: a\n\n", &["a"]),
            ("data\n\n", &[""]),
            ("data: a: b\n\n", &["a: b"]),
            ("error: {\"code\":1}\n\n", &["{\"code\":1}"]),
            // The end comes before the empty line, or before any.
            ("data: a\n", &["a"]),
            ("data: a", &["a"]),
            ("<html>\n<p>no</p>\n\n", &[]),
            ("\n\n\n", &[]),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn bounds_hold() {
        let (mut events, mut found) = (Events::default(), Vec::new());
        assert_eq!(events.push(&vec![b'x'; LONGEST], &mut found), Ok(()));
        assert_eq!(events.push(b"x", &mut found), Err(Broken::TooLong));

        let mut events = Events::default();
        let line = [b"data: ".as_slice(), &vec![b'x'; LONGEST / 2], b"\n"].concat();
        assert_eq!(events.push(&line, &mut found), Ok(()));
        assert_eq!(events.push(&line, &mut found), Err(Broken::TooLong));
        assert_eq!(found, [""; 0]);

        let broken = Events::default().push(b"data: a\n\ndata: \xff\n", &mut found);
        assert_eq!((broken, found), (Err(Broken::NotText), vec!["a".to_owned()]));

        // At the end the rest of a character may be missing; before a line end nothing more of it comes.
        for (text, end) in [
            (&b"data: \xc3"[..], Err(Broken::Cut)),
            (b"data: \xf0\x9f\xa6", Err(Broken::Cut)),
            (b"data: \xff", Err(Broken::NotText)),
        ] {
            let mut events = Events::default();
            assert_eq!(events.push(text, &mut Vec::new()), Ok(()));
            assert_eq!(events.finish(), end, "{text:?}");
        }
        assert_eq!(Events::default().push(b"data: \xc3\n", &mut Vec::new()), Err(Broken::NotText));
    }
}
