//! Tables of cases for `cut`.

use expect_test::{Expect, expect};

use super::*;

const DESK: &str = "use crate::fines::Tariff;

/// A counter.
pub struct Desk {
    open: bool,
    loans: Vec<u32>,
}

impl Desk {
    pub fn lend(&mut self, copy: u32) -> Option<u32> {
        if self.loans.contains(&copy) {
            // Not twice.
            return None;
        }
        let fine = Tariff::default().overdue_fine(copy, 3);
        Some(fine)
    }
}
";
const FINES: &str = "#[derive(Default)]
pub struct Tariff {
    pub daily: u32,
}

impl Tariff {
    pub fn overdue_fine(&self, copy: u32, days: u32) -> u32 {
        copy * days * self.daily
    }
}
";

fn project(files: &[(&str, &str)]) -> Project {
    Project {
        name: "p".into(),
        files: files.iter().map(|&(path, text)| SourceFile::of(path, text)).collect(),
    }
}

/// Every hole of a kind, as `typed[taken]`.
fn check(kind: Kind, files: &[(&str, &str)], expected: Expect) {
    let project = project(files);
    let language = project.files[0].language().id;
    let shown: Vec<String> = holes(std::slice::from_ref(&project), &[kind], &[language], 100, 7)
        .iter()
        .map(|hole| {
            let text = &project.files[hole.file].text;
            let typed = text[..hole.taken.start].rsplit('\n').next().unwrap().trim_start();
            format!("{typed}[{}]\n", &text[hole.taken.clone()])
        })
        .collect();
    expected.assert_eq(&shown.concat());
}

#[test]
fn line_ends() {
    check(
        Kind::LineEnd,
        &[("fines.rs", FINES)],
        expect![[r#"
        #[derive([Default)]]
        pub[ struct Tariff {]
        pub daily:[ u32,]
        impl[ Tariff {]
        pub fn[ overdue_fine(&self, copy: u32, days: u32) -> u32 {]
        copy [* days * self.daily]
    "#]],
    );
}

#[test]
fn whole_lines() {
    check(
        Kind::Line,
        &[("fines.rs", FINES)],
        expect![[r#"
        [#[derive(Default)]]
        [pub struct Tariff {]
        [pub daily: u32,]
        [impl Tariff {]
        [pub fn overdue_fine(&self, copy: u32, days: u32) -> u32 {]
        [copy * days * self.daily]
    "#]],
    );
    let python =
        "def f(a):\n    \"\"\"Says what.\n\n    And more.\n    \"\"\"\n    # why\n    return a + 1\n";
    check(
        Kind::Line,
        &[("f.py", python)],
        expect![[r#"
        [def f(a):]
        [return a + 1]
    "#]],
    );
}

#[test]
fn conditions_and_arguments() {
    check(
        Kind::Inner,
        &[("desk.rs", DESK)],
        expect![[r#"
        pub fn lend([&mut self, copy: u32]
        if self.loans.contains([&copy]
        let fine = Tariff::default().overdue_fine([copy, 3]
        Some([fine]
    "#]],
    );
    check(
        Kind::Inner,
        &[("a.py", "while left > 3:\n    call(a, (b))\n    x = (1, 2)\n")],
        expect![[r#"
        while [left > 3]
        call([a, (b)]
    "#]],
    );
}

#[test]
fn blocks() {
    check(
        Kind::Block,
        &[("desk.rs", DESK)],
        expect![[r#"
        [open: bool,
            loans: Vec<u32>,]
        [if self.loans.contains(&copy) {
                    // Not twice.
                    return None;
                }
                let fine = Tariff::default().overdue_fine(copy, 3);
                Some(fine)]
        [// Not twice.
                    return None;]
    "#]],
    );
    let python = "def f(a):\n\n    if a:\n        b()\n\n        c()\n\n\ndef g():\n    return 1\n";
    check(
        Kind::Block,
        &[("f.py", python)],
        expect![[r#"
        [b()

                c()]
    "#]],
    );
}

#[test]
fn names_of_other_files() {
    check(
        Kind::Name,
        &[("desk.rs", DESK), ("fines.rs", FINES)],
        expect![[r#"
        let fine = Tariff::default().ov[erdue_fine(copy, 3);]
    "#]],
    );
}

#[test]
fn the_same_seed_draws_the_same_holes() {
    let projects = [project(&[("desk.rs", DESK), ("fines.rs", FINES)])];
    let draw = |count, seed| holes(&projects, &Kind::ALL, &["rust"], count, seed);
    assert_eq!(draw(3, 1), draw(3, 1));
    assert_ne!(draw(3, 1), draw(3, 2));
    let kinds: Vec<usize> =
        Kind::ALL.iter().map(|kind| draw(3, 1).iter().filter(|hole| hole.kind == *kind).count()).collect();
    assert_eq!(kinds, [3, 3, 3, 3, 1]);
}
