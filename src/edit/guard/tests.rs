use super::*;
use crate::syntax::Language;

/// The code of a verdict, with `?` behind it where the change may be confirmed; empty where it is applied.
fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Apply => String::new(),
        Verdict::Confirm(guard, sentence) => {
            assert!(sentence.ends_with('.'), "{sentence}");
            format!("{guard}?")
        }
        Verdict::Refuse(guard, sentence) => {
            assert!(sentence.ends_with('.'), "{sentence}");
            guard.to_string()
        }
    }
}

/// The region of `old` stands between two `|`, and `new` takes its place. `‹` `›` mark the diagnostic.
fn verdict(language: &str, action: Action, instruction: &str, old: &str, new: &str) -> Verdict {
    let bare = old.replace(['‹', '›'], "");
    let start = bare.find('|').unwrap();
    let end = bare.rfind('|').unwrap() - 1;
    let old = old.replace('|', "");
    let diagnostic = old.find('‹').map(|from| from..old.find('›').unwrap() - '‹'.len_utf8());
    let old = old.replace(['‹', '›'], "");
    let text = [&old[..start], new, &old[end..]].concat();
    let document = Document::new(Language::of(language, ""), 1, &old);
    let brings = action.brings();
    check(&Change {
        action,
        brings,
        instruction,
        document: &document,
        region: start..end,
        text: &text,
        diagnostic,
        // What a test of ours tests.
        tested: &["f".to_owned(), "Holder".to_owned()],
    })
}

fn rust(action: Action, old: &str, new: &str, expected: &str) {
    assert_eq!(said(&verdict("rust", action, "", old, new)), expected, "{old} → {new}");
}

fn python(action: Action, old: &str, new: &str, expected: &str) {
    assert_eq!(said(&verdict("python", action, "", old, new)), expected, "{old} → {new}");
}

#[test]
fn empty() {
    rust(Action::Edit, "||", "fn f() {}", "empty");
    rust(Action::Edit, "fn f() {}\n| \n |\n", "fn g() {}", "empty");
    rust(Action::Edit, "|fn f() {}|\n", "fn f() {}", "empty");
    rust(Action::Edit, "const A: u8 = 1;\n|const B: u8 = 2;|\n", " ", "empty?");
    // What would not parse is refused, though it is empty too.
    rust(Action::Edit, "fn f() {\n    g(1\n|        , 2)|\n}\n", "", "syntax");
    rust(Action::Explain, "|fn f() {}|", "fn f() {}", "");
}

#[test]
fn syntax() {
    use Action::Edit;
    python(Edit, "|def f():\n    return 1|\n", "def f():\nreturn 2", "syntax");
    python(Edit, "|def f():\n    return 1|\n", "def f():\n    # as before", "syntax");
    python(Edit, "|def f():|\n", "def f():  # Later.", "");
    rust(Edit, "|fn f() { 1; }|\nfn g() {}\n", "fn f() { 2; }", "");
    rust(Edit, "|fn f() { 1; }|\nfn g() {}\n", "fn f() { 2; ", "syntax");
    rust(Edit, "|fn f() { 1; }|\r\nfn g() {}", "fn f() { 2; }}", "syntax");
    rust(Edit, "|fn f() { 1; }|", "fn f() { \"é🦀 }", "syntax");
    python(Edit, "|def f():\n\treturn 1|\n", "def f():\n\treturn (1", "syntax");
    python(
        Edit,
        "class A:\n|    async def f(self):\n        return 1|\n",
        "    async def f(self):\n        return 2",
        "",
    );
    // Broken elsewhere: the region is judged alone, and mended or left as it is.
    let broken = "fn a( {}\n\n|fn f() {\n    1;\n}|\n\nfn z() { ) }\n";
    rust(Edit, broken, "fn f() {\n    2;\n}", "");
    rust(Edit, broken, "fn f() {\n    2 +;\n}", "syntax");
    rust(Edit, broken, "fn f() {\n    2;\n", "syntax");
    rust(Edit, "fn a() {}\n|fn f() {\n    1 +;\n}|\n", "fn f() {\n    2 +;\n}", "");
    rust(Edit, "fn a() {}\n|fn f() {\n    1 +;\n}|\n", "fn f() {\n    2;\n}", "");
    // A closer that the parser misses below the region.
    let broken = "impl A {\n|    fn f() {\n        1;\n    }|\n    fn g() {}\n}\nfn z() { 1 + }\n";
    rust(Edit, broken, "    fn f() {\n        if a {\n            1;\n        }\n    }", "");
    rust(Edit, broken, "    fn f() {\n        if a {\n            1;\n    }", "syntax");
    let broken = "x = = 1\n\nclass A:\n|\tdef f(self):\n\t\treturn 1|\n";
    python(Edit, broken, "\tdef f(self):\n\t\treturn 2", "");
    python(Edit, broken, "\tdef f(self):\n\t\treturn 2)", "syntax");
    let long = "// A line of many.\n".repeat(300_000);
    rust(Edit, "|fn f() {}|\n", &format!("fn f() {{}}\n{long}"), "syntax?");
    // Without a grammar nothing is known, and nothing refused.
    assert_eq!(verdict("lua", Edit, "", "|f()|\n", "f(("), Verdict::Apply);
}

#[test]
fn an_error_is_shown_where_it_is() {
    let Verdict::Refuse(Guard::Syntax, sentence) =
        verdict("rust", Action::Edit, "", "fn a() {}\n|fn f() { 1; }|\n", "fn f() {\n    let x = = 1;\n}")
    else {
        panic!("not refused");
    };
    assert_eq!(
        sentence,
        "The change would add a syntax error, the first near `let x = = 1;` (line 3). Code must parse, with \
         every bracket and quote closed; a smaller selection may help."
    );
}

#[test]
fn documentation_changes_no_code() {
    use Action::Document;
    rust(
        Document,
        "|fn f(a: u8) -> u8 { a }|",
        "/// Doc.\nfn f(a: u8) -> u8 {\n    // As it is.\n    a\n}",
        "",
    );
    rust(Document, "|fn f(a: u8) -> u8 { a }|", "/// Doc.\nfn f(b: u8) -> u8 { b }", "invariant?");
    rust(Document, "|#[inline]\nfn f() {}|", "/// Doc.\nfn f() {}", "invariant?");
    rust(Document, "impl A {\r\n|\tpub fn f() {}|\r\n}", "\t/// Dück 🦀.\r\n\tpub fn f() {}", "");
    python(
        Document,
        "|@cache\nasync def f():\n    return 1|\n",
        "@cache\nasync def f():\n    \"\"\"Doc.\"\"\"\n    return 1",
        "",
    );
    python(Document, "|def f():\n    return 1|", "def f():\n    '''Doc.'''\n    return 2", "invariant?");
    python(
        Document,
        "|def f():\n    def g(): pass\n    return g|",
        "def f():\n    '''A.'''\n    def g():\n        '''B.'''\n        pass\n    return g",
        "",
    );
    assert_eq!(said(&verdict("lua", Document, "", "|f()|", "-- Doc.\nf()")), "invariant?");
}

#[test]
fn a_test_is_added_and_nothing_else() {
    use Action::UnitTest;
    let test = "#[test]\nfn works() {\n    assert!(f());\n}";
    rust(UnitTest, "fn f() {}\n||", test, "");
    rust(UnitTest, "||", test, "");
    let block = "mod tests {\n    #[test]\n    fn a() {}\n||}\n";
    rust(UnitTest, block, "\n    #[test]\n    fn b() { assert!(f()) }\n", "");
    rust(UnitTest, block, "\n    #[test]\n    fn a() { assert!(f()) }\n", "invariant?");
    // The same name in another module is no clash.
    rust(UnitTest, "mod a {\n    #[test]\n    fn works() {}\n}\n||", test, "");
    rust(UnitTest, "fn f() {}\n||", "fn works() { assert!(f()); }", "invariant?");
    rust(UnitTest, "fn f() {}\n||", "#[cfg(test)]\nmod tests {}", "invariant?");
    rust(UnitTest, "fn f() {}\n|fn g() {}|\n", test, "invariant?");
    rust(UnitTest, "fn f() {}\n||", "#[test]\nfn works() {", "syntax");
    python(UnitTest, "import a\n||", "\n\ndef test_f():\n    assert a.f()\n", "");
    python(UnitTest, "import a\n||", "\n\nclass TestF:\n    def test_f(self):\n        assert a.f()\n", "");
    python(
        UnitTest,
        "import a\n||",
        "\n\nclass TestF:\n    def check(self):\n        assert a.f()\n",
        "invariant?",
    );
    python(UnitTest, "def test_f(): pass\n||", "def test_f():\n    assert a.f()\n", "invariant?");
    python(UnitTest, "def test_f(): pass\n||", "def f():\n    assert a.f()\n", "invariant?");
}

/// What no compiler says here, and what can be told all the same.
#[test]
fn a_test_tests_what_it_is_for() {
    use Action::UnitTest;
    let in_rust = |body: &str, expected: &str| {
        let old = "fn f() -> u8 { 1 }\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n||}\n";
        rust(UnitTest, old, &format!("\n    #[test]\n    fn works() {{ {body}\n"), expected);
    };
    in_rust("assert_eq!(f(), 1); }", "");
    in_rust("Holder::new().check(); }", "");
    in_rust("assert_eq!(1 + 1, 2); }", "invariant?");
    in_rust("assert_eq!(\"f\", \"f\"); // f\n }", "invariant?");
    in_rust("f(); }", "invariant?");
    in_rust("f()?; }", "");
    in_rust("}", "invariant?");
    in_rust("let f = 1; assert_eq!(f, 1); }\n    fn f() -> u8 { 1 }", "invariant?");
    // Out of the module, which the last bracket was to end.
    in_rust("assert_eq!(f(), 1); }\n}\n\nfn other() {", "invariant?");
    rust(UnitTest, "||", "#[test]\n#[should_panic]\nfn works() { f(); }", "");
    rust(UnitTest, "||", "#[test]\nfn f() { assert!(true); }", "invariant?");
    let in_python = |body: &str, expected: &str| {
        python(UnitTest, "from a import f\n||", &format!("\n\ndef test_f():\n    {body}\n"), expected);
    };
    in_python("assert f() == 1", "");
    in_python("with pytest.raises(E):\n        f()", "");
    in_python("assert 1 == 1", "invariant?");
    in_python("f()", "invariant?");
    in_python("pass", "invariant?");
    in_python("assert f() == 1\n\n\ndef f():\n    return 1", "invariant?");
    python(UnitTest, "||", "from a import f\n\n\ndef test_f():\n    assert True\n", "invariant?");
}

#[test]
fn a_rename_changes_names() {
    let rename = |language: &str, old: &str, new: &str, expected: &str| {
        let found = verdict(language, Action::Edit, "rename `a` to `b`", old, new);
        assert_eq!(said(&found), expected, "{old} → {new}");
    };
    rename("rust", "|fn a(a: A) { a.a(); }|", "fn b(b: B) { b.b(); }", "");
    rename("rust", "|fn f(a: A) { a.c(); m!(a) }|", "fn f(b: A) {\n    // b\n    b.c();\n    m!(b)\n}", "");
    rename("rust", "|fn a() {}|", "fn b() {}", "");
    rename("rust", "|fn f(a: A) { a.c(1); }|", "fn f(b: A) { b.c(2); }", "invariant?");
    rename("rust", "|fn f(a: A) { a.c(a); }|", "fn f(b: A) { b.c(c); }", "invariant?");
    rename("python", "|def f(a):\n    return f'{a}'|", "def f(b):\n    return f'{b}'", "");
    rename("python", "|def f(a):\n    return 'a'|", "def f(b):\n    return 'b'", "invariant?");
    rename("python", "|def f(a):\n    return a|", "def f(b):\n    return b + 1", "invariant?");
    rename("lua", "|f(a)|", "f(b)", "invariant?");
    // Two things would have one name; one thing two.
    rename("rust", "|fn f(a: A, b: A) { a.c(b) }|", "fn f(b: A, b: A) { b.c(b) }", "invariant?");
    rename("rust", "|fn f(a: A) { a.c(a) }|", "fn f(b: A) { b.c(a) }", "invariant?");
    // A field is no variable, nor is what stands elsewhere.
    rename("rust", "|fn f(a: A) { self.a = a; }|", "fn f(b: A) { self.a = b; }", "");
    rename("python", "|def f(a):\n    self.a = g(a=a)|", "def f(b):\n    self.a = g(a=b)", "");
    rename("python", "b = a\n|def f(a):\n    return a|", "def f(b):\n    return b", "");
    // Not what was asked for; and what others call by the old name.
    rename("python", "|def f(a, c):\n    return a|", "def f(a, d):\n    return a", "invariant?");
    rename("python", "|def a():\n    return 1|\nx = a()\n", "def b():\n    return 1", "invariant?");
    rename("python", "|def a():\n    return 1|\nx = y()\n", "def b():\n    return 1", "");
}

#[test]
fn a_fix_touches_what_is_wrong() {
    use Action::Fix;
    let old = "|fn f() {\n    let a = 1;\n\n    let b = ‹c›;\n\n    g(a, b);\n}|\n";
    let with = |from: &str, to: &str| old.replace(['|', '‹', '›'], "").trim_end().replace(from, to);
    rust(Fix, old, &with("= c", "= a"), "");
    rust(Fix, old, &with("    let b", "    let c = 2;\n    let b"), "");
    rust(Fix, old, &with("a = 1", "a = 2"), "invariant?");
    rust(Fix, old, &with("g(a, b)", "g(a)"), "invariant?");
    // All of the statement counts, not only the line of the error.
    python(
        Fix,
        "|def f():\n    x = g(\n        ‹1›,\n        2,\n        3,\n    )\n    return x|\n",
        "def f():\n    x = g(\n        1,\n        2,\n        4,\n    )\n    return x",
        "",
    );
    python(
        Fix,
        "|def f():\n    if ‹x›:\n        y()\n    z()\n    w()|\n",
        "def f():\n    if x:\n        y()\n    z()\n    v()",
        "invariant?",
    );
    // At the end of a line without a break, and out of range.
    python(Fix, "|x = 1\ny = 2‹›|", "x = 1\ny = 3", "");
    rust(Fix, "|fn f() {}|", "fn f() { 1; }", "");
    assert_eq!(said(&verdict("lua", Fix, "", "|a()\n\nb()\n\n‹c›()|", "d()\n\nb()\n\nc()")), "invariant?");
    assert_eq!(said(&verdict("lua", Fix, "", "|a()\n\nb()\n\n‹c›()|", "a()\n\nb()\n\nd()")), "");
}

#[test]
fn a_refactoring_keeps_what_others_see() {
    use Action::Refactor;
    rust(
        Refactor,
        "|pub fn f(a: u8) -> u8 { return a; }|",
        "pub fn f(\n    a: u8,\n) -> u8 {\n    a\n}\n\nfn g() {}",
        "",
    );
    rust(Refactor, "|pub fn f(a: u8) -> u8 { return a; }|", "pub fn f(a: u16) -> u16 { a }", "invariant?");
    rust(Refactor, "|fn f(a: u8) -> u8 { return a; }|", "fn f(a: u16) -> u16 { a }", "");
    rust(
        Refactor,
        "impl A {\n|    pub fn new() -> A { return A; }|\n}\n",
        "    pub fn new() -> Self { A }",
        "invariant?",
    );
    // The same method of another type.
    rust(
        Refactor,
        "|impl A { pub fn f() {} }\nimpl B { fn g() {} }|",
        "impl A { fn g() {} }\nimpl B { pub fn f() {} }",
        "invariant?",
    );
    python(Refactor, "|def f(a):\n    return (a)|", "def f(a):\n    return a", "");
    python(Refactor, "|def f(a):\n    return (a)|", "def f(a, b=1):\n    return a", "invariant?");
    python(Refactor, "|def _f(a):\n    return (a)|", "def _f(a, b=1):\n    return a", "");
    python(
        Refactor,
        "class A:\n|\t@property\n\tdef p(self):\n\t\treturn (1)|",
        "\tdef p(self):\n\t\treturn 1",
        "invariant?",
    );
    let named =
        verdict("rust", Refactor, "give f::run a limit", "|pub fn run() {}|", "pub fn run(limit: u8) {}");
    assert_eq!(named, Verdict::Apply);
    // Not public, but called from elsewhere in the file.
    rust(
        Refactor,
        "|fn f(a: u8) -> u8 { return a; }|\nfn g() { f(1); }",
        "fn f(a: u16) -> u16 { a }",
        "invariant?",
    );
    rust(Refactor, "|fn f(a: u8) -> u8 { return a; }|\nfn g() { f(1); }", "fn f(a: u8) -> u8 { a }", "");
    // Asked for freely, the person knows.
    rust(Action::Edit, "|pub fn f() {}|", "pub fn f(a: u8) {}", "");
}

#[test]
fn formatting_keeps_every_token() {
    let format = |language: &str, old: &str, new: &str, expected: &str| {
        assert_eq!(
            said(&verdict(language, Action::Edit, "Format this.", old, new)),
            expected,
            "{old} → {new}"
        );
    };
    format("rust", "|fn f(){g( 1 );}|", "fn f() {\n    g(1);\n}", "");
    format("rust", "|fn f(){g( 1 );} // a|", "fn f() {\n    g(1);\n}", "invariant?");
    format("rust", "|fn f(){g( 1 );}|", "fn f() {\n    g(1)\n}", "invariant?");
    format("python", "|x = [1,2]|", "x = [\n    1, 2\n]", "");
    format("python", "|if a:\n  b()\nc()|", "if a:\n    b()\n    c()", "invariant?");
    format("lua", "|f( a )|", "f(a)", "");
    format("lua", "|f( a )|", "f(b)", "invariant?");
}

#[test]
fn lost_code_is_asked_about() {
    use Action::Edit;
    rust(Edit, "|fn f() {}\n\nfn g() {}|\n", "fn f() {}", "loss?");
    rust(Edit, "|impl A {\n    fn f() {}\n    fn g() {}\n}|", "impl A {\n    fn f() {}\n}", "loss?");
    rust(Edit, "|const A: u8 = 1;\nconst B: u8 = 2;|", "const B: u8 = 2;\nconst A: u8 = 1;", "");
    rust(Edit, "|const A: u8 = 1;\nconst B: u8 = 2;|", "const B: u8 = 2;", "loss?");
    python(
        Edit,
        "|class A:\n    def f(self): pass\n    def g(self): pass|",
        "class A:\n    def f(self): pass",
        "loss?",
    );
    let long = |lines: usize| format!("fn f() {{\n{}}}", "    g();\n".repeat(lines));
    rust(Edit, &format!("|{}|", long(18)), &long(12), "");
    rust(Edit, &format!("|{}|", long(18)), &long(11), "loss?");
    // A few lines are what a refactoring is for.
    rust(Edit, &format!("|{}|", long(4)), &long(1), "");
    // Other words in their place, up to a point; and lines that are comments.
    let chain = "fn f() {\n    a.iter().map(g).collect()\n}";
    rust(Edit, &format!("|{}|", long(7)), chain, "");
    rust(Edit, &format!("|{}|", long(8)), chain, "loss?");
    rust(Edit, &format!("|{}|", long(7)), "fn f() {\n    g();\n}", "loss?");
    let commented = format!("fn f() {{\n{}    g();\n}}", "    // Why.\n".repeat(9));
    let uncommented =
        verdict("rust", Edit, "Remove the comments.", &format!("|{commented}|"), "fn f() {\n    g();\n}");
    assert_eq!(uncommented, Verdict::Apply);
    // Of what the instruction speaks.
    let asked = |words: &str, new: &str| said(&verdict("rust", Edit, words, "|fn f() {}\nfn g() {}|", new));
    assert_eq!(asked("Remove `g`.", "fn f() {}"), "");
    assert_eq!(asked("Call g `h`.", "fn f() {}\nfn h() {}"), "");
    assert_eq!(asked("Change the name of the last one to h.", "fn f() {}\nfn h() {}"), "");
    assert_eq!(asked("Change the name of the last one to h.", "fn h() {}"), "loss?");
    // What code that does not parse has for names is not certain.
    python(
        Action::Fix,
        "|def f()\n    return 1\n\ndef g():\n    return 2|\n",
        "def f():\n    return 1\n\ndef g():\n    return 2",
        "",
    );
    // What was renamed has gone as asked; what went with it has not.
    let renamed = |new| verdict("rust", Edit, "rename f to h", "|fn f() {}\nfn g() {}|", new);
    assert_eq!(said(&renamed("fn h() {}\nfn g() {}")), "");
    assert_eq!(said(&renamed("fn h() {}")), "invariant?");
}

#[test]
fn prose_edits_nothing() {
    rust(Action::Explain, "|fn f() {}|", "fn f() { 1; }", "invariant");
    rust(Action::Review, "|fn f() {}|", "fn f() { 1; }", "invariant");
}

#[test]
fn a_change_stays_in_its_region() {
    let document = Document::new(Language::of("rust", ""), 1, "fn é() {}\nfn g() {}\n");
    for (region, text, expected) in [
        (11..20, "fn é() {}\nfn h() {}\n", "loss?"),
        (11..20, "fn e() {}\nfn h() {}\n", "invariant"),
        (11..20, "fn é() {}\nfn h() {}", "invariant"),
        (11..20, "", "invariant"),
        // No border of a character, beyond the end, turned round.
        (4..20, "fn é() {}\nfn h() {}\n", "loss?"),
        (11..usize::MAX, "fn é() {}\nfn h() {}", "loss?"),
        (Range { start: 20, end: 11 }, "fn é() {}\nfn h() {}\n", "invariant"),
        (99..99, "fn é() {}\nfn g() {}\n\n", "empty"),
    ] {
        let change = Change {
            action: Action::Edit,
            brings: Yield::Rewrite,
            instruction: "",
            document: &document,
            region: region.clone(),
            text,
            diagnostic: Some(0..usize::MAX),
            tested: &[],
        };
        assert_eq!(said(&check(&change)), expected, "{region:?} {text:?}");
    }
}

#[test]
fn once() {
    use Action::{Edit, Refactor};
    rust(Edit, "|fn f() { 1; }|\n", "fn f() { 2; }\nfn f() { 2; }", "invariant?");
    rust(Edit, "|fn f() { 1; }|\nfn g() {}\n", "fn f() { 2; }\nfn g() {}", "invariant?");
    rust(Edit, "impl A {\n|    fn f() { 1; }|\n}\n", "    fn f() { 2; }\n\n    fn f() { 3; }", "invariant?");
    // Another type's, another block's, and what was there twice before.
    rust(Edit, "impl A { fn f() {} }\nimpl B {\n|    fn g() {}|\n}\n", "    fn f() {}\n    fn g() {}", "");
    rust(
        Edit,
        "impl X for A { fn f() {} }\nimpl Y for A {\n|    fn g() {}|\n}\n",
        "    fn f() {}\n    fn g() {}",
        "",
    );
    rust(Edit, "#[cfg(a)]\nfn f() {}\n#[cfg(b)]\nfn f() {}\n|fn g() { 1; }|\n", "fn g() { 2; }", "");
    python(
        Refactor,
        "|def f():\n    return 1|\n",
        "def f():\n    return 2\n\n\ndef f():\n    return 2",
        "invariant?",
    );
    // Told apart by what they take, as a property and its setter are.
    python(
        Edit,
        "class A:\n|    @property\n    def x(self):\n        return 1|\n",
        "    @property\n    def x(self):\n        return 1\n\n    @x.setter\n    def x(self, to):\n        pass",
        "",
    );
}

#[test]
fn what_is_there_is_not_written_again() {
    use Action::Edit;
    let old = "def f():\n    first = 1\n    second = 2\n    third = 3\n    return third\n\n|x = 1|\n";
    let copy = "    first = 1\n    second = 2\n    third = 3\n    return third";
    python(Edit, old, &format!("if x:\n{copy}"), "invariant?");
    python(Edit, old, "if x:\n    first = 1\n    second = 2\n    third = 3", "");
    // It was there before.
    python(
        Edit,
        &format!("{}|\n", old.replace("x = 1|\n", &format!("if x:\n{copy}"))),
        &format!("if y:\n{copy}"),
        "",
    );
    // It begins above the region, or has an import that is there.
    let near = "import a\nfirst = call(1)\nsecond = call(2)\n|third = call(3)|\n";
    python(Edit, near, "first = call(1)\nsecond = call(4)\nthird = call(3)", "invariant?");
    python(Edit, near, "zeroth = call(0)\nthird = call(3)", "");
    let twice = near.replace("second = call(2)", "first = call(1)");
    python(Edit, &twice, "first = call(1)\nthird = call(4)", "");
    python(Edit, near, "third = call(5)\nimport a", "invariant?");
    python(Edit, near, "third = call(5)\nimport b", "");
    let rows = |count: usize| "    1, 2,\n".repeat(count);
    python(Edit, "|x = [\n    1, 2,\n]|\n", &format!("x = [\n{}]", rows(5)), "");
    python(Edit, "|x = [\n    1, 2,\n]|\n", &format!("x = [\n{}]", rows(6)), "invariant?");
    python(Edit, &format!("|x = [\n{}]|\n", rows(9)), &format!("x = [\n{}    3]", rows(9)), "");
}

#[test]
fn code_that_is_left_out_is_refused() {
    use Action::Edit;
    let old = "|fn f() { a(); b(); }|\n";
    for (new, expected) in [
        ("fn f() { a(); b(); } // As it was.", ""),
        ("fn f() { a(); /* ... */ }", "elision"),
        ("fn f() { a(); } // ... existing code ...", "elision"),
        ("fn f() {\n    a();\n    /* rest of\n     * the code */\n}", "elision"),
        ("/// ... existing code ...\nfn f() { a(); b(); c(); }", ""),
        ("fn f() { a(); b(\"// ... existing code ...\"); }", ""),
    ] {
        rust(Edit, old, new, expected);
    }
    python(Edit, "|def f():\n    return 1|\n", "def f():\n    pass  # existing code", "elision");
    // It was there before.
    rust(Edit, "|fn f() { /* ... */ a(); }|\n", "fn f() { /* ... */ b(); }", "");
    rust(Action::UnitTest, "||", "#[test]\nfn t() { assert!(f()); } // ... same as above ...", "elision");
    // Without a grammar too.
    assert_eq!(said(&verdict("lua", Edit, "", "|f()|\n", "f() -- ... rest unchanged ...")), "elision");
    assert_eq!(said(&verdict("lua", Edit, "", "|f()|\n", "g() -- The rest.")), "");
}

#[test]
fn a_stub_is_no_code() {
    use Action::Edit;
    let rust = |new: &str, expected: &str| rust(Edit, "|fn f() { a(); }\nfn g() {}|\n", new, expected);
    rust("fn f() { todo!() }\nfn g() {}", "loss?");
    rust("fn f() {}\nfn g() {}", "loss?");
    rust("fn f() { a(); unimplemented!() }\nfn g() {}", "loss?");
    rust("fn f() { a(); }\nfn g() { /* Nothing. */ }\nfn h() { todo!() }", "");
    let python = |new: &str, expected: &str| python(Edit, "|def f(a):\n    return a|\n", new, expected);
    python("def f(a):\n    pass", "loss?");
    python("def f(a):\n    \"\"\"As it is.\"\"\"\n    ...", "loss?");
    python("def f(a):\n    raise NotImplementedError", "loss?");
    python("def f(a):\n    raise NotImplementedYet", "");
    super::tests::python(
        Edit,
        "|def f(a):\n    if not True:\n        b()\n    pass|\n",
        "def f(a):\n    pass",
        "",
    );
    python("class E(Exception):\n    pass\n\n\ndef f(a):\n    return a", "");
}

#[test]
fn a_comment_stays_with_its_code() {
    let check = |action, instruction: &str, new: &str, expected: &str| {
        let old = "|def f():\n    # NB: first.\n    a()\n    b()  # type: ignore\n    return 1|\n";
        assert_eq!(said(&verdict("python", action, instruction, old, new)), expected, "{new}");
    };
    let refactor = |new: &str, expected: &str| check(Action::Refactor, "", new, expected);
    refactor("def f():\n    # NB: first.\n    a()\n    b()  # type: ignore\n    return 2", "");
    refactor("def f():\n    a()\n    b()  # type: ignore\n    return 2", "loss?");
    refactor("def f():\n    # NB: first.\n    a()\n    b()\n    return 2", "loss?");
    // In other words, with other code, or with its code.
    refactor("def f():\n    # Comes first.\n    a()\n    b()  # type: ignore\n    return 2", "");
    refactor("def f():\n    # NB: first.\n    a(b())\n    return 1  # type: ignore", "");
    refactor("def f():\n    return c()", "");
    check(Action::Edit, "Remove the comments.", "def f():\n    a()\n    b()\n    return 1", "");
    check(Action::Document, "", "def f():\n    \"\"\"One.\"\"\"\n    a()\n    b()\n    return 1", "loss?");
    // A comment that becomes documentation.
    rust(Action::Document, "|// Doubles.\nfn f() {}|\n", "/// Doubles.\nfn f() {}", "");
    rust(Action::Document, "|// Doubles.\nfn f() {}|\n", "/// Twice.\nfn f() {}", "");
    rust(Action::Edit, "|// SAFETY: it is.\nunsafe { f() }|\n", "unsafe { f() }", "loss?");
    assert_eq!(said(&verdict("lua", Action::Edit, "", "|-- NB: first.\nf()\ng()|\n", "f()\nh()")), "loss?");
}

#[test]
fn what_cannot_be_seen_is_not_added() {
    let turns = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    let controls = ['\0', '\u{7}', '\u{8}', '\u{1b}', '\u{7f}', '\u{80}', '\u{85}', '\u{9b}', '\u{9f}'];
    let nothing = ['\u{200b}', '\u{2060}', '\u{feff}', '\u{fffd}'];
    for unseen in turns.chain(controls).chain(nothing) {
        let old = format!("|x = 'a'|\ny = '{unseen}'\n");
        let found = verdict("python", Action::Edit, "", &old, &format!("x = 'a{unseen}'"));
        assert_eq!(said(&found), "malformed", "{unseen:?}");
        // What was there may stay.
        let there =
            verdict("python", Action::Edit, "", &format!("|x = '{unseen}'|\n"), &format!("y = '{unseen}'"));
        assert_ne!(said(&there), "malformed", "{unseen:?}");
    }
    python(Action::Edit, "|x = 'a'|\n", "x = 'é\u{301}🦀\u{200d}🦀\u{200f}\tא'", "");
}
