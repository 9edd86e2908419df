//! Where the people of a language put their unit tests, and how one begins: columns of the table.
//!
//! In patterns, `{stem}` is the name of the tested file without its ending, `{ext}` that ending, `{name}` the name of
//! what is tested or of the block, `{module}` the tested module's path as an import writes it.

/// A language's way with unit tests.
#[derive(Clone, Copy, Debug)]
pub struct Testing {
    /// How every test begins, at no indentation; empty where that cannot be said.
    pub opening: &'static str,
    /// What comes first in every new place of tests; empty where nothing does. With `{name}` it is a name that
    /// is imported.
    pub import: &'static str,
    pub home: Home,
    /// Empty lines between one test and the next.
    pub blank_lines: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum Home {
    Block(Block),
    File(File),
}

/// Tests stand in a block at the end of the tested file; the edits query finds it as `@tests`.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// What a new block begins with.
    pub head: &'static str,
    /// What ends it.
    pub foot: &'static str,
    /// Where a block without a body has it, relative to the folder of the tested file.
    pub elsewhere: &'static [&'static str],
    /// Tested files with one of these stems stand for their folder.
    pub folder_stems: &'static [&'static str],
    /// Of those, where a block without a body has it.
    pub elsewhere_of_folder: &'static [&'static str],
}

/// Tests stand in a file of their own.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Names for it, the usual one first.
    pub names: &'static [&'static str],
    /// Folders for it, the usual one first, beside the tested file or at the root of its project; none where it
    /// stands beside the tested file.
    pub folders: &'static [&'static str],
    pub modules: Option<Modules>,
}

/// How the path of a file becomes the name of a module.
#[derive(Clone, Copy, Debug)]
pub struct Modules {
    /// Folders that hold modules and are none.
    pub roots: &'static [&'static str],
    /// The file that makes a folder a module, and its stem.
    pub folder_file: &'static str,
    pub folder_stem: &'static str,
    pub separator: &'static str,
}

/// What is assumed of a language of which no more is known.
pub const BESIDE: Testing = beside(&["{stem}_test.{ext}"]);

/// Files of their own, beside the tested one.
pub const fn beside(names: &'static [&'static str]) -> Testing {
    Testing {
        opening: "",
        import: "",
        home: Home::File(File { names, folders: &[], modules: None }),
        blank_lines: 1,
    }
}
