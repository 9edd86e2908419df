//! How fast the model writes, beside what this machine should reach.
//!
//! What is expected is an estimate: a token reads every weight once, at the speed of the memory, and takes a while
//! besides. So a model that is slower is a note and never a problem: another process may have had the machine.

use super::{Engine, Finding, Patient};
use crate::models::speed;

/// Seconds that a token takes beside reading the weights: a small model's are few.
const BESIDE: f64 = 0.004;
/// Of what is expected; below that something holds the model up.
const MUCH_LESS: f64 = 0.4;
/// Tokens a second below which one has typed it oneself.
const TYPED: f64 = 8.0;

pub fn examine(patient: &Patient, findings: &mut Vec<Finding>) {
    let (card, speed) = match &patient.engine {
        Engine::Ready(card, speed) => (card, speed),
        Engine::Unmeasured(why) => {
            return findings.push(Finding::ok("speed", format!("speed was not measured: {why}")));
        }
        Engine::TooSlow(card) => {
            let message =
                format!("{} takes too long to read a few lines: it cannot keep up with typing.", card.name);
            return findings.push(Finding::note("speed.slow", message).command("codesage models list"));
        }
        Engine::Failed(_) => return,
    };
    if speed.generate <= 0.0 {
        return findings.push(Finding::ok("speed", "speed is not known yet: nothing was written"));
    }
    let expected = patient.machine.memory_speed.filter(|_| card.device.starts_with("cpu")).map(|memory| {
        let reading = 1.0 / speed::tokens_per_second(card.model_bytes as f64, memory);
        1.0 / (reading + BESIDE)
    });
    let beside =
        expected.map_or(String::new(), |expected| format!(", where about {expected:.0} are expected"));
    let threads = card.threads;
    findings.push(Finding::ok(
        "speed",
        format!(
            "{} on {}, {threads} threads: writes {:.0} tokens/s{beside}; reads {:.0} tokens/s",
            card.name, card.device, speed.generate, speed.prompt
        ),
    ));
    if let Some(expected) = expected.filter(|expected| speed.generate < expected * MUCH_LESS) {
        let message = format!(
            "The model writes {:.0} tokens a second, where about {expected:.0} are expected here: another process \
             keeps the machine busy, it saves power, or `model.threads` does not suit it.",
            speed.generate
        );
        findings.push(Finding::note("speed.less", message).setting("model.threads = \"auto\""));
    }
    if speed.generate < TYPED {
        let message = format!(
            "The model writes {:.1} tokens a second: slower than one types. A smaller one keeps up.",
            speed.generate
        );
        findings.push(Finding::note("speed.slow", message).command("codesage models list"));
    }
}
