//! A disk in memory that loses what was not synced, and tears what was under way.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{RngExt as _, SeedableRng as _};
use rumormill::journal::Directory;
use rumormill::protocol::Rng;

/// A disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    inodes: Vec<Inode>,
    /// As processes see them, and as they are after a loss of power.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Changes of names that were not synced, in order.
    changes: Vec<Change>,
    /// The process is killed before its change after this many.
    changes_left: Option<u32>,
    /// Writes and syncs fail.
    is_full: bool,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    content: Vec<u8>,
    synced: Vec<u8>,
    /// Bytes from here on have been written since the last sync. A failed sync forgets it, as Linux
    /// does: only what is written again is synced then.
    dirty_from: Option<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

impl SimDisk {
    /// An empty disk. What a loss of power leaves is decided by the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::seed_from_u64(seed),
            inodes: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            changes: Vec::new(),
            changes_left: None,
            is_full: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change is left half made by a panic: there is none while the lock is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is killed before its next change but so many.
    pub fn kill_after(&self, changes: u32) {
        self.state().changes_left = Some(changes);
    }

    /// Another process starts.
    pub fn start(&self) {
        self.state().changes_left = None;
    }

    /// Whether writes and syncs fail.
    pub fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
    }

    /// What was not synced is lost, in part or as a whole, or is there all the same.
    pub fn lose_power(&self) {
        let State { rng, inodes, names, synced_names, changes, .. } = &mut *self.state();
        let kept = rng.random_range(0..=changes.len());
        changes.drain(..).take(kept).for_each(|change| change.apply(synced_names));
        names.clone_from(synced_names);
        for inode in inodes {
            inode.tear(rng);
        }
    }
}

impl Inode {
    fn tear(&mut self, rng: &mut Rng) {
        let common = self.synced.iter().zip(&self.content).take_while(|(a, b)| a == b).count();
        let mut torn = self.content.clone();
        match rng.random_range(0..5) {
            0 => torn.clone_from(&self.synced),
            1 => {}
            2 => torn.truncate(rng.random_range(common..=torn.len())),
            kind => {
                // Some of the blocks were not written: zeros, or what was in them before.
                let (a, b) =
                    (rng.random_range(common..=torn.len()), rng.random_range(common..=torn.len()));
                let filling = if kind == 3 { 0 } else { rng.random_range(1..=u8::MAX) };
                torn[a.min(b)..a.max(b)].fill(filling);
            }
        }
        *self = Self { synced: torn.clone(), content: torn, dirty_from: None };
    }
}

impl Change {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => drop(names.insert(name, inode)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
            Self::Remove(name) => drop(names.remove(&name)),
        }
    }
}

impl State {
    /// A change is about to be made, or the process is killed.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(io::ErrorKind::Interrupted.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn rename(&mut self, change: Change) {
        change.clone().apply(&mut self.names);
        self.changes.push(change);
    }

    fn inode(&self, file: &str) -> io::Result<usize> {
        self.names.get(file).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Directory for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.inodes[state.inode(file)?].content.clone())
    }

    fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let state = &mut *self.state();
        let is_killed = state.change().is_err();
        if is_killed && state.rng.random_bool(0.5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let inode = state.inode(file).unwrap_or_else(|_| {
            state.inodes.push(Inode::default());
            let inode = state.inodes.len() - 1;
            state.rename(Change::Link(file.to_owned(), inode));
            inode
        });
        let is_whole = !is_killed && !state.is_full;
        let count = if is_whole { bytes.len() } else { state.rng.random_range(0..=bytes.len()) };
        let Inode { content, dirty_from, .. } = &mut state.inodes[inode];
        let offset = offset as usize;
        content.resize(content.len().max(offset + count), 0);
        content[offset..offset + count].copy_from_slice(&bytes[..count]);
        if is_whole {
            content.truncate(offset + count);
        }
        *dirty_from = Some(dirty_from.map_or(offset, |from| from.min(offset)));
        if is_whole { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn sync(&mut self, file: &str) -> io::Result<()> {
        let state = &mut *self.state();
        state.change()?;
        let (inode, is_full) = (state.inode(file)?, state.is_full);
        let Inode { content, synced, dirty_from } = &mut state.inodes[inode];
        let from = dirty_from.take();
        if is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Some(from) = from {
            synced.resize(from, 0);
            synced.extend_from_slice(content.get(from..).unwrap_or_default());
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let state = &mut *self.state();
        state.change()?;
        state.inode(from)?;
        state.rename(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&mut self, file: &str) -> io::Result<()> {
        let state = &mut *self.state();
        state.change()?;
        state.inode(file)?;
        state.rename(Change::Remove(file.to_owned()));
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let State { synced_names, changes, changes_left, .. } = &mut *self.state();
        if *changes_left == Some(0) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        *changes_left = changes_left.map(|left| left - 1);
        changes.drain(..).for_each(|change| change.apply(synced_names));
        Ok(())
    }

    fn place(&self, file: &str) -> String {
        file.to_owned()
    }
}
