//! `codesage.swapModel`: another model for a role, at once and without a restart. What it replaces answers until it is
//! ready, and goes on where it cannot be loaded. Does *not* load anything: `assist::roles` does.

use serde_json::{Value, json};

use crate::engine::{Backend, ModelState, Role};
use crate::lsp::session::Session;
use crate::lsp::switch::Swapped;

/// The role, by our own name for it or by that of `codesage/models`; completions where none is said.
fn role(name: Option<&str>) -> Option<Role> {
    match name {
        None | Some("fill" | "fim") => Some(Role::Fill),
        Some("edit" | "instruct") => Some(Role::Edit),
        Some(_) => None,
    }
}

/// Swaps as `{role?, id?}` says, and waits for what comes of it. Without an id the settings count again.
pub async fn run(session: &Session, argument: &Value) -> Value {
    let text = |name: &str| argument.get(name).and_then(Value::as_str);
    let Some(role) = role(text("role")) else {
        return failed("the roles are `fill`, for completions, and `edit`, for edits and explanations");
    };
    let Some(roles) = session.assistant.roles() else {
        return failed("this session has one model, which stays");
    };
    let model = text("id").or(argument.as_str()).and_then(Swapped::named);
    // Before, nobody knows what there is to be swapped.
    roles.launched().await;
    let before = session.swap(role, model.clone());
    roles.wake(role);
    match settled(&**roles.seat(role)).await {
        // An edit is made by the model for completions, which says for itself how it is.
        _ if roles.seat(role).is_shared() => ready("one model answers for both"),
        ModelState::Ready(card) => ready(&format!("{} is ready", card.name)),
        ModelState::Failed(why) => {
            // What answers now is what was swapped to before; whoever asks again means something else.
            session.swap_back(role, model.as_ref(), before);
            failed(&why)
        }
        ModelState::Unloaded | ModelState::Loading { .. } => failed("it is not needed any more"),
    }
}

fn ready(message: &str) -> Value {
    json!({ "state": "ready", "message": message })
}

fn failed(message: &str) -> Value {
    json!({ "state": "failed", "message": message })
}

/// What came of the model that was asked for last.
async fn settled(backend: &dyn Backend) -> ModelState {
    let mut coming = backend.coming();
    let settled = coming.wait_for(|state| !matches!(state, ModelState::Loading { .. })).await;
    settled.map_or(ModelState::Unloaded, |state| state.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_two_names() {
        for (name, expected) in [
            (None, Some(Role::Fill)),
            (Some("fill"), Some(Role::Fill)),
            (Some("fim"), Some(Role::Fill)),
            (Some("edit"), Some(Role::Edit)),
            (Some("instruct"), Some(Role::Edit)),
            (Some("chat"), None),
        ] {
            assert_eq!(role(name), expected, "{name:?}");
        }
    }
}
