//! Downloads, from a server on this machine that stalls, cuts, lies and sends wrong bytes.

#[path = "support/file_server.rs"]
mod file_server;
#[path = "support/gguf.rs"]
mod gguf;
#[path = "support/tiny_model.rs"]
mod tiny_model;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::Duration;

use codesage::models::fetch::{Event, Outcome, Rules, Wanted, fetch};
use codesage::models::gguf::check;
use file_server::{FileServer, Reply, Request};
use gguf::{Gguf, Value};
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
    piece_of(&MODEL, request, most)
}

fn piece_of(file: &[u8], request: &Request, most: usize) -> Reply {
    let from = request.from();
    let rest = &file[from..];
    let body = rest[..most.min(rest.len())].to_vec();
    let reply = match request.header("range") {
        Some(_) => Reply::status(206)
            .with("Content-Range", format!("bytes {from}-{}/{}", file.len() - 1, file.len())),
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
        Wanted { url, target: self.target(), sha256: None, bytes: None, token: None }
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
    pull_from("x.gguf", shop, home)
}

fn pull_from(file: &str, shop: &Shop, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
    command.args(["models", "pull", "x", "--from"]).arg(shop.server.url(file));
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

/// The process is ended ten times, each time after a further piece of the file.
#[test]
fn ten_processes_that_are_ended_leave_what_the_next_one_goes_on_with() {
    const ENDED: usize = 10;
    let home = tempfile::tempdir().unwrap();
    let each = MODEL.len() / (ENDED + 1);
    // A server that falls silent keeps each of them waiting.
    let shop = Shop::new(move |request, before| {
        let most = if before < ENDED { each } else { usize::MAX };
        Reply { falls_silent: before < ENDED, ..piece(request, most) }
    });
    for ended in 1..=ENDED {
        let mut process = pull(&shop, home.path()).spawn().unwrap();
        wait_for_part(&shop, &mut process, each * ended);
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(!shop.target().exists());
    }
    let last = pull(&shop, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&last.stderr);
    assert!(last.status.success() && said.contains("going on from"), "{said}");
    assert!(String::from_utf8_lossy(&last.stdout).contains("x.gguf"));
    is_whole(&shop);
    assert_eq!(shop.ranges(), (0..=ENDED).map(|number| number * each).collect::<Vec<_>>());
}

/// Until so many bytes are here.
fn wait_for_part(shop: &Shop, process: &mut Child, bytes: usize) {
    let part = shop.target().with_extension("gguf.part");
    while !fs::metadata(&part).is_ok_and(|metadata| metadata.len() as usize >= bytes) {
        assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
}

/// Until a process says so.
fn wait_for_line(process: &mut Child, expected: &str) {
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok);
    assert!(said.any(|line| line.contains(expected)), "it never said {expected:?}");
}

#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn pass(&self) {
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

#[test]
fn a_process_waits_for_the_one_that_fetches_the_same_file() {
    let home = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    let shop = Shop::new(move |request, _| {
        held.pass();
        piece(request, usize::MAX)
    });
    let mut first = pull(&shop, home.path()).spawn().unwrap();
    // It holds the lock by the time it has asked for the file.
    while shop.server.asked("GET").is_empty() {
        assert!(first.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let mut second = pull(&shop, home.path()).spawn().unwrap();
    wait_for_line(&mut second, "another process is downloading this file");
    gate.open();
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success());
    is_whole(&shop);
    assert_eq!(shop.server.asked("GET").len(), 1);
}

#[test]
fn a_process_that_waits_goes_on_where_the_other_one_was_ended() {
    let home = tempfile::tempdir().unwrap();
    let third = MODEL.len() / 3;
    let shop = Shop::new(move |request, before| {
        let most = if before == 0 { third } else { usize::MAX };
        Reply { falls_silent: before == 0, ..piece(request, most) }
    });
    let mut first = pull(&shop, home.path()).spawn().unwrap();
    wait_for_part(&shop, &mut first, third);
    let mut second = pull(&shop, home.path()).spawn().unwrap();
    wait_for_line(&mut second, "another process is downloading this file");
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    is_whole(&shop);
    assert_eq!(shop.ranges(), [0, third]);
}

/// `pull` from a shell, which does something before.
#[cfg(unix)]
fn pull_after(shell: &str, shop: &Shop, home: &Path) -> Command {
    let plain = pull(shop, home);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{shell}\nexec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(plain.get_args());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A write fails in the middle of the file, as on a FAT disk beyond four gigabytes.
#[cfg(unix)]
#[test]
fn a_disk_that_takes_no_more_leaves_no_half_file() {
    let home = tempfile::tempdir().unwrap();
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    // The signal is ignored, so that the write fails; blocks have 512 or 1,024 bytes.
    let stopped = pull_after("trap '' XFSZ; ulimit -f 200", &shop, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stderr);
    assert!(stopped.status.code() == Some(1) && said.contains("takes no file so large"), "{said}");
    assert!(!shop.target().exists());
    let kept = fs::metadata(shop.target().with_extension("gguf.part")).unwrap().len() as usize;
    assert!((1..MODEL.len()).contains(&kept), "{kept}");
    let second = pull(&shop, home.path()).output().unwrap();
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
    is_whole(&shop);
    assert_eq!(shop.ranges(), [0, kept]);
}

/// A disk of its own in memory, where the system lets anybody have one: small, then larger.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_gone_on_with_when_there_is_room() {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("no user namespaces here: the limit of a file's size stands for the full disk");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    // It does not say how large the file is, so that there is nothing to refuse before.
    let shop = Shop::with_head(
        |_, _| Reply::status(200).with("X-Checksum-Sha256", &*SUM),
        |request, _| piece(request, usize::MAX),
    );
    let folder = shop.target().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    let script = r#"
        mount -t tmpfs -o size=256k none "$MODELS" || exit 99
        "$0" "$@" && exit 98
        test -e "$MODELS/x.gguf" && exit 96
        test -s "$MODELS/x.gguf.part" || exit 95
        mount -o remount,size=8m "$MODELS" || exit 97
        "$0" "$@" && cmp "$MODELS/x.gguf" "$WHOLE""#;
    let whole = home.path().join("whole");
    fs::write(&whole, &*MODEL).unwrap();
    let plain = pull(&shop, home.path());
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script]).arg(plain.get_program()).args(plain.get_args());
    command
        .env("MODELS", &folder)
        .env("WHOLE", &whole)
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path());
    command.env("CODESAGE_MODELS", &folder).env_remove("CODESAGE_MODEL");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the disk is full") && said.contains("going on from"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_part_is_not_followed() {
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    let elsewhere = shop.folder.path().join("elsewhere");
    fs::write(&elsewhere, b"mine").unwrap();
    fs::create_dir_all(shop.target().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, shop.target().with_extension("gguf.part")).unwrap();
    let why = shop.fetch().unwrap_err();
    assert!(why.contains("x.gguf.part: there is something else"), "{why}");
    assert_eq!(fs::read(&elsewhere).unwrap(), b"mine");
}

#[test]
fn a_file_that_is_newer_than_the_catalogue_is_named() {
    let shop = Shop::new(|request, _| piece(request, usize::MAX));
    let known = Wanted { bytes: Some(5), ..shop.wanted() };
    let (outcome, told) = shop.fetch_by(&known, &rules());
    assert_eq!(outcome, Ok(Outcome::Fetched));
    let sentence = format!(
        "The catalogue knows this file with 5 bytes, the publisher has one with {}: it is newer than the catalogue.",
        MODEL.len()
    );
    assert!(told.contains(&Event::Note(sentence)), "{told:?}");
}

/// The model in three files, as llama.cpp splits them.
fn parts() -> Vec<Vec<u8>> {
    let mut whole = TinyModel::default().gguf();
    let tensors = std::mem::take(&mut whole.tensors);
    let each = tensors.len().div_ceil(3);
    let part = |(number, tensors): (usize, &[gguf::Tensor])| {
        let mut part = if number == 0 { whole.clone() } else { Gguf::default() };
        part.tensors = tensors.to_vec();
        part.set("split.no", Value::U16(number as u16)).set("split.count", Value::U16(3));
        part.build()
    };
    tensors.chunks(each).enumerate().map(part).collect()
}

/// A shop that has the files in `parts`, by their names.
fn split_shop(parts: Vec<Vec<u8>>) -> Shop {
    Shop::with_head(
        |_, _| Reply::status(405),
        move |request, _| {
            let number =
                (1..=3).find(|number| request.path.contains(&format!("y-{number:05}-of-00003.gguf")));
            match number {
                Some(number) => piece_of(&parts[number - 1], request, usize::MAX),
                None => Reply::status(404),
            }
        },
    )
}

fn split_wanted(shop: &Shop, number: u32) -> Wanted {
    let name = |number: u32| format!("y-{number:05}-of-00003.gguf");
    let url = shop.server.url(&format!("{}?download=true", name(number))).parse().unwrap();
    Wanted { url, target: shop.target().with_file_name(name(1)), ..shop.wanted() }
}

#[test]
fn a_model_in_several_files_comes_whole_whichever_is_named() {
    for named in 1..=3 {
        let shop = split_shop(parts());
        let wanted = split_wanted(&shop, named);
        let (outcome, told) = shop.fetch_by(&wanted, &rules());
        assert_eq!(outcome, Ok(Outcome::Fetched), "{named}");
        let names: Vec<String> = (1..=3).map(|number| format!("y-{number:05}-of-00003.gguf")).collect();
        assert_eq!(shop.files(), names);
        // The first one, by which the model is found, comes last.
        let order: Vec<String> = shop.server.asked("GET").into_iter().map(|request| request.path).collect();
        let expected: Vec<String> = names.iter().rev().map(|name| format!("/{name}?download=true")).collect();
        assert_eq!(order, expected);
        assert!(told.contains(&Event::Part { number: 2, count: 3 }), "{told:?}");
        let header = check(&wanted.target).unwrap();
        assert_eq!((header.parts, header.architecture.as_str()), (3, "llama"));
        assert_eq!(shop.fetch_by(&wanted, &rules()).0, Ok(Outcome::AlreadyThere));
        assert_eq!(shop.server.asked("GET").len(), 3);
    }
}

#[test]
fn a_part_that_is_another_one_is_not_kept() {
    let mut wrong = parts();
    wrong[1] = wrong[2].clone();
    let shop = split_shop(wrong);
    let why = shop.fetch_by(&split_wanted(&shop, 1), &rules()).0.unwrap_err();
    assert!(why.contains("the file is part 3 of 3 of a model, not 2 of 3"), "{why}");
    assert_eq!(shop.files(), ["y-00002-of-00003.gguf.lock", "y-00003-of-00003.gguf"]);
    // What is no part at all, and one that the publisher lacks.
    let mut wrong = parts();
    wrong[2] = MODEL.clone();
    let shop = split_shop(wrong);
    let why = shop.fetch_by(&split_wanted(&shop, 1), &rules()).0.unwrap_err();
    assert!(why.contains("does not say that it is part 3 of 3"), "{why}");
    let shop = Shop::with_head(|_, _| Reply::status(405), |_, _| Reply::status(404));
    let why = shop.fetch_by(&split_wanted(&shop, 1), &rules()).0.unwrap_err();
    assert!(why.contains("y-00003-of-00003.gguf") && why.contains("there is no such file"), "{why}");
}

/// By the command, and loaded by what it is called there.
#[test]
fn the_command_pulls_a_model_in_several_files() {
    let home = tempfile::tempdir().unwrap();
    let shop = split_shop(parts());
    let output = pull_from("y-00002-of-00003.gguf", &shop, home.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("part 1 of 3"), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).trim_end().ends_with("y-00001-of-00003.gguf"));
    let mut examine = Command::new(env!("CARGO_BIN_EXE_codesage"));
    examine.args(["models", "check"]).arg(shop.target().with_file_name("y-00001-of-00003.gguf"));
    assert!(examine.output().unwrap().status.success());
}
