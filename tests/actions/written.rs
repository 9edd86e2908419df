//! What is written for the person to read goes with the session, whichever way that ends.

use std::path::{Path, PathBuf};

use codesage::engine::scripted::{Script, ScriptedBackend};
use codesage::lsp::Cause;
use serde_json::json;

use super::editor::{TEXT, URI, client};
use super::server::{SIGTERM, TestServer};

/// A session that has shown an explanation; the file of it.
async fn explained(state: &Path) -> (TestServer, PathBuf) {
    let shows = json!({ "window": { "showDocument": { "support": true } } });
    let mut server = TestServer::connect_in(ScriptedBackend::default(), Some(state.to_owned()));
    server.initialize(client(json!(null), shows)).await;
    server.until_status("Normal").await;
    server.open(URI, "rust", TEXT).await;
    server.backend.say(Script::text("It adds."));
    let argument = json!({ "textDocument": { "uri": URI } });
    let params = json!({ "command": "codesage.explain", "arguments": [argument] });
    let id = server.request("workspace/executeCommand", params).await;
    let request = server.expect("window/showDocument").await;
    let uri = request["params"]["uri"].as_str().and_then(|uri| url::Url::parse(uri).ok()).expect("a URI");
    server.answer(&request, json!({ "success": true })).await;
    assert_eq!(server.reply(id).await["result"]["outcome"], "answer");
    (server, uri.to_file_path().expect("a file"))
}

#[tokio::test(start_paused = true)]
async fn it_goes_with_the_session() {
    let state = tempfile::tempdir().expect("a folder");
    let (mut other, others) = explained(state.path()).await;
    for cause in [Cause::Exit, Cause::EndOfInput, Cause::OutputClosed, Cause::Terminated(SIGTERM)] {
        let (mut server, file) = explained(state.path()).await;
        assert_eq!(std::fs::read_to_string(&file).ok().as_deref(), Some("It adds."), "{cause:?}");
        assert!(file.starts_with(state.path()), "{file:?}");
        match cause {
            // Without `shutdown`.
            Cause::Exit => server.notify("exit", json!(null)).await,
            Cause::EndOfInput => server.hang_up(),
            Cause::OutputClosed => {
                server.stop_listening();
                server.notify("$/setTrace", json!({ "value": "off" })).await;
                server.request("codesage/status", json!({})).await;
            }
            _ => server.terminate(),
        }
        assert_eq!(server.ended().await.cause, cause);
        assert!(!file.parent().expect("a folder").exists(), "{cause:?}");
        assert!(others.exists(), "another session's is left alone");
    }
    other.hang_up();
    other.ended().await;
    assert!(!others.exists());
}
