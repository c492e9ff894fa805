//! The cache: fetched once by many, damage found, failures in one sentence.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
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
        return eprintln!("skipped the rest: there is no java on the path");
    };
    symlink(java, empty.join("java")).expect("linked");
    let messages = told(folder.path(), &[("PATH", &path)]);
    assert!(
        messages[0].starts_with("mvn was not found: install Maven"),
        "{messages:?}"
    );
    assert!(!messages.iter().any(|m| m.contains('\n')));
}

#[test]
fn without_a_network_the_message_says_so() {
    let folder = tempfile::tempdir().expect("temp folder");
    if Command::new("npm").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no npm");
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

#[test]
fn a_package_is_fetched_once_and_damage_is_mended() {
    let folder = tempfile::tempdir().expect("temp folder");
    let cache = Cache::open(Some(folder.path().into())).expect("a folder");
    let at_once: Vec<_> = (0..2)
        .map(|_| {
            let cache = cache.clone();
            std::thread::spawn(move || cache.kafka())
        })
        .collect();
    let mut jars = PathBuf::new();
    for fetched in at_once {
        match fetched.join().expect("ended") {
            Ok(path) => jars = path,
            Err(error @ (Error::TryAgain { .. } | Error::Install { .. })) => {
                return eprintln!("skipped: {error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    cache.verify(Package::Kafka).expect("whole");
    let inode = |path: &Path| fs::metadata(path).expect("there").ino();
    let (first, jar) = (inode(&jars), jars.join("snakeyaml-2.4.jar"));

    // Written again with the same bytes: checked, and not fetched.
    let bytes = fs::read(&jar).expect("readable");
    fs::write(&jar, &bytes).expect("written");
    cache.kafka().expect("whole");
    assert_eq!(inode(&jars), first);

    // One bit flipped: found, and fetched again.
    let mut damaged = bytes.clone();
    damaged[1_000] ^= 1;
    fs::write(&jar, &damaged).expect("written");
    assert!(cache.verify(Package::Kafka).is_err());
    cache.kafka().expect("mended");
    assert_ne!(inode(&jars), first);
    assert!(fs::read(&jar).expect("readable") == bytes);

    // Everything there: no program is needed, hence no network.
    let messages = told(folder.path(), &[("PATH", "/nonexistent")]);
    assert_eq!(messages[0], jars.display().to_string());
}
