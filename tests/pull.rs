//! Downloads, from a server on this machine that stalls, cuts, lies and sends wrong bytes.

#[path = "support/file_server.rs"]
mod file_server;
#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use codesage::models::fetch::{Event, Outcome, Rules, Wanted, fetch};
use file_server::{FileServer, Reply, Request};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tiny_model::TinyModel;

static MODEL: LazyLock<Vec<u8>> = LazyLock::new(|| TinyModel::default().build());
static SUM: LazyLock<String> = LazyLock::new(|| sum(&MODEL));

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Patient with a slow machine, and quick to try again.
fn rules() -> Rules<'static> {
    Rules { silence: Duration::from_secs(300), pause: Duration::from_millis(1), tries: 4, ..Rules::default() }
}

/// What the hub says of a file before it is fetched.
fn head() -> Reply {
    let reply = Reply::status(302).with("Location", "/elsewhere").with("X-Linked-Size", MODEL.len());
    reply.with("X-Linked-Etag", format!("\"{}\"", *SUM))
}

/// The bytes that are asked for, at most `most` of them.
fn piece(request: &Request, most: usize) -> Reply {
    let from = request.from();
    let rest = &MODEL[from..];
    let body = rest[..most.min(rest.len())].to_vec();
    let reply = match request.header("range") {
        Some(_) => Reply::status(206)
            .with("Content-Range", format!("bytes {from}-{}/{}", MODEL.len() - 1, MODEL.len())),
        None => Reply::status(200),
    };
    Reply { body, announced: Some(rest.len()), ..reply.with("ETag", "\"one\"") }
}

struct Shop {
    folder: TempDir,
    server: FileServer,
}

impl Shop {
    fn new(get: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_head(|_, _| head(), get)
    }

    fn with_head(
        head: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        get: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = FileServer::start(move |request, before| match &*request.method {
            "HEAD" => head(request, before),
            _ => get(request, before),
        });
        Self { folder: tempfile::tempdir().unwrap(), server }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("models").join("x.gguf")
    }

    fn wanted(&self) -> Wanted {
        let url = self.server.url("who/what/resolve/main/x.gguf").parse().unwrap();
        Wanted { url, target: self.target(), sha256: None, token: None }
    }

    /// How it ends, and what was told meanwhile.
    fn fetch_by(&self, wanted: &Wanted, rules: &Rules) -> (Result<Outcome, String>, Vec<Event>) {
        let mut told = Vec::new();
        let outcome = fetch(wanted, rules, &mut |event| told.push(event));
        (outcome.map_err(|why| why.replace(&self.server.address.to_string(), "HOST")), told)
    }

    fn fetch(&self) -> Result<Outcome, String> {
        self.fetch_by(&self.wanted(), &rules()).0
    }

    /// Names in the folder, in order.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.target().parent().unwrap());
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.into_iter().flatten().flatten().map(name).collect();
        names.sort();
        names
    }

    fn ranges(&self) -> Vec<usize> {
        self.server.asked("GET").iter().map(Request::from).collect()
    }

    fn leave(&self, part: &[u8], tag: Option<&str>) {
        fs::create_dir_all(self.target().parent().unwrap()).unwrap();
        fs::write(self.target().with_extension("gguf.part"), part).unwrap();
        if let Some(tag) = tag {
            fs::write(self.target().with_extension("gguf.part.etag"), tag).unwrap();
        }
    }
}

#[track_caller]
fn is_whole(shop: &Shop) {
    assert_eq!(fs::read(shop.target()).unwrap(), *MODEL);
    assert_eq!(shop.files(), ["x.gguf"]);
}

#[test]
fn a_file_comes_once_and_is_then_there() {
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    is_whole(&shop);
    assert_eq!(shop.fetch(), Ok(Outcome::AlreadyThere));
    assert_eq!((shop.server.asked("HEAD").len(), shop.server.asked("GET").len()), (1, 1));
}

#[test]
fn a_connection_that_is_cut_ten_times_is_taken_up_each_time() {
    let each = MODEL.len() / 11 + 1;
    let shop = Shop::new(move |request, _| piece(request, each));
    let (outcome, told) = shop.fetch_by(&shop.wanted(), &rules());
    assert_eq!(outcome, Ok(Outcome::Fetched));
    is_whole(&shop);
    assert_eq!(shop.ranges(), (0..11).map(|number| number * each).collect::<Vec<_>>());
    let asked = shop.server.asked("GET");
    assert!(asked[1..].iter().all(|request| request.header("if-range") == Some("\"one\"")), "{asked:?}");
    let came: u64 = told.iter().map(|event| if let Event::Came(bytes) = event { *bytes } else { 0 }).sum();
    assert_eq!(came, MODEL.len() as u64);
}

#[test]
fn a_server_that_falls_silent_is_left_and_asked_again() {
    let shop = Shop::new(|request, before| {
        let most = if before == 0 { 1000 } else { usize::MAX };
        Reply { falls_silent: before == 0, ..piece(request, most) }
    });
    let rules = Rules { silence: Duration::from_millis(500), tries: 50, ..rules() };
    assert_eq!(shop.fetch_by(&shop.wanted(), &rules).0, Ok(Outcome::Fetched));
    is_whole(&shop);
    assert!(shop.ranges().len() >= 2, "{:?}", shop.ranges());
}

#[test]
fn a_server_without_pieces_begins_anew() {
    let shop = Shop::new(|request, before| {
        let whole = Request { headers: Vec::new(), ..request.clone() };
        piece(&whole, if before == 0 { 5000 } else { usize::MAX })
    });
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    is_whole(&shop);
    assert_eq!(shop.ranges(), [0, 5000]);
}

/// It would go on for ever: nothing new ever comes.
#[test]
fn a_server_that_always_cuts_at_the_same_place_is_given_up() {
    let shop = Shop::new(|request, _| {
        let whole = Request { headers: Vec::new(), ..request.clone() };
        piece(&whole, 5000)
    });
    let why = shop.fetch().unwrap_err();
    assert!(why.contains("4 tries in a row") && why.contains("goes on from there"), "{why}");
    assert_eq!(shop.server.asked("GET").len(), 4);
    // And what came is kept.
    assert_eq!(fs::metadata(shop.target().with_extension("gguf.part")).unwrap().len(), 5000);
    assert!(!shop.target().exists());
}

#[test]
fn what_an_earlier_process_left_is_gone_on_with() {
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    shop.leave(&MODEL[..7000], Some("\"one\""));
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    is_whole(&shop);
    assert_eq!(shop.ranges(), [7000]);
}

#[test]
fn what_is_left_of_another_file_is_not() {
    // The same size and tag, and other bytes: only the checksum tells.
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    shop.leave(&[0; 7000], Some("\"one\""));
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    is_whole(&shop);
    assert_eq!(shop.ranges(), [7000, 0]);
    // More than there is of it.
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    shop.leave(&vec![0; MODEL.len() + 1], None);
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    assert_eq!(shop.ranges(), [0]);
    // Nothing to tell by: no checksum, no tag.
    let shop = Shop::with_head(|_, _| Reply::status(405), |request, _| piece(request, usize::MAX));
    shop.leave(&[0; 7000], None);
    assert_eq!(shop.fetch(), Ok(Outcome::Fetched));
    assert_eq!(shop.ranges(), [0]);
    is_whole(&shop);
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    let shop = Shop::new(|request, _| {
        let mut reply = piece(request, usize::MAX);
        *reply.body.last_mut().unwrap() ^= 1;
        reply
    });
    let why = shop.fetch().unwrap_err();
    assert!(why.contains("not the bytes that were published") && why.contains(&*SUM), "{why}");
    assert_eq!(shop.files(), ["x.gguf.lock"]);
    // The catalogue knows another file than the publisher has: nothing is even asked for.
    let known = Wanted { sha256: Some("0".repeat(64)), ..shop.wanted() };
    let why = shop.fetch_by(&known, &rules()).0.unwrap_err();
    assert!(why.contains("the publisher has another file"), "{why}");
    assert_eq!(shop.server.asked("GET").len(), 1);
}

#[test]
fn a_length_that_is_a_lie_is_named() {
    // Of the whole file; of what is sent.
    let less = |request: &Request| Reply { announced: Some(1000), ..piece(request, 1000) };
    let more = |request: &Request| Reply { announced: Some(MODEL.len() + 9), ..piece(request, usize::MAX) };
    for (number, lie) in [less as fn(&Request) -> Reply, more].into_iter().enumerate() {
        let shop = Shop::new(move |request, _| lie(request));
        let why = shop.fetch().unwrap_err();
        assert!(why.contains("announces") && why.contains("were published"), "{number}: {why}");
        assert!(!shop.target().exists());
    }
    // Nobody says how long it is, and the connection is cut: the checksum tells.
    let shop = Shop::with_head(
        |_, _| Reply::status(200).with("X-Checksum-Sha256", &*SUM),
        |request, _| Reply { announced: Some(1000), ..piece(request, 1000) },
    );
    assert!(shop.fetch().is_err());
    assert!(!shop.target().exists());
}

#[test]
fn what_is_no_model_is_not_kept() {
    let page = b"<!DOCTYPE html><html>please log in</html>".to_vec();
    let shop = Shop::with_head(
        |_, _| Reply::status(200),
        move |_, _| Reply { body: page.clone(), ..Reply::status(200) },
    );
    let why = shop.fetch().unwrap_err();
    assert!(why.contains("a web page instead of the model"), "{why}");
    assert_eq!(shop.files(), ["x.gguf.lock"]);
    assert!(!shop.target().exists());
}

#[test]
fn statuses_say_what_to_do() {
    for (status, expected, gets) in [
        (404, "there is no such file", 0),
        (403, "HF_TOKEN", 0),
        (401, "accepted first at http://HOST/who/what", 0),
        (500, "answers 500 (4 tries in a row)", 0),
    ] {
        let shop =
            Shop::with_head(move |_, _| Reply::status(status), |request, _| piece(request, usize::MAX));
        let why = shop.fetch().unwrap_err();
        assert!(why.contains(expected), "{status}: {why}");
        assert_eq!(shop.server.asked("GET").len(), gets, "{status}");
    }
    // Too many questions: as long as the server wants, then again.
    let shop = Shop::with_head(
        |_, before| if before == 0 { Reply::status(429).with("Retry-After", 0) } else { head() },
        |request, before| if before == 0 { Reply::status(503) } else { piece(request, usize::MAX) },
    );
    let (outcome, told) = shop.fetch_by(&shop.wanted(), &rules());
    assert_eq!(outcome, Ok(Outcome::Fetched));
    assert!(
        told.contains(&Event::Again { why: "the server answers 429".into(), pause: Duration::ZERO }),
        "{told:?}"
    );
}

#[test]
fn one_is_led_on_and_a_token_stays_behind() {
    let hub = Shop::new(|request, _| match &*request.path {
        "/elsewhere" => piece(request, usize::MAX),
        _ => Reply::status(302).with("Location", "/elsewhere"),
    });
    let wanted = Wanted { token: Some("secret".into()), ..hub.wanted() };
    assert_eq!(hub.fetch_by(&wanted, &rules()).0, Ok(Outcome::Fetched));
    is_whole(&hub);
    let asked = hub.server.asked("GET");
    let tokens: Vec<Option<&str>> = asked.iter().map(|request| request.header("authorization")).collect();
    assert_eq!(tokens, [Some("Bearer secret"), None]);
}

#[test]
fn two_at_once_share_the_work() {
    let shop = Arc::new(Shop::new(|request, _| piece(request, usize::MAX)));
    let fetching = |shop: Arc<Shop>| move || shop.fetch().unwrap();
    let both: Vec<_> = (0..2).map(|_| std::thread::spawn(fetching(shop.clone()))).collect();
    let mut ended: Vec<Outcome> = both.into_iter().map(|one| one.join().unwrap()).collect();
    ended.sort_by_key(|outcome| *outcome == Outcome::AlreadyThere);
    assert_eq!(ended, [Outcome::Fetched, Outcome::AlreadyThere]);
    is_whole(&shop);
    assert_eq!(shop.server.asked("GET").len(), 1);
}

#[test]
fn a_disk_without_room_is_seen_before() {
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    let rules = Rules { free: &|_| Some(1 << 20), ..rules() };
    let why = shop.fetch_by(&shop.wanted(), &rules).0.unwrap_err();
    assert!(why.contains("1 MB free, and 17 MB are needed"), "{why}");
    assert_eq!(shop.server.asked("GET").len(), 0);
}

fn pull(shop: &Shop, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
    command.args(["models", "pull", "x", "--from"]).arg(shop.server.url("x.gguf"));
    command
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("CODESAGE_MODELS", shop.folder.path().join("models"));
    command
        .env_remove("CODESAGE_MODEL")
        .env_remove("CODESAGE_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_process_that_is_ended_leaves_what_the_next_one_goes_on_with() {
    let home = tempfile::tempdir().unwrap();
    // The first process gets a third and is then kept waiting.
    let shop = Shop::new(|request, before| {
        let most = if before == 0 { MODEL.len() / 3 } else { usize::MAX };
        Reply { falls_silent: before == 0, ..piece(request, most) }
    });
    let mut first = pull(&shop, home.path()).spawn().unwrap();
    let part = shop.target().with_extension("gguf.part");
    while !fs::metadata(&part).is_ok_and(|metadata| metadata.len() as usize >= MODEL.len() / 3) {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let second = pull(&shop, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.success() && said.contains("going on from"), "{said}");
    assert!(String::from_utf8_lossy(&second.stdout).contains("x.gguf"));
    is_whole(&shop);
    assert_eq!(shop.ranges(), [0, MODEL.len() / 3]);
}
