//! A reader sends every form of statement, often, alone and beside itself: what it may not do does
//! nothing. Told by effects: what the files outside hold, who calls on a listening port, whether the
//! program has run, what tables and settings are, and whether the writer's statement still runs.
//!
//! The layers are shown one by one: the statements are judged with the rest switched off, and the
//! kernel confines with nobody judging, for the reader and for the writer, who may do everything
//! then. What the kernel alone cannot hold is the tables' own content: that is the judge's.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gapless_clickhouse_front::Layers;

use crate::forms::{ALLOWED, REFUSED};
use crate::running::{ALL_LAYERS, Fresh, Running};

/// How often each statement is sent alone, and as often beside others.
fn times() -> usize {
    let times = std::env::var("GAPLESS_GRAMMAR_TIMES").ok();
    times.map_or(3, |times| times.parse().expect("a number"))
}

/// Statements at the same time.
const BESIDE: usize = 4;
const SECRET: &str = "what nobody may read";
/// In a table that is not Gapless's.
const HIDDEN: &str = "a row of others";
const PARAMETERS: &str = "param_n=1&param_s=x&param_name=file";

/// How a program is run by the engine, where nothing holds it back.
const ATTACK: [&str; 2] = [
    "CREATE OR REPLACE DICTIONARY gapless.evil (k UInt64, v String) PRIMARY KEY k \
     SOURCE(EXECUTABLE_POOL(COMMAND '{program}' FORMAT TabSeparated)) LAYOUT(DIRECT())",
    "SELECT dictGet('gapless.evil', 'v', toUInt64(1))",
];

/// A front, and what stands around it.
struct World {
    fresh: Fresh,
    outside: tempfile::TempDir,
    port: TcpListener,
}

impl World {
    fn new(layers: Layers) -> Option<Self> {
        let fresh = Fresh::start_with(layers)?;
        let outside = tempfile::tempdir().expect("temp folder");
        std::fs::write(outside.path().join("canary"), SECRET).expect("written");
        std::fs::create_dir(outside.path().join("out")).expect("made");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        port.set_nonblocking(true).expect("set");
        let world = Self {
            fresh,
            outside,
            port,
        };
        let scripts = world.fresh.folder.path().join("store/user_scripts");
        std::fs::create_dir_all(&scripts).expect("made");
        let program = world.program();
        let text = format!("#!/bin/sh\ntouch {}\necho 1\n", world.has_run().display());
        std::fs::write(&program, text).expect("written");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("set");
        for sql in [
            "CREATE DATABASE gapless_1",
            "CREATE DATABASE other",
            "CREATE TABLE gapless.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE gapless_1.t (a UInt64, b String) ENGINE = ReplacingMergeTree ORDER BY a",
            "CREATE TABLE gapless.ids (a UInt64) ENGINE = MergeTree ORDER BY a",
            "CREATE TABLE other.secret (b String) ENGINE = MergeTree ORDER BY b",
            "CREATE VIEW gapless.v AS SELECT a FROM gapless_1.t",
            "INSERT INTO gapless.t SELECT number, toString(number) FROM numbers(10)",
            "INSERT INTO gapless_1.t SELECT number, toString(number) FROM numbers(10)",
            "INSERT INTO gapless.ids SELECT number FROM numbers(10)",
            "INSERT INTO other.secret VALUES ('a row of others')",
        ] {
            let answer = world.front().post("", sql);
            assert!(answer.starts_with("HTTP/1.1 200"), "{sql}: {answer}");
        }
        Some(world)
    }

    fn front(&self) -> &Running {
        &self.fresh.front
    }

    fn program(&self) -> PathBuf {
        self.fresh.folder.path().join("store/user_scripts/program")
    }

    fn has_run(&self) -> PathBuf {
        self.fresh.folder.path().join("has-run")
    }

    fn statement(&self, form: &str) -> String {
        let outside = self.outside.path();
        let port = self.port.local_addr().expect("an address").port();
        form.replace("{canary}", &outside.join("canary").display().to_string())
            .replace("{out}", &outside.join("out").display().to_string())
            .replace("{program}", &self.program().display().to_string())
            .replace("{port}", &port.to_string())
    }

    /// What must be the same before and after.
    fn state(&self) -> String {
        [
            "SELECT database, name, uuid, create_table_query FROM system.tables \
             WHERE database IN ('gapless', 'gapless_1', 'other', 'made', 'default') ORDER BY ALL",
            "SELECT name FROM system.databases ORDER BY ALL",
            "SELECT name, value FROM system.settings WHERE changed ORDER BY ALL",
            "SELECT name, value FROM system.server_settings WHERE changed ORDER BY ALL",
            "SELECT name FROM system.functions WHERE origin != 'System' ORDER BY ALL",
            "SELECT name, status FROM system.dictionaries ORDER BY ALL",
            "SELECT name FROM system.named_collections ORDER BY ALL",
            "SHOW GRANTS",
            "SELECT count(), sum(cityHash64(*)) FROM gapless.t",
            "SELECT count(), sum(cityHash64(*)) FROM gapless_1.t",
            "SELECT count(), sum(cityHash64(*)) FROM other.secret",
            "SELECT count() FROM system.parts WHERE active AND database LIKE 'gapless%'",
            "SELECT count() FROM system.mutations",
        ]
        .map(|sql| {
            let answer = self.front().post("", sql);
            let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
            format!("{sql}\n{body}\n")
        })
        .concat()
    }

    /// Nothing outside was read, written, called or run.
    fn assert_untouched(&self) {
        let outside = self.outside.path();
        let canary = std::fs::read_to_string(outside.join("canary")).expect("readable");
        assert_eq!(canary, SECRET);
        let written = std::fs::read_dir(outside.join("out")).expect("readable");
        assert_eq!(written.count(), 0, "a file was written");
        assert!(self.port.accept().is_err(), "somebody connected");
        assert!(!self.has_run().exists(), "the program has run");
    }

    /// Sends each of `statements` `times` times, alone and beside itself and others.
    fn send(&self, statements: &[String], times: usize, check: impl Fn(&str, &str) + Sync) {
        self.send_with(PARAMETERS, statements, times, check);
    }

    fn send_with(
        &self,
        parameters: &str,
        statements: &[String],
        times: usize,
        check: impl Fn(&str, &str) + Sync,
    ) {
        for statement in statements {
            for _ in 0..times {
                check(statement, &self.front().ask(parameters, statement));
            }
        }
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..BESIDE {
                scope.spawn(|| {
                    // Each statement `times` times in a row, hence beside itself.
                    while let Some(statement) =
                        statements.get(next.fetch_add(1, Ordering::Relaxed) / times)
                    {
                        check(statement, &self.front().ask(parameters, statement));
                    }
                });
            }
        });
    }
}

fn is_refused(answer: &str) -> bool {
    !answer.starts_with("HTTP/1.1 200")
}

/// What a reader may not send, for this world.
fn refused(world: &World) -> Vec<String> {
    REFUSED.iter().map(|form| world.statement(form)).collect()
}

/// A statement of the writer's that runs as long as this lives.
struct Background<'a> {
    world: &'a World,
    connection: std::net::TcpStream,
}

impl<'a> Background<'a> {
    fn start(world: &'a World) -> Self {
        let mut connection =
            std::net::TcpStream::connect(world.front().address).expect("it listens");
        let sql = "SELECT number, 'of the writer' FROM system.numbers";
        let request = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: writer\r\nX-ClickHouse-Key: {}\r\n\
             Content-Length: {}\r\n\r\n{sql}",
            crate::running::WRITER_PASSWORD,
            sql.len()
        );
        connection.write_all(request.as_bytes()).expect("sent");
        let background = Self { world, connection };
        while !background.runs() {
            std::thread::yield_now();
        }
        background
    }

    fn runs(&self) -> bool {
        let sql = "SELECT count() FROM system.processes WHERE query LIKE '%of the ' || 'writer%'";
        self.world.front().post("", sql).contains("\r\n1\n")
    }

    fn stop(self) {
        drop(self.connection);
    }
}

fn nothing_happens(layers: Layers) {
    let Some(world) = World::new(layers) else {
        return;
    };
    let background = Background::start(&world);
    let before = world.state();
    world.send(&refused(&world), times(), |statement, answer| {
        assert!(is_refused(answer), "{statement}: {answer}");
        assert!(
            !answer.contains(SECRET) && !answer.contains(HIDDEN),
            "{statement}: {answer}"
        );
    });
    assert!(background.runs(), "the writer's statement was killed");
    background.stop();
    assert_eq!(world.state(), before);
    world.assert_untouched();
    world.send(
        &ALLOWED
            .iter()
            .map(|it| (*it).to_owned())
            .collect::<Vec<_>>(),
        1,
        |statement, answer| assert!(!is_refused(answer), "{statement}: {answer}"),
    );
}

#[test]
fn a_reader_does_nothing_but_read() {
    nothing_happens(ALL_LAYERS);
}

#[test]
fn the_judge_alone_holds() {
    nothing_happens(Layers {
        confinement: false,
        judge: true,
        grants: false,
    });
}

/// Refused statements do nothing to what lies outside, whoever sends them: the tables may suffer.
#[test]
fn the_kernel_alone_lets_nothing_out() {
    let layers = Layers {
        confinement: true,
        judge: false,
        grants: false,
    };
    let Some(world) = World::new(layers) else {
        return;
    };
    let statements = refused(&world);
    // What fails to connect tries again, for as long as it may.
    let parameters = format!("{PARAMETERS}&max_execution_time=1");
    world.send_with(&parameters, &statements, 1, |statement, answer| {
        assert!(!answer.contains(SECRET), "{statement}: {answer}");
    });
    let settings = "http_max_tries=1&s3_retry_attempts=0&max_execution_time=1&connect_timeout=1\
                        &allow_experimental_window_view=1&allow_experimental_live_view=1";
    let answer = world.front().post(settings, "SELECT 1");
    assert!(!is_refused(&answer), "{answer}");
    let [make, call] = ATTACK.map(|form| world.statement(form));
    let answer = world.front().post(settings, &make);
    assert!(!is_refused(&answer), "{answer}");
    let answer = world.front().post(settings, &call);
    assert!(is_refused(&answer), "{answer}");
    for statement in &statements {
        // These stop or change the engine itself; and these would wait.
        if [
            "SYSTEM ",
            "SELECT sleep",
            "WATCH",
            "DETACH",
            "DROP DATABASE",
            "RENAME DATABASE",
        ]
        .iter()
        .any(|beginning| statement.starts_with(beginning))
        {
            continue;
        }
        let answer = world.front().post(settings, statement);
        assert!(!answer.contains(SECRET), "{statement}: {answer}");
    }
    assert!(world.front().post("", "SELECT 1").contains("\r\n1\n"));
    world.assert_untouched();
}

#[test]
fn the_grants_alone_let_nothing_out_but_what_no_grant_covers() {
    let Some(world) = World::new(Layers {
        confinement: false,
        judge: false,
        grants: true,
    }) else {
        return;
    };
    let statements: Vec<String> = refused(&world)
        .into_iter()
        // `file` as a function of values asks for no grant, nor do formats and templates.
        .filter(|statement| {
            !statement.to_lowercase().contains("fi") && !statement.contains("canary")
        })
        .collect();
    world.send(&statements, 1, |_, answer| {
        assert!(!answer.contains(SECRET), "{answer}");
    });
    assert!(!world.has_run().exists(), "the program has run");
    assert!(world.port.accept().is_err(), "somebody connected");
}

/// A setting that a reader may change cuts the reader's answer short, and not the tree by which the
/// statement is judged.
#[test]
fn a_readers_settings_are_not_the_judges() {
    let Some(world) = World::new(ALL_LAYERS) else {
        return;
    };
    for (setting, mode) in [
        ("max_result_rows=1", "result_overflow_mode"),
        ("max_result_bytes=1", "result_overflow_mode"),
        ("max_rows_to_read=1", "read_overflow_mode"),
        ("max_bytes_to_read=1", "read_overflow_mode"),
        ("max_execution_time=1", "timeout_overflow_mode"),
    ] {
        for how in ["break", "throw"] {
            let parameters = format!("{setting}&{mode}={how}&max_threads=1000");
            for form in REFUSED.iter().filter(|form| form.starts_with("SELECT ")) {
                let answer = world.front().ask(&parameters, &world.statement(form));
                assert!(is_refused(&answer), "{parameters}: {form}: {answer}");
            }
            let allowed = world
                .front()
                .ask(&parameters, "SELECT 1 FORMAT JSONCompact");
            assert!(!is_refused(&allowed), "{parameters}: {allowed}");
        }
    }
}

/// What the writer does with files stays in the engine's folder, and works.
#[test]
fn a_backup_goes_into_the_folder() {
    let Some(world) = World::new(ALL_LAYERS) else {
        return;
    };
    for sql in [
        "BACKUP TABLE gapless.t TO File('kept')",
        "RESTORE TABLE gapless.t AS gapless.again FROM File('kept')",
    ] {
        let answer = world.front().post("", sql);
        assert!(!is_refused(&answer), "{sql}: {answer}");
    }
    assert!(world.fresh.folder.path().join("backups/kept").exists());
    let count = world.front().post("", "SELECT count() FROM gapless.again");
    assert!(count.contains("\r\n10\n"), "{count}");
}

/// Without any layer, the same reader reads, connects and runs: the others' silence means something.
#[test]
fn without_any_layer_the_same_statements_reach_out() {
    let Some(world) = World::new(Layers {
        confinement: false,
        judge: false,
        grants: false,
    }) else {
        return;
    };
    let canary = world.statement("SELECT file('{canary}')");
    assert!(world.front().ask("", &canary).contains(SECRET));
    let url = "SELECT * FROM url('http://127.0.0.1:{port}/', 'LineAsString', 'a String')";
    // Nobody answers there.
    let url = format!(
        "query={}&http_max_tries=1&http_receive_timeout=1",
        world.statement(url)
    );
    world.front().post(&url.replace(' ', "+"), "");
    assert!(world.port.accept().is_ok(), "nobody connected");
    for sql in ATTACK {
        world.front().post("", &world.statement(sql));
    }
    assert!(world.has_run().exists(), "the program has not run");
}

/// Each function that the engine has is allowed by name or refused, and the same for tables.
#[test]
fn every_function_is_allowed_by_name_or_refused() {
    let Some(world) = World::new(ALL_LAYERS) else {
        return;
    };
    let names = |sql: &str| {
        let answer = world
            .front()
            .post("default_format=TSVRaw&wait_end_of_query=1", sql);
        let mut lines: Vec<String> = answer.lines().map(str::to_owned).collect();
        lines.retain(|it| it.starts_with('='));
        lines
            .iter()
            .map(|it| it[1..].to_owned())
            .collect::<Vec<_>>()
    };
    let functions = names("SELECT '=' || name FROM system.functions");
    assert!(functions.len() > 1_500, "{}", functions.len());
    let mut refused = Vec::new();
    for name in &functions {
        let answer = world.front().ask("", &format!("SELECT `{name}`()"));
        if answer.contains("is no function that a reader may call") {
            refused.push(name.to_lowercase());
        }
    }
    let reaches = [
        "file",
        "dictget",
        "joinget",
        "catboost",
        "ai",
        "sleep",
        "getsetting",
        "getserver",
        "getmacro",
        "fuzz",
        "formatquery",
        "evalml",
        "hascolumn",
        "filesystem",
        "addressto",
        "logtrace",
        "tcpport",
        "hostname",
    ];
    for name in &functions {
        let name = name.to_lowercase();
        let is_one = reaches.iter().any(|it| name.starts_with(it)) && name != "fuzzbits";
        assert!(!is_one || refused.contains(&name), "{name} is allowed");
    }
    assert!(refused.len() > 200, "{}", refused.len());
    for name in names("SELECT '=' || name FROM system.table_functions") {
        let answer = world
            .front()
            .ask("", &format!("SELECT * FROM `{name}`('{SECRET}')"));
        let allowed = [
            "numbers",
            "zeros",
            "values",
            "view",
            "generateseries",
            "generate_series",
            "sqlstandardvalues",
        ];
        let lower = name.to_lowercase();
        let is_allowed = allowed.contains(&lower.trim_end_matches("_mt"));
        // Those that take a query are no syntax with a text in its place.
        assert!(is_allowed || is_refused(&answer), "{name}: {answer}");
        let is_named = answer.contains("is no function of tables that a reader may call");
        assert!(!is_allowed || !is_named, "{name}: {answer}");
    }
    world.assert_untouched();
}
