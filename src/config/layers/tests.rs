//! Tables of cases for `layers`.

use std::fs;

use expect_test::{Expect, expect};
use serde_json::json;

use super::layer::TOLD;
use super::*;
use crate::config::RemoteSettings;
use crate::engine::remote::When;

/// What is changed by `text` as the user's file, and the problems.
fn check_file(text: &str, expected: Expect) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(&file, text).unwrap();
    let mut layers = Layers::new(Some(file));
    layers.read_user();
    expected.assert_eq(&shown(&layers, directory.path()));
}

/// One line a changed key, then one a problem.
fn shown(layers: &Layers, directory: &Path) -> String {
    let (mut settings, problems) = layers.resolve();
    let mut lines = String::new();
    for key in crate::config::key::KEYS {
        let value = key.value(&mut settings);
        if value != key.default() {
            lines += &format!("{} = {value}\n", key.name);
        }
    }
    for problem in problems {
        lines += &format!("! {problem}\n");
    }
    let real = directory.canonicalize().unwrap();
    lines.replace(real.to_str().unwrap(), "DIR").replace(directory.to_str().unwrap(), "DIR")
}

#[test]
fn every_kind_of_value_is_read() {
    check_file(
        r#"
            [model]
            path = "models/small.gguf"
            threads = 3
            gpuLayers = "auto"

            [completion]
            enabled = false
            disabledLanguages = ["markdown", "text"]
            multiline = "never"
            maxTokens = 0x40
            minConfidence = -2
            menu = "off"

            [edits]
            format = "regions"
            maxRegionTokens = 500
            confirm = "never"

            [sampling]
            temperature = 0.3
            topK = 0
            topP = 1
            minP = 0.0
            repeatPenalty = 1.1
            mirostat = 2
            mirostatTau = 3
            mirostatEta = 0.2
            seed = 4294967295
            stop = ["\n\n", "```"]

            [actions]
            dir = "prompts"

            [log]
            level = "codesage=debug"
        "#,
        expect![[r#"
            model.path = "DIR/models/small.gguf"
            model.threads = 3
            completion.enabled = false
            completion.disabledLanguages = ["markdown","text"]
            completion.multiline = "never"
            completion.maxTokens = 64
            completion.menu = "off"
            completion.minConfidence = -2.0
            edits.format = "regions"
            edits.maxRegionTokens = 500
            edits.confirm = "never"
            sampling.temperature = 0.3
            sampling.topK = 0
            sampling.topP = 1.0
            sampling.minP = 0.0
            sampling.repeatPenalty = 1.1
            sampling.mirostat = 2
            sampling.mirostatTau = 3.0
            sampling.mirostatEta = 0.2
            sampling.seed = 4294967295
            sampling.stop = ["\n\n","```"]
            actions.dir = "prompts"
            log.level = "codesage=debug"
        "#]],
    );
}

#[test]
fn a_wrong_key_costs_itself_only() {
    check_file(
        r#"
completion.max_tokens = 10
completion.maxTimeMs = 700
threads = 2
completion.multiline = "sometimes"
completion.debounceMs = -1
completion.showDelayMs = 99999999999999999999
completion.disabledLanguages = ["a", 1]
completion.minConfidence = nan
completion.menu = { on = true }
context = 3
context2.x = 1
log.level = "verbose"
remote.url = "localhost"
model.device = 1
sampling.temperature = 2.5
sampling.mirostat = 3
sampling.seed = 4294967296
sampling.stop = ["ok", ""]
edits.format = "diff"
actions.dir = ""
actions.folder = "x"
"#,
        expect![[r#"
            model.device = 1
            completion.maxTimeMs = 700
            ! DIR/config.toml:2: `completion.max_tokens`: unknown key; did you mean `completion.maxTokens`?
            ! DIR/config.toml:4: `threads`: unknown key; did you mean `model.threads`?
            ! DIR/config.toml:5: `completion.multiline`: expected `"auto"`, `"never"` or `"always"`, found "sometimes"
            ! DIR/config.toml:6: `completion.debounceMs`: expected a whole number from 0 to 5000, found -1
            ! DIR/config.toml:7: `completion.showDelayMs`: expected a whole number from 0 to 5000, found "99999999999999999999"
            ! DIR/config.toml:8: `completion.disabledLanguages`: expected a list of strings, none empty, found a list
            ! DIR/config.toml:9: `completion.minConfidence`: expected a number from -20 to 0, found "nan"
            ! DIR/config.toml:10: `completion.menu`: expected `"auto"`, `"on"` or `"off"`, found a table
            ! DIR/config.toml:11: `context`: expected a table of settings here
            ! DIR/config.toml:12: `context2.x`: unknown key; the README lists what can be set
            ! DIR/config.toml:13: `log.level`: expected a log level, found "verbose"
            ! DIR/config.toml:14: `remote.url`: relative URL without a base; write it as `https://example.org/v1` or `http://127.0.0.1:8080`
            ! DIR/config.toml:16: `sampling.temperature`: expected `"auto"` or a number from 0 to 2, found 2.5
            ! DIR/config.toml:17: `sampling.mirostat`: expected a whole number from 0 to 2, found 3
            ! DIR/config.toml:18: `sampling.seed`: expected a whole number from 0 to 4294967295, found 4294967296
            ! DIR/config.toml:19: `sampling.stop`: expected a list of strings, none empty, found a list
            ! DIR/config.toml:20: `edits.format`: expected `"auto"`, `"region"`, `"regions"` or `"files"`, found "diff"
            ! DIR/config.toml:21: `actions.dir`: expected a path, found ""
            ! DIR/config.toml:22: `actions.folder`: unknown key; did you mean `actions.dir`?
        "#]],
    );
}

#[test]
fn a_syntax_error_costs_its_line_only() {
    check_file(
        "completion.maxTokens = 7\ncompletion.maxTimeMs = = 3\ncompletion.enabled = false\n",
        expect![[r#"
            completion.enabled = false
            completion.maxTokens = 7
            ! DIR/config.toml:2: extra `=`, expected nothing
        "#]],
    );
}

#[test]
fn later_places_win_and_silence_leaves_what_stands_below() {
    let directory = tempfile::tempdir().unwrap();
    let user = directory.path().join("config.toml");
    fs::write(&user, "completion = { maxTokens = 1, maxTimeMs = 1000, debounceMs = 1 }\nlog.level = 'warn'")
        .unwrap();
    fs::write(
        directory.path().join("codesage.toml"),
        "[completion]\nmaxTokens = 2\nmaxTimeMs = 1500\nshowDelayMs = 2",
    )
    .unwrap();
    let mut layers = Layers::new(Some(user));
    layers.read_user();
    layers.read_workspace(directory.path());
    layers.set_initialization(&json!({"completion": {"maxTokens": 3, "menu": "on", "enabled": null}}));
    layers.set_editor(&json!({"rust": 1, "codesage": {"completion.maxTokens": 4}}));
    layers.set_command_line(CommandLine {
        log_level: Some("debug".into()),
        model: Some("builtin".into()),
        without: vec![Part::Healing],
        ..CommandLine::default()
    });
    assert_eq!(layers.resolve().0.parts.off(), [Part::Healing]);
    expect![[r#"
        completion.maxTokens = 4
        completion.maxTimeMs = 1500
        completion.debounceMs = 1
        completion.showDelayMs = 2
        completion.menu = "on"
        log.level = "debug"
    "#]]
    .assert_eq(&shown(&layers, directory.path()));

    layers.set_editor(&json!(null));
    fs::remove_file(directory.path().join("codesage.toml")).unwrap();
    layers.read_workspace(directory.path());
    expect![[r#"
        completion.maxTokens = 3
        completion.maxTimeMs = 1000
        completion.debounceMs = 1
        completion.menu = "on"
        log.level = "debug"
    "#]]
    .assert_eq(&shown(&layers, directory.path()));
}

/// Two ways to say which model: whoever speaks last is heard, and takes the other way back.
#[test]
fn the_later_of_path_and_name_counts() {
    // In the user's file, on the command line, and what comes of it.
    let cases = [
        ("path = 'x.gguf'", "qwen2.5-coder-7b", "model.name = \"qwen2.5-coder-7b\"\n"),
        ("name = 'a'", "./x.gguf", "model.path = \"HERE/./x.gguf\"\n"),
        ("name = 'a'", "builtin", ""),
        ("path = 'x.gguf'", "builtin", ""),
        ("path = 'x.gguf'\nname = 'a'", "", "model.name = \"a\"\n"),
        ("name = 'a'\npath = 'x.gguf'", "", "model.path = \"DIR/x.gguf\"\n"),
        (
            "name = ' '",
            "",
            "! DIR/config.toml:2: `model.name`: expected `\"builtin\"` or a name, found \" \"\n",
        ),
    ];
    let here = std::env::current_dir().unwrap();
    for (text, argument, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        fs::write(&file, format!("[model]\n{text}")).unwrap();
        let mut layers = Layers::new(Some(file));
        layers.read_user();
        let model = Some(argument.to_owned()).filter(|argument| !argument.is_empty());
        layers.set_command_line(CommandLine { model, ..CommandLine::default() });
        let found = shown(&layers, directory.path()).replace(here.to_str().unwrap(), "HERE");
        assert_eq!(found, expected, "{text} {argument}");
    }
}

#[test]
fn a_folder_of_actions_is_in_each_workspace_folder_or_the_persons_own() {
    let home = directories::BaseDirs::new().map(|base| base.home_dir().join("actions"));
    let absolute = if cfg!(windows) { r"C:\actions" } else { "/actions" };
    // As written, and what the user's file and the workspace's make of it.
    let cases = [
        ("prompts", Some("prompts".into()), true),
        ("./a/b", Some("./a/b".into()), true),
        ("..", None, false),
        ("a/../../b", None, false),
        (absolute, Some(absolute.into()), false),
        ("~/actions", home, false),
    ];
    for (text, users, in_a_workspace) in cases {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("codesage.toml");
        fs::write(&file, format!("actions.dir = '{text}'")).unwrap();
        let default = Settings::default().actions.dir;

        let mut layers = Layers::new(Some(file));
        layers.read_user();
        let (settings, problems) = layers.resolve();
        assert_eq!(problems.is_empty(), users.is_some(), "{text}: {problems:?}");
        assert_eq!(settings.actions.dir, users.clone().unwrap_or_else(|| default.clone()), "{text}");

        let mut layers = Layers::default();
        layers.read_workspace(root.path());
        let (settings, problems) = layers.resolve();
        assert_eq!(problems.is_empty(), in_a_workspace, "{text}: {problems:?}");
        let expected = users.filter(|_| in_a_workspace).unwrap_or(default);
        assert_eq!(settings.actions.dir, expected, "{text}");
    }
}

/// What holds in a workspace folder where nothing is set.
fn untouched(root: &std::path::Path) -> Settings {
    Settings { root: Some(root.to_path_buf()), ..Settings::default() }
}

#[test]
fn a_word_for_none_undoes_a_lower_place() {
    let mut layers = Layers::default();
    layers
        .set_initialization(&json!({"model": {"path": "/x.gguf", "threads": 4}, "log": {"file": "/x.log"}}));
    layers.set_editor(&json!({"model": {"path": "builtin", "threads": "auto"}, "log": {"file": "stderr"}}));
    assert_eq!(layers.resolve(), (Settings::default(), vec![]));
}

#[test]
fn what_cannot_be_read_is_said_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut layers = Layers::new(Some(directory.path().join("absent.toml")));
    layers.read_user();
    assert_eq!(layers.resolve().1.len(), 1);

    let mut layers = Layers::new(Some(directory.path().to_path_buf()));
    layers.read_user();
    layers.read_workspace(directory.path());
    layers.set_editor(&json!([1]));
    layers.set_initialization(&json!(null));
    let (settings, problems) = layers.resolve();
    assert_eq!((settings, problems.len()), (untouched(directory.path()), 2), "{problems:?}");

    let many: String = (0..1000).map(|n| format!("key{n} = 1\n")).collect();
    fs::write(directory.path().join("codesage.toml"), many).unwrap();
    layers.set_editor(&json!(null));
    layers.read_workspace(directory.path());
    assert_eq!(layers.resolve().1.len(), 1 + TOLD + 1);

    fs::write(directory.path().join("codesage.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    layers.read_workspace(directory.path());
    assert_eq!(layers.resolve().1.len(), 2);
}

/// What lies where a settings file is to be: read, or said what is wrong with it, and what a project's link leads to
/// elsewhere is not looked into.
#[cfg(unix)]
#[test]
fn what_is_no_settings_file_is_said() {
    use std::os::unix::fs::symlink;
    const TEXT: &str = "completion.maxTokens = 7\n";
    let wide = |little: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(TEXT.encode_utf16());
        units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    };
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).unwrap();
    let pipe =
        |path: &Path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    let (out, utf16, utf8) = (
        "it is a link that leads out of the workspace",
        "it is saved as UTF-16; save it as UTF-8",
        "save the file as UTF-8",
    );
    // What is planted, beside a folder `theirs`; what is said of it in a workspace, and as the person's own.
    type Plant<'a> = &'a dyn Fn(&Path, &Path);
    let cases: [(&str, Plant, Option<&str>, Option<&str>); 14] = [
        ("a file", &|path, _| write(path, TEXT.as_bytes()), None, None),
        ("a mark", &|path, _| write(path, format!("\u{feff}{TEXT}").as_bytes()), None, None),
        (
            "a link out",
            &|path, theirs| symlink(theirs.join("secret"), path).unwrap(),
            Some(out),
            Some("unknown key"),
        ),
        ("a link up", &|path, _| symlink("../theirs/fine", path).unwrap(), Some(out), None),
        (
            "a link to nothing",
            &|path, _| symlink("nothing", path).unwrap(),
            Some(out),
            Some("there is no such file"),
        ),
        ("a circle", &|path, _| symlink("codesage.toml", path).unwrap(), Some(out), Some("cannot be read")),
        ("a link within", &|path, _| symlink("other.toml", path).unwrap(), None, None),
        (
            "a folder",
            &|path, _| fs::create_dir(path).unwrap(),
            Some("it is not a file"),
            Some("it is not a file"),
        ),
        ("a pipe", &|path, _| pipe(path), Some("it is not a file"), Some("it is not a file")),
        ("a device", &|path, _| symlink("/dev/zero", path).unwrap(), Some(out), Some("it is not a file")),
        ("UTF-16", &|path, _| write(path, &wide(true, true)), Some(utf16), Some(utf16)),
        ("UTF-16, the other way", &|path, _| write(path, &wide(false, true)), Some(utf16), Some(utf16)),
        ("UTF-16 without a mark", &|path, _| write(path, &wide(true, false)), Some(utf16), Some(utf16)),
        (
            "Latin-1",
            &|path, _| write(path, b"# a\n# caf\xe9\n"),
            Some("line 2 is no text in UTF-8"),
            Some(utf8),
        ),
    ];
    for (what, plant, in_workspace, as_own) in cases {
        for (is_own, expected) in [(false, in_workspace), (true, as_own)] {
            let folder = tempfile::tempdir().unwrap();
            let (root, theirs) = (folder.path().join("root"), folder.path().join("theirs"));
            fs::create_dir(&root).unwrap();
            fs::create_dir(&theirs).unwrap();
            fs::write(root.join("other.toml"), TEXT).unwrap();
            fs::write(theirs.join("fine"), TEXT).unwrap();
            fs::write(theirs.join("secret"), "sesame = 1\n").unwrap();
            let file = root.join(WORKSPACE_FILE);
            plant(&file, &theirs);
            let mut layers = Layers::new(Some(if is_own { file } else { root.join("none.toml") }));
            if is_own {
                layers.read_user();
            } else {
                layers.read_workspace(&root);
            }
            let (settings, problems) = layers.resolve();
            let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
            match expected {
                None => {
                    assert_eq!((settings.completion.max_tokens, &*told), (7, &[][..]), "{what}, {is_own}")
                }
                Some(said) => {
                    assert!(told.len() == 1 && told[0].contains(said), "{what}, {is_own}: {told:?}");
                    assert!(is_own || !told[0].contains("sesame"), "{told:?}");
                    let is_whole = layers.unreadable().is_some();
                    assert_eq!(is_whole, is_own && said != "unknown key", "{what}");
                }
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in r#"\u{feff}?(\[?(model|log|completion)\]?|[.=\[\]{}",'\n#]|[a-zA-Z]{0,5}|[0-9-]{1,22}|\PC)*"#) {
        let layers = Layers::new(Some("/config.toml".into()));
        for file in ["/config.toml", "/codesage.toml"] {
            for problem in layers.check(Path::new(file), &text).unwrap() {
                let at = problem.at.unwrap_or_default();
                proptest::prop_assert!(at.start <= at.end && at.end <= text.len(), "{at:?}");
            }
        }
        for mend in crate::config::mend::mends(&text, &(0..text.len())) {
            proptest::prop_assert!(mend.text != text);
        }
    }
}

/// What is wrong is underlined, in unsaved text too: `«»` round what the problems are about.
#[test]
fn what_is_wrong_is_in_its_place() {
    let cases = [
        ("[completion]\n«maxToken» = 1\nmaxTokens = «0»\nmenu = 'on'\n", 2),
        ("\u{feff}[completion]\r\nmultiline = «'sometimes'» # é\r\n", 1),
        ("completion = { enabled = true, «\"max tokens\"» = 1 }\n", 1),
        ("«completion» = 3\n", 1),
        ("[log]\n«level» = 'info'\n", 1),
        ("model.«path» = '../x.gguf'\n", 1),
        ("[completion]\nmaxTokens «=» = 3\n", 0),
        ("completion.maxTokens = 3\n", 0),
        ("[remote]\n«enabled» = true\n", 1),
    ];
    let layers = Layers::new(Some("/own/config.toml".into()));
    for (marked, expected) in cases {
        let text = marked.replace(['«', '»'], "");
        let problems =
            layers.check(Path::new("/somewhere/codesage.toml"), &text).expect("it is a settings file");
        let mut shown = text.clone();
        for problem in problems.iter().rev() {
            let at = problem.at.clone().expect("it has a place");
            shown.insert(at.end, '»');
            shown.insert(at.start, '«');
        }
        if expected > 0 {
            assert_eq!((shown.as_str(), problems.len()), (marked, expected), "{problems:?}");
        }
    }
    // Only a settings file is one, and the person's own may say more.
    assert_eq!(layers.check(Path::new("/somewhere/Cargo.toml"), "[package]\n"), None);
    assert_eq!(layers.check(Path::new("/own/config.toml"), "log.level = 'warn'\n"), Some(vec![]));
}

/// Keys that are right by themselves, and together come to nothing: told where one of them stands, once.
#[test]
fn what_keys_say_together_is_told_in_its_place() {
    let own = Path::new("/own/config.toml");
    let layers = Layers::new(Some(own.to_path_buf()));
    for (text, expected) in [
        (
            "[remote]\nenabled = true\n",
            &["2 remote.enabled `true`: it is switched on, and `remote.url` names no server"][..],
        ),
        (
            "remote.url = 'none'\nremote.enabled = true\n",
            &["2 remote.enabled `true`: it is switched on, and"],
        ),
        (
            "[remote]\nurl = 'http://8.8.8.8/v1'\nenabled = true\n",
            &["2 remote.url `'http://8.8.8.8/v1'`: 8.8.8.8 is on the internet"],
        ),
        // Its consequence is not told beside it.
        ("[remote]\nurl = 'gpu'\nenabled = true\n", &["2 remote.url `'gpu'`: relative URL without a base"]),
        (
            "remote = { enabled = true, url = 'http://gpu', apiKeyEnv = 'sk-1' }\n",
            &["1 remote.apiKeyEnv `'sk-1'`: `remote.apiKeyEnv` takes"],
        ),
        ("remote = { enabled = false, url = 'http://8.8.8.8' }\n", &[]),
        ("remote = { enabled = true, url = 'http://8.8.8.8', allowHttp = true }\n", &[]),
    ] {
        let problems = layers.check(own, text).expect("a settings file");
        let told = problems.iter().map(|problem| {
            let (line, at) = (problem.line.expect("a line"), problem.at.clone().expect("a place"));
            format!(
                "{line} {} `{}`: {}",
                problem.key.as_deref().unwrap_or_default(),
                &text[at],
                problem.message
            )
        });
        let told: Vec<String> = told.collect();
        assert_eq!(told.len(), expected.len(), "{text}: {told:?}");
        assert!(
            told.iter().zip(expected).all(|(told, expected)| told.starts_with(expected)),
            "{text}: {told:?}"
        );
        // And where the file is read.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, text).unwrap();
        let mut layers = Layers::new(Some(file));
        layers.read_user();
        // A project's words about it change nothing of that.
        fs::write(folder.path().join(WORKSPACE_FILE), "remote.url = 'http://10.0.0.7'\n").unwrap();
        layers.read_workspace(folder.path());
        assert_eq!(layers.resolve().1.len(), expected.len() + 1, "{text}");
    }
}

#[test]
fn files_that_changed_are_known_and_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let (user, workspace) = (directory.path().join("config.toml"), directory.path().join("codesage.toml"));
    let mut layers = Layers::new(Some(user.clone()));
    fs::write(&user, "completion.maxTokens = 1\n").unwrap();
    assert!(!layers.is_stale(), "what was never read is not asked for");
    layers.read_again();
    assert_eq!(layers.resolve().0, Settings::default());
    layers.read_user();
    layers.read_workspace(directory.path());
    // What is done, and what holds then.
    let steps: &[(&dyn Fn(), u32)] = &[
        (&|| fs::write(&workspace, "completion.maxTokens = 22\n").unwrap(), 22),
        (&|| fs::write(&workspace, "completion.maxTokens = 333\n").unwrap(), 333),
        (&|| fs::remove_file(&workspace).unwrap(), 1),
        (&|| fs::write(&user, "completion.maxTokens = 4444\n").unwrap(), 128),
        (&|| fs::write(&user, "completion.maxTokens = 55\n").unwrap(), 55),
        (&|| fs::remove_file(&user).unwrap(), 128),
    ];
    for (number, (change, tokens)) in steps.iter().enumerate() {
        assert!(!layers.is_stale(), "step {number}");
        change();
        assert!(layers.is_stale(), "step {number}");
        let mut read = layers.clone();
        read.read_again();
        layers.take_files(read);
        assert_eq!(layers.resolve().0.completion.max_tokens, *tokens, "step {number}");
    }
}

#[test]
fn each_setting_says_where_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let user = directory.path().join("config.toml");
    fs::write(
        &user,
        "model.name = 'a'\ncompletion.maxTokens = 1\ncompletion.menu = 'on'\ncontext.ignore = ['a']\n",
    )
    .unwrap();
    let workspace = directory.path().join("codesage.toml");
    fs::write(&workspace, "\n[completion]\nmaxTokens = 2\nmaxTimeMs = -1\n[context]\nignore = ['b']\n")
        .unwrap();
    let mut layers = Layers::new(Some(user));
    layers.read_user();
    layers.read_workspace(directory.path());
    layers.set_initialization(&json!({"completion": {"debounceMs": 5}}));
    layers.set_editor(&json!({"completion": {"menu": "off"}}));
    layers.set_command_line(CommandLine {
        model: Some("./x.gguf".into()),
        without: vec![Part::Warm],
        ..CommandLine::default()
    });
    let mut told = String::new();
    for Setting { key, value, origin, line } in layers.explain() {
        if let Some(origin) = origin {
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            told += &format!("{key} = {value} from {origin}{line}\n");
        }
    }
    let here = std::env::current_dir().unwrap();
    let told =
        told.replace(directory.path().to_str().unwrap(), "DIR").replace(here.to_str().unwrap(), "HERE");
    expect![[r#"
        model.path = "HERE/./x.gguf" from the command line
        completion.maxTokens = 2 from DIR/codesage.toml:3
        completion.debounceMs = 5 from initializationOptions
        completion.menu = "off" from the editor's settings
        completion.warmUp = false from the command line
        context.ignore = ["a","b"] from DIR/codesage.toml:6
    "#]]
    .assert_eq(&told);
    assert_eq!(layers.explain().len(), KEYS.len());
}

/// Each key in each place: all places may say all of it, but for a workspace's file, which came with the code.
#[cfg(unix)]
#[test]
fn who_may_say_what() {
    // Key; what a workspace's file may say; what it may not. As TOML.
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "model.path",
            &["'builtin'", "'x.gguf'", "'./models/x.gguf'", "'within/x.gguf'"],
            &[
                "'../x.gguf'",
                "'models/../../x.gguf'",
                "'OUTSIDE/x.gguf'",
                "'~/x.gguf'",
                "'out/x.gguf'",
                "'out.gguf'",
                "'dangling'",
                "'dangling/x.gguf'",
                "'circle'",
            ],
        ),
        ("model.name", &["'builtin'", "'qwen2.5-coder:7b'"], &[]),
        ("model.edit.path", &["'models/x.gguf'"], &["'../x.gguf'", "'OUTSIDE/x.gguf'", "'out.gguf'"]),
        ("model.edit.name", &["'builtin'", "'qwen2.5-coder:7b'"], &[]),
        ("model.edit.idleMinutes", &["0", "30"], &[]),
        ("model.memoryMb", &[], &["'auto'", "4000"]),
        ("model.threads", &["'auto'", "2"], &[]),
        ("model.device", &["'auto'", "'cpu'", "0"], &[]),
        ("model.gpuLayers", &["'auto'", "0"], &[]),
        ("model.contextTokens", &["'auto'", "2048"], &[]),
        ("model.kvCache", &["'memory'"], &["'disk'"]),
        ("model.kvType", &["'auto'"], &[]),
        ("completion.enabled", &["true", "false"], &[]),
        ("completion.disabledLanguages", &["[]", "['markdown']"], &[]),
        ("completion.multiline", &["'never'"], &[]),
        ("completion.maxTokens", &["64"], &[]),
        ("completion.maxTimeMs", &["500"], &[]),
        ("completion.debounceMs", &["50"], &[]),
        ("completion.showDelayMs", &["50"], &[]),
        ("completion.menu", &["'auto'", "'on'", "'off'"], &[]),
        ("completion.minConfidence", &["-1"], &[]),
        ("completion.warmUp", &["true", "false"], &[]),
        ("completion.speculate", &["true", "false"], &[]),
        ("context.crossFile", &["false"], &["true"]),
        ("context.maxTokens", &["0", "4096"], &[]),
        ("context.ignore", &["[]", "['made/', '*.gen.rs']"], &["['!*.env']", "['made/', ' !x']"]),
        ("edits.format", &["'auto'", "'region'", "'files'"], &[]),
        ("edits.maxRegionTokens", &["100"], &[]),
        ("edits.confirm", &["'always'"], &["'auto'", "'never'"]),
        ("sampling.temperature", &["0.5"], &[]),
        ("sampling.topK", &["1"], &[]),
        ("sampling.topP", &["0.5"], &[]),
        ("sampling.minP", &["0.5"], &[]),
        ("sampling.repeatPenalty", &["1.1"], &[]),
        ("sampling.mirostat", &["2"], &[]),
        ("sampling.mirostatTau", &["2"], &[]),
        ("sampling.mirostatEta", &["0.2"], &[]),
        ("sampling.seed", &["7"], &[]),
        ("sampling.stop", &["['x']"], &[]),
        ("actions.dir", &["'prompts'", "'./a/b'"], &["'OUTSIDE'", "'~/actions'"]),
        ("remote.enabled", &[], &["true", "false"]),
        ("remote.url", &[], &["'http://10.0.0.7:8000'"]),
        ("remote.model", &[], &["'x'"]),
        ("remote.when", &[], &["'all'"]),
        ("remote.apiKeyEnv", &[], &["'MY_KEY'"]),
        ("remote.apiKeyCommand", &[], &["['sh', '-c', 'x']"]),
        ("remote.allowHttp", &[], &["true"]),
        ("remote.contextTokens", &[], &["4096"]),
        ("log.level", &[], &["'info'", "'trace'", "'off'"]),
        ("log.file", &[], &["'stderr'", "'x.log'", "'OUTSIDE/x.log'", "'.git/hooks/post-checkout'"]),
    ];
    assert!(cases.iter().map(|case| case.0).eq(KEYS.iter().map(|key| key.name)), "every key has its row");

    let outside = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.path().join(name)).unwrap();
    fs::create_dir(root.path().join("models")).unwrap();
    fs::write(outside.path().join("x.gguf"), "").unwrap();
    link(outside.path(), "out");
    link(&outside.path().join("x.gguf"), "out.gguf");
    link(&outside.path().join("absent"), "dangling");
    link(Path::new("circle"), "circle");
    link(Path::new("models"), "within");
    let own = outside.path().join("config.toml");
    let workspace = root.path().join("codesage.toml");

    for (key, allowed, refused) in cases {
        for (value, is_allowed) in
            allowed.iter().map(|value| (value, true)).chain(refused.iter().map(|value| (value, false)))
        {
            let value = value.replace("OUTSIDE", outside.path().to_str().unwrap());
            let text = format!("{key} = {value}\n");
            let json: Value = toml::from_str(&text).unwrap();
            for place in ["user", "workspace", "initialization", "editor"] {
                let mut layers = Layers::new(Some(own.clone()));
                fs::write(&own, if place == "user" { &text } else { "" }).unwrap();
                fs::write(&workspace, if place == "workspace" { &text } else { "" }).unwrap();
                layers.read_user();
                layers.read_workspace(root.path());
                match place {
                    "initialization" => layers.set_initialization(&json),
                    "editor" => layers.set_editor(&json),
                    _ => {}
                }
                let (settings, mut problems) = layers.resolve();
                // What it comes to without the others is another matter.
                problems.retain(|problem| !problem.message.contains("`remote.url` names no server"));
                // What an editor sends may come from a file of the project too.
                let is_refused = place == "workspace" || place != "user" && key.starts_with("remote.");
                if is_allowed || !is_refused {
                    assert_eq!(problems, [], "{place}: {text}");
                    continue;
                }
                assert_eq!(settings, untouched(root.path()), "{text}");
                let [problem] = problems.as_slice() else { panic!("{text}: {problems:?}") };
                // It says what to do instead.
                let told = problem.to_string();
                let who = match (place, key.starts_with("remote.")) {
                    ("workspace", false) => format!("{}:1: `{key}`: a workspace's file", workspace.display()),
                    ("workspace", true) => format!("{}:1: `{key}`: it can send", workspace.display()),
                    ("editor", _) => format!("the editor's settings: `{key}`: it can send"),
                    _ => format!("initializationOptions: `{key}`: it can send"),
                };
                assert!(told.starts_with(&who), "{told}");
                assert!(told.contains(own.to_str().unwrap()), "{told}");
            }
        }
    }
}

#[test]
fn a_workspace_adds_to_what_is_kept_from_a_model() {
    let root = tempfile::tempdir().unwrap();
    let own = root.path().join("config.toml");
    fs::write(&own, "context.ignore = ['*.mine']\n").unwrap();
    // What the workspace says, what the editor says, and what holds.
    let cases: &[(&str, Value, &[&str])] = &[
        ("['*.theirs']", json!(null), &["*.mine", "*.theirs"]),
        ("[]", json!(null), &["*.mine"]),
        ("['*.theirs']", json!(["*.new"]), &["*.new"]),
        ("['!*.mine']", json!(null), &["*.mine"]),
        ("'*.theirs'", json!(null), &["*.mine"]),
    ];
    for (theirs, editors, expected) in cases {
        fs::write(root.path().join("codesage.toml"), format!("context.ignore = {theirs}\n")).unwrap();
        let mut layers = Layers::new(Some(own.clone()));
        layers.read_user();
        layers.read_workspace(root.path());
        layers.set_editor(&json!({"context": {"ignore": editors}}));
        assert_eq!(layers.resolve().0.context.ignore, *expected, "{theirs} {editors}");
    }
}

/// Where code goes is the person's to say, in a file that no project has a hand in.
#[test]
fn a_server_is_named_in_the_own_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let user = directory.path().join("config.toml");
    fs::write(
        &user,
        "remote = { enabled = true, url = 'http://10.0.0.7:8000', apiKeyEnv = 'MY_KEY', when = 'all' }",
    )
    .unwrap();
    let theirs = json!({"remote": {
        "enabled": true, "url": "https://elsewhere.example", "apiKeyCommand": ["sh", "-c", "x"], "allowHttp": true,
    }});
    fs::write(
        directory.path().join("codesage.toml"),
        "remote = { enabled = true, url = 'https://elsewhere.example', apiKeyCommand = ['sh'], allowHttp = true }",
    )
    .unwrap();
    let check = |layers: &Layers, expected: &RemoteSettings| {
        let (settings, problems) = layers.resolve();
        assert_eq!(&settings.remote, expected);
        assert_eq!(problems.len(), 12, "{problems:#?}");
        for problem in problems {
            let is_told = problem.message.starts_with("it can send your code elsewhere");
            assert!(
                problem.key.as_deref().is_some_and(|key| key.starts_with("remote.")) && is_told,
                "{problem}"
            );
        }
    };
    for has_own in [true, false] {
        let mut layers = Layers::new(Some(user.clone()));
        if has_own {
            layers.read_user();
        }
        layers.read_workspace(directory.path());
        layers.set_initialization(&theirs);
        layers.set_editor(&theirs);
        let own = RemoteSettings {
            enabled: true,
            url: Some("http://10.0.0.7:8000".into()),
            api_key_env: Some("MY_KEY".into()),
            when: When::All,
            ..RemoteSettings::default()
        };
        check(&layers, &if has_own { own } else { RemoteSettings::default() });
    }
}
