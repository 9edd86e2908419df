//! Tables of cases for `layers`.

use std::fs;

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::config::Confirm;

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
remote.url = "http://localhost"
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
            ! DIR/config.toml:14: `remote.url`: not in this version yet
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

#[cfg(unix)]
#[test]
fn a_workspace_names_files_inside_itself_only() {
    let outside = tempfile::tempdir().unwrap();
    let root = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("absent"), root.path().join("dangling")).unwrap();
    let outside_file = outside.path().join("x.gguf");
    let cases = [
        ("models/x.gguf", true),
        ("builtin", true),
        ("../x.gguf", false),
        ("models/../../x.gguf", false),
        ("link/x.gguf", false),
        ("dangling", false),
        (outside_file.to_str().unwrap(), false),
        ("~/x.gguf", false),
    ];
    for (path, allowed) in cases {
        for (key, allowed) in [("model.path", allowed), ("log.file", false)] {
            fs::write(root.path().join("codesage.toml"), format!("{key} = '{path}'")).unwrap();
            let mut layers = Layers::default();
            layers.read_workspace(root.path());
            let (settings, problems) = layers.resolve();
            assert_eq!(problems.is_empty(), allowed, "{key} = {path}: {problems:?}");
            if !allowed {
                assert_eq!(settings, untouched(root.path()), "{key} = {path}");
            }
        }
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
fn a_workspace_cannot_have_its_code_written_to_the_disk() {
    for (value, allowed) in [("memory", true), ("disk", false), ("elsewhere", false)] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("codesage.toml"), format!("model.kvCache = '{value}'")).unwrap();
        let mut layers = Layers::default();
        layers.read_workspace(root.path());
        let (settings, problems) = layers.resolve();
        assert_eq!((problems.is_empty(), settings), (allowed, untouched(root.path())), "{value}");
    }
}

#[test]
fn a_workspace_can_only_ask_for_more_to_be_shown() {
    for (value, allowed) in [("always", true), ("auto", false), ("never", false), ("sometimes", false)] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("codesage.toml"), format!("edits.confirm = '{value}'")).unwrap();
        let mut layers = Layers::default();
        layers.read_workspace(root.path());
        let (settings, problems) = layers.resolve();
        assert_eq!(problems.is_empty(), allowed, "{value}: {problems:?}");
        assert_eq!(settings.edits.confirm == Confirm::Always, allowed, "{value}");
    }
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

proptest::proptest! {
    #[test]
    fn no_text_panics(text in r#"(\[?(model|log|completion)\]?|[.=\[\]{}",'\n#]|[a-zA-Z]{0,5}|[0-9-]{1,22}|\PC)*"#) {
        let (entries, _) = read::flatten_toml(&text);
        let layer = Layer { origin: Origin::Editor, entries, problems: vec![] };
        layer.apply(&mut Settings::default(), &Paths { base: Path::new("/"), fence: Some(Path::new("/")) });
    }
}
