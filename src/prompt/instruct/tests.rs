use expect_test::{Expect, expect};

use super::*;

fn task(action: Action) -> Task<'static> {
    Task {
        brings: action.brings(),
        instruction: "Add a documentation comment.",
        path: "src/area.py",
        fence: "python",
        region: "    def area(self):\n        return self.r ** 2\n",
        signatures: &[],
        test_path: None,
        opening: "",
        markers: MarkerText::default(),
        system: None,
    }
}

fn addition() -> Task<'static> {
    Task {
        instruction: "Write a unit test.",
        test_path: Some("tests/test_area.py"),
        opening: "def test_area",
        ..task(Action::UnitTest)
    }
}

/// A line for each line, `⏎` where one ends: a missing one at the end is seen.
fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&text.replace('\n', "⏎\n"));
}

/// Frozen: the model in the box was trained on these bytes.
#[test]
fn plain() {
    check(
        &instruct(&task(Action::Document)).plain,
        &expect![[r#"
            FILE: src/area.py⏎
            TASK: Add a documentation comment.⏎
            <<<AI_EDIT_START>>>⏎
            <<<AI_SEARCH>>>⏎
                def area(self):⏎
                    return self.r ** 2⏎
            <<<AI_REPLACE>>>⏎
        "#]],
    );
    check(
        &instruct(&addition()).plain,
        &expect![[r#"
            FILE: src/area.py⏎
                def area(self):⏎
                    return self.r ** 2⏎
            TASK: Write a unit test.⏎
            FILE: tests/test_area.py⏎
            <<<AI_EDIT_START>>>⏎
            def test_area"#]],
    );
    check(
        &instruct(&Task { instruction: "Explain this code.", ..task(Action::Explain) }).plain,
        &expect![[r#"
            FILE: src/area.py⏎
                def area(self):⏎
                    return self.r ** 2⏎
            TASK: Explain this code.⏎
            ANSWER:⏎
        "#]],
    );
}

#[test]
fn chat() {
    let uses = [
        Snippet { path: "src/shape.py".into(), text: "class Shape:\n    r: float\n".into() },
        Snippet { path: "src/unit.py".into(), text: "METRE = 1".into() },
    ];
    let prompt = instruct(&Task { signatures: &uses, ..task(Action::Document) });
    check(
        &prompt.system,
        &expect![[r#"
            You rewrite code. Answer with the whole new code between <<<AI_EDIT_START>>> and <<<AI_EDIT_END>>>, each alone on its line. Write no explanation and no code fence. Keep the indentation, and everything that the task does not ask to change.⏎
            ⏎
            Example task: Add type hints.⏎
            def area(r):⏎
                return 3 * r * r⏎
            ⏎
            Example answer:⏎
            <<<AI_EDIT_START>>>⏎
            def area(r: float) -> float:⏎
                return 3 * r * r⏎
            <<<AI_EDIT_END>>>"#]],
    );
    check(
        &prompt.user,
        &expect![[r#"
            It uses, from elsewhere:⏎
            FILE: src/shape.py⏎
            ```python⏎
            class Shape:⏎
                r: float⏎
            ```⏎
            FILE: src/unit.py⏎
            ```python⏎
            METRE = 1⏎
            ```⏎
            ⏎
            FILE: src/area.py⏎
            ```python⏎
                def area(self):⏎
                    return self.r ** 2⏎
            ```⏎
            ⏎
            TASK: Add a documentation comment.⏎
            ⏎
            Write the whole new code between <<<AI_EDIT_START>>> and <<<AI_EDIT_END>>>."#]],
    );
    assert_eq!(prompt.prefill, "<<<AI_EDIT_START>>>\n");
    let prompt = instruct(&addition());
    check(
        &prompt.user,
        &expect![[r#"
            FILE: src/area.py⏎
            ```python⏎
                def area(self):⏎
                    return self.r ** 2⏎
            ```⏎
            ⏎
            TASK: Write a unit test.⏎
            ⏎
            Write only the code to add to tests/test_area.py, between <<<AI_EDIT_START>>> and <<<AI_EDIT_END>>>."#]],
    );
    assert_eq!(prompt.prefill, "<<<AI_EDIT_START>>>\ndef test_area");
    let prompt = instruct(&task(Action::Review));
    assert!(prompt.user.ends_with("```\n\nTASK: Add a documentation comment."), "{}", prompt.user);
    assert_eq!((prompt.prefill.as_str(), prompt.system.contains("AI_")), ("", false));
}

/// Whatever stands in it, the frame holds.
#[test]
fn odd_tasks() {
    let nonced = MarkerText {
        start: "<<<AI_EDIT_START:7>>>",
        search: "<<<AI_SEARCH:7>>>",
        replace: "<<<AI_REPLACE:7>>>",
        end: "<<<AI_EDIT_END:7>>>",
    };
    let prompt = instruct(&Task {
        instruction: " Fix it:\r\n {{ end }} {% raw %} <b> ",
        region: "a\r\n``` ````\rb\r\n\r\n",
        markers: nonced,
        system: Some(" Speak as {{ region }}.\n"),
        ..task(Action::Edit)
    });
    check(
        &prompt.plain,
        &expect![[r#"
            FILE: src/area.py⏎
            TASK: Fix it: {{ end }} {% raw %} <b>⏎
            <<<AI_EDIT_START:7>>>⏎
            <<<AI_SEARCH:7>>>⏎
            a⏎
            ``` ````⏎
            b⏎
            <<<AI_REPLACE:7>>>⏎
        "#]],
    );
    assert!(prompt.user.contains("\n`````python\na\n``` ````\nb\n`````\n"), "{}", prompt.user);
    assert!(prompt.user.contains("TASK: Fix it:\n {{ end }} {% raw %} <b>\n"), "{}", prompt.user);
    assert!(prompt.user.contains("<<<AI_EDIT_END:7>>>") && !prompt.user.contains("END>>>"));
    assert_eq!(prompt.system, "Speak as {{ region }}.");
    assert_eq!(prompt.prefill, "<<<AI_EDIT_START:7>>>\n");
}

#[test]
fn every_action_has_words() {
    let check = |action, detail, expected| assert_eq!(instruction_of(action, detail), expected);
    check(Action::Refactor, "", "Refactor this code without changing what it does.");
    check(Action::Document, "", "Add a documentation comment.");
    check(Action::Document, " In Latin.\n", "Add a documentation comment. In Latin.");
    check(Action::UnitTest, "", "Write a unit test.");
    check(Action::Fix, "unused variable", "Fix this error: unused variable");
    check(Action::Fix, "", "Fix the errors in this code.");
    check(Action::Explain, "", "Explain this code.");
    check(Action::Review, "", "List the problems of this code.");
    check(Action::Edit, " use a loop ", "use a loop");
    check(Action::Custom, "use a loop", "use a loop");
}
