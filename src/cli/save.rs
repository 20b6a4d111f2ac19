//! Writing what was fetched.
//!
//! A regular file appears whole or not at all: the body goes to `NAME.part` beside it, which is renamed at the end and
//! stays when the transfer falls short, so that `-C -` can go on. What exists and is no regular file, such as
//! `/dev/null` or a pipe, is written directly; a symlink is followed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where a body goes.
pub enum Output {
    /// Standard output. Binary is kept off a terminal, unless it was asked for by name.
    Stdout {
        /// By `-o -`.
        named: bool,
    },
    /// A file, opened when the first byte comes.
    File(Destination),
}

/// A named file.
pub struct Destination {
    path: PathBuf,
    open: Option<Open>,
}

enum Open {
    Direct(File),
    Part { file: File, part: PathBuf, target: PathBuf },
}

impl Output {
    /// The output for `-o`; `-` is standard output.
    pub fn to(path: &Path) -> Output {
        match path == Path::new("-") {
            true => Output::Stdout { named: true },
            false => Output::File(Destination { path: path.to_path_buf(), open: None }),
        }
    }

    /// Whether bodies go to standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Output::Stdout { .. })
    }

    /// The named file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Output::Stdout { .. } => None,
            Output::File(destination) => Some(&destination.path),
        }
    }

    /// The name, for messages.
    pub fn name(&self) -> String {
        match self {
            Output::Stdout { .. } => "standard output".into(),
            Output::File(destination) => destination.path.display().to_string(),
        }
    }

    /// How many bytes an earlier transfer left.
    pub fn left_over(&self) -> u64 {
        match self {
            Output::Stdout { .. } => 0,
            Output::File(destination) => destination.left_over(),
        }
    }

    /// Gets ready to write from `offset` on. What can fail fails here, before the body comes.
    pub fn open(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Output::Stdout { .. } => Ok(()),
            Output::File(destination) => destination.open(offset),
        }
    }

    /// Appends a part of the body.
    pub fn write(&mut self, part: &[u8]) -> io::Result<()> {
        match self {
            Output::Stdout { named } => {
                let mut stdout = io::stdout();
                if !*named && stdout.is_terminal() && part.contains(&0) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "this is binary, and binary can mess up a terminal; use -o FILE, or -o - to print it anyway",
                    ));
                }
                stdout.write_all(part)?;
                stdout.flush()
            }
            Output::File(destination) => match &mut destination.open {
                Some(Open::Direct(file) | Open::Part { file, .. }) => file.write_all(part),
                None => {
                    destination.open(0)?;
                    self.write(part)
                }
            },
        }
    }

    /// The body is complete: the file gets its name.
    pub fn complete(&mut self) -> io::Result<()> {
        let Output::File(destination) = self else { return Ok(()) };
        match destination.open.take() {
            Some(Open::Part { file, part, target }) => {
                if let Ok(old) = fs::metadata(&target) {
                    file.set_permissions(old.permissions())?;
                }
                drop(file);
                fs::rename(part, target)
            }
            Some(Open::Direct(file)) => {
                // A full disk may only show now; devices and pipes cannot be synced and say so.
                match file.sync_data() {
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(error),
                    _ => Ok(()),
                }
            }
            None => Ok(()),
        }
    }

    /// Where what there is of an incomplete body stays, if anywhere.
    pub fn remains(&self) -> Option<&Path> {
        match self {
            Output::File(Destination { open: Some(Open::Part { part, .. }), .. }) => Some(part),
            _ => None,
        }
    }
}

impl Destination {
    fn left_over(&self) -> u64 {
        let length = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|meta| meta.len());
        let target = self.target();
        length(&part_of(&target)).or_else(|| length(&target)).unwrap_or(0)
    }

    /// The file itself, behind any symlinks.
    fn target(&self) -> PathBuf {
        if let Ok(target) = self.path.canonicalize() {
            return target;
        }
        // A symlink to a file that is not there yet is followed as well.
        match fs::read_link(&self.path) {
            Ok(link) => self.path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => self.path.clone(),
        }
    }

    fn open(&mut self, offset: u64) -> io::Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let target = self.target();
        let existing = fs::metadata(&target).ok();
        if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; name a file in it"));
        }
        if existing.as_ref().is_some_and(|meta| !meta.is_file()) {
            self.open = Some(Open::Direct(OpenOptions::new().write(true).open(&target)?));
            return Ok(());
        }
        let part = part_of(&target);
        if offset > 0 {
            let had = self.left_over();
            if had < offset {
                let message = format!("only {had} bytes are there, so nothing can go on at {offset}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            if !part.exists() {
                // What is there was complete under its name before; it becomes a part again while it grows.
                fs::copy(&target, &part)?;
            }
        }
        let file = OpenOptions::new().write(true).create(true).truncate(offset == 0).open(&part)?;
        if offset > 0 {
            file.set_len(offset)?;
            io::Seek::seek(&mut &file, io::SeekFrom::Start(offset))?;
        }
        self.open = Some(Open::Part { file, part, target });
        Ok(())
    }
}

fn part_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    target.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let mut output = Output::to(&path);
        output.open(0).unwrap();
        output.write(b"abc").unwrap();
        assert!(!path.exists());
        assert_eq!(output.remains(), Some(part_of(&path.canonicalize().unwrap_or(path.clone())).as_path()));
        drop(output);
        let mut output = Output::to(&path);
        assert_eq!(output.left_over(), 3);
        output.open(3).unwrap();
        output.write(b"def").unwrap();
        output.complete().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcdef");
        assert!(!part_of(&path).exists());
    }

    #[test]
    fn a_device_stays_a_device_and_a_symlink_is_followed() {
        let mut output = Output::to(Path::new("/dev/null"));
        output.open(0).unwrap();
        output.write(b"abc").unwrap();
        output.complete().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("f"), folder.path().join("l"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = Output::to(&link);
        output.open(0).unwrap();
        output.write(b"new").unwrap();
        output.complete().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        fs::remove_file(&file).unwrap();
        let mut output = Output::to(&link);
        output.write(b"newer").unwrap();
        output.complete().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"newer");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut output = Output::to(Path::new("/dev/full"));
        output.open(0).unwrap();
        assert_eq!(output.write(b"abc").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
