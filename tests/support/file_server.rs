//! A web server of a test: it answers as it is told, well or badly, and remembers what it was asked.
//!
//! One thread for each connection, one request each. It knows no files and no models.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// In small letters.
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is wanted.
    pub fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.and_then(|range| range.strip_suffix('-')).and_then(|from| from.parse().ok()).unwrap_or(0)
    }
}

/// What it is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// `Content-Length`, where it is not that of the body.
    pub announced: Option<usize>,
    /// Keeps the connection open when all is said, and says no more.
    pub falls_silent: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

pub struct FileServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
}

type Answers = dyn Fn(&Request, usize) -> Reply + Send + Sync;

impl FileServer {
    /// `answer` is given a request and how many of its method there were before it.
    pub fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
        let address = listener.local_addr().expect("a bound port has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (known, answer): (_, Arc<Answers>) = (asked.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, answer) = (known.clone(), answer.clone());
                thread::spawn(move || serve(stream, &known, &*answer));
            }
        });
        Self { address, asked }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked so far with a method.
    pub fn asked(&self, method: &str) -> Vec<Request> {
        let asked = self.asked.lock().expect("no answer panics");
        asked.iter().filter(|request| request.method == method).cloned().collect()
    }
}

/// A client may go at any moment: then there is nobody to tell.
fn serve(mut stream: TcpStream, known: &Mutex<Vec<Request>>, answer: &Answers) -> Option<()> {
    let request = read(&stream)?;
    let before = {
        let mut known = known.lock().ok()?;
        let before = known.iter().filter(|other| other.method == request.method).count();
        known.push(request.clone());
        before
    };
    let reply = answer(&request, before);
    let mut head = format!("HTTP/1.1 {} Said\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", reply.announced.unwrap_or(reply.body.len()));
    stream.write_all(head.as_bytes()).ok()?;
    if request.method != "HEAD" {
        stream.write_all(&reply.body).ok()?;
    }
    stream.flush().ok()?;
    if reply.falls_silent {
        // Until the client has had enough.
        let _ = stream.read(&mut [0]);
    }
    Some(())
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    Some(Request { method, path, headers })
}
