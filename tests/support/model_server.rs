//! A server of OpenAI's protocol on this machine that does what a test tells it: it streams, stalls, cuts, lies, and notes
//! what it was asked and which connections ended.
//!
//! It reads HTTP just well enough for a client that is tested against it, and is not the thing that is tested.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing takes this long, even on a machine that does other things.
const DEADLINE: Duration = Duration::from_secs(120);

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// Null for a request without one.
    pub body: Value,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One thing that the server does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Status and headers; a body in chunks follows.
    Head(u16, Vec<(&'static str, String)>),
    /// A chunk of the body.
    Say(String),
    /// Bytes as they are, with no frame round them.
    Raw(Vec<u8>),
    /// The end of the body; the connection stays.
    End,
    /// Nothing, until the client goes.
    Wait,
    /// Ends the connection.
    Cut,
}

type Answers = dyn Fn(&Asked, usize) -> Vec<Deed> + Send + Sync;

/// See the module.
pub struct ModelServer {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    asked: Vec<Asked>,
    connections: usize,
    /// Connections that the client ended while the server waited, or was writing.
    left: usize,
}

impl ModelServer {
    /// `answer` is told what is asked, and how often that path was asked before. `GET /v1/models` is answered with one
    /// model `m` of `owner`, unless it answers that too, with more than nothing.
    pub fn start(
        owner: &'static str,
        answer: impl Fn(&Asked, usize) -> Vec<Deed> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
        let address = listener.local_addr().expect("a bound port has an address");
        let seen = Arc::<Mutex<Seen>>::default();
        let (known, answer): (_, Arc<Answers>) = (seen.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                known.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
                let (known, answer) = (known.clone(), answer.clone());
                thread::spawn(move || serve(&stream, owner, &known, &*answer));
            }
        });
        Self { address, seen }
    }

    /// One that answers each question so.
    pub fn always(owner: &'static str, deeds: Vec<Deed>) -> Self {
        Self::start(owner, move |asked, _| if asked.body.is_null() { Vec::new() } else { deeds.clone() })
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What was asked so far of a path, the first first.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.look(|seen| seen.asked.iter().filter(|asked| asked.path == path).cloned().collect())
    }

    pub fn connections(&self) -> usize {
        self.look(|seen| seen.connections)
    }

    /// Waits until so many connections were ended by the client.
    pub fn until_left(&self, count: usize) {
        let began = Instant::now();
        while self.look(|seen| seen.left) < count {
            assert!(began.elapsed() < DEADLINE, "the client stays");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until a path was asked so often.
    pub fn until_asked(&self, path: &str, count: usize) {
        let began = Instant::now();
        while self.asked(path).len() < count {
            assert!(began.elapsed() < DEADLINE, "nobody asks for {path}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An event with this text of a chat.
pub fn chat(text: &str) -> Deed {
    event(&json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] }))
}

/// The event that ends a chat, for this reason.
pub fn finish(reason: &str) -> Deed {
    event(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }))
}

pub fn event(value: &Value) -> Deed {
    Deed::Say(format!("data: {value}\n\n"))
}

pub fn done() -> Deed {
    Deed::Say("data: [DONE]\n\n".into())
}

/// The head of a stream of events.
pub fn stream() -> Deed {
    Deed::Head(200, vec![("Content-Type", "text/event-stream; charset=utf-8".into())])
}

/// A whole chat in pieces.
pub fn chats(pieces: &[&str]) -> Vec<Deed> {
    let mut deeds = vec![stream()];
    deeds.extend(pieces.iter().map(|piece| chat(piece)));
    deeds.extend([finish("stop"), done(), Deed::End]);
    deeds
}

/// An answer that is whole.
pub fn whole(status: u16, media: &str, body: &str) -> Vec<Deed> {
    vec![Deed::Head(status, vec![("Content-Type", media.into())]), Deed::Say(body.into()), Deed::End]
}

pub fn error(status: u16, message: &str) -> Vec<Deed> {
    whole(status, "application/json", &json!({ "error": { "message": message } }).to_string())
}

fn serve(stream: &TcpStream, owner: &str, known: &Mutex<Seen>, answer: &Answers) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let asked = read(&mut reader)?;
        let before = {
            let mut seen = lock();
            let before = seen.asked.iter().filter(|other| other.path == asked.path).count();
            seen.asked.push(asked.clone());
            before
        };
        let mut deeds = answer(&asked, before);
        if deeds.is_empty() && asked.path == "/v1/models" {
            let list =
                json!({ "object": "list", "data": [{ "id": "m", "object": "model", "owned_by": owner }] });
            deeds = whole(200, "application/json", &list.to_string());
        } else if deeds.is_empty() {
            deeds = error(404, "nothing here");
        }
        for deed in deeds {
            match perform(stream, &mut reader, &deed) {
                Some(true) => {}
                Some(false) => {
                    lock().left += 1;
                    return None;
                }
                None => {
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    return None;
                }
            }
        }
    }
}

/// Whether the client is still there; none where the server has had enough.
fn perform(mut stream: &TcpStream, reader: &mut impl Read, deed: &Deed) -> Option<bool> {
    let mut write = |bytes: &[u8]| Some(stream.write_all(bytes).and_then(|()| stream.flush()).is_ok());
    match deed {
        Deed::Head(status, headers) => {
            let mut head = format!("HTTP/1.1 {status} Said\r\nTransfer-Encoding: chunked\r\n");
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            write((head + "\r\n").as_bytes())
        }
        Deed::Say(text) => write(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()),
        Deed::Raw(bytes) => write(bytes),
        Deed::End => write(b"0\r\n\r\n"),
        Deed::Wait => {
            while reader.read(&mut [0]).is_ok_and(|count| count > 0) {}
            Some(false)
        }
        Deed::Cut => None,
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let asked = Asked { path, headers, body: Value::Null };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { body: serde_json::from_slice(&body).unwrap_or_default(), ..asked })
}
