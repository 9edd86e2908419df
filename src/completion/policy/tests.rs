//! Tables of cases for `policy`.

use super::*;
use crate::syntax::Language;

/// `$0` marks the cursor.
fn situation(language: &str, fixture: &str) -> (Document, usize) {
    let offset = fixture.find("$0").expect("a cursor");
    let path = format!("file.{language}");
    (Document::new(Language::of(language, &path), 1, &fixture.replacen("$0", "", 1)), offset)
}

#[track_caller]
fn check(language: &str, fixture: &str, trigger: Trigger, inserted: &str, expected: Result<Mode, Reason>) {
    let (document, offset) = situation(language, fixture);
    let found = decide(&Situation {
        document: &document,
        offset,
        trigger,
        selection: None,
        last_inserted: inserted,
        multiline: Multiline::Auto,
    });
    assert_eq!(found, expected, "{fixture:?}, last inserted {inserted:?}, {trigger:?}");
}

#[test]
fn positions() {
    use Trigger::{Automatic, Invoked};
    let block = Ok(Mode::Block { indent: 0 });
    let list = Ok(Mode::Block { indent: 4 });
    for (fixture, inserted, automatic, invoked) in [
        ("let ab$0cd = 1;", "b", Err(Reason::PosMidWord), Err(Reason::PosMidWord)),
        ("let é$0é = 1;", "é", Err(Reason::PosMidWord), Err(Reason::PosMidWord)),
        ("let ab$0 = 1;", "b", Ok(Mode::Line), Ok(Mode::Line)),
        ("let $0ab = 1;", " ", Ok(Mode::Line), Ok(Mode::Line)),
        ("fn a() {\n    $0\n}\n", "    ", Err(Reason::PosIndent), block),
        ("fn a() {\n    $0\n}\n", "\t", Err(Reason::PosIndent), block),
        ("fn a() {\n    $0\n}\n", "\n    ", block, block),
        ("fn a() {\n    $0\n}\n", "", block, block),
        ("fn a() {\n    b($0)\n}\n", "(", list, list),
        ("fn a() {$0}\n", "{", block, block),
        ("fn a() { $0 b }\n", "{", Ok(Mode::Line), Ok(Mode::Line)),
    ] {
        check("rust", fixture, Automatic, inserted, automatic);
        check("rust", fixture, Invoked, inserted, invoked);
    }
}

#[test]
fn multiline_settings() {
    let (document, offset) = situation("python", "def f():\n    x = 1$0\n");
    let decide = |multiline, selection| {
        decide(&Situation {
            document: &document,
            offset,
            trigger: Trigger::Invoked,
            selection,
            last_inserted: "",
            multiline,
        })
    };
    assert_eq!(decide(Multiline::Auto, None), Ok(Mode::Line));
    assert_eq!(decide(Multiline::Never, Some(3..3)), Ok(Mode::Line));
    assert!(matches!(decide(Multiline::Always, None), Ok(Mode::Block { indent: 0..=3 })));
    assert_eq!(decide(Multiline::Auto, Some(2..4)), Err(Reason::PosSelection));

    let (document, offset) = situation("python", "def f():\n    $0\n");
    let never = Situation {
        document: &document,
        offset,
        trigger: Trigger::Invoked,
        selection: None,
        last_inserted: "",
        multiline: Multiline::Never,
    };
    assert_eq!(super::decide(&never), Ok(Mode::Line));
    assert_eq!(
        super::decide(&Situation { multiline: Multiline::Auto, ..never }),
        Ok(Mode::Block { indent: 0 })
    );
}

#[test]
fn secrets() {
    for path in [
        ".env",
        "/home/a/.env.local",
        "project/.ENV.production",
        "prod.env",
        ".envrc",
        "server.pem",
        "Server.KEY",
        "/home/a/.ssh/config",
        "id_rsa",
        "id_ed25519",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".htpasswd",
        "credentials",
        "credentials.json",
        "aws_credentials.csv",
        "secrets.yaml",
        "secrets.yml",
        "app-secrets.toml",
        "client_secret_123.json",
        "secret",
        "vault.kdbx",
        "C:\\Users\\a\\.aws\\credentials",
        "/home/me/.aws/config",
        "a.p12",
        "b.pfx",
        "release.keystore",
        "store.jks",
        "prod.tfvars",
        ".git-credentials",
        ".kube/config",
        "file:///x/.env".trim_start_matches("file://"),
        "backup.gpg",
        "config/master.key",
        "/home/a/.config/gcloud/access_tokens.db",
        "C:\\Users\\a\\.config\\GCloud\\configurations\\config_default",
        "project/.git/config",
    ] {
        assert!(is_secret(path), "{path}");
    }
    for path in [
        "",
        "main.rs",
        ".env.example",
        ".env.sample",
        "app/.env.template",
        "environment.rs",
        "env.py",
        "keys.rs",
        "src/secrets.rs",
        "credentials.py",
        "secret_santa.go",
        "secretary.txt",
        "keyboard.json",
        "monkey",
        "turkey.txt",
        "id_rsa.rs",
        "docs/credentials.md",
        ".environment",
        "public.css",
        "ssh/config.rs",
        "credentials.json.example",
        ".gitignore",
        ".github/workflows/test.yml",
        "src/gcloud/client.rs",
        "gcloud/main.go",
        ".config/other/gcloud/main.go",
        "Cargo.toml",
    ] {
        assert!(!is_secret(path), "{path}");
    }
}
