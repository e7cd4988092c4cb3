//! The file of known hosts: which node was found under which target. It decides nothing about keys, and knows
//! no network.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::key_file;
use crate::trust::TrustError;
use crate::{NodeId, target::Target};

/// Access to one such file. Several processes may use it at once: lines are only ever appended, each by one write,
/// and of two lines for one target the first counts.
#[derive(Debug)]
pub(crate) struct KnownHosts {
    path: PathBuf,
    /// Held while a line is added, so that this process does not add it twice.
    adding: Mutex<()>,
}

struct Line {
    number: usize,
    target: String,
    id: NodeId,
}

impl KnownHosts {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, adding: Mutex::new(()) }
    }

    /// Fails if another node is known under `target`; an unknown target is fine.
    pub(crate) fn check(&self, target: &str, peer: NodeId) -> Result<(), TrustError> {
        self.known(target, peer).map(|_| ())
    }

    /// Fails if `peer` stands nowhere in the file.
    pub(crate) fn check_listed(&self, peer: NodeId) -> Result<(), TrustError> {
        match self.lines(&self.read()?)?.iter().any(|line| line.id == peer) {
            true => Ok(()),
            false => Err(TrustError::NotListed { peer, path: self.path.clone() }),
        }
    }

    /// Adds `peer` under `target` unless it stands there; fails if another one does.
    pub(crate) fn remember(&self, target: &str, peer: NodeId) -> Result<(), TrustError> {
        let _adding = self.adding.lock();
        if self.known(target, peer)? {
            return Ok(());
        }
        self.append(&format!("{target} {peer}\n")).map_err(|error| self.failed(error))?;
        // Another process may have been faster with another node: its line is the first, and counts.
        self.check(target, peer)
    }

    /// Whether `peer` stands under `target`.
    fn known(&self, target: &str, peer: NodeId) -> Result<bool, TrustError> {
        match self.lines(&self.read()?)?.into_iter().find(|line| line.target == target) {
            None => Ok(false),
            Some(line) if line.id == peer => Ok(true),
            Some(line) => Err(TrustError::Changed {
                target: line.target,
                known: line.id,
                peer,
                path: self.path.clone(),
                line: line.number,
            }),
        }
    }

    fn lines(&self, text: &str) -> Result<Vec<Line>, TrustError> {
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let content = line.split('#').next().unwrap_or_default();
            let mut words = content.split_whitespace();
            let Some(target) = words.next() else { continue };
            let number = index + 1;
            let garbage = |reason| TrustError::Garbage { path: self.path.clone(), line: number, reason };
            let target = target.parse::<Target>().map_err(|_| garbage("does not begin with host:port"))?;
            let id = words.next().and_then(|id| id.parse().ok());
            let id = id.ok_or_else(|| garbage("has no node id (64 lower-case hexadecimal digits)"))?;
            if words.next().is_some() {
                return Err(garbage("has more than host:port and a node id"));
            }
            lines.push(Line { number, target: target.to_string(), id });
        }
        Ok(lines)
    }

    fn read(&self) -> Result<String, TrustError> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| self.failed(error))?,
        };
        String::from_utf8(bytes).map_err(|error| {
            let whole = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + whole.iter().filter(|byte| **byte == b'\n').count();
            TrustError::Garbage { path: self.path.clone(), line, reason: "is not UTF-8" }
        })
    }

    fn append(&self, line: &str) -> io::Result<()> {
        if let Some(created) = self.create(line) {
            return created;
        }
        // An editor may have left the last line without its end.
        let unfinished = fs::read(&self.path)?.last().is_some_and(|byte| *byte != b'\n');
        let line = if unfinished { format!("\n{line}") } else { line.to_owned() };
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    /// Makes the file with its first line, whole or not at all; `None` if it exists.
    fn create(&self, line: &str) -> Option<io::Result<()>> {
        if self.path.exists() {
            return None;
        }
        let folder = key_file::folder_of(&self.path);
        let aside =
            match key_file::make_private_folders(folder).and_then(|()| key_file::write_aside(folder, line)) {
                Ok(aside) => aside,
                Err(error) => return Some(Err(error)),
            };
        let linked = fs::hard_link(&aside, &self.path);
        let created = match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            // A file system without hard links: the name is moved instead.
            Err(_) => Some(fs::rename(&aside, &self.path)),
            Ok(()) => Some(Ok(())),
        };
        let _ = fs::remove_file(&aside);
        created
    }

    fn failed(&self, source: io::Error) -> TrustError {
        TrustError::File { path: self.path.clone(), source: Arc::new(source) }
    }
}

#[cfg(test)]
mod tests;
