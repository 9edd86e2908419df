//! Tables of cases for `template`.

use super::*;

fn subject(diagnostics: &[String]) -> Subject<'_> {
    Subject {
        selection: "",
        region: "fn f() {}\n",
        path: "src/a.rs",
        language: "rust",
        instruction: " be brief ",
        diagnostics,
    }
}

#[test]
fn what_can_be_said() {
    let two = ["unused `x`".to_owned(), "{{ path }}".to_owned()];
    for (template, expected) in [
        ("Plain { } {x} 100 %} text.\n", "Plain { } {x} 100 %} text."),
        ("{{ path }}: {{language|upper}}{# not\nsaid {{ #}", "src/a.rs: RUST"),
        ("{{- region -}} !", "fn f() {}\n!"),
        ("{% if selection %}A{% elif language == \"rust\" %}B{% else %}C{% endif %}", "B"),
        ("{% if not selection and language != 'go' or path %}yes{% endif %}", "yes"),
        ("a\n{% if selection %}\n{{ selection }}\n{% endif %}\nb", "a\nb"),
        ("{{ instruction | trim }}.", "be brief."),
        ("{{ diagnostics }}", "unused `x`\n{{ path }}"),
        ("{{ diagnostics | length }}{{ diagnostics | first }}", "2unused `x`"),
        ("{% for d in diagnostics %}\n{{ loop.index }} {{ d }}\n{% endfor %}", "1 unused `x`\n2 {{ path }}"),
        ("{% for d in diagnostics %}{% endfor %}{% for d in diagnostics %}.{% endfor %}", ".."),
    ] {
        let rendered = Template::new(template).map(|template| template.render(&subject(&two)));
        assert_eq!(rendered, Ok(Ok(expected.to_owned())), "{template}");
    }
}

#[test]
fn what_cannot_be_said_is_told_with_its_line() {
    let tags = "a template knows the tags `if`, `elif`, `else`, `endif`, `for` and `endfor`";
    let computes = "a template names things and compares them, it computes nothing";
    let quotes = "a text in quotes ends in its tag, without braces, percent signs and backslashes";
    let loops = "expected `for … in diagnostics`, and no such loop in another";
    let known = "is nothing a template knows; there are selection, region, path, language, instruction, \
                 diagnostics, and the filters trim, upper, lower, length, first";
    for (template, line, message) in [
        (" \n", None, "has no text below its front matter".to_owned()),
        (
            "a\n{{ regoin }}",
            Some(2),
            "`regoin` is nothing a template knows; did you mean `region`?".to_owned(),
        ),
        ("{{ password }}", Some(1), format!("`password` {known}")),
        ("{{ diagnostics | join }}", Some(1), format!("`join` {known}")),
        ("{% if 1range %}", Some(1), format!("`1range` {known}")),
        ("{{ 'x' * 100000000 }}", Some(1), format!("`*`: {computes}")),
        ("{{ region ~ region }}", Some(1), format!("`~`: {computes}")),
        ("{{ region.split() }}", Some(1), format!("`(`: {computes}")),
        ("\n{% set x = region %}", Some(2), format!("`=`: {computes}")),
        ("{{ 'a}}b' }}", Some(1), format!("`'`: {quotes}")),
        ("{% if language == \"\\\"%}\" %}", Some(1), format!("`\"`: {quotes}")),
        ("{% include 'region' %}", Some(1), tags.to_owned()),
        ("{% raw %}{{ x }}{% endraw %}", Some(1), tags.to_owned()),
        ("{% macro first %}{% endmacro %}", Some(1), tags.to_owned()),
        ("{% for c in region %}{% endfor %}", Some(1), loops.to_owned()),
        ("{% for a in diagnostics %}{% for b in diagnostics %}", Some(1), loops.to_owned()),
        (
            "{% for a in diagnostics %}{% endfor %}\n{{ a }}",
            Some(2),
            "`a` has no meaning where it stands".to_owned(),
        ),
        ("{{ loop.index }}", Some(1), "`loop` has no meaning where it stands".to_owned()),
        ("a\n\n{{ region", Some(3), "`{{` is not closed by `}}`".to_owned()),
        // What Jinja itself has against them.
        ("a\nb {% if region %}", Some(2), "unexpected end of input, expected end of block".to_owned()),
        ("{% if %}", Some(1), "unexpected end of block".to_owned()),
        ("{{ region region }}", Some(1), "unexpected identifier, expected end of variable block".to_owned()),
        ("{% endif %}", Some(1), "unknown statement endif".to_owned()),
    ] {
        let faults = Template::new(template).expect_err(template);
        assert_eq!(faults.first(), Some(&Fault { line, key: None, message }), "{template}");
    }
}

/// Each mistake once: what follows from another one is none.
#[test]
fn every_mistake_is_told() {
    for (template, lines) in [
        ("{{ regoin }}\n{{ path }}\n{{ 'x' * 2 }}\n{% include 'x' %}\n{{ a b }}", &[1, 3, 4, 5, 5][..]),
        ("{% for c in region %}\n{{ c }}\n{% endfor %}\n{{ c }}", &[1, 4]),
        (
            "{% for a in diagnostics %}\n{% for b in diagnostics %}{{ b }}{% endfor %}\n{{ a }}{% endfor %}",
            &[2],
        ),
        ("{{ x }}\n{{ path\n{{ y", &[1, 2]),
    ] {
        let faults = Template::new(template).expect_err(template);
        let told: Vec<usize> = faults.iter().filter_map(|fault| fault.line).collect();
        assert_eq!(told, lines, "{template}: {faults:?}");
    }
}

#[test]
fn what_a_template_makes_is_bounded() {
    let region = "x".repeat(1 << 16);
    let template = Template::new(&"{{ region }}".repeat(17)).unwrap();
    let error = template.render(&Subject { region: &region, ..Subject::default() });
    assert_eq!(error, Err("the text grows beyond 1024 KiB".to_owned()));
    let messages = vec!["x".to_owned(); 1000];
    let template = Template::new("{{ diagnostics | length }}").unwrap();
    assert_eq!(template.render(&subject(&messages)), Ok("100".to_owned()));
}

/// Each is as deep as a file may be long. NB: what overflows the stack ends the process.
#[test]
fn nothing_is_deep() {
    let repeat = |text: &str| text.repeat((60 << 10) / text.len());
    let open = "{% if region %}".repeat(2_300);
    for template in [
        open.clone() + &"{% endif %}".repeat(2_300),
        format!("{{% if region %}}a{}{{% endif %}}", repeat("{% elif region %}a")),
        format!("{{{{ region{} }}}}", repeat("|trim")),
        format!("{{{{ region{} }}}}", repeat(".first")),
        format!("{{% if {}region %}}{{% endif %}}", repeat("not ")),
        format!("{{% if region{} %}}{{% endif %}}", repeat(" and region")),
        format!("{{% if region{} %}}{{% endif %}}", repeat(" == region")),
    ] {
        let faults = Template::new(&template).expect_err("too deep");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].line == Some(1) && faults[0].message.contains("at most"), "{faults:?}");
    }
}

/// A template is short and what it is given may not be: work is bounded, not only what comes of it.
#[test]
fn what_a_template_does_is_bounded() {
    let region = "x".repeat(1 << 20);
    let messages = vec!["x".to_owned(); 100];
    let subject =
        Subject { region: &region, selection: &region, diagnostics: &messages, ..Subject::default() };
    for tag in [
        "{% if region|upper == 'x' %}{% endif %}",
        "{% if region|trim|lower == 'x' %}{% endif %}",
        "{% if region == selection %}{% endif %}",
        "{% if not region|length == 1 %}{% endif %}",
    ] {
        let text = format!("{{% for d in diagnostics %}}{}{{% endfor %}}.", tag.repeat(1_000));
        let error = Template::new(&text).unwrap().render(&subject).unwrap_err();
        assert_eq!(error, "filling it in takes too much work", "{tag}");
    }
}

proptest::proptest! {
    #[test]
    fn no_template_panics(text in r#"(\{\{|\}\}|\{%|%\}|\{#|#\}|[-+ \n.|=!'"é]|if|else|endif|for|in|endfor|region|raw|d|diagnostics|\PC){0,40}"#) {
        if let Ok(template) = Template::new(&text) {
            let _ = template.render(&subject(&[]));
        }
    }
}
