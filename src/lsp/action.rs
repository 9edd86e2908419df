//! Actions at the edge: from a command's argument to one reply, with everything the person sees on the way.
//!
//! [`run`] is the way through: `arguments` are read, what is `asked` is fixed, a place in `running` is taken, the
//! assistant acts, `tell` says how far it is, and [`deliver`] brings what came of it: a change is applied (`apply`, as
//! the edit that `workspace_edit` makes; `sent` follows it, and `landing` sees it arrive), or waits as a `preview`
//! until the person decides (`decide`); prose is shown (`papers`), or published as findings (`review`); `reply` is what
//! the command answers. What a client can take of this is decided in `capabilities`. Does *not* decide what is changed:
//! `assist` does.

pub mod apply;
pub mod arguments;
pub mod asked;
pub mod decide;
pub mod deliver;
pub mod landing;
pub mod papers;
pub mod preview;
pub mod reply;
pub mod review;
pub mod run;
pub mod running;
pub mod seen;
pub mod sent;
pub mod tell;
pub mod workspace_edit;

use std::path::Path;
use std::sync::{Arc, Mutex};

use landing::Landings;
use papers::Papers;
use preview::Waiting;
use review::Findings;
use running::Running;
use seen::Seen;

/// What a session remembers for its actions.
pub struct Actions {
    /// Where the person was last, for commands without arguments.
    pub seen: Mutex<Seen>,
    pub running: Arc<Running>,
    pub landings: Arc<Landings>,
    pub previews: Mutex<Waiting>,
    pub findings: Mutex<Findings>,
    pub papers: Papers,
}

impl Actions {
    /// What is written for the person to read is kept in the folder `state`.
    pub fn new(state: Option<&Path>) -> Self {
        Self {
            seen: Mutex::default(),
            running: Arc::default(),
            landings: Arc::default(),
            previews: Mutex::default(),
            findings: Mutex::default(),
            papers: Papers::new(state),
        }
    }
}
