//! Chooses ports: those of the last run, else the usual ones, else any that is free.
//!
//! A port counts as taken from the moment it is chosen, although its owner listens only seconds
//! later: the choice holds a lock on a file named like the port, in a folder that all of a user's
//! gaplesses share. Against other programs there is no such promise; an owner that loses its port
//! to one does not start, and says so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Error;

const FILE: &str = "ports.json";
/// A child of a run that was killed a moment ago may hold its port a little longer.
const RELEASE_WAIT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Free ports that others have chosen meanwhile, before it is given up.
const TRIES: u32 = 100;

/// The ports of a data folder, by name; held until dropped.
#[derive(Debug)]
pub(crate) struct Ports {
    path: PathBuf,
    shared_dir: PathBuf,
    chosen: BTreeMap<String, u16>,
    held: Vec<File>,
}

impl Ports {
    /// Those that the last run remembered; none when there was none, or its note is unreadable
    /// (ports can be chosen anew). `shared_dir` is the folder that all gaplesses share.
    ///
    /// # Errors
    /// The shared folder cannot be made.
    pub(crate) fn remembered(data_dir: &Path, shared_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join(FILE);
        let chosen = fs::read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        fs::create_dir_all(shared_dir).map_err(|e| Error::io(shared_dir, &e))?;
        Ok(Self {
            path,
            shared_dir: shared_dir.into(),
            chosen,
            held: Vec::new(),
        })
    }

    /// A free port of the loopback for `name`, unlike those chosen for other names. Blocks up to
    /// two seconds for the one of the last run.
    ///
    /// # Errors
    /// No port is free, or the choice cannot be noted.
    pub(crate) fn choose(&mut self, name: &str, usual: u16) -> Result<u16, Error> {
        let last = self.chosen.get(name).copied();
        let (port, lock) = self
            .find(last, usual)
            .map_err(|e| Error::io(&self.shared_dir, &e))?;
        let wanted = last.unwrap_or(usual);
        if port != wanted {
            tracing::warn!("the port {wanted} for {name} is taken: {port} is used instead");
        }
        self.held.push(lock);
        self.chosen.insert(name.into(), port);
        let json = serde_json::to_vec_pretty(&self.chosen).unwrap_or_default();
        fs::write(&self.path, json).map_err(|e| Error::io(&self.path, &e))?;
        Ok(port)
    }

    fn find(&self, last: Option<u16>, usual: u16) -> std::io::Result<(u16, File)> {
        if let Some(last) = last {
            let began = Instant::now();
            loop {
                if let Some(lock) = self.take(last)? {
                    return Ok((last, lock));
                }
                if began.elapsed() > RELEASE_WAIT {
                    break;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        if let Some(lock) = self.take(usual)? {
            return Ok((usual, lock));
        }
        for _ in 0..TRIES {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            if let Some(lock) = self.take(port)? {
                return Ok((port, lock));
            }
        }
        Err(std::io::Error::other("no port is free"))
    }

    /// The lock on a port, if the port is free and no gapless has chosen it.
    fn take(&self, port: u16) -> std::io::Result<Option<File>> {
        let lock = File::create(self.shared_dir.join(port.to_string()))?;
        let is_ours = lock.try_lock().is_ok();
        let is_free = is_ours && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        Ok(is_free.then_some(lock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(folder: &Path, data_dir: &str) -> Ports {
        let data_dir = folder.join(data_dir);
        fs::create_dir_all(&data_dir).expect("made");
        Ports::remembered(&data_dir, &folder.join("ports")).expect("usable")
    }

    fn a_taken_port() -> (TcpListener, u16) {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("its address").port();
        (taken, port)
    }

    #[test]
    fn a_taken_port_is_replaced_and_the_choice_is_remembered() {
        let folder = tempfile::tempdir().expect("temp folder");
        let (taken, usual) = a_taken_port();
        let chosen = ports(folder.path(), "a")
            .choose("kafka", usual)
            .expect("a port");
        assert_ne!(chosen, usual);
        drop(taken);
        let again = ports(folder.path(), "a")
            .choose("kafka", usual)
            .expect("a port");
        assert_eq!(again, chosen);
    }

    #[test]
    fn a_chosen_port_is_taken_before_anybody_listens() {
        let folder = tempfile::tempdir().expect("temp folder");
        let (taken, usual) = a_taken_port();
        drop(taken);
        let mut first = ports(folder.path(), "a");
        let mut second = ports(folder.path(), "b");
        let chosen = [
            first.choose("kafka", usual).expect("a port"),
            first.choose("clickhouse", usual).expect("a port"),
            second.choose("kafka", usual).expect("a port"),
        ];
        let distinct: std::collections::BTreeSet<_> = chosen.iter().collect();
        assert_eq!(distinct.len(), chosen.len(), "{chosen:?}");
        drop(first);
        assert_eq!(
            ports(folder.path(), "c")
                .choose("kafka", usual)
                .expect("a port"),
            usual
        );
    }
}
