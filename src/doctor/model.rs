//! The models that the settings name: which file, what its header says, how it is asked, and whether it fits.
//!
//! A header is read and nothing is loaded; what loading came to is in [`Engine`].

use std::path::PathBuf;
use std::time::SystemTime;

use serde::Serialize;

use super::{Engine, Finding, Patient, Severity};
use crate::assist::roles::{BUILT_IN, Wish};
use crate::config::{ModelSettings, Settings};
use crate::engine::Role;
use crate::engine::chat::{Chat, Specials};
use crate::models::catalog::{self, Layout, Spelling};
use crate::models::fit::{self, Asked, Device, Fit};
use crate::models::gguf::{self, Header};
use crate::models::{advice, builtin, hardware, memory, named};

/// One role's, as far as it is known.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelFacts {
    pub role: &'static str,
    /// With the home folder as `~`; `builtin` for the one in the binary.
    pub path: String,
    pub name: String,
    pub architecture: String,
    pub quantization: String,
    pub parameters: u64,
    pub weight_bytes: u64,
    /// Tokens that it was trained for.
    pub trained_tokens: u32,
    /// Tokens of one prompt with its answer, as far as memory goes.
    pub context_tokens: u32,
    pub vocabulary: u32,
    pub tokenizer: String,
    /// How it is asked to fill in the middle: `AnchoredMiddle`, `PrefixOnly`, ….
    pub layout: String,
    /// Prefix, suffix and middle as the file spells them.
    pub fill_tokens: Vec<String>,
    /// The catalogue's row that says so; empty: the file's own tokens do.
    pub family: String,
    pub chats: bool,
    /// Bytes that running it takes.
    pub needed_bytes: u64,
}

/// Where a model comes from.
enum Source {
    BuiltIn,
    File(PathBuf),
}

/// What a model is for.
struct Part {
    role: Role,
    name: &'static str,
    /// The table of settings that names it.
    table: &'static str,
    settings: ModelSettings,
}

/// The models of the settings: one for everything, or one for each role.
fn parts(settings: &Settings) -> Vec<Part> {
    let fill = Wish::of(settings, Role::Fill).model;
    let edit = Wish::of(settings, Role::Edit);
    if edit.role == Role::Fill {
        return vec![Part {
            role: Role::Fill,
            name: "suggestions and edits",
            table: "model",
            settings: fill,
        }];
    }
    vec![
        Part { role: Role::Fill, name: "suggestions", table: "model", settings: fill },
        Part { role: Role::Edit, name: "edits", table: "model.edit", settings: edit.model },
    ]
}

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) -> Vec<ModelFacts> {
    let mut facts = Vec::new();
    for part in parts(&patient.settings) {
        match header(patient, &part) {
            Ok((source, header)) => facts.push(one(patient, &part, &source, &header, findings)),
            Err(finding) => findings.push(finding),
        }
    }
    let is_told = |finding: &Finding| {
        finding.severity == Severity::Problem
            && (finding.id.starts_with("model.") || finding.id == "build.llama")
    };
    if let Engine::Failed(why) = &patient.engine
        && !findings.iter().any(is_told)
    {
        let mend = "codesage bench engine --log-level debug";
        findings
            .push(Finding::problem("model.failed", format!("The model does not start: {why}")).command(mend));
    }
    facts
}

fn header(patient: &Patient, part: &Part) -> Result<(Source, Header), Finding> {
    let name = part.settings.name.as_deref().filter(|name| *name != BUILT_IN);
    let source = match (name, &part.settings.path) {
        (Some(name), _) => Source::File(by_name(patient, part, name)?),
        (None, Some(path)) => Source::File(path.clone()),
        (None, None) => Source::BuiltIn,
    };
    let header = match &source {
        Source::BuiltIn => builtin::header(),
        Source::File(path) => gguf::check(path),
    };
    match (header, source) {
        (Ok(header), source) => Ok((source, header)),
        (Err(gguf::Unfit::Unreadable(why)), _) => {
            let message = format!("{}.path leads to no model: {why}.", part.table);
            Err(Finding::problem("model.missing", message).command("codesage models find"))
        }
        (Err(why), Source::File(path)) => {
            let message = format!("{} cannot be used: {why}.", path.display());
            let mend = format!("codesage models check {}", patient.shell(&path));
            Err(Finding::problem("model.unfit", message).command(mend))
        }
        (Err(why), Source::BuiltIn) => {
            let message = format!("The model in the binary is damaged: {why}.");
            Err(Finding::problem("model.unfit", message).command("make install"))
        }
    }
}

fn by_name(patient: &Patient, part: &Part, name: &str) -> Result<PathBuf, Finding> {
    let chosen = named::find(name, &patient.surroundings, patient.machine.available);
    chosen.map(|chosen| chosen.path).map_err(|why| {
        let base = name.split(':').next().unwrap_or(name);
        let mend = match catalog::named(base) {
            Some(model) => format!("codesage models pull {}", model.name),
            None => "codesage models find".to_owned(),
        };
        Finding::problem("model.name", format!("{}.name: {why}.", part.table)).command(mend)
    })
}

fn one(
    patient: &Patient,
    part: &Part,
    source: &Source,
    header: &Header,
    findings: &mut Vec<Finding>,
) -> ModelFacts {
    let spelling = catalog::spelling(header);
    let path = match source {
        Source::BuiltIn => "builtin".to_owned(),
        Source::File(path) => patient.path(path),
    };
    let fit = room(patient, part, header, findings);
    let text = |token: Option<u32>| token.and_then(|token| header.vocabulary.text(token)).unwrap_or_default();
    let tokens = [spelling.pre, spelling.suf, spelling.mid];
    let fill_tokens =
        tokens.into_iter().filter(Option::is_some).map(|token| text(token).to_owned()).collect();
    let specials = Specials {
        begin: text(header.vocabulary.bos),
        end: text(header.vocabulary.eos),
        has: &|text| header.vocabulary.id(text).is_some(),
    };
    let facts = ModelFacts {
        role: part.name,
        path,
        name: header.name.clone(),
        architecture: header.architecture.clone(),
        quantization: header.quantization.clone(),
        parameters: header.parameters,
        weight_bytes: header.weight_bytes,
        trained_tokens: spelling.context,
        context_tokens: fit.context,
        vocabulary: header.vocabulary.len(),
        tokenizer: header.vocabulary.model.clone(),
        layout: format!("{:?}", spelling.layout),
        fill_tokens,
        family: spelling.family.clone(),
        chats: Chat::new(header.chat_template.as_deref(), &specials, SystemTime::now()).is_some(),
        needed_bytes: fit.bytes,
    };
    findings.push(Finding::ok("model", sentence(&facts)));
    if let Some(asked) = part.settings.context_tokens.filter(|asked| *asked > spelling.context) {
        let message = format!(
            "model.contextTokens is {asked}, and {} was trained for {}: it takes no more.",
            facts.name, spelling.context
        );
        findings.push(Finding::note("model.context", message).setting("model.contextTokens = \"auto\""));
    }
    remarks(source, header, &spelling, &facts, findings);
    facts
}

/// All that a header says, in one line.
fn sentence(facts: &ModelFacts) -> String {
    let fills = match (&*facts.family, facts.fill_tokens.join(" ")) {
        (_, tokens) if tokens.is_empty() => "only continues text".to_owned(),
        ("", tokens) => format!("fills in the middle by {tokens} ({}, from the file's tokens)", facts.layout),
        (family, tokens) => {
            format!(
                "fills in the middle by {tokens} ({}, from the catalogue's family {family})",
                facts.layout
            )
        }
    };
    let chats = if facts.chats { "chats" } else { "has no chat template: it is shown plain text" };
    format!(
        "for {}: {} ({}), {} {}, {:.1} M parameters, {} of {} tokens, vocabulary {} of {}; {fills}; {chats}; needs {}",
        facts.role,
        facts.name,
        facts.path,
        facts.architecture,
        facts.quantization,
        facts.parameters as f64 / 1e6,
        facts.context_tokens,
        facts.trained_tokens,
        facts.tokenizer,
        facts.vocabulary,
        memory::shown(facts.needed_bytes),
    )
}

/// How it is run, as loading would fit it into the memory; what does not fit is told.
fn room(patient: &Patient, part: &Part, header: &Header, findings: &mut Vec<Finding>) -> Fit {
    let (model, settings) = (fit::Model::of(header), &part.settings);
    let asked = Asked {
        // What a GPU holds of it is to spare.
        device: Device::Cpu,
        gpu_layers: Some(0),
        context: settings.context_tokens,
        kv_type: settings.kv_type,
    };
    let within = |asked: &Asked, available: Option<u64>| {
        fit::fit(&model, asked, &fit::Machine { available, gpus: Vec::new() })
    };
    // What runs has its room, and what is free now is what it left.
    if let (Engine::Ready(card, _) | Engine::TooSlow(card), Role::Fill) = (&patient.engine, part.role) {
        let asked = Asked { context: Some(card.context_tokens), ..asked };
        if let Ok(fit) = within(&asked, None) {
            return fit;
        }
    }
    let wanted = match within(&asked, None) {
        Ok(wanted) => wanted,
        Err(unfit) => {
            let message = format!("The model for {} cannot be used: {unfit}.", part.name);
            findings.push(Finding::problem("model.unfit", message).command("codesage models list"));
            return Fit { context: 0, kv_type: fit::KvType::F16, offload: None, bytes: 0 };
        }
    };
    let limit = patient.machine.limits.address_space;
    if let Some(limit) = limit.filter(|limit| *limit < wanted.bytes) {
        let message = format!(
            "This process may have {} of memory, and the model needs {}.",
            memory::shown(limit),
            memory::shown(wanted.bytes)
        );
        findings.push(Finding::problem("machine.address-space", message).command("ulimit -v unlimited"));
    }
    let set = patient.settings.model.memory_mb.map(|megabytes| u64::from(megabytes) * 1_000_000);
    let free = patient.machine.available.map(fit::budget);
    let Some(available) = [free, set].into_iter().flatten().min() else { return wanted };
    // With a GPU it may fit after all, which is for the engine to find out.
    if hardware::OFFLOADS && settings.device != Device::Cpu && settings.gpu_layers != Some(0) {
        return wanted;
    }
    match within(&asked, Some(available)) {
        Ok(fit) => {
            if fit.context < wanted.context {
                let message = format!(
                    "In {} of memory the model gets a context of {} tokens, not {}: it sees less of your code.",
                    memory::shown(available),
                    fit.context,
                    wanted.context
                );
                findings.push(Finding::note("model.room", message).command("codesage models list"));
            }
            fit
        }
        Err(fit::Unfit::Memory { needed, .. }) => {
            let message = format!(
                "The model needs {} of memory even with a small context, and may take {}.",
                memory::shown(needed),
                memory::shown(available)
            );
            findings.push(Finding::problem("model.memory", message).command("codesage models list"));
            Fit { bytes: needed, ..wanted }
        }
        Err(fit::Unfit::Context { .. }) => wanted,
    }
}

/// What else there is to know of a file.
fn remarks(
    source: &Source,
    header: &Header,
    spelling: &Spelling,
    facts: &ModelFacts,
    findings: &mut Vec<Finding>,
) {
    let Source::File(path) = source else { return };
    if spelling.layout == Layout::PrefixOnly {
        let message = format!(
            "{} cannot fill in the middle: suggestions see only the text before the cursor.",
            facts.name
        );
        findings.push(Finding::note("model.fill", message).command("codesage models list"));
    } else if spelling.family.is_empty() {
        let message = format!(
            "{} is in no family of the catalogue; it is asked as its tokens suggest, which may be wrong.",
            facts.name
        );
        findings.push(Finding::note("model.family", message).command("codesage models list"));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let Some(row) = catalog::recognise(header, &stem) else { return };
    let differences = catalog::differences(row, header);
    if !differences.is_empty() {
        let message = format!("Not quite the {} of the catalogue: {}.", row.name, differences.join(", "));
        let mend = format!("codesage models pull {}", row.name);
        findings.push(Finding::note("model.catalogue", message).command(mend));
    }
    if advice::forbids_work(row) {
        let message =
            format!("The licence of {} is for other work than yours, perhaps: {}.", row.name, row.limits);
        findings.push(Finding::note("model.licence", message).command("codesage models list"));
    }
}
