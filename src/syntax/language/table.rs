//! The rows: data alone. What their fields mean stands in `language`.

use super::testing::{BESIDE, Block, File, Home, Modules, Testing, beside};
use super::{Blocks, Grammar, Language};

/// What most rows have: no grammar, strings in double or single quotes, braces.
const ROW: Language = Language {
    id: "",
    aliases: &[],
    extensions: &[],
    grammar: None,
    line_comment: None,
    block_comment: None,
    quotes: "\"'",
    blocks: Blocks::Braces,
    testing: BESIDE,
};

/// A row whose comments are those of C.
const C_LIKE: Language = Language { line_comment: Some("//"), block_comment: Some(("/*", "*/")), ..ROW };

pub static PLAIN_TEXT: Language = Language {
    id: "plaintext",
    aliases: &["text", "plain"],
    extensions: &["txt"],
    quotes: "",
    blocks: Blocks::Indentation,
    ..ROW
};

pub static TABLE: [Language; 43] = [
    Language {
        id: "rust",
        extensions: &["rs"],
        grammar: Some(Grammar::new(
            || tree_sitter_rust::LANGUAGE.into(),
            include_str!("../../../grammars/rust/chunks.scm"),
            include_str!("../../../grammars/rust/scopes.scm"),
            include_str!("../../../grammars/rust/edits.scm"),
        )),
        quotes: "\"",
        testing: Testing {
            opening: "#[test]\nfn ",
            import: "use super::*;",
            home: Home::Block(Block {
                head: "#[cfg(test)]\nmod tests {",
                foot: "}",
                elsewhere: &["{stem}/{name}.rs", "{stem}/{name}/mod.rs"],
                folder_stems: &["mod", "lib", "main"],
                elsewhere_of_folder: &["{name}.rs", "{name}/mod.rs"],
            }),
            blank_lines: 1,
        },
        ..C_LIKE
    },
    Language {
        id: "python",
        aliases: &["python3", "py"],
        extensions: &["py", "pyi", "pyw"],
        grammar: Some(Grammar::new(
            || tree_sitter_python::LANGUAGE.into(),
            include_str!("../../../grammars/python/chunks.scm"),
            include_str!("../../../grammars/python/scopes.scm"),
            include_str!("../../../grammars/python/edits.scm"),
        )),
        line_comment: Some("#"),
        blocks: Blocks::Indentation,
        testing: Testing {
            opening: "def test_{name}",
            import: "from {module} import {name}",
            home: Home::File(File {
                names: &["test_{stem}.py", "{stem}_test.py"],
                folders: &["tests", "test"],
                modules: Some(Modules {
                    roots: &["src", "lib"],
                    folder_file: "__init__.py",
                    folder_stem: "__init__",
                    separator: ".",
                }),
            }),
            blank_lines: 2,
        },
        ..ROW
    },
    Language { id: "c", extensions: &["c", "h"], ..C_LIKE },
    Language {
        id: "cpp",
        aliases: &["c++", "cuda-cpp", "objective-cpp"],
        extensions: &["cc", "cpp", "cxx", "c++", "hh", "hpp", "hxx", "ipp", "inl", "cu", "cuh", "mm"],
        ..C_LIKE
    },
    Language { id: "objective-c", aliases: &["objc"], extensions: &["m"], ..C_LIKE },
    Language { id: "csharp", aliases: &["c#", "cs"], extensions: &["cs", "csx"], ..C_LIKE },
    Language { id: "dart", extensions: &["dart"], ..C_LIKE },
    Language { id: "go", aliases: &["golang"], extensions: &["go"], quotes: "\"'`", ..C_LIKE },
    Language { id: "groovy", extensions: &["groovy", "gradle"], ..C_LIKE },
    Language { id: "java", extensions: &["java"], ..C_LIKE },
    Language {
        id: "javascript",
        aliases: &["javascriptreact", "jsx", "js"],
        extensions: &["js", "jsx", "mjs", "cjs"],
        quotes: "\"'`",
        testing: beside(&["{stem}.test.{ext}", "{stem}.spec.{ext}"]),
        ..C_LIKE
    },
    Language {
        id: "typescript",
        aliases: &["typescriptreact", "tsx", "ts"],
        extensions: &["ts", "tsx", "mts", "cts"],
        quotes: "\"'`",
        testing: beside(&["{stem}.test.{ext}", "{stem}.spec.{ext}"]),
        ..C_LIKE
    },
    Language { id: "kotlin", extensions: &["kt", "kts"], ..C_LIKE },
    Language { id: "php", extensions: &["php"], ..C_LIKE },
    Language { id: "proto", aliases: &["proto3", "protobuf"], extensions: &["proto"], ..C_LIKE },
    Language { id: "scala", extensions: &["scala", "sc"], ..C_LIKE },
    Language { id: "swift", extensions: &["swift"], quotes: "\"", ..C_LIKE },
    Language { id: "zig", extensions: &["zig"], line_comment: Some("//"), ..ROW },
    Language {
        id: "json",
        aliases: &["jsonc", "json5", "jsonl"],
        extensions: &["json", "jsonc", "json5"],
        quotes: "\"",
        ..C_LIKE
    },
    Language { id: "css", extensions: &["css"], block_comment: Some(("/*", "*/")), ..ROW },
    Language { id: "scss", aliases: &["less", "sass"], extensions: &["scss", "less"], ..C_LIKE },
    Language {
        id: "html",
        aliases: &["xhtml", "vue", "svelte"],
        extensions: &["html", "htm", "vue", "svelte"],
        ..MARKUP
    },
    Language {
        id: "xml",
        aliases: &["xsl", "svg"],
        extensions: &["xml", "xsl", "xsd", "svg", "plist"],
        ..MARKUP
    },
    Language {
        id: "markdown",
        aliases: &["md", "mdx"],
        extensions: &["md", "markdown", "mdx"],
        quotes: "",
        ..MARKUP
    },
    Language {
        id: "restructuredtext",
        aliases: &["rst"],
        extensions: &["rst"],
        quotes: "",
        blocks: Blocks::Indentation,
        ..ROW
    },
    Language {
        id: "latex",
        aliases: &["tex", "bibtex"],
        extensions: &["tex", "sty", "cls"],
        line_comment: Some("%"),
        quotes: "",
        blocks: Blocks::Indentation,
        ..ROW
    },
    Language {
        id: "yaml",
        aliases: &["yml"],
        extensions: &["yaml", "yml"],
        blocks: Blocks::Indentation,
        ..HASH
    },
    Language { id: "toml", extensions: &["toml", "Cargo.lock"], ..HASH },
    Language {
        id: "ini",
        aliases: &["properties", "dosini"],
        extensions: &["ini", "cfg", "conf", "properties"],
        quotes: "",
        blocks: Blocks::Indentation,
        ..HASH
    },
    Language {
        id: "dockerfile",
        extensions: &["Dockerfile", "Containerfile"],
        blocks: Blocks::Indentation,
        ..HASH
    },
    Language {
        id: "make",
        aliases: &["makefile"],
        extensions: &["Makefile", "GNUmakefile", "mk"],
        blocks: Blocks::Indentation,
        ..HASH
    },
    Language { id: "cmake", extensions: &["cmake", "CMakeLists.txt"], quotes: "\"", ..HASH },
    Language { id: "nix", extensions: &["nix"], block_comment: Some(("/*", "*/")), quotes: "\"", ..HASH },
    Language { id: "r", extensions: &["r"], ..HASH },
    Language { id: "perl", extensions: &["pl", "pm"], ..HASH },
    Language {
        id: "shellscript",
        aliases: &["shell", "sh", "bash", "zsh", "fish"],
        extensions: &["sh", "bash", "zsh", "fish", "bashrc", "zshrc", "PKGBUILD"],
        blocks: Blocks::Keywords {
            open: &["then", "do", "else", "in", "{"],
            close: &["fi", "done", "esac", "end"],
        },
        ..HASH
    },
    Language {
        id: "ruby",
        extensions: &["rb", "rake", "gemspec", "Gemfile", "Rakefile"],
        blocks: Blocks::Keywords {
            open: &[
                "def", "class", "module", "do", "begin", "else", "elsif", "ensure", "rescue", "case", "when",
                "then",
            ],
            close: &["end"],
        },
        ..HASH
    },
    Language {
        id: "elixir",
        extensions: &["ex", "exs"],
        quotes: "\"",
        blocks: Blocks::Keywords { open: &["do", "fn", "else", "rescue", "after"], close: &["end"] },
        ..HASH
    },
    Language {
        id: "lua",
        extensions: &["lua"],
        line_comment: Some("--"),
        block_comment: Some(("--[[", "]]")),
        blocks: Blocks::Keywords {
            open: &["function", "then", "do", "else", "repeat"],
            close: &["end", "until"],
        },
        ..ROW
    },
    Language {
        id: "vim",
        aliases: &["viml", "vimscript"],
        extensions: &["vim", "vimrc"],
        // A comment begins with the character that also begins a string; only a line's first one is sure.
        quotes: "'",
        blocks: Blocks::Keywords {
            open: &[
                "function",
                "function!",
                "if",
                "else",
                "elseif",
                "for",
                "while",
                "try",
                "catch",
                "finally",
            ],
            close: &["endfunction", "endif", "endfor", "endwhile", "endtry"],
        },
        ..ROW
    },
    Language {
        id: "haskell",
        extensions: &["hs"],
        line_comment: Some("--"),
        block_comment: Some(("{-", "-}")),
        quotes: "\"",
        blocks: Blocks::Indentation,
        ..ROW
    },
    Language {
        id: "sql",
        aliases: &["plsql", "mysql", "postgres"],
        extensions: &["sql"],
        line_comment: Some("--"),
        block_comment: Some(("/*", "*/")),
        blocks: Blocks::Indentation,
        ..ROW
    },
    Language {
        id: "emacs-lisp",
        aliases: &["elisp", "lisp", "commonlisp", "scheme", "clojure"],
        extensions: &["el", "lisp", "scm", "clj"],
        line_comment: Some(";"),
        quotes: "\"",
        blocks: Blocks::Indentation,
        ..ROW
    },
];

/// A row of marked-up text: prose, where an apostrophe is no quote.
const MARKUP: Language =
    Language { block_comment: Some(("<!--", "-->")), quotes: "\"", blocks: Blocks::Indentation, ..ROW };

/// A row whose comments begin with a hash.
const HASH: Language = Language { line_comment: Some("#"), ..ROW };
