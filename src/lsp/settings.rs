//! Which part of what a client sends is settings of ours. Reading them is `config`'s; asking for them is `session`'s.

use serde_json::Value;

use crate::config::key::KEYS;

/// What is in `initializationOptions` beside the settings: agreed with the client's glue, never a setting.
const NOT_SETTINGS: &[&str] = &["notify", "editorInfo", "editorPluginInfo", "copilotCapabilities"];

/// The settings of `initializationOptions`: bare, or below `codesage`.
pub fn of_initialization(options: &Value) -> Value {
    let mut settings = options.get("codesage").unwrap_or(options).clone();
    if let Some(fields) = settings.as_object_mut() {
        fields.retain(|name, _| !NOT_SETTINGS.contains(&name.as_str()));
    }
    settings
}

/// The settings of a `didChangeConfiguration`. `None` where it holds none of ours: clients that expect to be asked
/// send null or an empty object, and some send the sections of every server. Helix sends ours bare.
pub fn of_change(settings: &Value) -> Option<Value> {
    if let Some(section) = settings.get("codesage") {
        return Some(section.clone());
    }
    let ours = |name: &String| KEYS.iter().any(|key| key.name.split('.').next() == Some(name));
    settings.as_object().filter(|fields| fields.keys().any(ours)).map(|_| settings.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_bare_or_below_our_name() {
        let cases = [
            (json!(null), json!(null)),
            (json!({"completion": {"menu": "on"}}), json!({"completion": {"menu": "on"}})),
            (json!({"codesage": {"log": {}}, "other": 1}), json!({"log": {}})),
            (json!({"codesage": {"notify": ["status"]}}), json!({})),
            (json!({"editorPluginInfo": {"name": "x"}, "log": {}}), json!({"log": {}})),
        ];
        for (options, settings) in cases {
            assert_eq!(of_initialization(&options), settings, "{options}");
        }
    }

    #[test]
    fn a_change_without_our_section_is_a_hint_to_ask() {
        let cases = [
            (json!(null), None),
            (json!({}), None),
            (json!({"rust-analyzer": {"completion": {}}}), None),
            (json!({"codesage": {"log": {}}}), Some(json!({"log": {}}))),
            (json!({"codesage": null}), Some(json!(null))),
            (json!({"completion": {"enabled": false}}), Some(json!({"completion": {"enabled": false}}))),
        ];
        for (settings, ours) in cases {
            assert_eq!(of_change(&settings), ours, "{settings}");
        }
    }
}
