//! `textDocument/completion`: a suggestion as one item of the completion menu, for clients that have no other place.
//!
//! A menu is made for words, and each client bends text of several lines in its own way; which form survives in
//! which is decided in `capabilities`. Does *not* complete words: the language's own server does.

use ropey::Rope;
use tower_lsp::lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionParams, CompletionTextEdit, Documentation,
    InsertTextFormat, InsertTextMode, MarkupContent, MarkupKind, TextEdit,
};

use crate::assist::{Answer, Ask, Asker, Suggestion};
use crate::completion::Reason;
use crate::lsp::capabilities::{ClientFlags, MultilineItems};
use crate::lsp::convert;
use crate::lsp::inline_completion::{did_accept, presentable};
use crate::lsp::session::Session;
use crate::text::Document;
use crate::threads::lock;

/// Characters of a label at most; menus cut longer ones anyway, in the middle of the screen.
const LABEL: usize = 60;

/// Characters that a word before the cursor is looked for in, at most.
const WORD: usize = 200;

/// Answers one request. Always incomplete, so that the client asks again as typing goes on.
pub async fn answer(session: &Session, params: CompletionParams) -> CompletionList {
    let item = item_at(session, params).await;
    CompletionList { is_incomplete: true, items: item.into_iter().collect() }
}

async fn item_at(session: &Session, params: CompletionParams) -> Option<CompletionItem> {
    if !session.flags.offers_menu(session.assistant.settings().completion.menu) {
        return None;
    }
    let at = params.text_document_position;
    // The type keeps its number to itself.
    let kind = params.context.and_then(|context| serde_json::to_value(context.trigger_kind).ok()?.as_i64());
    let uri = at.text_document.uri;
    lock(&session.actions.seen).position(&uri, at.position);
    let Some(document) = session.assistant.snapshot(&uri) else {
        session.assistant.refuse(&uri, Reason::OffUnknown);
        return None;
    };
    let offset = session.flags.columns.offset(document.rope(), convert::position(at.position));
    let trigger = session.menu_trigger(&uri, kind);
    let ask = Ask { uri, document: document.clone(), offset, trigger, selection: None, popup: None };
    session.assistant.stir(&ask.uri);
    let Answer { outcome, .. } = session.assistant.complete_for(Asker::Menu, ask).await;
    item(&document, offset, outcome.ok()?, &session.flags)
}

/// The suggestion as an item for this client; `None` where none of its forms would insert it rightly.
fn item(
    document: &Document,
    offset: usize,
    suggestion: Suggestion,
    flags: &ClientFlags,
) -> Option<CompletionItem> {
    let rope = document.rope();
    let Suggestion { id, range, text, .. } = suggestion;
    // The client filters by the word that the edit begins with, so the edit begins with the word that is typed.
    let start = word_start(rope, offset).min(range.start);
    let word = document.slice(start..offset);
    let mut text = presentable(document.slice(start..range.start) + &text)?;
    let documentation = documentation(&text, document, flags);

    let mut several_lines = text.contains('\n');
    let mut form = flags.multiline_items;
    if form == MultilineItems::BareSnippet && text.contains(['$', '\\', '`']) {
        form = MultilineItems::FirstLine;
    }
    if several_lines && form == MultilineItems::FirstLine {
        // What the edit covers right of the cursor is restated further down, where it would now be lost.
        let first = text.lines().next().filter(|first| first.len() > word.len())?.to_owned();
        if range.end > offset {
            return None;
        }
        (text, several_lines) = (first, false);
    }
    let label = label(&text, &word);
    let is_snippet = several_lines && matches!(form, MultilineItems::Snippet | MultilineItems::BareSnippet);
    let filter_text = text.lines().next().filter(|line| !line.trim().is_empty()).unwrap_or(&label).to_owned();
    if is_snippet {
        if flags.indents_snippets {
            text = without_indentation(&text, &indentation(rope, offset));
        }
        if form == MultilineItems::Snippet {
            text = escaped(&text);
        }
    }
    Some(CompletionItem {
        label,
        kind: Some(CompletionItemKind::SNIPPET),
        detail: Some("AI".into()),
        documentation: Some(documentation),
        // Before the language server's own, whichever way those are sorted.
        sort_text: Some("!".into()),
        filter_text: Some(filter_text),
        insert_text_format: Some(if is_snippet {
            InsertTextFormat::SNIPPET
        } else {
            InsertTextFormat::PLAIN_TEXT
        }),
        insert_text_mode: (several_lines && flags.as_is).then_some(InsertTextMode::AS_IS),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit {
            range: convert::range(rope, &(start..range.end), flags.columns),
            new_text: text,
        })),
        command: Some(did_accept(&id)),
        ..CompletionItem::default()
    })
}

/// Where the word begins that ends at byte `offset`.
fn word_start(rope: &Rope, offset: usize) -> usize {
    let end = rope.byte_to_char(offset.min(rope.len_bytes()));
    let letters =
        rope.chars_at(end).reversed().take(WORD).take_while(|c| c.is_alphanumeric() || *c == '_').count();
    rope.char_to_byte(end - letters)
}

/// The blanks that the line of byte `offset` begins with.
fn indentation(rope: &Rope, offset: usize) -> String {
    let line = rope.line(rope.byte_to_line(offset.min(rope.len_bytes())));
    line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
}

/// One line that begins with the typed word. The rest is ASCII: eglot leaves a stray letter in the text after a
/// label that is not, and lsp-mode does not offer it.
fn label(text: &str, word: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let rest = match first.strip_prefix(word) {
        Some(rest) if !word.is_empty() => rest,
        _ => first.trim_start(),
    };
    let shown: String = rest
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .take_while(|c| c.is_ascii() && !c.is_ascii_control())
        .take(LABEL)
        .collect();
    let is_all = shown.len() == rest.trim_end().len() && text.trim_end().lines().count() <= 1;
    let label = format!("{word}{}", shown.trim_end());
    if is_all { label } else { label + "..." }
}

/// The whole text, shown beside the menu.
fn documentation(text: &str, document: &Document, flags: &ClientFlags) -> Documentation {
    if !flags.markdown_documentation {
        return Documentation::String(text.into());
    }
    let mut fence = String::from("```");
    while text.contains(&fence) {
        fence.push('`');
    }
    Documentation::MarkupContent(MarkupContent {
        kind: MarkupKind::Markdown,
        value: format!("{fence}{}\n{text}\n{fence}", document.language().id),
    })
}

/// LSP 3.17, snippet grammar: "With `\` (backslash), you can escape `$`, `}`, and `\`."
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '$' | '}' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The text without `indentation` on each line but the first: what the client will add to them.
fn without_indentation(text: &str, indentation: &str) -> String {
    let mut lines = text.split('\n');
    let mut stripped = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        stripped.push('\n');
        stripped.push_str(line.strip_prefix(indentation).unwrap_or(line));
    }
    stripped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::syntax::Language;

    fn flags(multiline_items: MultilineItems) -> ClientFlags {
        ClientFlags { multiline_items, ..ClientFlags::distil(&Value::Null) }
    }

    /// The item for `text` at the `|` of `line`, the range covering what stands between `|` and `¦`.
    fn check(line: &str, text: &str, flags: &ClientFlags) -> Option<Value> {
        let offset = line.find('|').expect("a cursor");
        let line = line.replace('|', "");
        let end = line.find('¦').unwrap_or(offset);
        let document = Document::new(Language::of("rust", ""), 1, &line.replace('¦', ""));
        let suggestion =
            Suggestion { id: "s1".into(), range: offset..end, text: text.into(), confidence: 0.0 };
        item(&document, offset, suggestion, flags).map(|item| serde_json::to_value(item).expect("it is JSON"))
    }

    #[test]
    fn labels_begin_with_the_typed_word_and_are_ascii() {
        let cases = [
            ("foo.ba|", "r(x)", "bar(x)"),
            ("foo.ba|", "r(x)\n    y", "bar(x)..."),
            ("x = |", "1 + 2\n", "1 + 2"),
            ("x =|", " 1", "1"),
            ("{|", "\n    a\n}", "a..."),
            ("ab|", "\n    c", "ab..."),
            ("naï|", "ve()", "naïve()"),
            ("s = |", "\"héé\"", "\"h..."),
            ("s = |", "é", "..."),
            ("a|", "b\tc", "ab c"),
        ];
        for (line, text, expected) in cases {
            let item = check(line, text, &flags(MultilineItems::Plain)).expect("an item");
            assert_eq!(item["label"], expected, "{line} {text:?}");
        }
        let long = check("a|", &"b".repeat(300), &flags(MultilineItems::Plain)).expect("an item");
        assert_eq!(long["label"].as_str().map(str::len), Some(1 + LABEL + 3));
    }

    #[test]
    fn the_edit_replaces_the_word_and_what_is_restated() {
        let cases = [
            ("foo.ba|", "r(x)", 4, 6, "bar(x)"),
            ("f(|)¦", "a, b)", 2, 3, "a, b)"),
            ("f(ab|)¦", "c)", 2, 5, "abc)"),
            ("|", "x", 0, 0, "x"),
        ];
        for (line, text, start, end, new_text) in cases {
            let item = check(line, text, &flags(MultilineItems::Plain)).expect("an item");
            let edit = json!({
                "range": {"start": {"line": 0, "character": start}, "end": {"line": 0, "character": end}},
                "newText": new_text,
            });
            assert_eq!(item["textEdit"], edit, "{line}");
            assert_eq!(item["filterText"], new_text, "{line}");
        }
    }

    #[test]
    fn several_lines_take_the_form_that_the_client_can_insert() {
        use MultilineItems::{BareSnippet, FirstLine, Plain, Snippet};
        let text = "(${1}) {\n        \\d\n    }";
        let cases = [
            (Snippet, false, Some("f(\\${1\\}) {\n        \\\\d\n    \\}"), 2),
            (Snippet, true, Some("f(\\${1\\}) {\n    \\\\d\n\\}"), 2),
            (Plain, false, Some("f(${1}) {\n        \\d\n    }"), 1),
            (FirstLine, false, Some("f(${1}) {"), 1),
            (BareSnippet, false, Some("f(${1}) {"), 1),
        ];
        for (form, indents_snippets, expected, format) in cases {
            let flags = ClientFlags { indents_snippets, ..flags(form) };
            let item = check("    f|", text, &flags);
            let new_text = item.as_ref().and_then(|item| item["textEdit"]["newText"].as_str());
            assert_eq!(new_text, expected, "{form:?} {indents_snippets}");
            assert_eq!(item.map(|item| item["insertTextFormat"].clone()), Some(json!(format)), "{form:?}");
        }
        let bare = check("    f|", "() {\n        x\n    }", &flags(BareSnippet)).expect("an item");
        assert_eq!(
            (&bare["insertTextFormat"], &bare["textEdit"]["newText"]),
            (&json!(2), &json!("f() {\n        x\n    }"))
        );
        // One line is never a snippet.
        let item = check("f|", "(${1})", &flags(Snippet)).expect("an item");
        assert_eq!((&item["insertTextFormat"], &item["textEdit"]["newText"]), (&json!(1), &json!("f(${1})")));
        // Nothing is left of a block without its first line, and nothing may be lost of what the edit covers.
        assert_eq!(check("f|", "\n    x", &flags(FirstLine)), None);
        assert_eq!(check("f(|)¦", "a,\n  b)", &flags(FirstLine)), None);
    }

    #[test]
    fn a_client_that_can_leave_lines_as_they_are_is_told_to() {
        let flags = ClientFlags { as_is: true, ..flags(MultilineItems::Snippet) };
        let mode = |text| check("f|", text, &flags).expect("an item")["insertTextMode"].clone();
        assert_eq!((mode("x\ny"), mode("x")), (json!(1), Value::Null));
    }

    #[test]
    fn an_item_is_marked_counted_and_free_of_nul() {
        let plain = check("f|", "``` x", &flags(MultilineItems::Plain)).expect("an item");
        assert_eq!((&plain["detail"], &plain["documentation"]), (&json!("AI"), &json!("f``` x")));
        assert_eq!(plain["command"]["arguments"], json!(["s1"]));
        assert_eq!(plain["preselect"], Value::Null);
        let flags = ClientFlags { markdown_documentation: true, ..flags(MultilineItems::Plain) };
        let markdown = check("f|", "``` x", &flags).expect("an item");
        assert_eq!(markdown["documentation"]["value"], "````rust\nf``` x\n````");
        assert_eq!(check("f|", "a\0b", &flags), None);
    }
}
