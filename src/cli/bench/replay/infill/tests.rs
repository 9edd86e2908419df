use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::cli::bench::replay::editor::OpenFile;
use crate::cli::bench::replay::keys::Class;

/// What the server does with a request.
enum Reply {
    Json(u16, String),
    /// Nothing, for longer than anybody waits.
    Stall,
    HangUp,
}

/// A server that answers as told, and what it was asked.
struct Fake {
    address: Address,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    connections: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
}

type Answering = dyn Fn(&str, &Value) -> Reply + Send + Sync;

impl Fake {
    fn start(answer: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let fake = Self {
            address,
            asked: Arc::default(),
            connections: Arc::default(),
            most_at_once: Arc::default(),
        };
        let (asked, connections) = (fake.asked.clone(), fake.connections.clone());
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), fake.most_at_once.clone());
        let answer: Arc<Answering> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (asked, at_once, most, answer) =
                    (asked.clone(), at_once.clone(), most.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some((path, body)) = request(&mut reader) {
                        asked.lock().unwrap().push((path.clone(), body.clone()));
                        most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let reply = answer(&path, &body);
                        at_once.fetch_sub(1, Ordering::SeqCst);
                        if !respond(&stream, reply) {
                            return;
                        }
                    }
                });
            }
        });
        fake
    }

    fn infills(&self) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(path, _)| path == "/infill").map(|(_, body)| body.clone()).collect()
    }

    fn arm(&self, speculates: bool, patience: Duration) -> Result<Infill, Failure> {
        Infill::connect(self.address.clone(), Asking { speculates, ..ASKING }, 1, patience)
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, serde_json::from_slice(&body).unwrap_or_default()))
}

/// Whether the connection stays.
fn respond(mut stream: &TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::HangUp => false,
        Reply::Stall => {
            // Until the client has had enough.
            let _ = stream.read(&mut [0]);
            false
        }
        Reply::Json(status, body) => {
            let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: ");
            write!(stream, "{head}{}\r\n\r\n{body}", body.len()).is_ok()
        }
    }
}

/// Answers like llama-server: the typed line ends the prefix, in front of the suffix; a token is a byte, and what is
/// common with the prompt before is not read again.
fn like_llama_server() -> impl Fn(&str, &Value) -> Reply + Send + Sync {
    let slot = Mutex::new(String::new());
    move |path, body| {
        if path != "/infill" {
            return Reply::Json(200, json!({"model_path": "m.gguf", "build_info": "b1"}).to_string());
        }
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let prompt = text("input_prefix") + &text("prompt") + "\u{1}" + &text("input_suffix");
        let mut slot = slot.lock().unwrap();
        let common = slot.bytes().zip(prompt.bytes()).take_while(|(a, b)| a == b).count();
        let reply = json!({
            "content": " = 1;\n", "timings/cache_n": common, "timings/prompt_n": prompt.len() - common,
            "timings/prompt_ms": 1.0, "timings/predicted_n": 5, "timings/predicted_ms": 0.0,
        });
        *slot = prompt;
        Reply::Json(200, reply.to_string())
    }
}

fn editor(text: &str) -> Editor {
    let cursor = text.find('|').expect("a cursor");
    let file = |uri: &str, text: String| OpenFile { uri: uri.into(), language: "rust", text, version: 1 };
    let other = (0..40).map(|n| format!("fn other_{n}() {{ work({n}); }}\n")).collect();
    let files = vec![file("file:///a.rs", text.replacen('|', "", 1)), file("file:///b.rs", other)];
    Editor { files, focus: 0, cursor }
}

/// Types one character.
fn press(arm: &mut Infill, editor: &mut Editor, text: &str) {
    let cursor = editor.cursor;
    let change = editor.replace(cursor..cursor, text, text.len());
    let stroke = Stroke { class: Class::Character, change: Some(change), accepted: None };
    arm.press(editor, &stroke).unwrap();
}

const PATIENCE: Duration = Duration::from_secs(300);
const ASKING: Asking = Asking { tokens: 16, speculates: false, ends: true };

#[test]
fn each_key_reads_the_suffix_again() {
    let fake = Fake::start(like_llama_server());
    let mut arm = fake.arm(false, PATIENCE).unwrap();
    let suffix = "}\n".repeat(50);
    let mut editor = editor(&format!("fn f() {{\n    let |\n{suffix}"));
    arm.open(&editor).unwrap();
    // One chunk of the other file is read ahead, and no key is charged with it.
    assert_eq!(fake.infills().len(), 1);
    assert_eq!(fake.infills()[0]["n_predict"], 0);
    for (number, c) in ["x", "y", "z"].into_iter().enumerate() {
        press(&mut arm, &mut editor, c);
        let key = arm.settle(&editor).unwrap();
        if number > 0 {
            assert_eq!(key.cost.get("evaluatedTokens") as usize, 1 + 1 + 1 + suffix.len() + 1, "{c}");
        }
        assert_eq!(
            key.cost.get("promptTokens"),
            key.cost.get("evaluatedTokens") + key.cost.get("reusedTokens")
        );
        assert_eq!((key.cost.get("generatedTokens"), key.reason.as_str()), (5, "shown"));
        assert!(key.latency_ms > 0.0 && key.first_token_ms == key.latency_ms && key.is_asked());
        assert_eq!(arm.ghost().map(|(ghost, _)| ghost.text.as_str()), Some(" = 1;"));
    }
    let infills = fake.infills();
    let newest = infills.last().unwrap();
    assert_eq!(newest["prompt"], "    let xyz");
    assert_eq!(newest["input_extra"][0]["filename"], "file:///b.rs");
    assert_eq!(
        (&newest["n_predict"], &newest["t_max_predict_ms"], &newest["n_indent"]),
        (&json!(16), &json!(250), &json!(4))
    );
    // What was asked before is in the cache, and costs nothing.
    editor.replace(editor.cursor - 1..editor.cursor, "", 0);
    arm.press(&editor, &Stroke { class: Class::Backspace, change: None, accepted: None }).unwrap();
    let key = arm.settle(&editor).unwrap();
    assert_eq!((key.cost.get("evaluatedTokens"), key.cost.get("cacheHits")), (0, 1));
    assert!(!key.is_asked() && key.latency_ms == 0.0);
    assert_eq!(fake.infills().len(), infills.len());
    // Too much right of the cursor.
    let mut editor = super::tests::editor("let |a_long_name = 1;\n");
    press(&mut arm, &mut editor, "x");
    assert!(!arm.settle(&editor).unwrap().is_asked());
    arm.close(&editor).unwrap();
    assert_eq!(arm.about().unwrap()["model"]["path"], "m.gguf");
    // One connection for the requests of keys and one for all else.
    assert_eq!(fake.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn one_request_at_a_time_and_the_last_one_is_shown() {
    let answer = like_llama_server();
    // Keys are answered when all of them are pressed.
    let (pressed, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let slow = move |path: &str, body: &Value| {
        if path == "/infill" && body["t_max_predict_ms"] == 250 {
            // An error once they are.
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        }
        answer(path, body)
    };
    let fake = Fake::start(slow);
    let mut arm = fake.arm(true, PATIENCE).unwrap();
    let mut editor = editor("let |\n");
    arm.open(&editor).unwrap();
    for c in "abcdefgh".chars() {
        press(&mut arm, &mut editor, &c.to_string());
        arm.wait(&editor, Instant::now() + Duration::from_millis(20)).unwrap();
    }
    drop(pressed);
    let until = Instant::now() + PATIENCE;
    let is_asked = |asked: &Value, prompt: &str| asked["prompt"] == prompt;
    // The newest text, and speculatively what follows when the suggestion for it is taken.
    for wanted in ["let abcdefgh", "let abcdefgh = 1;"] {
        while !fake.infills().iter().any(|asked| is_asked(asked, wanted)) {
            assert!(Instant::now() < until, "{wanted} is never asked: {:#?}", fake.infills());
            arm.wait(&editor, Instant::now() + Duration::from_millis(20)).unwrap();
        }
    }
    arm.close(&editor).unwrap();
    assert_eq!(fake.most_at_once.load(Ordering::SeqCst), 1);
    let infills = fake.infills();
    let speculative = infills.iter().find(|asked| is_asked(asked, "let abcdefgh = 1;")).unwrap();
    assert_eq!(speculative["t_max_predict_ms"], 1000);
    // Keys that came meanwhile were not asked about.
    let keys = infills.iter().filter(|asked| asked["t_max_predict_ms"] == 250).count();
    assert!(keys < 8, "{keys}");
    assert_eq!(arm.latencies().len(), keys);
}

#[test]
fn a_server_that_fails_ends_the_comparison() {
    type Case<'a> = (&'a str, fn() -> Reply);
    const LITTLE: Duration = Duration::from_millis(300);
    let cases: [Case; 7] = [
        ("it does not answer in time", || Reply::Stall),
        ("it cannot be asked", || Reply::HangUp),
        ("it answers 503: loading", || Reply::Json(503, "loading".into())),
        ("its answer is no JSON", || Reply::Json(200, "<html>".into())),
        ("its answer has no content", || Reply::Json(200, "{}".into())),
        ("its answer has no content", || Reply::Json(200, json!({"content": 7}).to_string())),
        ("does not say timings/prompt_n", || Reply::Json(200, json!({"content": "x"}).to_string())),
    ];
    for (expected, reply) in cases {
        let fake = Fake::start(move |path, _| match path {
            "/infill" => reply(),
            _ => Reply::Json(200, "{}".into()),
        });
        // Who is to lose patience with an answer may lose it before, on a machine that is slow to connect.
        let patience = if expected.contains("in time") { LITTLE } else { PATIENCE };
        let mut arm = (0..100).find_map(|_| fake.arm(false, patience).ok()).unwrap();
        let mut editor = editor("let |\n");
        press(&mut arm, &mut editor, "x");
        let Err(Failure::Message(why)) = arm.settle(&editor) else { panic!("{expected}: it went on") };
        assert!(why.starts_with(&format!("--against {}", fake.address)) && why.contains(expected), "{why}");
    }
}

#[test]
fn nobody_there() {
    // A port that is in use, so that nobody else is given it, and at which nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let address: Address = format!("http://{}", client.local_addr().unwrap()).parse().unwrap();
    let Err(Failure::Message(why)) = Infill::connect(address, ASKING, 1, PATIENCE) else {
        panic!("it started")
    };
    assert!(why.contains("it cannot be asked"), "{why}");
}

#[test]
fn answers_are_read_in_both_forms() {
    let flat = json!({"content": "x", "timings/prompt_n": 3, "timings/predicted_n": 2, "timings/cache_n": 4});
    let nested = json!({"content": "x", "timings": {"prompt_n": 3, "predicted_n": 2, "cache_n": 4}});
    let read = |reply: &Value| Answer::read(reply, 1.0).unwrap().cost;
    assert_eq!(read(&flat), read(&nested));
    assert_eq!(read(&flat).get("promptTokens"), 7);
    // An older server does not say how long its prompts were; then nobody does.
    let old = json!({"content": "x", "timings/prompt_n": 3});
    assert_eq!(read(&old).0.get("promptTokens"), None);
}
