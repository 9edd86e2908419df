//! What was read, as bytes: the tokens of a sequence, and the state that a model was in behind them. Pure.
//!
//! A file of these may be of another model, another version, or cut off half-way, and llama.cpp may end the process on
//! a state that it did not write itself. So it begins with what it was made by and ends with a checksum, and nothing of
//! a file where either is wrong is given out. This knows neither where such files are nor what a state is.

use std::io::{self, Write};

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::engine::slot::Token;

const MAGIC: [u8; 8] = *b"CODESAGE";
/// Of this format.
const VERSION: u32 = 1;
/// Magic, version, fingerprint, count.
const HEAD: usize = 8 + 4 + 16 + 4;
const CHECKSUM: usize = 16;

/// One sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub tokens: Vec<Token>,
    /// Logits behind the first so many tokens, one for each token of the vocabulary.
    pub rows: Vec<(usize, Vec<f32>)>,
    /// llama.cpp's own words.
    pub state: Vec<u8>,
}

/// Why a file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is no file of this program")]
    Foreign,
    #[error("it was written by another version")]
    Version,
    #[error("it was written for another model, or by another version of llama.cpp")]
    Model,
    #[error("it is damaged")]
    Damaged,
}

/// What the tokens of a file must fit.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Tokens that one sequence can hold.
    pub cells: usize,
}

/// Writes a file that only who has this `fingerprint` reads.
pub fn write(snapshots: &[Snapshot], fingerprint: u128, out: impl Write) -> io::Result<()> {
    let mut out = Summed { out, sum: Xxh3::new() };
    let count = |count: usize| u32::try_from(count).map_err(|_| io::Error::other("too long"));
    out.put(&MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.put(&fingerprint.to_le_bytes())?;
    out.put(&count(snapshots.len())?.to_le_bytes())?;
    for Snapshot { tokens, rows, state } in snapshots {
        out.put(&count(tokens.len())?.to_le_bytes())?;
        for token in tokens {
            out.put(&token.to_le_bytes())?;
        }
        out.put(&count(rows.len())?.to_le_bytes())?;
        for (at, row) in rows {
            out.put(&count(*at)?.to_le_bytes())?;
            let bytes: Vec<u8> = row.iter().flat_map(|logit| logit.to_le_bytes()).collect();
            out.put(&bytes)?;
        }
        out.put(&(state.len() as u64).to_le_bytes())?;
        out.put(state)?;
    }
    let sum = out.sum.digest128();
    out.out.write_all(&sum.to_le_bytes())?;
    out.out.flush()
}

struct Summed<W> {
    out: W,
    sum: Xxh3,
}

impl<W: Write> Summed<W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads one whole, or not at all.
pub fn read(bytes: &[u8], fingerprint: u128, bounds: Bounds) -> Result<Vec<Snapshot>, Unusable> {
    if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
        return Err(Unusable::Foreign);
    }
    if bytes.len() < HEAD + CHECKSUM {
        return Err(Unusable::Damaged);
    }
    let (body, sum) = bytes.split_at(bytes.len() - CHECKSUM);
    let mut rest = &body[MAGIC.len()..];
    // What another version wrote may end otherwise.
    if u32::from_le_bytes(take(&mut rest)?) != VERSION {
        return Err(Unusable::Version);
    }
    if sum != xxh3_128(body).to_le_bytes() {
        return Err(Unusable::Damaged);
    }
    if u128::from_le_bytes(take(&mut rest)?) != fingerprint {
        return Err(Unusable::Model);
    }
    let count = u32::from_le_bytes(take(&mut rest)?);
    let snapshots = (0..count).map(|_| snapshot(&mut rest, bounds)).collect::<Result<_, _>>()?;
    if rest.is_empty() { Ok(snapshots) } else { Err(Unusable::Damaged) }
}

fn snapshot(rest: &mut &[u8], bounds: Bounds) -> Result<Snapshot, Unusable> {
    let length = u32::from_le_bytes(take(rest)?) as usize;
    if length == 0 || length > bounds.cells {
        return Err(Unusable::Damaged);
    }
    let tokens: Vec<Token> =
        (0..length).map(|_| take(rest).map(Token::from_le_bytes)).collect::<Result<_, _>>()?;
    if tokens.iter().any(|&token| usize::try_from(token).map_or(true, |token| token >= bounds.vocabulary)) {
        return Err(Unusable::Damaged);
    }
    let mut rows = Vec::new();
    for _ in 0..u32::from_le_bytes(take(rest)?) {
        let at = u32::from_le_bytes(take(rest)?) as usize;
        let row = cut(rest, bounds.vocabulary * 4)?.chunks_exact(4);
        let row = row.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap_or_default())).collect();
        if at > length {
            return Err(Unusable::Damaged);
        }
        rows.push((at, row));
    }
    let length = usize::try_from(u64::from_le_bytes(take(rest)?)).map_err(|_| Unusable::Damaged)?;
    Ok(Snapshot { tokens, rows, state: cut(rest, length)?.to_vec() })
}

fn cut<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Unusable> {
    let (front, behind) = rest.split_at_checked(length).ok_or(Unusable::Damaged)?;
    *rest = behind;
    Ok(front)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Unusable> {
    cut(rest, N)?.try_into().map_err(|_| Unusable::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { vocabulary: 3, cells: 4 };

    fn written(snapshots: &[Snapshot]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(snapshots, 7, &mut bytes).expect("memory takes it");
        bytes
    }

    fn some() -> Vec<Snapshot> {
        vec![
            Snapshot { tokens: vec![0, 2, 1], rows: vec![(3, vec![0.5, -1.0, 2.0])], state: vec![9; 20] },
            Snapshot { tokens: vec![1], rows: vec![], state: vec![] },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for snapshots in [some(), vec![]] {
            assert_eq!(read(&written(&snapshots), 7, BOUNDS), Ok(snapshots));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let whole = written(&some());
        let with = |change: fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            bytes
        };
        let of =
            |tokens: &[Token], rows| written(&[Snapshot { tokens: tokens.to_vec(), rows, state: vec![1] }]);
        for (what, bytes, fingerprint, expected) in [
            ("empty", vec![], 7, Unusable::Foreign),
            ("text", b"hello, this is no state".to_vec(), 7, Unusable::Foreign),
            ("only the magic", MAGIC.to_vec(), 7, Unusable::Damaged),
            ("another version", with(|bytes| bytes[8] = 2), 7, Unusable::Version),
            ("another model", whole.clone(), 8, Unusable::Model),
            ("something behind it", with(|bytes| bytes.push(0)), 7, Unusable::Damaged),
            ("a token too large", of(&[3], vec![]), 7, Unusable::Damaged),
            ("a token too small", of(&[-1], vec![]), 7, Unusable::Damaged),
            ("too many tokens", of(&[0; 5], vec![]), 7, Unusable::Damaged),
            ("no token", of(&[], vec![]), 7, Unusable::Damaged),
            ("a row too short", of(&[0], vec![(1, vec![0.0])]), 7, Unusable::Damaged),
            ("a row behind the end", of(&[0], vec![(2, vec![0.0; 3])]), 7, Unusable::Damaged),
        ] {
            assert_eq!(read(&bytes, fingerprint, BOUNDS), Err(expected), "{what}");
        }
    }

    #[test]
    fn any_cut_and_any_bit_is_seen() {
        let whole = written(&some());
        for end in 0..whole.len() {
            assert!(read(&whole[..end], 7, BOUNDS).is_err(), "cut at {end}");
        }
        for bit in 0..8 * whole.len() {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bytes, 7, BOUNDS).is_err(), "bit {bit}");
        }
    }

    /// Whatever stands between a right head and a right checksum.
    #[test]
    fn nonsense_with_a_right_checksum_is_refused() {
        let whole = written(&some());
        for at in HEAD - 4..whole.len() - CHECKSUM {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole[..whole.len() - CHECKSUM].to_vec();
                bytes[at] = value;
                let sum = xxh3_128(&bytes);
                bytes.extend_from_slice(&sum.to_le_bytes());
                if let Ok(snapshots) = read(&bytes, 7, BOUNDS) {
                    let tokens =
                        |snapshot: &Snapshot| snapshot.tokens.iter().all(|token| (0..3).contains(token));
                    assert!(snapshots.len() <= 2 && snapshots.iter().all(tokens), "{at}");
                }
            }
        }
    }
}
