//! Tables of cases for `recipes`, over real folders.

use std::fs;

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;
use crate::edit::Yield;

/// A workspace folder with these files, by path; a folder is made for each.
fn workspace(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(root.path(), path, text);
    }
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn load(root: &Path) -> (Recipes, Vec<Problem>) {
    Recipes::load(&[root.to_path_buf()], &settings(".codesage/actions"))
}

fn settings(dir: impl Into<PathBuf>) -> ActionSettings {
    ActionSettings { dir: dir.into() }
}

/// Each recipe by what it differs in from a bare one, then each problem.
fn shown(root: &Path, (recipes, problems): &(Recipes, Vec<Problem>)) -> String {
    let mut lines = String::new();
    for recipe in &recipes.recipes {
        let Recipe { name, title, brings, languages, scope, max_tokens, temperature, system, .. } = &**recipe;
        lines += &format!("{name}: {title:?} {brings:?} {scope:?}");
        if !languages.is_empty() {
            lines += &format!(" {}", languages.join(","));
        }
        lines += &max_tokens.map_or(String::new(), |tokens| format!(" {tokens} tokens"));
        lines += &temperature.map_or(String::new(), |temperature| format!(" at {temperature}"));
        lines += &system.as_ref().map_or(String::new(), |system| format!(" as {system:?}"));
        lines += "\n";
    }
    for problem in problems {
        lines += &format!("! {problem}\n");
    }
    lines.replace(root.to_str().unwrap(), "ROOT")
}

/// What is read of one file, `a.md`.
fn check(text: &str, expected: Expect) {
    let root = workspace(&[(".codesage/actions/a.md", text)]);
    expected.assert_eq(&shown(root.path(), &load(root.path())));
}

#[test]
fn what_a_file_says() {
    check(
        "---\ntitle: Tidy up\n---\nTidy up.\n",
        expect![[r#"
        a: "Tidy up" Rewrite Auto
    "#]],
    );
    check(
        "\u{feff}---\r\ntitle: 'Say: it'\r\nkind: prose\r\nlanguages: [rust, PY]\r\nscope: file\r\n\
         maxTokens: 200\r\ntemperature: 0.5\r\nsystem: \"You are\\nterse.\"\r\n---\r\nSay.\r\n",
        expect![[r#"
            a: "Say: it" Prose File rust,python 200 tokens at 0.5 as "You are\nterse."
        "#]],
    );
    check(
        "---\ntitle: x\nlanguages: plain\nscope: selection\nkind: rewrite\n---\nx",
        expect![[r#"
        a: "x" Rewrite Selection plaintext
    "#]],
    );
}

#[test]
fn what_is_wrong_has_its_line() {
    check(
        "Tidy up.\n",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:1: expected `---`, then `title: …`, and `---` again before the text
    "#]],
    );
    check(
        "---\nkind: prose\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:1: has no `title`
    "#]],
    );
    check(
        "---\ntitle: x\n---\n\n",
        expect![[r#"
            ! ROOT/.codesage/actions/a.md:3: has no text below its front matter
        "#]],
    );
    check(
        "---\ntitle: x\nmax_tokens: 2\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `max_tokens`: unknown key; did you mean `maxTokens`?
    "#]],
    );
    check(
        "---\ntitle: x\ncommand: rm\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `command`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
    "#]],
    );
    check(
        "---\ntitle: x\nkind: Prose\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `kind`: expected `rewrite` or `prose`
    "#]],
    );
    check(
        "---\ntitle: [x]\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:2: `title`: expected a text, found a list
    "#]],
    );
    check(
        "---\ntitle: \"a\\nb\"\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:2: `title`: expected one line of at most 80 letters
    "#]],
    );
    check(
        "---\ntitle: x\nlanguages: [rust, rsut]\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `languages`: `rsut` is no language that is known here; without `languages` it is for all
    "#]],
    );
    check(
        "---\ntitle: x\nmaxTokens: 0\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `maxTokens`: expected a whole number from 1 to 32768
    "#]],
    );
    check(
        "---\ntitle: x\ntemperature: NaN\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `temperature`: expected a number from 0 to 2
    "#]],
    );
    check(
        "---\ntitle: x\nsystem: gone.md\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `system`: gone.md: is not there
    "#]],
    );
    check(
        "---\ntitle: x\nsystem: ' '\n---\nx",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `system`: is empty
    "#]],
    );
    check(
        "---\ntitle: x\n---\n\nTake {{ regoin }}.",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:5: `regoin` is nothing a template knows; did you mean `region`?
    "#]],
    );
}

/// Front matter, keys and template: all of it at once, in the order of the lines.
#[test]
fn every_mistake_of_a_file_is_told() {
    check(
        "---\ntitel: x\nkind: Prose\nscope *\nlanguages: [rsut]\n---\nTake {{ regoin }} and {{ patth }}.\n\
         {% for m in diagnostics %}{{ m }}{% endfor %}\n{{ m }} {{ loop.index }}\n",
        expect![[r#"
            ! ROOT/.codesage/actions/a.md:2: `titel`: unknown key; did you mean `title`?
            ! ROOT/.codesage/actions/a.md:3: `kind`: expected `rewrite` or `prose`
            ! ROOT/.codesage/actions/a.md:4: expected `key: value`, at the start of the line
            ! ROOT/.codesage/actions/a.md:5: `languages`: `rsut` is no language that is known here; without `languages` it is for all
            ! ROOT/.codesage/actions/a.md:7: `regoin` is nothing a template knows; did you mean `region`?
            ! ROOT/.codesage/actions/a.md:7: `patth` is nothing a template knows; did you mean `path`?
            ! ROOT/.codesage/actions/a.md:9: `m` has no meaning where it stands
            ! ROOT/.codesage/actions/a.md:9: `loop` has no meaning where it stands
        "#]],
    );
    check(
        "---\nkind: prose\n---\n\n",
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:1: has no `title`
        ! ROOT/.codesage/actions/a.md:3: has no text below its front matter
    "#]],
    );
    let many: String = (0..40).map(|n| format!("k{n}: x\n")).collect();
    check(
        &format!("---\ntitle: x\n{many}---\nx"),
        expect![[r#"
        ! ROOT/.codesage/actions/a.md:3: `k0`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:4: `k1`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:5: `k2`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:6: `k3`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:7: `k4`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:8: `k5`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:9: `k6`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:10: `k7`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:11: `k8`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md:12: `k9`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/a.md: there are more mistakes than these
    "#]],
    );
}

#[test]
fn a_bad_file_costs_itself_only() {
    let root = workspace(&[
        (".codesage/actions/b.md", "---\ntitle: B\n---\nx"),
        (".codesage/actions/a.MD", "---\ntitle: A\n---\nx"),
        (".codesage/actions/bad.md", "---\ntitle\n---\nx"),
        (".codesage/actions/large.md", &format!("---\ntitle: L\n---\n{}", "x".repeat(1 << 16))),
        (".codesage/actions/README.md", "What these are."),
        (".codesage/actions/.b.md.swp.md", "x"),
        (".codesage/actions/notes.txt", "x"),
        (".codesage/actions/deeper/c.md", "---\ntitle: C\n---\nx"),
        (".codesage/actions/folder.md/x", "x"),
    ]);
    fs::write(root.path().join(".codesage/actions/latin.md"), b"---\ntitle: \xe9\n---\nx").unwrap();
    expect![[r#"
        a: "A" Rewrite Auto
        b: "B" Rewrite Auto
        ! ROOT/.codesage/actions/bad.md:2: expected `key: value`, at the start of the line
        ! ROOT/.codesage/actions/folder.md: is not a file
        ! ROOT/.codesage/actions/large.md: is larger than 64 KiB
        ! ROOT/.codesage/actions/latin.md: is not UTF-8 text
    "#]]
    .assert_eq(&shown(root.path(), &load(root.path())));
}

#[test]
fn a_system_message_in_a_file_is_no_action() {
    let root = workspace(&[
        (".codesage/actions/a.md", "---\ntitle: A\nsystem: terse.md\n---\nx"),
        (".codesage/actions/terse.md", "You are terse.\n"),
        (".codesage/actions/b.md", "---\ntitle: B\nsystem: ../words.txt\n---\nx"),
        (".codesage/words.txt", "Be kind."),
    ]);
    let loaded = load(root.path());
    expect![[r#"
        a: "A" Rewrite Auto as "You are terse."
        b: "B" Rewrite Auto as "Be kind."
    "#]]
    .assert_eq(&shown(root.path(), &loaded));

    let (recipes, later) = (loaded.0, Instant::now() + BELIEVED);
    assert!(recipes.reload(later).is_none());
    write(root.path(), ".codesage/words.txt", "Be very kind.");
    let (recipes, _) = recipes.reload(later + BELIEVED).expect("what a recipe names changed");
    assert_eq!(recipes.get("b").unwrap().system.as_deref(), Some("Be very kind."));
}

#[test]
fn several_folders_and_one_of_the_persons_own() {
    let (one, two) = (
        workspace(&[("do/x.md", "---\ntitle: One\n---\nx"), ("do/z.md", "---\ntitle: Z\n---\nx")]),
        workspace(&[("do/x.md", "---\ntitle: Two\n---\nx"), ("do/y.md", "---\ntitle: Y\n---\nx")]),
    );
    let roots =
        [one.path().to_path_buf(), two.path().to_path_buf(), one.path().join("."), one.path().join("gone")];
    let (recipes, problems) = Recipes::load(&roots, &settings("do"));
    let titles: Vec<_> = recipes.recipes.iter().map(|recipe| &*recipe.title).collect();
    assert_eq!(titles, ["One", "Z", "Y"]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let said = problems[0].to_string();
    let ends = format!("`x` is the name of {} already", one.path().join("do/x.md").display());
    assert!(said.starts_with(two.path().to_str().unwrap()) && said.ends_with(&ends), "{said}");

    let (recipes, problems) = Recipes::load(&roots, &settings(two.path().join("do")));
    assert_eq!((recipes.recipes.len(), problems), (2, vec![]));
}

#[test]
fn no_more_than_a_menu_holds() {
    let files: Vec<_> = (0..MOST + 7).map(|n| format!(".codesage/actions/{n:03}.md")).collect();
    let bare = "---\ntitle: x\n---\nx";
    let root = workspace(&files.iter().map(|file| (file.as_str(), bare)).collect::<Vec<_>>());
    let (recipes, problems) = load(root.path());
    assert_eq!((recipes.recipes.len(), problems.len()), (MOST, 1));
    assert!(recipes.get("099").is_some() && recipes.get("100").is_none());
    assert!(problems[0].message.starts_with("7 files are not read"), "{problems:?}");
    assert!(recipes.reload(Instant::now() + BELIEVED).is_none(), "what is not read is no change");
}

#[cfg(unix)]
#[test]
fn nothing_outside_the_workspace_is_read() {
    use std::os::unix::fs::symlink;

    let bare = "---\ntitle: T\n---\nx";
    let outside = workspace(&[("x.md", bare), ("words.txt", "secret")]);
    let names = |words: &str| format!("---\ntitle: T\nsystem: {words}\n---\nx");
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    let root = workspace(&[
        (".codesage/actions/up.md", &names(&format!("../../../{name}/words.txt"))),
        (".codesage/actions/whole.md", &names(outside.path().join("words.txt").to_str().unwrap())),
        (".codesage/inside.md", bare),
        (".codesage/.env.local", bare),
    ]);
    let actions = root.path().join(".codesage/actions");
    symlink(outside.path().join("x.md"), actions.join("link.md")).unwrap();
    symlink(outside.path().join("gone.md"), actions.join("dangling.md")).unwrap();
    symlink("../inside.md", actions.join("inside.md")).unwrap();
    symlink("../.env.local", actions.join("keys.md")).unwrap();
    let said = shown(root.path(), &load(root.path())).replace(outside.path().to_str().unwrap(), "OUTSIDE");
    expect![[r#"
        inside: "T" Rewrite Auto
        ! ROOT/.codesage/actions/dangling.md: is not there
        ! ROOT/.codesage/actions/keys.md: looks like a file that holds secrets, and is not read
        ! ROOT/.codesage/actions/link.md: leads out of the workspace, and is not read
        ! ROOT/.codesage/actions/up.md:3: `system`: ../../../OTHER/words.txt: leads out of the workspace, and is not read
        ! ROOT/.codesage/actions/whole.md:3: `system`: OUTSIDE/words.txt: leads out of the workspace, and is not read
    "#]]
    .assert_eq(&said.replace(name, "OTHER"));

    // The folder itself, for a workspace and for a person.
    let root = workspace(&[]);
    symlink(outside.path(), root.path().join("actions")).unwrap();
    let (recipes, problems) = Recipes::load(&[root.path().to_path_buf()], &settings("actions"));
    assert_eq!((recipes.recipes.len(), problems.len()), (0, 1), "{problems:?}");
    let (recipes, problems) = Recipes::load(&[], &settings(root.path().join("actions")));
    assert_eq!((recipes.recipes.len(), problems), (1, vec![]));
}

#[test]
fn files_that_come_go_and_change_are_seen() {
    let root = workspace(&[]);
    let (mut recipes, problems) = load(root.path());
    assert_eq!((recipes.recipes.len(), problems), (0, vec![]));
    let mut now = *lock(&recipes.looked);
    let bare = "---\ntitle: A\n---\nx";
    for (path, text, titles) in [
        (".codesage/actions/a.md", Some(bare), vec!["A"]),
        (".codesage/actions/b.md", Some("---\ntitle: Longer\n---\nx"), vec!["A", "Longer"]),
        (".codesage/actions/a.md", Some("---\ntitle: Other\n---\nx"), vec!["Other", "Longer"]),
        (".codesage/actions/b.md", None, vec!["Other"]),
        (".codesage/actions/a.md", Some("---\n"), vec![]),
    ] {
        match text {
            Some(text) => write(root.path(), path, text),
            None => fs::remove_file(root.path().join(path)).unwrap(),
        }
        assert!(recipes.reload(now + BELIEVED / 2).is_none(), "asked too soon");
        now += BELIEVED + Duration::from_millis(500);
        (recipes, _) = recipes.reload(now).expect(path);
        let found: Vec<_> = recipes.recipes.iter().map(|recipe| recipe.title.clone()).collect();
        assert_eq!(found, titles);
        assert!(recipes.reload(now + BELIEVED).is_none(), "nothing changed");
        now += BELIEVED;
    }
}

#[test]
fn the_menu_and_the_words() {
    let root = workspace(&[
        (".codesage/actions/any.md", "---\ntitle: Any\n---\n{{ instruction }}"),
        (".codesage/actions/py.md", "---\ntitle: Py\nlanguages: [python]\nkind: prose\n---\nSay {{ path }}."),
        (".codesage/actions/sel.md", "---\ntitle: Sel\nscope: selection\n---\n{{ selection }}"),
    ]);
    let (recipes, problems) = load(root.path());
    assert_eq!(problems, []);
    for (language, has_selection, names) in [
        ("rust", false, vec!["any"]),
        ("rust", true, vec!["any", "sel"]),
        ("python", false, vec!["any", "py"]),
        ("python", true, vec!["any", "py", "sel"]),
        ("unheard-of", true, vec!["any", "sel"]),
    ] {
        let offered = recipes.offered(Language::of(language, ""), has_selection);
        assert_eq!(offered.map(|recipe| &*recipe.name).collect::<Vec<_>>(), names, "{language}");
    }
    let py = recipes.get("py").unwrap();
    assert_eq!(py.brings, Yield::Prose);
    let subject = Subject { path: "a/b.py", ..Subject::default() };
    assert_eq!(py.instruction(&subject), Ok("Say a/b.py.".to_owned()));
    assert!(recipes.get("any").unwrap().instruction(&subject).is_err(), "nothing to say");
    assert!(recipes.get("Py").is_none());
}

/// What a repository that somebody cloned may hold: each costs itself, says what it is, and no more than that.
#[cfg(unix)]
#[test]
fn hostile_files_cost_themselves_only() {
    let keys: String = (0..6_400).map(|n| format!("k{n}: x\n")).collect();
    let long = "k".repeat(60_000);
    let root = workspace(&[
        (".codesage/actions/good.md", "---\ntitle: Good\n---\nx"),
        (".codesage/actions/cr.md", "---\rtitle: CR\r---\rSay it.\r"),
        (".codesage/actions/keys.md", &format!("---\n{keys}---\nx")),
        (".codesage/actions/long.md", &format!("---\n{long}: x\n---\nx")),
        (".codesage/actions/word.md", &format!("---\ntitle: x\n---\n{{{{ {long} }}}}")),
        (".codesage/actions/items.md", &format!("---\ntitle: x\nlanguages: [{long}]\n---\nx")),
        (".codesage/actions/zero.md", "\0\0\0\0"),
        (".codesage/actions/endless.md", &"---\n# more\n".repeat(5_000)),
        (".codesage/actions/bomb.md", "---\ntitle: &a [x, x]\nlanguages: *a\n---\nx"),
        (".codesage/actions/merge.md", "---\n<<: *a\n---\nx"),
        (".codesage/actions/range.md", "---\ntitle: x\n---\n\n{% for i in range(1000000000) %}{% endfor %}"),
        (".codesage/actions/include.md", "---\ntitle: x\n---\n{% include '/etc/passwd' %}"),
        (".codesage/actions/Refactor.md", "---\ntitle: x\n---\nx"),
        (".codesage/actions/unitTest.md", "---\ntitle: x\n---\nx"),
    ]);
    let actions = root.path().join(".codesage/actions");
    fs::File::create(actions.join("huge.md")).unwrap().set_len(100 << 20).unwrap();
    fs::write(actions.join("picture.md"), b"\x89PNG\r\n\x1a\n\0").unwrap();
    let made = std::process::Command::new("mkfifo").arg(actions.join("pipe.md")).status().unwrap();
    assert!(made.success());
    let said = shown(root.path(), &load(root.path()));
    expect![[r#"
        cr: "CR" Rewrite Auto
        good: "Good" Rewrite Auto
        ! ROOT/.codesage/actions/Refactor.md: `refactor` is an action that is always there; name the file otherwise
        ! ROOT/.codesage/actions/bomb.md:2: `title`: put this text in quotes: its first sign means something else here
        ! ROOT/.codesage/actions/bomb.md:3: `languages`: put this text in quotes: its first sign means something else here
        ! ROOT/.codesage/actions/endless.md:1: has no `title`
        ! ROOT/.codesage/actions/huge.md: is larger than 64 KiB
        ! ROOT/.codesage/actions/include.md:4: a template knows the tags `if`, `elif`, `else`, `endif`, `for` and `endfor`
        ! ROOT/.codesage/actions/items.md:3: `languages`: `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…` is no language that is known here; without `languages` it is for all
        ! ROOT/.codesage/actions/keys.md:2: `k0`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:3: `k1`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:4: `k2`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:5: `k3`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:6: `k4`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:7: `k5`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:8: `k6`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:9: `k7`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:10: `k8`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md:11: `k9`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/keys.md: there are more mistakes than these
        ! ROOT/.codesage/actions/long.md:1: has no `title`
        ! ROOT/.codesage/actions/long.md:2: `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…`: unknown key; there are title, kind, languages, scope, maxTokens, temperature, system
        ! ROOT/.codesage/actions/merge.md:2: expected `key: value`, at the start of the line
        ! ROOT/.codesage/actions/picture.md: is not UTF-8 text
        ! ROOT/.codesage/actions/pipe.md: is not a file
        ! ROOT/.codesage/actions/range.md:5: `(`: a template names things and compares them, it computes nothing
        ! ROOT/.codesage/actions/unitTest.md: `unitTest` is an action that is always there; name the file otherwise
        ! ROOT/.codesage/actions/word.md:4: `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…` is nothing a template knows; there are selection, region, path, language, instruction, diagnostics, and the filters trim, upper, lower, length, first
        ! ROOT/.codesage/actions/zero.md:1: expected `---`, then `title: …`, and `---` again before the text
    "#]]
    .assert_eq(&said);
    assert!(said.lines().all(|line| line.len() < 400), "{said}");
}

#[test]
fn a_folder_of_countless_names_says_so() {
    let root = workspace(&[(".codesage/actions/a.md", "---\ntitle: A\n---\nx")]);
    let actions = root.path().join(".codesage/actions");
    for n in 0..10_000 {
        fs::File::create(actions.join(format!("{n}.txt"))).unwrap();
    }
    let (_, problems) = load(root.path());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].message.contains("10000 names"), "{problems:?}");
}
