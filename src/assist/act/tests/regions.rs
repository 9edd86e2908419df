//! Several regions of one file.

use super::*;

/// A class with a field and three methods: four pieces.
const TEXT: &str = "\
class Shape:
    unit = 1

    def area(self):
        return self.r * 3

    def name(self):
        return \"circle\"

    def scale(self, by):
        return self.r * by
";

fn place(change: impl FnOnce(&mut Settings)) -> Place {
    Place::new(&[("shape.py", TEXT)], 1, |settings| {
        settings.edits.format = EditFormat::Regions;
        change(settings);
    })
}

fn job(place: &Place) -> Job {
    place.job("shape.py", Action::Edit, TEXT, true, "use pi")
}

fn region(number: &str, text: &str) -> String {
    format!("<<<AI_EDIT_START>>>\nREGION: {number}\n{text}\n<<<AI_EDIT_END>>>\n")
}

fn answer(edits: &[String]) -> String {
    edits.concat().strip_prefix("<<<AI_EDIT_START>>>\nREGION:").unwrap().to_owned()
}

const AREA: &str = "    def area(self):\n        return self.r * PI";

#[tokio::test(start_paused = true)]
async fn regions_that_are_not_answered_for_stay() {
    for (edits, after) in [
        (vec![region("2", AREA)], TEXT.replace("self.r * 3", "self.r * PI")),
        // Backwards, at no indentation, with a name behind the number.
        (
            vec![
                region("4 (shape.py, scale)", "def scale(self, by):\n    return by"),
                region("2", "def area(self):\n    return self.r * PI"),
            ],
            TEXT.replace("self.r * 3", "self.r * PI").replace("self.r * by", "by"),
        ),
        (
            vec![region("1", "class Shape:\n    unit = 1\n    PI = 3"), region("2", AREA)],
            TEXT.replace("unit = 1", "unit = 1\n    PI = 3").replace("self.r * 3", "self.r * PI"),
        ),
    ] {
        let place = place(|_| {});
        let told = place.act(job(&place), &[&answer(&edits)]).await;
        assert_eq!(told.files, [("shape.py".to_owned(), after)], "{} {:?}", told.sentence, told.again);
        assert_eq!(told.outcome, "apply", "{}", told.sentence);
        let said = &place.backend.instructs()[0];
        for piece in [
            "REGION 1 (shape.py, Shape)\n```python\nclass Shape:\n    unit = 1\n```\n",
            "REGION 2 (shape.py, area)\n```python\n    def area(self):\n",
            "REGION 3 (shape.py, name)\n",
            "REGION 4 (shape.py, scale)\n",
        ] {
            assert!(said.user.contains(piece), "{piece}\n{}", said.user);
        }
        assert_eq!(said.prefill, "<<<AI_EDIT_START>>>\nREGION:");
    }
}

/// Those that are of no use, each by itself; the others are kept.
#[tokio::test(start_paused = true)]
async fn a_failed_region_is_asked_for_by_itself() {
    let scale = "def scale(self, by):\n    return by";
    for bad in [
        // It would not parse; it leaves code out; it is empty.
        "def scale(self, by:\n    return (by",
        "def scale(self, by):\n    ...rest of code...\n    # ... existing code ...\n    return 1",
        "",
    ] {
        let place = place(|_| {});
        let first = answer(&[region("2", AREA), region("4", bad)]);
        let told = place.act(job(&place), &[&first, &format!("{scale}\n<<<AI_EDIT_END>>>\n")]).await;
        let after = TEXT.replace("self.r * 3", "self.r * PI").replace("self.r * by", "by");
        assert_eq!(told.files, [("shape.py".to_owned(), after)], "{bad}: {} {:?}", told.sentence, told.again);
        assert_eq!(told.outcome, "apply", "{bad}");
        let said = place.backend.instructs();
        assert_eq!(said.len(), 2, "{bad}");
        assert_eq!(said[1].prefill, "<<<AI_EDIT_START>>>\n");
        assert!(
            said[1].user.contains("```python\n    def scale(") && !said[1].user.contains("area"),
            "{}",
            said[1].user
        );
    }
}

/// Which of two is meant nobody knows.
#[tokio::test(start_paused = true)]
async fn a_region_answered_twice_is_asked_for_by_itself() {
    let place = place(|_| {});
    let first = answer(&[region("2", AREA), region("2", "    def area(self):\n        return 0")]);
    let told = place.act(job(&place), &[&first, &format!("{AREA}\n<<<AI_EDIT_END>>>\n")]).await;
    assert_eq!(told.files, [("shape.py".to_owned(), TEXT.replace("self.r * 3", "self.r * PI"))]);
    assert!(told.again[0].contains("changes one twice"), "{:?}", told.again);
}

/// Where nothing says which region it is about, all of the code at once.
#[tokio::test(start_paused = true)]
async fn an_answer_about_no_region_is_asked_for_at_once() {
    for first in [
        " 9\ndef f(): pass\n<<<AI_EDIT_END>>>\n",
        " 0\ndef f(): pass\n<<<AI_EDIT_END>>>\n",
        " two\ndef f(): pass\n<<<AI_EDIT_END>>>\n",
        " 99999999999999999999\ndef f(): pass\n<<<AI_EDIT_END>>>\n",
        "\ndef f(): pass\n<<<AI_EDIT_END>>>\n",
    ] {
        let place = place(|_| {});
        let second = TEXT.replace("self.r * 3", "self.r * PI");
        let told = place.act(job(&place), &[first, &format!("{second}<<<AI_EDIT_END>>>\n")]).await;
        assert_eq!(told.files, [("shape.py".to_owned(), second)], "{first}: {}", told.sentence);
        assert!(place.backend.instructs()[1].user.contains(TEXT.trim_end()), "{first}");
    }
    // And no third time.
    let place = place(|_| {});
    let told = place.act(job(&place), &["", "", ""]).await;
    assert_eq!(told.outcome, "refused empty");
    assert_eq!(place.backend.instructs().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_changed_meanwhile() {
    for (now, expected) in [
        (format!("import math\n\n{TEXT}"), "apply"),
        // Another region than the one that was answered for.
        (TEXT.replace("circle", "disc"), "apply"),
        (TEXT.replace("self.r * 3", "self.r * 4"), "refused stale"),
    ] {
        let place = place(|_| {});
        let uri = place.uri("shape.py");
        let first = answer(&[region("2", AREA)]);
        let told = place
            .act_while(job(&place), &[&first], |assistant| Place::type_over(assistant, &uri, &now))
            .await;
        assert_eq!(told.outcome, expected, "{}", told.sentence);
        let after = now.replace("self.r * 3", "self.r * PI");
        let after: Vec<_> =
            (expected == "apply").then_some(("shape.py".to_owned(), after)).into_iter().collect();
        assert_eq!(told.files, after);
    }
}

#[tokio::test(start_paused = true)]
async fn limits_ends_and_settings() {
    let edit = answer(&[region("2", AREA)]);
    // Another region may have been about to come.
    let place = place(|_| {});
    let mut cut = job(&place);
    cut.options.max_tokens = Some(u32::try_from(edit.len().div_ceil(4)).unwrap());
    assert_eq!(place.act(cut, &[&format!("{edit}Next, ")]).await.outcome, "refused truncated");
    let place = super::regions::place(|_| {});
    let told = place.act(job(&place), &[edit.strip_suffix("<<<AI_EDIT_END>>>\n").unwrap()]).await;
    assert_eq!(told.outcome, "preview malformed");
    let place = super::regions::place(|settings| settings.edits.confirm = Confirm::Always);
    assert_eq!(place.act(job(&place), &[&edit]).await.outcome, "preview confirm");
    // Nothing is waited for once all regions are answered for.
    let place = super::regions::place(|_| {});
    let all = answer(&[
        region("1", "class Shape:\n    unit = 2"),
        region("2", AREA),
        region("3", "    def name(self):\n        return \"disc\""),
        region("4", "def scale(self, by):\n    return by"),
    ]);
    let told = place.act(job(&place), &[&format!("{all}And so on, for ever.\n")]).await;
    assert_eq!(told.outcome, "apply", "{}", told.sentence);
    assert!(told.acted.usage.generated_tokens as usize <= all.len().div_ceil(4) + 1);
    // Each region must be one that may be rewritten, and all of them fit the context.
    let place = super::regions::place(|settings| settings.edits.max_region_tokens = Some(4));
    let told = place.act(job(&place), &[&edit]).await;
    assert_eq!(told.outcome, "refused fit");
    assert!(told.sentence.contains("`edits.maxRegionTokens` is 4"), "{}", told.sentence);
}

/// A model of seven billion parameters and a region of more than forty lines, and no other.
#[tokio::test(start_paused = true)]
async fn long_regions_are_divided_for_models_that_can() {
    let function = |n: usize| format!("def f{n}():\n{}\n\n", format!("    x = {n}\n").repeat(20));
    let text: String = (0..2).map(function).collect();
    for (billions, form) in [(7, "REGION:"), (1, "")] {
        let place = Place::new(&[("f.py", &text)], billions, |_| {});
        let job = place.job("f.py", Action::Refactor, &text, true, "");
        place.act(job, &[]).await;
        assert_eq!(place.backend.instructs()[0].prefill, format!("<<<AI_EDIT_START>>>\n{form}"));
    }
}
