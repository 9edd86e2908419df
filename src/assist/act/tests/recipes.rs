//! Actions that a person wrote down.

use super::*;
use crate::models::catalog::profile;

const TEXT: &str = "import os\n\n\ndef f(x):\n    y = x\n    return y\n\n\ndef g():\n    return 2\n";

fn place(recipes: &[(&str, &str)]) -> Place {
    let paths: Vec<_> =
        recipes.iter().map(|(name, text)| (format!(".codesage/actions/{name}"), *text)).collect();
    let mut files = vec![("m.py", TEXT)];
    files.extend(paths.iter().map(|(path, text)| (path.as_str(), *text)));
    Place::new(&files, 1, |_| {})
}

fn with(recipe: Arc<Recipe>, job: Job) -> Job {
    Job { recipe: Some(recipe), ..job }
}

#[tokio::test(start_paused = true)]
async fn a_recipe_works_on_its_scope() {
    let function = "def f(x):\n    y = x\n    return y";
    for (scope, at, is_selected, region) in [
        ("selection", "    y = x\n", true, Ok("    y = x")),
        ("selection", "y = x", false, Err("for a selection")),
        ("function", "y = x", false, Ok(function)),
        ("function", "y = x", true, Ok(function)),
        ("function", "import", false, Err("for a function")),
        ("file", "y = x", false, Ok(TEXT.trim_end())),
        ("file", "y = x", true, Ok(TEXT.trim_end())),
        ("", "y = x", false, Ok(function)),
        ("", "    y = x\n", true, Ok("    y = x")),
    ] {
        let line = if scope.is_empty() { String::new() } else { format!("scope: {scope}\n") };
        let text = format!(
            "---\ntitle: Short Names\n{line}---\nShorten {{{{ path }}}} ({{{{ language }}}}): {{{{ instruction }}}}\
             {{{{ diagnostics }}}} [{{{{ selection | trim }}}}]\n"
        );
        let place = place(&[("short.md", &text)]);
        let recipe = place.assistant.recipe("short").unwrap();
        let mut job = with(recipe, place.job("m.py", Action::Custom, at, is_selected, "be brief;"));
        job.diagnostics = vec!["unused y".to_owned()];
        let answer = format!("{}\n<<<AI_EDIT_END>>>\n", region.unwrap_or_default().replace('y', "z"));
        let told = place.act(job, &[&answer]).await;
        match region {
            Ok(region) => {
                let said = &place.backend.instructs()[0];
                assert!(said.user.contains(&format!("```python\n{region}\n```")), "{scope} {}", said.user);
                let selected = if is_selected { at.trim() } else { "" };
                let words = format!("TASK: Shorten m.py (python): be brief;unused y [{selected}]\n");
                assert!(said.user.contains(&words), "{scope} {}", said.user);
                assert_eq!(told.files[0].1, TEXT.replacen(region, &region.replace('y', "z"), 1), "{scope}");
                assert_eq!(told.label, "Short Names");
            }
            Err(says) => {
                assert_eq!(told.outcome, "refused empty", "{scope}");
                assert!(told.sentence.contains(says), "{scope}: {}", told.sentence);
                assert!(place.backend.instructs().is_empty());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_recipe_says_what_it_brings_and_how() {
    let text = "---\ntitle: Who Calls\nkind: prose\nsystem: Speak as a pirate.\nmaxTokens: 8\ntemperature: 0.5\n---\n\
                Who calls this?\n";
    let place = place(&[("who.md", text)]);
    let recipe = place.assistant.recipe("who").unwrap();
    let job = with(recipe.clone(), place.job("m.py", Action::Custom, "y = x", false, ""));
    assert_eq!(job.sampling(&place.assistant.settings().sampling, profile(0)).temperature, 0.5);
    let told = place.act(job, &[&"word".repeat(20)]).await;
    // Eight tokens, and that there would have been more.
    let (said, note) = told.sentence.split_at(32);
    assert_eq!((told.outcome.as_str(), said), ("answer", "word".repeat(8).as_str()));
    assert!(note.contains("cut off"), "{note}");
    let said = &place.backend.instructs()[0];
    assert_eq!((said.system.as_str(), said.prefill.as_str()), ("Speak as a pirate.", ""));
    assert!(said.plain.ends_with("TASK: Who calls this?\nANSWER:\n"), "{}", said.plain);
    // What the request says counts more.
    let mut job = with(recipe, place.job("m.py", Action::Custom, "y = x", false, ""));
    job.options = Options {
        max_tokens: Some(2),
        system: Some("Be plain.".to_owned()),
        sampling: Some(Sampling { temperature: 0.25, ..Sampling::default() }),
        ..Options::default()
    };
    assert_eq!(job.sampling(&place.assistant.settings().sampling, profile(0)).temperature, 0.25);
    let told = place.act(job, &[&"word".repeat(20)]).await;
    assert!(told.sentence.starts_with("wordword\n"), "{}", told.sentence);
    assert_eq!(place.backend.instructs()[1].system, "Be plain.");
}

#[tokio::test(start_paused = true)]
async fn words_without_a_recipe_and_a_recipe_without_words() {
    let place = place(&[("odd.md", "---\ntitle: Odd\n---\n{% if selection %}x{% endif %}\n")]);
    let own = place.job("m.py", Action::Custom, "y = x", false, "");
    assert_eq!(place.act(own, &[]).await.outcome, "refused empty");
    let recipe = place.assistant.recipe("odd").unwrap();
    let told = place.act(with(recipe, place.job("m.py", Action::Custom, "y = x", false, "")), &[]).await;
    assert_eq!(told.outcome, "refused empty");
    assert!(told.sentence.contains("`odd` says nothing"), "{}", told.sentence);
}

#[test]
fn the_menu_follows_language_selection_workspace_and_settings() {
    let place = place(&[
        ("a.md", "---\ntitle: A\nlanguages: rust\n---\nx\n"),
        ("b.md", "---\ntitle: B\nscope: selection\n---\nx\n"),
        ("c.md", "---\ntitle: C\n---\nx\n"),
        ("d.md", "---\ntitel: D\n---\nx\n"),
    ]);
    let document = place.assistant.snapshot(&place.uri("m.py")).unwrap();
    let menu = |has_selection| -> Vec<String> {
        let recipes = place.assistant.recipes(&document, has_selection);
        recipes.iter().map(|recipe| recipe.name.clone()).collect()
    };
    assert_eq!(menu(false), ["c"]);
    assert_eq!(menu(true), ["b", "c"]);
    let problems = place.assistant.take_recipe_problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("`title`"), "{}", problems[0].message);
    assert!(place.assistant.take_recipe_problems().is_empty(), "told once");
    assert_eq!(menu(false), ["c"]);
    assert!(place.assistant.take_recipe_problems().is_empty(), "nothing was read again");

    place.assistant.configure(Settings {
        actions: crate::config::ActionSettings { dir: "elsewhere".into() },
        ..Settings::default()
    });
    assert!(menu(true).is_empty() && place.assistant.recipe("c").is_none());
    place.assistant.configure(Settings::default());
    assert_eq!(menu(false), ["c"]);
    assert_eq!(place.assistant.take_recipe_problems().len(), 1, "read anew, so told anew");
    place.assistant.set_roots(Vec::new());
    assert!(menu(true).is_empty());
}
