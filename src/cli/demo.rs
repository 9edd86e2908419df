//! `codesage demo`: somebody types, and the real model's ghost text is shown, taken where it is right, and counted; then
//! a function is documented and explained.
//!
//! The files are compiled in and stand in no corpus. Some lines of each are taken out and typed again, key by key,
//! through the same [`Assistant`] that serves editors; the model is never told what will be typed. A suggestion is
//! *right* when taking it gives the file as it was, up to the end of a line. Those are taken, all others typed over.

mod deeds;
mod paint;
mod script;
mod svg;
mod typist;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::colour::Colour;
use super::engines::Engines;
use super::{Failure, Session};
use crate::assist::Assistant;
use crate::assist::roles::Roles;
use crate::config::{RemoteSettings, Settings};
use crate::engine::{EngineStats, ModelCard};
use paint::{Painter, Span, Style};
use typist::Typist;

#[derive(Args, Debug)]
pub struct Options {
    /// Type as fast as the model answers; always so where the output is no terminal
    #[arg(long)]
    fast: bool,
    /// Draw what was shown into this file
    #[arg(long, value_name = "FILE", hide = true)]
    svg: Option<PathBuf>,
    #[command(flatten)]
    colour: Colour,
}

/// What is told at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Score {
    /// Different suggestions that were shown.
    shown: u32,
    right: u32,
    /// Keys that were pressed; taking a suggestion is one.
    keys: u32,
    /// Characters that stand there in the end, and those of them that suggestions wrote.
    characters: u32,
    suggested: u32,
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let Session { settings, output, .. } = session;
    let terminal = output.is_terminal();
    let pace = if options.fast || !terminal { Pace::Fast } else { Pace::Human };
    let mut painter = Painter::new(output, terminal, options.colour);

    let runtime = super::runtime()?;
    // What is shown is what this machine does.
    let settings = Settings { remote: RemoteSettings::default(), ..settings };
    let roles = Roles::new();
    let assistant = Assistant::with_roles(roles.clone(), settings.clone(), Vec::new());
    let started = Instant::now();
    let card = runtime.block_on(async {
        roles.launch(Arc::new(Engines::default()), &settings);
        super::ready(assistant.backend()).await
    })?;
    painter.line(&title(&card, started.elapsed()))?;

    let played = runtime.block_on(show(&assistant, &mut painter, pace));
    roles.shutdown();
    let Played { first_scene, scenes } = played?;
    if let Some(file) = options.svg {
        // One file, the count and what was done are enough for a picture.
        let (shown, rest) = painter.shown().split_at(scenes);
        let picture = svg::picture(&[&shown[..first_scene], rest].concat());
        std::fs::write(&file, picture)
            .map_err(|error| Failure::Message(format!("{}: {error}", file.display())))?;
    }
    Ok(())
}

/// Lines that were shown at the end of the first file, and of all files.
struct Played {
    first_scene: usize,
    scenes: usize,
}

/// Types the files, tells the score, and has something done to the first.
async fn show(
    assistant: &Arc<Assistant>,
    painter: &mut Painter<impl Write>,
    pace: Pace,
) -> Result<Played, Failure> {
    let before = assistant.backend().stats();
    let mut score = Score::default();
    let mut first_scene = 0;
    for scene in script::SCENES {
        play(scene, assistant, painter, pace, &mut score).await?;
        if first_scene == 0 {
            first_scene = painter.shown().len();
        }
    }
    let scenes = painter.shown().len();
    for line in summary(score, &before, &assistant.backend().stats()) {
        painter.line(&[Span::new(Style::Plain, line)])?;
    }
    if let Some(scene) = script::SCENES.first() {
        deeds::play(scene, assistant, painter).await?;
    }
    Ok(Played { first_scene, scenes })
}

/// How long keys take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Fast,
    Human,
}

impl Pace {
    /// Between two keys: some 10 a second, never evenly, the same in every run.
    fn key(self, n: u32) -> Duration {
        match self {
            Pace::Fast => Duration::ZERO,
            Pace::Human => Duration::from_millis(70 + u64::from(n.wrapping_mul(2_654_435_761) >> 26)),
        }
    }

    /// How long a suggestion may take until the next key comes: a person about to type a line thinks first.
    fn patience(self, starts_line: bool, n: u32) -> Duration {
        match (self, starts_line) {
            (Pace::Fast, _) => Duration::from_secs(60),
            (Pace::Human, true) => Duration::from_millis(700),
            (Pace::Human, false) => self.key(n),
        }
    }

    /// How long a person looks at a suggestion that is right before taking it.
    fn look(self) -> Duration {
        match self {
            Pace::Fast => Duration::ZERO,
            Pace::Human => Duration::from_millis(650),
        }
    }
}

/// Types the missing lines of one file.
async fn play(
    scene: &script::Scene,
    assistant: &Arc<Assistant>,
    painter: &mut Painter<impl Write>,
    pace: Pace,
    score: &mut Score,
) -> Result<(), Failure> {
    painter.line(&[])?;
    painter.line(&[Span::new(Style::Title, scene.name.to_owned())])?;
    let holes = scene.holes().map_err(Failure::Message)?;
    let mut typist = Typist::open(assistant.clone(), scene, &holes).map_err(Failure::Message)?;
    for hole in &holes {
        typist.go_to(hole);
        painter.line(&[])?;
        for (number, text) in typist.above(3) {
            painter.line(&[Span::number(number), Span::new(Style::Dim, text)])?;
        }
        while let Some(key) = typist.next_key() {
            typist.press(key);
            score.keys += 1;
            score.characters += key.characters();
            for line in typist.finished_lines() {
                painter.line(&line)?;
            }
            painter.live(&typist.current_line(None))?;
            let patience = pace.patience(typist.starts_line(), score.keys);
            let pressed = Instant::now();
            if let Some(ghost) = typist.ask(patience).await {
                score.shown += u32::from(typist.is_new(&ghost));
                painter.live(&typist.current_line(Some(&ghost)))?;
                if typist.is_right(&ghost) {
                    tokio::time::sleep(pace.look()).await;
                    let taken = typist.take(&ghost);
                    score.right += 1;
                    score.keys += 1;
                    score.characters += taken;
                    score.suggested += taken;
                    for line in typist.finished_lines() {
                        painter.line(&line)?;
                    }
                    painter.live(&typist.current_line(None))?;
                }
            }
            tokio::time::sleep(pace.key(score.keys).saturating_sub(pressed.elapsed())).await;
        }
        painter.line(&typist.current_line(None))?;
    }
    typist.close();
    Ok(())
}

fn title(card: &ModelCard, loading: Duration) -> Vec<Span> {
    let parameters = card.parameters as f64 / 1e6;
    let about = format!(
        " · {} · {parameters:.1} M parameters · {} {} · {} · loaded in {} ms",
        card.name,
        card.threads,
        if card.threads == 1 { "thread" } else { "threads" },
        card.device,
        loading.as_millis()
    );
    vec![Span::new(Style::Title, "codesage demo".to_owned()), Span::new(Style::Dim, about)]
}

fn summary(score: Score, before: &EngineStats, after: &EngineStats) -> Vec<String> {
    let Score { shown, right, keys, characters, suggested } = score;
    let evaluated = after.evaluated_tokens.saturating_sub(before.evaluated_tokens);
    let generated = after.generated_tokens.saturating_sub(before.generated_tokens);
    let per_key = evaluated as f64 / f64::from(keys.max(1));
    let wrong = shown.saturating_sub(right);
    let speed = after.tokens_per_second;
    vec![
        String::new(),
        format!(
            "{right} suggestions were right and taken: {suggested} of {characters} characters, {keys} keys in all. \
             {wrong} others were shown and typed over."
        ),
        format!(
            "{:.0} tokens/s written, {:.0} tokens/s read; {generated} tokens written, {per_key:.1} tokens read a key.",
            speed.generate, speed.prompt
        ),
    ]
}

#[cfg(test)]
mod tests;
