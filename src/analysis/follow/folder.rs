//! The bytes of streams as files in a folder.
//!
//! A direction has `<stream>-a.bin` with its bytes and, only when there is something to say, `<stream>-a.holes.json` and
//! `<stream>-a.conflicts.json`, each a list of objects. They are written as they come: nothing is kept in memory for
//! them but what is open.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Chunk;
use super::pool::{Begin, Pool};
use crate::analysis::segment::Side;

/// Files that are open at once.
const MAX_OPEN: usize = 256;

/// A folder of streams.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    pool: Pool<Key>,
    /// Which files of a stream were begun, a bit each.
    begun: HashMap<u32, u8>,
}

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    stream: u32,
    side: Side,
    content: Content,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Content {
    Bytes,
    Holes,
    Conflicts,
}

/// All files that a stream may have.
const FILES: [(Side, Content); 6] = [
    (Side::A, Content::Bytes),
    (Side::A, Content::Holes),
    (Side::A, Content::Conflicts),
    (Side::B, Content::Bytes),
    (Side::B, Content::Holes),
    (Side::B, Content::Conflicts),
];

/// A file or folder that could not be made or written.
#[derive(Debug)]
pub struct FolderError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write {}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for FolderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Folder {
    /// A folder at a path, made when it is not there, with the ones above it.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Folder { path, pool: Pool::new(MAX_OPEN), begun: HashMap::new() }),
            Err(error) => Err(FolderError { path, error }),
        }
    }

    /// Writes what a follower handed out.
    pub fn write(&mut self, stream: u32, side: Side, chunk: Chunk<'_>) -> Result<(), FolderError> {
        match chunk {
            Chunk::Bytes { bytes, .. } => self.append(Key { stream, side, content: Content::Bytes }, bytes),
            Chunk::Hole(hole) => self.list(Key { stream, side, content: Content::Holes }, &hole),
            Chunk::Conflict(conflict) => self.list(Key { stream, side, content: Content::Conflicts }, &conflict),
        }
    }

    /// Ends the files of a stream that is over.
    pub fn end(&mut self, stream: u32) -> Result<(), FolderError> {
        let Some(begun) = self.begun.get(&stream).copied() else { return Ok(()) };
        for (side, content) in FILES {
            let key = Key { stream, side, content };
            if begun & key.bit() == 0 {
                continue;
            }
            if content != Content::Bytes {
                self.append(key, b"\n]\n")?;
            }
            self.pool.close(key).map_err(|error| FolderError { path: key.path(&self.path).into(), error })?;
        }
        self.begun.remove(&stream);
        Ok(())
    }

    /// Ends the files of all streams.
    pub fn finish(mut self) -> Result<(), FolderError> {
        let mut streams: Vec<u32> = self.begun.keys().copied().collect();
        streams.sort_unstable();
        streams.into_iter().try_for_each(|stream| self.end(stream))
    }

    /// Adds an object to a list.
    fn list(&mut self, key: Key, item: &impl Serialize) -> Result<(), FolderError> {
        let first = self.begun.get(&key.stream).is_none_or(|begun| begun & key.bit() == 0);
        let mut line = if first { b"[\n  ".to_vec() } else { b",\n  ".to_vec() };
        serde_json::to_writer(&mut line, item)
            .map_err(|error| FolderError { path: key.path(&self.path).into(), error: error.into() })?;
        self.append(key, &line)
    }

    fn append(&mut self, key: Key, bytes: &[u8]) -> Result<(), FolderError> {
        let path = &self.path;
        let failed = |error| FolderError { path: key.path(path).into(), error };
        let begun = self.begun.entry(key.stream).or_insert_with(|| {
            // What an earlier run left would be taken for a part of this one. What is not there need not go.
            for (side, content) in FILES {
                let _ = fs::remove_file(Key { stream: key.stream, side, content }.path(path));
            }
            0
        });
        let begin = if *begun & key.bit() == 0 { Begin::Anew } else { Begin::Append };
        self.pool.write(key, || key.path(path), begin, bytes).map_err(failed)?;
        *begun |= key.bit();
        Ok(())
    }
}

impl Key {
    /// This file among those of its stream.
    fn bit(self) -> u8 {
        1 << (self.side.index() * 3 + self.content as usize)
    }

    fn path(self, folder: &Path) -> Box<Path> {
        let side = match self.side {
            Side::A => 'a',
            Side::B => 'b',
        };
        let ending = match self.content {
            Content::Bytes => "bin",
            Content::Holes => "holes.json",
            Content::Conflicts => "conflicts.json",
        };
        folder.join(format!("{}-{side}.{ending}", self.stream)).into()
    }
}
