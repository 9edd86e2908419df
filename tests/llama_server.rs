//! A real llama-server in place of this machine, where the environment variable `CODESAGE_LLAMA_SERVER` names one: with
//! `CODESAGE_LLAMA_MODEL`, else with a tiny model that this test writes. It fills, chats, is named and is stopped.

#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use codesage::engine::remote::{Health, Key, Options, Patience, Remote, When};
use codesage::engine::sample::Sampling;
use codesage::engine::scripted::ScriptedBackend;
use codesage::engine::{Backend, Event, Lane, Request, Role, Stop};
use codesage::prompt::{Fill, Instruct, Prompt};
use tiny_model::TinyModel;

/// A large model is read from a slow disk.
const DEADLINE: Duration = Duration::from_secs(600);

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(program: &Path, model: &Path) -> Self {
        // NB: free when asked for; another program may take it before the server does.
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let mut command = Command::new(program);
        command.arg("-m").arg(model).args(["-c", "2048", "-np", "1", "--host", "127.0.0.1", "--port"]);
        command.arg(address.port().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(child.try_wait().expect("it can be waited for").is_none(), "the server has ended");
            assert!(began.elapsed() < DEADLINE, "the server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, url: format!("http://{address}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(prompt: Prompt, lane: Lane, max_tokens: u32) -> Request {
    Request {
        prompt,
        lane,
        sampling: Sampling::default(),
        max_tokens,
        max_time: DEADLINE,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    }
}

#[tokio::test]
async fn a_real_server_answers() {
    let Some(program) = std::env::var_os("CODESAGE_LLAMA_SERVER").map(PathBuf::from) else {
        eprintln!("skipped: CODESAGE_LLAMA_SERVER names no llama-server");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let named = std::env::var_os("CODESAGE_LLAMA_MODEL");
    // The tiny one is as sure as can be.
    let has_doubts = named.is_some();
    let model = named.map_or_else(
        || {
            let file = folder.path().join("tiny.gguf");
            std::fs::write(&file, TinyModel::default().build()).expect("the model is written");
            file
        },
        PathBuf::from,
    );
    let server = Server::start(&program, &model);
    let options = Options {
        url: server.url.clone(),
        model: None,
        key: Key::None,
        when: When::All,
        allow_http: false,
        context_tokens: None,
        patience: Patience { tries: 1000, longest_pause: Duration::from_secs(1), ..Patience::default() },
    };
    let engine = Remote::start(options).before(Arc::new(ScriptedBackend::default()), Role::Edit);

    // It listens before it has loaded the model, and says 503 until then: asked again and again, it answers.
    let chat =
        Instruct { system: "You are short.".into(), user: "Say a word.".into(), ..Instruct::default() };
    let fill = Fill {
        snippets: Arc::from([]),
        path: "a.rs".into(),
        head: "fn main() {\n".into(),
        tail: "}\n".into(),
        typed: "    let mut names = Vec::".into(),
    };
    for (what, prompt, lane) in
        [("chat", Prompt::Instruct(chat), Lane::Action), ("fill", Prompt::Fill(fill), Lane::Completion)]
    {
        let mut generation = engine.generate(request(prompt, lane, 16));
        let by = generation.by();
        let mut pieces = Vec::new();
        let (stop, usage) = loop {
            match tokio::time::timeout(DEADLINE, generation.next()).await.expect("an answer").expect("an end")
            {
                Event::Piece(piece) => pieces.push(piece),
                Event::End { stop, usage } => break (stop, usage),
                Event::Failed(error) => panic!("{what}: {error}"),
            }
        };
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        println!("{what}: {text:?} by {:?}, {stop:?}, {usage:?}", by.get());
        assert!(matches!(stop, Stop::EndOfText | Stop::Limit), "{what}: {stop:?}");
        assert!(usage.prompt_tokens > 0, "{what}: the server counts");
        if what == "fill" && has_doubts {
            assert!(pieces.iter().any(|piece| piece.log_probability < 0.0), "it says how sure it is");
        }
        if !pieces.is_empty() {
            assert!(by.get().is_some_and(|by| by.contains(" at 127.0.0.1:")), "{by:?}");
        }
    }
    let stats = engine.remote().expect("there is a server").borrow().clone();
    println!("{stats:#?}");
    assert_eq!((stats.health, stats.answered, stats.fallbacks), (Health::Closed, 2, 0));

    // A long answer is ended in the midst, and the server is free for the next one.
    let long = Instruct { user: "Count to a thousand.".into(), ..Instruct::default() };
    let (mut events, cancel, _) =
        engine.generate(request(Prompt::Instruct(long), Lane::Action, 1500)).into_parts();
    let first = tokio::time::timeout(DEADLINE, events.recv()).await.expect("something comes");
    drop(cancel);
    println!("cancelled after {first:?}");
    let stopping = engine.clone();
    tokio::task::spawn_blocking(move || stopping.shutdown()).await.expect("it stops");
}
