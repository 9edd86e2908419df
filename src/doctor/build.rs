//! The program itself: what was built into it, and whether this processor can run that, and more.

use serde::Serialize;

use super::{Finding, Patient};
use crate::config::ModelSettings;
use crate::models::fit::{Asked, Device};
use crate::models::hardware::{self, InstructionSet};
use crate::syntax::Language;

/// What was built.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    pub version: &'static str,
    /// Processor and system.
    pub target: String,
    /// Cargo features.
    pub features: Vec<&'static str>,
    /// The release of `llama-cpp-sys-2`, which carries the sources of llama.cpp; none: it is not built in.
    pub llama: Option<&'static str>,
    pub is_optimised: bool,
    /// Those that llama.cpp's kernels may use.
    pub instruction_sets: Vec<InstructionSet>,
    /// Languages whose syntax is known; others go by indentation.
    pub languages: Vec<&'static str>,
}

/// Names of the features of the manifest that are in this program.
pub fn features() -> Vec<&'static str> {
    let all = [
        ("llama", cfg!(feature = "llama")),
        ("pull", cfg!(feature = "pull")),
        ("remote", cfg!(feature = "remote")),
        ("cuda", cfg!(feature = "cuda")),
        ("vulkan", cfg!(feature = "vulkan")),
        ("metal", cfg!(feature = "metal")),
    ];
    all.into_iter().filter_map(|(name, is_built)| is_built.then_some(name)).collect()
}

impl Build {
    pub fn of_this_program() -> Self {
        let languages = Language::all().filter(|language| {
            let queries = language.grammar.as_ref().map(|grammar| grammar.queries());
            queries.is_some_and(|queries| queries.chunks.is_some() && queries.scopes.is_some())
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            features: features(),
            llama: cfg!(feature = "llama").then(pinned).flatten(),
            is_optimised: !cfg!(debug_assertions),
            instruction_sets: hardware::instruction_sets(),
            languages: languages.map(|language| language.id).collect(),
        }
    }

    fn has(&self, feature: &str) -> bool {
        self.features.contains(&feature)
    }

    /// Whether it can compute on anything but the processor.
    fn offloads(&self) -> bool {
        ["cuda", "vulkan", "metal"].into_iter().any(|feature| self.has(feature))
    }

    fn sets(&self, wanted: impl Fn(&InstructionSet) -> bool) -> Vec<&InstructionSet> {
        self.instruction_sets.iter().filter(|set| wanted(set)).collect()
    }
}

/// The release that the manifest pins: there is no other place that says it.
fn pinned() -> Option<&'static str> {
    let manifest = include_str!("../../Cargo.toml");
    // NB: the manifest of a packed crate is written anew, in another form.
    let (_, rest) = ["llama-cpp-sys-2 =", "dependencies.llama-cpp-sys-2]"]
        .into_iter()
        .find_map(|name| manifest.split_once(name))?;
    rest.split_once("\"=")?.1.split('"').next()
}

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let build = &patient.build;
    let llama = build
        .llama
        .map_or("no llama.cpp".to_owned(), |release| format!("llama.cpp of llama-cpp-sys-2 {release}"));
    findings.push(Finding::ok(
        "build",
        format!(
            "codesage {} for {}, {llama}, features {}; syntax of {}, other languages by indentation",
            build.version,
            build.target,
            or_none(&build.features.join(", ")),
            or_none(&build.languages.join(", ")),
        ),
    ));
    if !build.has("llama") {
        let message = "This codesage was built without llama.cpp: no model runs in it.";
        findings.push(Finding::problem("build.llama", message).command("make install"));
    }
    if !build.is_optimised {
        let message =
            "This is a build for developers, with checks and few optimisations: slower than it could be.";
        findings.push(Finding::note("build.debug", message).command("make install"));
    }
    if let Some(wish) = wish_for_gpu(&patient.settings.model).filter(|_| !build.offloads()) {
        let message = format!("{wish}, and this build has no backend for a GPU.");
        findings.push(
            Finding::problem("build.gpu", message)
                .command("cargo install --locked --path . --features vulkan"),
        );
    }
    processor(patient, findings);
}

/// What was set that wants one, as a clause.
fn wish_for_gpu(model: &ModelSettings) -> Option<String> {
    let asked = Asked { device: model.device, gpu_layers: model.gpu_layers, ..Asked::default() };
    asked.wishes_for_gpu().then(|| match (model.device, model.gpu_layers) {
        (Device::Gpu(number), _) => format!("model.device is {number}"),
        (_, layers) => format!("model.gpuLayers is {}", layers.unwrap_or(0)),
    })
}

fn processor(patient: &Patient, findings: &mut Vec<Finding>) {
    let build = &patient.build;
    let names = |sets: &[&InstructionSet]| sets.iter().map(|set| set.name).collect::<Vec<_>>().join(", ");
    let missing = build.sets(|set| set.used && !set.there);
    let used = build.sets(|set| set.used && set.there);
    let unused = build.sets(|set| !set.used && set.there);
    let more = if unused.is_empty() { String::new() } else { format!("; not used: {}", names(&unused)) };
    findings.push(Finding::ok(
        "processor",
        format!("{}, kernels use {}{more}", patient.machine.processor, or_none(&names(&used))),
    ));
    if !missing.is_empty() {
        let options: Vec<String> = missing.iter().map(|set| format!("{}=OFF", set.option)).collect();
        let message =
            format!("This processor lacks {}, which this build of llama.cpp uses.", names(&missing));
        let mend = format!("{} make install", options.join(" "));
        findings.push(Finding::problem("build.processor", message).command(mend));
    }
    if !unused.is_empty() && unused.iter().all(|set| set.avx512) {
        let message = format!(
            "This processor has {}, which this build does not use; with it prompts are read about twice as fast.",
            names(&unused)
        );
        findings.push(Finding::note("build.avx512", message).command("make avx512"));
    }
}

fn or_none(names: &str) -> &str {
    if names.is_empty() { "none" } else { names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_knows_itself() {
        let build = Build::of_this_program();
        assert!(build.languages.contains(&"rust"), "{build:?}");
        let release = pinned().expect("it is pinned");
        assert!(
            release.split('.').count() == 3 && release.starts_with(|c: char| c.is_ascii_digit()),
            "{release}"
        );
        assert_eq!(build.llama.is_some(), cfg!(feature = "llama"));
    }
}
