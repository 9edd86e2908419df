use super::*;
use crate::syntax::Language;

const RUST: &str = "use std::fmt;

/// Doc.
#[inline]
fn outer(a: u8) -> u8 {
    fn nested() {}
    a
}

impl A {
    /// Method.
    pub fn run(&self) {
        x();

        y();
    }

    fn other() {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn works() {}
}
";

const PYTHON: &str = "import os

@cache
@other(1)
async def f(a):
    \"\"\"Doc.\"\"\"
    def nested():
        pass
    return a


class A:
\tx = 1

\tdef m(self):
\t\treturn 'é🦀'";

fn document(language: &str, text: &str) -> Document {
    Document::new(Language::of(language, ""), 1, text)
}

/// `from` and `to` are looked for in the text; the selection is from the start of one to the end of the other.
/// The region is said as its first and last line.
fn check(language: &str, text: &str, action: Action, from: &str, to: &str, expected: &str) {
    let document = document(language, text);
    let start = text.find(from).unwrap();
    let end = if to.is_empty() { start } else { start + text[start..].find(to).unwrap() + to.len() };
    let actual = match choose(&document, start..end, action) {
        Ok(region) => {
            assert_eq!(document.slice(region.range.clone()), region.text);
            assert!(!region.text.ends_with(['\n', '\r']) && region.text.starts_with(&region.indent[..0]));
            let first = region.text.lines().next().unwrap();
            let last = region.text.lines().last().unwrap();
            let name = region.name.unwrap_or_default();
            format!("{:?} {name} {:?}: {first} … {last}", region.kind, region.indent)
        }
        Err(refusal) => refusal.guard.code().to_owned(),
    };
    assert_eq!(actual, expected, "{from:?} to {to:?}");
}

#[test]
fn an_empty_selection_is_the_innermost_chunk() {
    let rust = |from, expected| check("rust", RUST, Action::Edit, from, "", expected);
    rust("a: u8", "Function outer \"\": /// Doc. … }");
    rust("/// Doc", "Function outer \"\": /// Doc. … }");
    rust("nested", "Function outer \"\": /// Doc. … }");
    rust("x();", "Method run \"    \":     /// Method. …     }");
    rust("impl A", "Impl A \"\": impl A { … }");
    rust("works", "Test works \"    \":     #[test] …     fn works() {}");
    rust("fmt", "Imports  \"\": use std::fmt; … use std::fmt;");
    rust("\n\nimpl", "Function outer \"\": /// Doc. … }");
    rust("\nimpl", "empty");

    let python = |from, expected| check("python", PYTHON, Action::Edit, from, "", expected);
    python("async", "Function f \"\": @cache …     return a");
    python("pass", "Function f \"\": @cache …     return a");
    python("🦀", "Method m \"\\t\": \tdef m(self): … \t\treturn 'é🦀'");
    python("x = 1", "Class A \"\": class A: … \t\treturn 'é🦀'");

    check(
        "lua",
        "a = 1\n\nlocal function f()\n  g()\n\n  h()\nend\n",
        Action::Edit,
        "h()",
        "",
        "Block  \"\": local function f() … end",
    );
    check("rust", "", Action::Edit, "", "", "empty");
}

#[test]
fn an_action_passes_over_what_it_is_not_about() {
    check("rust", RUST, Action::Document, "fmt", "", "empty");
    check("rust", RUST, Action::UnitTest, "works", "", "empty");
    check("rust", RUST, Action::UnitTest, "x();", "", "Method run \"    \":     /// Method. …     }");
    check("rust", RUST, Action::Document, "x();", "", "Method run \"    \":     /// Method. …     }");
}

#[test]
fn a_selection_is_whole_lines() {
    let rust = |from, to, expected| check("rust", RUST, Action::Edit, from, to, expected);
    rust("();", "y", "Block run \"        \":         x(); …         y();");
    // What ends at column 0 does not have that line.
    rust("a\n", "a\n", "Block outer \"    \":     a …     a");
    rust("a\n}", "a\n}", "Block outer \"\":     a … }");
    rust("/// Doc", "}\n", "Block outer \"\": /// Doc. …     fn nested() {}");
    rust("/// Doc", "a\n}\n\n", "Function outer \"\": /// Doc. … }");
    rust("/// Doc", "/// Method.", "Block outer \"\": /// Doc. …     /// Method.");
    rust("\n\nimpl", "\n\n", "Block outer \"\": } … }");
    check("rust", "a\n\n\nb\n", Action::Edit, "\n\nb", "\n\n", "empty");
    check("python", "a()\r\n\r\nb()\r\n", Action::Edit, "\r\nb", "b", "Item  \"\": b() … b()");
    check(
        "python",
        "x\r\ndef f():\r\n\treturn 1",
        Action::Edit,
        "def",
        "1",
        "Function f \"\": def f(): … \treturn 1",
    );
}

#[test]
fn selections_of_a_client_are_clamped() {
    let document = document("rust", "fn é() {}\n");
    for selection in
        [Range { start: 99, end: 4 }, Range { start: 4, end: 99 }, Range { start: 4, end: usize::MAX }]
    {
        assert_eq!(choose(&document, selection, Action::Edit).unwrap().range, 0..10);
    }
    assert!(choose(&document, 99..99, Action::Edit).is_err());
}

fn check_relocated(then: &str, now: &str, expected: Option<usize>) {
    let (then, now) = (document("rust", &then.replace('|', "")), (now, then));
    let (now, marked) = now;
    let start = marked.find('|').unwrap();
    let end = marked.rfind('|').unwrap() - 1;
    let now = document("rust", now);
    let region = choose(&then, start..end, Action::Edit).unwrap();
    let found = relocate(&region, &then, &now);
    if let Ok(range) = &found {
        assert_eq!(now.slice(range.clone()), region.text);
    }
    assert_eq!(
        found.map(|range| range.start).map_err(|refusal| refusal.guard),
        expected.ok_or(Guard::Stale),
        "{marked:?} in {:?}",
        now.rope().to_string()
    );
}

#[test]
fn a_region_is_found_again_or_given_up() {
    check_relocated("|a();\nb();|\n", "a();\nb();\n", Some(0));
    check_relocated("x\n|a();\nb();|\n", "é\nmore\na();\nb();\nx\n", Some(8));
    check_relocated("x\n|a();|\n", "a();\n", Some(0));
    // Changed, even by a blank, or within a longer line.
    check_relocated("|a();\nb();|\n", "a();\nb(); \n", None);
    check_relocated("|a();\nb();|\n", "a();\n\nb();\n", None);
    check_relocated("|a();|\n", "ba();\n", None);
    check_relocated("|a();|\n", "", None);
    // Copies: the one that was there, as long as none came or went.
    check_relocated("a();\nx\n|a();|\ny\n", "a();\nx\nmore\na();\ny\n", Some(12));
    check_relocated("|a();|\nx\na();\ny\n", "a();\nx\nmore\na();\ny\n", Some(0));
    check_relocated("|a();|\n", "a();\na();\n", None);
    check_relocated("a();\nx\n|a();|\n", "a();\nx\n", None);
    check_relocated("x\r\n|a();|\r\n", "y\r\nx\r\na();\r\n", Some(6));
}

/// What an error is about goes with its region, else with its lines, or is given up.
#[test]
fn places_are_followed() {
    let old = "x = 1\ndef f():\n    return y\n\nz = 2\n";
    let then = document("python", old);
    let at = old.find("def").unwrap();
    let region = choose(&then, at..at, Action::Fix).unwrap();
    for (wanted, new, expected) in [
        ("y", old.to_owned(), Some("y")),
        ("y", format!("import os\n\n{old}"), Some("y")),
        (
            "y",
            old.replace("def f():\n    return y\n\nz = 2\n", "z = 2\n\ndef f():\n    return y\n"),
            Some("y"),
        ),
        ("z", format!("import os\n\n{old}"), Some("z")),
        ("z", old.replace("return y", "return y + 1"), Some("z")),
        ("z", old.replace("z = 2", "z = 3"), None),
        ("y", old.replace("return y", "return -y"), None),
    ] {
        let start = old.find(wanted).unwrap();
        let found = follow(&(start..start + 1), &region, &then, &document("python", &new));
        assert_eq!(found.map(|range| &new[range]), expected, "{wanted} in {new}");
    }
}
