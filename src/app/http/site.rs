//! From a request's path to a file.

use std::io;
use std::path::{Component, Path, PathBuf};

/// What is served: one file at every path, or a folder.
#[derive(Clone, Debug)]
pub struct Site {
    root: PathBuf,
    folder: bool,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File(PathBuf),
    /// A folder without an index, and what is in it: names, folders with a slash.
    Listing(Vec<String>),
    /// A folder asked for without the slash at its end: it must be asked for again with one, or the links in
    /// its page lead astray.
    Redirect,
    /// Nothing that is shown.
    Nothing,
}

impl Site {
    /// Serves what is at `root`.
    pub fn new(root: &Path) -> io::Result<Site> {
        let root = root.canonicalize()?;
        let folder = root.is_dir();
        Ok(Site { root, folder })
    }

    /// What the (percent-encoded) path of a request leads to.
    pub fn find(&self, path: &str) -> io::Result<Found> {
        if !self.folder {
            return Ok(Found::File(self.root.clone()));
        }
        let Some(relative) = decode(path.trim_start_matches('/')) else { return Ok(Found::Nothing) };
        let relative = Path::new(&relative);
        // Nothing above the root, and no dot files: they are configuration more often than content.
        let shown = |component: Component<'_>| matches!(component, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."));
        if !relative.components().all(shown) {
            return Ok(Found::Nothing);
        }
        let full = match self.root.join(relative).canonicalize() {
            // A symlink may lead out of the folder; what is there was not offered.
            Ok(full) if full.starts_with(&self.root) => full,
            _ => return Ok(Found::Nothing),
        };
        if !full.is_dir() {
            // Opening a pipe would wait for whoever writes to it, and everybody else with it.
            return Ok(if full.is_file() { Found::File(full) } else { Found::Nothing });
        }
        if !path.ends_with('/') {
            return Ok(Found::Redirect);
        }
        if let Ok(index) = full.join("index.html").canonicalize()
            && index.is_file()
            && index.starts_with(&self.root)
        {
            return Ok(Found::File(index));
        }
        let mut names = Vec::new();
        for entry in full.read_dir()? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                names.push(if entry.path().is_dir() { name + "/" } else { name });
            }
        }
        names.sort();
        Ok(Found::Listing(names))
    }
}

/// Percent-decoding (RFC 3986 section 2.1); `None` for what is not UTF-8 or not well-formed.
fn decode(path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
            bytes.push((high * 16 + low) as u8);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::create_dir(folder.path().join("indexed")).unwrap();
        for name in ["a b.txt", ".hidden", "sub/c.txt", "indexed/index.html"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    #[test]
    fn paths_lead_to_files_listings_and_redirects_and_never_out_of_the_folder() {
        let folder = folder();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let site = Site::new(folder.path()).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let find = |path: &str| site.find(path).unwrap();
        assert_eq!(find("/a%20b.txt"), Found::File(root.join("a b.txt")));
        assert_eq!(find("/sub"), Found::Redirect);
        assert_eq!(find("/sub/"), Found::Listing(vec!["c.txt".into()]));
        assert_eq!(find("/indexed/"), Found::File(root.join("indexed/index.html")));
        let names = ["a b.txt", "indexed/", "link", "sub/"].map(String::from).to_vec();
        assert_eq!(find("/"), Found::Listing(names));
        for path in ["/.hidden", "/../x", "/%2e%2e/x", "/sub/../../x", "/link", "/none", "/%zz", "/%00"] {
            assert_eq!(find(path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn a_single_file_is_served_at_every_path() {
        let folder = folder();
        let file = folder.path().join("a b.txt");
        let site = Site::new(&file).unwrap();
        assert_eq!(site.find("/anything").unwrap(), Found::File(file.canonicalize().unwrap()));
    }
}
