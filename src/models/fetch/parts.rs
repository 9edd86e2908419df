//! A model in several files: each is fetched like any other, the first one last, so that nobody finds a model by its
//! name before the whole of it is there.
//!
//! Where its parts are it takes from the name of one: llama.cpp's, `NAME-00001-of-00003.gguf`.

use std::path::Path;

use url::Url;

use super::{Event, Outcome, Rules, Wanted, one};
use crate::models::gguf::{self, Unfit};
use crate::models::split::Split;

/// Fetches the file, or all files of the model that it is a part of.
pub(super) fn all(wanted: &Wanted, rules: &Rules, told: &mut dyn FnMut(Event)) -> Result<Outcome, String> {
    let name = name(&wanted.target);
    let Some(split) = Split::parse(&name).filter(|split| split.count > 1) else {
        return one(wanted, rules, told);
    };
    let mut outcome = Outcome::AlreadyThere;
    for number in (1..=split.count).rev() {
        let address = address(&wanted.url, number);
        let (url, asked) = address.ok_or_else(|| {
            format!("{}: the address does not end as the parts of a model do ({name})", wanted.url)
        })?;
        told(Event::Part { number, count: split.count });
        let part = Wanted {
            url,
            target: wanted.target.with_file_name(split.part(number)),
            // Those that are known are of the file that was asked for.
            sha256: wanted.sha256.clone().filter(|_| asked == number),
            bytes: wanted.bytes.filter(|_| asked == number),
            token: wanted.token.clone(),
        };
        if one(&part, rules, told)? == Outcome::Fetched {
            outcome = Outcome::Fetched;
        }
    }
    Ok(outcome)
}

/// Whether the file at `path` can be what `target` is called: a model, or a part of one.
pub(super) fn check(path: &Path, target: &Path) -> Result<(), Unfit> {
    match Split::parse(&name(target)) {
        Some(split) if split.number > 1 => gguf::check_part(path, split.number, split.count),
        _ => gguf::check_as(path, target).map(drop),
    }
}

/// Of another part, and which one the address itself is of.
fn address(url: &Url, number: u32) -> Option<(Url, u32)> {
    let (folder, last) = url.path().rsplit_once('/')?;
    let split = Split::parse(last)?;
    let mut other = url.clone();
    other.set_path(&format!("{folder}/{}", split.part(number)));
    Some((other, split.number))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_part_is_beside_the_others() {
        let of = |url: &str, number| {
            let (url, asked) = address(&url.parse().unwrap(), number)?;
            Some((url.to_string(), asked))
        };
        assert_eq!(
            of("https://host/a%2Fb/x-00002-of-00003.gguf?download=true", 1),
            Some(("https://host/a%2Fb/x-00001-of-00003.gguf?download=true".into(), 2))
        );
        assert_eq!(of("https://host/x.gguf", 1), None);
        assert_eq!(of("https://host/", 1), None);
    }
}
