//! What to offer and when: policy, anchor, cache, shape. Text in, text out; no model, no clock.

pub mod along;
pub mod anchor;
pub mod cache;
pub mod line;
pub mod pace;
pub mod place;
pub mod policy;
pub mod precedent;
pub mod reason;
pub mod shape;
pub mod spot;

pub use anchor::Anchor;
pub use reason::Reason;
