//! Reads the body of one message: a request, a notification, or an answer.
//!
//! A message is lost only where nothing can be made of it. JavaScript writes half a surrogate pair as an escape that
//! is no text (`"\ud83d"`: a client that cuts an emoji in two), and some clients send bytes that are not UTF-8; an
//! edit that is dropped for either leaves its document wrong until it is opened again. Does *not* read parameters:
//! `legible` and the features do.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};

/// A message that can be acted on.
pub enum Message {
    Request(Request),
    Response(Response),
}

/// What a malformed message is answered with. None for a malformed *answer*: there is nobody to tell.
pub type Refusal = Option<Box<Response>>;

pub fn refuse(id: Id, error: Error) -> Refusal {
    tracing::warn!("malformed message: {error}");
    Some(Box::new(Response::from_error(id, error)))
}

/// Reads one body. Codes as JSON-RPC 2.0 has them: -32700 for what is not JSON, -32600 for what is not a request.
pub fn parse(body: &[u8]) -> Result<Message, Refusal> {
    let mut message = match serde_json::from_slice::<Value>(body) {
        Ok(message) => message,
        Err(_) => {
            let text = mended(body);
            serde_json::from_str(&text).map_err(|_| refuse(id_of_request(&text), Error::parse_error()))?
        }
    };
    if message.get("method").is_some() {
        let id = message.get("id").cloned().and_then(|id| serde_json::from_value(id).ok());
        return serde_json::from_value(message)
            .map(Message::Request)
            .map_err(|_| refuse(id.unwrap_or(Id::Null), Error::invalid_request()));
    }
    let Some(fields) = message.as_object_mut().filter(|fields| fields.contains_key("id")) else {
        return Err(refuse(Id::Null, Error::invalid_request()));
    };
    // Some clients leave `result` out where it is null, or send `error` as null beside it.
    fields.retain(|name, value| name != "error" || !value.is_null());
    if !fields.contains_key("error") {
        fields.entry("result").or_insert(Value::Null);
    }
    serde_json::from_value(message).map(Message::Response).map_err(|error| {
        tracing::warn!("an answer that cannot be read: {error}");
        None
    })
}

/// The body as text, with U+FFFD for what is none: bytes that are not UTF-8, and escapes of half a surrogate pair.
/// NB: U+FFFD is as long as the half in UTF-16 and UTF-8 alike, so that columns behind it stay right.
fn mended(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (kept, length) = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (escape.get(..12), 12),
            (Some(_), _) => (Some("\\ufffd"), 6),
            // The escaped character with its backslash, which must not be taken for the next escape's.
            (None, _) => {
                let length = 1 + escape.chars().nth(1).map_or(0, char::len_utf8);
                (escape.get(..length), length)
            }
        };
        mended.push_str(kept.unwrap_or_default());
        rest = escape.get(length..).unwrap_or_default();
    }
    mended.push_str(rest);
    mended
}

/// The half of a surrogate pair whose escape the text begins with.
fn surrogate(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xD800..=0xDFFF).contains(&unit).then_some(unit)
}

/// The id of a request that is broken further on; whoever asked waits for it. Null where it was not reached, or where
/// it may be the id of an answer, which is one of ours.
fn id_of_request(text: &str) -> Id {
    let mut beginning = Beginning::default();
    // It fails, at the place that made it no JSON.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(&mut beginning);
    if beginning.has_method { beginning.id } else { Id::Null }
}

/// What a message says of itself up to where it breaks.
#[derive(Default)]
struct Beginning {
    id: Id,
    has_method: bool,
}

impl<'de> Visitor<'de> for &mut Beginning {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            if name == "id" {
                self.id = fields.next_value()?;
            } else {
                self.has_method |= name == "method";
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_message_is_refused_with_the_code_for_it() {
        let deep = "[".repeat(100_000);
        let cases: &[(&[u8], i64)] = &[
            (b"", -32700),
            (b"{", -32700),
            (b"\xff\xfe", -32700),
            (deep.as_bytes(), -32700),
            (b"[]", -32600),
            (b"7", -32600),
            (b"{}", -32600),
            (br#"{"jsonrpc":"2.0","method":7,"id":1}"#, -32600),
            (br#"{"jsonrpc":"1.0","method":"x","id":1}"#, -32600),
            (br#"{"jsonrpc":"2.0","method":"x","id":{}}"#, -32600),
        ];
        for (body, code) in cases {
            let Err(Some(refusal)) = parse(body) else {
                panic!("{:?} is refused", String::from_utf8_lossy(body));
            };
            assert_eq!(refusal.error().map(|error| error.code.code()), Some(*code));
        }
    }

    #[test]
    fn a_broken_request_is_answered_by_its_id() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":9,"method":"x","params":{}{}}}"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        let cases = [
            (r#"{"jsonrpc":"2.0","id":7,"method":"x","params":{"a":"#, Id::Number(7)),
            (r#"{"id":"a\"b","method":"x","params":{tru}}"#, Id::String("a\"b".into())),
            (r#"{"method":"x","id":7,}"#, Id::Number(7)),
            (&deep, Id::Number(9)),
            // Not reached, none, or the id of an answer.
            (r#"{"method":"x","params":{tru},"id":7}"#, Id::Null),
            (r#"{"method":"x","params":{tru}}"#, Id::Null),
            (r#"{"jsonrpc":"2.0","id":7,"result":{tru}}"#, Id::Null),
            (r#"{"id":{},"method":"x","params":{tru}}"#, Id::Null),
        ];
        for (body, id) in cases {
            let Err(Some(refusal)) = parse(body.as_bytes()) else { panic!("{body} is refused") };
            assert_eq!(refusal.id(), &id, "{body}");
            assert_eq!(refusal.error().map(|error| error.code.code()), Some(-32700));
        }
    }

    #[test]
    fn text_that_is_none_is_mended() {
        let cases: &[(&[u8], &str)] = &[
            (br"\ud83d", "\u{fffd}"),
            (br"a\ude00b", "a\u{fffd}b"),
            (br"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (br"\uD83D\u0041\n", "\u{fffd}A\n"),
            (br"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            // A backslash, and then letters.
            (br"\ud83d\\ud83d", "\u{fffd}\\ud83d"),
            (br"\ud83d\\\ud83d", "\u{fffd}\\\u{fffd}"),
            (b"a\xffb", "a\u{fffd}b"),
            ("é\\ud83d漢".as_bytes(), "é\u{fffd}漢"),
        ];
        for (text, read) in cases {
            let body = [br#"{"jsonrpc":"2.0","method":"x","params":[""#, *text, br#""]}"#].concat();
            let Ok(Message::Request(request)) = parse(&body) else {
                panic!("{} is read", String::from_utf8_lossy(&body));
            };
            assert_eq!(request.params(), Some(&json!([read])));
        }
        // Escapes that are cut off are nobody's.
        for broken in [&br#"["\ud83d\"#[..], br#"["\u"#, br#"["\ud8"#, "[\"\\u漢漢".as_bytes(), b"\\"] {
            assert!(parse(broken).is_err());
        }
    }

    #[test]
    fn answers_are_read_leniently() {
        let cases = [
            (r#"{"jsonrpc":"2.0","id":1}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"result":null,"error":null}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, true),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":32603,"message":"positive"}}"#, false),
        ];
        for (body, is_ok) in cases {
            let Ok(Message::Response(response)) = parse(body.as_bytes()) else {
                panic!("{body} is an answer");
            };
            assert_eq!(response.is_ok(), is_ok, "{body}");
        }
        assert!(matches!(parse(br#"{"jsonrpc":"2.0","id":1,"error":7}"#), Err(None)));
    }
}
