//! Actions at the edge: from a command's argument to one reply, with everything the person sees on the way.
//!
//! [`run`] is the way through: `arguments` are read, a place in `running` is taken, the assistant acts, `tell` shows
//! how far it is, and what it brings is applied (`apply`, by the edit that `workspace_edit` makes and `landing` sees
//! arrive), kept as a `preview` until the person decides
//! (`decide`), shown, or published as findings (`review`); `reply` is what the command answers. What a client can take of this is
//! decided in `capabilities`. Does *not* decide what is changed: `assist` does.

pub mod apply;
pub mod arguments;
pub mod decide;
pub mod landing;
pub mod preview;
pub mod reply;
pub mod review;
pub mod run;
pub mod running;
pub mod seen;
pub mod tell;
pub mod workspace_edit;

use std::sync::{Arc, Mutex};

use landing::Landings;
use preview::Waiting;
use review::Findings;
use running::Running;
use seen::Seen;

/// What a session remembers for its actions.
#[derive(Default)]
pub struct Actions {
    /// Where the person was last, for commands without arguments.
    pub seen: Mutex<Seen>,
    pub running: Arc<Running>,
    pub landings: Arc<Landings>,
    pub previews: Mutex<Waiting>,
    pub findings: Mutex<Findings>,
    /// Where explanations are written for the editor to open; the folder goes with the session.
    pub folder: Mutex<Option<tempfile::TempDir>>,
}
