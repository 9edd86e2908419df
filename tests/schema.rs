//! The JSON schema of the settings, held against a validator that somebody else wrote: it is one, it takes what the
//! program takes and what is documented, it refuses what the program refuses, and VS Code's settings are made of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use codesage::config::Layers;
use codesage::config::key::{self, KEYS};
use codesage::config::trust::Trust;
use jsonschema::Validator;
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The published one.
fn schema() -> Value {
    let text = fs::read_to_string(root().join("editors/codesage.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).unwrap()
}

/// What the program says of a person's own file with this text.
fn problems(text: &str) -> Vec<String> {
    let file = PathBuf::from("/somewhere/config.toml");
    let found = Layers::new(Some(file.clone())).check(&file, text).expect("it is a settings file");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_published_is_a_schema() {
    let schema = schema();
    assert_eq!(schema, key::schema(), "UPDATE_EXPECT=1 cargo test --test readme");
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
}

/// The validator and the program, of the same text.
#[track_caller]
fn check(validator: &Validator, text: &str, is_right: bool) {
    let value: Value = toml::from_str(text).unwrap();
    assert_eq!(problems(text).is_empty(), is_right, "the program: {text}: {:?}", problems(text));
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors.is_empty(), is_right, "the schema: {text}: {errors:?}");
}

#[test]
fn the_schema_and_the_program_agree() {
    let validator = validator();
    for right in [
        "",
        "[model]\npath = 'builtin'\nthreads = 'auto'\n",
        "[model]\npath = '~/models/a.gguf'\nthreads = 256\ngpuLayers = 0\ncontextTokens = 256\nkvCache = 'disk'\n",
        "model.name = 'qwen2.5-coder:7b'\n",
        "[completion]\nenabled = false\ndisabledLanguages = ['markdown']\nmultiline = 'never'\nmaxTokens = 0x40\n",
        "completion = { minConfidence = -20, menu = 'off', debounceMs = 5000 }\n",
        "[context]\ncrossFile = true\nmaxTokens = 0\nignore = ['!a', '*.b']\n",
        "[sampling]\ntemperature = 2\ntopK = 0\nmirostat = 2\nseed = 4294967295\nstop = ['\\n\\n']\n",
        "[edits]\nformat = 'files'\nmaxRegionTokens = 16\nconfirm = 'never'\n",
        "[actions]\ndir = 'a..b/c'\n[log]\nlevel = 'codesage=debug,info'\nfile = 'stderr'\n",
        "[log]\nlevel = 'INFO'\n",
    ] {
        check(&validator, right, true);
    }
    for wrong in [
        "completion.maxToken = 1\n",
        "complexion.maxTokens = 1\n",
        "maxTokens = 1\n",
        "completion = 3\n",
        "completion = [1]\n",
        "completion.enabled = 'yes'\n",
        "completion.enabled = { a = 1 }\n",
        "completion.maxTokens = 0\n",
        "completion.maxTokens = 2049\n",
        "completion.maxTokens = -1\n",
        "completion.maxTokens = '64'\n",
        "completion.maxTokens = 6.5\n",
        "completion.minConfidence = 0.1\n",
        "completion.minConfidence = 'low'\n",
        "completion.multiline = 'sometimes'\n",
        "completion.multiline = true\n",
        "completion.disabledLanguages = 'rust'\n",
        "completion.disabledLanguages = ['']\n",
        "completion.disabledLanguages = [1]\n",
        "model.threads = 0\n",
        "model.threads = 'all'\n",
        "model.contextTokens = 255\n",
        "model.path = ''\n",
        "model.path = 7\n",
        "model.name = ' '\n",
        "model.kvCache = 'tape'\n",
        "sampling.seed = 4294967296\n",
        "sampling.temperature = 2.1\n",
        "sampling.stop = ['']\n",
        "edits.confirm = 'maybe'\n",
        "actions.dir = ''\n",
        "actions.dir = '..'\n",
        "actions.dir = 'a/../b'\n",
        "log.level = 'verbose'\n",
        "log.level = 3\n",
        "log.file = ''\n",
    ] {
        check(&validator, wrong, false);
    }
}

#[test]
fn every_key_is_taken_as_it_is_built_in_and_not_as_anything() {
    let validator = validator();
    let mut whole = String::new();
    for key in KEYS {
        let line = format!("{} = {}\n", key.name, key.default());
        check(&validator, &line, true);
        check(&validator, &format!("{} = {{ nested = 1 }}\n", key.name), false);
        check(&validator, &format!("{} = 1979-05-27\n", key.name.to_uppercase()), false);
        whole += &line;
    }
    check(&validator, &whole, true);
}

#[test]
fn every_documented_example_is_right() {
    let validator = validator();
    let mut examples = 0;
    for page in ["README.md", "editors/nvim/README.md", "editors/vim/README.md", "editors/vscode/README.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for example in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            // Of other programs: Helix's and Taplo's.
            if !["[language-server", "[[rule]]"].iter().any(|other| example.contains(other)) {
                check(&validator, example, true);
                examples += 1;
            }
        }
    }
    assert!(examples >= 3, "only {examples} examples were found");
}

/// The settings page of VS Code: made of the schema by `npm run settings`, and held against the table itself here.
#[test]
fn the_extension_has_the_settings() {
    let manifest = fs::read_to_string(root().join("editors/vscode/package.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let groups = manifest["contributes"]["configuration"].as_array().expect("groups").clone();
    let mut properties = serde_json::Map::new();
    for group in groups {
        properties.extend(group["properties"].as_object().expect("properties").clone());
    }
    let how = "in editors/vscode: npm run settings";
    let names: BTreeSet<String> =
        properties.keys().filter(|name| !name.contains(".server.")).cloned().collect();
    // What counts in the person's own file alone is not offered where it would not count.
    let offered = || KEYS.iter().filter(|key| !matches!(key.trust(), Trust::Own(_)));
    let expected: BTreeSet<String> = offered().map(|key| format!("codesage.{}", key.name)).collect();
    assert_eq!(names, expected, "{how}");
    let schema = schema();
    let restricted = &manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"];
    for key in offered() {
        let name = format!("codesage.{}", key.name);
        let property = &properties[&name];
        let ours = format!("/properties/{}", key.name.replace('.', "/properties/"));
        let ours = schema.pointer(&ours).expect("it is in the schema");
        // JavaScript writes 1.0 as 1.
        let plain = |value: &Value| value.as_f64().map_or(value.clone(), |number| json!(number));
        assert_eq!(plain(&property["default"]), plain(&key.default()), "{name}: {how}");
        assert_eq!(property["enum"], ours["enum"], "{name}: {how}");
        let number = ours["oneOf"].as_array().and_then(|choices| choices.last()).unwrap_or(ours);
        for bound in ["minimum", "maximum"] {
            assert_eq!(plain(&property[bound]), plain(&number[bound]), "{name}: {how}");
        }
        let text = property["markdownDescription"].as_str().unwrap_or_default().to_lowercase();
        assert_eq!(text, format!("{}.", key.meaning).to_lowercase(), "{name}: {how}");
        // What a workspace's file may not say freely, a workspace's settings may not either before it is trusted.
        let is_held = property["scope"] == "machine"
            || restricted.as_array().is_some_and(|names| names.contains(&json!(name)));
        assert_eq!(is_held, key.trust() != Trust::Free, "{name}: {how}");
    }
}
