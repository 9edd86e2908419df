//! What was edited or opened lately, by count and not by clock.

use std::collections::HashMap;

use url::Url;

/// Documents in the order of their last edit or opening.
#[derive(Debug, Default)]
pub struct Recent {
    last: u64,
    touched: HashMap<Url, u64>,
}

impl Recent {
    /// `uri` was edited or opened just now.
    pub fn touch(&mut self, uri: &Url) {
        self.last += 1;
        match self.touched.get_mut(uri) {
            Some(touched) => *touched = self.last,
            None => {
                self.touched.insert(uri.clone(), self.last);
            }
        }
    }

    /// `uri` was closed.
    pub fn forget(&mut self, uri: &Url) {
        self.touched.remove(uri);
    }

    /// A number that grows with recency; 0 for a document never touched.
    pub fn recency(&self, uri: &Url) -> u64 {
        self.touched.get(uri).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_touched_is_the_most_recent() {
        let uri = |name: &str| Url::parse(&format!("file:///{name}")).expect("a URI");
        let (a, b) = (uri("a"), uri("b"));
        let mut recent = Recent::default();
        assert_eq!(recent.recency(&a), 0);
        recent.touch(&a);
        recent.touch(&b);
        assert!(recent.recency(&b) > recent.recency(&a));
        recent.touch(&a);
        assert!(recent.recency(&a) > recent.recency(&b));
        recent.forget(&a);
        assert_eq!(recent.recency(&a), 0);
        assert!(recent.recency(&b) > 0);
    }
}
