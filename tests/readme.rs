//! The README says what the program does: tables made from the code, and files that exist.
//!
//! `UPDATE_EXPECT=1 cargo test --test readme` writes the tables, and the schema of the settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use codesage::assist::act::LONGEST;
use codesage::assist::recipes::{Recipes, Subject};
use codesage::completion::Reason;
use codesage::config::{Settings, key};
use codesage::edit::guard::Guard;
use codesage::engine::remote::Patience;
use codesage::eval::report::COLUMNS;
use codesage::lsp::ext;
use codesage::models::catalog;
use codesage::syntax::Language;

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Held by whoever reads the README as a whole, for it may be about to be written.
static README: Mutex<()> = Mutex::new(());

/// The text between `<!-- name -->` and `<!-- /name -->` is `expected`.
fn check_section(name: &str, expected: &str) {
    let text = fs::read_to_string(readme()).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&open).expect("the section opens") + open.len();
    let end = start + text[start..].find(&close).expect("the section closes");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(readme(), format!("{}{expected}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(
            &text[start..end],
            expected,
            "README.md, {name}: write it with UPDATE_EXPECT=1 cargo test --test readme"
        );
    }
}

/// One test: all sections are in one file.
#[test]
fn tables_are_those_of_the_code() {
    let _held = README.lock().unwrap_or_else(PoisonError::into_inner);
    check_section("settings", &key::markdown());
    check_section("restarts", &key::restarts());
    let mut reasons = String::from("| code | meaning |\n|---|---|\n");
    for reason in Reason::ALL {
        reasons += &format!("| `{}` | {} |\n", reason.code(), reason.meaning());
    }
    check_section("reasons", &reasons);
    let mut guards = String::from("| code | why an edit is refused, or shown first |\n|---|---|\n");
    for guard in Guard::ALL {
        guards += &format!("| `{}` | {} |\n", guard.code(), guard.meaning());
    }
    check_section("guards", &guards);
    let mut columns = String::from("| column | says |\n|---|---|\n");
    for (title, meaning) in COLUMNS {
        columns += &format!("| {title} | {meaning} |\n");
    }
    check_section("columns", &columns);
    check_section("models", &catalog::markdown());
    check_section("patience", &patience(&Patience::default()));
}

/// How long a server is waited for.
fn patience(patience: &Patience) -> String {
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs_f64());
    let rows = [
        (
            "finding the server, reaching it, sending the question, each; and what it says of itself",
            seconds(patience.connect),
        ),
        ("the program of `apiKeyCommand`", seconds(patience.key)),
        (
            "from the question to the first word",
            format!("{}; of a suggestion {}", seconds(patience.first), seconds(patience.first_of_suggestion)),
        ),
        ("from one piece of the answer to the next", seconds(patience.between)),
        (
            "all of the answer from its first word on; it is cut off there",
            format!("{}; of a suggestion `completion.maxTimeMs`", seconds(LONGEST)),
        ),
        (
            "tries before the first word, the pause doubled each time",
            format!(
                "{}, of a suggestion 2; {} to {}, or as `Retry-After` says if that is no longer",
                patience.tries,
                seconds(patience.pause),
                seconds(patience.longest_pause)
            ),
        ),
        ("before a suggestion is sent, while you type on", seconds(patience.hold)),
    ];
    let rows = rows.map(|(what, long)| format!("| {what} | {long} |\n"));
    format!("| what | how long |\n|---|---|\n{}", rows.concat())
}

/// For all editors. `tests/schema.rs` holds it against a validator, and VS Code's settings against it.
#[test]
fn the_published_schema_is_that_of_the_code() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("editors/codesage.schema.json");
    let schema = format!("{:#}\n", key::schema());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(place, schema).unwrap();
    } else {
        assert_eq!(
            fs::read_to_string(place).unwrap(),
            schema,
            "write it with UPDATE_EXPECT=1 cargo test --test readme, then in editors/vscode: npm run settings"
        );
    }
}

#[test]
fn the_action_that_it_shows_is_one() {
    let text = {
        let _held = README.lock().unwrap_or_else(PoisonError::into_inner);
        fs::read_to_string(readme()).unwrap()
    };
    let (_, rest) = text.split_once("```markdown\n").expect("an example of an action");
    let (example, _) = rest.split_once("```\n").expect("its end");
    let root = tempfile::tempdir().unwrap();
    let settings = Settings::default().actions;
    let folder = root.path().join(&settings.dir);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("newcomer.md"), example).unwrap();

    let (recipes, problems) = Recipes::load(&[root.path().into()], &settings);
    assert_eq!(problems, []);
    let recipe = recipes.get("newcomer").expect("it is read");
    assert!(recipes.offered(Language::of("python", ""), false).eq([recipe]));
    assert_eq!(recipes.offered(Language::of("lua", ""), true).count(), 0);
    let diagnostics = ["unused variable: `x`".to_owned(), "expected `;`".to_owned()];
    let subject =
        |diagnostics| Subject { path: "src/a.rs", language: "rust", diagnostics, ..Subject::default() };
    let plain = "Explain to somebody who is new to rust what this code in `src/a.rs` does.";
    assert_eq!(recipe.instruction(&subject(&[])), Ok(plain.to_owned()));
    let messages = "Then say what these messages mean:\n- unused variable: `x`\n- expected `;`";
    assert_eq!(recipe.instruction(&subject(&diagnostics)), Ok(format!("{plain}\n{messages}")));
}

/// Whatever glue may send or hear.
#[test]
fn every_command_and_method_is_named() {
    let text = {
        let _held = README.lock().unwrap_or_else(PoisonError::into_inner);
        fs::read_to_string(readme()).unwrap()
    };
    let (_, glue) = text.split_once("## For your editor's glue").expect("the section");
    for name in ext::COMMANDS.iter().chain(ext::METHODS) {
        let short = name.strip_prefix("codesage").expect("all are ours");
        let is_named = [name, short].iter().any(|name| glue.contains(&format!("`{name}`")));
        assert!(is_named, "{name} is in no line of the section");
    }
}

/// A figure goes by the name that the command prints before it, numbers in it aside.
#[test]
fn figures_are_called_as_they_are_printed() {
    let text = {
        let _held = README.lock().unwrap_or_else(PoisonError::into_inner);
        fs::read_to_string(readme()).unwrap()
    };
    // A number and the place of one are the same.
    let plain = |text: &str| {
        let mut plain = String::new();
        let mut is_inside = false;
        for c in text.chars() {
            match c {
                '{' => (is_inside, plain) = (true, plain + "#"),
                '}' => is_inside = false,
                _ if is_inside => {}
                c if c.is_ascii_digit() && plain.ends_with('#') => {}
                c if c.is_ascii_digit() => plain.push('#'),
                c => plain.push(c),
            }
        }
        plain
    };
    for (heading, folder) in
        [("| what | figure |", "src/cli/bench"), ("| key | mean |", "src/cli/bench/replay")]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.chain([folder.with_extension("rs")]).filter(|file| file.is_file());
        let sources: Vec<String> = files.map(|file| fs::read_to_string(file).unwrap()).collect();
        // What stands in quotes, line by line.
        let lines = sources.iter().flat_map(|source| source.lines());
        let printed: Vec<String> =
            lines.flat_map(|line| line.split('"').skip(1).step_by(2)).map(plain).collect();
        let (_, table) = text.split_once(heading).expect("the table");
        let rows: Vec<&str> = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")).collect();
        assert!(rows.len() > 5, "{rows:?}");
        for row in rows {
            let name = row.split(" |").next().unwrap_or_default();
            assert!(printed.contains(&plain(name)), "nothing prints {name:?}");
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for name in ["README.md", "CONTRIBUTING.md"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let _held = README.lock().unwrap_or_else(PoisonError::into_inner);
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            assert!(folder.join(link).exists(), "{name} links to {link}");
        }
    }
}
