//! The machine: programs, folders, room, ports.

use super::Check;
use crate::settings::{Settings, Stores};
use crate::system::RunFile;
use gapless_embedded::{Cache, Confinement, Package, find_java};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::net::TcpListener;

/// Room that a start needs in the data folder, and room that it should have.
const DATA_ROOM_LEAST_MB: u64 = 512;
const DATA_ROOM_GOOD_MB: u64 = 5_000;
/// Room for both packages, unpacked, and one of them packed.
const CACHE_ROOM_MB: u64 = 1_200;

/// Whether the data folder can be used, by whom, and what room it has.
pub(super) fn data_folder(settings: &Settings) -> Vec<Check> {
    const NAME: &str = "data folder";
    let folder = &settings.data_dir;
    let shown = folder.display();
    let existing = existing_parent(folder);
    let mut checks = Vec::new();
    match tempfile_in(existing) {
        Err(error) => checks.push(Check::failed(
            NAME,
            format!(
                "{} cannot be written ({error}): correct its permissions, or choose another with \
                 --data-dir",
                existing.display()
            ),
        )),
        Ok(()) if !folder.exists() => {
            checks.push(Check::ok(NAME, format!("{shown} will be made by `up`")));
        }
        Ok(()) => checks.push(mode(folder)),
    }
    checks.push(room(
        "disk",
        existing,
        DATA_ROOM_LEAST_MB,
        DATA_ROOM_GOOD_MB,
    ));
    checks
}

fn mode(folder: &Path) -> Check {
    const NAME: &str = "data folder";
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Check::note(
            NAME,
            format!("{shown} can be read by others: `chmod 700 {shown}` keeps it to its owner"),
        ),
        Ok(_) => Check::ok(NAME, format!("{shown} is writable, and its owner's alone")),
        Err(error) => Check::failed(NAME, format!("{shown} cannot be looked at: {error}")),
    }
}

/// The nearest folder on the way to `path` that is there.
fn existing_parent(path: &Path) -> &Path {
    path.ancestors()
        .find(|parent| !parent.as_os_str().is_empty() && parent.exists())
        .unwrap_or(Path::new("."))
}

/// Writes and removes a file.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".gapless-doctor-{}", std::process::id()));
    std::fs::write(&path, b"x")?;
    std::fs::remove_file(&path)
}

fn room(name: &str, folder: &Path, least_mb: u64, good_mb: u64) -> Check {
    let shown = folder.display();
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free_mb = found.f_bavail.saturating_mul(found.f_frsize) / 1_000_000;
            let words = format!("{free_mb} MB are free in {shown}");
            if free_mb < least_mb {
                Check::failed(
                    name,
                    format!("{words}: make room for at least {least_mb} MB"),
                )
            } else if free_mb < good_mb {
                Check::note(
                    name,
                    format!("{words}, which lasts for a small organisation only"),
                )
            } else {
                Check::ok(name, words)
            }
        }
        Err(error) => Check::note(name, format!("the room in {shown} cannot be told: {error}")),
    }
}

/// What the embedded Kafka and ClickHouse need.
pub(super) fn prerequisites(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![match find_java() {
        Ok(java) => Check::ok("java", format!("17 or later: {}", java.display())),
        Err(error) => Check::failed("java", error.to_string()),
    }];
    checks.push(confinement());
    let cache = match Cache::open(settings.cache_dir.clone()) {
        Ok(cache) => cache,
        Err(error) => {
            checks.push(Check::failed("cache", error.to_string()));
            return checks;
        }
    };
    let mut is_cold = false;
    for (package, name, program, install) in [
        (
            Package::Kafka,
            "Kafka",
            "mvn",
            "Maven (`apt install maven`)",
        ),
        (
            Package::ClickHouseEngine,
            "ClickHouse",
            "npm",
            "Node.js with npm (`apt install npm`)",
        ),
    ] {
        checks.push(if cache.holds(package) {
            Check::ok(name, "in the cache: nothing needs to be fetched")
        } else if is_there(program) {
            is_cold = true;
            Check::ok(name, format!("`up` will fetch it with {program}"))
        } else {
            is_cold = true;
            Check::failed(
                name,
                format!(
                    "{program} was not found, which fetches it on first use: install {install}"
                ),
            )
        });
    }
    if is_cold {
        checks.push(room("cache", cache.dir(), CACHE_ROOM_MB, CACHE_ROOM_MB));
    }
    checks
}

/// How far this kernel confines the embedded ClickHouse.
fn confinement() -> Check {
    const NAME: &str = "confinement";
    match Confinement::of_this_kernel().map(|confinement| confinement.shortfall()) {
        Ok(None) => Check::ok(
            NAME,
            "the kernel keeps the embedded ClickHouse from running, opening and reaching anything \
             but its own",
        ),
        Ok(Some(lacking)) => Check::note(NAME, lacking),
        Err(error) => Check::note(NAME, format!("the kernel could not be asked: {error}")),
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Whether both listeners can be had, or a running Gapless has them.
pub(super) async fn ports(settings: &Settings) -> Vec<Check> {
    let run = RunFile::find(&settings.data_dir).await.ok();
    let is_ours = |address: SocketAddr| {
        run.as_ref()
            .is_some_and(|run| [run.webhook_address, run.operator_address].contains(&address))
    };
    let mut checks = Vec::new();
    for (name, address) in [
        ("webhook", settings.webhook_listen),
        ("operator", settings.operator_listen),
    ] {
        checks.push(if is_ours(address) {
            Check::ok(name, format!("{address} is held by the Gapless that runs on this folder"))
        } else {
            match TcpListener::bind(address).await {
                Ok(_) => Check::ok(name, format!("{address} is free")),
                Err(error) => Check::failed(
                    name,
                    format!(
                        "{address} cannot be had ({error}): choose another with --{name}-listen, or \
                         stop what holds it"
                    ),
                ),
            }
        });
    }
    if matches!(settings.stores, Stores::Embedded) && settings.operator_listen.ip().is_unspecified()
    {
        checks.push(Check::note(
            "operator",
            "the operator's port shows figures to everybody who reaches this machine: listen on \
             127.0.0.1 unless a proxy guards it",
        ));
    }
    checks
}
