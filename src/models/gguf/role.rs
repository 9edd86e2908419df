//! What kind of file it is: a model that writes, or something else that should be named before it is judged.
//!
//! It does not ask whether the model is sound (`shape` does).

use super::architecture::{self, Role};
use super::keys::Keys;
use super::{Unfit, damaged};

pub(super) fn architecture(keys: &Keys<'_>) -> Result<String, Unfit> {
    match keys.text("general.architecture")? {
        Some(name) => Ok(name),
        None => Err(damaged("general.architecture is missing".into())),
    }
}

/// That the file is a model which writes, before anything else is asked of it.
pub(super) fn writes(keys: &Keys<'_>) -> Result<(), Unfit> {
    let name = keys.architecture;
    let wrong = |what: &str, instead: &str| Err(Unfit::WrongKind(format!("the file is {what}; {instead}")));
    let writer = "choose a model that generates text";
    match keys.text("general.type")?.as_deref() {
        Some("adapter") => return wrong("a LoRA adapter", "name the model it was made for"),
        Some("mmproj") => return wrong("the vision part of a model (mmproj)", "name the model beside it"),
        Some("vocab") => return wrong("a vocabulary without a model", writer),
        Some("imatrix") => return wrong("an importance matrix", writer),
        _ => {}
    }
    if keys.container.tensors.is_empty() {
        return wrong("a vocabulary without a model: it has no tensors", writer);
    }
    if keys.container.tensors.iter().any(|tensor| tensor.name.ends_with(".lora_a")) {
        return wrong("a LoRA adapter", "name the model it was made for");
    }
    match architecture::role(name) {
        Some(Role::Writer) => {}
        Some(Role::Embedding) => return wrong(&format!("an embedding model ({name})"), writer),
        Some(Role::Diffusion) => {
            return wrong(
                &format!("a diffusion model ({name})"),
                "choose one that writes from left to right",
            );
        }
        Some(Role::EncoderDecoder) => {
            return wrong(&format!("an encoder-decoder model ({name})"), "choose one that only decodes");
        }
        Some(Role::Speech) => return wrong(&format!("a speech model ({name})"), writer),
        Some(Role::Draft) => return wrong(&format!("a draft for another model ({name})"), "name that model"),
        Some(Role::Vision) => return wrong("the vision part of a model (clip)", "name the model beside it"),
        Some(Role::Hollow) => {
            return Err(Unfit::Unsupported(format!(
                "general.architecture is \"{name}\", which llama.cpp names but cannot run; choose another model"
            )));
        }
        None => {
            return Err(Unfit::Unsupported(format!(
                "general.architecture is \"{name}\", which the llama.cpp in this program does not know; \
                 choose another model or update CodeSage"
            )));
        }
    }
    if keys.bool(&keys.named("attention.causal"))? == Some(false) {
        return wrong(&format!("an embedding model ({name} without causal attention)"), writer);
    }
    if keys.u32(&keys.named("pooling_type"))?.unwrap_or(0) != 0 {
        return wrong(&format!("an embedding model ({name} with a pooling type)"), writer);
    }
    Ok(())
}
