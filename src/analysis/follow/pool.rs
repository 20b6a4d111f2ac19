//! More files than may be open at once: the one not written to for longest is closed when another is needed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::Hash;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes gathered per file before they are written.
const BUFFER: usize = 16 << 10;

/// Files being written, by key.
#[derive(Debug)]
pub struct Pool<K> {
    limit: usize,
    open: HashMap<K, Open>,
    writes: u64,
}

#[derive(Debug)]
struct Open {
    file: BufWriter<File>,
    last_write: u64,
}

/// Whether a file starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// What was there before is gone.
    Anew,
    /// What is written comes after what is there.
    Append,
}

impl<K: Hash + Eq + Copy> Pool<K> {
    pub fn new(limit: usize) -> Self {
        Pool { limit: limit.max(1), open: HashMap::new(), writes: 0 }
    }

    /// Writes to a file, which is opened when it is not open.
    pub fn write(&mut self, key: K, path: impl FnOnce() -> Box<Path>, begin: Begin, bytes: &[u8]) -> io::Result<()> {
        self.writes += 1;
        if !self.open.contains_key(&key) {
            self.make_room()?;
            let mut how = OpenOptions::new();
            match begin {
                Begin::Anew => how.write(true).create(true).truncate(true),
                Begin::Append => how.append(true),
            };
            let file = BufWriter::with_capacity(BUFFER, how.open(path())?);
            self.open.insert(key, Open { file, last_write: self.writes });
        }
        match self.open.get_mut(&key) {
            Some(open) => {
                open.last_write = self.writes;
                open.file.write_all(bytes)
            }
            None => Ok(()),
        }
    }

    /// Writes out and closes a file, when it is open.
    pub fn close(&mut self, key: K) -> io::Result<()> {
        self.open.remove(&key).map_or(Ok(()), |mut open| open.file.flush())
    }

    fn make_room(&mut self) -> io::Result<()> {
        if self.open.len() < self.limit {
            return Ok(());
        }
        let oldest = self.open.iter().min_by_key(|(_, open)| open.last_write).map(|(key, _)| *key);
        oldest.map_or(Ok(()), |key| self.close(key))
    }
}
