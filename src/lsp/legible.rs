//! Parameters in the form that tower-lsp and lsp-types can read, with the same meaning.
//!
//! lsp-types refuses a whole message for one number that it cannot hold, and a `didChange` that is refused is an edit
//! that is lost: the document is wrong until it is opened again, and nobody is told. So numbers are clamped here, as
//! LSP 3.17 has it for columns ("If the character value is greater than the line length it defaults back to the line
//! length"). What has no meaning at all is left as it is, to be refused. Does *not* know any document.

use serde_json::{Map, Value, json};

/// Fields that hold what others agreed on, not the protocol's positions.
const FREE_FORM: &[&str] = &["settings", "arguments", "item"];

/// The same parameters, readable.
///
/// - `initialize`: lsp-types would refuse the whole session for one odd value anywhere in the capabilities (a null
///   where it wants an object, an enumeration's new word). Nothing of ours reads its parse, so it is shown an empty
///   client, and the parameters travel as they came inside `initializationOptions`, which is free-form.
/// - `shutdown` has no parameters, whatever is sent: tower-lsp answers it with an error otherwise.
/// - `didChangeWatchedFiles` names files that are looked up on the disk anyhow, so one odd name must not lose the rest.
/// - `codeAction` brings the diagnostics of other servers, of which only the place and the words are kept.
/// - elsewhere, a null is an absent field, and null or absent parameters are an empty object: tower-lsp would not
///   let `initialized` through without one.
pub fn params(method: &str, params: Option<Value>) -> Option<Value> {
    let mut params = match (method, params) {
        ("initialize", params) => {
            return Some(json!({ "capabilities": {}, "initializationOptions": params }));
        }
        ("shutdown", _) => return None,
        ("workspace/didChangeWatchedFiles", _) => return Some(json!({ "changes": [] })),
        (_, None | Some(Value::Null)) => json!({}),
        (_, Some(params)) => params,
    };
    if let Value::Object(fields) = &mut params {
        fields.retain(|_, value| !value.is_null());
        if method == "workspace/didChangeConfiguration" {
            // Here null says something: ask us.
            fields.entry("settings").or_insert(Value::Null);
        }
        if let Some(Value::Object(document)) = fields.get_mut("textDocument") {
            complete(document);
        }
    }
    if method == "textDocument/codeAction"
        && let Some(context) = params.get_mut("context")
    {
        simplify(context);
    }
    clamp(&mut params);
    Some(params)
}

/// Diagnostics are other servers', and lsp-types would refuse the request for one odd field of one of them. What
/// nothing here reads is left out, and so is one that cannot be read at all.
fn simplify(context: &mut Value) {
    let Some(context) = context.as_object_mut() else { return };
    context.retain(|_, value| !value.is_null());
    if !context.get("diagnostics").is_some_and(Value::is_array) {
        context.insert("diagnostics".into(), json!([]));
    }
    let Some(Value::Array(diagnostics)) = context.get_mut("diagnostics") else { return };
    diagnostics.retain_mut(|diagnostic| {
        let Some(fields) = diagnostic.as_object_mut() else { return false };
        fields.retain(|name, value| match name.as_str() {
            "range" => value.is_object(),
            "message" | "source" => value.is_string(),
            "severity" => value.as_i64().is_some_and(|severity| (1..=4).contains(&severity)),
            _ => false,
        });
        fields.contains_key("range") && fields.contains_key("message")
    });
}

/// What `didOpen` and `didChange` cannot be read without; elsewhere it is not looked at.
fn complete(document: &mut Map<String, Value>) {
    // As `as` converts: towards zero, and to the nearest that there is.
    let version = document.get("version").and_then(number).unwrap_or(0.0) as i32;
    document.insert("version".into(), version.into());
    if !document.get("languageId").is_some_and(Value::is_string) {
        document.insert("languageId".into(), "".into());
    }
}

/// Brings every line and character, however deep, into the numbers that lsp-types has: 32 bits without a sign.
fn clamp(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(clamp),
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "line" | "character" => {
                        if let Some(number) = number(value) {
                            *value = (number as u32).into();
                        }
                    }
                    // Deprecated, and said by the range as well.
                    "rangeLength" => *value = Value::Null,
                    name if FREE_FORM.contains(&name) => {}
                    _ => clamp(value),
                }
            }
        }
        _ => {}
    }
}

/// A number, also one that was written as a text.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| !number.is_nan()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_is_shown() {
        let cases = [
            ("shutdown", Some(json!(null)), None),
            ("shutdown", Some(json!({})), None),
            ("workspace/didChangeWatchedFiles", Some(json!({"changes": [7]})), Some(json!({"changes": []}))),
            ("x", Some(json!(null)), Some(json!({}))),
            ("x", None, Some(json!({}))),
            ("x", Some(json!({"a": null, "b": {"c": null}})), Some(json!({"b": {"c": null}}))),
            ("x", Some(json!([null])), Some(json!([null]))),
        ];
        for (method, sent, shown) in cases {
            assert_eq!(params(method, sent.clone()), shown, "{method} {sent:?}");
        }
    }

    #[test]
    fn settings_that_are_null_or_absent_are_still_a_word() {
        for sent in [json!(null), json!({}), json!({"settings": null})] {
            let shown = params("workspace/didChangeConfiguration", Some(sent.clone()));
            assert_eq!(shown, Some(json!({"settings": null})), "{sent}");
        }
    }

    #[test]
    fn versions_are_32_bits_and_languages_text() {
        let cases = [
            (json!(null), 0),
            (json!(7), 7),
            (json!(-7), -7),
            (json!(2.0), 2),
            (json!(2.9), 2),
            (json!("2"), 2),
            (json!("two"), 0),
            (json!({}), 0),
            (json!(1_u64 << 40), i32::MAX),
            (json!(-(1_i64 << 40)), i32::MIN),
            (json!(u64::MAX), i32::MAX),
            (json!(1e99), i32::MAX),
        ];
        for (version, expected) in cases {
            let sent = json!({"textDocument": {"uri": "a:b", "version": version}});
            let shown = json!({"textDocument": {"uri": "a:b", "version": expected, "languageId": ""}});
            assert_eq!(params("x", Some(sent)), Some(shown), "{version}");
        }
        for (language, expected) in [(json!(null), ""), (json!(7), ""), (json!("rust"), "rust")] {
            let sent = json!({"textDocument": {"languageId": language}});
            let shown = json!({"textDocument": {"languageId": expected, "version": 0}});
            assert_eq!(params("x", Some(sent)), Some(shown), "{language}");
        }
    }

    #[test]
    fn the_diagnostics_of_others_are_made_simple() {
        let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}});
        let simple = json!({"range": range, "message": "m"});
        let cases = [
            (json!(null), json!([])),
            (json!(7), json!([])),
            (json!([7, {"message": "m"}, {"range": range}, {"range": range, "message": 7}]), json!([])),
            (json!([simple]), json!([simple])),
            (
                json!([{"range": range, "message": "m", "code": 1e99, "tags": "x", "severity": 9, "source": 7,
                        "codeDescription": {"href": "not a uri"}, "relatedInformation": 7}]),
                json!([simple]),
            ),
        ];
        for (sent, shown) in cases {
            let params = params(
                "textDocument/codeAction",
                Some(json!({"context": {"diagnostics": sent, "only": null}})),
            );
            assert_eq!(params, Some(json!({"context": {"diagnostics": shown}})), "{sent}");
        }
    }

    #[test]
    fn positions_are_clamped_however_deep_they_are() {
        let cases = [
            (json!(3), json!(3)),
            (json!(-1), json!(0)),
            (json!(-1e99), json!(0)),
            (json!(2.0), json!(2)),
            (json!(2.9), json!(2)),
            (json!(u32::MAX), json!(u32::MAX)),
            (json!(1_u64 << 32), json!(u32::MAX)),
            (json!(1e99), json!(u32::MAX)),
            (json!("4"), json!(4)),
            // These have no meaning.
            (json!(null), json!(null)),
            (json!("four"), json!("four")),
            (json!("NaN"), json!("NaN")),
            (json!([4]), json!([4])),
        ];
        for (number, expected) in cases {
            let sent = json!({
                "position": {"line": 1, "character": number},
                "contentChanges": [{"range": {"start": {"line": number}}, "rangeLength": number, "text": "-1"}],
                "settings": {"line": number},
            });
            let shown = json!({
                "position": {"line": 1, "character": expected},
                "contentChanges": [{"range": {"start": {"line": expected}}, "rangeLength": null, "text": "-1"}],
                "settings": {"line": number},
            });
            assert_eq!(params("x", Some(sent)), Some(shown), "{number}");
        }
    }
}
