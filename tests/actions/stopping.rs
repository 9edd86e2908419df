//! How an action ends and is stopped, at every moment of it: one end of its progress and then its reply, at once, and
//! never a word that is not true.

use std::time::Duration;

use codesage::engine::scripted::Script;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::editor::{CHANGED, Editor, TEXT, TWO, client, endless, plain};

/// Each way in which a person or an editor stops an action.
const WAYS: [&str; 4] = ["codesage.cancel", "$/cancelRequest", "window/workDoneProgress/cancel", "close"];

fn with_progress() -> Value {
    client(
        json!({ "documentChanges": true }),
        json!({ "window": { "workDoneProgress": true, "showDocument": { "support": true } } }),
    )
}

/// Agrees to a progress, and waits for it to begin; its token.
async fn progress(editor: &mut Editor) -> Value {
    let create = editor.server.expect("window/workDoneProgress/create").await;
    editor.server.answer(&create, json!(null)).await;
    let token = create["params"]["token"].clone();
    loop {
        let progress = editor.server.expect("$/progress").await["params"].clone();
        if progress["token"] == token {
            assert_eq!(progress["value"]["kind"], "begin");
            return token;
        }
    }
}

/// Stops the action `id` in one of the `WAYS`.
async fn stop(editor: &mut Editor, way: &str, id: i64, token: &Value) {
    match way {
        "codesage.cancel" => assert_eq!(editor.call(way, json!({})).await["cancelled"], 1),
        "close" => editor.close().await,
        "$/cancelRequest" => editor.server.notify(way, json!({ "id": id })).await,
        _ => editor.server.notify(way, json!({ "token": token })).await,
    }
}

/// What comes until the reply, in the order of the wire.
struct Until {
    /// The kinds of the progress, then `reply`.
    order: Vec<String>,
    /// What the person is told.
    messages: Vec<String>,
    reply: Value,
}

async fn until(editor: &mut Editor, id: i64) -> Until {
    let (mut order, mut messages) = (Vec::new(), Vec::new());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    loop {
        let message = editor.server.any().await;
        match message["method"].as_str() {
            Some("$/progress") => order.push(text(&message["params"]["value"]["kind"])),
            Some("window/showMessage") => messages.push(text(&message["params"]["message"])),
            None if message["id"] == id => {
                order.push("reply".into());
                return Until { order, messages, reply: message };
            }
            _ => {}
        }
    }
}

impl Until {
    /// One end, and then the reply.
    fn is_in_order(&self) -> bool {
        self.order.iter().filter(|kind| *kind == "end").count() == 1
            && self.order.iter().rev().take(2).eq(["reply", "end"])
    }
}

/// On several threads, as in the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_end_of_a_progress_comes_before_the_reply() {
    // By chance it may come so once.
    for round in 0..8 {
        for way in WAYS.into_iter().chain(["done", "refused"]) {
            let mut editor = Editor::start(with_progress()).await;
            let said = if way == "refused" { "" } else { TWO };
            let script = match way {
                "done" | "refused" => Script::text(said).slowly(Duration::from_millis(1)),
                // It is at work when it is stopped, however late that comes.
                _ => Script::text(&endless()).slowly(Duration::from_secs(60)),
            };
            editor.server.backend.always(script);
            let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
            let token = progress(&mut editor).await;
            match way {
                "done" => _ = editor.obey().await,
                "refused" => {}
                _ => stop(&mut editor, way, id, &token).await,
            }
            let until = until(&mut editor, id).await;
            assert!(until.is_in_order(), "{round} {way}: {:?} {}", until.order, until.reply);
            assert_eq!(until.messages.len(), usize::from(way == "refused"), "{way}: {:?}", until.messages);
            editor.server.finish().await;
        }
    }
}

/// The editor has the edit and says nothing: it cannot be called back, and the person is told so, at once.
#[tokio::test(start_paused = true)]
async fn a_cancel_while_an_edit_is_under_way_is_answered_at_once() {
    for way in WAYS {
        for lands in [false, true] {
            let mut editor = Editor::start(with_progress()).await;
            editor.server.backend.say(Script::text(TWO));
            let id = editor.ask("codesage.refactor", editor.at("let sum")).await;
            let token = progress(&mut editor).await;
            let edit = editor.server.expect("workspace/applyEdit").await;
            let began = Instant::now();
            stop(&mut editor, way, id, &token).await;
            let until = until(&mut editor, id).await;
            assert!(began.elapsed() < Duration::from_secs(1), "{way}: after {:?}", began.elapsed());
            assert!(until.is_in_order(), "{way}: {:?}", until.order);
            let reply = &until.reply;
            if way == "$/cancelRequest" {
                assert_eq!(reply["error"]["code"], -32800, "{reply}");
            } else {
                assert_eq!(reply["result"]["outcome"], "cancelled", "{way}: {reply}");
                let message = reply["result"]["message"].as_str().unwrap_or_default();
                assert!(message.contains("had been sent"), "{way}: {message}");
            }
            // Who cancels a request is shown nothing of its reply.
            let told = until.messages.iter().filter(|text| text.contains("had been sent")).count();
            assert_eq!((told, until.messages.len()), (1, 1), "{way}: {:?}", until.messages);
            if way == "close" {
                // It is gone, and what the editor makes of the edit is nobody's matter here.
                editor.server.finish().await;
                continue;
            }
            if lands {
                editor.make(&edit["params"]["edit"]).await;
                editor.server.answer(&edit, json!({ "applied": true })).await;
                assert_eq!(editor.text, CHANGED);
                // What came after all can be taken back.
                editor.until_applied().await;
                let id = editor.ask("codesage.undo", json!(null)).await;
                editor.obey().await;
                assert_eq!(editor.result(id).await["outcome"], "applied");
                assert_eq!(editor.text, TEXT);
            } else {
                // What did not can be applied from the menu.
                let menu = editor.menu("let sum", json!({ "diagnostics": [] })).await;
                assert_eq!(menu[0], "Apply preview: Refactor two");
            }
            editor.server.finish().await;
        }
    }
}

/// What the model made is there; only the showing of it is cut short.
#[tokio::test(start_paused = true)]
async fn a_cancel_while_an_answer_is_being_shown_returns_it() {
    for way in ["codesage.cancel", "window/workDoneProgress/cancel", "close"] {
        let mut editor = Editor::start(with_progress()).await;
        editor.server.backend.say(Script::text("It adds."));
        let id = editor.ask("codesage.explain", editor.at("let sum")).await;
        let token = progress(&mut editor).await;
        editor.server.expect("window/showDocument").await;
        let began = Instant::now();
        stop(&mut editor, way, id, &token).await;
        let Until { reply, .. } = until(&mut editor, id).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{way}: after {:?}", began.elapsed());
        assert_eq!(
            (&reply["result"]["outcome"], &reply["result"]["markdown"]),
            (&json!("answer"), &json!("It adds.")),
            "{way}: {reply}"
        );
        editor.server.finish().await;
    }
}

/// A token names one progress (LSP 3.17, "the token … needs to be unique"). One that is in use stays with its own.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_in_use_stays_with_the_first() {
    for creates in [true, false] {
        let profile = if creates { with_progress() } else { plain() };
        let mut editor = Editor::start(profile).await;
        editor.server.backend.always(Script::text(&"word ".repeat(1000)).slowly(Duration::from_millis(5)));
        let params = |editor: &Editor| json!({ "command": "codesage.explain", "arguments": [editor.at("let sum")], "workDoneToken": "mine" });
        let first = editor.server.request("workspace/executeCommand", params(&editor)).await;
        let begin = editor.server.expect("$/progress").await;
        assert_eq!(
            (&begin["params"]["token"], &begin["params"]["value"]["kind"]),
            (&json!("mine"), &json!("begin"))
        );
        let second = editor.server.request("workspace/executeCommand", params(&editor)).await;
        let own = match creates {
            true => Some(progress(&mut editor).await),
            false => None,
        };
        assert_ne!(own, Some(json!("mine")));
        editor.server.notify("window/workDoneProgress/cancel", json!({ "token": "mine" })).await;
        let reply = editor.server.reply(first).await;
        assert_eq!(reply["result"]["outcome"], "cancelled", "{reply}");
        // The other goes on, and the token is free again.
        editor.server.notify("window/workDoneProgress/cancel", json!({ "token": "mine" })).await;
        let third = editor.server.request("workspace/executeCommand", params(&editor)).await;
        editor.server.notify("window/workDoneProgress/cancel", json!({ "token": "mine" })).await;
        assert_eq!(editor.server.reply(third).await["result"]["outcome"], "cancelled");
        match own {
            Some(token) => {
                editor.server.notify("window/workDoneProgress/cancel", json!({ "token": token })).await;
            }
            None => assert_eq!(editor.call("codesage.cancel", json!({})).await["cancelled"], 1),
        }
        assert_eq!(editor.server.reply(second).await["result"]["outcome"], "cancelled");
        // One begin and one end for each progress.
        let mut kinds: Vec<(String, String)> = Vec::new();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        kinds.push(("mine".into(), "begin".into()));
        let expected = if creates { 5 } else { 4 };
        while kinds.len() < expected {
            let told = editor.server.expect("$/progress").await["params"].clone();
            if told["value"]["kind"] != "report" {
                kinds.push((text(&told["token"]), text(&told["value"]["kind"])));
            }
        }
        let of_mine = kinds.iter().filter(|(of, _)| of == "mine").map(|(_, kind)| kind.as_str());
        assert!(of_mine.eq(["begin", "end", "begin", "end"]), "{kinds:?}");
        editor.server.finish().await;
    }
}

/// A cancel may come in the same breath as the request.
#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_same_breath_is_heard() {
    let mut editor = Editor::start(plain()).await;
    editor.server.backend.always(Script::text(&"word ".repeat(1000)).slowly(Duration::from_millis(5)));
    let params =
        json!({ "command": "codesage.explain", "arguments": [editor.at("let sum")], "workDoneToken": 7 });
    let (id, request) = editor.server.message("workspace/executeCommand", params);
    let cancel = json!({
        "jsonrpc": "2.0", "method": "window/workDoneProgress/cancel", "params": { "token": 7 },
    });
    editor.server.send(&[request, cancel]).await;
    let until = until(&mut editor, id).await;
    assert_eq!(until.reply["result"]["outcome"], "cancelled", "{}", until.reply);
    assert!(until.is_in_order() && until.order[0] == "begin", "{:?}", until.order);
    editor.server.finish().await;
}
