//! What a process costs, as the kernel counts it.

use anyhow::{Context, Result};
use std::time::Duration;

/// A process of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    /// The process with this id.
    pub(crate) fn new(id: u32) -> Self {
        Self(id)
    }

    /// The living children of this process.
    pub(crate) fn own_children() -> Result<Vec<Self>> {
        let own = std::process::id();
        let mut children = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // It may have ended meanwhile.
            if Self(id)
                .stat_field(PARENT)
                .is_ok_and(|parent| parent == u64::from(own))
            {
                children.push(Self(id));
            }
        }
        Ok(children)
    }

    /// Whether `word` stands in its command line.
    pub(crate) fn command_has(self, word: &str) -> bool {
        std::fs::read(format!("/proc/{}/cmdline", self.0)).is_ok_and(|line| {
            line.split(|&byte| byte == 0)
                .any(|it| it == word.as_bytes())
        })
    }

    /// CPU time since its start, of all threads, in user mode and in the kernel for it. The kernel
    /// counts it in steps of 10 ms.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let ticks = self.stat_field(USER)? + self.stat_field(SYSTEM)?;
        let a_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_secs_f64(ticks as f64 / a_second as f64))
    }

    /// The most memory that it ever had resident.
    pub(crate) fn peak_memory_bytes(self) -> Result<u64> {
        self.status_bytes("VmHWM:")
    }

    /// The memory that it has resident now.
    pub(crate) fn memory_bytes(self) -> Result<u64> {
        self.status_bytes("VmRSS:")
    }

    fn status_bytes(self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let status = std::fs::read_to_string(&path).context(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(1024 * kilobytes.context("the kernel tells no memory")?)
    }

    /// A field of `/proc/PID/stat`, counted from the process's state on.
    fn stat_field(self, place: usize) -> Result<u64> {
        let path = format!("/proc/{}/stat", self.0);
        let stat = std::fs::read_to_string(&path).context(path)?;
        // The command's name before it stands in brackets, and may hold spaces.
        let (_, fields) = stat.rsplit_once(')').context("no process's stat")?;
        let field = fields.split_whitespace().nth(place);
        Ok(field.context("a short stat")?.parse()?)
    }
}

const PARENT: usize = 1;
const USER: usize = 11;
const SYSTEM: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_this_process_is_seen_as_cpu_time_and_memory() {
        let this = Process::new(std::process::id());
        let before = this.cpu().unwrap();
        let mut sum = 0_u64;
        while this.cpu().unwrap() < before + Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
        assert!(this.memory_bytes().unwrap() > 1 << 20);
        assert!(this.peak_memory_bytes().unwrap() >= this.memory_bytes().unwrap());
    }
}
