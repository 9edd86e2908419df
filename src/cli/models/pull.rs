//! `codesage models pull`: a model of the catalogue, or the file at an address, into our folder.

use clap::Args;
use url::Url;

use super::super::{Failure, Session};
use crate::models::catalog::{self, Model};
use crate::models::discover::Surroundings;
use crate::models::split::Split;

/// Where Hugging Face is, unless `HF_ENDPOINT` names a mirror of it.
const HUB: &str = "https://huggingface.co";

#[derive(Args, Debug)]
pub struct Options {
    /// As `models list` shows it; with --from, any name for the file
    name: String,
    /// The number format, such as Q4_K_M
    #[arg(long, value_name = "FORMAT")]
    quant: Option<String>,
    /// The address of the GGUF file, in place of the catalogue's
    #[arg(long, value_name = "URL")]
    from: Option<Url>,
}

/// What to fetch, and what to call it.
#[derive(Clone, Debug)]
struct Order {
    url: Url,
    file: String,
    sha256: Option<String>,
    /// As the catalogue knows it.
    bytes: Option<u64>,
    /// The row of the catalogue that was asked for.
    #[cfg_attr(not(feature = "pull"), expect(dead_code, reason = "nothing comes that could contradict it"))]
    model: Option<&'static Model>,
    /// Sentences for the person, before anything is fetched.
    notes: Vec<String>,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let hub = std::env::var("HF_ENDPOINT").ok().filter(|hub| !hub.is_empty());
    let order = order(&options, hub.as_deref().unwrap_or(HUB)).map_err(Failure::Usage)?;
    let folder = Surroundings::of_process().own_folder().ok_or_else(|| {
        Failure::Message("there is no home to keep models in; name a folder in CODESAGE_MODELS".to_owned())
    })?;
    for note in &order.notes {
        super::super::warn(format_args!("{note}\n"));
    }
    fetch::run(session, &order, &folder.join(&order.file), &options)
}

/// The error is a sentence that says what to do.
fn order(options: &Options, hub: &str) -> Result<Order, String> {
    let (name, quantization) = match (options.name.split_once(':'), &options.quant) {
        (Some((name, quantization)), None) => (name, Some(quantization)),
        _ => (&*options.name, options.quant.as_deref()),
    };
    let model = catalog::named(name);
    let mut notes: Vec<String> = model.and_then(licence).into_iter().collect();
    if let Some(url) = &options.from {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("--from {url}: an address begins with https or http"));
        }
        if url.scheme() == "http" {
            notes.push("The address is not encrypted: who is on the way can change what comes.".to_owned());
        }
        let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
        let file =
            if last.to_lowercase().ends_with(".gguf") { last.to_owned() } else { format!("{name}.gguf") };
        let file = first_part(harmless(&file));
        return Ok(Order { url: url.clone(), file, sha256: None, bytes: None, model: None, notes });
    }
    let Some(model) = model else {
        let near = catalog::nearest(name).join(", ");
        let near = if near.is_empty() { String::new() } else { format!("; the nearest are {near}") };
        return Err(format!(
            "the catalogue has no \"{}\"{near}. `codesage models list` shows all; --from URL takes any GGUF file",
            name.escape_debug()
        ));
    };
    let quantization = quantization.unwrap_or(model.usual());
    let Some(source) = model.source(quantization) else {
        let all: Vec<&str> = model.quantizations().collect();
        return Err(format!("{} is published as {}, not as {quantization}", model.name, all.join(", ")));
    };
    let address = format!("{}/{}/resolve/main/{}", hub.trim_end_matches('/'), source.repository, source.file);
    let url = Url::parse(&address).map_err(|error| format!("HF_ENDPOINT: {address}: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("HF_ENDPOINT: {address}: an address begins with https or http"));
    }
    let (sha256, bytes) = (source.sha256.map(str::to_owned), source.bytes);
    Ok(Order { url, file: first_part(source.file), sha256, bytes, model: Some(model), notes })
}

/// By which a model in several files is loaded.
fn first_part(file: String) -> String {
    Split::parse(&file).map_or(file.clone(), |split| split.part(1))
}

fn licence(model: &Model) -> Option<String> {
    let Model { name, licence, limits, .. } = model;
    (!limits.is_empty()).then(|| format!("{name} comes under the {licence}: {limits}."))
}

/// A name that is one on every system, and leads nowhere.
fn harmless(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    name.trim_start_matches('.').chars().map(safe).collect()
}

#[cfg(not(feature = "pull"))]
mod fetch {
    //! A build that goes nowhere.

    use std::path::Path;

    use super::super::super::{Failure, Session};
    use super::{Options, Order};
    use crate::models::memory;

    pub fn run(_: Session, order: &Order, target: &Path, _: &Options) -> Result<(), Failure> {
        let size = order.bytes.map(memory::shown);
        let sum = order.sha256.as_ref().map(|sum| format!("SHA-256 {sum}"));
        let known: Vec<String> = size.into_iter().chain(sum).collect();
        let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
        Err(Failure::Message(format!(
            "this codesage was built without `pull`; download {}{known} to {} yourself",
            order.url,
            target.display()
        )))
    }
}

#[cfg(feature = "pull")]
mod fetch {
    //! Fetching, with a bar on a terminal and a line now and then where there is none.

    use std::io::{IsTerminal, Write};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use indicatif::{ProgressBar, ProgressStyle};

    use super::super::super::colour::harmless;
    use super::super::super::{Failure, Session, warn};
    use super::{Options, Order};
    use crate::models::fetch::{Event, Outcome, Rules, Wanted, fetch};
    use crate::models::{catalog, gguf, memory};

    /// Between two lines where there is no terminal.
    const QUIET: Duration = Duration::from_secs(10);

    pub fn run(session: Session, order: &Order, target: &Path, options: &Options) -> Result<(), Failure> {
        // For the hub, or for who mirrors it; to no address that was named for one file.
        let token =
            std::env::var("HF_TOKEN").ok().filter(|token| options.from.is_none() && !token.is_empty());
        let wanted = Wanted {
            url: order.url.clone(),
            target: target.to_path_buf(),
            sha256: order.sha256.clone(),
            bytes: order.bytes,
            token,
        };
        warn(format_args!("{} → {}\n", order.url, target.display()));
        let mut progress = Progress::new(std::io::stderr().is_terminal());
        let outcome = fetch(&wanted, &Rules::default(), &mut |event| progress.tell(event));
        progress.bar.finish_and_clear();
        let outcome = outcome.map_err(Failure::Message)?;
        if let Some(model) = order.model
            && let Ok(header) = gguf::check(target)
            && let Some(sentence) = catalog::contradiction(model, &header)
        {
            warn(format_args!("{} The file is believed.\n", harmless(&sentence)));
        }
        let name = if options.from.is_some() { &order.file } else { &options.name };
        let mut output = session.output;
        match outcome {
            Outcome::Fetched => writeln!(output, "{}", target.display())?,
            Outcome::AlreadyThere => writeln!(output, "{} (it was there)", target.display())?,
        }
        warn(format_args!("try it: codesage demo --model {name}\n"));
        Ok(())
    }

    struct Progress {
        bar: ProgressBar,
        have: u64,
        total: Option<u64>,
        told: Instant,
    }

    impl Progress {
        fn new(on_terminal: bool) -> Self {
            let bar = if on_terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
            Self { bar, have: 0, total: None, told: Instant::now() }
        }

        fn tell(&mut self, event: Event) {
            match event {
                Event::At { have, total } => {
                    (self.have, self.total) = (have, total);
                    if let Some(total) = total {
                        let look = "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} to go";
                        if let Ok(style) = ProgressStyle::with_template(look) {
                            self.bar.set_style(style);
                        }
                        self.bar.set_length(total);
                    }
                    self.bar.set_position(have);
                    self.bar.reset_eta();
                    if have > 0 {
                        self.say(format!("going on from {}", memory::shown(have)));
                    }
                }
                Event::Came(bytes) => {
                    self.have += bytes;
                    self.bar.set_position(self.have);
                    if self.bar.is_hidden() && self.told.elapsed() >= QUIET {
                        self.told = Instant::now();
                        let of =
                            self.total.map_or(String::new(), |total| format!(" of {}", memory::shown(total)));
                        self.say(format!("{}{of}", memory::shown(self.have)));
                    }
                }
                Event::Part { number, count } => {
                    (self.have, self.total) = (0, None);
                    self.say(format!("part {number} of {count}"));
                }
                Event::Waiting => {
                    self.say("another process is downloading this file; waiting for it".to_owned())
                }
                Event::Again { why, pause } => {
                    self.say(format!("{why}; again in {:.0} s", pause.as_secs_f64()))
                }
                Event::Checking => self.bar.set_message("reading what is here"),
                Event::Note(sentence) => self.say(sentence),
            }
        }

        /// Beside the bar. A server's words are among it.
        fn say(&self, sentence: String) {
            self.bar.suspend(|| warn(format_args!("{}\n", harmless(&sentence))));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn ordered(name: &str, quant: Option<&str>, from: Option<&str>) -> String {
        let from = from.map(|from| from.parse().unwrap());
        let options = Options { name: name.into(), quant: quant.map(str::to_owned), from };
        match order(&options, "https://mirror.example/") {
            Ok(Order { url, file, sha256, notes, .. }) => {
                let sum = sha256.map_or("no sum", |_| "sum");
                format!("{url} as {file}, {sum} {notes:?}")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn an_order_is_an_address_and_a_name() {
        let from = "https://example.com/a%2F..%2Fb/x.gguf?download=true";
        let said = [
            ordered("qwen2.5-coder-1.5b", None, None),
            ordered("Qwen2.5-Coder-14B", Some("q6_k"), None),
            ordered("qwen2.5-coder-14b:q6_k", None, None),
            ordered("codestral-22b", None, None),
            ordered("qwen2.5-coder-1.5b", Some("Q2_K"), None),
            ordered("qwen2.5-coder-1b", None, None),
            ordered("mine", None, Some(from)),
            ordered("mine", None, Some("https://example.com/x-00002-of-00003.gguf")),
            ordered("../../etc/passwd", None, Some("http://example.com/")),
            ordered("mine", None, Some("file:///etc/passwd")),
        ];
        expect![[r#"
            https://mirror.example/ggml-org/Qwen2.5-Coder-1.5B-Q8_0-GGUF/resolve/main/qwen2.5-coder-1.5b-q8_0.gguf as qwen2.5-coder-1.5b-q8_0.gguf, sum []
            https://mirror.example/bartowski/Qwen2.5-Coder-14B-GGUF/resolve/main/Qwen2.5-Coder-14B-Q6_K.gguf as Qwen2.5-Coder-14B-Q6_K.gguf, no sum []
            https://mirror.example/bartowski/Qwen2.5-Coder-14B-GGUF/resolve/main/Qwen2.5-Coder-14B-Q6_K.gguf as Qwen2.5-Coder-14B-Q6_K.gguf, no sum []
            https://mirror.example/bartowski/Codestral-22B-v0.1-GGUF/resolve/main/Codestral-22B-v0.1-Q4_K_M.gguf as Codestral-22B-v0.1-Q4_K_M.gguf, no sum ["codestral-22b comes under the Mistral AI Non-Production License: no commercial use, not in production."]
            qwen2.5-coder-1.5b is published as Q8_0, not as Q2_K
            the catalogue has no "qwen2.5-coder-1b"; the nearest are qwen2.5-coder-1.5b, qwen2.5-coder-14b, qwen2.5-coder-3b. `codesage models list` shows all; --from URL takes any GGUF file
            https://example.com/a%2F..%2Fb/x.gguf?download=true as x.gguf, no sum []
            https://example.com/x-00002-of-00003.gguf as x-00001-of-00003.gguf, no sum []
            http://example.com/ as _.._etc_passwd.gguf, no sum ["The address is not encrypted: who is on the way can change what comes."]
            --from file:///etc/passwd: an address begins with https or http
        "#]].assert_eq(&said.map(|line| line + "\n").concat());
    }
}
