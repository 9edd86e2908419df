//! Which model for this machine: each row of the catalogue held against its memory and speed, the best first.
//!
//! Pure: the machine is measured elsewhere (`hardware`, `speed`), and so is what lies on the disk (`discover`). Speeds
//! are estimates.

use std::cmp::Ordering;
use std::path::PathBuf;

use crate::models::catalog::{self, Bytes, Model, Role};
use crate::models::speed;

/// Tokens a second below which a suggestion comes after one has typed it.
const KEEPS_UP: f64 = 15.0;
/// Below which an edit tries one's patience.
const BEARABLE: f64 = 5.0;
/// Above which a better number format is worth its time.
const TO_SPARE: f64 = 30.0;
/// The score that suggestions are compared by.
pub const FILLING: &str = "HumanEval-FIM";

/// What the machine has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Bytes of memory that are free; none: nobody says.
    pub available: Option<u64>,
    /// Bytes of weights that a model gets through in a second when it writes.
    pub weight_speed: f64,
}

/// A file of a catalogue's model that is here already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    pub path: PathBuf,
    pub quantization: String,
    pub bytes: u64,
}

/// How well a model goes with the machine. The best is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fits {
    Well,
    /// There is room, but one would wait.
    Slowly,
    No,
}

/// What somebody is looking for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Suggestions,
    Edits,
}

/// A model in the number format that goes best with the machine, or in which it is here.
#[derive(Clone, Debug)]
pub struct Row {
    pub model: &'static Model,
    pub quantization: String,
    pub file: Bytes,
    /// Bytes, with the context that CodeSage would use and a margin.
    pub memory: u64,
    pub fits: Fits,
    pub tokens_per_second: f64,
    pub here: Option<PathBuf>,
}

impl Purpose {
    pub const BOTH: [Self; 2] = [Self::Suggestions, Self::Edits];

    /// What the model is listed for: what it was measured at, where it can do both.
    pub fn of(model: &Model) -> Self {
        let measured_at_filling = model.score.as_ref().is_some_and(|score| score.test == FILLING);
        match model.role {
            Role::Fill => Self::Suggestions,
            Role::Both if measured_at_filling => Self::Suggestions,
            Role::Both | Role::Edit => Self::Edits,
        }
    }

    fn enough(self) -> f64 {
        match self {
            Self::Suggestions => KEEPS_UP,
            Self::Edits => BEARABLE,
        }
    }
}

/// All models for a purpose, the best one first. `here` says which files of a model are on the disk.
pub fn rows(
    machine: &Machine,
    purpose: Purpose,
    models: &'static [Model],
    here: impl Fn(&Model) -> Vec<Here>,
) -> Vec<Row> {
    let wanted = models.iter().filter(|model| Purpose::of(model) == purpose);
    let mut rows: Vec<Row> = wanted.filter_map(|model| row(machine, model, here(model))).collect();
    rows.sort_by(compared);
    rows
}

/// What to use: the best that fits, and none where nothing does. A licence that forbids most work is no advice.
pub fn best(rows: &[Row]) -> Option<&Row> {
    let fitting = || rows.iter().filter(|row| row.fits != Fits::No);
    fitting().find(|row| !forbids_work(row.model)).or_else(|| fitting().next())
}

/// Whether the licence is not for those who are paid for their code.
pub fn forbids_work(model: &Model) -> bool {
    model.limits.contains("no commercial use")
}

/// The same model in different formats: what is here counts first.
fn row(machine: &Machine, model: &'static Model, here: Vec<Here>) -> Option<Row> {
    let one = |quantization: String, file: Bytes, here: Option<PathBuf>| {
        let memory = model.usual_bytes(file.count);
        let tokens_per_second =
            speed::tokens_per_second(file.count as f64 * model.active_part(), machine.weight_speed);
        let fits = match machine.available {
            Some(available) if memory > available => Fits::No,
            _ if tokens_per_second < Purpose::of(model).enough() => Fits::Slowly,
            _ => Fits::Well,
        };
        Row { model, quantization, file, memory, fits, tokens_per_second, here }
    };
    let on_disk = here
        .into_iter()
        .map(|here| one(here.quantization, Bytes { count: here.bytes, is_exact: true }, Some(here.path)));
    let published = model
        .quantizations()
        .filter_map(|quantization| Some(one(quantization.to_owned(), model.bytes(quantization)?, None)));
    let preferred = |rows: Vec<Row>| {
        // By name: sizes are partly computed, and one must not be chosen for an error.
        let finer =
            |a: &&Row, b: &&Row| catalog::bits(&a.quantization).total_cmp(&catalog::bits(&b.quantization));
        let fast = rows.iter().filter(|row| row.fits == Fits::Well && row.tokens_per_second >= TO_SPARE);
        fast.max_by(finer).or_else(|| rows.iter().min_by(finer)).cloned()
    };
    let on_disk = preferred(on_disk.collect());
    on_disk.or_else(|| preferred(published.collect()))
}

/// What fits before what does not; then the better one, or of those that are slow the faster one.
fn compared(a: &Row, b: &Row) -> Ordering {
    let score = |row: &Row| row.model.score.as_ref().map_or(0.0, |score| score.value);
    // Different tests are not compared: models without the usual one come behind those with it.
    let comparable = |row: &Row| {
        let usual = match Purpose::of(row.model) {
            Purpose::Suggestions => FILLING,
            Purpose::Edits => "HumanEval",
        };
        row.model.score.as_ref().is_some_and(|score| score.test == usual)
    };
    let better = || {
        let known = comparable(b).cmp(&comparable(a));
        let scores =
            if comparable(a) && comparable(b) { score(b).total_cmp(&score(a)) } else { Ordering::Equal };
        known.then(scores).then(b.model.parameters.cmp(&a.model.parameters))
    };
    let faster = || b.tokens_per_second.total_cmp(&a.tokens_per_second);
    a.fits.cmp(&b.fits).then_with(|| match a.fits {
        Fits::Well => better(),
        Fits::Slowly => faster(),
        Fits::No => a.memory.cmp(&b.memory),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    /// The first names, with how they fit, and what is advised.
    fn check(available: u64, memory_speed: f64, purpose: Purpose, first: &[&str], advised: Option<&str>) {
        let machine = Machine { available: Some(available), weight_speed: speed::of_memory(memory_speed) };
        let rows = rows(&machine, purpose, catalog::models(), |_| Vec::new());
        let said: Vec<String> = rows
            .iter()
            .take(first.len())
            .map(|row| format!("{} {} {:?}", row.model.name, row.quantization, row.fits))
            .collect();
        assert_eq!(said, first);
        assert_eq!(best(&rows).map(|row| row.model.name.as_str()), advised);
    }

    #[test]
    fn the_best_that_fits_stands_first() {
        let (fill, edit) = (Purpose::Suggestions, Purpose::Edits);
        // A laptop, a workstation, a small virtual machine, one with no room at all.
        check(
            8 * GB,
            4e10,
            fill,
            &[
                "qwen2.5-coder-1.5b Q8_0 Well",
                "deepseek-coder-1.3b-base Q4_K_M Well",
                "starcoder2-3b Q4_K_M Well",
            ],
            Some("qwen2.5-coder-1.5b"),
        );
        check(64 * GB, 2e11, fill, &["qwen2.5-coder-14b Q4_K_M Well"], Some("qwen2.5-coder-14b"));
        check(2 * GB, 8e9, fill, &["qwen2.5-coder-0.5b Q8_0 Slowly"], Some("qwen2.5-coder-0.5b"));
        check(GB / 10, 8e9, fill, &["qwen2.5-coder-0.5b Q8_0 No"], None);
        check(
            64 * GB,
            4e10,
            edit,
            &["qwen2.5-coder-7b-instruct Q4_K_M Well"],
            Some("qwen2.5-coder-7b-instruct"),
        );
    }

    #[test]
    fn a_licence_that_forbids_work_is_listed_and_not_advised() {
        let model = catalog::named("qwen2.5-coder-3b").unwrap();
        assert!(forbids_work(model) && !forbids_work(catalog::named("qwen2.5-coder-7b").unwrap()));
        let machine = Machine { available: Some(64 * GB), weight_speed: 5.6e10 };
        let rows = rows(&machine, Purpose::Suggestions, catalog::models(), |_| Vec::new());
        let three = rows.iter().find(|row| row.model.name == model.name).unwrap();
        assert_eq!(three.fits, Fits::Well);
        assert!(!forbids_work(best(&rows).unwrap().model));
    }

    #[test]
    fn what_is_here_is_listed_as_it_is() {
        let here = |model: &Model| {
            let is_it = model.name == "qwen2.5-coder-7b";
            let file = Here { path: "x.gguf".into(), quantization: "Q6_K".into(), bytes: 6 * GB };
            if is_it { vec![file] } else { Vec::new() }
        };
        let machine = Machine { available: None, weight_speed: 7e11 };
        let rows = rows(&machine, Purpose::Suggestions, catalog::models(), here);
        let row = rows.iter().find(|row| row.here.is_some()).unwrap();
        assert_eq!((row.quantization.as_str(), row.file.count), ("Q6_K", 6 * GB));
        assert_eq!((row.fits, rows.iter().filter(|row| row.here.is_some()).count()), (Fits::Well, 1));
    }
}
