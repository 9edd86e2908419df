//! A server in place of this machine: one that streams, stalls, cuts, errs, sends rubbish, lies about lengths and sends us
//! elsewhere. What comes of each is an answer, the local model's, or one sentence.

#[path = "support/model_server.rs"]
mod model_server;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use codesage::assist::roles::{Roles, Wish};
use codesage::config::{EditModel, ModelSettings, Settings};
use codesage::context::Snippet;
use codesage::engine::remote::{Health, Key, Options, Patience, Remote, RemoteEngine, RemoteStats, When};
use codesage::engine::sample::Sampling;
use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::engine::{
    Backend, EngineError, Event, Generation, Lane, ModelState, Piece, Request, Role, Stop, Usage,
};
use codesage::prompt::{Fill, Instruct, Prompt};
use model_server::{Deed, ModelServer, chat, chats, done, error, event, finish, stream, whole};
use serde_json::json;
use tokio::sync::watch;

const CHAT: &str = "/v1/chat/completions";
/// Nothing takes this long, even on a machine that does other things.
const DEADLINE: Duration = Duration::from_secs(120);

/// Patient with a slow machine, and quick to ask again.
fn patience() -> Patience {
    let long = DEADLINE / 2;
    Patience {
        connect: long,
        first: long,
        first_of_suggestion: long,
        between: long,
        key: long,
        tries: 3,
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        hold: Duration::from_millis(1),
    }
}

fn options(url: &str) -> Options {
    Options {
        url: url.into(),
        model: None,
        key: Key::None,
        when: When::All,
        allow_http: false,
        context_tokens: None,
        patience: patience(),
    }
}

/// A server before a local model that says "local".
struct Stage {
    engine: Arc<RemoteEngine>,
    /// The same server's, for edits.
    editor: Arc<RemoteEngine>,
    local: Arc<ScriptedBackend>,
}

impl Stage {
    fn new(options: &Options) -> Self {
        let local = Arc::new(ScriptedBackend::default());
        local.always(Script::text("local"));
        let server = Remote::start(options.clone());
        let of = |role| server.before(local.clone(), role);
        Self { engine: of(Role::Fill), editor: of(Role::Edit), local }
    }

    async fn known(options: &Options) -> Self {
        let stage = Self::new(options);
        stage.until(|stats| !stats.model.is_empty() || stats.problem.is_some()).await;
        stage
    }

    async fn until(&self, wanted: impl Fn(&RemoteStats) -> bool) -> RemoteStats {
        let mut stats = self.engine.remote().expect("there is a server");
        let found = tokio::time::timeout(DEADLINE, stats.wait_for(|stats| wanted(stats))).await;
        found.expect("it comes to that").expect("the engine lives").clone()
    }

    fn stats(&self) -> RemoteStats {
        self.engine.remote().expect("there is a server").borrow().clone()
    }

    fn watch(&self, role: Role) -> watch::Receiver<ModelState> {
        match role {
            Role::Fill => self.engine.watch(),
            Role::Edit => self.editor.watch(),
        }
    }

    async fn ask(&self, request: Request) -> Told {
        told(self.engine.generate(request)).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.engine.shutdown();
        self.editor.shutdown();
    }
}

/// What came of a question.
#[derive(Debug, PartialEq)]
struct Told {
    text: String,
    /// `here` for the local model, `there` for the server.
    by: &'static str,
    end: Result<Stop, String>,
    usage: Usage,
}

async fn told(mut generation: Generation) -> Told {
    let by = generation.by();
    let (mut text, mut usage) = (String::new(), Usage::default());
    let end = loop {
        match tokio::time::timeout(DEADLINE, generation.next()).await.expect("something comes") {
            Some(Event::Piece(piece)) => text += &piece.text,
            Some(Event::End { stop, usage: cost }) => {
                usage = cost;
                break Ok(stop);
            }
            Some(Event::Failed(error)) => break Err(error.to_string()),
            None => break Err("no end".into()),
        }
    };
    let by = match by.get().map(String::as_str) {
        Some("scripted") => "here",
        Some(name) if name.starts_with("m at 127.0.0.1:") => "there",
        Some(other) => panic!("who is {other}?"),
        None => "nobody",
    };
    Told { text, by, end, usage }
}

fn request(prompt: Prompt, lane: Lane) -> Request {
    Request {
        prompt,
        lane,
        sampling: Sampling::default(),
        max_tokens: 64,
        max_time: DEADLINE,
        hold: Duration::ZERO,
        stop: Box::new(|_| false),
        told: None,
        precedents: Vec::new(),
    }
}

/// An edit.
fn edit() -> Request {
    let instruct = Instruct { system: "S".into(), user: "U".into(), ..Instruct::default() };
    request(Prompt::Instruct(instruct), Lane::Action)
}

/// A suggestion.
fn fill() -> Request {
    let snippets = vec![Snippet { path: "a.rs".into(), text: "fn a() {}\n".into() }];
    let fill = Fill {
        snippets: snippets.into(),
        path: "b.rs".into(),
        head: "fn b() {\n".into(),
        tail: "}\n".into(),
        typed: "    le".into(),
    };
    request(Prompt::Fill(fill), Lane::Completion)
}

/// What comes of one edit where the server does this each time. `asked`: how often it is asked.
async fn check(deeds: Vec<Deed>, text: &str, by: &str, end: Result<Stop, &str>, asked: usize) {
    let case = format!("{deeds:?}");
    let case: String = case.chars().take(300).collect();
    let server = ModelServer::always("openai", deeds);
    let stage = Stage::known(&options(&server.url())).await;
    let told = stage.ask(edit()).await;
    assert_eq!((told.text.as_str(), told.by), (text, by), "{case}: {told:?}");
    match (&told.end, end) {
        (Ok(found), Ok(end)) => assert_eq!(*found, end, "{case}"),
        (Err(found), Err(said)) => assert!(found.contains(said), "{case}: {found}"),
        _ => panic!("{case}: {told:?}"),
    }
    assert_eq!(server.asked(CHAT).len(), asked, "{case}");
    let stats = stage.stats();
    assert_eq!((stats.asked, stats.answered + stats.failed + stats.fallbacks), (1, 1), "{case}: {stats:?}");
    assert_eq!(stats.retries as usize, asked - 1, "{case}");
}

/// Where nothing came, the local model answers, in the same breath.
async fn check_local(deeds: Vec<Deed>, asked: usize, problem: &str) {
    let server = ModelServer::always("openai", deeds.clone());
    let stage = Stage::known(&options(&server.url())).await;
    let told = stage.ask(edit()).await;
    assert_eq!(
        (told.text.as_str(), told.by, &told.end),
        ("local", "here", &Ok(Stop::EndOfText)),
        "{deeds:?}"
    );
    assert_eq!(server.asked(CHAT).len(), asked, "{deeds:?}");
    let stats = stage.stats();
    let said = stats.problem.unwrap_or_default();
    assert!(said.contains(problem), "{deeds:?}: {said:?} has no {problem:?}");
}

#[tokio::test]
async fn answers_are_streamed() {
    let end = Ok(Stop::EndOfText);
    check(chats(&["fn a() {", "é🦀", "}\n"]), "fn a() {é🦀}\n", "there", end, 1).await;
    // Other line ends, comments, an event of two lines, nothing behind the last one.
    let odd = ": hello\r\n\r\ndata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"}}]}\r\n\r\nid: 7\revent: x\rdata: [DONE]";
    check(vec![stream(), Deed::Say(odd.into()), Deed::End], "a", "there", end, 1).await;
    // Cut inside a character.
    let (first, second) =
        "data: {\"choices\":[{\"delta\":{\"content\":\"é\"}}]}\n\ndata: [DONE]\n\n".as_bytes().split_at(40);
    let chunk =
        |bytes: &[u8]| Deed::Raw([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat());
    check(vec![stream(), chunk(first), chunk(second), Deed::End], "é", "there", end, 1).await;
    // A server that does not stream, and one that says nothing of what it sends.
    let all =
        json!({ "choices": [{ "message": { "content": "all" }, "finish_reason": "stop" }] }).to_string();
    check(whole(200, "application/json", &all), "all", "there", end, 1).await;
    let nameless = vec![Deed::Head(200, vec![]), chat("x"), done(), Deed::End];
    check(nameless, "x", "there", end, 1).await;
    // The reason for the end, and the end of the connection in place of the last word.
    check(vec![stream(), chat("x"), finish("length"), done(), Deed::End], "x", "there", Ok(Stop::Limit), 1)
        .await;
    check(vec![stream(), chat("x"), finish("stop"), Deed::Cut], "x", "there", end, 1).await;
    check(vec![stream(), finish("stop"), done(), Deed::End], "", "nobody", end, 1).await;
    // Thoughts are no part of it.
    check(chats(&["<think>hm", "</think>\n", "x"]), "x", "there", end, 1).await;
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let broken = |deeds: &[Deed]| [&[stream(), chat("half")], deeds].concat();
    let check = |deeds: Vec<Deed>, said: &'static str| check(deeds, "half", "there", Err(said), 1);
    let cut = "ended the connection in the midst of its answer, of which 4 bytes (1 token) had come";
    check(broken(&[Deed::Cut]), cut).await;
    check(broken(&[Deed::End]), cut).await;
    // In the midst of an event, and of a character: that is no nonsense, and no word of it counts.
    for part in [
        "d",
        "data:",
        "data: {",
        "data: {\"choices\":[{\"delta\":{\"content\":\" an",
        "data: [DON",
        "data: [DONE",
    ] {
        check(broken(&[Deed::Say(part.into()), Deed::End]), cut).await;
        check(broken(&[Deed::Say(part.into()), Deed::Cut]), cut).await;
    }
    check(broken(&[Deed::Raw(b"7\r\ndata: \xc3\r\n".to_vec()), Deed::End]), cut).await;
    let more = vec![stream(), chat("half"), chat(" answer🦀"), Deed::Cut];
    let said = Err("in the midst of its answer, of which 15 bytes (2 tokens) had come");
    self::check(more, "half answer🦀", "there", said, 1).await;
    // Behind the reason for its end an answer is whole, whatever is cut off.
    let whole = vec![stream(), chat("whole"), finish("stop"), Deed::Say("data: [DO".into()), Deed::End];
    self::check(whole, "whole", "there", Ok(Stop::EndOfText), 1).await;
    check(broken(&[Deed::Say("data: {\"choices\":[\n\n".into())]), "events that are no JSON").await;
    check(broken(&[Deed::Raw(b"9\r\ndata: \xff\xfe\n\r\n".to_vec())]), "no text").await;
    check(broken(&[event(&json!({ "error": { "message": "out of memory" } }))]), "error: out of memory")
        .await;
    check(broken(&[finish("content_filter")]), "a filter of 127.0.0.1:").await;
    check(broken(&[Deed::Say("x".repeat(2 << 20))]), "sends more than any answer has").await;
    // Longer than it said, and shorter.
    let lie = |length: usize| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {length}\r\n\r\n");
        let half = "data: {\"choices\":[{\"delta\":{\"content\":\"half\"}}]}\n\n";
        vec![Deed::Raw((head + half + "data: [DONE]\n\n").into_bytes()), Deed::Cut]
    };
    check(lie(51), cut).await;
    // The last word was said: what was promised behind it is nobody's loss.
    self::check(lie(5000), "half", "there", Ok(Stop::EndOfText), 1).await;
}

#[tokio::test]
async fn what_fails_before_the_first_text_is_answered_here() {
    // Again and again, then by the local model.
    check_local(vec![Deed::Cut], 3, "ended the connection before it answered").await;
    check_local(vec![stream(), Deed::Cut], 3, "ended the connection before it answered").await;
    check_local(vec![stream(), Deed::Raw(b"zz\r\n".to_vec())], 3, "127.0.0.1:").await;
    check_local(vec![stream(), Deed::End], 3, "ended the connection before its answer was whole").await;
    let part = Deed::Say("data: {\"choices\":[{\"delta\":{\"con".into());
    check_local(vec![stream(), part, Deed::End], 3, "ended the connection before its answer was whole").await;
    check_local(error(503, "loading"), 3, "cannot answer now (503): loading").await;
    check_local(whole(502, "text/html", "<title>Bad Gateway</title>"), 3, "(502): Bad Gateway").await;
    check_local(vec![Deed::Raw(b"\x16\x03\x01 what?\r\n\r\n".to_vec()), Deed::Cut], 3, "127.0.0.1:").await;
    check_local(
        vec![Deed::Raw([b"HTTP/1.1 200 OK\r\nX: ", &*vec![b'x'; 1 << 20]].concat()), Deed::Cut],
        3,
        "127.0.0.1:",
    )
    .await;
    check_local(vec![stream(), Deed::Say("hello\n\n".into()), Deed::End], 3, "something else than events")
        .await;
    check_local(whole(200, "application/json", "{\"choices\":"), 3, "no JSON").await;
    check_local(whole(200, "application/json", "{\"pong\":1}"), 3, "no answer").await;
    check_local(vec![stream(), event(&json!({ "error": "busy" })), Deed::End], 3, "error: busy").await;
    // Once: asking again would be of no use.
    check_local(whole(200, "text/html", "<html><title>Sign in</title>"), 1, "web page (“Sign in”)").await;
    check_local(error(401, "who are you"), 1, "wants a key (401): who are you").await;
    check_local(error(404, "no such model"), 1, "(404): no such model").await;
    // Of this question alone: that says nothing of the server.
    check_local(error(400, "too long"), 1, "").await;
    check_local(error(413, "too long"), 1, "").await;
}

#[tokio::test]
async fn what_passes_is_asked_again() {
    let server = ModelServer::start("openai", |asked, before| match (&*asked.path, before) {
        (CHAT, 0) => vec![Deed::Head(429, vec![("Retry-After", "0.002".into())]), Deed::End],
        (CHAT, 1) => error(503, "loading"),
        (CHAT, _) => chats(&["there"]),
        _ => Vec::new(),
    });
    let stage = Stage::known(&options(&server.url())).await;
    let told = stage.ask(edit()).await;
    assert_eq!((told.text.as_str(), told.by), ("there", "there"));
    let stats = stage.stats();
    assert_eq!((stats.retries, stats.answered, stats.health, stats.problem), (2, 1, Health::Closed, None));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_asks_for_an_hour() {
    let server =
        ModelServer::always("openai", vec![Deed::Head(429, vec![("Retry-After", "3600".into())]), Deed::End]);
    let stage = Stage::known(&options(&server.url())).await;
    assert_eq!(stage.ask(edit()).await.by, "here");
    assert_eq!(server.asked(CHAT).len(), 1);
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let elsewhere = ModelServer::always("openai", chats(&["elsewhere"]));
    let url = format!("{}/chat/completions", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let deeds = vec![Deed::Head(status, vec![("Location", url.clone())]), Deed::End];
        check_local(deeds, 1, "redirections are not followed").await;
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let quick = Duration::from_millis(20);
    let check = |deeds: Vec<Deed>,
                 patience: Patience,
                 expected: (&'static str, &'static str),
                 said: &'static str| async move {
        let server = ModelServer::always("openai", deeds);
        let stage = Stage::known(&Options { patience, ..options(&server.url()) }).await;
        let told = stage.ask(edit()).await;
        assert_eq!((told.text.as_str(), told.by), expected);
        let problem = stage.stats().problem.unwrap_or_default();
        assert!(problem.contains(said), "{problem}");
        // Each connection is ended, not left to itself.
        server.until_left(server.asked(CHAT).len());
    };
    let said = "said nothing for 0.02 s";
    let first = Patience { first: quick, tries: 1, ..patience() };
    check(vec![Deed::Wait], first, ("local", "here"), said).await;
    check(vec![stream(), Deed::Wait], first, ("local", "here"), said).await;
    check(vec![stream(), Deed::Say(": ping\n\n".into()), Deed::Wait], first, ("local", "here"), said).await;
    let between = Patience { between: quick, tries: 1, ..patience() };
    check(vec![stream(), chat("half"), Deed::Wait], between, ("half", "there"), said).await;
}

#[tokio::test]
async fn time_for_writing_ends_and_the_text_stands() {
    let server = ModelServer::always("openai", vec![stream(), chat("so far"), Deed::Wait]);
    let stage = Stage::known(&options(&server.url())).await;
    let told = stage.ask(Request { max_time: Duration::from_millis(20), ..edit() }).await;
    assert_eq!((told.text.as_str(), told.end), ("so far", Ok(Stop::Limit)));
    server.until_left(1);
}

#[tokio::test]
async fn a_stop_ends_the_connection() {
    let pieces = || vec![stream(), chat("one "), chat("two "), chat("three "), Deed::Wait];
    let server = ModelServer::always("openai", pieces());
    let stage = Stage::known(&options(&server.url())).await;
    let stop = Box::new(|piece: &Piece| piece.text == "two ");
    let told = stage.ask(Request { stop, ..edit() }).await;
    assert_eq!((told.text.as_str(), &told.end), ("one two ", &Ok(Stop::StopRule)));
    let told = stage.ask(Request { max_tokens: 1, ..edit() }).await;
    assert_eq!((told.text.as_str(), &told.end, told.usage.generated_tokens), ("one ", &Ok(Stop::Limit), 1));
    server.until_left(2);
    assert_eq!(server.asked(CHAT)[1].body["max_tokens"], 1);
}

#[tokio::test]
async fn a_cancel_ends_the_connection_wherever_it_is() {
    for deeds in [
        vec![Deed::Wait],
        vec![stream(), Deed::Wait],
        vec![stream(), chat("one"), Deed::Wait],
        // It would go on for ever.
        [vec![stream()], vec![chat("one "); 50], vec![Deed::Wait]].concat(),
    ] {
        let has_text = deeds.iter().any(|deed| matches!(deed, Deed::Say(_)));
        let server = ModelServer::always("openai", deeds);
        let stage = Stage::known(&options(&server.url())).await;
        let (mut events, cancel, _) = stage.engine.generate(edit()).into_parts();
        server.until_asked(CHAT, 1);
        if has_text {
            assert!(matches!(events.recv().await, Some(Event::Piece(_))));
        }
        drop(cancel);
        server.until_left(1);
        let stats = stage.until(|stats| stats.cancelled == 1).await;
        assert_eq!((stats.health, stats.answered, stats.fallbacks), (Health::Closed, 0, 0));
        // What was said before is heard; then the end, and nothing behind it.
        let last = loop {
            match events.recv().await {
                Some(Event::Piece(_)) => {}
                last => break last,
            }
        };
        assert!(matches!(last, Some(Event::End { stop: Stop::Cancelled, .. })), "{last:?}");
        assert_eq!(events.recv().await, None);
        assert_eq!(server.asked(CHAT).len(), 1);
        assert_eq!(stage.local.instructs(), vec![]);
    }
}

/// One for edits beside that for suggestions, which is not loaded yet.
fn two_models() -> Arc<Roles> {
    let roles = Roles::new();
    let make = |_: &Wish, _| {
        let local = ScriptedBackend::default();
        local.always(Script::text("local"));
        Arc::new(local) as Arc<dyn Backend>
    };
    let edit_model = EditModel { name: Some("another".into()), ..EditModel::default() };
    let model = ModelSettings { edit: edit_model, ..ModelSettings::default() };
    roles.launch(Arc::new(make), &Settings { model, ..Settings::default() });
    roles
}

#[tokio::test]
async fn a_server_that_is_let_alone_by_now_is_stood_in_for_too() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let roles = two_models();
    let remote = Remote::start(options(&format!("http://{closed}")));
    let (engine, other) = (remote.before(roles.edit(), Role::Edit), remote.before(roles.fill(), Role::Fill));
    let hold = engine.hold();
    assert!(!hold.is_coming(), "the server is there, as far as anybody knows");
    let mut stats = engine.remote().expect("there is a server");
    // Somebody else has found out meanwhile.
    while stats.borrow_and_update().health != Health::Open {
        told(other.generate(edit())).await;
    }
    assert_eq!(roles.edit().own_state(), Some(ModelState::Unloaded));
    let told = told(engine.generate(edit())).await;
    assert_eq!((&*told.text, told.by), ("local", "here"), "{told:?}");
    engine.shutdown();
    other.shutdown();
    roles.shutdown();
}

#[tokio::test]
async fn a_model_that_only_stands_in_is_loaded_when_it_has_to() {
    let server = ModelServer::always("openai", error(503, "busy"));
    let roles = two_models();
    let unloaded = Some(ModelState::Unloaded);
    let remote = Remote::start(options(&server.url()));
    let engine = remote.before(roles.edit(), Role::Edit);
    let mut states = engine.watch();
    let is_known = |state: &ModelState| matches!(state, ModelState::Ready(card) if card.device == "remote");
    tokio::time::timeout(DEADLINE, states.wait_for(is_known)).await.expect("it is named").expect("it lives");
    assert!(!engine.hold().is_coming());
    assert_eq!(roles.edit().own_state(), unloaded, "the server is there");
    let told = told(engine.generate(edit())).await;
    assert_eq!((&*told.text, told.by), ("local", "here"));
    engine.shutdown();
    roles.shutdown();
}

#[tokio::test]
async fn a_cancel_while_it_waits_to_ask_again() {
    let server = ModelServer::always("openai", error(503, "busy"));
    let patience = Patience { pause: DEADLINE, longest_pause: DEADLINE, ..patience() };
    let stage = Stage::known(&Options { patience, ..options(&server.url()) }).await;
    let (mut events, cancel, _) = stage.engine.generate(edit()).into_parts();
    stage.until(|stats| stats.retries == 1).await;
    drop(cancel);
    assert!(matches!(events.recv().await, Some(Event::End { stop: Stop::Cancelled, .. })));
}

#[tokio::test]
async fn a_server_that_fails_is_let_alone() {
    // Bound, and nobody listens any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::known(&options(&format!("http://{closed}"))).await;
    assert!(stage.stats().problem.unwrap().contains("is not running, or not on that port"));
    assert_eq!(stage.ask(edit()).await.by, "here");
    assert_eq!(stage.ask(edit()).await.by, "here");
    let stats = stage.stats();
    assert_eq!((stats.health, stats.asked, stats.fallbacks, stats.retries), (Health::Open, 2, 2, 4));
    // From now on it is not even tried.
    assert_eq!(stage.ask(edit()).await.by, "here");
    let stats = stage.stats();
    assert_eq!((stats.asked, stats.fallbacks, stats.retries), (3, 3, 4));
    let is_local = |state: &ModelState| matches!(state, ModelState::Ready(card) if card.name == "scripted");
    let mut states = stage.watch(Role::Edit);
    tokio::time::timeout(DEADLINE, states.wait_for(is_local)).await.expect("it is shown").expect("it lives");
}

#[tokio::test]
async fn where_there_is_no_other_model_the_sentence_says_both() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stage = Stage::known(&options(&format!("http://{closed}"))).await;
    stage.local.set_state(ModelState::Failed("there is no such file".into()));
    // Asked twice, and then let alone.
    for _ in 0..3 {
        let told = stage.ask(edit()).await;
        let said = "is not running, or not on that port; and the local model does not answer either: there is no such file";
        assert!(told.end.as_ref().is_err_and(|error| error.contains(said)), "{told:?}");
    }
}

#[tokio::test]
async fn the_server_is_who_it_says() {
    let models = json!({ "data": [{ "id": "m", "owned_by": "vllm", "max_model_len": 32_768 }] }).to_string();
    let server = ModelServer::start("", move |asked, _| match &*asked.path {
        "/v1/models" => whole(200, "application/json", &models),
        _ => Vec::new(),
    });
    // Each role hears of it by itself.
    let card = async |stage: &Stage, role, is_remote| {
        let mut states = stage.watch(role);
        let told = |state: &ModelState| matches!(state, ModelState::Ready(card) if is_remote == (card.device == "remote"));
        let waiting = tokio::time::timeout(DEADLINE, states.wait_for(told));
        match &*waiting.await.expect("it is told").expect("it lives") {
            ModelState::Ready(card) => (card.name.clone(), card.context_tokens),
            other => panic!("{other:?}"),
        }
    };
    let name = format!("m at {}", server.address);
    let stage = Stage::new(&options(&server.url()));
    assert_eq!(card(&stage, Role::Edit, true).await, (name.clone(), 32_768));
    // The local model may have to take over a suggestion.
    assert_eq!(card(&stage, Role::Fill, true).await, (name.clone(), 2048));
    let smaller = Options { context_tokens: Some(4096), when: When::Edits, ..options(&server.url()) };
    let stage = Stage::new(&smaller);
    assert_eq!(card(&stage, Role::Edit, true).await, (name, 4096));
    assert_eq!(card(&stage, Role::Fill, false).await, ("scripted".into(), 2048));
}

#[tokio::test]
async fn suggestions_go_there_when_they_are_meant_to() {
    let piece = |text: &str, logarithm: f64| {
        event(&json!({ "content": text, "completion_probabilities": [{ "logprob": logarithm }] }))
    };
    let last = event(&json!({
        "content": "", "stop": true, "stop_type": "eos", "tokens_evaluated": 30, "tokens_predicted": 2, "timings": { "prompt_n": 4 },
    }));
    let deeds = vec![stream(), piece("t a", -0.5), piece(" = 1;", -0.25), last, Deed::End];
    let server = ModelServer::always("llamacpp", deeds);
    let stage = Stage::known(&Options { when: When::Edits, ..options(&server.url()) }).await;
    assert_eq!(stage.ask(fill()).await.by, "here");
    assert_eq!(server.asked("/infill").len(), 0);

    let stage = Stage::known(&options(&server.url())).await;
    let mut pieces = Vec::new();
    let mut generation = stage.engine.generate(fill());
    let usage = loop {
        match generation.next().await.expect("an end") {
            Event::Piece(piece) => pieces.push((piece.text, piece.log_probability)),
            Event::End { stop: Stop::EndOfText, usage } => break usage,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(pieces, [("t a".to_owned(), -0.5), (" = 1;".to_owned(), -0.25)]);
    assert_eq!(
        (usage.prompt_tokens, usage.reused_tokens, usage.evaluated_tokens, usage.generated_tokens),
        (30, 26, 4, 2)
    );
    let asked = server.asked("/infill").pop().unwrap().body;
    assert_eq!((&asked["input_prefix"], &asked["input_suffix"]), (&json!("fn b() {\n    le"), &json!("}\n")));
    assert_eq!(asked["input_extra"], json!([{ "filename": "a.rs", "text": "fn a() {}\n" }]));
}

#[tokio::test]
async fn nothing_is_sent_ahead_of_need() {
    let server = ModelServer::always("llamacpp", vec![Deed::Wait]);
    let stage = Stage::known(&options(&server.url())).await;
    for lane in [Lane::Warm, Lane::Ahead] {
        let told = stage.ask(Request { lane, ..fill() }).await;
        assert_eq!((told.text.as_str(), told.end), ("", Ok(Stop::Cancelled)));
    }
    assert_eq!((server.asked("/infill").len(), stage.stats().asked), (0, 0));
    assert_eq!((stage.local.warmed(), stage.local.ahead()), (vec![], vec![]));
}

#[tokio::test]
async fn a_model_that_does_not_fill_is_asked_once() {
    let server = ModelServer::always("llamacpp", error(501, "Infill is not supported by this model"));
    let stage = Stage::known(&options(&server.url())).await;
    for _ in 0..2 {
        assert_eq!(stage.ask(fill()).await.by, "here");
    }
    assert_eq!(server.asked("/infill").len(), 1);
    assert_eq!(stage.stats().health, Health::Closed);
}

#[tokio::test]
async fn what_is_refused_by_name_is_left_out() {
    let server = ModelServer::start("openai", |asked, _| {
        let refused = ["stream_options", "temperature", "max_tokens"]
            .iter()
            .find(|name| asked.body.get(**name).is_some());
        match (&*asked.path, refused) {
            (CHAT, Some(name)) => error(400, &format!("Unsupported parameter: '{name}'")),
            (CHAT, None) => chats(&["there"]),
            _ => Vec::new(),
        }
    });
    let stage = Stage::known(&options(&server.url())).await;
    for _ in 0..2 {
        assert_eq!(stage.ask(edit()).await.text, "there");
    }
    // Three lessons, and then it is known.
    assert_eq!((server.asked(CHAT).len(), stage.stats().retries), (5, 0));
    assert_eq!(server.asked(CHAT)[4].body["max_completion_tokens"], 64);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    // Of answers that are whole: the last words of a stream are read behind its end, whenever that is.
    let all =
        json!({ "choices": [{ "message": { "content": "there" }, "finish_reason": "stop" }] }).to_string();
    let server = ModelServer::always("openai", whole(200, "application/json", &all));
    let stage = Stage::known(&options(&server.url())).await;
    for _ in 0..3 {
        assert_eq!(stage.ask(edit()).await.text, "there");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
#[cfg(unix)]
async fn the_key_goes_to_the_server_and_nowhere_else() {
    const SECRET: &str = "sk-verysecret0123456789";
    let server = ModelServer::start("openai", |asked, before| match (&*asked.path, before) {
        (CHAT, 0) => chats(&["there"]),
        // It says what it was given, as some do.
        (CHAT, _) => {
            error(401, &format!("Incorrect API key provided: {}", asked.header("authorization").unwrap()))
        }
        _ => Vec::new(),
    });
    let key = Key::Command(["printf", "%s\\n", SECRET].map(str::to_owned).to_vec());
    let stage = Stage::known(&Options { key: key.clone(), ..options(&server.url()) }).await;
    assert_eq!(stage.ask(edit()).await.text, "there");
    stage.local.set_state(ModelState::Failed("none".into()));
    let error = stage.ask(edit()).await.end.unwrap_err();
    assert!(error.contains("refuses the key (401): Incorrect API key provided: Bearer [the key]"), "{error}");
    let told = format!("{error}{:?}{}", stage.stats(), serde_json::to_string(&stage.stats()).unwrap());
    assert!(!told.contains(SECRET), "{told}");
    for path in ["/v1/models", CHAT] {
        let expected = format!("Bearer {SECRET}");
        assert_eq!(server.asked(path)[0].header("authorization"), Some(expected.as_str()), "{path}");
    }
}

#[tokio::test]
async fn what_makes_no_server_is_told() {
    for (url, said) in [
        ("", "`remote.url`: "),
        ("http://8.8.8.8", "8.8.8.8 is on the internet"),
        ("gopher://x", "neither http nor https"),
    ] {
        let stage = Stage::new(&options(url));
        let stats = stage.stats();
        assert!(stats.problem.as_deref().is_some_and(|problem| problem.contains(said)), "{url}: {stats:?}");
        assert_eq!(stats.health, Health::Open);
        let told = stage.ask(edit()).await;
        assert_eq!((told.text.as_str(), told.by), ("local", "here"));
    }
    let missing = Key::Environment("CODESAGE_NO_SUCH_VARIABLE".into());
    let server = ModelServer::always("openai", chats(&["there"]));
    let stage = Stage::known(&Options { key: missing, ..options(&server.url()) }).await;
    assert!(stage.stats().problem.unwrap().contains("CODESAGE_NO_SUCH_VARIABLE, which is not set"));
    assert_eq!((stage.ask(edit()).await.by, server.connections()), ("here", 0));
}

#[tokio::test]
async fn the_end_of_the_engine_ends_what_runs() {
    let server = ModelServer::always("openai", vec![Deed::Wait]);
    let stage = Stage::known(&options(&server.url())).await;
    let mut generation = stage.engine.generate(edit());
    server.until_asked(CHAT, 1);
    let engine = stage.engine.clone();
    tokio::task::spawn_blocking(move || engine.shutdown()).await.unwrap();
    server.until_left(1);
    assert_eq!(generation.next().await, Some(Event::Failed(EngineError::Stopped)));
    assert_eq!(told(stage.engine.generate(edit())).await.end, Err(EngineError::Stopped.to_string()));
}
