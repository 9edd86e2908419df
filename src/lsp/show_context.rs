//! `codesage.showContext`: what the model would be shown at a place, and what it was shown last, with what came of it.
//!
//! The answer has all of it, and the same as a document for a person, which is opened where the editor has a place for
//! it. Does *not* decide what is sent, nor what may be seen: `assist::sent` does.

use std::fmt::Write;
use std::sync::Arc;

use serde_json::{Value, json};
use tower_lsp::lsp_types::Url;

use crate::assist::sent::{Last, Part, View};
use crate::assist::stats::Record;
use crate::lsp::action::arguments::Arguments;
use crate::lsp::action::tell;
use crate::lsp::convert;
use crate::lsp::session::Session;
use crate::text::{Document, Encoding, unseen};
use crate::threads::{lock, off_the_runtime};

/// Answers one request. The place is fixed before the first await.
pub async fn answer(session: &Arc<Session>, arguments: &Arguments) -> Value {
    let place = place(session, arguments);
    let (looking, unit) = (session.clone(), session.flags.columns);
    let looked = off_the_runtime(move || {
        let now = place.map(|(uri, document, offset)| looking.assistant.would_send(&uri, &document, offset));
        (now, looking.assistant.last_sent())
    });
    let (now, last) = looked.await.unwrap_or_default();
    let text = document(now.as_ref(), last.as_ref(), unit);
    let mut reply =
        now.as_ref().map_or_else(|| json!({ "parts": [], "total": 0 }), |view| object(view, unit));
    reply["last"] = last.as_ref().map_or(Value::Null, |last| last_object(last, unit));
    reply["markdown"] = json!(text);
    tell::show(session, "context", &text).await;
    reply
}

/// The place that is named, else where the person was last.
fn place(session: &Session, arguments: &Arguments) -> Option<(Url, Arc<Document>, usize)> {
    let (seen_uri, seen_range) = lock(&session.actions.seen).last().unzip();
    let named = || session.document_at(arguments.path.as_deref()?);
    let uri = arguments.uri.clone().or_else(named).or(seen_uri.clone())?;
    let document = session.assistant.snapshot(&uri)?;
    let seen = seen_range.flatten().filter(|_| seen_uri.as_ref() == Some(&uri));
    let offset = match arguments.range.or(seen) {
        Some(range) => session.flags.columns.offset(document.rope(), convert::position(range.end)),
        None => document.len(),
    };
    Some((uri, document, offset))
}

fn object(view: &View, unit: Encoding) -> Value {
    let part = |part: &Part| json!({ "kind": part.kind.name(), "path": part.path, "tokens": part.tokens, "text": part.text });
    json!({
        "uri": view.uri,
        "version": view.version,
        "position": convert::told(view.positions.of(unit)),
        "reason": view.reason.map(|reason| reason.code()),
        "detail": view.reason.map(|reason| reason.meaning()),
        "parts": view.parts.iter().map(part).collect::<Vec<Value>>(),
        "total": view.total,
    })
}

fn last_object(last: &Last, unit: Encoding) -> Value {
    let mut object = object(&last.view, unit);
    object["action"] = json!(last.action);
    object["said"] = json!(last.said);
    object["record"] = last.record.as_ref().map_or(Value::Null, |record| self::record(record, unit));
    object
}

/// A record as `codesage.why` tells it: with the place in the client's columns.
pub fn record(record: &Record, unit: Encoding) -> Value {
    let mut object = serde_json::to_value(record).unwrap_or_default();
    if let (Some(positions), Some(fields)) = (&record.positions, object.as_object_mut()) {
        fields.insert("position".into(), convert::told(positions.of(unit)));
    }
    object
}

/// For a person.
fn document(now: Option<&View>, last: Option<&Last>, unit: Encoding) -> String {
    let mut text = String::from("# What the model is shown\n");
    match now {
        None => text += "\nNo document is open.\n",
        Some(view) => {
            let _ = writeln!(text, "\n## Now, {}\n", heading(view, unit));
            if let Some(reason) = view.reason {
                let _ =
                    writeln!(text, "Nothing would be sent: {} (`{}`).\n", reason.meaning(), reason.code());
            }
            write_parts(&mut text, view);
        }
    }
    let Some(last) = last else {
        text += "\n## Last\n\nNothing was sent yet, or it may be shown no more.\n";
        return text;
    };
    let action = last.action.map(|action| format!(", {action}")).unwrap_or_default();
    let _ = writeln!(text, "\n## Last, {}{action}\n", heading(&last.view, unit));
    write_parts(&mut text, &last.view);
    text += "### What came back\n\n";
    text += &fenced(&unseen::shown(&last.said));
    match &last.record {
        None if last.action.is_some() => text += "What became of it the action has said.\n",
        None => text += "Nobody has an answer yet.\n",
        Some(record) => {
            let usage = &record.usage;
            let _ = writeln!(
                text,
                "`{}`: {}. {:.0} ms; of {} tokens of the prompt {} were read anew, {} were written.\n",
                record.code,
                record.detail,
                record.ms,
                usage.prompt_tokens,
                usage.evaluated_tokens,
                usage.generated_tokens
            );
            match &record.text {
                Some(shown) => text += &format!("Shown was:\n\n{}", fenced(shown)),
                None => text += "Nothing of it was shown.\n",
            }
        }
    }
    text
}

/// The place, counted from 1.
fn heading(view: &View, unit: Encoding) -> String {
    let name = view.uri.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let at = view.positions.of(unit);
    format!("{name}:{}:{}", at.line.saturating_add(1), at.column.saturating_add(1))
}

fn write_parts(text: &mut String, view: &View) {
    if view.parts.is_empty() {
        return;
    }
    let _ = writeln!(text, "{} tokens, besides those that stand between the parts.\n", view.total);
    *text += "| part | of | tokens |\n|---|---|--:|\n";
    for part in &view.parts {
        let _ =
            writeln!(text, "| {} | {} | {} |", part.kind.name(), part.path.replace('|', "\\|"), part.tokens);
    }
    *text += "\n";
    for part in &view.parts {
        let _ = writeln!(text, "### {}: {}\n", part.kind.name(), part.path);
        *text += &fenced(&part.text);
    }
}

/// Between fences that are longer than any in the text.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("{fence}\n{text}{end}{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_fence() {
        for (text, expected) in [
            ("", "```\n```\n\n"),
            ("a", "```\na\n```\n\n"),
            ("a\n", "```\na\n```\n\n"),
            ("```\nx\n```\n", "````\n```\nx\n```\n````\n\n"),
        ] {
            assert_eq!(fenced(text), expected);
        }
    }
}
