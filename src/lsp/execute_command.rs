//! `workspace/executeCommand`: which command is whose. Arguments are read leniently: Helix sends an empty list where
//! others send nothing, and people bind commands to keys without any. Does *not* advertise: `ext::COMMANDS` does.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types::ExecuteCommandParams;

use crate::assist::Assistant;
use crate::edit::Action;
use crate::lsp::action::arguments::Arguments;
use crate::lsp::action::{decide, run};
use crate::lsp::session::Session;
use crate::lsp::{doctor, ext, show_context, status, swap};

/// Records that `codesage.why` returns where it is not told how many, and at most.
const RECORDS: usize = 20;
const ALL_RECORDS: usize = 100;

/// Runs one command.
pub async fn run(session: &Arc<Session>, params: ExecuteCommandParams) -> Result<Value> {
    let token = params.work_done_progress_params.work_done_token;
    let first = params.arguments.first().unwrap_or(&Value::Null);
    let arguments = Arguments::read(&params.arguments);
    let act = |action| run::run(session, action, Arguments::read(&params.arguments), token.clone());
    match params.command.as_str() {
        ext::RUN => run::named(session, arguments, token.clone()).await,
        ext::REFACTOR => Ok(act(Action::Refactor).await),
        ext::EXPLAIN => Ok(act(Action::Explain).await),
        ext::UNIT_TEST => Ok(act(Action::UnitTest).await),
        ext::DOCUMENT => Ok(act(Action::Document).await),
        ext::FIX => Ok(act(Action::Fix).await),
        ext::REVIEW if arguments.clear => Ok(decide::clear_findings(session, &arguments)),
        ext::REVIEW => Ok(act(Action::Review).await),
        ext::EDIT => Ok(act(Action::Edit).await),
        ext::CUSTOM => Ok(act(Action::Custom).await),
        ext::APPLY_PREVIEW => Ok(decide::apply_preview(session, arguments).await),
        ext::DISCARD_PREVIEW => Ok(decide::discard_preview(session, &arguments)),
        ext::UNDO => Ok(decide::undo(session, arguments).await),
        ext::CANCEL => Ok(decide::cancel(session, &arguments)),
        ext::TOGGLE => {
            let language = arguments.language.as_ref().or(arguments.word.as_ref());
            Ok(json!({ "enabled": session.toggle(language.map(String::as_str)) }))
        }
        ext::SNOOZE => {
            let until = SystemTime::now() + session.snooze(arguments.seconds);
            let seconds = until.duration_since(UNIX_EPOCH).map(|since| since.as_secs());
            Ok(json!({ "until": seconds.unwrap_or_default() }))
        }
        ext::RELOAD => {
            session.reload().await;
            to_json(&status::of(session))
        }
        ext::SWAP_MODEL => Ok(swap::run(session, first).await),
        ext::DID_ACCEPT | ext::DID_ACCEPT_ALIAS => {
            if let Some(id) = first.as_str().or_else(|| first.get("id")?.as_str()) {
                session.assistant.accepted(id);
            }
            Ok(Value::Null)
        }
        ext::STATS_COMMAND => stats(&session.assistant),
        ext::DOCTOR => doctor::answer(session).await,
        ext::SHOW_CONTEXT => Ok(show_context::answer(session, &arguments).await),
        ext::WHY => {
            let records = session.assistant.why(limit(first)).into_iter();
            let records = records.map(|record| show_context::record(&record, session.flags.columns));
            Ok(json!({ "records": records.collect::<Vec<Value>>() }))
        }
        unknown => Err(Error::invalid_params(format!(
            "no command `{unknown}`; there are {}",
            ext::COMMANDS.join(", ")
        ))),
    }
}

/// The answer of `codesage.stats` and of `codesage/stats`.
pub fn stats(assistant: &Assistant) -> Result<Value> {
    to_json(&assistant.stats())
}

/// `{limit}`, or the bare number.
fn limit(argument: &Value) -> usize {
    let limit = argument.as_u64().or_else(|| argument.get("limit")?.as_u64());
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(RECORDS).min(ALL_RECORDS)
}

fn to_json(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| {
        tracing::error!("an answer could not be written as JSON: {error}");
        Error::internal_error()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_anything() {
        let cases = [
            (json!(null), 20),
            (json!("x"), 20),
            (json!({"limit": 3}), 3),
            (json!({"limit": -3}), 20),
            (json!(5), 5),
            (json!(1e9), 20),
            (json!(1_000_000), 100),
        ];
        for (argument, expected) in cases {
            assert_eq!(limit(&argument), expected, "{argument}");
        }
    }
}
