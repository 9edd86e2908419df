//! What a status bar is told, by each of its names, and only where it wants to be.

use std::time::Duration;

use codesage::engine::scripted::Script;
use codesage::engine::{Backend, ModelState};
use serde_json::{Value, json};

use super::editor::{Editor, plain};
use super::server::TestServer;

async fn told(server: &mut TestServer, method: &str) -> Value {
    server.expect(method).await["params"].clone()
}

fn status(kind: &str, busy: bool, message: &str) -> Value {
    json!({ "kind": kind, "busy": busy, "message": message })
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told_under_the_name_that_is_known() {
    let plugin = json!({ "editorPluginInfo": { "name": "copilot.vim", "version": "1" } });
    let cases = [
        (json!({ "codesage": { "notify": ["status"] } }), "codesage/didChangeStatus"),
        (json!({ "notify": ["dreams", "status"] }), "codesage/didChangeStatus"),
        (plugin, "didChangeStatus"),
    ];
    for (options, method) in cases {
        let mut profile = plain();
        profile["initializationOptions"] = options;
        let mut editor = Editor::start(profile).await;
        assert_eq!(told(&mut editor.server, method).await, status("Normal", false, "scripted"));
        // Suggestions come and go without a word.
        let params = json!({ "textDocument": { "uri": super::editor::URI }, "position": { "line": 1, "character": 4 } });
        editor.server.call("textDocument/inlineCompletion", params).await;
        editor.server.backend.say(Script::text("It adds.").slowly(Duration::from_millis(200)));
        let id = editor.ask("codesage.explain", editor.at("let sum")).await;
        assert_eq!(told(&mut editor.server, method).await, status("Normal", true, "scripted"));
        editor.result(id).await;
        editor.message().await;
        assert_eq!(told(&mut editor.server, method).await, status("Normal", false, "scripted"));
        let ready = editor.server.backend.watch().borrow().clone();
        for (fraction, percent) in [(0.0, 0), (0.5, 50)] {
            editor.server.backend.set_state(ModelState::Loading { fraction });
            let message = format!("loading the model: {percent} %");
            assert_eq!(told(&mut editor.server, method).await, status("Normal", true, &message));
        }
        editor.server.backend.set_state(ModelState::Failed("no such file".into()));
        assert_eq!(told(&mut editor.server, method).await, status("Error", false, "no such file"));
        editor.server.expect("window/showMessage").await;
        editor.server.backend.set_state(ready);
        assert_eq!(told(&mut editor.server, method).await, status("Normal", false, "scripted"));
        // `finish` finds what was told twice.
        editor.server.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_want_to_know_is_not_told() {
    for options in
        [json!(null), json!({ "codesage": { "notify": ["stream"] } }), json!({ "notify": "status" })]
    {
        let mut profile = plain();
        profile["initializationOptions"] = options;
        let mut editor = Editor::start(profile).await;
        editor.server.backend.set_state(ModelState::Unloaded);
        editor.server.until_status("Inactive").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        editor.server.finish().await;
    }
}
