//! What a review found, shown as diagnostics of the source `codesage`.
//!
//! They are notes on a text, so they go with it: a finding whose lines are edited is gone, one below an edit moves
//! with its lines. The next review of a document replaces them, closing it clears them, and so does `codesage.review`
//! with `{ "clear": true }`. What is wrong in a settings file is kept beside them, for a publication replaces all that a
//! server has shown for a document. Does *not* review anything.

use std::collections::HashMap;
use std::ops::Range;

use ropey::Rope;
use serde_json::{Value, json};
use tower_lsp::lsp_types::Url;

use crate::assist::act::Finding;
use crate::lsp::convert;
use crate::text::{Change, Edit, Encoding};

/// The findings that are shown now, by document. Nothing here is told to anyone: what is returned is.
#[derive(Default)]
pub struct Findings {
    of_reviews: HashMap<Url, Vec<Finding>>,
    /// Whole diagnostics; who found them finds them anew with every change.
    of_settings: HashMap<Url, Vec<Value>>,
}

impl Findings {
    /// In place of those of the last review; `text` is what they are of.
    pub fn replace(
        &mut self,
        uri: &Url,
        text: &Rope,
        found: Vec<Finding>,
        now: &Rope,
        columns: Encoding,
    ) -> Value {
        self.of_reviews.insert(uri.clone(), found);
        // The person may have typed on while the model wrote.
        self.follow(uri, text, now);
        self.parameters(uri, now, columns)
    }

    pub fn is_any(&self, uri: &Url) -> bool {
        self.of_reviews.contains_key(uri)
    }

    /// What is wrong in a settings file, in place of what was wrong before. Whether that is another thing to show.
    pub fn underline(&mut self, uri: &Url, diagnostics: Vec<Value>) -> bool {
        let before = match diagnostics.is_empty() {
            true => self.of_settings.remove(uri),
            false => self.of_settings.insert(uri.clone(), diagnostics),
        };
        before.as_deref().unwrap_or_default()
            != self.of_settings.get(uri).map(Vec::as_slice).unwrap_or_default()
    }

    /// A document was closed. Whether anything was shown for it.
    pub fn forget(&mut self, uri: &Url) -> bool {
        let reviewed = self.of_reviews.remove(uri).is_some();
        self.of_settings.remove(uri).is_some() || reviewed
    }

    /// The document was edited. Whether findings were lost by it: where they only moved, the editor moved them too.
    pub fn follow(&mut self, uri: &Url, before: &Rope, now: &Rope) -> bool {
        let Some(found) = self.of_reviews.get_mut(uri) else {
            return false;
        };
        let whole = Change { range: None, text: now.to_string() };
        let Some(edit) = Edit::of(&whole, before, Encoding::Utf8) else {
            return false;
        };
        let number = found.len();
        found.retain_mut(|finding| moved(finding, before, &edit));
        found.len() < number
    }

    /// Forgets those of one document's review, or of all; the documents that had some, and what is still shown there.
    pub fn clear(&mut self, uri: Option<&Url>) -> Vec<(Url, Value)> {
        let cleared: Vec<Url> = match uri {
            Some(uri) => self.of_reviews.remove_entry(uri).map(|(uri, _)| uri).into_iter().collect(),
            None => self.of_reviews.drain().map(|(uri, _)| uri).collect(),
        };
        let left = |uri: &Url| self.of_settings.get(uri).cloned().unwrap_or_default();
        cleared
            .into_iter()
            .map(|uri| (uri.clone(), json!({ "uri": uri, "diagnostics": left(&uri) })))
            .collect()
    }

    /// The parameters of `textDocument/publishDiagnostics`, in the text as it is now.
    pub fn parameters(&self, uri: &Url, now: &Rope, columns: Encoding) -> Value {
        let found = self.of_reviews.get(uri).map(Vec::as_slice).unwrap_or_default();
        let settings = self.of_settings.get(uri).map(Vec::as_slice).unwrap_or_default();
        let diagnostics: Vec<Value> = found
            .iter()
            .map(|finding| {
                json!({
                    "range": convert::range(now, &finding.range, columns),
                    // Information: what a model says is not an error of a compiler.
                    "severity": 3,
                    "source": "codesage",
                    "message": finding.message,
                })
            })
            .chain(settings.iter().cloned())
            .collect();
        json!({ "uri": uri, "diagnostics": diagnostics })
    }
}

/// The parameters that take all diagnostics of a document away.
pub fn nothing(uri: &Url) -> Value {
    json!({ "uri": uri, "diagnostics": [] })
}

/// Moves a finding with its text; false where its lines were edited.
fn moved(finding: &mut Finding, before: &Rope, edit: &Edit) -> bool {
    let line = |byte: usize| before.byte_to_line(byte.min(before.len_bytes()));
    let lines = |bytes: &Range<usize>| line(bytes.start)..=line(bytes.end.max(bytes.start));
    let (touched, own) = (lines(&edit.range), lines(&finding.range));
    // Whole lines put in or taken out just above leave its own lines as they are.
    let is_line_start = before.line_to_byte(*touched.start()) == edit.range.start;
    let whole_lines = edit.text.ends_with('\n') || edit.text.is_empty() && is_line_start;
    let before_its_lines =
        touched.end() < own.start() || edit.range.end <= before.line_to_byte(*own.start()) && whole_lines;
    if touched.start() > own.end() {
        return true;
    }
    if before_its_lines {
        let shifted = |byte: usize| (byte + edit.text.len()).saturating_sub(edit.range.len());
        finding.range = shifted(finding.range.start)..shifted(finding.range.end);
    }
    before_its_lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_follow_their_lines() {
        let text = "one\ntwo\nthree\n";
        // The text of the finding after an edit; none where it is gone.
        let cases = [
            ("one\ntwo\nthree\n", Some("two")),
            ("one\nx\ntwo\nthree\n", Some("two")),
            ("two\nthree\n", Some("two")),
            ("onex\ntwo\nthree\n", Some("two")),
            ("one\ntwo\nthr\n", Some("two")),
            ("one\ntwo\n", Some("two")),
            ("x\ny\nz\n\none\ntwo\nthree\n", Some("two")),
            ("one\ntwox\nthree\n", None),
            ("one\n two\nthree\n", None),
            ("one\nthree\n", None),
            ("onetwo\nthree\n", None),
            ("", None),
        ];
        for (now, expected) in cases {
            let uri = Url::parse("file:///a").expect("a URL");
            let (before, now) = (Rope::from_str(text), Rope::from_str(now));
            let mut findings = Findings::default();
            let found = vec![Finding { range: 4..7, message: "m".into() }];
            findings.replace(&uri, &before, found, &before, Encoding::Utf8);
            assert_eq!(findings.follow(&uri, &before, &now), expected.is_none(), "{now}");
            let left = findings.of_reviews.get(&uri).and_then(|found| found.first());
            let at = left.map(|finding| now.byte_slice(finding.range.clone()).to_string());
            assert_eq!(at.as_deref(), expected, "{now}");
        }
    }

    #[test]
    fn what_is_published() {
        let [a, b] = ["file:///a", "file:///b"].map(|uri| Url::parse(uri).expect("a URL"));
        let text = Rope::from_str("é😀x\n");
        let mut findings = Findings::default();
        let found = vec![Finding { range: 6..7, message: "m".into() }];
        let shown = findings.replace(&a, &text, found, &text, Encoding::Utf16);
        let (start, end) = (json!({"line": 0, "character": 3}), json!({"line": 0, "character": 4}));
        let diagnostic = json!({"range": {"start": start, "end": end}, "severity": 3, "source": "codesage", "message": "m"});
        assert_eq!(shown, json!({"uri": "file:///a", "diagnostics": [diagnostic]}));
        // A review that found nothing takes the last one's findings away.
        assert_eq!(findings.replace(&a, &text, Vec::new(), &text, Encoding::Utf16), nothing(&a));
        findings.replace(&b, &text, Vec::new(), &text, Encoding::Utf16);
        assert_eq!(findings.clear(Some(&b)), [(b.clone(), nothing(&b))]);
        assert_eq!(findings.clear(None), [(a.clone(), nothing(&a))]);
        assert!(findings.clear(None).is_empty() && !findings.is_any(&a));
    }

    #[test]
    fn what_is_wrong_with_settings_stays_beside_a_review() {
        let uri = Url::parse("file:///codesage.toml").expect("a URL");
        let text = Rope::from_str("x = 1\n");
        let mut findings = Findings::default();
        let shown = |findings: &Findings| {
            let parameters = findings.parameters(&uri, &text, Encoding::Utf16);
            let all = parameters["diagnostics"].as_array().cloned().unwrap_or_default();
            all.iter().map(|one| one["message"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let wrong = vec![json!({ "message": "wrong" })];
        assert!(!findings.underline(&uri, Vec::new()), "there was nothing, and there is nothing");
        assert!(findings.underline(&uri, wrong.clone()) && !findings.underline(&uri, wrong.clone()));
        let found = vec![Finding { range: 0..1, message: "found".into() }];
        findings.replace(&uri, &text, found, &text, Encoding::Utf16);
        assert_eq!(shown(&findings), ["found", "wrong"]);
        assert_eq!(findings.clear(None), [(uri.clone(), json!({ "uri": uri, "diagnostics": wrong }))]);
        assert_eq!(shown(&findings), ["wrong"]);
        assert!(findings.underline(&uri, Vec::new()) && shown(&findings).is_empty());
        assert!(!findings.forget(&uri));
        findings.underline(&uri, wrong);
        assert!(findings.forget(&uri) && shown(&findings).is_empty());
    }
}
