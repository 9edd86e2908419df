//! `models/catalog.toml`: what a GGUF does not say of itself, and what there is to know of a model before there is one.
//!
//! A file names its fill-in-the-middle tokens, or spells them; in which order they stand and how other files are
//! shown is in no file, and a model asked in the wrong order answers nonsense. A row here is all that a new model
//! family needs; another kind of row is a [`Model`] that is worth having. The rows are compiled in and checked by a
//! test. This does not read files and builds no prompt.

mod model;
mod profile;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::models::gguf::{FimTokens, Header, Vocabulary};
pub use model::{
    Bytes, Model, Role, Score, Shape, Source, bits, called, contradiction, differences, markdown, named,
    nearest, recognise,
};
pub use profile::{Profile, profile};

/// Where the parts of a fill-in-the-middle prompt stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `[PRE] head [SUF] tail [MID] typed`: the anchored middle, for prefix-suffix-middle models.
    #[default]
    AnchoredMiddle,
    /// `[PRE][SUF] tail [MID] head typed`: nothing stands behind the typed text.
    SuffixFirst,
    /// `[SUF] tail [PRE] head typed [MID]`: Codestral, Mellum and others trained suffix-prefix-middle.
    SuffixPrefixMiddle,
    /// `head typed`: a model without fill-in-the-middle tokens.
    PrefixOnly,
}

/// A row of the catalogue: models that are asked alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Family {
    pub id: String,
    /// `general.architecture`, any of them.
    pub architectures: Vec<String>,
    /// Parts of `general.name` or `general.basename`, any of them; compared by letters and digits alone, without
    /// case. None: the tokens are enough.
    #[serde(default)]
    pub names: Vec<String>,
    /// Spellings that must all be in the vocabulary.
    #[serde(default)]
    pub tokens: Vec<String>,
    pub layout: Layout,
    /// Spellings of the three, where llama.cpp finds none or others; empty: none is used.
    pub pre: Option<String>,
    pub suf: Option<String>,
    pub mid: Option<String>,
    /// The token before a repository's name.
    pub repository: Option<String>,
    /// The token before each file's path.
    pub file: Option<String>,
    /// The text before a file's, behind that token where there is one, with `{path}`; empty: no other files are shown.
    #[serde(default)]
    pub file_header: String,
    /// Tokens that end an answer, besides those that llama.cpp knows.
    #[serde(default)]
    pub ends: Vec<String>,
    /// Tokens the model was trained for, where that is less than its file says.
    pub context: Option<u32>,
    /// SPDX, or the name of the licence.
    pub licence: String,
    /// Where the order of the prompt is written.
    pub source: String,
    /// What else there is to know.
    #[serde(default)]
    pub note: String,
}

/// How to ask one model: the catalogue's row with this file's token ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The row's id; empty where none fits.
    pub family: String,
    pub layout: Layout,
    /// All three stand for every layout but [`Layout::PrefixOnly`]; only `SuffixPrefixMiddle` may lack `mid`.
    pub pre: Option<u32>,
    pub suf: Option<u32>,
    pub mid: Option<u32>,
    /// Before the repository's name.
    pub rep: Option<u32>,
    /// Before each file's header.
    pub sep: Option<u32>,
    /// Behind `sep`, where there is one, with `{path}`; empty: other files cannot be shown to this model.
    pub file_header: String,
    /// End tokens besides those that llama.cpp knows.
    pub ends: Vec<u32>,
    /// Tokens a prompt with its answer may take: what the model was trained for.
    pub context: u32,
    /// A sentence for the user, where there is something to say.
    pub notice: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    family: Vec<Family>,
    /// Bits that a weight takes, by quantisation.
    bits: BTreeMap<String, f64>,
    profile: Vec<Profile>,
    model: Vec<Model>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    let text = include_str!("../../models/catalog.toml");
    toml::from_str(text).expect("the catalogue is compiled in and a test reads it")
});

/// All families, in the order in which they are tried.
pub fn families() -> &'static [Family] {
    &FILE.family
}

/// The family of this id.
pub fn family_named(id: &str) -> Option<&'static Family> {
    families().iter().find(|family| family.id == id)
}

/// The models worth having, as the catalogue lists them.
pub fn models() -> &'static [Model] {
    &FILE.model
}

/// The first row that fits a file.
pub fn family(header: &Header) -> Option<&'static Family> {
    families().iter().find(|family| family.fits(header))
}

/// How to ask the model of this file. Never fails: what cannot fill in the middle continues the text.
pub fn spelling(header: &Header) -> Spelling {
    let vocabulary = &header.vocabulary;
    let found = vocabulary.fim;
    match family(header) {
        Some(family) => family.spelling(header),
        None => Spelling {
            family: String::new(),
            layout: Layout::AnchoredMiddle,
            pre: found.pre,
            suf: found.suf,
            mid: found.mid,
            rep: found.rep,
            sep: found.sep,
            file_header: if found.sep.is_some() { "{path}\n".into() } else { String::new() },
            ends: Vec::new(),
            context: header.context_length,
            notice: Some("Not in the catalogue; asked as its tokens suggest.".into()),
        },
    }
    .complete()
}

impl Family {
    fn fits(&self, header: &Header) -> bool {
        let names = [plain(&header.name), plain(&header.basename)];
        let named = |part: &String| names.iter().any(|name| name.contains(&plain(part)));
        self.architectures.contains(&header.architecture)
            && (self.names.is_empty() || self.names.iter().any(named))
            && self.tokens.iter().all(|token| header.vocabulary.id(token).is_some())
    }

    fn spelling(&self, header: &Header) -> Spelling {
        let vocabulary = &header.vocabulary;
        let FimTokens { pre, suf, mid, .. } = vocabulary.fim;
        let optional = |text: &Option<String>| text.as_ref().and_then(|text| vocabulary.id(text));
        Spelling {
            family: self.id.clone(),
            layout: self.layout,
            pre: chosen(&self.pre, vocabulary, pre),
            suf: chosen(&self.suf, vocabulary, suf),
            mid: chosen(&self.mid, vocabulary, mid),
            rep: optional(&self.repository),
            sep: optional(&self.file),
            // A header whose token is missing would be read as code.
            file_header: if self.file.is_some() && optional(&self.file).is_none() {
                String::new()
            } else {
                self.file_header.clone()
            },
            ends: self.ends.iter().filter_map(|end| vocabulary.id(end)).collect(),
            context: self.context.unwrap_or(u32::MAX).min(header.context_length),
            notice: None,
        }
    }
}

impl Spelling {
    /// Falls back to the text before the cursor where a token is missing.
    fn complete(self) -> Self {
        let enough = match self.layout {
            Layout::PrefixOnly => false,
            Layout::SuffixPrefixMiddle => self.pre.is_some() && self.suf.is_some(),
            Layout::AnchoredMiddle | Layout::SuffixFirst => {
                self.pre.is_some() && self.suf.is_some() && self.mid.is_some()
            }
        };
        if enough {
            return self;
        }
        Self {
            layout: Layout::PrefixOnly,
            pre: None,
            suf: None,
            mid: None,
            notice: Some(
                "This model has no fill-in-the-middle tokens: it sees only the text before the cursor. \
                 A model made for code, such as Qwen2.5-Coder, suggests better."
                    .into(),
            ),
            ..self
        }
    }
}

fn chosen(spelled: &Option<String>, vocabulary: &Vocabulary, found: Option<u32>) -> Option<u32> {
    match spelled.as_deref() {
        None => found,
        Some("") => None,
        Some(text) => vocabulary.id(text),
    }
}

/// Letters and digits, in lower case: `Qwen2.5 Coder` and `qwen2.5-coder` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
