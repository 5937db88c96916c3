//! A medium that forgets: what was written and not yet synced survives a power loss in an arbitrary part, torn at sector boundaries, in any order, and
//! with rubbish where the head was. What was synced survives.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::below;

/// Bytes that reach the medium together.
const SECTOR: usize = 512;

/// The power is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off;

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Default)]
struct Content {
    /// What programs see.
    now: Vec<u8>,
    /// What the medium has; `None` as long as not even the name was synced.
    durable: Option<Vec<u8>>,
    /// What happened between the two.
    pending: Vec<Change>,
    /// A file of this name that was deleted, and may be back after a power loss.
    before: Option<Vec<u8>>,
}

/// The medium with its files.
pub struct Medium {
    files: BTreeMap<String, Content>,
    /// Deleted files whose deletion was not synced.
    ghosts: BTreeMap<String, Vec<u8>>,
    random: ChaCha8Rng,
    /// Operations until the power goes.
    left: Option<u64>,
    off: bool,
}

fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(data);
}

impl Medium {
    pub fn new(random: ChaCha8Rng) -> Self {
        Self { files: BTreeMap::new(), ghosts: BTreeMap::new(), random, left: None, off: false }
    }

    /// The power goes after so many operations.
    pub fn lose_power_after(&mut self, operations: u64) {
        self.left = Some(operations);
    }

    /// Whether the power has gone.
    pub fn is_off(&self) -> bool {
        self.off
    }

    /// Random bytes, as SQLite asks for them.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.random.fill_bytes(bytes);
    }

    /// Whether there is power for one more operation.
    fn step(&mut self) -> Result<(), Off> {
        match &mut self.left {
            Some(0) => self.off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if self.off { Err(Off) } else { Ok(()) }
    }

    pub fn exists(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    pub fn open(&mut self, name: &str, create: bool) -> Result<bool, Off> {
        self.step()?;
        if !self.exists(name) && create {
            let content = Content { before: self.ghosts.remove(name), ..Content::default() };
            self.files.insert(name.to_owned(), content);
        }
        Ok(self.exists(name))
    }

    pub fn delete(&mut self, name: &str, synced: bool) -> Result<bool, Off> {
        self.step()?;
        let Some(content) = self.files.remove(name) else { return Ok(false) };
        if let Some(durable) = content.durable.or(content.before).filter(|_| !synced) {
            self.ghosts.insert(name.to_owned(), durable);
        }
        Ok(true)
    }

    /// Reads; the number of bytes that were there.
    pub fn read(&mut self, name: &str, offset: usize, into: &mut [u8]) -> Result<usize, Off> {
        self.step()?;
        let content = self.files.get(name).map_or(&[][..], |file| &file.now);
        let there = content.get(offset..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        into[count..].fill(0);
        Ok(count)
    }

    pub fn write(&mut self, name: &str, offset: usize, data: &[u8]) -> Result<(), Off> {
        let was_off = self.off;
        let powered = self.step();
        // The write during which the power goes may have got some way.
        if let Some(file) = self.files.get_mut(name).filter(|_| !was_off) {
            put(&mut file.now, offset, data);
            file.pending.push(Change::Write(offset, data.to_vec()));
        }
        powered
    }

    pub fn truncate(&mut self, name: &str, length: usize) -> Result<(), Off> {
        let powered = self.step();
        if let Some(file) = self.files.get_mut(name).filter(|_| powered.is_ok()) {
            file.now.resize(length, 0);
            file.pending.push(Change::Truncate(length));
        }
        powered
    }

    pub fn size(&self, name: &str) -> usize {
        self.files.get(name).map_or(0, |file| file.now.len())
    }

    pub fn sync(&mut self, name: &str) -> Result<(), Off> {
        self.step()?;
        if let Some(file) = self.files.get_mut(name) {
            let durable = file.durable.get_or_insert_default();
            for change in file.pending.drain(..) {
                match change {
                    Change::Write(offset, data) => put(durable, offset, &data),
                    Change::Truncate(length) => durable.resize(length, 0),
                }
            }
            file.before = None;
        }
        Ok(())
    }

    /// Power was lost and is back: every file is what the medium has of it.
    pub fn come_back(&mut self) {
        // From nothing of what was not synced to all of it, and everything between.
        let kept = below(&mut self.random, 5) * 16;
        let random = &mut self.random;
        let mut files = BTreeMap::new();
        for (name, file) in std::mem::take(&mut self.files) {
            let mut content = match (file.durable, file.before) {
                (Some(durable), _) => durable,
                (None, _) if below(random, 64) < kept => Vec::new(),
                (None, Some(before)) if below(random, 2) == 0 => before,
                (None, _) => continue,
            };
            for change in file.pending {
                match change {
                    Change::Truncate(length) if below(random, 64) < kept => content.resize(length, 0),
                    Change::Truncate(_) => {}
                    Change::Write(offset, data) => {
                        let mut from = 0;
                        while from < data.len() {
                            let to = data.len().min(((offset + from) / SECTOR + 1) * SECTOR - offset);
                            if below(random, 64) < kept {
                                put(&mut content, offset + from, &data[from..to]);
                            } else if below(random, 16) == 0 {
                                let mut rubbish = vec![0; to - from];
                                random.fill_bytes(&mut rubbish);
                                put(&mut content, offset + from, &rubbish);
                            }
                            from = to;
                        }
                    }
                }
            }
            files.insert(name, Content { now: content.clone(), durable: Some(content), ..Content::default() });
        }
        for (name, ghost) in std::mem::take(&mut self.ghosts) {
            if below(random, 2) == 0 && !files.contains_key(&name) {
                files.insert(name, Content { now: ghost.clone(), durable: Some(ghost), ..Content::default() });
            }
        }
        self.files = files;
        self.left = None;
        self.off = false;
    }
}
