//! Chooses ports: those of the last run, else the usual ones, else any that is free.
//!
//! A port counts as taken from the moment it is chosen, although its owner listens only seconds
//! later: the choice holds an abstract socket named like the port. Such a name is in no folder, so
//! nobody lacks the right to it; all gaplesses that could meet on a port see it, whoever runs them; and
//! it goes with its process. Against other programs there is no such promise; an owner that loses its
//! port to one does not start, and says so.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
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
    chosen: BTreeMap<String, u16>,
    held: Vec<UnixListener>,
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
        Self {
            path,
            chosen,
            held: Vec::new(),
        }
    }

    /// A free port of the loopback for `name`, unlike those chosen for other names. Blocks up to
    /// two seconds for the one of the last run.
    ///
    /// # Errors
    /// No port is free, or the choice cannot be noted.
    pub(crate) fn choose(&mut self, name: &str, usual: u16) -> Result<u16, Error> {
        let last = self.chosen.get(name).copied();
        let (port, lock) = find(last, usual).map_err(|e| Error::io(&self.path, &e))?;
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
}

fn find(last: Option<u16>, usual: u16) -> std::io::Result<(u16, UnixListener)> {
    if let Some(last) = last {
        let began = Instant::now();
        loop {
            if let Some(lock) = take(last)? {
                return Ok((last, lock));
            }
            if began.elapsed() > RELEASE_WAIT {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
    if let Some(lock) = take(usual)? {
        return Ok((usual, lock));
    }
    for _ in 0..TRIES {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        if let Some(lock) = take(port)? {
            return Ok((port, lock));
        }
    }
    Err(std::io::Error::other("no port is free"))
}

/// The lock on a port, if the port is free and no gapless has chosen it.
fn take(port: u16) -> std::io::Result<Option<UnixListener>> {
    let name = SocketAddr::from_abstract_name(format!("gapless-port-{port}"))?;
    let Ok(lock) = UnixListener::bind_addr(&name) else {
        return Ok(None);
    };
    let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    Ok(is_free.then_some(lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(folder: &Path, data_dir: &str) -> Ports {
        let data_dir = folder.join(data_dir);
        fs::create_dir_all(&data_dir).expect("made");
        Ports::remembered(&data_dir)
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
