//! What is known of a server: which program it is, which model it has, how much that reads at once and how it is asked to
//! fill. Pure.
//!
//! `GET /v1/models` tells the program by `owned_by`; only llama-server is asked for more, for it alone has `/props`.
//! Each of them fills in its own way, and what is not known is not tried: then the local model fills.

use serde_json::Value;

use crate::models::catalog::{self, Family, Layout};
use crate::text::unseen::is_unseen;

/// Tokens of a question with its answer, where a server does not say: what the smallest of today's hosted models have.
const CONTEXT: u32 = 8192;
/// Models of a list that are looked at.
const MODELS: usize = 1000;

/// Which program answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    LlamaServer,
    Vllm,
    Ollama,
    Other,
}

/// How a server is asked to fill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// llama-server's `/infill`: it spells the prompt itself.
    Infill,
    /// `/v1/completions` with the prompt spelled as the model's family has it.
    Spelled(Spelled),
    /// `/v1/completions` with `suffix`: the server spells it.
    Suffix,
}

/// The control tokens of a family, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    pub prefix: String,
    pub suffix: String,
    /// Empty: nothing stands behind the prefix.
    pub middle: String,
    pub is_suffix_first: bool,
    /// Before the header of a file; none: other files are not shown.
    pub file: Option<String>,
    /// With `{path}`.
    pub file_header: String,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub program: Program,
    pub model: String,
    /// Tokens of a question with its answer.
    pub context: u32,
    /// None: it cannot be asked to.
    pub filling: Option<Filling>,
    /// 0: nobody says.
    pub parameters: u64,
}

impl Profile {
    /// From the list of a server's models. `wanted` is `remote.model`; without it the first of the list is taken. The
    /// error is what is wrong, behind the name of the server.
    pub fn new(list: &Value, wanted: Option<&str>) -> Result<Self, String> {
        let models: Vec<&Value> =
            list["data"].as_array().ok_or("does not list its models")?.iter().take(MODELS).collect();
        // It is shown wherever the model is named.
        let id = |model: &Value| model["id"].as_str().filter(|id| !id.contains(is_unseen)).map(str::to_owned);
        let found = match wanted {
            Some(wanted) => models.iter().find(|model| model["id"] == wanted).copied(),
            None => models.first().copied(),
        };
        let owner = found.or(models.first().copied()).and_then(|model| model["owned_by"].as_str());
        let program = match owner {
            Some("llamacpp") => Program::LlamaServer,
            Some("vllm") => Program::Vllm,
            Some("library") => Program::Ollama,
            _ => Program::Other,
        };
        let model = match (wanted, found) {
            (_, Some(found)) => id(found).ok_or("lists a model without a name")?,
            // llama-server has one and does not look at the name; a list may leave models out that are there.
            (Some(wanted), None) if program == Program::LlamaServer || models.is_empty() => wanted.to_owned(),
            (Some(wanted), None) => {
                let names: Vec<String> = models.iter().copied().filter_map(id).take(5).collect();
                let more = if models.len() > names.len() { ", …" } else { "" };
                return Err(format!("has no model `{wanted}`; it has {}{more}", names.join(", ")));
            }
            (None, None) => return Err("has no model; load one there, or name one in `remote.model`".into()),
        };
        let number = |place: &str| {
            let number = found?.pointer(place)?.as_u64()?;
            u32::try_from(number).ok().filter(|&number| number > 0)
        };
        let known = catalog::called(&model);
        let filling = match program {
            Program::LlamaServer => Some(Filling::Infill),
            Program::Ollama => Some(Filling::Suffix),
            Program::Vllm | Program::Other => {
                let family = known.and_then(|model| catalog::family_named(model.family.as_deref()?));
                family.and_then(Spelled::of).map(Filling::Spelled)
            }
        };
        let context = number("/max_model_len").or_else(|| number("/meta/n_ctx")).unwrap_or(CONTEXT);
        let parameters = known.map(|model| model.parameters).or_else(|| billions(&model)).unwrap_or(0);
        Ok(Self { program, model, context, filling, parameters })
    }

    /// With what llama-server's `/props` says: the context of one of its slots.
    pub fn with_props(mut self, props: &Value) -> Self {
        let slot = props.pointer("/default_generation_settings/n_ctx").and_then(Value::as_u64);
        if let Some(context) = slot.and_then(|slot| u32::try_from(slot).ok()).filter(|&slot| slot > 0) {
            self.context = context;
        }
        self
    }

    /// For a person: llama-server goes by the whole path of a file.
    pub fn name(&self) -> &str {
        let name = match self.program {
            Program::LlamaServer => self.model.rsplit(['/', '\\']).next().unwrap_or_default(),
            Program::Vllm | Program::Ollama | Program::Other => &self.model,
        };
        name.strip_suffix(".gguf").unwrap_or(name)
    }

    /// Whether an answer goes on where a message of the assistant ends.
    pub fn continues(&self) -> bool {
        self.program != Program::Other
    }

    /// Whether it can be shown pieces of other files.
    pub fn quotes(&self) -> bool {
        match &self.filling {
            Some(Filling::Infill) => true,
            Some(Filling::Spelled(spelled)) => spelled.file.is_some(),
            Some(Filling::Suffix) | None => false,
        }
    }
}

impl Spelled {
    /// As text; none for a family whose tokens no text stands for: those of SentencePiece begin with a blank of its own.
    fn of(family: &Family) -> Option<Self> {
        let spelling = |own: &Option<String>, index: usize| {
            own.clone().or_else(|| family.tokens.get(index).cloned()).unwrap_or_default()
        };
        let prefix = spelling(&family.pre, 0);
        let suffix = spelling(&family.suf, 1);
        let middle = spelling(&family.mid, 2);
        let is_text = |token: &String| !token.is_empty() && !token.starts_with('▁');
        if family.layout == Layout::PrefixOnly || !is_text(&prefix) || !is_text(&suffix) {
            return None;
        }
        let is_suffix_first = family.layout == Layout::SuffixPrefixMiddle;
        // Only behind the prefix may there be nothing.
        let may_lack = middle.is_empty() && is_suffix_first;
        if !(is_text(&middle) || may_lack) {
            return None;
        }
        let file = family.file.clone().filter(|_| !family.file_header.is_empty());
        Some(Self { prefix, suffix, middle, is_suffix_first, file, file_header: family.file_header.clone() })
    }
}

/// The parameters that a name names: `…-7b-…`, `…:1.5b`.
fn billions(name: &str) -> Option<u64> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let sizes = words.filter_map(|word| word.strip_suffix('b')?.parse::<f64>().ok());
    let billions = sizes.into_iter().find(|size| (0.01..10_000.0).contains(size))?;
    Some((billions * 1e9) as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(owner: &str, ids: &[&str]) -> Value {
        let models: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "owned_by": owner })).collect();
        json!({ "object": "list", "data": models })
    }

    #[test]
    fn the_program_and_the_model_are_recognised() {
        use Program::{LlamaServer, Ollama, Other, Vllm};
        let check = |list: Value, wanted, expected: Result<(Program, &str), &str>| {
            let found = Profile::new(&list, wanted);
            let found =
                found.as_ref().map(|found| (found.program, found.model.as_str())).map_err(String::as_str);
            assert_eq!(found, expected, "{list} {wanted:?}");
        };
        check(list("llamacpp", &["/m/q.gguf"]), None, Ok((LlamaServer, "/m/q.gguf")));
        check(list("llamacpp", &["/m/q.gguf"]), Some("mine"), Ok((LlamaServer, "mine")));
        check(list("vllm", &["Qwen/Qwen2.5-Coder-7B"]), None, Ok((Vllm, "Qwen/Qwen2.5-Coder-7B")));
        check(list("library", &["a:1b", "b:2b"]), Some("b:2b"), Ok((Ollama, "b:2b")));
        check(list("somebody", &["a"]), Some("a"), Ok((Other, "a")));
        check(list("vllm", &["a", "b"]), Some("c"), Err("has no model `c`; it has a, b"));
        check(
            list("x", &["1", "2", "3", "4", "5", "6"]),
            Some("7"),
            Err("has no model `7`; it has 1, 2, 3, 4, 5, …"),
        );
        check(list("x", &[]), Some("hidden"), Ok((Other, "hidden")));
        check(list("x", &[]), None, Err("has no model; load one there, or name one in `remote.model`"));
        check(json!({}), None, Err("does not list its models"));
        check(json!({ "data": [7] }), None, Err("lists a model without a name"));
        for name in ["\u{1b}[2Jq", "q\u{202e}wen", "q\r\nwen"] {
            check(list("vllm", &[name]), None, Err("lists a model without a name"));
            check(list("vllm", &[name, "b"]), Some("c"), Err("has no model `c`; it has b, …"));
        }
    }

    #[test]
    fn a_model_has_a_name_for_people() {
        for (owner, model, name) in [
            ("llamacpp", "/models/qwen-1.5b-q8_0.gguf", "qwen-1.5b-q8_0"),
            ("llamacpp", "C:\\models\\a.gguf", "a"),
            ("llamacpp", "alias", "alias"),
            ("vllm", "Qwen/Qwen2.5-Coder-7B", "Qwen/Qwen2.5-Coder-7B"),
            ("library", "qwen2.5-coder:7b", "qwen2.5-coder:7b"),
        ] {
            assert_eq!(Profile::new(&list(owner, &[model]), None).unwrap().name(), name);
        }
    }

    #[test]
    fn what_it_reads_at_once() {
        let context = |list: &Value| Profile::new(list, None).unwrap().context;
        assert_eq!(context(&list("vllm", &["a"])), CONTEXT);
        assert_eq!(context(&json!({ "data": [{ "id": "a", "max_model_len": 32_768 }] })), 32_768);
        assert_eq!(context(&json!({ "data": [{ "id": "a", "max_model_len": 0 }] })), CONTEXT);
        assert_eq!(context(&json!({ "data": [{ "id": "a", "max_model_len": 1u64 << 40 }] })), CONTEXT);
        let known = Profile::new(&list("llamacpp", &["a"]), None).unwrap();
        let props = json!({ "default_generation_settings": { "n_ctx": 4096 } });
        assert_eq!(known.clone().with_props(&props).context, 4096);
        assert_eq!(known.clone().with_props(&json!({ "default_generation_settings": 7 })), known);
    }

    #[test]
    fn each_program_fills_in_its_own_way() {
        let filling = |owner: &str, model: &str| Profile::new(&list(owner, &[model]), None).unwrap().filling;
        assert_eq!(filling("llamacpp", "x"), Some(Filling::Infill));
        assert_eq!(filling("library", "x"), Some(Filling::Suffix));
        assert_eq!(filling("vllm", "x"), None);
        let spelled = |owner, model| match filling(owner, model) {
            Some(Filling::Spelled(spelled)) => spelled,
            other => panic!("{model}: {other:?}"),
        };
        let qwen = spelled("vllm", "Qwen/Qwen2.5-Coder-7B");
        assert_eq!(
            (&*qwen.prefix, &*qwen.suffix, &*qwen.middle),
            ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
        );
        assert_eq!((qwen.is_suffix_first, qwen.file.as_deref()), (false, Some("<|file_sep|>")));
        assert_eq!(spelled("organization_owner", "qwen2.5-coder-1.5b"), qwen);
        let codestral = spelled("vllm", "mistralai/Codestral-22B-v0.1");
        assert_eq!(
            (&*codestral.prefix, &*codestral.suffix, &*codestral.middle),
            ("[PREFIX]", "[SUFFIX]", "")
        );
        assert!(codestral.is_suffix_first);
        assert_eq!(filling("vllm", "codellama/CodeLlama-7b-hf"), None);
    }

    #[test]
    fn a_name_may_say_how_large_a_model_is() {
        for (name, expected) in [
            ("llama3.1:70b", Some(70_000_000_000)),
            ("org/Thing-0.5B-v2", Some(500_000_000)),
            ("mixtral-8x7b", None),
            ("gpt-5", None),
            ("b", None),
            ("nanb-infb", None),
            ("1e9b", None),
        ] {
            assert_eq!(billions(name), expected, "{name}");
        }
    }
}
