//! Models by name: what they are for, what they need, whose they are and where a file of them is published.
//!
//! For choosing before there is a file; a file that says otherwise of itself is right ([`differences`]). This opens
//! no connection: it knows addresses, and `fetch` goes there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{FILE, family, models, plain, profile};
use crate::models::gguf::Header;
use crate::models::memory::{self, Needs};

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Suggestions as one types.
    Fill,
    /// Edits and explanations, in words.
    Edit,
    Both,
}

/// A row of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Model {
    /// As it is asked for: `qwen2.5-coder-1.5b`.
    pub name: String,
    pub role: Role,
    /// How it is asked to fill; none: it was not trained to.
    pub family: Option<String>,
    /// Weights, counted.
    pub parameters: u64,
    /// Those that work for one token, where that is not all.
    pub active: Option<u64>,
    pub shape: Shape,
    /// Tokens it was trained for.
    pub context: u32,
    /// SPDX, or the name of the licence.
    pub licence: String,
    /// What the licence forbids, in a phrase; empty: nothing that matters here.
    #[serde(default)]
    pub limits: String,
    pub score: Option<Score>,
    #[serde(default)]
    pub note: String,
    published: Vec<Published>,
}

/// From a model's own `config.json`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shape {
    pub layers: u32,
    pub width: u32,
    pub feed_forward: u32,
    pub vocabulary: u32,
    /// Of each layer.
    pub kv_heads: u32,
    /// Numbers a head has, the mean of keys and values.
    pub head: u32,
}

/// What somebody measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// `HumanEval-FIM`: lines filled in exactly, the mean of three languages. `HumanEval`: functions written that
    /// pass their tests.
    pub test: String,
    /// Percent.
    pub value: f64,
    pub source: String,
}

/// One place where files of a model are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    /// `owner/name`.
    repository: String,
    /// With `{quant}` in small or `{QUANT}` in large letters.
    file: String,
    /// The usual one first.
    quantizations: Vec<String>,
    /// Of those whose size is known.
    #[serde(default)]
    bytes: BTreeMap<String, u64>,
    /// Lower-case hexadecimal, of those where it is.
    #[serde(default)]
    sha256: BTreeMap<String, String>,
}

/// Where one file is, whatever the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    pub repository: &'a str,
    pub file: String,
    /// Of the published file.
    pub bytes: Option<u64>,
    /// Lower-case hexadecimal.
    pub sha256: Option<&'a str>,
}

/// The size of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    pub count: u64,
    /// As published; else computed from parameters and bits.
    pub is_exact: bool,
}

/// Of Q6_K, the coarsest that embeddings usually have.
const EMBEDDING_BITS: f64 = 6.5633;

/// Words by which a model that was taught to follow instructions is told from its base.
const INSTRUCTED: [&str; 3] = ["instruct", "chat", "it"];

impl Model {
    /// Names of number formats, the usual one first.
    pub fn quantizations(&self) -> impl Iterator<Item = &str> {
        self.published.iter().flat_map(|place| place.quantizations.iter().map(String::as_str))
    }

    /// The one that is taken where none is asked for.
    pub fn usual(&self) -> &str {
        self.quantizations().next().unwrap_or_default()
    }

    /// Where the file of a quantisation is; case does not count.
    pub fn source(&self, quantization: &str) -> Option<Source<'_>> {
        self.published.iter().find_map(|place| {
            let name = place.quantizations.iter().find(|name| name.eq_ignore_ascii_case(quantization))?;
            let file = place.file.replace("{quant}", &name.to_lowercase()).replace("{QUANT}", name);
            Some(Source {
                repository: &place.repository,
                file,
                bytes: place.bytes.get(name).copied(),
                sha256: place.sha256.get(name).map(String::as_str),
            })
        })
    }

    /// The size of the file of a quantisation; none for one that nobody publishes.
    pub fn bytes(&self, quantization: &str) -> Option<Bytes> {
        let source = self.source(quantization)?;
        if let Some(count) = source.bytes {
            return Some(Bytes { count, is_exact: true });
        }
        // Embeddings are kept in a finer format, and are much of a small model.
        let embeddings = u64::from(self.shape.vocabulary) * u64::from(self.shape.width);
        let rest = self.parameters.saturating_sub(embeddings);
        let bits = bits(quantization);
        let sum = embeddings as f64 * bits.max(EMBEDDING_BITS) + rest as f64 * bits;
        Some(Bytes { count: (sum / 8.0) as u64, is_exact: false })
    }

    /// What its memory depends on, with weights of so many bytes.
    pub fn needs(&self, weight_bytes: u64) -> Needs {
        let Shape { layers, width, feed_forward, vocabulary, kv_heads, head } = self.shape;
        let kv_numbers = 2 * u64::from(layers) * u64::from(kv_heads) * u64::from(head);
        Needs { weight_bytes, kv_numbers, vocabulary, width, feed_forward }
    }

    /// Tokens of one prompt with its answer, nothing set.
    pub fn usual_context(&self) -> u32 {
        profile(self.parameters).context.min(self.context)
    }

    /// Bytes of memory as it is run with nothing set, of a file with weights of so many.
    pub fn usual_bytes(&self, weight_bytes: u64) -> u64 {
        self.needs(weight_bytes).usual_bytes(self.usual_context())
    }

    /// The part of the weights that is read for one token.
    pub fn active_part(&self) -> f64 {
        self.active.map_or(1.0, |active| active as f64 / self.parameters as f64)
    }

    /// Whether it follows instructions, by its name.
    fn is_instructed(&self) -> bool {
        is_instructed(&self.name)
    }

    /// How a name has to read, letters and digits alone: `base` is often left out.
    fn stem(&self) -> String {
        let plain = plain(&self.name);
        plain.strip_suffix("base").map_or(plain.clone(), str::to_owned)
    }
}

fn is_instructed(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    words.any(|word| INSTRUCTED.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// Bits that a weight takes; those of half precision for a format that nobody publishes.
pub fn bits(quantization: &str) -> f64 {
    FILE.bits.get(&quantization.to_uppercase()).copied().unwrap_or(16.0)
}

/// The model of this name; only letters and digits count.
pub fn named(name: &str) -> Option<&'static Model> {
    let wanted = plain(name);
    models().iter().find(|model| plain(&model.name) == wanted)
}

/// Names that look like this one, the likest first, three at most.
pub fn nearest(name: &str) -> Vec<&'static str> {
    let wanted = plain(name);
    let likeness = |model: &Model| strsim::jaro_winkler(&wanted, &plain(&model.name));
    let mut near: Vec<(f64, &str)> = models()
        .iter()
        .map(|model| (likeness(model), model.name.as_str()))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Which model of the catalogue a file holds: by what it calls itself, else by what it is called.
pub fn recognise(header: &Header, called: &str) -> Option<&'static Model> {
    [&header.name, &header.basename, called]
        .into_iter()
        .filter(|name| !name.is_empty())
        .find_map(self::called)
}

/// The model whose name stands in `name`, the longest such.
pub fn called(name: &str) -> Option<&'static Model> {
    let (text, instructed) = (plain(name), is_instructed(name));
    models()
        .iter()
        .filter(|model| model.is_instructed() == instructed && text.contains(&model.stem()))
        .max_by_key(|model| model.name.len())
}

/// The README's table.
pub fn markdown() -> String {
    let mut table = String::from(
        "| model | for | weights | file | memory | measured elsewhere | licence |\n|---|---|---|---|---|---|---|\n",
    );
    for model in models() {
        let Model { name, role, parameters, licence, limits, score, .. } = model;
        let purpose = match role {
            Role::Fill => "suggestions",
            Role::Edit => "edits",
            Role::Both => "both",
        };
        let weights = format!("{:.1} B", *parameters as f64 / 1e9);
        let usual = model.usual();
        let bytes = model.bytes(usual).unwrap_or(Bytes { count: 0, is_exact: false });
        let memory = memory::shown(model.usual_bytes(bytes.count));
        let mark = if bytes.is_exact { "" } else { "~" };
        let file = format!("{mark}{} {usual}", memory::shown(bytes.count));
        let score = score.as_ref();
        let score = score.map_or(String::new(), |score| {
            format!("[{} {:.1} %]({})", score.test, score.value, score.source)
        });
        let limits = if limits.is_empty() { String::new() } else { format!(": {limits}") };
        table += &format!(
            "| `{name}` | {purpose} | {weights} | {file} | {memory} | {score} | {licence}{limits} |\n"
        );
    }
    table
}

/// What a file says of itself against the catalogue, a phrase each. The file is right: conversions and new versions
/// come under old names.
pub fn differences(model: &Model, header: &Header) -> Vec<String> {
    let mut told = Vec::new();
    let mut differ = |what: &str, file: u64, row: u64| {
        if file != row {
            told.push(format!("{what}: {file} in the file, {row} in the catalogue"));
        }
    };
    differ("layers", header.layers.into(), model.shape.layers.into());
    differ("width", header.embedding.into(), model.shape.width.into());
    differ("tokens of context", header.context_length.into(), model.context.into());
    let found = family(header).map(|family| family.id.as_str());
    if found != model.family.as_deref() {
        let asked = |family: Option<&str>| family.unwrap_or("no family").to_owned();
        told.push(format!(
            "asked as: {} by the file, {} by the catalogue",
            asked(found),
            asked(model.family.as_deref())
        ));
    }
    told
}

/// The same as a sentence; none where the two agree.
pub fn contradiction(model: &Model, header: &Header) -> Option<String> {
    let differences = differences(model, header);
    let sentence = || format!("Not quite the {} of the catalogue ({}).", model.name, differences.join(", "));
    (!differences.is_empty()).then(sentence)
}
