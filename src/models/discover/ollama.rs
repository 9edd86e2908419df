//! Ollama's store: manifests by name, and blobs by hash, one of which is the GGUF.
//!
//! A manifest is JSON that anybody may have written: it names a blob by its hash and can lead nowhere else.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::{Candidate, Place, walk};

const MODEL: &str = "application/vnd.ollama.image.model";
/// Bytes; true ones have a few hundred.
const LARGEST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    /// `sha256:` and hexadecimal.
    digest: String,
}

/// The models of a store that has `manifests` and `blobs`.
pub(super) fn models(store: &Path, found: &mut Vec<Candidate>, passed_over: &mut Vec<String>) {
    let manifests = store.join("manifests");
    let mut broken = Vec::new();
    walk::every_file(&manifests, passed_over, |path| {
        let Some(called) = path.strip_prefix(&manifests).ok().and_then(name) else {
            return;
        };
        match manifest(&path) {
            Ok(manifest) => {
                let layer = manifest.layers.iter().find(|layer| layer.media_type == MODEL);
                let Some(hash) = layer.and_then(|layer| hash(&layer.digest)) else {
                    return;
                };
                let path = store.join("blobs").join(format!("sha256-{hash}"));
                let bytes = path.metadata().map_or(0, |metadata| metadata.len());
                found.push(Candidate { place: Place::Ollama, path, called, bytes, also: Vec::new() });
            }
            Err(why) => broken.push(format!("{}: {why}", path.display())),
        }
    });
    passed_over.append(&mut broken);
}

fn manifest(path: &Path) -> Result<Manifest, String> {
    if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("is no file".to_owned());
    }
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
    read.map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("is no manifest: {error}"))
}

/// As `ollama list` shows it: `qwen2.5-coder:7b` for `registry.ollama.ai/library/qwen2.5-coder/7b`.
fn name(below: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
    let mut parts = parts?;
    let tag = parts.pop()?;
    let skipped = match parts[..] {
        ["registry.ollama.ai", "library", _, ..] => 2,
        ["registry.ollama.ai", _, ..] => 1,
        [_, ..] => 0,
        [] => return None,
    };
    Some(format!("{}:{tag}", parts.get(skipped..)?.join("/")))
}

/// Nothing but hexadecimal: it becomes a part of a path.
fn hash(digest: &str) -> Option<&str> {
    let hash = digest.strip_prefix("sha256:")?;
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}
