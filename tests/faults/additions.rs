//! Tests that are added: of the code that was asked about, able to fail, where the tests stand, as the file is written.

use codesage::edit::Action;

use super::scene::Scene;
use super::{Must, applies, check, python};

const TWICE: &str = "fn twice(x: u32) -> u32 {$0\n    x * 2\n}\n";

/// [`TWICE`] with a first module of tests.
fn with_tests(test: &str) -> String {
    format!(
        "{}\n#[cfg(test)]\nmod tests {{\n    use super::*;\n\n    #[test]\n    fn {test}\n}}\n",
        TWICE.replace("$0", "")
    )
}

fn in_rust(body: &str) -> Scene {
    Scene::new("src/twice.rs", TWICE, Action::UnitTest).writes(body).writes(body)
}

#[tokio::test(start_paused = true)]
async fn a_test_of_rust_uses_what_it_tests_and_can_fail() {
    let good = "works() {\n        assert_eq!(twice(1), 2);\n    }";
    let mut rows = vec![("a good one", in_rust(good), applies(with_tests(good)))];
    for (name, body) in [
        ("of nothing", "works() {\n        assert_eq!(1 + 1, 2);\n    }"),
        (
            "that names it in words alone",
            "works() {\n        // twice\n        assert_eq!(\"twice\", \"twice\");\n    }",
        ),
        ("that checks nothing", "works() {\n        twice(1);\n    }"),
        ("that is empty", "works() {}"),
    ] {
        rows.push((name, in_rust(body), Must::Preview("invariant", with_tests(body))));
    }
    let out = format!("{good}\n}}\n\nfn other() {{");
    rows.push((
        "that goes on behind the module",
        in_rust(&out),
        Must::Preview("invariant", with_tests(&out)),
    ));
    for (name, body) in [
        ("at no indentation", "works() {\n    assert_eq!(twice(1), 2);\n}"),
        ("in tabs", "works() {\n\t\tassert_eq!(twice(1), 2);\n\t}"),
        ("with a fence and prose behind it", &*format!("{good}\n```\n\nIt checks twice.")),
    ] {
        rows.push((name, in_rust(body), applies(with_tests(good))));
    }
    check(rows).await;
}

#[tokio::test(start_paused = true)]
async fn a_test_of_python_uses_what_it_tests_and_can_fail() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it is there");
    let import = "from shapes import area\n";
    let scene = |there: &str, body: &str| {
        let mut scene = Scene { root: root.clone(), ..python(Action::UnitTest).writes(body).writes(body) };
        if !there.is_empty() {
            scene.beside.push(("tests/test_shapes.py".into(), there.into()));
        }
        scene
    };
    let good = "():\n    assert area(0) == 0";
    let test = format!("\n\ndef test_area{good}\n");
    let made = |body: &str| format!("{import}\n\ndef test_area{body}\n");
    let mut rows = vec![("a good one", scene("", good), applies(made(good)))];
    for (name, body) in [
        ("of nothing", "():\n    assert 1 == 1"),
        ("that checks nothing", "():\n    area(1)"),
        ("that prints", "():\n    print(area(0))"),
        ("that is empty", "():\n    pass"),
    ] {
        rows.push((name, scene("", body), Must::Preview("invariant", made(body))));
    }
    let main = "if __name__ == \"__main__\":\n    unittest.main()\n";
    let edge = "def test_edge():\n    assert True\n";
    for (name, there, after) in [
        (
            "above what runs when the file is run",
            format!("import unittest\n\n\n{edge}\n\n{main}"),
            format!("import unittest\n{import}\n\n{edge}{test}\n\n{main}"),
        ),
        (
            "where a test imports it for itself",
            "def test_edge():\n    from shapes import area\n    assert area(1)\n".to_owned(),
            format!("{import}\n\ndef test_edge():\n    from shapes import area\n    assert area(1)\n{test}"),
        ),
        (
            "in tabs",
            edge.replace("    ", "\t"),
            format!("{import}\n\n{}{}", edge.replace("    ", "\t"), test.replace("    ", "\t")),
        ),
        (
            "in CRLF",
            format!("import os\n\n\n{edge}").replace('\n', "\r\n"),
            format!("import os\n{import}\n\n{edge}{test}").replace('\n', "\r\n"),
        ),
    ] {
        rows.push((name, scene(&there, good), applies(after)));
    }
    check(rows).await;
}
