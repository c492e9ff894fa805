//! The engine's process, confined by the kernel before the library is loaded.
//!
//! The engine can do whatever its user may: run programs, open any file, call any address. What a
//! statement makes of that is decided by the judge and by the engine's own access control; this is
//! what holds when both are wrong. After [`confine`] the process cannot
//! - run a program, nor make any other process (`execve`, `fork`, `clone` without `CLONE_THREAD`);
//! - make a socket, hence neither connect nor listen anywhere: it serves the listener that it has;
//! - signal, trace or read another process, mount, load, change who it is or what it may;
//! - open a file but those of its folder, the engine's library, the C library, time zones, and what
//!   `/proc` and `/sys` say of the machine and of its own memory (not its environment, which holds
//!   passwords).
//!
//! Two layers of the kernel do it. A filter of system calls (seccomp) that lists what is **allowed**:
//! a list of what is forbidden would let the next kernel's calls, and the other numbers of the same
//! calls (x32), pass. What is not on it is answered with `ENOSYS`, as by a kernel that is older, and
//! libraries do without. And rules for files (Landlock), which come with those for TCP and signals where the
//! kernel knows them.
//!
//! Both hold for the calling thread and for all threads that it starts, for ever; the filter for
//! those that run already, too. A process calls it before it starts its threads.

use std::collections::BTreeMap;
use std::ffi::c_long;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// The newest rights that are asked for: files, TCP, signals. A kernel that knows fewer gives those.
const RIGHTS: ABI = ABI::V6;

/// Read by the C library, by the engine, or by Rust's runtime; whatever of them there is.
const READABLE: [&str; 24] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/dev/urandom",
    "/dev/random",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/loadavg",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/random",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
    "/sys/block",
];
/// Of this process, in `/proc/self`.
const READABLE_OF_SELF: [&str; 11] = [
    "auxv",
    "cgroup",
    "io",
    "limits",
    "maps",
    "mountinfo",
    "mounts",
    "schedstat",
    "stat",
    "statm",
    "status",
];

/// How far the kernel confines the engine's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    files: Layer,
    calls: Layer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Layer {
    Whole,
    /// The kernel is too old for a part of it.
    Partly,
    Missing(String),
}

impl Confinement {
    /// What this kernel does, tried on a thread that does nothing else.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn of_this_kernel() -> std::io::Result<Self> {
        let trial = std::thread::Builder::new().spawn(|| Self {
            files: restrict_files(Path::new("/"), Path::new("/")),
            calls: filter_calls(seccompiler::apply_filter),
        })?;
        trial
            .join()
            .map_err(|_| std::io::Error::other("the trial's thread died"))
    }

    /// What is lacking, in one sentence; none when nothing is.
    pub fn shortfall(&self) -> Option<String> {
        let files = match &self.files {
            Layer::Whole => None,
            Layer::Partly => Some(
                "the kernel is older than 6.12 and holds the engine's files back, but not all of \
                 signals, sockets and shortening of files (Landlock)"
                    .to_owned(),
            ),
            Layer::Missing(reason) => Some(format!(
                "the kernel does not hold the engine to its own files (Landlock: {reason})"
            )),
        };
        let calls = match &self.calls {
            Layer::Whole | Layer::Partly => None,
            Layer::Missing(reason) => Some(format!(
                "the kernel does not keep the engine from running programs and connecting \
                 (seccomp: {reason})"
            )),
        };
        let lacking = [calls, files].into_iter().flatten().collect::<Vec<_>>();
        (!lacking.is_empty()).then(|| {
            format!(
                "{}; what readers ask is judged all the same",
                lacking.join("; ")
            )
        })
    }
}

/// Confines this process; what the kernel does not know is left out, and told. `library` is the
/// engine, `data_dir` its folder, which is there.
pub(crate) fn confine(library: &Path, data_dir: &Path) -> Confinement {
    // The filter comes last: it does not let Landlock's calls pass.
    let files = restrict_files(library, data_dir);
    Confinement {
        files,
        calls: filter_calls(seccompiler::apply_filter_all_threads),
    }
}

fn restrict_files(library: &Path, data_dir: &Path) -> Layer {
    match ruleset(library, data_dir).map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Layer::Whole,
        Ok(RulesetStatus::PartiallyEnforced) => Layer::Partly,
        Ok(RulesetStatus::NotEnforced) => Layer::Missing("it does not know it".into()),
        Err(error) => Layer::Missing(error.to_string()),
    }
}

fn ruleset(library: &Path, data_dir: &Path) -> Result<RestrictionStatus, landlock::RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev;
    let own = AccessFs::from_all(RIGHTS)
        & !(devices | AccessFs::Execute | AccessFs::MakeSock | AccessFs::MakeFifo);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()?;
    let of_self = READABLE_OF_SELF.map(|file| Path::new("/proc/self").join(file));
    let readable = READABLE.iter().map(PathBuf::from).chain(of_self);
    let grants = readable
        .chain([library.to_owned()])
        .map(|path| (path, read))
        .chain([
            (data_dir.to_owned(), own),
            ("/dev/null".into(), AccessFs::ReadFile | AccessFs::WriteFile),
        ]);
    for (path, access) in grants {
        // Not every machine has each of them.
        let Ok(file) = PathFd::new(&path) else {
            continue;
        };
        let access: BitFlags<AccessFs> = match path.is_dir() {
            true => access,
            false => access & AccessFs::from_file(RIGHTS),
        };
        rules = rules.add_rule(PathBeneath::new(file.as_fd(), access))?;
        if path.starts_with("/proc/self") {
            // The rule is for this very node, which the kernel forgets, and makes anew for the
            // next who asks, unless it is held.
            std::mem::forget(file);
        }
    }
    rules.restrict_self()
}

fn filter_calls(
    apply: impl FnOnce(&[seccompiler::sock_filter]) -> seccompiler::Result<()>,
) -> Layer {
    let applied = filter()
        .map_err(seccompiler::Error::from)
        .and_then(|filter| apply(&filter));
    match applied {
        Ok(()) => Layer::Whole,
        Err(error) => Layer::Missing(error.to_string()),
    }
}

/// Allowed when one argument is as said.
fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let argument = |index, length, operator, value| {
        SeccompCondition::new(index, length, operator, value)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    let is = |index, value| argument(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    let own_id = u64::from(std::process::id());
    let thread = libc::CLONE_THREAD as u64;
    let a_thread = argument(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        thread,
    )?;
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    rules.extend([
        // A thread and no process. `clone3` hides its flags from a filter; without it, the C
        // library uses this one.
        (libc::SYS_clone, vec![a_thread]),
        // To abort.
        (libc::SYS_tgkill, vec![is(0, own_id)?]),
        (libc::SYS_kill, vec![is(0, own_id)?]),
        (libc::SYS_prlimit64, vec![is(0, 0)?, is(0, own_id)?]),
        // How the runtime wakes itself when a signal comes.
        (libc::SYS_socketpair, vec![is(0, libc::AF_UNIX as u64)?]),
    ]);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?
    .try_into()
}

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[c_long] = &[
    // Files: which ones is Landlock's to say.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_lseek,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_umask,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_readahead,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_flock,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_msync,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_brk,
    libc::SYS_mbind,
    libc::SYS_get_mempolicy,
    libc::SYS_membarrier,
    // The listener's connections, and waiting for them.
    libc::SYS_accept4,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_signalfd4,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    // Threads, signals, time.
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getcpu,
    libc::SYS_getpriority,
    libc::SYS_setpriority,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_times,
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_delete,
    libc::SYS_getitimer,
    libc::SYS_setitimer,
    // Who and where this is.
    libc::SYS_prctl,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_capget,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    libc::SYS_getrandom,
    // The same under their old names.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getdents,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pipe,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_select,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_create,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_eventfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_accept,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getpgrp,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_getrlimit,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_setrlimit,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
];
