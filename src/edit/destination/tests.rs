use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::edit::guard::{Change, Verdict, check as guard};
use crate::edit::region::{choose, relocate};
use crate::edit::{Action, Yield};

/// What a model writes after an opening.
const RUST: &str = "doubles() {\n        assert_eq!(double(2), 4);\n    }";
const PYTHON: &str = "():\n    assert double(2) == 4\n";

/// A place for a test of what stands at `|`, among `files`.
fn place(language: &str, path: &str, text: &str, files: &[(&str, &str)]) -> Destination {
    let at = text.find('|').unwrap();
    let document = Document::new(Language::of(language, path), 1, &text.replace('|', ""));
    let region = choose(&document, at..at, Action::UnitTest).unwrap();
    let existing =
        |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned());
    of(&document, &region, path, &existing)
}

/// The path and the new text; every result must be one that the guard of unit tests applies.
fn check(destination: &Destination, rest: &str, expected: Expect) {
    let answer = format!("{}{rest}", destination.opening);
    let text = destination.place(&answer).unwrap();
    let document =
        Document::new(destination.language, 1, destination.existing.as_deref().unwrap_or_default());
    let change = Change {
        action: Action::UnitTest,
        brings: Yield::Addition,
        instruction: "",
        document: &document,
        region: 0..0,
        text: &text,
        diagnostic: None,
        tested: &destination.tested,
    };
    assert_eq!(guard(&change), Verdict::Apply, "{text}");
    expected.assert_eq(&format!("{}\n{}", destination.path, text.replace('\r', "␍")));
}

#[test]
fn rust_makes_a_module() {
    let text = "/// Twice.\nfn double(x: u8) -> u8 {\n    |x * 2\n}\n";
    let destination = place("rust", "src/a.rs", text, &[]);
    assert_eq!(destination.opening, "    #[test]\n    fn ");
    check(
        &destination,
        RUST,
        expect![[r#"
        src/a.rs
        /// Twice.
        fn double(x: u8) -> u8 {
            x * 2
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }
    "#]],
    );
    // No final newline, and another line break.
    let text = "fn double(x: u8) -> u8 {\r\n    |x * 2\r\n}";
    check(
        &place("rust", "src/a.rs", text, &[]),
        RUST,
        expect![[r#"
        src/a.rs
        fn double(x: u8) -> u8 {␍
            x * 2␍
        }␍
        ␍
        #[cfg(test)]␍
        mod tests {␍
            use super::*;␍
        ␍
            #[test]␍
            fn doubles() {␍
                assert_eq!(double(2), 4);␍
            }␍
        }␍
    "#]],
    );
}

#[test]
fn rust_extends_a_module() {
    let rust = |text: &str, expected| check(&place("rust", "src/a.rs", text, &[]), RUST, expected);
    rust(
        "fn double|() {}\n\n#[cfg(test)]\n#[allow(unused)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn a() {}\n}\n\nfn after() {}\n",
        expect![[r#"
            src/a.rs
            fn double() {}

            #[cfg(test)]
            #[allow(unused)]
            mod tests {
                use super::*;

                #[test]
                fn a() {}

                #[test]
                fn doubles() {
                    assert_eq!(double(2), 4);
                }
            }

            fn after() {}
        "#]],
    );
    // Without an import, on one line, and among inner attributes.
    rust(
        "fn double|() {}\n#[cfg(test)]\nmod tests {}\n",
        expect![[r#"
        src/a.rs
        fn double() {}
        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }
    "#]],
    );
    rust(
        "fn double|() {}\n#[cfg(test)]\nmod tests { fn a() {} }\n",
        expect![[r#"
        src/a.rs
        fn double() {}
        #[cfg(test)]
        mod tests { fn a() {}

            use super::*;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
         }
    "#]],
    );
    rust(
        "fn double|() {}\n#[cfg(test)]\nmod tests {\n    //! Cases.\n    #![allow(unused)]\n\n    fn a() {}\n}",
        expect![[r#"
        src/a.rs
        fn double() {}
        #[cfg(test)]
        mod tests {
            //! Cases.
            #![allow(unused)]

            use super::*;

            fn a() {}

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }"#]],
    );
    rust(
        "fn double|() {}\n#[cfg(test)]\nmod tests {\n    // None yet.\n}\n",
        expect![[r#"
        src/a.rs
        fn double() {}
        #[cfg(test)]
        mod tests {
            // None yet.

            use super::*;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }
    "#]],
    );
    rust(
        "fn double|() {}\n#[cfg(test)]\nmod tests {\n    use super::double;\n}\n",
        expect![[r#"
        src/a.rs
        fn double() {}
        #[cfg(test)]
        mod tests {
            use super::double;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }
    "#]],
    );
    rust(
        "fn double|() {}\r\n#[cfg(all(test, unix))]\r\nmod cases {\r\n    use std::io;\r\n\r\n    fn a() {}\r\n}\r\n",
        expect![[r#"
        src/a.rs
        fn double() {}␍
        #[cfg(all(test, unix))]␍
        mod cases {␍
            use std::io;␍
            use super::*;␍
        ␍
            fn a() {}␍
        ␍
            #[test]␍
            fn doubles() {␍
                assert_eq!(double(2), 4);␍
            }␍
        }␍
    "#]],
    );
}

#[test]
fn rust_passes_over_a_broken_module() {
    let text = "fn double|() {}\n#[cfg(test)]\nmod tests {é🦀";
    let destination = place("rust", "a.rs", text, &[]);
    let text = destination.place(&format!("{}{RUST}", destination.opening)).unwrap();
    assert!(
        text.starts_with("fn double() {}\n#[cfg(test)]\nmod tests {é🦀\n\n#[cfg(test)]\nmod tests {\n"),
        "{text}"
    );
}

#[test]
fn rust_takes_indentation_and_module_as_they_are() {
    let tabs = place("rust", "a.rs", "fn double|() {}\n#[cfg(test)]\nmod tests {\n\tuse super::*;\n}\n", &[]);
    assert_eq!(tabs.opening, "\t#[test]\n\tfn ");
    let inner = "mod a {\n    fn double|() {}\n\n    #[cfg(test)]\n    mod tests {\n    }\n}\n\n#[cfg(test)]\nmod tests {}\n";
    let inner = place("rust", "a.rs", inner, &[]);
    assert_eq!(inner.opening, "        #[test]\n        fn ");
    check(
        &inner,
        "d() {\n            assert!(double());\n        }",
        expect![[r#"
            a.rs
            mod a {
                fn double() {}

                #[cfg(test)]
                mod tests {
                    use super::*;

                    #[test]
                    fn d() {
                        assert!(double());
                    }
                }
            }

            #[cfg(test)]
            mod tests {}
        "#]],
    );
    // A module for tests of another module does not reach this function.
    let other = "fn double|() {}\n\nmod a {\n    mod tests {}\n}\n";
    check(
        &place("rust", "a.rs", other, &[]),
        RUST,
        expect![[r#"
        a.rs
        fn double() {}

        mod a {
            mod tests {}
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn doubles() {
                assert_eq!(double(2), 4);
            }
        }
    "#]],
    );
}

#[test]
fn rust_goes_where_the_module_is() {
    let text = "fn double|() {}\n\n#[cfg(test)]\nmod tests;\n";
    let rest = "doubles() {\n        assert!(double());\n    }";
    let there = [("src/a/tests.rs", "//! Cases.\n\nfn check() {}\n")];
    check(
        &place("rust", "src/a.rs", text, &there),
        rest,
        expect![[r#"
            src/a/tests.rs
            //! Cases.

            use super::*;

            fn check() {}

            #[test]
            fn doubles() {
                assert!(double());
            }
        "#]],
    );
    check(
        &place("rust", "src/a/mod.rs", text, &there),
        rest,
        expect![[r#"
            src/a/tests.rs
            //! Cases.

            use super::*;

            fn check() {}

            #[test]
            fn doubles() {
                assert!(double());
            }
        "#]],
    );
    check(
        &place("rust", "src/b.rs", text, &there),
        rest,
        expect![[r#"
            src/b/tests.rs
            use super::*;

            #[test]
            fn doubles() {
                assert!(double());
            }
        "#]],
    );
    check(
        &place("rust", "lib.rs", text, &[("tests/mod.rs", "use super::*;\r\n")]),
        rest,
        expect![[r#"
            tests/mod.rs
            use super::*;␍
            ␍
            #[test]␍
            fn doubles() {␍
                assert!(double());␍
            }␍
        "#]],
    );
}

/// A model writes tests as it has seen most of them: four spaces a level, and perhaps at none.
#[test]
fn answers_stand_as_the_file_does() {
    let answer = |text: &str, rest: &str| {
        let destination = place("rust", "a.rs", text, &[]);
        let text = destination.place(&format!("{}{rest}", destination.opening)).unwrap();
        text.rsplit_once("fn doubles").map(|(_, test)| format!("doubles{test}")).unwrap()
    };
    let in_tabs = "fn double|(x: u8) -> u8 {\n\tx * 2\n}\n";
    let in_two = "fn double|(x: u8) -> u8 {\n  x * 2\n}\n";
    let deep = "mod a {\n    fn double|() {}\n\n    #[cfg(test)]\n    mod tests {\n    }\n}\n";
    let flat = "doubles() {\n    assert_eq!(double(2), 4);\n}";
    let fenced = format!("{RUST}\n```\n\nThis test doubles.");
    for (text, rest, expected) in [
        (in_tabs, RUST, "doubles() {\n\t\tassert_eq!(double(2), 4);\n\t}\n}\n"),
        (in_tabs, flat, "doubles() {\n\t\tassert_eq!(double(2), 4);\n\t}\n}\n"),
        (in_two, flat, "doubles() {\n      assert_eq!(double(2), 4);\n  }\n}\n"),
        (deep, RUST, "doubles() {\n            assert_eq!(double(2), 4);\n        }\n    }\n}\n"),
        (deep, flat, "doubles() {\n            assert_eq!(double(2), 4);\n        }\n    }\n}\n"),
        ("fn double|() {}\n", &fenced, "doubles() {\n        assert_eq!(double(2), 4);\n    }\n}\n"),
        ("fn double|() {}\n", "doubles() {}", "doubles() {}\n}\n"),
    ] {
        assert_eq!(answer(text, rest), expected, "{text} {rest}");
    }
}

/// Of several blocks the one with tests; what is only built for tests holds none, and what a test imports for itself
/// reaches no other.
#[test]
fn rust_finds_the_tests() {
    let tests = "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn a() {}\n}\n";
    let with = |module: &str| format!("fn double|() {{}}\n\n{tests}\n{module}");
    let own =
        "fn double|() {}\n\nmod tests {\n    #[test]\n    fn a() {\n        use super::double;\n    }\n}\n";
    let inner = "fn double|() {}\n\nmod tests {\n    mod more {\n        use super::super::double;\n    }\n\n    #[test]\n    fn a() {}\n}\n";
    for (text, above) in [
        (inner.to_owned(), "        use super::super::double;\n    }\n\n    #[test]\n    fn a() {}\n"),
        (with("#[cfg(test)]\nmod samples {\n    fn sample() {}\n}\n"), "    fn a() {}\n"),
        (
            with("#[cfg(any(test, feature = \"x\"))]\npub mod help {\n    fn sample() {}\n}\n"),
            "    fn a() {}\n",
        ),
        (
            own.to_owned(),
            "mod tests {\n    use super::*;\n\n    #[test]\n    fn a() {\n        use super::double;\n    }\n",
        ),
    ] {
        let destination = place("rust", "a.rs", &text, &[]);
        let placed = destination.place(&format!("{}{RUST}", destination.opening)).unwrap();
        assert!(placed.contains(&format!("{above}\n    #[test]\n    fn {RUST}")), "{placed}");
        assert!(placed.contains("mod tests {\n    use super::*;\n"), "{placed}");
    }
}

#[test]
fn what_is_tested_has_names() {
    for (language, text, names) in [
        ("rust", "impl Price<u8> {\n    fn double|() {}\n}\n", &["double", "double", "Price", "u8"][..]),
        ("rust", "mod a {\n    fn double|() {}\n}\n", &["double", "double"]),
        ("python", "class A:\n    def double|(self): pass\n", &["double", "double", "A"]),
        ("python", "x = 1\n\n\ndouble|()\n", &[]),
    ] {
        assert_eq!(place(language, "a", text, &[]).tested, names, "{text}");
    }
}

#[test]
fn python_files() {
    let text = "def double|(x):\n    return x * 2\n";
    for (path, files, expected, import) in [
        ("util.py", &[][..], "tests/test_util.py", "from util import double"),
        ("src/pkg/util.py", &[], "tests/test_util.py", "from pkg.util import double"),
        ("back/src/pkg/a/util.py", &[], "back/tests/test_util.py", "from pkg.a.util import double"),
        ("src/pkg/util.py", &["src/__init__.py"], "tests/test_util.py", "from src.pkg.util import double"),
        (
            "back/pkg/util.py",
            &["back/pkg/__init__.py"],
            "back/tests/test_util.py",
            "from pkg.util import double",
        ),
        ("back/pkg/util.py", &[], "tests/test_util.py", "from back.pkg.util import double"),
        ("my-app/util.py", &[], "my-app/tests/test_util.py", "from util import double"),
        ("my-util.py", &[], "tests/test_my-util.py", ""),
        ("pkg/__init__.py", &["pkg/__init__.py"], "tests/test_pkg.py", "from pkg import double"),
        (
            "pkg/util.py",
            &["pkg/test_util.py", "tests/test_util.py"],
            "pkg/test_util.py",
            "from pkg.util import double",
        ),
        ("pkg/util.py", &["pkg/util_test.py"], "pkg/util_test.py", "from pkg.util import double"),
        ("pkg/util.py", &["pkg/tests/test_util.py"], "pkg/tests/test_util.py", "from pkg.util import double"),
        (
            "src/pkg/a/util.py",
            &["tests/a/test_util.py"],
            "tests/a/test_util.py",
            "from pkg.a.util import double",
        ),
        (
            "src/pkg/a/util.py",
            &["test/pkg/a/test_util.py"],
            "test/pkg/a/test_util.py",
            "from pkg.a.util import double",
        ),
        ("tests/test_util.py", &[], "tests/test_util.py", ""),
    ] {
        let files: Vec<_> = files.iter().map(|path| (*path, "")).collect();
        let destination = place("python", path, text, &files);
        assert_eq!(destination.path, expected, "{path}");
        let text = destination.place(&format!("{}{PYTHON}", destination.opening)).unwrap();
        assert_eq!(text.lines().find(|line| line.contains("import")).unwrap_or_default(), import, "{path}");
    }
}

#[test]
fn python_texts() {
    let python = |text: &str, there: Option<&str>, expected| {
        let files: Vec<_> = there.iter().map(|text| ("tests/test_util.py", *text)).collect();
        check(&place("python", "src/pkg/util.py", text, &files), PYTHON, expected);
    };
    let double = "@cache\nasync def double|(x):\n    return x * 2\n";
    python(
        double,
        None,
        expect![[r#"
        tests/test_util.py
        from pkg.util import double


        def test_double():
            assert double(2) == 4
    "#]],
    );
    python(
        double,
        Some(""),
        expect![[r#"
        tests/test_util.py
        from pkg.util import double


        def test_double():
            assert double(2) == 4
    "#]],
    );
    python(
        "class Pair:\n    def double|(self):\n        pass\n",
        Some("\"\"\"Cases.\"\"\"\n"),
        expect![[r#"
        tests/test_util.py
        """Cases."""

        from pkg.util import Pair


        def test_double():
            assert double(2) == 4
    "#]],
    );
    python(
        double,
        Some("import pytest\nfrom pkg.util import a, b\n\n\ndef test_a():\n    a()"),
        expect![[r#"
        tests/test_util.py
        import pytest
        from pkg.util import a, b, double


        def test_a():
            a()


        def test_double():
            assert double(2) == 4
    "#]],
    );
    python(
        double,
        Some("from pkg.util import (\n    a,\n)\n\ndef test_a():\n    a()\n"),
        expect![[r#"
        tests/test_util.py
        from pkg.util import (
            a,
        )
        from pkg.util import double

        def test_a():
            a()


        def test_double():
            assert double(2) == 4
    "#]],
    );
    python(
        double,
        Some("from pkg.util import *\n\ndef test_double():\n    a()\n"),
        expect![[r#"
        tests/test_util.py
        from pkg.util import *

        def test_double():
            a()


        def test_double_2():
            assert double(2) == 4
    "#]],
    );
    python(
        double,
        Some(
            "from pkg.util import x as double\r\n\r\ndef test_double_2():\r\n\tx()\r\ndef test_double(): pass\r\n",
        ),
        expect![[r#"
            tests/test_util.py
            from pkg.util import x as double␍
            ␍
            def test_double_2():␍
            	x()␍
            def test_double(): pass␍
            ␍
            ␍
            def test_double_3():␍
            	assert double(2) == 4␍
        "#]],
    );
    python(
        double,
        Some("def test_a():\n    pass\n"),
        expect![[r#"
        tests/test_util.py
        from pkg.util import double


        def test_a():
            pass


        def test_double():
            assert double(2) == 4
    "#]],
    );
    // Above what runs when the file is run; not what a function or a check of types imports for itself.
    python(
        double,
        Some(
            "import unittest\n\n\ndef test_a():\n    from pkg.util import double\n\n\nif __name__ == \"__main__\":\n    unittest.main()\n",
        ),
        expect![[r#"
            tests/test_util.py
            import unittest
            from pkg.util import double


            def test_a():
                from pkg.util import double


            def test_double():
                assert double(2) == 4


            if __name__ == "__main__":
                unittest.main()
        "#]],
    );
    python(
        double,
        Some("from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n\tfrom pkg.util import double\n"),
        expect![[r#"
            tests/test_util.py
            from typing import TYPE_CHECKING
            from pkg.util import double

            if TYPE_CHECKING:
            	from pkg.util import double


            def test_double():
            	assert double(2) == 4
        "#]],
    );
    // The module has the name of the function.
    let same = [("tests/test_double.py", "from double import half\n")];
    check(
        &place("python", "double.py", double, &same),
        PYTHON,
        expect![[r#"
        tests/test_double.py
        from double import half, double


        def test_double():
            assert double(2) == 4
    "#]],
    );
}

#[test]
fn names_that_are_taken_get_a_number() {
    let text = "fn double|() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn a() {}\n    #[test]\n    fn a_2() {}\n}\n";
    let rest = "a() {\n        assert!(double());\n    }\n\n    #[test]\n    fn a() {}\n\n    #[test]\n    fn é() {}";
    check(
        &place("rust", "a.rs", text, &[]),
        rest,
        expect![[r#"
            a.rs
            fn double() {}
            #[cfg(test)]
            mod tests {
                use super::*;
                #[test]
                fn a() {}
                #[test]
                fn a_2() {}

                #[test]
                fn a_3() {
                    assert!(double());
                }

                #[test]
                fn a_4() {}

                #[test]
                fn é() {}
            }
        "#]],
    );
}

#[test]
fn an_empty_answer_is_refused() {
    let destination = place("python", "a.py", "def double|(x): pass\n", &[]);
    for answer in ["", "\n \n", "def test_double", "def test_double\n"] {
        assert_eq!(
            destination.place(answer).map_err(|refusal| refusal.guard),
            Err(Guard::Empty),
            "{answer:?}"
        );
    }
}

#[test]
fn other_languages_have_a_file_beside() {
    let destination = place("go", "pkg/a.go", "package a\n\nfunc double|() {}\n", &[]);
    assert_eq!((destination.path.as_str(), destination.opening.as_str()), ("pkg/a_test.go", ""));
    assert_eq!(destination.place("package a\n").unwrap(), "package a\n");
    let there = [("a.spec.ts", "test()\n")];
    let destination = place("typescript", "a.ts", "function double|() {}\n", &there);
    assert_eq!(destination.path, "a.spec.ts");
    assert_eq!(destination.place("more()").unwrap(), "test()\n\nmore()\n");
}

/// Pieces of code, whole and broken, of which texts are made.
fn code() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "fn f() {}\n",
        "mod tests {",
        "#[cfg(test)]\n",
        "#[test]\nfn a() {",
        "}\r\n",
        "use super::*;",
        "é🦀",
        "\r",
        "\n",
        "\t",
        "def f():\n",
        "    return 1",
        "@a\n",
        "class TestA:\n",
        "'''",
        "from a import b\n",
        "(",
        "\"",
        "# x\n",
        "// x\n",
        "impl A {",
    ];
    proptest::collection::vec(proptest::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_that_is_sent_can_panic(
        old in code(),
        new in code(),
        from in 0..60_usize,
        to in 0..60_usize,
        language in proptest::sample::select(&["rust", "python", "lua"][..]),
        action in proptest::sample::select(
            &[Action::Edit, Action::Document, Action::UnitTest, Action::Fix, Action::Refactor][..],
        ),
    ) {
        let [document, later] = [&old, &new].map(|text| Document::new(Language::of(language, ""), 1, text));
        let mut change = Change {
            action,
            brings: action.brings(),
            instruction: "rename f to g",
            document: &document,
            region: from..to,
            text: &new,
            diagnostic: Some(from..to),
            tested: &[],
        };
        guard(&change);
        change.region = 0..old.len();
        guard(&change);
        if let Ok(region) = choose(&document, from..to, action) {
            prop_assert_eq!(&document.slice(region.range.clone()), &region.text);
            if let Ok(range) = relocate(&region, &document, &later) {
                prop_assert_eq!(later.slice(range), region.text.clone());
            }
            // Nothing of a file is lost, whatever stands in it.
            let place = of(&document, &region, "src/a", &|_| Some(old.clone()));
            if let Ok(text) = place.place(&format!("{}{new}", place.opening)) {
                let kept = |c: char| old.matches(c).count() <= text.matches(c).count();
                prop_assert!(old.chars().all(kept), "{}", text);
            }
        }
    }
}
