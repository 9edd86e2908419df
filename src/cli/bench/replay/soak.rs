//! An hour of typing as fast as the server answers: whether its memory stays what it was.
//!
//! What is resident is read when a tenth of the keys are typed, and the caches are what they will be, and at the end.

use std::io::Write;

use serde_json::json;

use super::report::Plan;
use super::{Measured, Replay};
use crate::cli::{Failure, Session};

/// Keys of an hour at four a second: `pace`'s gaps, thoughts among them.
const KEYS: u64 = 14_400;
/// Of these, the share that warms it up.
const WARM: u64 = 10;

pub fn run(
    session: Session,
    replay: &Replay,
    mut arms: Vec<Measured>,
    plan: &Plan,
    as_json: bool,
) -> Result<(), Failure> {
    let pressed = |arms: &[Measured]| arms.iter().map(|arm| arm.pressed).sum::<u64>();
    let (mut warm, mut round) = (None, 0);
    while pressed(&arms) < KEYS {
        // Other lines in each round.
        replay.rounds(&mut arms, 1, plan.runs, plan.seed.wrapping_add(round << 32))?;
        round += 1;
        if warm.is_none() && pressed(&arms) >= KEYS / WARM {
            warm = Some((pressed(&arms), resident(&mut arms)?));
        }
        // What each key cost is not asked here, and would fill this process.
        arms.iter_mut().for_each(|arm| arm.rounds.clear());
    }
    let keys = pressed(&arms);
    let end = resident(&mut arms)?;
    arms.into_iter().try_for_each(|arm| arm.finish().map(drop))?;
    let (warm_keys, warm) = warm.unwrap_or((keys, end));
    let grown = (end as f64 / (warm.max(1) as f64) - 1.0) * 100.0;
    let mut output = session.output;
    if as_json {
        let object = json!({
            "keys": keys, "warmKeys": warm_keys, "warmBytes": warm, "endBytes": end, "grownPercent": grown,
        });
        writeln!(output, "{object:#}")?;
        return Ok(());
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    writeln!(
        output,
        "resident memory: {:.1} MiB after {warm_keys} keys, {:.1} MiB after {keys}: {grown:+.2} %",
        mib(warm),
        mib(end),
    )?;
    Ok(())
}

/// Bytes of the server.
fn resident(arms: &mut [Measured]) -> Result<u64, Failure> {
    let mut bytes = 0;
    for arm in arms {
        let memory = &arm.arm.about()?["memory"];
        bytes += ["anonymousBytes", "fileBytes"]
            .map(|name| memory[name].as_u64().unwrap_or(0))
            .iter()
            .sum::<u64>();
    }
    Ok(bytes)
}
