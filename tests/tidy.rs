//! The rules of the house that no compiler checks. Each failure names the file, the line and the rule.
//!
//! The floors are not written here: they are read from the map in the crate's documentation, so that the map cannot
//! say one thing and the code do another.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A Rust file of the package.
struct Source {
    /// Relative to the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Where a rule is broken: `path:line`.
    fn at(&self, line: usize) -> String {
        format!("{}:{}", self.path, line + 1)
    }

    /// Numbered from 0, without comments and string literals; tests included.
    fn code(&self) -> Vec<String> {
        code_lines(&self.text)
    }

    /// The room of `src/` that this file is in: `lsp` for `src/lsp.rs` and all below `src/lsp/`.
    fn room(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        let first = rest.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            let inside = self.path.strip_prefix(place);
            inside.is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
        })
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    for folder in folders {
        collect(&Path::new(ROOT).join(folder), &mut files);
    }
    files.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/"),
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines with comments and the insides of literals blanked, so that rules about code see only code.
fn code_lines(text: &str) -> Vec<String> {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest, code.chars().next_back()) {
            length
        } else if first == '"' {
            string(rest)
        } else if let Some(length) = character(rest) {
            length
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    code.split('\n').map(str::to_owned).collect()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (offset, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string(text: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') && before != Some('b') {
        return None;
    }
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = rest[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close)?;
    Some(1 + hashes + 1 + end + close.len())
}

/// A character literal, and not a lifetime.
fn character(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    if let Some(escape) = rest.strip_prefix('\\') {
        let skipped = escape.chars().next()?.len_utf8();
        return Some(2 + skipped + escape[skipped..].find('\'')? + 1);
    }
    let length = rest.chars().next()?.len_utf8();
    rest[length..].starts_with('\'').then_some(1 + length + 1)
}

/// Whether `word` stands in `line`, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .any(|(at, _)| !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next()))
}

/// Fails with every broken rule at once.
fn hold(rule: &str, broken: Vec<String>) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

/// The lines of `files` whose code has one of `words`.
fn lines_with<'a>(files: impl IntoIterator<Item = &'a Source>, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in files {
        for (number, line) in source.code().iter().enumerate() {
            for word in words {
                if has_word(line, word) {
                    found.push(format!("{}: {word}", source.at(number)));
                }
            }
        }
    }
    found
}

/// The rooms of the map, highest first.
fn floors() -> Vec<String> {
    let map = fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.filter_map(|row| row.split_once("`]")).map(|(room, _)| room.to_owned()).collect()
}

/// Rooms that a line of code names by `crate::room` or `crate::{room, room::x}`.
fn named_rooms(code: &[String], rooms: &[String]) -> BTreeSet<(usize, String)> {
    let mut named = BTreeSet::new();
    let text = code.join("\n");
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].matches('\n').count();
        let rest = &text[at + "crate::".len()..];
        let mut names = Vec::new();
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut name)),
                    _ => name.push(c),
                }
            }
            names.push(name);
        } else {
            names.push(rest.chars().take(60).collect());
        }
        for name in names {
            let first: String =
                name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if rooms.contains(&first) {
                named.insert((line, first));
            }
        }
    }
    named
}

#[test]
fn rooms_name_only_rooms_below() {
    let rooms = floors();
    let mut modules: Vec<String> = fs::read_to_string(Path::new(ROOT).join("src/lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    let mut mapped = rooms.clone();
    modules.sort();
    mapped.sort();
    assert_eq!(modules, mapped, "the map in src/lib.rs has one row for each room");

    let height = |room: &str| rooms.iter().position(|other| other == room);
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        let Some(here) = source.room().and_then(height) else {
            continue;
        };
        for (line, named) in named_rooms(&source.code(), &rooms) {
            if height(&named).is_some_and(|there| there < here) {
                broken.push(format!("{}: names `{named}`, which is above", source.at(line)));
            }
        }
    }
    hold("A room names only rooms below it (the map in src/lib.rs).", broken);
}

#[test]
fn files_say_what_they_are_and_stay_readable() {
    let mut broken = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        let name = source.path.rsplit('/').next().unwrap();
        // The tests of the file above them; that one says what they are about.
        let speaks_for_itself = name != "tests.rs";
        if speaks_for_itself && !source.text.starts_with("//! ") {
            broken.push(format!("{}: begins with `//!` and what it is", source.at(0)));
        }
        if name == "mod.rs" {
            broken.push(format!("{}: is `foo.rs` beside `foo/`", source.path));
        }
        if ["utils", "util", "helpers", "common", "manager", "misc"]
            .iter()
            .any(|bad| source.path.split('/').any(|part| part.strip_suffix(".rs").unwrap_or(part) == *bad))
        {
            broken.push(format!("{}: has a name that says what it does", source.path));
        }
        // Tests at its end are not what makes a file hard to read.
        let code = source.text.split("\n#[cfg(test)]\nmod tests {").next();
        let lines = code.map_or(0, |code| code.lines().count());
        if source.path.starts_with("src/") && name != "tests.rs" && lines > 400 {
            broken.push(format!("{}: has at most 400 lines, not {lines}", source.path));
        }
    }
    hold("A file:", broken);
}

#[test]
fn the_edges_keep_to_themselves() {
    let all = sources(&["src"]);
    let outside = |places: &'static [&'static str]| all.iter().filter(move |source| !source.is_in(places));
    hold(
        "Only `lsp` names the protocol's crates.",
        lines_with(outside(&["src/lsp"]), &["tower_lsp", "lsp_types"]),
    );
    let llama = lines_with(outside(&["src/engine/llama"]), &["llama_cpp_2", "llama_cpp_sys_2"]);
    hold("Only `engine::llama` names llama.cpp's crates.", llama);
    hold("`unsafe` stands only in `engine::llama`.", lines_with(outside(&["src/engine/llama"]), &["unsafe"]));
    // No decode may ever shift the whole cache: no position is changed, only appended or cut off.
    let shifts = ["kv_cache_seq_add", "kv_cache_seq_div", "llama_memory_seq_add", "llama_memory_seq_div"];
    hold("Nothing shifts the KV cache.", lines_with(all.iter(), &shifts));
    // Source text leaves the process nowhere else, and there only for a server that runs on the same machine.
    let network = ["ureq", "TcpStream", "TcpListener", "UdpSocket", "UnixStream", "UnixListener"];
    hold(
        "Only `bench replay --against`, `models pull` and the server that a person names open a connection.",
        lines_with(
            outside(&["src/cli/bench/replay/infill", "src/models/fetch", "src/engine/remote", "src/net"]),
            &network,
        ),
    );
    hold(
        "Only `models pull` fetches: no server, no other command does.",
        lines_with(outside(&["src/cli/models/pull", "src/models/fetch", "src/models"]), &["fetch"]),
    );
    let printing = outside(&["src/cli", "src/main"]).filter(|source| !source.path.ends_with("/tests.rs"));
    hold(
        "Standard output is the wire: only the command line prints.",
        lines_with(printing, &["println!", "print!", "eprintln!", "eprint!", "dbg!"]),
    );
    hold(
        "Nothing is printed to descriptor 1, not even by the command line.",
        lines_with(&all, &["println!", "print!"]),
    );
}

#[test]
fn the_core_is_pure() {
    let core = ["completion", "prompt", "edit", "context", "text", "syntax"];
    let files = sources(&["src"]);
    let core = files.iter().filter(|source| source.room().is_some_and(|room| core.contains(&room)));
    let impure = ["async", "await", "tokio", "SystemTime", "std::fs", "std::net", "std::process", "std::env"];
    hold("The core knows no async, clock, file or process.", lines_with(core.clone(), &impure));
    // A parse has no other bound; that file says why.
    let clockless = core.filter(|source| source.path != "src/syntax/patience.rs");
    hold("The core knows no clock.", lines_with(clockless, &["Instant"]));
}

#[test]
fn every_unsafe_says_why_it_is_sound() {
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        let lines: Vec<&str> = source.text.split('\n').collect();
        for (number, line) in source.code().iter().enumerate() {
            let opens_block = line.contains("unsafe {") || line.contains("unsafe impl");
            let above = lines[..number].iter().rev().take_while(|line| {
                let line = line.trim_start();
                line.starts_with("//") || !(line.ends_with(';') || line.ends_with('}') || line.is_empty())
            });
            let said =
                lines[number].contains("SAFETY:") || above.into_iter().any(|line| line.contains("SAFETY:"));
            if opens_block && !said {
                broken.push(source.at(number));
            }
        }
    }
    hold("An `unsafe` block has `// SAFETY:` above it.", broken);
}

#[test]
fn nothing_is_left_for_later_or_waved_through() {
    let all = sources(&["src", "tests", "benches"]);
    hold("No code is left to write.", lines_with(&all, &["todo!", "unimplemented!"]));
    let mut broken = Vec::new();
    for source in &all {
        for (number, line) in source.code().iter().enumerate() {
            let bare = line.replace(' ', "");
            if bare.contains("#[allow(") || bare.contains("#![allow(") {
                broken.push(format!("{}: `#[expect(…, reason = …)]`, never `allow`", source.at(number)));
            }
            if bare.contains("#[ignore") {
                broken.push(format!("{}: a test runs or is not there", source.at(number)));
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            for mark in ["TODO", "XXX", "HACK"] {
                // In quotes it is a word, not a mark.
                if has_word(comment, mark) && !comment.contains(&format!("\"{mark}")) {
                    broken.push(format!("{}: {mark}", source.at(number)));
                }
            }
            let is_fixme = comment.trim_start_matches(['/', '!', ' ']).starts_with("FIXME");
            let reason = comment.split_once("FIXME: ").map_or("", |(_, reason)| reason);
            if is_fixme && reason.len() < 10 {
                broken.push(format!("{}: `FIXME: ` and its reason", source.at(number)));
            }
        }
    }
    hold("Nothing is waved through.", broken);
}

/// Addresses of the machines that the project was built on are of no use to anyone else, and break for everyone.
#[test]
fn no_file_depends_on_a_machine() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(ROOT).output();
    let Some(listed) = listed.ok().filter(|listed| listed.status.success()) else {
        // A source archive: there the files are those that were checked before it was made.
        return;
    };
    // Written in two parts, so that this file does not find itself.
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let hosts = [concat!("arti", "factory"), concat!("nex", "us.")];
    let mut broken = Vec::new();
    for name in String::from_utf8(listed.stdout)
        .unwrap()
        .split('\0')
        // Tables of cases may name any path: none of them is opened.
        .filter(|name| !name.is_empty() && !name.ends_with("/tests.rs"))
    {
        let Ok(text) = fs::read_to_string(Path::new(ROOT).join(name)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let bad = places.iter().find(|place| stands_as_path(line, place));
            let bad = bad.or_else(|| hosts.iter().find(|host| line.contains(**host)));
            if let Some(bad) = bad {
                broken.push(format!("{name}:{}: {bad}", number + 1));
            }
        }
        let is_lock = name == "Cargo.lock";
        for (number, line) in text.lines().enumerate().filter(|_| is_lock) {
            let source = line.strip_prefix("source = ");
            if source.is_some_and(|source| !source.contains("github.com/rust-lang/crates.io-index")) {
                broken.push(format!("{name}:{}: a registry that is not crates.io", number + 1));
            }
        }
    }
    hold("No file names a machine's own place.", broken);
}

/// `/x/` at the start of a path, not inside a longer one or an address.
fn stands_as_path(line: &str, place: &str) -> bool {
    line.match_indices(place)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "./_-~*}$>".contains(c)))
}

#[test]
fn literals_and_comments_are_not_code() {
    let text = "let a = \"unsafe // x\"; // unsafe\nlet b = r#\"println!(\"x\")\"#;\nlet c = '\"'; let d: &'a str = \"\";\nlet e = '\\''; /* unsafe\n */ f();";
    let lines = code_lines(text);
    assert_eq!(lines, ["let a = ; ", "let b = ;", "let c = ; let d: &'a str = ;", "let e = ; ", " f();"]);
    let rooms = ["lsp", "text"].map(str::to_owned);
    let named = named_rooms(&["use crate::{log, text::{A, lsp}};".into(), "crate::lsp::x()".into()], &rooms);
    assert_eq!(named.into_iter().collect::<Vec<_>>(), [(0, "text".to_owned()), (1, "lsp".to_owned())]);
    assert!(
        has_word("a unsafe{", "unsafe")
            && !has_word("unsafe_x", "unsafe")
            && has_word("println!(", "println!")
    );
    assert!(!has_word("eprintln!(", "println!"));
}
