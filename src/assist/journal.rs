//! What was asked, and what became of it: one line of JSON an action, in a file that only grows.
//!
//! For the day when somebody asks what the machine did to a file. A line has names, counts and times; there is no
//! field for source text, nor for what a person said. Writing happens on a thread of its own, so that a disk that
//! hangs holds nothing up; what cannot be written is told once in the log, and no action fails for it. This does not
//! keep what an undo needs.

mod file;
mod id;
mod time;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::edit::Action;
use file::Writer;
pub use id::Ids;

/// Bytes of the journal's file, after which it becomes the old one. There is one old one.
const MAX_BYTES: u64 = 1 << 20;

/// Records that may wait for the disk.
const WAITING: usize = 256;

/// Characters of one name in a record, and files in it: a line is short whatever a client calls things.
const MAX_NAME: usize = 1000;
const MAX_FILES: usize = 20;

/// One action, or what became of one that was shown first: then there are two of the same `id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// RFC 3339, UTC: [`now`].
    pub time: String,
    /// Different from that of every other action, of whatever process: [`Ids`].
    pub id: String,
    pub action: Action,
    /// The name of a person's own action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The workspace folder's own name. Records before there was this have none.
    #[serde(default)]
    pub workspace: String,
    /// Tells folders of one name apart: [`workspace_id`].
    #[serde(default)]
    pub workspace_id: String,
    /// The file that was asked about, from the workspace folder.
    pub path: String,
    pub outcome: Outcome,
    /// The code of the guard that refused, or that wanted a preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// The files that were changed, or would have been.
    #[serde(default)]
    pub files: Vec<String>,
    pub lines_added: u64,
    pub lines_removed: u64,
    /// That the model wrote.
    pub tokens: u64,
    /// From the question to the outcome.
    pub ms: u64,
    pub model: String,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Applied,
    /// Shown, to be applied or discarded.
    Preview,
    Discarded,
    /// Prose for the person.
    Answer,
    Refused,
    /// It was to be made, and the disk did not let it.
    Failed,
    Cancelled,
    Undone,
}

/// The journal of this process. Others write to the same file at the same time, a line each.
#[derive(Debug)]
pub struct Journal {
    /// None: there is no place for it.
    messages: Option<SyncSender<Message>>,
    is_lossy: AtomicBool,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// All that was sent before is on the disk, or lost.
    Written(SyncSender<()>),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Oldest first.
    pub records: Vec<Record>,
    /// Lines that are no records: of another version, or cut off by a full disk.
    pub unreadable: usize,
}

/// For [`Record::time`].
pub fn now() -> String {
    time::rfc3339(SystemTime::now())
}

/// For [`Record::workspace_id`]: eight digits that stand for a whole path, which is nobody's business.
pub fn workspace_id(folder: &Path) -> String {
    let digest = xxhash_rust::xxh3::xxh3_64(folder.as_os_str().as_encoded_bytes());
    format!("{:08x}", digest >> 32)
}

/// Where the program keeps what it did: `CODESAGE_STATE`, else the platform's place (`$XDG_STATE_HOME/codesage`,
/// `~/Library/Application Support`, `%LOCALAPPDATA%`). None where there is no home.
pub fn state_dir() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CODESAGE_STATE").filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    let dirs = directories::ProjectDirs::from("", "", "codesage")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf())
}

/// The file that records go to.
pub fn file_in(folder: &Path) -> PathBuf {
    folder.join(file::NAME)
}

/// The last `limit` records of actions whose name begins with `prefix`. No file: no records.
pub fn read(folder: &Path, limit: usize, prefix: &str) -> io::Result<Told> {
    let mut told = Told::default();
    for line in file::lines(folder)? {
        match serde_json::from_slice::<Record>(&line) {
            Ok(record) if record.id.starts_with(prefix) => told.records.push(record),
            Ok(_) => {}
            Err(_) => told.unreadable += 1,
        }
    }
    told.records.drain(..told.records.len().saturating_sub(limit));
    Ok(told)
}

impl Journal {
    /// Writes to a file in `folder`, which is made when there is something to write.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self::with_limit(folder, MAX_BYTES)
    }

    fn with_limit(folder: Option<PathBuf>, limit: u64) -> Self {
        let start = |folder| {
            let (sender, receiver) = sync_channel(WAITING);
            let writer = Writer::new(folder, limit);
            let thread = thread::Builder::new().name("journal".to_owned());
            match thread.spawn(move || write_all(writer, &receiver)) {
                Ok(_) => Some(sender),
                Err(error) => {
                    tracing::warn!("no journal: {error}");
                    None
                }
            }
        };
        Self { messages: folder.and_then(start), is_lossy: AtomicBool::new(false) }
    }

    /// Hands a record over, and returns at once. Whether it reaches the disk is no concern of the action's.
    pub fn write(&self, record: Record) {
        let Some(messages) = &self.messages else { return };
        let Ok(mut line) = serde_json::to_vec(&bounded(record)) else { return };
        line.push(b'\n');
        if messages.try_send(Message::Line(line)).is_err() && !self.is_lossy.swap(true, Ordering::Relaxed) {
            tracing::warn!("the journal cannot be written as fast as things happen; records are lost");
        }
    }

    /// Waits until what was handed over is written, before a process ends. False: it took longer than `patience`.
    pub fn flush(&self, patience: Duration) -> bool {
        let Some(messages) = &self.messages else { return true };
        let (done, wait) = sync_channel(1);
        messages.try_send(Message::Written(done)).is_ok() && wait.recv_timeout(patience).is_ok()
    }
}

/// Until the journal is dropped.
fn write_all(writer: Writer, messages: &Receiver<Message>) {
    let mut has_failed = false;
    for message in messages {
        match message {
            Message::Line(line) => {
                if let Err(error) = writer.append(line)
                    && !std::mem::replace(&mut has_failed, true)
                {
                    tracing::warn!("{}: cannot be written: {error}", writer.path().display());
                }
            }
            Message::Written(done) => {
                // Whoever asked may have lost patience.
                let _ = done.try_send(());
            }
        }
    }
}

fn bounded(record: Record) -> Record {
    let short = |name: String| match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    };
    Record {
        time: short(record.time),
        id: short(record.id),
        workspace: short(record.workspace),
        workspace_id: short(record.workspace_id),
        recipe: record.recipe.map(short),
        path: short(record.path),
        guard: record.guard.map(short),
        files: record.files.into_iter().take(MAX_FILES).map(short).collect(),
        model: short(record.model),
        ..record
    }
}

#[cfg(test)]
mod tests;
