//! What goes out of the house: the crate, the image, the packages for Debian and Fedora. That each has what it needs and
//! no clutter; whether they work, making them shows (`make deb`, `make rpm`, `make docker`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What crates.io takes, compressed.
const MOST_BYTES: usize = 10 << 20;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest() -> Table {
    read("Cargo.toml").parse().unwrap()
}

/// Files of the crate, relative to its root, as cargo would pack them.
fn packed() -> BTreeSet<String> {
    let listed = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--quiet"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let files = String::from_utf8(listed.stdout).unwrap();
    files.lines().map(|file| file.replace('\\', "/")).collect()
}

/// Rust files below a folder, relative to the root.
fn sources(folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            sources(&path, found);
        } else if path.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// What the program's sources take in when they are compiled, tests aside: files, and folders with a slash behind.
fn taken_in() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources("src", &mut files);
    let mut taken = BTreeSet::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = read(file);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (macro_call, ending) in
            [("include_str!(\"", ""), ("include_bytes!(\"", ""), ("include_dir!(\"", "/")]
        {
            for rest in code.split(macro_call).skip(1) {
                let named = rest.split('"').next().unwrap();
                let path = match named.strip_prefix("$CARGO_MANIFEST_DIR/") {
                    Some(path) => PathBuf::from(path),
                    None => Path::new(file).parent().unwrap().join(named),
                };
                taken.insert(flat(&path) + ending);
            }
        }
    }
    assert!(taken.len() > 15, "{taken:?}");
    taken
}

/// Without `..`.
fn flat(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(parts.pop().expect("it stays in the package")),
            component => parts.push(component.as_os_str().to_str().unwrap()),
        }
    }
    parts.join("/")
}

#[test]
fn the_crate_has_what_building_takes() {
    let packed = packed();
    for needed in taken_in() {
        let is_there = match needed.strip_suffix('/') {
            Some(_) => packed.iter().any(|file| file.starts_with(&needed)),
            None => packed.contains(&needed),
        };
        assert!(is_there, "{needed} is in no list of Cargo.toml's");
    }
    let mut all = Vec::new();
    sources("src", &mut all);
    for file in all.iter().map(String::as_str).chain(["Cargo.toml", "Cargo.lock", "README.md", "LICENSE"]) {
        assert!(packed.contains(file), "{file}");
    }
}

#[test]
fn the_crate_has_no_clutter() {
    for file in packed() {
        let is_clutter =
            ["tests/", "editors/", "benches/", ".ci/", ".cargo/", "fixtures/source/", "fixtures/edits/"]
                .iter()
                .any(|folder| file.starts_with(folder));
        let is_recipe = file.starts_with("models/") && (file.ends_with(".py") || file.contains("/tests/"));
        assert!(!is_clutter && !is_recipe, "{file}");
    }
}

/// With the model, which hardly gets smaller.
#[cfg(unix)]
#[test]
fn the_crate_is_small_enough_for_the_registry() {
    let made = ["Cargo.toml.orig", ".cargo_vcs_info.json"];
    let files = packed().into_iter().filter(|file| !made.contains(&file.as_str()));
    let archive = Command::new("tar").args(["-czf", "-"]).args(files).current_dir(ROOT).output().unwrap();
    assert!(archive.status.success(), "{}", String::from_utf8_lossy(&archive.stderr));
    let bytes = archive.stdout.len();
    println!("{bytes} bytes of {MOST_BYTES}");
    assert!(bytes > 1 << 20 && bytes < MOST_BYTES, "{bytes} bytes, and {MOST_BYTES} are taken");
}

#[test]
fn the_manifest_says_what_registries_ask() {
    let package = manifest()["package"].clone();
    let text = |key: &str| package[key].as_str().unwrap().to_owned();
    for key in ["description", "license", "readme", "rust-version"] {
        assert!(!text(key).is_empty(), "{key}");
    }
    assert!(Path::new(ROOT).join(text("readme")).is_file());
    let list =
        |key: &str| package[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    // crates.io: five of each, a keyword of twenty letters.
    let keywords: Vec<String> = list("keywords").collect();
    assert!(keywords.len() <= 5 && keywords.iter().all(|word| word.len() <= 20), "{keywords:?}");
    assert!((1..=5).contains(&list("categories").count()));
}

/// Instructions of the Dockerfile, each on one line, without comments.
fn instructions() -> Vec<String> {
    let lines = read("Dockerfile");
    let lines: Vec<&str> = lines.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let whole = lines.join("\n").replace("\\\n", " ");
    whole
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|l| !l.is_empty())
        .collect()
}

/// What it copies out of this repository.
fn copied() -> Vec<String> {
    let own =
        instructions().into_iter().filter(|line| line.starts_with("COPY ") && !line.contains("--from="));
    own.flat_map(|line| {
        let mut words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        words.pop();
        words
    })
    .collect()
}

#[test]
fn the_image_is_built_of_files_that_are_there() {
    let copied = copied();
    assert!(copied.len() > 8, "{copied:?}");
    let allowed = read(".dockerignore");
    let allowed: Vec<&str> = allowed.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let covers = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for file in &copied {
        assert!(Path::new(ROOT).join(file).exists(), "{file}");
        assert!(allowed.iter().any(|allowed| covers(allowed, file)), "{file} is hidden by .dockerignore");
    }
    for needed in taken_in() {
        let needed = needed.trim_end_matches('/');
        assert!(copied.iter().any(|copied| covers(copied, needed)), "{needed} is not copied");
    }
    // The manifest names targets that have to be there.
    for (kind, folder) in [("test", "tests"), ("bench", "benches")] {
        for target in manifest()[kind].as_array().unwrap() {
            let file = format!("{folder}/{}.rs", target["name"].as_str().unwrap());
            assert!(copied.iter().any(|copied| covers(copied, &file)), "{file}");
        }
    }
}

#[test]
fn the_image_is_small_and_runs_as_nobody_in_particular() {
    let instructions = instructions();
    let stages: Vec<&String> = instructions.iter().filter(|line| line.starts_with("FROM ")).collect();
    let [build, run] = stages[..] else { panic!("{stages:?}") };
    let rust = manifest()["package"]["rust-version"].as_str().unwrap().to_owned();
    assert!(build.starts_with(&format!("FROM rust:{rust}-")) && run.contains("-slim"), "{build}, {run}");
    // glibc of one must be that of the other.
    let release = |image: &str| image.split(['-', ':', ' ']).any(|word| word == "bookworm");
    assert!(release(build) && release(run), "{build}, {run}");
    let last = |name: &str| instructions.iter().rposition(|line| line.starts_with(name)).expect(name);
    assert!(last("USER ") > last("RUN ") && !instructions[last("USER ")].contains("root"));
    assert_eq!(instructions[last("ENTRYPOINT ")], r#"ENTRYPOINT ["codesage"]"#);
}

/// Where each file of a package comes from.
fn assets(tool: &str) -> Vec<String> {
    let metadata = manifest()["package"]["metadata"][tool]["assets"].clone();
    let source = |asset: &Value| match asset {
        Value::Array(parts) => parts[0].as_str().unwrap().to_owned(),
        asset => asset["source"].as_str().unwrap().to_owned(),
    };
    metadata.as_array().unwrap().iter().map(source).collect()
}

#[test]
fn packages_hold_files_that_are_there_or_made() {
    let makefile = read("Makefile");
    for tool in ["deb", "generate-rpm"] {
        let assets = assets(tool);
        for made in ["target/packaging/bin/*", "target/packaging/man/*.1"] {
            assert!(assets.iter().any(|asset| asset == made), "{tool}: {made}");
        }
        for asset in assets {
            let is_made = makefile.contains(asset.trim_end_matches(".1").trim_end_matches("/*"));
            let is_there = Path::new(ROOT).join(&asset).is_file();
            assert!(is_there || (asset.starts_with("target/") && is_made), "{tool}: {asset}");
        }
    }
    let made = |tool: &str| -> BTreeSet<String> {
        assets(tool).into_iter().filter(|asset| asset.starts_with("target/")).collect()
    };
    assert_eq!(made("deb"), made("generate-rpm"));
}

/// The same files build on every architecture: nothing names one but the kernels that others pass over.
#[test]
fn nothing_is_for_one_architecture() {
    let config: Table = read(".cargo/config.toml").parse().unwrap();
    let keys: Vec<&String> = config.keys().collect();
    assert_eq!(keys, ["env"]);
    for name in ["Dockerfile", "Makefile"] {
        let text = read(name);
        for word in ["--platform", "target-cpu=x86", "amd64", "-march"] {
            assert!(!text.contains(word), "{name}: {word}");
        }
    }
}
