//! Tables of cases for `shape`.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::completion::line::line_end;
use crate::syntax::Language;

/// `$0` marks the cursor.
fn document(language: &str, fixture: &str) -> (Arc<Document>, usize) {
    let offset = fixture.find("$0").expect("a cursor");
    let language = Language::of(language, "");
    (Arc::new(Document::new(language, 1, &fixture.replacen("$0", "", 1))), offset)
}

/// What a model writes: pieces of about a token, each sure.
fn pieces(text: &str) -> Vec<&str> {
    let borders: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| {
            let alike = |c: Option<char>| c.map(char::is_alphanumeric);
            alike(text[..*at].chars().next_back()) != alike(text[*at..].chars().next()) || at % 5 == 0
        })
        .chain([text.len()])
        .collect();
    borders.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn shape(language: &str, fixture: &str, mode: Mode, trigger: Trigger, model: &str) -> Result<Shaped, Reason> {
    let (document, offset) = document(language, fixture);
    let mut shaper = Shaper::new(document, offset, mode, trigger);
    pieces(model).into_iter().find(|piece| shaper.push(piece, -0.1) == Verdict::Stop);
    shaper.finish(End::Whole)
}

/// The document once the suggestion is taken, with `‹›` round what was inserted; or the reason why there is none.
fn shown(language: &str, fixture: &str, mode: Mode, model: &str) -> String {
    match shape(language, fixture, mode, Trigger::Automatic, model) {
        Ok(Shaped { range, text, added, .. }) => {
            let source = fixture.replacen("$0", "", 1);
            let replaced = &source[range.clone()];
            let note = if replaced.is_empty() { String::new() } else { format!(" [replaces {replaced:?}]") };
            let note = if added == text { note } else { format!("{note} [adds {added:?}]") };
            format!("{}‹{text}›{}{note}", &source[..range.start], &source[range.end..])
        }
        Err(reason) => reason.to_string(),
    }
}

#[track_caller]
fn line(language: &str, fixture: &str, model: &str, expected: Expect) {
    expected.assert_eq(&shown(language, fixture, Mode::Line, model));
}

#[track_caller]
fn block(language: &str, fixture: &str, indent: usize, model: &str, expected: Expect) {
    expected.assert_eq(&shown(language, fixture, Mode::Block { indent }, model));
}

#[test]
fn closers_are_neither_doubled_nor_lost() {
    for (fixture, model, expected) in [
        ("foo($0)", "x, y)", expect![[r#"foo(‹x, y)› [replaces ")"]"#]]),
        ("foo($0)", "x, y", expect![[r#"foo(‹x, y)› [replaces ")"] [adds "x, y"]"#]]),
        ("foo($0)", "x, y);", expect![[r#"foo(‹x, y);› [replaces ")"]"#]]),
        ("foo($0);", "x, y);", expect![[r#"foo(‹x, y);› [replaces ");"]"#]]),
        ("foo($0);", "x, y)", expect![[r#"foo(‹x, y);› [replaces ");"] [adds "x, y)"]"#]]),
        ("bar(foo($0))", "x, y))", expect![[r#"bar(foo(‹x, y))› [replaces "))"]"#]]),
        ("bar(foo($0))", "x, y)", expect![[r#"bar(foo(‹x, y))› [replaces "))"] [adds "x, y)"]"#]]),
        ("bar($0)", "foo()", expect![[r#"bar(‹foo())› [replaces ")"] [adds "foo()"]"#]]),
        ("bar($0)", "foo(), [1])", expect![[r#"bar(‹foo(), [1])› [replaces ")"]"#]]),
        ("foo(\"$0\")", "name\")", expect![[r#"foo("‹name")› [replaces "\")"]"#]]),
        ("foo(\"$0\")", "name (x", expect![[r#"foo("‹name (x")› [replaces "\")"] [adds "name (x"]"#]]),
        ("foo(\"$0\")", "name\", other)", expect![[r#"foo("‹name", other)› [replaces "\")"]"#]]),
        ("let v: Vec<$0> = x", "String>", expect!["let v: Vec<‹String›> = x"]),
        ("Option<$0>", "Vec<u8>", expect![[r#"Option<‹Vec<u8>>› [replaces ">"] [adds "Vec<u8>"]"#]]),
        ("Option<$0>", "Vec<u8>>", expect![[r#"Option<‹Vec<u8>>› [replaces ">"]"#]]),
        (
            "foo(|x| $0)",
            "if x > 1 { a } else { b })",
            expect![[r#"foo(|x| ‹if x > 1 { a } else { b })› [replaces ")"]"#]],
        ),
        ("foo($0 )", "bar", expect![[r#"foo(‹bar )› [replaces " )"] [adds "bar"]"#]]),
        ("foo($0)", ")", expect!["drop.suffix"]),
        ("foo($0);", ");", expect!["drop.suffix"]),
        ("print('$0')", "it is (so')", expect![[r#"print('‹it is (so')› [replaces "')"]"#]]),
        ("f::<'a>($0)", "x: &'a str)", expect![[r#"f::<'a>(‹x: &'a str)› [replaces ")"]"#]]),
        ("let x = $0;", "foo(1);", expect![[r#"let x = ‹foo(1);› [replaces ";"]"#]]),
        ("[$0,", "1, 2],", expect![[r#"[‹1, 2],› [replaces ","]"#]]),
        ("use std::$0 ;", "ffi::OsStr;", expect![[r#"use std::‹ffi::OsStr;› [replaces " ;"]"#]]),
        ("let x =$0 ;", " 123;", expect![[r#"let x =‹ 123;› [replaces " ;"]"#]]),
        ("let x =$0 ;", " 123", expect![[r#"let x =‹ 123 ;› [replaces " ;"] [adds " 123"]"#]]),
        ("foo($0 ) ;", "bar);", expect![[r#"foo(‹bar);› [replaces " ) ;"]"#]]),
        ("foo($0) ;", "bar)", expect![[r#"foo(‹bar) ;› [replaces ") ;"] [adds "bar)"]"#]]),
        ("foo($0)  ", "bar", expect![[r#"foo(‹bar)  › [replaces ")  "] [adds "bar"]"#]]),
        (
            "x = 1\n$0\n",
            "\n\ndef f():\n    pass\n",
            expect![[r#"
            x = 1
            ‹def f():›
        "#]],
        ),
        (
            "x = 1;$0\n",
            "\ny = 2;\nz = 3;\n",
            expect![[r#"
            x = 1;‹
            y = 2;›
        "#]],
        ),
        ("foo$0  ", "bar()", expect!["foo‹bar()›  "]),
    ] {
        line("plaintext", fixture, model, expected);
    }
}

#[test]
fn without_a_grammar_closers_of_nothing_are_cut() {
    for (fixture, model, expected) in [
        ("($0)", "))", expect!["drop.suffix"]),
        (
            "const a = [$0];",
            "100]; 2]; 2]; 2];",
            expect![[r#"const a = [‹100];› [replaces "];"] [adds "100]"]"#]],
        ),
        (
            "console.log($0);",
            "context, \"console.log\"),\n \"console.log\"),;",
            expect![[
                r#"console.log(‹context, "console.log");› [replaces ");"] [adds "context, \"console.log\")"]"#
            ]],
        ),
        (
            "return f($0);",
            "xyz) -> (x, y) for (x, y) in z);",
            expect![[r#"return f(‹xyz);› [replaces ");"] [adds "xyz)"]"#]],
        ),
        (
            "return f($0);",
            "xyz).bar(y, z));",
            expect![[r#"return f(‹xyz).bar(y, z);› [replaces ");"] [adds "xyz).bar(y, z)"]"#]],
        ),
        ("const a = $0;", "foo(1));", expect![[r#"const a = ‹foo(1);› [replaces ";"] [adds "foo(1)"]"#]]),
        ("const a = $0;", ")];", expect!["drop.syntax"]),
        ("foo($0);", "abc];", expect![[r#"foo(‹abc);› [replaces ");"] [adds "abc"]"#]]),
        ("foo('$0')", "abc'))", expect![[r#"foo('‹abc')› [replaces "')"]"#]]),
        // What the person left open is open, whether its closer stands there or not.
        ("foo(bar($0)", "abc))", expect![[r#"foo(bar(‹abc))› [replaces ")"]"#]]),
        ("foo([bar($0)", "abc)])", expect![[r#"foo([bar(‹abc)])› [replaces ")"]"#]]),
        (
            "if (a) {$0}",
            "\n  foo();\n}\n}",
            expect![[r#"
            if (a) {‹
              foo();
            }› [replaces "}"] [adds "\n  foo();"]"#]],
        ),
        (
            "foo(() => {$0});",
            "\n  bar(1, [2]);\n});",
            expect![[r#"
            foo(() => {‹
              bar(1, [2]);
            });› [replaces "});"] [adds "\n  bar(1, [2]);"]"#]],
        ),
        (
            "let a: Vec<$0>;",
            "Vec<u8>>>;",
            expect![[r#"let a: Vec<‹Vec<u8>>;› [replaces ">;"] [adds "Vec<u8>>"]"#]],
        ),
        (
            "  foo();\n  $0\n",
            "bar();\n}\n",
            expect![[r#"
              foo();
              ‹bar();
            }›
        "#]],
        ),
    ] {
        block("javascript", fixture, 0, model, expected);
    }
}

#[test]
fn a_string_of_one_line_stays_on_it() {
    for (language, fixture, model, expected) in [
        ("python", "s = '$0'\n", "\ns = 0'", expect!["drop.blank"]),
        ("python", "s = '$0\n", "\ns = 0'", expect!["drop.blank"]),
        (
            "python",
            "s = 'a $0'\n",
            "text\n    more'",
            expect![[r#"
            s = 'a ‹text'›
             [replaces "'"] [adds "text"]"#]],
        ),
        (
            "python",
            "s = '$0'\n",
            "text'\nprint(s)",
            expect![[r#"
            s = '‹text'›
             [replaces "'"]"#]],
        ),
        (
            "python",
            "s = f(\"\"\"$0\"\"\")\n",
            "\n    text\"\"\")",
            expect![[r#"
            s = f("""‹
                text""")›
             [replaces "\"\"\")"]"#]],
        ),
        (
            "python",
            "def f():\n    \"\"\"Text.\n\n    Say \"so$0\n    \"\"\"\n",
            "\n    more",
            expect![[r#"
            def f():
                """Text.

                Say "so‹
                more›
                """
        "#]],
        ),
        (
            "python",
            "s = $0\n",
            "[\n    1,\n]",
            expect![[r#"
            s = ‹[
                1,
            ]›
        "#]],
        ),
        ("rust", "fn a() {\n    b(\"$0\");\n}\n", "\n    c\");", expect!["drop.blank"]),
        (
            "rust",
            "fn a() {\n    b(r\"$0\");\n}\n",
            "\n    abc\");",
            expect![[r#"
            fn a() {
                b(r"‹
                abc");›
            }
             [replaces "\");"]"#]],
        ),
        ("javascript", "f(\"$0\");\n", "\n  abc\");", expect!["drop.blank"]),
        (
            "javascript",
            "f(`$0`);\n",
            "\n  abc`);",
            expect![[r#"
                f(`‹
                  abc`);›
                 [replaces "`);"]"#]],
        ),
    ] {
        block(language, fixture, 0, model, expected);
    }
}

#[test]
fn other_text_on_the_line_is_not_repeated() {
    for (fixture, model, expected) in [
        ("foo($0, b)", "alpha, b)", expect!["foo(‹alpha›, b)"]),
        ("foo($0, b)", "alpha", expect!["foo(‹alpha›, b)"]),
        ("foo($0, b)", "alpha,", expect!["foo(‹alpha›, b)"]),
        ("foo($0, b)", "alpha, b) + c", expect!["foo(‹alpha›, b)"]),
        ("foo($0, b)", ", b)", expect!["drop.suffix"]),
        ("foo($0, b)", "alpha\nbeta", expect!["foo(‹alpha›, b)"]),
        ("foo($0, b)", "\n    alpha", expect!["drop.mid-line"]),
        ("if bar($0) {", "foo(x)", expect!["if bar(‹foo(x)›) {"]),
        ("if bar($0) {", "foo(x)) {", expect!["if bar(‹foo(x)›) {"]),
        ("let a = $0bar", "foo", expect!["drop.mid-line"]),
        // What the text opens stands there already.
        ("self.items.push$0()", "(item)", expect!["drop.mid-line"]),
        ("fn push$0(&mut self)", "(&mut self, item: u32) -> bool", expect!["drop.mid-line"]),
        ("let a = $0bar", "foo + ", expect!["let a = ‹foo + ›bar"]),
        ("let a = $0 + b", "alpha ", expect!["let a = ‹alpha› + b"]),
        ("return $0 or none", "value or none", expect!["return ‹value› or none"]),
    ] {
        line("plaintext", fixture, model, expected);
    }
}

#[test]
fn lines_that_follow_are_not_written_again() {
    for (fixture, model, expected) in [
        // Tabby compares an untrimmed line with a trimmed one and never fires here.
        (
            "fn a() {\n    let x = 1;\n    $0\n    let y = 2;\n}\n",
            "foo(x);\n    let y = 2;\n    z();\n",
            expect![[r#"
            fn a() {
                let x = 1;
                ‹foo(x);›
                let y = 2;
            }
        "#]],
        ),
        ("fn a() {\n    $0\n    let y = 2;\n}\n", "let y = 2;\n}", expect!["drop.suffix"]),
        ("fn a() {\n    let$0\n    let y = 2;\n}\n", " y = 2;", expect!["drop.suffix"]),
        (
            "fn a() {\n    if b {\n        $0\n    }\n}\n",
            "foo();\n    }\n}\n",
            expect![[r#"
            fn a() {
                if b {
                    ‹foo();›
                }
            }
        "#]],
        ),
        (
            "fn a() {\n    if b {\n        $0\n}\n",
            "foo();\n    }\n}\n",
            expect![[r#"
            fn a() {
                if b {
                    ‹foo();
                }›
            }
        "#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            "if b {\n        foo();\n    }\n}\n",
            expect![[r#"
            fn a() {
                ‹if b {
                    foo();
                }›
            }
        "#]],
        ),
        (
            "fn a() {\n$0\n}\n",
            "if b {\nfoo();\n}\nbar();\n}\n",
            expect![[r#"
            fn a() {
            ‹if b {›
            }
        "#]],
        ),
        (
            "fn a() {\n    if b {\n        $0\n        return x;\n    }\n}\n",
            "if c {\n            return x;\n        }\n",
            expect![[r#"
            fn a() {
                if b {
                    ‹if c {
                        return x;
                    }›
                    return x;
                }
            }
        "#]],
        ),
    ] {
        block("rust", fixture, 0, model, expected);
    }
}

#[test]
fn blocks_end() {
    for (fixture, indent, model, expected) in [
        (
            "fn a() {$0}\n",
            0,
            "\n    b();\n}\n\nfn c() {}\n",
            expect![[r#"
            fn a() {‹
                b();
            }›
             [replaces "}"] [adds "\n    b();"]"#]],
        ),
        (
            "fn a() {$0\n",
            0,
            "\n    b();\n}\n\nfn c() {}\n",
            expect![[r#"
            fn a() {‹
                b();
            }›
        "#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            0,
            "b();\n    c();\n}\n\nfn d() {}\n",
            expect![[r#"
            fn a() {
                ‹b();
                c();›
            }
        "#]],
        ),
        (
            "fn a() {\n    match x {$0\n}\n",
            4,
            "\n        1 => 2,\n        _ => 3,\n    }\n    foo();\n",
            expect![[r#"
            fn a() {
                match x {‹
                    1 => 2,
                    _ => 3,
                }›
            }
        "#]],
        ),
    ] {
        block("rust", fixture, indent, model, expected);
    }
    for (fixture, indent, model, expected) in [
        (
            "def f():\n    $0\n",
            0,
            "x = 1\n    return x\n\n\ndef g():\n    pass\n",
            expect![[r#"
            def f():
                ‹x = 1
                return x›
        "#]],
        ),
        (
            "def f():$0\n",
            0,
            "\n    return 1\n\nx = f()\n",
            expect![[r#"
            def f():‹
                return 1›
        "#]],
        ),
        (
            "class A:\n    def f(self):\n        $0\n\n    def g(self):\n        pass\n",
            4,
            "return 1\n\n    def g(self):\n        pass\n",
            expect![[r#"
            class A:
                def f(self):
                    ‹return 1›

                def g(self):
                    pass
        "#]],
        ),
    ] {
        block("python", fixture, indent, model, expected);
    }
}

#[test]
fn the_document_has_its_own_line_ends() {
    for (fixture, model, expected) in [
        ("fn a() {\r\n    $0\r\n}\r\n", "b();\r\n    c();\n}\r\n", "b();\r\n    c();"),
        ("fn a() {\r    $0\r}\r", "b();\n    c();\n}\n", "b();\r    c();"),
        ("fn a() {\n    $0\n}\n", "b();\r\n    c();\r\n}\r\n", "b();\n    c();"),
        ("fn a() {\r\n    $0", "b();\n    c();", "b();\r\n    c();"),
    ] {
        let shaped = shape("rust", fixture, Mode::Block { indent: 0 }, Trigger::Automatic, model);
        assert_eq!(shaped.map(|shaped| shaped.text).as_deref(), Ok(expected), "{fixture:?}");
    }
}

#[test]
fn repetition_ends_or_drops() {
    for (fixture, model, expected) in [
        (
            "a:\n  $0\n",
            "foo(1);\n  foo(1);\n  foo(1);\n  foo(1);\n",
            expect![[r#"
            a:
              ‹foo(1);›
        "#]],
        ),
        (
            "a:\n  $0\n",
            "one();\n  foo(1);\n  bar(2);\n  foo(1);\n  bar(2);\n  foo(1);\n  bar(2);\n",
            expect![[r#"
            a:
              ‹one();
              foo(1);
              bar(2);›
        "#]],
        ),
        (
            "a:\n  $0\n",
            "0,\n  0,\n  0,\n  0,\n",
            expect![[r#"
            a:
              ‹0,
              0,
              0,
              0,›
        "#]],
        ),
        (
            "x = $0\n",
            "a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b, a.b,",
            expect!["drop.repeat"],
        ),
        (
            "// $0\n",
            "---------------------------------------------------------------------------",
            expect![[r#"
            // ‹---------------------------------------------------------------------------›
        "#]],
        ),
        ("[\n    $0\n", &"A,\n    ".repeat(24), expect!["drop.repeat"]),
        (
            "[\n    $0\n",
            &format!("one,\n    {}", "A,\n    ".repeat(24)),
            expect![[r#"
            [
                ‹one,
                A,›
        "#]],
        ),
        ("x = [$0]\n", &"0, ".repeat(20), expect!["drop.repeat"]),
        ("x = \"$0\"\n", &"\" + ".repeat(20), expect!["drop.repeat"]),
        ("x = $0\n", &"0".repeat(60), expect!["drop.repeat"]),
        (
            "x = [\n    $0\n",
            &format!("1, 2,\n    {}", "foo, ".repeat(9)),
            expect![[r#"
            x = [
                ‹1, 2,›
        "#]],
        ),
        (
            "x = [$0\n",
            "0, 0, 0, 0]",
            expect![[r#"
            x = [‹0, 0, 0, 0]›
        "#]],
        ),
        (
            "x = $0\n",
            "0x0000000000000000;",
            expect![[r#"
            x = ‹0x0000000000000000;›
        "#]],
        ),
        (
            "x = $0\n",
            "\"0.0.0.0\"",
            expect![[r#"
            x = ‹"0.0.0.0"›
        "#]],
        ),
        (
            "x = $0\n",
            "\"../../../../../../../a\"",
            expect![[r#"
            x = ‹"../../../../../../../a"›
        "#]],
        ),
        (
            "q = \"values ($0\n",
            "?, ?, ?, ?, ?, ?, ?, ?)\"",
            expect![[r#"
            q = "values (‹?, ?, ?, ?, ?, ?, ?, ?)"›
        "#]],
        ),
        (
            "$0\n",
            "| --- | --- | --- | --- | --- |",
            expect![[r#"
            ‹| --- | --- | --- | --- | --- |›
        "#]],
        ),
        (
            "$0\n",
            "// ------------------------------------",
            expect![[r#"
            ‹// ------------------------------------›
        "#]],
        ),
        (
            "$0\n",
            "a {\n                                a1\n",
            expect![[r#"
            ‹a {
                                            a1›
        "#]],
        ),
        ("a:\n  foo(bar);\n  $0\n", "foo(bar);\n  baz();", expect!["drop.above"]),
        ("a:\n  one(1);\n  two(2);\n  $0\n", "one(1);\n  two(2);\n", expect!["drop.above"]),
        ("a:\n  one(1);\n  two(2);$0\n", "\n  two(2);\n", expect!["drop.above"]),
        (
            "a:\n  foo(bar);\n  foo($0\n",
            "bar);",
            expect![[r#"
            a:
              foo(bar);
              foo(‹bar);›
        "#]],
        ),
        ("a:\n    }\n  $0\n", "}\n  foo();", expect!["drop.short"]),
    ] {
        block("plaintext", fixture, 0, model, expected);
    }
}

#[test]
fn what_is_not_code_ends_it() {
    for (fixture, model, expected) in [
        (
            "fn a() {\n    $0\n}\n",
            "foo();\n```\nThis code",
            expect![[r#"
            fn a() {
                ‹foo();›
            }
        "#]],
        ),
        ("fn a() {\n    $0\n}\n", "```rust\n    foo();", expect!["drop.blank"]),
        (
            "let a = $0\n",
            "123;<|fim_suffix|>more",
            expect![[r#"
            let a = ‹123;›
        "#]],
        ),
        (
            "let a = $0\n",
            "123;<|endoftext|>",
            expect![[r#"
            let a = ‹123;›
        "#]],
        ),
        (
            "let a = \"<|fim_prefix|>$0\n",
            "text<|fim_suffix|>\";",
            expect![[r#"
            let a = "<|fim_prefix|>‹text<|fim_suffix|>";›
        "#]],
        ),
        ("let a = $0\n", "<|file_sep|>x", expect!["drop.blank"]),
    ] {
        block("rust", fixture, 0, model, expected);
    }
    block(
        "markdown",
        "* a\n  $0\n",
        0,
        "```rust\n  foo();\n  ```\n",
        expect![[r#"
        * a
          ‹```rust
          foo();
          ```›
    "#]],
    );
}

#[test]
fn too_little_is_not_shown() {
    for (model, expected) in [
        ("", expect!["gen.empty"]),
        (" \n\n", expect!["drop.blank"]),
        ("\r", expect!["drop.blank"]),
        (");", expect!["drop.short"]),
        ("ab", expect!["drop.short"]),
        (
            "abc",
            expect![[r#"
            x = ‹abc›
        "#]],
        ),
    ] {
        line("plaintext", "x = $0\n", model, expected);
    }
    let invoked =
        shape("plaintext", "x = $0\n", Mode::Line, Trigger::Invoked, "1").expect("who asks is answered");
    assert_eq!(invoked.text, "1");
}

#[test]
fn syntax_is_kept() {
    for (fixture, model, expected) in [
        (
            "fn a() {\n    let x = $0\n}\n",
            "foo(1));",
            expect![[r#"
            fn a() {
                let x = ‹foo(1)›
            }
        "#]],
        ),
        (
            "fn a() {\n    let x = $0\n}\n",
            "foo(1);",
            expect![[r#"
            fn a() {
                let x = ‹foo(1);›
            }
        "#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            "if x {",
            expect![[r#"
            fn a() {
                ‹if x {›
            }
        "#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            "let v = vec![",
            expect![[r#"
            fn a() {
                ‹let v = vec![›
            }
        "#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            "foo(a, b",
            expect![[r#"
            fn a() {
                ‹foo(a, b›
            }
        "#]],
        ),
        ("fn a() {\n    $0\n}\n", ")))", expect!["drop.syntax"]),
        (
            "fn a() {\n    let x =$0 ;\n}\n",
            " 123;",
            expect![[r#"
            fn a() {
                let x =‹ 123;›
            }
             [replaces " ;"]"#]],
        ),
        (
            "use std::$0 ;\n",
            "ffi::OsStr;",
            expect![[r#"
            use std::‹ffi::OsStr;›
             [replaces " ;"]"#]],
        ),
        (
            "fn a() {\n    $0\n}\n",
            "let x = ",
            expect![[r#"
            fn a() {
                ‹let x›
            }
        "#]],
        ),
        ("fn a() {\n    b$0\n}\n", "ar.", expect!["drop.short"]),
        (
            "$0\nfn a() {}\n",
            "#[derive(Debug)]",
            expect![[r#"
            ‹#[derive(Debug)]›
            fn a() {}
        "#]],
        ),
        (
            "$0\nfn a() {}\n",
            "fn b(x: u8) -> u8 {",
            expect![[r#"
            ‹fn b(x: u8) -> u8 {›
            fn a() {}
        "#]],
        ),
        (
            "fn a() {\n    let a = b\n        $0\n}\n",
            ".map(|x| x + 1)",
            expect![[r#"
            fn a() {
                let a = b
                    ‹.map(|x| x + 1)›
            }
        "#]],
        ),
    ] {
        line("rust", fixture, model, expected);
    }
    for (fixture, model, expected) in [
        (
            "$0\n",
            "def f(x):",
            expect![[r#"
            ‹def f(x):›
        "#]],
        ),
        (
            "$0\n",
            "def f(",
            expect![[r#"
            ‹def f(›
        "#]],
        ),
        (
            "$0\n",
            "try:",
            expect![[r#"
            ‹try:›
        "#]],
        ),
        (
            "$0\n",
            "@property",
            expect![[r#"
            ‹@property›
        "#]],
        ),
        (
            "if x:\n    pass\n$0\n",
            "else:",
            expect![[r#"
            if x:
                pass
            ‹else:›
        "#]],
        ),
        (
            "x = {\n    $0\n}\n",
            "'a': [1, 2],",
            expect![[r#"
            x = {
                ‹'a': [1, 2],›
            }
        "#]],
        ),
        (
            "x = $0\n",
            "foo(1))",
            expect![[r#"
            x = ‹foo(1)›
        "#]],
        ),
    ] {
        line("python", fixture, model, expected);
    }
    block(
        "rust",
        "fn a() {\n    $0\n}\n",
        0,
        "b();\n    let c = (1;\n    d();\n}\n",
        expect![[r#"
        fn a() {
            ‹b();›
        }
    "#]],
    );
}

#[test]
fn blanks_before_the_text() {
    for (fixture, model, expected) in [
        (
            "def f():\n    x = 1\n    $0\n",
            "    return x\n        y\n",
            expect![[r#"
            def f():
                x = 1
                ‹return x
                y›
        "#]],
        ),
        (
            "def f():\n    if x:\n    $0\n",
            "    return x\n",
            expect![[r#"
            def f():
                if x:
                ‹    return x›
        "#]],
        ),
        (
            "def f():\n    x = 1\n    $0\n",
            "\n    return x\n",
            expect![[r#"
            def f():
                x = 1
                ‹return x›
        "#]],
        ),
        (
            "def f():\n    x = 1\n$0\n",
            "    return x\n",
            expect![[r#"
            def f():
                x = 1
            ‹    return x›
        "#]],
        ),
    ] {
        block("plaintext", fixture, 0, model, expected);
    }
}

#[test]
fn what_the_model_was_not_sure_of_is_cut() {
    let (document, offset) = document("plaintext", "x = $0\n");
    let say_down_to = |least, trigger, sure: &[(&str, f32)]| {
        let mut shaper = Shaper::new(Arc::clone(&document), offset, Mode::Line, trigger).down_to(least);
        for (piece, probability) in sure {
            if shaper.push(piece, f32::ln(*probability)) == Verdict::Stop {
                break;
            }
        }
        shaper.finish(End::Whole).map(|shaped| (shaped.text, shaped.confidence))
    };
    let say = |trigger, sure: &[(&str, f32)]| say_down_to(-0.5, trigger, sure);
    let half = f32::ln(0.5);
    let pieces = [("foo", 0.5), ("(1)", 0.5), (" + bar", 0.05), ("(2)", 0.9)];
    assert_eq!(say(Trigger::Automatic, &pieces), Ok(("foo(1)".into(), half)));
    let (text, confidence) = say(Trigger::Invoked, &pieces).expect("all of it");
    assert_eq!(text, "foo(1) + bar(2)");
    assert!(confidence < half);
    // Who wants to see less sure ones sees their pieces too.
    for (least, expected) in [(-2.0, "foo(1)"), (-2.9, "foo(1)"), (-3.0, "foo(1) + bar(2)")] {
        let said = say_down_to(least, Trigger::Automatic, &pieces).map(|said| said.0);
        assert_eq!(said.as_deref(), Ok(expected), "{least}");
    }
    // The first piece is never cut, nor blanks before it.
    assert_eq!(say(Trigger::Automatic, &[("foo()", 0.01)]).map(|said| said.0), Ok("foo()".into()));
    assert_eq!(
        say(Trigger::Automatic, &[(" ", 0.5), ("foo()", 0.01)]).map(|said| said.0),
        Ok(" foo()".into())
    );
    // Pieces that were cut off do not count.
    assert_eq!(say(Trigger::Automatic, &[("foo()", 0.5), ("\nbar", 0.2)]), Ok(("foo()".into(), half)));
}

#[test]
fn a_limit_leaves_no_half_line_behind_whole_ones() {
    let (document, offset) = document("plaintext", "a {\n    $0\n");
    let say = |text: &str, end| {
        let mut shaper =
            Shaper::new(Arc::clone(&document), offset, Mode::Block { indent: 0 }, Trigger::Automatic);
        shaper.push(text, 0.0);
        shaper.finish(end).map(|shaped| shaped.text)
    };
    assert_eq!(say("one();\n    tw", End::CutShort).as_deref(), Ok("one();"));
    assert_eq!(say("one();\n    tw", End::Whole).as_deref(), Ok("one();\n    tw"));
    assert_eq!(say("one, tw", End::CutShort).as_deref(), Ok("one, tw"));
}

#[test]
fn blocks_have_a_most_of_lines() {
    let model: String = (0..40).map(|line| format!("    line_{line}();\n")).collect();
    let shaped =
        shape("plaintext", "a {$0", Mode::Block { indent: 0 }, Trigger::Automatic, &format!("\n{model}"));
    assert_eq!(shaped.expect("it is shown").text.lines().count(), 24);
}

#[test]
fn generation_stops_when_it_should() {
    let (document, offset) = document("rust", "fn a() {\n    $0\n}\n");
    let mut shaper = Shaper::new(document, offset, Mode::Line, Trigger::Automatic);
    assert_eq!(shaper.push("  ", 0.0), Verdict::Continue);
    assert_eq!(shaper.push("foo()", 0.0), Verdict::Continue);
    assert_eq!(shaper.push(";\n", 0.0), Verdict::Stop);
    assert_eq!(shaper.push("more", 0.0), Verdict::Stop);
    assert_eq!(shaper.finish(End::Whole).map(|shaped| shaped.text).as_deref(), Ok("foo();"));
}

/// A line that has one is not shown, nor what comes behind it.
#[test]
fn what_cannot_be_seen_is_not_suggested() {
    let block = Mode::Block { indent: 0 };
    for (mode, model, expected) in [
        (Mode::Line, "let x = \"\u{1b}[2J\";", "drop.unseen"),
        (Mode::Line, "\0", "drop.unseen"),
        (Mode::Line, "\u{9b}", "drop.unseen"),
        (Mode::Line, "if admin { // \u{202e}\u{2066}", "drop.unseen"),
        (Mode::Line, "foo();\n\u{202e}", "foo();"),
        (Mode::Line, "foo();\nbar();\n\u{7}", "foo();"),
        (block, "foo();\n    bar();\n    baz(\"\u{2067}\");\n    last();", "foo();\n    bar();"),
        (block, "foo();\r\n    bar();\r\n\u{8}", "foo();\n    bar();"),
        // What belongs to words, and to lines.
        (Mode::Line, "say(\"\u{200f}שלום\u{200e}\t\");", "say(\"\u{200f}שלום\u{200e}\t\");"),
        (Mode::Line, "foo();\r\nbar();", "foo();"),
    ] {
        // By the pieces of a model, and in one.
        for is_whole in [false, true] {
            let (document, offset) = document("rust", "fn a() {\n    $0\n}\n");
            let mut shaper = Shaper::new(document, offset, mode, Trigger::Invoked);
            let written = if is_whole { vec![model] } else { pieces(model) };
            written.into_iter().find(|piece| shaper.push(piece, -0.1) == Verdict::Stop);
            let found =
                shaper.finish(End::Whole).map_or_else(|reason| reason.to_string(), |shaped| shaped.text);
            assert_eq!(found, expected, "{model:?}, {is_whole}");
        }
    }
}

#[test]
fn typing_a_shown_text_shows_its_rest() {
    let text = "foo(1, [2]);";
    for at in 1..text.len() {
        let fixture = format!("fn a() {{\n    {}$0\n}}\n", &text[..at]);
        let (document, offset) = document("rust", &fixture);
        let shaped = reshape(&document, offset, &text[at..], -0.5).expect("a rest");
        assert_eq!((shaped.range, &*shaped.text, shaped.confidence), (offset..offset, &text[at..], -0.5));
    }
    let (document, offset) = document("rust", "fn a() {\n    foo($0)\n}\n");
    let rest = |text: &str| reshape(&document, offset, text, 0.0);
    assert_eq!(rest("1, [2]);").map(|shaped| shaped.text).as_deref(), Ok("1, [2]);"));
    assert_eq!(rest(")"), Err(Reason::DropSuffix));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a document holds and a model writes: no panic, and a suggestion that an editor can show.
    #[test]
    fn always_one_line_replaced_and_nothing_lost(
        before in "[a(\\[{\"' \r\né]{0,24}",
        after in "[a)\\]};,\"'>` \r\né]{0,24}",
        model in prop::collection::vec("[ab(){}\\[\\]<>\"'`;, \r\né\u{1b}\u{202e}]{0,9}", 0..8),
        language in prop::sample::select(vec!["rust", "python", "plaintext"]),
        indent in prop::option::of(0usize..5),
        is_invoked in any::<bool>(),
    ) {
        let source = format!("{before}{after}");
        let document = Arc::new(Document::new(Language::of(language, ""), 1, &source));
        let mode = indent.map_or(Mode::Line, |indent| Mode::Block { indent });
        let trigger = if is_invoked { Trigger::Invoked } else { Trigger::Automatic };
        let mut shaper = Shaper::new(Arc::clone(&document), before.len(), mode, trigger);
        model.iter().find(|piece| shaper.push(piece, -0.1) == Verdict::Stop);
        if let Ok(Shaped { range, text, added, confidence }) = shaper.finish(End::Whole) {
            prop_assert_eq!(range.start, before.len());
            prop_assert!(range.is_empty() || range.end == line_end(document.rope(), before.len()));
            prop_assert!(!added.trim().is_empty() && !text.ends_with('\n'));
            prop_assert!(confidence <= 0.0);
            prop_assert!(!text.contains(|c| is_unseen(c) && c != '\r'), "{:?}", text);
            // Every closer that is covered stands in the text again, in its order.
            let covered = &source[range];
            let mut rest = text.chars();
            prop_assert!(
                covered.chars().filter(|c| !c.is_whitespace() && !matches!(c, ';' | ',')).all(|c| rest.any(|other| other == c)),
                "{:?} covers {:?}", text, covered
            );
            let again = reshape(&document, before.len(), &added, confidence);
            let is_shared = !Surroundings::of(document.rope(), before.len()).rest_is_closers();
            prop_assert!(is_shared || again.is_err() || again.is_ok_and(|again| again.text == text));
        }
    }
}
