//! The folder that a file is worked on in, where no editor says which: settings, own actions, ignore files, the
//! journal's name for it and the fence that no edit leaves all go by this one.
//!
//! Where somebody stands is no part of it as long as the file itself can tell: the same file has the same workspace
//! from everywhere, as it has in an editor.

use std::path::{Path, PathBuf};

/// What a workspace's folder holds. Any one of them will do, as a file or as a folder: `.git` is a file in a worktree.
const MARKS: [&str; 3] = [".git", ".codesage", "codesage.toml"];

/// Of a file: the nearest folder above it with a mark; where there is none the folder that the person stands in, if the
/// file is below it; else its own. `file` is whole and has its links followed.
pub fn of(file: &Path) -> PathBuf {
    of_file(file, here().as_deref())
}

/// Of the folder that the person stands in: the nearest at or above it with a mark, else itself. None where it was
/// removed meanwhile.
pub fn of_here() -> Option<PathBuf> {
    let here = here()?;
    Some(marked(&here).unwrap_or(&here).to_path_buf())
}

fn of_file(file: &Path, here: Option<&Path>) -> PathBuf {
    let own = file.parent().unwrap_or(file);
    let above = || here.filter(|here| own.starts_with(here));
    marked(own).or_else(above).unwrap_or(own).to_path_buf()
}

/// The nearest folder with a mark.
fn marked(folder: &Path) -> Option<&Path> {
    // A link counts wherever it leads: somebody put it there.
    let is_marked = |folder: &&Path| MARKS.iter().any(|mark| folder.join(mark).symlink_metadata().is_ok());
    folder.ancestors().find(is_marked)
}

fn here() -> Option<PathBuf> {
    std::env::current_dir().and_then(|here| here.canonicalize()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_mark_then_where_one_stands_then_the_files_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for made in
            ["bare/sub", "git/.git", "git/sub/deep", "own/.codesage/actions", "own/sub", "set/sub/.git"]
        {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        fs::write(root.join("set/codesage.toml"), "").unwrap();
        fs::create_dir(root.join("tree")).unwrap();
        fs::write(root.join("tree/.git"), "gitdir: ../git/.git\n").unwrap();
        for (file, here, expected) in [
            ("git/a.rs", "git", "git"),
            ("git/sub/deep/a.rs", "git/sub/deep", "git"),
            ("git/sub/a.rs", "bare", "git"),
            ("own/sub/a.rs", "own/sub", "own"),
            ("own/.codesage/actions/a.md", "", "own"),
            ("set/a.rs", "set/sub", "set"),
            // The nearest of several.
            ("set/sub/a.rs", "set", "set/sub"),
            ("tree/a.rs", "", "tree"),
            ("bare/sub/a.rs", "bare", "bare"),
            ("bare/sub/a.rs", "bare/sub", "bare/sub"),
            ("bare/a.rs", "bare/sub", "bare"),
            ("bare/a.rs", "git", "bare"),
            // Not one that only begins like it.
            ("bare/sub/a.rs", "ba", "bare/sub"),
        ] {
            let (file, here) = (root.join(file), root.join(here));
            assert_eq!(of_file(&file, Some(&here)), root.join(expected), "{file:?} from {here:?}");
        }
        assert_eq!(of_file(&root.join("bare/sub/a.rs"), None), root.join("bare/sub"));
        assert_eq!(marked(&root.join("own/sub")), Some(&*root.join("own")));
    }
}
