//! The cache: fetched once by many, damage found, failures in one sentence.

use std::fs;
use std::io::{Write as _, stderr};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use gapless_embedded::{Cache, Error, Package};

/// In the environment of a program that only fetches: its cache folder.
const VARIABLE: &str = "GAPLESS_TEST_FETCH_INTO";

/// The program that only fetches; as a test of its own it does nothing.
#[test]
fn fetch_and_tell() {
    let Some(dir) = std::env::var_os(VARIABLE) else {
        return;
    };
    let cache = Cache::open(Some(PathBuf::from(dir))).expect("a folder");
    for fetched in [cache.kafka(), cache.clickhouse_engine()] {
        match fetched {
            Ok(path) => println!("told: {}", path.display()),
            Err(error) => println!("told: {error}"),
        }
    }
}

/// What [`fetch_and_tell`] tells about Kafka and the engine, in this environment.
fn told(dir: &Path, environment: &[(&str, &str)]) -> Vec<String> {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "cache::fetch_and_tell", "--nocapture"])
        .env_remove("JAVA_HOME")
        .env(VARIABLE, dir)
        .envs(environment.iter().copied())
        .output()
        .expect("ran");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once("told: ").map(|(_, rest)| rest.to_string()))
        .collect()
}

#[test]
fn a_missing_program_is_named_with_what_to_install() {
    let folder = tempfile::tempdir().expect("temp folder");
    let empty = folder.path().join("no-programs");
    fs::create_dir(&empty).expect("made");
    let path = empty.display().to_string();
    let messages = told(folder.path(), &[("PATH", &path)]);
    assert!(
        messages[0].starts_with("java was not found: install a JDK 17"),
        "{messages:?}"
    );
    assert!(
        messages[1].starts_with("npm was not found: install Node.js"),
        "{messages:?}"
    );

    // With a Java but no Maven.
    let Some(java) = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join("java"))
        .find(|java| java.is_file())
    else {
        let _ = writeln!(stderr(), "skipped the rest: there is no java on the path");
        return;
    };
    symlink(java, empty.join("java")).expect("linked");
    let messages = told(folder.path(), &[("PATH", &path)]);
    assert!(
        messages[0].starts_with("mvn was not found: install Maven"),
        "{messages:?}"
    );
    assert!(!messages.iter().any(|m| m.contains('\n')));
}

/// Programs of others, which run code of others.
#[test]
fn programs_that_fetch_get_no_secrets() {
    let folder = tempfile::tempdir().expect("temp folder");
    let secrets =
        "${GAPLESS_WEBHOOK_SECRET-none} ${GAPLESS_GITHUB_TOKEN-none} ${GITHUB_TOKEN-none}";
    let fetcher = format!("echo \"reason: {secrets} $OTHER\"; exit 1");
    let java = format!("[ \"{secrets}\" = 'none none none' ] && echo 'version \"17\"' >&2");
    for (program, does) in [("java", &java), ("mvn", &fetcher), ("npm", &fetcher)] {
        let program = folder.path().join(program);
        fs::write(&program, format!("#!/bin/sh\n{does}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let environment = [
        ("PATH", folder.path().to_str().expect("text")),
        ("GAPLESS_WEBHOOK_SECRET", "secret"),
        ("GAPLESS_GITHUB_TOKEN", "secret"),
        ("GITHUB_TOKEN", "secret"),
        ("OTHER", "kept"),
    ];
    let messages = told(&folder.path().join("cache"), &environment);
    for message in &messages {
        assert!(
            message.contains("reason: none none none kept"),
            "{messages:?}"
        );
    }
    assert_eq!(messages.len(), 2);
}

#[test]
fn without_a_network_the_message_says_so() {
    let folder = tempfile::tempdir().expect("temp folder");
    if Command::new("npm").arg("--version").output().is_err() {
        let _ = writeln!(stderr(), "skipped: there is no npm");
        return;
    }
    // Nothing listens on port 1.
    let environment = [
        ("npm_config_registry", "http://127.0.0.1:1/"),
        ("npm_config_fetch_retries", "0"),
        (
            "MAVEN_OPTS",
            "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=1 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1",
        ),
    ];
    let messages = told(folder.path(), &environment);
    let engine = &messages[1];
    assert!(
        engine.starts_with("the ClickHouse engine could not be fetched ("),
        "{engine}"
    );
    assert!(
        engine.ends_with("check the network and start again"),
        "{engine}"
    );
    let left = fs::read_dir(folder.path()).expect("readable").flatten();
    let left: Vec<_> = left
        .map(|e| e.file_name())
        .filter(|n| !n.to_string_lossy().ends_with(".lock"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Copies the user's own Kafka into a cache of the test's; none where it cannot be fetched.
fn copied_kafka(cache_dir: &Path) -> Option<()> {
    let jars = match Cache::open(None).and_then(|cache| cache.kafka()) {
        Ok(jars) => jars,
        Err(error) => {
            let _ = writeln!(stderr(), "skipped: {error}");
            return None;
        }
    };
    let copy = cache_dir.join(jars.file_name().expect("a folder's name"));
    fs::create_dir(&copy).expect("made");
    for file in fs::read_dir(&jars).expect("readable").flatten() {
        fs::copy(file.path(), copy.join(file.file_name())).expect("copied");
    }
    Some(())
}

#[test]
fn damage_is_found_and_mended_by_one_of_many() {
    let folder = tempfile::tempdir().expect("temp folder");
    let Some(()) = copied_kafka(folder.path()) else {
        return;
    };
    let cache = Cache::open(Some(folder.path().into())).expect("a folder");

    // Written again with the same bytes: checked, and not fetched.
    let jars = cache.kafka().expect("whole");
    cache.verify(Package::Kafka).expect("whole");
    let first = inode_of(&jars);
    let jar = jars.join("snakeyaml-2.4.jar");
    let bytes = fs::read(&jar).expect("readable");
    fs::write(&jar, &bytes).expect("written");
    assert_eq!(inode_of(&cache.kafka().expect("whole")), first);

    // Everything there: no program is needed, hence no network.
    let messages = told(folder.path(), &[("PATH", "/nonexistent")]);
    assert_eq!(messages[0], jars.display().to_string());

    // One bit flipped: found, and fetched again, once for all who ask at the same time.
    let mut damaged = bytes.clone();
    damaged[1_000] ^= 1;
    fs::write(&jar, &damaged).expect("written");
    assert!(cache.verify(Package::Kafka).is_err());
    let at_once: Vec<_> = (0..3)
        .map(|_| {
            let cache = cache.clone();
            std::thread::spawn(move || cache.kafka().map(|jars| inode_of(&jars)))
        })
        .collect();
    let mut inodes = Vec::new();
    for fetched in at_once {
        match fetched.join().expect("ended") {
            Ok(inode) => inodes.push(inode),
            Err(error @ Error::TryAgain { .. }) => {
                let _ = writeln!(stderr(), "skipped the rest: {error}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(
        inodes
            .iter()
            .all(|inode| *inode == inodes[0] && *inode != first),
        "{inodes:?}"
    );
    assert!(fs::read(&jar).expect("readable") == bytes);
}

fn inode_of(path: &Path) -> u64 {
    fs::metadata(path).expect("there").ino()
}
