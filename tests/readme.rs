//! The README says what the program does: tables made from the code, and files that exist.
//!
//! `UPDATE_EXPECT=1 cargo test --test readme` writes the tables.

use std::fs;
use std::path::{Path, PathBuf};

use codesage::completion::Reason;
use codesage::config::key;

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// The text between `<!-- name -->` and `<!-- /name -->` is `expected`.
fn check_section(name: &str, expected: &str) {
    let text = fs::read_to_string(readme()).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = text.find(&open).expect("the section opens") + open.len();
    let end = start + text[start..].find(&close).expect("the section closes");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(readme(), format!("{}{expected}{}", &text[..start], &text[end..])).unwrap();
    } else {
        assert_eq!(
            &text[start..end],
            expected,
            "README.md, {name}: write it with UPDATE_EXPECT=1 cargo test --test readme"
        );
    }
}

/// One test: both sections are in one file.
#[test]
fn tables_are_those_of_the_code() {
    check_section("settings", &key::markdown());
    let mut reasons = String::from("| code | meaning |\n|---|---|\n");
    for reason in Reason::ALL {
        reasons += &format!("| `{}` | {} |\n", reason.code(), reason.meaning());
    }
    check_section("reasons", &reasons);
}

#[test]
fn links_lead_somewhere() {
    for name in ["README.md", "CONTRIBUTING.md"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(folder.join(name)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            assert!(folder.join(link).exists(), "{name} links to {link}");
        }
    }
}
