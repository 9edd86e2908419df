//! `workspace/executeCommand`. Arguments are read leniently: Helix sends an empty list where others send nothing,
//! and people bind commands to keys without any. Does *not* advertise: `ext::COMMANDS` does.

use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types::ExecuteCommandParams;

use crate::assist::Assistant;
use crate::lsp::ext;

/// Records that `codesage.why` returns where it is not told how many, and at most.
const RECORDS: usize = 20;
const ALL_RECORDS: usize = 100;

/// Runs one command.
pub fn run(assistant: &Assistant, params: &ExecuteCommandParams) -> Result<Value> {
    let argument = params.arguments.first().unwrap_or(&Value::Null);
    match params.command.as_str() {
        ext::DID_ACCEPT | ext::DID_ACCEPT_ALIAS => {
            if let Some(id) = argument.as_str().or_else(|| argument.get("id")?.as_str()) {
                assistant.accepted(id);
            }
            Ok(Value::Null)
        }
        ext::STATS_COMMAND => stats(assistant),
        ext::WHY => {
            let records = assistant.why(limit(argument));
            Ok(json!({ "records": to_json(&records)? }))
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
