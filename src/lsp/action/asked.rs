//! What is asked for: everything of it that is fixed on arrival, before the first await.
//!
//! What the arguments leave out is where the person was last. Does *not* ask the model, nor change anything.

use std::sync::Arc;

use crate::assist::act::Job;
use crate::assist::recipes::Recipe;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::{Action, Yield};
use crate::lsp::action::arguments::Arguments;
use crate::lsp::convert;
use crate::lsp::session::Session;
use crate::threads::{lock, off_the_runtime};

/// The job, but for what has to be looked up. Synchronous: it is what was asked when it was asked.
pub fn job(session: &Session, action: Action, arguments: Arguments) -> Result<Job, Refusal> {
    let empty = |sentence: String| Refusal::new(Guard::Empty, sentence);
    let (seen_uri, seen_range) = lock(&session.actions.seen).last().unzip();
    let named = || session.document_at(arguments.path.as_deref()?);
    let uri = arguments.uri.clone().or_else(named).or(seen_uri.clone());
    let uri = uri.ok_or_else(|| empty("No document is open; open one first.".into()))?;
    let document = session.assistant.snapshot(&uri);
    let document =
        document.ok_or_else(|| empty(format!("{uri} is not open in the editor; open it first.")))?;
    if arguments.range.is_some() && arguments.version.is_some_and(|of| of != i64::from(document.version())) {
        let sentence = "The document was changed since the action was offered; ask again.";
        return Err(Refusal::new(Guard::Stale, sentence));
    }
    let place = |range| convert::selection(document.rope(), range, &session.flags);
    let diagnostic = arguments.diagnostic.as_ref().and_then(|diagnostic| diagnostic.range).map(place);
    let seen = seen_range.flatten().filter(|_| seen_uri.as_ref() == Some(&uri)).map(place);
    let mut selection = match arguments.range.map(place).or_else(|| diagnostic.clone()).or(seen) {
        Some(selection) => selection,
        // Prose is about any text; a change is about a place.
        None if action.brings() == Yield::Prose => 0..document.len(),
        None => {
            let sentence = "The editor did not say where the cursor is; select the code, or name a range.";
            return Err(empty(sentence.into()));
        }
    };
    // The code to be mended is round a diagnostic, not the word that it underlines.
    if let Some(diagnostic) = diagnostic.as_ref().filter(|_| action == Action::Fix) {
        let line = |byte| document.rope().byte_to_line(byte);
        if line(selection.start) >= line(diagnostic.start) && line(selection.end) <= line(diagnostic.end) {
            selection = diagnostic.start..diagnostic.start;
        }
    }
    let detail = detail(action, &arguments)?;
    let (diagnostics, options) = (arguments.diagnostics, arguments.options);
    Ok(Job { uri, document, selection, action, detail, diagnostic, diagnostics, recipe: None, options })
}

/// The words that go with an action.
fn detail(action: Action, arguments: &Arguments) -> Result<String, Refusal> {
    let written = arguments.instruction.as_ref().or(arguments.word.as_ref()).map(|words| words.trim());
    let written = written.filter(|words| !words.is_empty());
    let missing = |sentence: String| Refusal::new(Guard::Empty, sentence);
    match action {
        Action::Edit => written
            .map(str::to_owned)
            .ok_or_else(|| missing("Say what to change: `codesage.edit` takes an `instruction`.".into())),
        Action::Fix => {
            let told = arguments.diagnostic.as_ref().map(|diagnostic| diagnostic.message.as_str());
            told.or(written).map(str::to_owned).ok_or_else(|| {
                missing("There is no diagnostic to fix; choose the fix of one from the code actions.".into())
            })
        }
        // A word that stands alone is the name.
        Action::Custom => Ok(arguments.instruction.clone().unwrap_or_default()),
        _ => Ok(written.unwrap_or_default().to_owned()),
    }
}

/// What the person wrote down as an action of this name. It may be read from its file, so not on the transport task.
pub async fn own(session: &Arc<Session>, name: Option<String>) -> Result<Arc<Recipe>, Refusal> {
    let empty = |sentence: String| Refusal::new(Guard::Empty, sentence);
    let which = || empty("Which one? `codesage.custom` takes the `name` of an action of your own.".into());
    let name = name.ok_or_else(which)?;
    let (asked, wanted) = (session.clone(), name.clone());
    let found = off_the_runtime(move || {
        let recipe = asked.assistant.recipe(&wanted);
        asked.tell_recipe_problems();
        recipe
    });
    found.await?.ok_or_else(|| empty(format!("There is no action of your own called `{name}`.")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_go_with_an_action() {
        let cases = [
            (Action::Edit, json!([{"instruction": " rename x "}]), Ok("rename x")),
            (Action::Edit, json!(["rename x"]), Ok("rename x")),
            (Action::Edit, json!(["  "]), Err("Say what")),
            (Action::Edit, json!([]), Err("Say what")),
            (Action::Fix, json!([{"diagnostic": {"message": "unused"}, "instruction": "x"}]), Ok("unused")),
            (Action::Fix, json!(["unused"]), Ok("unused")),
            (Action::Fix, json!([]), Err("There is no diagnostic")),
            (Action::Custom, json!([{"name": "mine", "instruction": "briefly"}]), Ok("briefly")),
            (Action::Custom, json!(["mine"]), Ok("")),
            (Action::Refactor, json!([]), Ok("")),
            (Action::Explain, json!([{"instruction": "briefly"}]), Ok("briefly")),
        ];
        for (action, values, expected) in cases {
            let arguments = Arguments::read(values.as_array().expect("a list"));
            match (detail(action, &arguments), expected) {
                (Ok(words), Ok(expected)) => assert_eq!(words, expected, "{action:?} {values}"),
                (Err(refusal), Err(beginning)) => {
                    assert!(refusal.sentence.starts_with(beginning), "{action:?} {values}: {refusal}");
                }
                (found, _) => panic!("{action:?} {values}: {found:?}"),
            }
        }
    }
}
