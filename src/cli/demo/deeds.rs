//! The other two ways through: a function is documented and explained, as an editor would have it done. What comes is
//! shown as it comes, a guard's refusal too; nothing is chosen or tried again, and nothing is written.

use std::io::Write;
use std::sync::Arc;

use url::Url;

use super::paint::{Painter, Span, Style};
use super::script::Scene;
use crate::assist::Assistant;
use crate::assist::act::{Acted, FileChange, Job, Options, Outcome, Proposal};
use crate::cli::Failure;
use crate::edit::{Action, diff};
use crate::engine::ModelState;
use crate::syntax::{Chunk, ChunkKind};
use crate::text::Document;

/// Lines of the function that is worked on: the first one that is not longer, for small models lose the thread.
const LINES: usize = 3;

/// Documents and explains a function of one file.
pub async fn play(
    scene: &Scene,
    assistant: &Arc<Assistant>,
    painter: &mut Painter<impl Write>,
) -> Result<(), Failure> {
    let uri = Url::parse(&format!("file:///demo/{}", scene.name))
        .map_err(|error| Failure::Message(error.to_string()))?;
    assistant.open(uri.clone(), "", 0, scene.text);
    let document = assistant.snapshot(&uri);
    let chosen = document.as_ref().and_then(|document| Some((document, function(document)?)));
    if let Some((document, chunk)) = chosen {
        for action in [Action::Document, Action::Explain] {
            let name = chunk.name.as_deref().unwrap_or("a function");
            painter.line(&[])?;
            painter
                .line(&[Span::new(Style::Title, format!("{}: {} `{name}`", scene.name, action.name()))])?;
            let job = Job {
                uri: uri.clone(),
                document: document.clone(),
                selection: chunk.range.start..chunk.range.start,
                action,
                detail: String::new(),
                diagnostic: None,
                diagnostics: Vec::new(),
                recipe: None,
                options: Options::default(),
            };
            let acted = assistant.act(job, |_| {}).await;
            for line in lines(&acted, editor(assistant).as_deref()) {
                painter.line(&[line])?;
            }
        }
    }
    assistant.close(&uri);
    Ok(())
}

/// The first short function of a file.
pub fn function(document: &Document) -> Option<&Chunk> {
    let is_function = |chunk: &&Chunk| matches!(chunk.kind, ChunkKind::Function | ChunkKind::Method);
    let is_short = |chunk: &&Chunk| document.slice(chunk.range.clone()).lines().count() <= LINES;
    document.chunks().iter().filter(is_function).find(is_short)
}

/// The name of the model that edits are made by, where that is one of its own.
fn editor(assistant: &Assistant) -> Option<String> {
    match assistant.roles()?.edit().own_state()? {
        ModelState::Ready(card) => Some(card.name.clone()),
        ModelState::Unloaded | ModelState::Loading { .. } | ModelState::Failed(_) => None,
    }
}

/// What came of it, what it cost, and by whom.
fn lines(acted: &Acted, editor: Option<&str>) -> Vec<Span> {
    let mut lines = match &acted.outcome {
        Outcome::Apply(proposal) => difference(proposal),
        Outcome::Preview(proposal, guard, sentence) => {
            let mut lines = difference(proposal);
            lines.push(Span::new(Style::Dim, format!("to be looked at first ({guard}): {sentence}")));
            lines
        }
        Outcome::Answer(prose) => {
            prose.lines().map(|line| Span::new(Style::Plain, line.to_owned())).collect()
        }
        Outcome::Refused(refusal) => {
            vec![Span::new(Style::Dim, format!("refused ({}): {}", refusal.guard, refusal.sentence))]
        }
        Outcome::Cancelled => Vec::new(),
    };
    let tokens = acted.usage.generated_tokens;
    let speed = f64::from(tokens) * 1000.0 / f64::from(acted.usage.decode_ms.max(1));
    let by = editor.map_or(String::new(), |name| format!(", by {name}"));
    let cost = format!("{tokens} tokens in {} ms, {speed:.0} tokens/s{by}", acted.milliseconds);
    lines.push(Span::new(Style::Dim, cost));
    lines
}

/// Without the lines that name the file, which the title does.
fn difference(proposal: &Proposal) -> Vec<Span> {
    let of_file = |file: &FileChange| {
        let unified = diff::unified(file.before.as_deref(), &file.after, &file.path);
        let style = |line: &str| match line.as_bytes().first() {
            Some(b'+') => Style::Added,
            Some(b'-') => Style::Removed,
            Some(b'@') => Style::Dim,
            _ => Style::Plain,
        };
        let lines = unified.lines().skip(2).map(|line| Span::new(style(line), line.to_owned()));
        lines.collect::<Vec<_>>()
    };
    proposal.files.iter().flat_map(of_file).collect()
}
