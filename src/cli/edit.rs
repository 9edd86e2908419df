//! `codesage edit` and `codesage explain`: the actions of an editor, on a file, from a shell.
//!
//! The same way through as an editor's code action, guards included. A difference goes to standard output, where
//! `git apply` takes it; how it is getting on goes to standard error. A file is written only where that is asked for,
//! and then whole: a reader sees the old text or the new one.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::source::Source;
use super::{Failure, Session};
use crate::assist::Assistant;
use crate::assist::act::{Acted, FileChange, Job, Options as Asked, Outcome, Progress, Proposal};
use crate::assist::journal::{self, Journal};
use crate::edit::{Action, diff};
use crate::syntax::lines;
use crate::text::Document;

#[derive(Args, Debug)]
pub struct Options {
    /// Lines A to B, from 1 and both included; line A alone stands for what it is a part of
    #[arg(value_name = "FILE[:A[-B]]")]
    place: Place,
    /// What to do
    #[arg(long, value_enum, value_name = "NAME", required_unless_present = "instruction")]
    action: Option<Named>,
    /// What to do, in your own words; the error's message for `fix`
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// Write the file, instead of printing what would change
    #[arg(long)]
    apply: bool,
    /// Apply also what a guard wants you to look at first
    #[arg(long, requires = "apply")]
    anyway: bool,
    /// Tokens of the answer at most
    #[arg(long, value_name = "COUNT")]
    max_tokens: Option<u32>,
    /// Print an object with the outcome, the difference and what it cost
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub struct Explain {
    /// Lines A to B, from 1 and both included; line A alone stands for what it is a part of
    #[arg(value_name = "FILE[:A[-B]]")]
    place: Place,
    /// Ask something about it
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
}

/// The actions that change a file.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Named {
    Refactor,
    #[value(name = "unitTest", alias = "unit-test", alias = "test")]
    UnitTest,
    Document,
    Fix,
    Edit,
}

impl From<Named> for Action {
    fn from(named: Named) -> Self {
        match named {
            Named::Refactor => Action::Refactor,
            Named::UnitTest => Action::UnitTest,
            Named::Document => Action::Document,
            Named::Fix => Action::Fix,
            Named::Edit => Action::Edit,
        }
    }
}

/// A file and lines of it, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: PathBuf,
    lines: Option<(usize, usize)>,
}

impl FromStr for Place {
    type Err = String;

    /// From the right: file names may hold colons and dashes.
    fn from_str(text: &str) -> Result<Self, String> {
        let line = |text: &str| text.parse::<usize>().ok().filter(|&line| line > 0);
        if let Some((file, range)) = text.rsplit_once(':').filter(|(file, _)| !file.is_empty()) {
            let lines = match range.split_once('-') {
                Some((first, last)) => line(first).zip(line(last)),
                None => line(range).map(|line| (line, line)),
            };
            if let Some((first, last)) = lines {
                if first > last {
                    return Err(format!("line {first} comes after line {last}"));
                }
                let is_range = range.contains('-');
                // One line is a cursor; the same line twice is that line.
                let lines = Some((first, if is_range { last } else { 0 }));
                return Ok(Self { file: file.into(), lines });
            }
        }
        if text.is_empty() {
            Err("expected FILE, FILE:A or FILE:A-B".into())
        } else {
            Ok(Self { file: text.into(), lines: None })
        }
    }
}

impl Place {
    /// The bytes that are meant; all of the file where no lines are given.
    fn selection(&self, document: &Document) -> Result<Range<usize>, Failure> {
        let rope = document.rope();
        let Some((first, last)) = self.lines else { return Ok(0..document.len()) };
        let count = rope.len_lines();
        if first.max(last) > count {
            return Err(Failure::Message(format!("{}: has {count} lines", self.file.display())));
        }
        let start = lines::content(rope, first - 1);
        Ok(if last == 0 { start.start..start.start } else { start.start..lines::content(rope, last - 1).end })
    }
}

pub fn run(session: Session, options: Options) -> Result<(), Failure> {
    let action = options.action.map_or(Action::Edit, Action::from);
    let detail = options.instruction.unwrap_or_default();
    let asked = Asked { max_tokens: options.max_tokens, ..Asked::default() };
    let mut output = session.output.try_clone()?;
    let (acted, assistant) = act(session, &options.place, action, detail, asked)?;
    let mut applied = false;
    if let (true, Outcome::Apply(proposal)) = (options.apply, &acted.outcome) {
        write(proposal)?;
        applied = true;
    } else if let (true, Outcome::Preview(proposal, ..)) = (options.apply && options.anyway, &acted.outcome) {
        write(proposal)?;
        applied = true;
    }
    if let Outcome::Apply(proposal) | Outcome::Preview(proposal, ..) = &acted.outcome {
        if applied { assistant.landed(&acted.id, proposal.clone()) } else { assistant.waits(&acted.id) }
    }
    assistant.flush_journal();
    if options.json {
        writeln!(output, "{:#}", object(&acted, applied))?;
    }
    let print = |proposal: &Proposal, mut output: &fs::File| -> Result<(), Failure> {
        let colour =
            output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !options.json && !applied {
            output.write_all(difference(proposal, colour).as_bytes())?;
        }
        Ok(())
    };
    for repair in &acted.repairs {
        super::warn(format_args!("codesage: {repair}\n"));
    }
    match &acted.outcome {
        Outcome::Apply(proposal) => print(proposal, &output),
        Outcome::Preview(proposal, guard, sentence) => {
            print(proposal, &output)?;
            if applied {
                super::warn(format_args!("codesage: {guard}: {sentence}\n"));
                return Ok(());
            }
            let how = if options.apply { " Nothing was written; `--anyway` does." } else { "" };
            Err(Failure::Message(format!("{guard}: {sentence}{how}")))
        }
        Outcome::Answer(prose) => Ok(writeln!(output, "{prose}")?),
        Outcome::Refused(refusal) => {
            Err(Failure::Message(format!("{}: {}", refusal.guard, refusal.sentence)))
        }
        Outcome::Cancelled => Err(Failure::Message("cancelled".into())),
    }
}

pub fn explain(session: Session, options: Explain) -> Result<(), Failure> {
    let mut output = session.output.try_clone()?;
    let detail = options.instruction.unwrap_or_default();
    let (acted, assistant) = act(session, &options.place, Action::Explain, detail, Asked::default())?;
    assistant.flush_journal();
    match acted.outcome {
        Outcome::Answer(prose) => Ok(writeln!(output, "{prose}")?),
        Outcome::Refused(refusal) => {
            Err(Failure::Message(format!("{}: {}", refusal.guard, refusal.sentence)))
        }
        Outcome::Apply(_) | Outcome::Preview(..) | Outcome::Cancelled => {
            Err(Failure::Message("the model gave no explanation".into()))
        }
    }
}

/// Does one action on a file, saying on a terminal how it is getting on.
fn act(
    session: Session,
    place: &Place,
    action: Action,
    detail: String,
    options: Asked,
) -> Result<(Acted, Arc<Assistant>), Failure> {
    let source = Source::read(&place.file)?;
    let root = std::env::current_dir()?;
    // The folder that the person stands in is the workspace, if the file is in it.
    let inside = root.canonicalize().is_ok_and(|root| source.path.starts_with(root));
    let folder = source.path.parent().map_or_else(|| root.clone(), Path::to_path_buf);
    let workspace = if inside { root.canonicalize()? } else { folder };
    let mut layers = session.layers;
    layers.read_workspace(&workspace);
    let (settings, _) = layers.resolve();
    let runtime = super::runtime()?;
    let backend = super::backend(&settings);
    let acted = runtime.block_on(async {
        super::ready(&backend).await?;
        let assistant = Assistant::new(backend.clone(), settings, vec![workspace]);
        assistant.keep_journal(Journal::new(journal::state_dir()));
        assistant.open(source.uri.clone(), "", 0, &source.text);
        let gone = || Failure::Message(format!("{}: could not be opened", place.file.display()));
        let document = assistant.snapshot(&source.uri).ok_or_else(gone)?;
        let selection = place.selection(&document)?;
        let job = Job {
            uri: source.uri.clone(),
            document,
            selection,
            action,
            detail,
            diagnostic: None,
            diagnostics: Vec::new(),
            recipe: None,
            options,
        };
        let watched = io::stderr().is_terminal();
        let acted = assistant
            .act(job, |progress| {
                if watched {
                    tell(&progress)
                }
            })
            .await;
        if watched {
            super::warn(format_args!("\r\x1b[K"));
        }
        Ok::<_, Failure>((acted, assistant))
    });
    backend.shutdown();
    acted
}

/// How it is getting on, on one line that the next one takes the place of.
fn tell(progress: &Progress) {
    match progress {
        Progress::Reading(reading) if reading.of > 0 => {
            super::warn(format_args!("\r\x1b[Kreading, {} of {} tokens", reading.tokens, reading.of));
        }
        Progress::Reading(_) => super::warn(format_args!("\r\x1b[Kreading")),
        Progress::Writing { tokens, per_second, line, .. } => {
            let line: String = line.chars().filter(|c| !c.is_control()).take(50).collect();
            super::warn(format_args!("\r\x1b[?7l\x1b[K{tokens} tokens, {per_second:.0}/s  {line}\x1b[?7h"));
        }
        Progress::Again(why) => super::warn(format_args!("\r\x1b[Kcodesage: once more: {why}\n")),
    }
}

/// Every file's difference, as `git apply` and `patch` take it.
fn difference(proposal: &Proposal, colour: bool) -> String {
    let plain: String = proposal
        .files
        .iter()
        .map(|file| diff::unified(file.before.as_deref().unwrap_or_default(), &file.after, &file.path))
        .collect();
    if !colour {
        return plain;
    }
    let mut coloured = String::with_capacity(plain.len() * 2);
    for line in plain.split_inclusive('\n') {
        let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
        let code = match text.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "1",
            [b'+', ..] => "32",
            [b'-', ..] => "31",
            [b'@', ..] => "36",
            _ => "0",
        };
        coloured += &format!("\x1b[{code}m{text}\x1b[0m{end}");
    }
    coloured
}

/// Writes every file of a proposal whole, each in one step. Before the first all are seen to be as the model was
/// shown them.
fn write(proposal: &Proposal) -> Result<(), Failure> {
    let place = |file: &FileChange| {
        file.uri
            .to_file_path()
            .map_err(|()| Failure::Message(format!("{}: has no place in the file system", file.path)))
    };
    for file in &proposal.files {
        let path = place(file)?;
        let is_as_shown = match &file.before {
            // What cannot be read is not what is not there.
            None => path.symlink_metadata().is_err(),
            Some(before) => fs::read_to_string(&path).is_ok_and(|now| now == *before),
        };
        if !is_as_shown {
            let message = format!("{}: was changed meanwhile; nothing was written", file.path);
            return Err(Failure::Message(message));
        }
        if path.metadata().is_ok_and(|metadata| metadata.permissions().readonly()) {
            return Err(Failure::Message(format!("{}: is read-only; nothing was written", file.path)));
        }
    }
    for file in &proposal.files {
        let path = place(file)?;
        let about = |error: io::Error| Failure::Message(format!("{}: {error}", file.path));
        replace(&path, &file.after).map_err(about)?;
        super::warn(format_args!("codesage: wrote {}\n", file.path));
    }
    Ok(())
}

/// Through a file of its own beside it, with the old one's permissions.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    match fs::metadata(path) {
        Ok(metadata) => file.as_file().set_permissions(metadata.permissions())?,
        // What is new is readable to others, as files are that editors make; a temporary one is not.
        #[cfg(unix)]
        Err(_) => {
            use std::os::unix::fs::PermissionsExt;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        #[cfg(not(unix))]
        Err(_) => {}
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn object(acted: &Acted, applied: bool) -> serde_json::Value {
    let (outcome, proposal, guard, message) = match &acted.outcome {
        Outcome::Apply(proposal) => (if applied { "applied" } else { "preview" }, Some(proposal), None, None),
        Outcome::Preview(proposal, guard, sentence) => {
            (if applied { "applied" } else { "preview" }, Some(proposal), Some(guard.code()), Some(sentence))
        }
        Outcome::Answer(prose) => ("answer", None, None, Some(prose)),
        Outcome::Refused(refusal) => ("refused", None, Some(refusal.guard.code()), Some(&refusal.sentence)),
        Outcome::Cancelled => ("cancelled", None, None, None),
    };
    json!({
        "outcome": outcome,
        "guard": guard,
        "message": message,
        "diff": proposal.map(|proposal| difference(proposal, false)),
        "files": proposal.map(|proposal| proposal.files.iter().map(|file| &file.path).collect::<Vec<_>>()),
        "repairs": acted.repairs,
        "stats": acted.usage,
        "ms": acted.milliseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::Language;

    #[test]
    fn places() {
        for (text, expected) in [
            ("a.rs", Some(("a.rs", None))),
            ("a.rs:3", Some(("a.rs", Some((3, 0))))),
            ("a.rs:3-7", Some(("a.rs", Some((3, 7))))),
            ("a.rs:3-3", Some(("a.rs", Some((3, 3))))),
            ("C:\\a-b.rs:3-7", Some(("C:\\a-b.rs", Some((3, 7))))),
            ("dir:x/a.rs", Some(("dir:x/a.rs", None))),
            ("a.rs:0", Some(("a.rs:0", None))),
            ("a.rs:7-3", None),
            ("", None),
        ] {
            let place = Place::from_str(text).ok();
            assert_eq!(place, expected.map(|(file, lines)| Place { file: file.into(), lines }), "{text}");
        }
    }

    #[test]
    fn lines_of_a_document() {
        let document = Document::new(Language::of("rust", ""), 0, "one\r\ntwo\r\nthree");
        let selected = |text: &str| Place::from_str(text).unwrap().selection(&document);
        assert_eq!(selected("a.rs").unwrap(), 0..15);
        assert_eq!(selected("a.rs:2").unwrap(), 5..5);
        assert_eq!(selected("a.rs:2-3").unwrap(), 5..15);
        assert_eq!(selected("a.rs:2-2").unwrap(), 5..8);
        assert!(matches!(selected("a.rs:4"), Err(Failure::Message(text)) if text.contains("has 3 lines")));
    }

    #[test]
    fn a_proposal_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let change = |name: &str, before: Option<&str>, after: &str| FileChange {
            uri: url::Url::from_file_path(folder.path().join(name)).unwrap(),
            path: name.into(),
            version: None,
            before: before.map(str::to_owned),
            after: after.into(),
        };
        fs::write(folder.path().join("a.rs"), "old\n").unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        let files = vec![change("a.rs", Some("old\n"), "new\n"), change("sub/b.rs", None, "made\n")];
        let proposal = Proposal { label: "Edit".into(), files };
        write(&proposal).unwrap();
        assert_eq!((read("a.rs").unwrap(), read("sub/b.rs").unwrap()), ("new\n".into(), "made\n".into()));
        // Again: neither file is as it was.
        fs::remove_file(folder.path().join("sub/b.rs")).unwrap();
        assert!(
            matches!(write(&proposal), Err(Failure::Message(text)) if text.contains("changed meanwhile"))
        );
        assert_eq!(read("sub/b.rs"), None);
    }

    #[test]
    fn differences_are_coloured_line_by_line() {
        let change = FileChange {
            uri: url::Url::parse("file:///a.rs").unwrap(),
            path: "a.rs".into(),
            version: None,
            before: Some("a\nb\n".into()),
            after: "a\nc\n".into(),
        };
        let proposal = Proposal { label: "Edit".into(), files: vec![change] };
        expect_test::expect![[r#"
            --- a/a.rs
            +++ b/a.rs
            @@ -1,2 +1,2 @@
             a
            -b
            +c
        "#]]
        .assert_eq(&difference(&proposal, false));
        assert!(difference(&proposal, true).contains("\x1b[31m-b\x1b[0m\n\x1b[32m+c\x1b[0m\n"));
    }
}
