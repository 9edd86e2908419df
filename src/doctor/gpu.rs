//! Why the model is not on a GPU, where the build could use one: what loading it came to. That a build cannot, [`super::build`]
//! says.

use super::{Engine, Finding, Patient};
use crate::engine::trial;
use crate::models::fit::{Asked, Device, Shortfall};

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let settings = &patient.settings.model;
    if settings.device == Device::Cpu || settings.gpu_layers == Some(0) {
        return;
    }
    if let Some(folder) = &patient.places.state
        && let Some(gpu) = trial::distrusted(folder)
    {
        let message = format!("Twice codesage ended while {gpu} was being started: it is left alone.");
        let mend = format!("rm {}", patient.shell(&folder.join(trial::NAME)));
        findings.push(Finding::problem("gpu.distrusted", message).command(mend));
    }
    let (Engine::Ready(card, _) | Engine::TooSlow(card)) = &patient.engine else { return };
    let Some(shortfall) = &card.shortfall else { return };
    let asked = Asked { device: settings.device, gpu_layers: settings.gpu_layers, ..Asked::default() };
    let message = format!("Not all of the model is on a GPU: {shortfall}.");
    let finding = |id| match shortfall.is_unexpected(&asked) {
        true => Finding::problem(id, message),
        false => Finding::note(id, message),
    };
    findings.push(match shortfall {
        Shortfall::NotBuilt | Shortfall::Distrusted { .. } => return,
        Shortfall::NoGpu => {
            finding("gpu.none").step("install the driver of the GPU, or say `model.device = \"cpu\"`")
        }
        // What was said may have been mended since.
        Shortfall::NoSuchGpu { number, .. } if settings.device != Device::Gpu(*number) => return,
        Shortfall::NoSuchGpu { .. } => finding("gpu.number").setting("model.device = \"auto\""),
        Shortfall::NoRoom { .. } => finding("gpu.memory").command("codesage models list"),
        Shortfall::Fewer { .. } if settings.gpu_layers.is_none() => return,
        Shortfall::Fewer { .. } => finding("gpu.layers").setting("model.gpuLayers = \"auto\""),
        Shortfall::Failed { .. } => finding("gpu.failed").setting("model.device = \"cpu\""),
    });
}
