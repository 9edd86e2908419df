//! The set of edits in `fixtures/edits/`: files as people have them, answers as models write them, and typing between.
//!
//! Each ends in the text that its file says, to the byte, or is refused with the code that it says. Which is which is
//! written there by hand; here is only how such a file is read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codesage::edit::Action;
use serde::Deserialize;

use super::Ended;
use super::scene::{Meanwhile, Scene};

/// All cases of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// See the README beside the files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    title: String,
    path: String,
    action: Action,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    line_ends: LineEnds,
    before: String,
    #[serde(default)]
    meanwhile: Vec<Typed>,
    #[serde(default)]
    beside: BTreeMap<String, String>,
    /// The first answer, and one more where the first is complained about.
    answers: Vec<String>,
    /// Of the file that is changed, where it is not `path`.
    changes: Option<String>,
    after: Option<String>,
    /// The code of the guard that asks for a look at `after` first.
    preview: Option<String>,
    /// The code of the guard that refuses.
    refused: Option<String>,
}

/// One edit of the person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    find: String,
    replace: String,
}

/// What ends the lines of all texts of a case but its answers.
#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum LineEnds {
    #[default]
    Lf,
    Crlf,
    Cr,
}

impl LineEnds {
    fn of(self, text: &str) -> String {
        match self {
            Self::Lf => text.to_owned(),
            Self::Crlf => text.replace('\n', "\r\n"),
            Self::Cr => text.replace('\n', "\r"),
        }
    }
}

impl Case {
    fn scene(&self, root: &Path) -> Scene {
        let mut scene = Scene::new(&self.path, &self.line_ends.of(&self.before), self.action);
        scene.root = root.to_path_buf();
        scene = self.answers.iter().fold(scene.asks(&self.detail), |scene, answer| scene.says(answer));
        for Typed { find, replace } in &self.meanwhile {
            let [find, replace] = [find, replace].map(|text| self.line_ends.of(text));
            scene = scene.meanwhile(Meanwhile::Typed(find, replace));
        }
        let beside = self.beside.iter();
        scene.beside = beside.map(|(path, text)| (path.clone(), self.line_ends.of(text))).collect();
        scene
    }

    fn is_beyond_the_bmp(&self) -> bool {
        let typed = self.meanwhile.iter().map(|typed| &typed.replace);
        typed.chain([&self.before]).any(|text| text.contains(|c: char| c > '\u{ffff}'))
    }

    /// What must come of it, as it is shown where it does not.
    fn expected(&self) -> String {
        let after = self.after.as_ref().map(|text| self.line_ends.of(text));
        match (&self.refused, &self.preview, after) {
            (Some(code), None, None) => format!("refused: {code}"),
            (None, Some(code), Some(text)) => format!("preview: {code}\n{text}"),
            (None, None, Some(text)) => format!("applied\n{text}"),
            _ => panic!("{}: `after`, `preview` and `after`, or `refused`", self.title),
        }
    }
}

fn cases() -> Vec<(String, Case)> {
    let mut files: Vec<PathBuf> = Vec::new();
    for language in ["python", "rust"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/edits").join(language);
        files.extend(fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("a file").path()));
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name =
            file.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/edits")).expect("it is there");
        let text = fs::read_to_string(&file).expect("text");
        let cases: Cases =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        all.extend(cases.case.into_iter().map(|case| (format!("{}: {}", name.display(), case.title), case)));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn every_edit_is_exact_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it is there");
    let mut wrong = Vec::new();
    for (name, case) in cases() {
        let seen = case.scene(&root).play().await;
        let ended = match seen.ended {
            Ended::Applied(text) => format!("applied\n{text}"),
            Ended::Preview(code, _, text) => format!("preview: {code}\n{text}"),
            Ended::Refused(code, _) => format!("refused: {code}"),
            other => format!("{other:?}"),
        };
        let expected = case.expected();
        if ended != expected {
            wrong.push(format!("{name}\n--- is\n{ended:?}\n--- must be\n{expected:?}"));
        }
        let path = case.changes.as_ref().unwrap_or(&case.path);
        if let Some((changed, _)) = seen.file
            && changed != *path
        {
            wrong.push(format!("{name}: changes {changed}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The set is about what it says that it is about.
#[test]
fn the_set_is_wide() {
    let cases = cases();
    let count = |is: &dyn Fn(&Case) -> bool| cases.iter().filter(|(_, case)| is(case)).count();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let titles: std::collections::BTreeSet<_> = cases.iter().map(|(name, _)| name).collect();
    assert_eq!(titles.len(), cases.len(), "each has a title of its own");
    for (what, found, least) in [
        ("of Rust", count(&|case| case.path.ends_with(".rs")), 25),
        ("of Python", count(&|case| case.path.ends_with(".py")), 25),
        ("with CRLF", count(&|case| case.line_ends == LineEnds::Crlf), 6),
        ("with tabs", count(&|case| case.before.contains("\n\t")), 6),
        ("beyond the BMP", count(&Case::is_beyond_the_bmp), 6),
        ("without a last line end", count(&|case| !case.before.trim_end_matches("$0").ends_with('\n')), 6),
        ("typed into meanwhile", count(&|case| !case.meanwhile.is_empty()), 18),
        ("several versions behind", count(&|case| case.meanwhile.len() > 1), 6),
        ("refused", count(&|case| case.refused.is_some()), 10),
        ("shown first", count(&|case| case.preview.is_some()), 5),
        ("asked twice", count(&|case| case.answers.len() > 1), 5),
    ] {
        assert!(found >= least, "{found} {what}, not {least}");
    }
}
