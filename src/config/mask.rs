//! Values as they may be shown: no password, no key. A settings file is pasted into bug reports, and so is what is
//! printed of it.
//!
//! Masked are the user and password of an address, and words that look like a key of a known service. Does not know
//! which setting it is given: whoever mistakes a name for a secret writes it where nobody looks for one.

use serde_json::Value;

/// How keys of known services begin.
const KEYS: [&str; 11] =
    ["sk-", "sk_", "hf_", "gsk_", "ghp_", "github_pat_", "glpat-", "xoxb-", "AKIA", "AIza", "Bearer "];

/// What stands for what is not shown.
const MASK: &str = "***";

/// The value without secrets.
pub fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text_of(text)),
        Value::Array(values) => values.iter().map(masked).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), masked(value))).collect())
        }
        other => other.clone(),
    }
}

fn text_of(text: &str) -> String {
    if let Some(prefix) = KEYS.iter().find(|prefix| text.starts_with(**prefix) && text.len() > prefix.len()) {
        return format!("{prefix}{MASK}");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // The last one: a password may hold others.
    let host = authority.rsplit_once('@').map(|(_, host)| format!("{MASK}@{host}"));
    // What is asked for by an address may be a key too.
    let path = path.split_once('?').map_or(path.to_owned(), |(path, _)| format!("{path}?{MASK}"));
    format!("{scheme}://{}{path}", host.as_deref().unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_not_shown_and_the_rest_is() {
        let cases = [
            (json!("http://localhost:8080/v1"), json!("http://localhost:8080/v1")),
            (json!("https://me:p@ss@host/v1"), json!("https://***@host/v1")),
            (json!("https://me@host"), json!("https://***@host")),
            (json!("https://host/v1?key=abc#x"), json!("https://host/v1?***")),
            (json!("https://host/a@b"), json!("https://host/a@b")),
            (json!("sk-abc123"), json!("sk-***")),
            (json!(["hf_abc", "a"]), json!(["hf_***", "a"])),
            (json!({"a": "Bearer abc"}), json!({"a": "Bearer ***"})),
            (json!("OPENAI_API_KEY"), json!("OPENAI_API_KEY")),
            (json!("qwen2.5-coder-1.5b-instruct-q4_k_m"), json!("qwen2.5-coder-1.5b-instruct-q4_k_m")),
            (json!("sk-"), json!("sk-")),
            (json!(7), json!(7)),
        ];
        for (value, shown) in cases {
            assert_eq!(masked(&value), shown, "{value}");
        }
    }
}
