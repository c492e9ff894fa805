//! Chooses ports: those of the last run, else the usual ones, else any that is free.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Error;

const FILE: &str = "ports.json";
/// A child of a run that was killed a moment ago may hold its port a little longer.
const RELEASE_WAIT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The ports of a data folder, by name.
#[derive(Debug)]
pub(crate) struct Ports {
    path: PathBuf,
    chosen: BTreeMap<String, u16>,
}

impl Ports {
    /// Those that the last run remembered; none when there was none, or its note is unreadable
    /// (ports can be chosen anew).
    pub(crate) fn remembered(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let chosen = fs::read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        Self { path, chosen }
    }

    /// A free port of the loopback for `name`, unlike those chosen for other names. Blocks up to
    /// two seconds for the one of the last run. Nothing holds the port until its owner listens:
    /// one that loses it meanwhile does not start, and says so.
    pub(crate) fn choose(&mut self, name: &str, usual: u16) -> Result<u16, Error> {
        let is_ours = |port: u16| self.chosen.iter().any(|(n, p)| n != name && *p == port);
        let last = self.chosen.get(name).copied();
        let port = match last {
            Some(port) if becomes_free(port) => port,
            _ if !is_ours(usual) && is_free(usual) => usual,
            _ => any_free().map_err(|e| Error::io(&self.path, &e))?,
        };
        if last.is_some_and(|last| last != port) || (last.is_none() && port != usual) {
            tracing::warn!(
                port,
                "the port {} for {name} is taken",
                last.unwrap_or(usual)
            );
        }
        self.chosen.insert(name.into(), port);
        let json = serde_json::to_vec_pretty(&self.chosen).unwrap_or_default();
        fs::write(&self.path, json).map_err(|e| Error::io(&self.path, &e))?;
        Ok(port)
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn becomes_free(port: u16) -> bool {
    let began = Instant::now();
    while !is_free(port) {
        if began.elapsed() > RELEASE_WAIT {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}

fn any_free() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_and_the_choice_is_remembered() {
        let folder = tempfile::tempdir().expect("temp folder");
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let usual = taken.local_addr().expect("its address").port();
        let chosen = Ports::remembered(folder.path())
            .choose("kafka", usual)
            .expect("a port");
        assert_ne!(chosen, usual);
        drop(taken);
        let again = Ports::remembered(folder.path())
            .choose("kafka", usual)
            .expect("a port");
        assert_eq!(again, chosen);
    }

    #[test]
    fn two_names_never_get_one_port() {
        let folder = tempfile::tempdir().expect("temp folder");
        let usual = any_free().expect("a port");
        let mut ports = Ports::remembered(folder.path());
        let first = ports.choose("kafka", usual).expect("a port");
        assert_ne!(ports.choose("clickhouse", usual).expect("a port"), first);
    }
}
