//! What the real program does with the network: nothing, unless the person's own file names a server. Then code goes
//! there, the key with it and nowhere else, and who answers is named.

#[path = "support/model_server.rs"]
#[expect(dead_code, reason = "tests/remote.rs uses the rest")]
mod model_server;
#[path = "support/process.rs"]
#[expect(dead_code, reason = "tests/whole.rs uses the rest")]
mod process;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use model_server::{ModelServer, chats, error};
use process::Process;
use serde_json::{Value, json};

const SECRET: &str = "sk-verysecret0123456789";
const CODE: &str = "def area(r):\n    return 3 * r * r\n";

/// A project that asks for a server by each file that it may bring, and for the network by nothing else.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shape.py"), CODE).unwrap();
    folder
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// A session that opens a file, asks for suggestions and for an explanation, and reads its settings again.
fn session(process: &mut Process, project: &Path) {
    let params = json!({ "processId": null, "rootUri": uri(project), "capabilities": {} });
    assert!(process.call("initialize", params)["error"].is_null());
    process.notify("initialized", json!({}));
    process.settled();
    let file = uri(&project.join("shape.py"));
    process.open(&file, "python", CODE);
    process.inline(&file, (1, 4));
    for command in ["codesage.explain", "codesage.reload"] {
        let arguments = json!([{ "textDocument": { "uri": file } }]);
        process.call("workspace/executeCommand", json!({ "command": command, "arguments": arguments }));
    }
}

/// Sockets of the internet's families that a process has open: by the inodes of its descriptors.
#[cfg(target_os = "linux")]
fn sockets(process: u32) -> Vec<String> {
    let tables = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"].map(|table| {
        let rows = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        let inodes = rows.lines().skip(1).filter_map(|row| row.split_whitespace().nth(9));
        inodes.map(|inode| format!("socket:[{inode}]")).collect::<Vec<_>>()
    });
    let known = tables.concat();
    let folder = fs::read_dir(format!("/proc/{process}/fd")).expect("the process lives");
    let links = folder.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.map(|link| link.display().to_string()).filter(|link| known.contains(link)).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn a_session_has_no_socket_open() {
    let project = project();
    // What a project's own file says of it is not heard.
    let server = ModelServer::always("openai", chats(&["no"]));
    let file = format!("remote = {{ enabled = true, url = '{}', when = 'all' }}", server.url());
    fs::write(project.path().join("codesage.toml"), file).unwrap();
    let mut process = Process::spawn(None);
    session(&mut process, project.path());
    assert_eq!(sockets(process.id()), [""; 0]);
    assert_eq!(process.stats()["remote"], Value::Null);
    process.finish();
    assert_eq!(server.connections(), 0);

    // The same look finds one that is there: this one waits for an answer.
    let waiting = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = project.path().join("own.toml");
    let address = waiting.local_addr().unwrap();
    fs::write(&config, format!("remote = {{ enabled = true, url = 'http://{address}' }}")).unwrap();
    let mut process = Process::spawn_with(None, &["--config", config.to_str().unwrap()], &[]);
    let params = json!({ "processId": null, "rootUri": null, "capabilities": {} });
    process.call("initialize", params);
    process.notify("initialized", json!({}));
    let _connection = waiting.accept().expect("it is asked what it is");
    assert_eq!(sockets(process.id()).len(), 1);
}

/// Every system call of the whole program that has to do with a network, where there is a `strace` to see them.
#[test]
#[cfg(target_os = "linux")]
fn no_system_call_asks_for_a_network() {
    let has_strace = Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success());
    if !has_strace {
        eprintln!("skipped: there is no strace here");
        return;
    }
    let folder = project();
    let trace = |arguments: &[&str], name: &str| {
        let file = folder.path().join(name);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=network", "-o"]).arg(&file);
        command.arg(env!("CARGO_BIN_EXE_codesage")).args(arguments);
        command.env("XDG_CONFIG_HOME", "/nonexistent").env("CODESAGE_STATE", "/dev/null/nowhere");
        let output = command.output().expect("strace starts");
        // Where tracing is forbidden nothing is seen, and nothing is shown.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (!said.contains("Operation not permitted")).then(|| fs::read_to_string(&file).unwrap_or_default())
    };
    let place = folder.path().join("shape.py");
    let place = place.to_str().unwrap();
    let at = format!("{place}:2:5");
    // The last one types into a server as an editor does: a whole session, and another one.
    let replay = "bench replay --runs 1 --keys 8 --tokens 2 --languages rust";
    for arguments in [
        vec!["explain", place],
        vec!["complete", &at],
        vec!["models", "find"],
        vec!["models", "list"],
        replay.split(' ').collect(),
    ] {
        let Some(calls) = trace(&arguments, "calls") else {
            eprintln!("skipped: strace may not trace here");
            return;
        };
        let asks: Vec<&str> = calls.lines().filter(|line| line.contains("AF_INET")).collect();
        assert_eq!(asks, [""; 0], "{arguments:?}");
    }
    // The same look sees a server that is asked.
    let server = ModelServer::always("openai", chats(&["It is a circle."]));
    let config = folder.path().join("own.toml");
    fs::write(&config, format!("remote = {{ enabled = true, url = '{}' }}", server.url())).unwrap();
    let calls = trace(&["explain", place, "--config", config.to_str().unwrap()], "calls").unwrap_or_default();
    assert!(calls.contains("AF_INET"), "{calls}");
}

/// All that the program may tell: its output, its errors, its log at the most talkative, its answers and statistics.
#[test]
#[cfg(unix)]
fn the_key_is_told_to_nobody() {
    let project = project();
    let server = ModelServer::start("openai", |asked, before| match (&*asked.path, before) {
        ("/v1/chat/completions", 0) => chats(&["It is ", "a circle."]),
        ("/v1/chat/completions", _) => error(
            401,
            &format!("Incorrect API key provided: {}", asked.header("authorization").unwrap_or_default()),
        ),
        _ => Vec::new(),
    });
    let (config, log) = (project.path().join("own.toml"), project.path().join("log"));
    let text = format!(
        "log.level = 'trace'\nlog.file = '{}'\nremote = {{ enabled = true, url = '{}', apiKeyEnv = 'KEY_OF_MINE' }}\n",
        log.display(),
        server.url()
    );
    fs::write(&config, text).unwrap();
    let environment = [("KEY_OF_MINE", Path::new(SECRET))];
    let mut process = Process::spawn_with(
        None,
        &["--config", config.to_str().unwrap(), "--log-file", log.to_str().unwrap()],
        &environment,
    );
    let capabilities = json!({ "window": { "workDoneProgress": true } });
    let params = json!({ "processId": null, "rootUri": uri(project.path()), "capabilities": capabilities });
    let mut told = process.call("initialize", params).to_string();
    process.notify("initialized", json!({}));
    let file = uri(&project.path().join("shape.py"));
    process.open(&file, "python", CODE);
    process.until(|stats| stats["remote"]["model"] == "m");
    let arguments = json!([{ "textDocument": { "uri": file } }]);
    let explain = json!({ "command": "codesage.explain", "arguments": arguments });

    // Answered by the server, which is named.
    let reply = process.call("workspace/executeCommand", explain.clone());
    assert_eq!(reply["result"]["markdown"], "It is a circle.", "{reply}");
    let name = format!("m at {}", server.address);
    assert_eq!(reply["result"]["stats"]["model"], name, "{reply}");
    told += &reply.to_string();
    let begun = |message: &Value| {
        message["params"]["value"]["kind"] == "begin"
            && message["params"]["value"]["title"] != "Loading the model"
    };
    assert_eq!(process.take(begun)["params"]["value"]["title"], format!("Explaining by {name}"));

    // And refused by it, in its own words.
    let reply = process.call("workspace/executeCommand", explain);
    told += &reply.to_string();
    let warned = process.take(|message| {
        message["params"]["message"].as_str().is_some_and(|said| said.contains("refuses the key (401)"))
    });
    told += &warned.to_string();
    let stats = process.until(|stats| stats["remote"]["health"] == "open");
    for answer in [
        stats,
        process.call("codesage/status", json!({})),
        process.call("workspace/executeCommand", json!({ "command": "codesage.why", "arguments": [] })),
    ] {
        told += &answer.to_string();
    }
    told += &process.unasked.iter().map(Value::to_string).collect::<String>();
    process.finish();
    let log = fs::read_to_string(log).expect("a log");
    assert!(told.contains("refuses the key (401)") && log.contains("refuses the key (401)"), "{told}");
    assert!(!told.contains(SECRET) && !log.contains(SECRET), "the key was told");
    assert_eq!(
        server.asked("/v1/chat/completions")[0].header("authorization"),
        Some(&*format!("Bearer {SECRET}"))
    );
}

fn run(arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codesage"));
    command.args(arguments).arg("--config").arg(config);
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("CODESAGE_STATE", "/dev/null/nowhere");
    command.output().expect("it runs")
}

#[test]
fn the_command_line_asks_the_server_too() {
    let project = project();
    let config = project.path().join("own.toml");
    let answer = "<<<AI_EDIT_START>>>\ndef area(r):\n    return 3.14 * r * r\n<<<AI_EDIT_END>>>\n";
    let server = ModelServer::always("openai", chats(&["Here it is:\n", answer]));
    fs::write(&config, format!("remote = {{ enabled = true, url = '{}' }}", server.url())).unwrap();
    let file = project.path().join("shape.py");
    let place = format!("{}:1-2", file.display());
    let done = run(&["edit", &place, "--instruction", "Use 3.14.", "--json"], &config);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert!(said["diff"].as_str().is_some_and(|diff| diff.contains("+    return 3.14 * r * r")), "{said:#}");
    assert_eq!(said["model"], format!("m at {}", server.address), "{said:#}");
}
