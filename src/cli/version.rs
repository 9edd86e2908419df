//! What `--version` tells: what is in this program, on one line, so that a bug report has it. `-V` tells the number
//! alone.

use std::sync::LazyLock;

use crate::doctor::build;
use crate::models::hardware;

/// Behind the program's name.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let parts = [features(), llama(), hardware::kernels().to_owned()];
        format!("{} ({})", env!("CARGO_PKG_VERSION"), parts.join("; "))
    });
    &LONG
}

fn features() -> String {
    let built = build::features();
    if built.is_empty() { "no features".to_owned() } else { format!("features {}", built.join(", ")) }
}

#[cfg(feature = "llama")]
fn llama() -> String {
    crate::engine::llama::version()
}

#[cfg(not(feature = "llama"))]
fn llama() -> String {
    "no llama.cpp".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line_that_names_every_feature_of_the_manifest() {
        let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
        let known = features();
        for (feature, built) in [("llama", cfg!(feature = "llama")), ("pull", cfg!(feature = "pull"))] {
            assert!(manifest["features"].get(feature).is_some());
            assert_eq!(known.contains(feature), built, "{known}");
        }
        // A feature that is added to the manifest is added there.
        let source = include_str!("../doctor/build.rs");
        for feature in manifest["features"].as_table().unwrap().keys().filter(|name| *name != "default") {
            assert!(source.contains(&format!("(\"{feature}\", cfg!(feature = \"{feature}\"))")), "{feature}");
        }
        assert!(!long().contains('\n') && long().starts_with(env!("CARGO_PKG_VERSION")), "{}", long());
    }
}
