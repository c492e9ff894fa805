//! Starts that cannot succeed: each is told in one sentence with what to do, ends with 1, and leaves
//! nothing behind.

use crate::{errors, gapless, printed, run, wait_for};
use rustix::process::{Pid, test_kill_process};
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn a_damaged_configuration_stops_everything_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("gapless.toml"),
        "[listn]\nwebhook = \"x\"\n[[sources]]\nowner = \"a/b\"\n",
    )
    .unwrap();
    for command in ["up", "doctor"] {
        let output = run(folder.path(), &[command]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = errors(&output) + &printed(&output);
        for part in [
            "gapless.toml",
            "[listn]",
            "did you mean listen?",
            "\"a/b\" is no login",
        ] {
            assert!(said.contains(part), "{command} does not say {part}: {said}");
        }
        assert!(!folder.path().join("gapless-data").exists(), "{command}");
    }
    fs::write(folder.path().join("gapless.toml"), "owner = ").unwrap();
    let said = errors(&run(folder.path(), &["up"]));
    assert!(
        said.starts_with("gapless: gapless.toml, line 1: this is no TOML"),
        "{said}"
    );
}

#[test]
fn a_machine_without_java_maven_and_npm_is_told_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let bare = |command: &str| {
        let mut bare = gapless(folder.path());
        bare.args([command, "--cache-dir", "cache"])
            .args([
                "--webhook-listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .env("PATH", folder.path())
            .env_remove("JAVA_HOME");
        bare.output().expect("it starts")
    };
    let doctor = bare("doctor");
    assert_eq!(doctor.status.code(), Some(1));
    for advice in ["JDK 17", "mvn was not found", "npm was not found"] {
        assert!(printed(&doctor).contains(advice), "{}", printed(&doctor));
    }
    let up = bare("up");
    assert_eq!(up.status.code(), Some(1));
    let said = errors(&up);
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("gapless: ") && last.contains("install"),
        "{said}"
    );
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_chooses_another() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [
        ("--webhook-listen", "--operator-listen"),
        ("--operator-listen", "--webhook-listen"),
    ] {
        let arguments = [flag, address.as_str(), other, "127.0.0.1:0"];
        for command in ["up", "doctor"] {
            let output = run(folder.path(), &[&[command], &arguments[..]].concat());
            assert_eq!(output.status.code(), Some(1), "{command}");
            let said = errors(&output) + &printed(&output);
            assert!(said.contains(&address) && said.contains(flag), "{said}");
        }
    }
}

/// What is damaged before a start.
enum Damage {
    /// A file of these bytes.
    File(&'static str, &'static [u8]),
    /// A folder where a file should be, or the other way round.
    Folder(&'static str),
    /// A variable of these bytes.
    Variable(&'static str, &'static [u8]),
}

/// All of these are found before Kafka has started, hence quickly.
#[test]
fn what_stands_in_the_way_of_a_start_is_told_in_one_sentence_with_what_to_do() {
    use Damage::{File, Folder, Variable};
    let dead_services: &[u8] = b"[kafka]\nbootstrap = \"127.0.0.1:1\"\nsettings = { \"sasl.pasword\" = \"hush\" }\n\
        [clickhouse]\nurl = \"http://127.0.0.1:1\"\nwriter_password = \"x\"\nreader_password = \"y\"\n";
    let table: &[(Damage, &[&str])] = &[
        (
            Folder("gapless.toml"),
            &["gapless.toml cannot be read", "correct --config"],
        ),
        (
            File("gapless.toml", b"owner = \"\xff\"\n"),
            &["gapless.toml is no text in UTF-8", "save it"],
        ),
        (
            File("gapless.toml", b"partitions = \n"),
            &["gapless.toml, line 1", "no TOML", "correct it"],
        ),
        (
            File("gapless.toml", b"[[listen]]\nwebhook = \"127.0.0.1:0\"\n"),
            &["listen must be a section", "write [listen]"],
        ),
        (
            File("gapless.toml", dead_services),
            &[
                "Kafka at 127.0.0.1:1",
                "sasl.pasword",
                "correct [kafka] settings",
            ],
        ),
        (
            Variable("GAPLESS_CONFIG", b"nowhere.toml"),
            &["nowhere.toml cannot be read", "correct --config"],
        ),
        (
            Variable("GAPLESS_OWNER", b"\xff"),
            &["GAPLESS_OWNER", "no text in UTF-8", "correct it"],
        ),
        (
            Variable("GAPLESS_PARTITIONS", b"many"),
            &["GAPLESS_PARTITIONS: \"many\"", "correct it"],
        ),
        (
            Variable("GAPLESS_LOG", b"a=b=c"),
            &["GAPLESS_LOG", "write something like info"],
        ),
        (
            Variable("GAPLESS_CACHE_DIR", b"gapless-data/gapless.lock"),
            &["gapless.lock cannot be used", "correct the path"],
        ),
        (
            Variable("JAVA_HOME", b"/nowhere"),
            &["/nowhere/bin/java cannot be used", "JAVA_HOME"],
        ),
        (
            File("gapless-data", b""),
            &["gapless-data cannot be made", "--data-dir"],
        ),
        (
            Folder("gapless-data/gapless.lock"),
            &["gapless.lock cannot be used", "correct the path"],
        ),
        (
            File("gapless-data/webhook-secret", b"\n"),
            &["webhook-secret is empty", "or remove it for a new one"],
        ),
        (
            File("gapless-data/webhook-secret", b"\xff\xfe"),
            &["webhook-secret holds no text", "or remove it for a new one"],
        ),
        (
            File("gapless-data/clickhouse-users.json", b"{"),
            &["clickhouse-users.json is damaged", "remove it"],
        ),
        (
            File("gapless-data/logs", b""),
            &["logs cannot be used", "correct the path"],
        ),
        (
            File("gapless-data/clickhouse", b""),
            &[
                "clickhouse does not run",
                "and said: ",
                "look into",
                "written again",
            ],
        ),
        (
            File("gapless-data/kafka/log/gapless.events.1-0/0.log", b"x"),
            &[
                "meta.properties is gone",
                "backup",
                "nothing in it was changed",
            ],
        ),
        (
            File("gapless-data/kafka/log/meta.properties", b"nonsense"),
            &["meta.properties names no cluster", "backup"],
        ),
    ];
    for (damage, words) in table {
        let folder = tempfile::tempdir().unwrap();
        let mut up = gapless(folder.path());
        up.args(["up", "--webhook-listen", "127.0.0.1:0"])
            .args(["--operator-listen", "127.0.0.1:0"]);
        let what = match damage {
            File(name, bytes) => {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, bytes).unwrap();
                name
            }
            Folder(name) => {
                fs::create_dir_all(folder.path().join(name)).unwrap();
                name
            }
            Variable(name, bytes) => {
                fs::create_dir_all(folder.path().join("gapless-data")).unwrap();
                fs::write(folder.path().join("gapless-data/gapless.lock"), "").unwrap();
                up.env(name, OsStr::from_bytes(bytes));
                name
            }
        };
        let output = up.output().expect("it starts");
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        let sentences = said.lines().filter(|line| line.starts_with("gapless: "));
        assert_eq!(sentences.count(), 1, "{what}: {said}");
        let last = said.lines().last().unwrap_or_default();
        for word in *words {
            assert!(last.contains(word), "{what} does not say {word}: {said}");
        }
        assert!(!said.contains("hush"), "{said}");
        if let File(name, bytes) = damage {
            let kept = fs::read(folder.path().join(name)).unwrap();
            assert_eq!(kept, *bytes, "{what} was changed");
        }
    }
}

#[test]
fn a_kafka_that_is_dead_at_the_start_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = gapless(folder.path())
        .args(["up", "--webhook-listen", "127.0.0.1:0"])
        .args(["--operator-listen", "127.0.0.1:0"])
        // Nothing listens on port 1.
        .env("GAPLESS_KAFKA_BOOTSTRAP", "127.0.0.1:1")
        .env("GAPLESS_CLICKHOUSE_URL", "http://127.0.0.1:1")
        .env("GAPLESS_CLICKHOUSE_WRITER_PASSWORD", "w")
        .env("GAPLESS_CLICKHOUSE_READER_PASSWORD", "r")
        .output()
        .expect("it starts");
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    for word in [
        "Kafka at 127.0.0.1:1 is of no use",
        "start it, or correct its address",
    ] {
        assert!(last.contains(word), "{said}");
    }
}

fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_start_that_fails_leaves_no_download_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (programs, pid_file) = (folder.path().join("bin"), folder.path().join("npm.pid"));
    fs::create_dir(&programs).unwrap();
    let pid = pid_file.display();
    program(&programs, "java", "echo 'openjdk version \"17.0.1\"' >&2");
    program(
        &programs,
        "npm",
        &format!("echo $$ >{pid}.new; /bin/mv {pid}.new {pid}; exec /bin/sleep 1000"),
    );
    program(
        &programs,
        "mvn",
        &format!(
            "while [ ! -e {pid} ]; do /bin/sleep 0.05; done; echo '[ERROR] no network today'; exit 1"
        ),
    );
    let output = gapless(folder.path())
        .args([
            "up",
            "--cache-dir",
            "cache",
            "--webhook-listen",
            "127.0.0.1:0",
        ])
        .args(["--operator-listen", "127.0.0.1:0"])
        .env("PATH", &programs)
        .env_remove("JAVA_HOME")
        .output()
        .expect("it starts");
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let expected =
        "Apache Kafka could not be fetched ([ERROR] no network today): check the network";
    assert!(said.contains(expected), "{said}");
    let npm: i32 = fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    wait_for("npm to end", || {
        test_kill_process(Pid::from_raw(npm).unwrap()).err()
    });
}
