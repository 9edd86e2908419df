//! Where the person was last, as far as the editor said: for commands that come without arguments (Helix sends `[]`,
//! and people bind commands to keys). Does *not* ask anybody.

use tower_lsp::lsp_types::{Position, Range, TextDocumentContentChangeEvent, Url};

/// The last document, and the place in it that a request or a change named.
#[derive(Default)]
pub struct Seen {
    place: Option<(Url, Option<Range>)>,
}

impl Seen {
    /// The document, without a place; one that is known in it stays.
    pub fn document(&mut self, uri: &Url) {
        if self.place.as_ref().is_none_or(|(seen, _)| seen != uri) {
            self.place = Some((uri.clone(), None));
        }
    }

    pub fn range(&mut self, uri: &Url, range: Range) {
        self.place = Some((uri.clone(), Some(range)));
    }

    pub fn position(&mut self, uri: &Url, position: Position) {
        self.range(uri, Range::new(position, position));
    }

    /// The cursor stands behind what was typed last. A change of the whole text says nothing of a place.
    ///
    /// `units` counts a text in the client's columns.
    pub fn change(
        &mut self,
        uri: &Url,
        change: Option<&TextDocumentContentChangeEvent>,
        units: impl Fn(&str) -> u32,
    ) {
        let Some((start, text)) = change.and_then(|change| Some((change.range?.start, &change.text))) else {
            return self.document(uri);
        };
        let breaks = text.matches('\n').count() as u32;
        let last = units(text.rsplit('\n').next().unwrap_or_default());
        let character = if breaks == 0 { start.character.saturating_add(last) } else { last };
        self.position(uri, Position::new(start.line.saturating_add(breaks), character));
    }

    pub fn closed(&mut self, uri: &Url) {
        self.place.take_if(|(seen, _)| seen == uri);
    }

    pub fn last(&self) -> Option<(Url, Option<Range>)> {
        self.place.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_stands() {
        let [a, b] = ["file:///a", "file:///b"].map(|uri| Url::parse(uri).expect("a URL"));
        let at = |line, character| Range::new(Position::new(line, character), Position::new(line, character));
        let change = |range, text: &str| TextDocumentContentChangeEvent {
            range,
            range_length: None,
            text: text.into(),
        };
        let mut seen = Seen::default();
        assert_eq!(seen.last(), None);
        seen.document(&a);
        assert_eq!(seen.last(), Some((a.clone(), None)));
        seen.position(&a, Position::new(1, 2));
        seen.document(&a);
        assert_eq!(seen.last(), Some((a.clone(), Some(at(1, 2)))));
        let units = |text: &str| text.encode_utf16().count() as u32;
        for (text, expected) in [("x", at(3, 5)), ("", at(3, 4)), ("😀\nab", at(4, 2)), ("\n", at(4, 0))] {
            seen.change(&a, Some(&change(Some(at(3, 4)), text)), units);
            assert_eq!(seen.last(), Some((a.clone(), Some(expected))), "{text:?}");
        }
        seen.change(&a, Some(&change(None, "all")), units);
        assert_eq!(seen.last(), Some((a.clone(), Some(at(4, 0)))));
        seen.change(&b, None, units);
        seen.closed(&a);
        assert_eq!(seen.last(), Some((b.clone(), None)));
        seen.closed(&b);
        assert_eq!(seen.last(), None);
    }
}
