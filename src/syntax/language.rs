//! The table of languages: a new one is a row here and a folder under `grammars/`.
//!
//! A row without a grammar still says how the language writes comments, strings and blocks, which is enough for
//! chunks by blank lines and for the end of a block by indentation. Nothing else in the program names a language.

mod table;
pub mod testing;

use std::path::Path;
use std::sync::OnceLock;

use tree_sitter::Query;

use crate::syntax::query::Queries;
use table::{PLAIN_TEXT, TABLE};
use testing::Testing;

/// A static row of the table.
pub struct Language {
    /// The LSP language identifier, and the folder name under `grammars/` where there is one.
    pub id: &'static str,
    /// Further identifiers clients send for it.
    pub aliases: &'static [&'static str],
    /// File name endings without the dot, or whole file names.
    pub extensions: &'static [&'static str],
    pub grammar: Option<Grammar>,
    pub line_comment: Option<&'static str>,
    pub block_comment: Option<(&'static str, &'static str)>,
    /// Characters that open and close a string. Used only where no tree tells.
    pub quotes: &'static str,
    pub blocks: Blocks,
    pub testing: Testing,
}

/// A tree-sitter grammar and its queries, compiled in from `grammars/<id>/`.
pub struct Grammar {
    pub language: fn() -> tree_sitter::Language,
    pub chunks: &'static str,
    pub scopes: &'static str,
    pub edits: &'static str,
    queries: OnceLock<Queries>,
}

/// How a language shows that a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// A closing brace or bracket.
    Braces,
    /// A line indented less (Python, YAML).
    Indentation,
    /// A closing keyword, indented as the line that opened the block (Ruby, Lua, shell).
    Keywords {
        /// Words that open a block wherever they stand in a line, if none of `close` follows there.
        open: &'static [&'static str],
        close: &'static [&'static str],
    },
}

impl Grammar {
    const fn new(
        language: fn() -> tree_sitter::Language,
        chunks: &'static str,
        scopes: &'static str,
        edits: &'static str,
    ) -> Self {
        Self { language, chunks, scopes, edits, queries: OnceLock::new() }
    }

    /// The queries, compiled on first use. May take some milliseconds then.
    pub fn queries(&self) -> &Queries {
        self.queries.get_or_init(|| {
            let language = (self.language)();
            let [chunks, scopes, edits] =
                [self.chunks, self.scopes, self.edits].map(|text| Query::new(&language, text).ok());
            Queries { chunks, scopes, edits }
        })
    }
}

impl Language {
    /// The row for a client's language identifier, else for the path's ending, else plain text.
    ///
    /// An identifier that says nothing (`plaintext`) gives way to the path. Neither is told apart by case.
    pub fn of(language_id: &str, path: &str) -> &'static Language {
        let same = |a: &&str, b: &str| a.eq_ignore_ascii_case(b);
        let by_id = TABLE.iter().find(|row| {
            same(&row.id, language_id) || row.aliases.iter().any(|alias| same(alias, language_id))
        });
        if let Some(row) = by_id
            && row.id != PLAIN_TEXT.id
        {
            return row;
        }
        let path = Path::new(path);
        let [name, ending] =
            [path.file_name(), path.extension()].map(|part| part.and_then(|part| part.to_str()));
        [name, ending]
            .into_iter()
            .flatten()
            .find_map(|part| TABLE.iter().find(|row| row.extensions.iter().any(|known| same(known, part))))
            .unwrap_or(&PLAIN_TEXT)
    }

    pub fn plain_text() -> &'static Language {
        &PLAIN_TEXT
    }

    /// All rows.
    pub fn all() -> impl Iterator<Item = &'static Language> {
        TABLE.iter().chain([&PLAIN_TEXT])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_are_found() {
        for (language_id, path, id) in [
            ("rust", "", "rust"),
            ("Rust", "a.py", "rust"),
            ("", "/a/b/main.rs", "rust"),
            ("unheard-of", "/a/b/main.PY", "python"),
            ("plaintext", "a.lua", "lua"),
            ("plaintext", "a.unknown", "plaintext"),
            ("", "/src/Makefile", "make"),
            ("", "/src/CMakeLists.txt", "cmake"),
            ("", "notes.txt", "plaintext"),
            ("typescriptreact", "a.tsx", "typescript"),
            ("sh", "", "shellscript"),
            ("", "a.el", "emacs-lisp"),
            ("", "", "plaintext"),
            ("", "/", "plaintext"),
        ] {
            assert_eq!(Language::of(language_id, path).id, id, "{language_id:?} {path:?}");
        }
    }

    #[test]
    fn no_name_stands_for_two_languages() {
        let mut names = HashSet::new();
        for row in Language::all() {
            for name in row.aliases.iter().chain([&row.id]) {
                assert!(names.insert(name.to_lowercase()), "{name} names two languages");
            }
        }
        let mut endings = HashSet::new();
        for ending in Language::all().flat_map(|row| row.extensions) {
            assert!(endings.insert(ending.to_lowercase()), "{ending} ends the names of two languages");
        }
    }

    #[test]
    fn all_queries_compile() {
        for row in Language::all() {
            let Some(grammar) = &row.grammar else { continue };
            for query in [grammar.chunks, grammar.scopes, grammar.edits] {
                if let Err(error) = Query::new(&(grammar.language)(), query) {
                    panic!("{}: {error}", row.id);
                }
            }
            let queries = grammar.queries();
            assert!(queries.chunks.is_some() && queries.scopes.is_some() && queries.edits.is_some());
        }
    }
}
