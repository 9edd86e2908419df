//! Where a completion may end: blocks, strings and comments at a place, and syntax before and after an insertion.
//!
//! Everything here answers about one place in one text, by the scopes query where there is a tree and by lines and
//! indentation where there is none or where it is broken, as text that is being typed mostly is. Nothing here knows
//! what a model wrote or why; `completion` asks, and decides.

mod block;
mod extent;
mod inside;
mod line;
mod trial;

pub use block::block_end;
pub use extent::{Extent, extent};
pub use inside::{Inside, inside};
pub use trial::Trial;

#[cfg(test)]
mod tests;
