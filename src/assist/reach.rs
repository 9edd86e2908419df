//! Which file a path of a model's answer means, if it is one that may be touched.
//!
//! A model's text is not to be trusted, and neither is the file that prompted it: what it names must lie inside a
//! workspace folder, however it is spelt and whatever links lie on the way, and must be none that holds secrets, is
//! ignored, or steers Git. Refused rather than guessed (`edits.md` 6, `outside`). Looks at the disk, so it is
//! blocking; it reads no file and changes nothing.

use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::assist::Rules;
use crate::completion::Reason;
use crate::edit::guard::{Guard, Refusal};

/// Files of one answer at most.
pub const MOST_FILES: usize = 10;
/// Bytes of a path; no file system has longer ones.
const LONGEST: usize = 1024;
/// Names that mean a device on Windows, whatever their ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The file that `named` means, relative to the first workspace folder that has it, else to the first of all.
///
/// The result is the place where the file really is: of the deepest folder that exists, every link followed.
pub fn resolve(named: &str, rules: &Rules) -> Result<Url, Refusal> {
    let relative = relative(named)?;
    let roots = || rules.roots.iter().filter_map(|root| Some((root, root.canonicalize().ok()?)));
    let there = roots().find(|(_, real)| real.join(&relative).symlink_metadata().is_ok());
    let Some((root, real_root)) = there.or_else(|| roots().next()) else {
        return Err(refused(named, "there is no workspace folder to look in"));
    };
    let real = followed(&real_root.join(&relative))
        .ok_or_else(|| refused(named, "a link on the way leads nowhere or in a circle"))?;
    let Ok(inside) = real.strip_prefix(&real_root) else {
        return Err(refused(named, "a link on the way leads out of the workspace"));
    };
    if real.is_dir() {
        return Err(refused(named, "it is a folder"));
    }
    if real.ancestors().skip(1).find(|above| above.exists()).is_some_and(|above| !above.is_dir()) {
        return Err(refused(named, "a part of it is a file, and no folder"));
    }
    // The link's own name and what it leads to: neither may be forbidden.
    for inside in [relative.as_path(), inside] {
        if inside.components().any(|part| is_git(&part.as_os_str().to_string_lossy())) {
            return Err(refused(named, "it belongs to Git"));
        }
    }
    // As the editor spells the workspace, so that it is the document that is open.
    let shown = root.join(inside);
    for path in [&shown, &root.join(&relative)] {
        let uri =
            Url::from_file_path(path).map_err(|()| refused(named, "it has no place in the file system"))?;
        match rules.permission.refusal(&uri) {
            Some(Reason::OffSecret) => return Err(refused(named, "it looks like a file that holds secrets")),
            Some(_) => return Err(refused(named, "an ignore file or `context.ignore` excludes it")),
            None => {}
        }
    }
    Url::from_file_path(&shown).map_err(|()| refused(named, "it has no place in the file system"))
}

/// A plain relative path, or a refusal. What is written with escapes is what it is when they are read, once and twice.
fn relative(named: &str) -> Result<PathBuf, Refusal> {
    let mut spelling = named.trim().trim_matches('`').to_owned();
    for _ in 0..3 {
        check(named, &spelling)?;
        let decoded = percent_encoding::percent_decode_str(&spelling)
            .decode_utf8()
            .map_err(|_| refused(named, "its escapes are no text"))?
            .into_owned();
        if decoded == spelling {
            let path: PathBuf =
                Path::new(&spelling).components().filter(|part| *part != Component::CurDir).collect();
            return if path.as_os_str().is_empty() { Err(refused(named, "it is empty")) } else { Ok(path) };
        }
        spelling = decoded;
    }
    Err(refused(named, "it is escaped more than twice"))
}

/// What no spelling of a path may hold.
fn check(named: &str, path: &str) -> Result<(), Refusal> {
    let refuse = |why| Err(refused(named, why));
    if path.is_empty() {
        return refuse("it is empty");
    }
    if path.len() > LONGEST {
        return refuse("it is too long");
    }
    if path.chars().any(|c| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')) {
        return refuse("it has control characters");
    }
    // A scheme, a drive, a stream of NTFS; a backslash is a separator to some systems and a letter to others.
    if path.contains([':', '\\', '<', '>', '"', '|', '?', '*']) {
        return refuse("it has a character that only some systems allow in a name");
    }
    if path.starts_with(['/', '~', '$']) {
        return refuse("it is not relative to the workspace");
    }
    for part in path.split('/') {
        if part == ".." {
            return refuse("it leads upwards");
        }
        // Windows takes dots and blanks off the end of a name, so that it would mean another.
        if part != "." && part.ends_with(['.', ' ']) || part.starts_with(' ') {
            return refuse("a part of it begins with a blank, or ends with a blank or a dot");
        }
        let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let numbered = |name: &str| {
            stem.strip_prefix(name)
                .is_some_and(|rest| rest.chars().count() == 1 && !rest.starts_with(char::is_alphabetic))
        };
        if DEVICES.contains(&&*stem) || numbered("com") || numbered("lpt") {
            return refuse("a part of it names a device");
        }
        if is_git(part) {
            return refuse("it belongs to Git");
        }
    }
    Ok(())
}

/// `.git`, as any file system may spell it: case, and the short name of Windows.
fn is_git(part: &str) -> bool {
    let part: String = part.chars().flat_map(char::to_lowercase).collect();
    part == ".git" || part.starts_with("git~")
}

/// The path with all links followed as far as it exists; the rest as it is. `None` for a link that leads nowhere.
fn followed(path: &Path) -> Option<PathBuf> {
    let mut rest = Vec::new();
    let mut here = path;
    loop {
        match here.canonicalize() {
            Ok(real) => return Some(rest.iter().rev().fold(real, |path, part| path.join(part))),
            // There, and yet no place: a broken link.
            Err(_) if here.symlink_metadata().is_ok() => return None,
            Err(_) => {
                rest.push(here.file_name()?.to_owned());
                here = here.parent()?;
            }
        }
    }
}

fn refused(named: &str, why: &str) -> Refusal {
    let shown: String = named.chars().take(80).flat_map(char::escape_debug).collect();
    Refusal::new(
        Guard::Outside,
        format!(
            "The answer names the file `{shown}`: {why}. Only files inside the workspace are changed; name one by its path from the workspace folder."
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::Settings;

    /// A workspace with a source file, a secret, an ignored file, Git's folder, and links; and a folder outside of it.
    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("workspace");
        for (path, text) in [
            ("workspace/src/main.rs", "fn main() {}\n"),
            ("workspace/.env", "KEY=1\n"),
            ("workspace/.gitignore", "made/\n"),
            ("workspace/made/up.rs", "\n"),
            ("workspace/.git/config", "\n"),
            ("outside/secret.rs", "\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        #[cfg(unix)]
        for (link, target) in [
            ("out", "../outside"),
            ("out.rs", "../outside/secret.rs"),
            ("src/up", "../.."),
            ("broken.rs", "nowhere/at/all.rs"),
            ("circle.rs", "circle.rs"),
            ("git", ".git"),
            ("harmless.rs", ".env"),
            ("within.rs", "src/main.rs"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        (folder, root)
    }

    fn rules(root: &Path) -> Rules {
        Rules::new(Settings::default().into(), vec![root.to_path_buf()])
    }

    #[test]
    fn files_of_the_workspace() {
        let (_folder, root) = workspace();
        for (named, path) in [
            ("src/main.rs", "src/main.rs"),
            ("./src/main.rs", "src/main.rs"),
            ("src//main.rs", "src/main.rs"),
            ("`src/main.rs`", "src/main.rs"),
            ("src/a%20b.rs", "src/a b.rs"),
            ("new/folder/file.rs", "new/folder/file.rs"),
            ("größe.py", "größe.py"),
            (".github/workflows/ci.yml", ".github/workflows/ci.yml"),
            ("src/company.rs", "src/company.rs"),
            ("src/com.rs", "src/com.rs"),
            #[cfg(unix)]
            ("within.rs", "src/main.rs"),
        ] {
            let uri = resolve(named, &rules(&root)).unwrap_or_else(|refusal| panic!("{named}: {refusal}"));
            assert_eq!(uri.to_file_path().unwrap(), root.join(path), "{named}");
        }
    }

    /// Ways to say "outside", each written in every way that something on its way might read back.
    #[test]
    fn two_hundred_hostile_paths() {
        let (folder, root) = workspace();
        let secret = folder.path().join("outside/secret.rs");
        let absolute = secret.to_str().unwrap().to_owned();
        let mut hostile: Vec<String> = [
            "",
            " ",
            ".",
            "./",
            "/",
            "..",
            "../",
            "../outside/secret.rs",
            "src/../../outside/secret.rs",
            "./../outside/secret.rs",
            "src/./../../outside/secret.rs",
            "a/b/c/../../../../outside/secret.rs",
            "/etc/passwd",
            "//etc/passwd",
            "~/.bashrc",
            "~root/x",
            "$HOME/x",
            "C:\\Windows\\win.ini",
            "C:/Windows/win.ini",
            "c:secret.rs",
            "\\\\server\\share\\x",
            "\\\\?\\C:\\x",
            "//server/share/x",
            "..\\outside\\secret.rs",
            "src\\..\\..\\outside",
            "src/main.rs:stream",
            "src/main.rs::$DATA",
            "file:///etc/passwd",
            "file://src/main.rs",
            "http://example.org/x",
            "untitled:x",
            "vscode-remote://x/y",
            "data:text/plain,x",
            "javascript:x",
            ".git/config",
            ".git",
            ".GIT/config",
            ".Git/hooks/pre-commit",
            "sub/.git/config",
            "git~1/config",
            "GIT~1",
            ".env",
            "./.env",
            "src/../.env",
            "made/up.rs",
            "made/new.rs",
            "src",
            "src/",
            ".git ",
            ".git.",
            "src/main.rs.",
            " src/main.rs/x ",
            "src /main.rs",
            "con",
            "CON.rs",
            "aux.txt",
            "src/nul.rs",
            "com1",
            "COM9.txt",
            "lpt1.rs",
            "com¹",
            "prn/x",
            "conin$",
            "src/\u{202e}sr.niam",
            "src/\u{200b}main.rs",
            "\u{feff}src/main.rs",
            "src/ma\nin.rs",
            "src/main.rs\0",
            "\u{1b}[2J",
            "src/*.rs",
            "src/?.rs",
            "src/<x>.rs",
            "src/a|b.rs",
            "\"src/main.rs\"",
            "id_rsa",
            "keys/id_ed25519",
            ".npmrc",
            ".netrc",
            "server.pem",
            "%2e%2e/outside/secret.rs",
            "%252e%252e/outside/secret.rs",
            "..%2foutside%2fsecret.rs",
            "%2fetc%2fpasswd",
            "src/%2e%2e/%2e%2e/outside/secret.rs",
            "%00",
            "src/main.rs%00.txt",
            "src%5c..%5c..%5cx",
            "%ff%fe",
            "%25252e%25252e/x",
            ".%67it/config",
            "%2e%65nv",
            "C%3a/x",
        ]
        .map(str::to_owned)
        .to_vec();
        hostile.push(absolute.clone());
        hostile.push("a/".repeat(600) + "x");
        #[cfg(unix)]
        hostile.extend(
            [
                "out",
                "out/secret.rs",
                "out/new.rs",
                "out.rs",
                "src/up/outside/secret.rs",
                "src/up/workspace",
                "broken.rs",
                "broken.rs/x",
                "circle.rs",
                "circle.rs/x",
                "git/config",
                "git/hooks/x",
                "harmless.rs",
            ]
            .map(str::to_owned),
        );
        // The same again, escaped once, and with each letter escaped.
        let plain = hostile.clone();
        hostile.extend(plain.iter().map(|path| path.replace('/', "%2F")));
        hostile.extend(plain.iter().map(|path| path.bytes().map(|byte| format!("%{byte:02x}")).collect()));
        hostile.sort();
        hostile.dedup();
        assert!(hostile.len() >= 200, "{}", hostile.len());
        let rules = rules(&root);
        for path in &hostile {
            match resolve(path, &rules) {
                Ok(uri) => panic!("{path:?} leads to {uri}"),
                Err(refusal) => assert_eq!(refusal.guard, Guard::Outside, "{path:?}"),
            }
        }
    }

    #[test]
    fn a_refusal_says_which_file_and_why() {
        let (_folder, root) = workspace();
        let sentence = resolve("../x", &rules(&root)).unwrap_err().sentence;
        assert!(sentence.contains("`../x`") && sentence.contains("upwards"), "{sentence}");
        let nowhere = Rules::new(Settings::default().into(), Vec::new());
        let sentence = resolve("x.rs", &nowhere).unwrap_err().sentence;
        assert!(sentence.contains("no workspace folder"), "{sentence}");
    }
}
