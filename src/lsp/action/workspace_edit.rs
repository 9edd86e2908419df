//! A proposal as the `WorkspaceEdit` that a client can take, and nothing more than that.
//!
//! Only the lines that differ are named, and never the line after the last line break (Neovim 0.10 would add an empty
//! one). No snippets: vim-lsp never answers those and lsp-mode says that it did what it did not (measured). Does *not*
//! look at the documents: it is given their texts and versions.

use ropey::Rope;
use serde_json::{Map, Value, json};
use tower_lsp::lsp_types::Url;

use crate::edit::diff;
use crate::lsp::capabilities::ClientFlags;
use crate::lsp::convert;

/// Whether the person has agreed to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// They have, or need not.
    Given,
    /// They are to be asked by the client, where it can.
    Asked,
}

/// What an annotation is called within one edit.
const ANNOTATION: &str = "codesage";

/// One file of an edit, as it stands and as it should.
pub struct Change {
    pub uri: Url,
    /// `None` for a file that is not open in the editor.
    pub version: Option<i32>,
    /// `None` for a file that is to be created.
    pub before: Option<String>,
    pub after: String,
}

impl Change {
    /// Whether the text is there already.
    pub fn is_made(&self) -> bool {
        self.before.as_ref() == Some(&self.after)
    }
}

/// The parameters of `workspace/applyEdit`.
pub fn parameters(label: &str, changes: &[Change], flags: &ClientFlags, consent: Consent) -> Value {
    json!({ "label": label, "edit": edit(label, changes, flags, consent) })
}

/// A `WorkspaceEdit`.
pub fn edit(label: &str, changes: &[Change], flags: &ClientFlags, consent: Consent) -> Value {
    if !flags.document_changes {
        let changes: Map<String, Value> = changes
            .iter()
            .map(|change| (change.uri.to_string(), Value::from(text_edits(change, flags, false))))
            .collect();
        return json!({ "changes": changes });
    }
    let annotated = flags.confirms_changes && consent == Consent::Asked;
    let mut operations = Vec::new();
    for change in changes {
        if change.before.is_none() && flags.creates_files {
            let mut create =
                json!({ "kind": "create", "uri": change.uri, "options": { "ignoreIfExists": true } });
            if annotated {
                create["annotationId"] = json!(ANNOTATION);
            }
            operations.push(create);
        }
        operations.push(json!({
            "textDocument": { "uri": change.uri, "version": change.version },
            "edits": text_edits(change, flags, annotated),
        }));
    }
    let mut edit = json!({ "documentChanges": operations });
    if annotated {
        edit["changeAnnotations"] = json!({ ANNOTATION: { "label": label, "needsConfirmation": true } });
    }
    edit
}

fn text_edits(change: &Change, flags: &ClientFlags, annotated: bool) -> Vec<Value> {
    let before = change.before.as_deref().unwrap_or_default();
    let rope = Rope::from_str(before);
    let replacements = diff::lines(before, &change.after).into_iter();
    let text_edit = |replacement: diff::Replacement| {
        let range = convert::range(&rope, &replacement.range, flags.columns);
        let mut text_edit = json!({ "range": range, "newText": replacement.text });
        if annotated {
            text_edit["annotationId"] = json!(ANNOTATION);
        }
        text_edit
    };
    replacements.map(text_edit).collect()
}

/// Lines that a change adds and takes away.
pub fn counts(change: &Change) -> (usize, usize) {
    diff::counts(change.before.as_deref().unwrap_or_default(), &change.after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{self, Document, Encoding};

    fn uri(name: &str) -> Url {
        Url::parse(&format!("file:///{name}")).expect("a URL")
    }

    fn flags(workspace_edit: Value, name: &str) -> ClientFlags {
        ClientFlags::distil(&json!({
            "clientInfo": { "name": name },
            "capabilities": { "workspace": { "applyEdit": true, "workspaceEdit": workspace_edit } },
        }))
    }

    fn change(name: &str, version: Option<i32>, before: Option<&str>, after: &str) -> Change {
        Change { uri: uri(name), version, before: before.map(str::to_owned), after: after.to_owned() }
    }

    fn at(line: u32, from: u32, to: u32, text: &str) -> Value {
        let position = |character| json!({ "line": line, "character": character });
        json!({ "range": { "start": position(from), "end": position(to) }, "newText": text })
    }

    #[test]
    fn the_form_follows_what_the_client_declares() {
        let one = || vec![change("a", Some(3), Some("x\n"), "y\n")];
        let created = || vec![change("a", Some(3), Some("x\n"), "y\n"), change("new", None, None, "z\n")];
        let document = |uri: &str, version: Option<i32>, edits: Value| json!({ "textDocument": { "uri": uri, "version": version }, "edits": edits });
        let a = || document("file:///a", Some(3), json!([at(0, 0, 1, "y")]));
        let new = || document("file:///new", None, json!([at(0, 0, 0, "z\n")]));
        let create =
            || json!({ "kind": "create", "uri": "file:///new", "options": { "ignoreIfExists": true } });
        let cases = [
            (json!(null), "x", one(), json!({ "changes": { "file:///a": [at(0, 0, 1, "y")] } })),
            (
                json!(null),
                "vim-lsp",
                created(),
                json!({ "changes": { "file:///a": [at(0, 0, 1, "y")], "file:///new": [at(0, 0, 0, "z\n")] } }),
            ),
            (json!({ "documentChanges": true }), "Eglot", one(), json!({ "documentChanges": [a()] })),
            (
                json!({ "documentChanges": true }),
                "Eglot",
                created(),
                json!({ "documentChanges": [a(), new()] }),
            ),
            (
                json!({ "resourceOperations": ["create"] }),
                "Neovim",
                created(),
                json!({ "documentChanges": [a(), create(), new()] }),
            ),
            (
                json!({ "documentChanges": true, "resourceOperations": ["create"] }),
                "emacs",
                created(),
                json!({ "documentChanges": [a(), new()] }),
            ),
            // What the person has agreed to needs no confirmation.
            (
                json!({ "documentChanges": true, "changeAnnotationSupport": {} }),
                "code-server",
                one(),
                json!({ "documentChanges": [a()] }),
            ),
        ];
        for (declared, name, changes, expected) in cases {
            assert_eq!(
                edit("Label", &changes, &flags(declared.clone(), name), Consent::Given),
                expected,
                "{name} {declared}"
            );
        }
    }

    #[test]
    fn a_change_is_confirmed_where_that_works() {
        let declared =
            json!({ "resourceOperations": ["create"], "changeAnnotationSupport": { "groupsOnLabel": true } });
        let changes = [change("a", Some(3), Some("x\n"), "y\n"), change("new", None, None, "z\n")];
        let cases = [
            ("code-server", Consent::Asked, true),
            ("code-server", Consent::Given, false),
            ("Neovim", Consent::Asked, false),
        ];
        for (name, consent, confirmed) in cases {
            let edit = edit("Label", &changes, &flags(declared.clone(), name), consent);
            let annotations = [
                edit.pointer("/documentChanges/0/edits/0/annotationId"),
                edit.pointer("/documentChanges/1/annotationId"),
                edit.pointer("/documentChanges/2/edits/0/annotationId"),
            ];
            let expected = confirmed.then(|| json!("codesage"));
            assert_eq!(annotations, [expected.as_ref(); 3], "{name} {consent:?}");
            let asked = edit.pointer("/changeAnnotations/codesage/needsConfirmation");
            assert_eq!(asked.is_some(), confirmed, "{name} {consent:?}");
        }
    }

    #[test]
    fn edits_in_any_columns_make_the_text() {
        let texts = [
            ("", "a\n"),
            ("a", "a\nb"),
            ("a\n", "a\nb\n"),
            ("a\n", ""),
            ("a\nb\n", "a\n"),
            ("é😀 = 1\r\nb\r\n", "é😀 = 2\r\nb\r\nc\r\n"),
            ("a\n\nb\n", "a\nx\n\nb\ny\n"),
        ];
        let language = crate::syntax::Language::of("plaintext", "");
        for (before, after) in texts {
            for encoding in ["utf-8", "utf-16", "utf-32"] {
                let flags = ClientFlags::distil(
                    &json!({ "capabilities": { "general": { "positionEncodings": [encoding] } } }),
                );
                let edits = text_edits(&change("a", None, Some(before), after), &flags, false);
                let lines = Rope::from_str(before).len_lines() as u64;
                let mut document = Document::new(language, 1, before);
                // All name places of the same text, so the last one comes first.
                for edit in edits.iter().rev() {
                    let range = serde_json::from_value(edit["range"].clone()).expect("a range");
                    let bytes = convert::bytes(document.rope(), range, flags.columns);
                    let ends_at = edit["range"]["end"].clone();
                    let beyond =
                        !before.is_empty() && ends_at["line"] == lines - 1 && ends_at["character"] == 0;
                    assert!(!beyond || !before.ends_with('\n') || after.is_empty(), "{before:?} {edit}");
                    let replaced = format!(
                        "{}{}{}",
                        document.slice(0..bytes.start),
                        edit["newText"].as_str().expect("a text"),
                        document.slice(bytes.end..document.len())
                    );
                    let whole = [text::Change { range: None, text: replaced }];
                    document = document.edited(2, &whole, Encoding::Utf8).0;
                }
                assert_eq!(document.rope().to_string(), after, "{before:?} {encoding}");
            }
        }
    }

    #[test]
    fn lines_are_counted() {
        let cases = [
            (Some("a\nb\n"), "a\nc\nd\n", (2, 1)),
            (None, "a\nb", (2, 0)),
            (Some("+a\n-b\n"), "", (0, 2)),
            (Some("a\n"), "a\n", (0, 0)),
            (Some("a"), "a\n", (1, 1)),
        ];
        for (before, after, expected) in cases {
            assert_eq!(counts(&change("a", None, before, after)), expected, "{before:?} {after:?}");
        }
    }
}
