//! Why a model is not on a GPU, or not as much of it as somebody wished: for the person, once, and for the doctor.
//!
//! Pure, like the fitting: what a GPU did is told.

use std::fmt;

use super::{Asked, Device, Fit, Machine, chosen_gpu};
use crate::models::memory;

/// See the module. Nothing here is an error: the processor computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The build has no backend for one, and one was wished for.
    NotBuilt,
    /// None answers.
    NoGpu,
    /// `model.device` names another one than there are.
    NoSuchGpu { number: u32, gpus: Vec<String> },
    /// Its free memory, in bytes, takes not one layer.
    NoRoom { gpu: String, free: u64 },
    /// It has room for fewer layers than `model.gpuLayers`, of which the model may have fewer still.
    Fewer { gpu: String, layers: u32, asked: u32 },
    /// It was tried; llama.cpp's words.
    Failed { gpu: String, why: String },
    /// The program ended while it was started, again and again.
    Distrusted { gpu: String },
}

impl Shortfall {
    /// What a fit has less than what was asked for: on a GPU, where the build can use one, as there are now. `all`: the
    /// model's layers and one more.
    pub fn of(asked: &Asked, offloads: bool, machine: &Machine, all: u32, fit: &Fit) -> Option<Self> {
        if asked.device == Device::Cpu || asked.gpu_layers == Some(0) {
            return None;
        }
        if !offloads {
            return asked.wishes_for_gpu().then_some(Self::NotBuilt);
        }
        let Some(gpu) = chosen_gpu(asked, &machine.gpus) else {
            return Some(match asked.device {
                Device::Gpu(number) if !machine.gpus.is_empty() => {
                    let gpus = machine.gpus.iter().map(|gpu| gpu.name.clone()).collect();
                    Self::NoSuchGpu { number, gpus }
                }
                Device::Auto | Device::Cpu | Device::Gpu(_) => Self::NoGpu,
            });
        };
        let Some(offload) = fit.offload else {
            return Some(Self::NoRoom { gpu: gpu.name.clone(), free: gpu.free });
        };
        let asked = asked.gpu_layers?.min(all);
        let (gpu, layers) = (gpu.name.clone(), offload.layers);
        (layers < asked).then_some(Self::Fewer { gpu, layers, asked })
    }

    /// Whether a person has to be told: something that was wished for does not happen, or something broke. A machine
    /// without a GPU, or with a small one, is as it is.
    pub fn is_unexpected(&self, asked: &Asked) -> bool {
        match self {
            Self::Failed { .. } | Self::Distrusted { .. } => true,
            _ => asked.wishes_for_gpu(),
        }
    }
}

impl Asked {
    /// Whether a GPU was asked for by name, or layers on one.
    pub fn wishes_for_gpu(&self) -> bool {
        let wishes_for_layers = self.gpu_layers.is_some_and(|layers| layers > 0);
        self.gpu_layers != Some(0)
            && match self.device {
                Device::Cpu => false,
                Device::Auto => wishes_for_layers,
                Device::Gpu(_) => true,
            }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBuilt => write!(f, "this build has no backend for a GPU"),
            Self::NoGpu => write!(f, "no GPU answers"),
            Self::NoSuchGpu { number, gpus } => {
                let numbered: Vec<String> =
                    gpus.iter().enumerate().map(|(number, gpu)| format!("{number}: {gpu}")).collect();
                write!(f, "there is no GPU {number}; there is {}", numbered.join(", "))
            }
            Self::NoRoom { gpu, free } => {
                write!(f, "{gpu} has {} of memory free, too little for a layer", memory::shown(*free))
            }
            Self::Fewer { gpu, layers, asked } => {
                return write!(
                    f,
                    "{gpu} has room for {layers} of {asked} layers: the processor computes the others"
                );
            }
            Self::Failed { gpu, why } => write!(f, "{gpu} could not be used ({why})"),
            Self::Distrusted { gpu } => {
                write!(f, "twice codesage ended while {gpu} was being started")
            }
        }?;
        f.write_str(": the processor computes")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::models::fit::tests::{GB, SEVEN, card, machine};
    use crate::models::fit::{Gpu, fit};

    /// Of a model with 28 layers; `!` is what a person is told.
    fn check(asked: Asked, offloads: bool, gpus: &[Gpu], expected: Expect) {
        let machine = machine(64 * GB, gpus);
        let fitted = fit(&SEVEN, &asked, &machine).expect("there is room");
        let shortfall = Shortfall::of(&asked, offloads, &machine, 29, &fitted);
        expected.assert_eq(&shortfall.map_or("none".to_owned(), |shortfall| {
            let mark = if shortfall.is_unexpected(&asked) { "! " } else { "" };
            format!("{mark}{shortfall}")
        }));
    }

    #[test]
    fn what_is_missing_is_named_and_what_was_wished_for_is_told() {
        let nothing = Asked::default();
        let device = |device| Asked { device, ..nothing };
        let layers = |count| Asked { gpu_layers: Some(count), ..nothing };
        let (small, large) = (card(GB / 4), card(24 * GB));
        let (small, large) = (std::slice::from_ref(&small), std::slice::from_ref(&large));
        check(nothing, false, &[], expect!["none"]);
        check(
            device(Device::Gpu(0)),
            false,
            &[],
            expect!["! this build has no backend for a GPU: the processor computes"],
        );
        check(
            layers(3),
            false,
            &[],
            expect!["! this build has no backend for a GPU: the processor computes"],
        );
        check(nothing, true, &[], expect!["no GPU answers: the processor computes"]);
        check(device(Device::Cpu), true, &[], expect!["none"]);
        check(layers(0), true, large, expect!["none"]);
        check(device(Device::Gpu(0)), true, &[], expect!["! no GPU answers: the processor computes"]);
        check(
            device(Device::Gpu(3)),
            true,
            large,
            expect!["! there is no GPU 3; there is 0: a card: the processor computes"],
        );
        check(
            nothing,
            true,
            small,
            expect!["a card has 250 MB of memory free, too little for a layer: the processor computes"],
        );
        check(
            layers(5),
            true,
            small,
            expect!["! a card has 250 MB of memory free, too little for a layer: the processor computes"],
        );
        check(nothing, true, large, expect!["none"]);
        check(layers(999), true, large, expect!["none"]);
        check(
            layers(999),
            true,
            &[card(3 * GB)],
            expect!["! a card has room for 13 of 29 layers: the processor computes the others"],
        );
        // Nobody said how many.
        check(nothing, true, &[card(3 * GB)], expect!["none"]);
    }

    #[test]
    fn what_broke_is_told_whoever_wished_for_it() {
        let gpu = || "a card".to_owned();
        for (shortfall, expected) in [
            (
                Shortfall::Failed { gpu: gpu(), why: "no memory".into() },
                "a card could not be used (no memory): the processor computes",
            ),
            (
                Shortfall::Distrusted { gpu: gpu() },
                "twice codesage ended while a card was being started: the processor computes",
            ),
        ] {
            assert_eq!(shortfall.to_string(), expected);
            assert!(shortfall.is_unexpected(&Asked::default()));
        }
    }
}
