//! Tables of cases for `demo`.

use expect_test::expect;

use super::*;

#[test]
fn the_script_fits_its_files() {
    for scene in script::SCENES {
        let holes = scene.holes().unwrap();
        let missing: usize = holes.iter().map(|hole| hole.len()).sum();
        assert!(missing * 4 < scene.text.len(), "{}: too little is left", scene.name);
        for hole in holes {
            assert!(scene.text[hole.clone()].starts_with('\n'));
            assert!(scene.text[hole.end..].starts_with('\n'));
        }
    }
}

/// A model that says what it is told; the edit, the explanation and a refusal are shown as they come.
#[test]
fn what_is_done_is_shown() {
    use crate::config::Settings;
    use crate::engine::Backend;
    use crate::engine::scripted::{Script, ScriptedBackend};

    let scene = &script::SCENES[0];
    let backend = Arc::new(ScriptedBackend::default());
    let written =
        "/// The number of the job.\npub fn id(&self) -> u64 {\n    self.id\n}\n<<<AI_EDIT_END>>>\n";
    for said in [written, "It gives the number.", "<<<AI_EDIT_END>>>\n", "<<<AI_EDIT_END>>>\n", "Ask it."] {
        backend.say(Script::text(said));
    }
    let seam: Arc<dyn Backend> = backend;
    let assistant = Assistant::new(seam, Settings::default(), Vec::new());
    let mut output = Vec::new();
    let mut painter = Painter::with(&mut output, false, false);
    let runtime = crate::cli::runtime().unwrap();
    for _ in 0..2 {
        runtime.block_on(deeds::play(scene, &assistant, &mut painter)).unwrap();
    }
    let shown = String::from_utf8(output).unwrap();
    let shown: Vec<&str> = shown.lines().filter(|line| !line.contains("tokens/s")).collect();
    expect![[r#"

        queue.rs: document `id`
        @@ -33,6 +33,7 @@
         }
         
         impl Job {
        +    /// The number of the job.
             pub fn id(&self) -> u64 {
                 self.id
             }

        queue.rs: explain `id`
        It gives the number.

        queue.rs: document `id`
        refused (empty): The model wrote nothing in place of the code; delete it yourself if that is meant.

        queue.rs: explain `id`
        Ask it."#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn what_is_counted_is_told() {
    let score = Score { shown: 5, right: 3, keys: 50, characters: 120, suggested: 73 };
    let mut after = EngineStats { evaluated_tokens: 110, generated_tokens: 40, ..EngineStats::default() };
    after.tokens_per_second.generate = 312.4;
    let before = EngineStats { evaluated_tokens: 10, ..EngineStats::default() };
    expect![[r#"

        3 suggestions were right and taken: 73 of 120 characters, 50 keys in all. 2 others were shown and typed over.
        312 tokens/s written, 0 tokens/s read; 40 tokens written, 2.0 tokens read a key."#]]
    .assert_eq(&summary(score, &before, &after).join("\n"));
}

#[test]
fn keys_take_a_human_time() {
    for n in 0..1000 {
        assert!((70..=140).contains(&Pace::Human.key(n).as_millis()));
    }
    assert_eq!(Pace::Fast.key(1), Duration::ZERO);
}
