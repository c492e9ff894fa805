//! Holds the arrows of the design: who may import whom, what may be used where, and how large a
//! file may grow. Each violation is printed as a sentence.
//!
//! Direct dependencies are read from `cargo metadata` and transitive ones from `cargo tree`,
//! which resolves features for one package alone; what no manifest shows (clocks, randomness, one
//! entity importing another) is read from the sources, comments left out.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which workspace crates each crate may import. What a crate is not listed with, it may not use.
const ARROWS: &[(&str, &[&str])] = &[
    ("gapless-schemas", &[]),
    ("gapless-registry", &["gapless-schemas"]),
    ("gapless-core", &["gapless-schemas"]),
    ("gapless-engine", &["gapless-core", "gapless-schemas"]),
    ("gapless-ingest", &["gapless-schemas"]),
    ("gapless-projections", &["gapless-schemas"]),
    ("gapless-page", &["gapless-projections", "gapless-schemas"]),
    ("gapless-simulator", &["gapless-schemas"]),
    ("gapless-clickhouse-front", &[]),
    (
        "gapless-embedded",
        &["gapless-clickhouse-front", "gapless-schemas"],
    ),
];

/// The crates that wire the others together, and may import all but each other.
const WIRING: &[&str] = &["gapless", "gapless-bench", "gapless-simulation"];

/// Crates from outside that only some of ours may name, tests included (`in_tests` says who else
/// may name them there).
const EXCLUSIVE: &[Exclusive] = &[
    Exclusive {
        library: "octocrab",
        users: &["gapless-ingest"],
        in_tests: &["gapless-simulator"],
        because: "GitHub's client belongs to ingest, and to the tests of what plays GitHub",
    },
    Exclusive {
        library: "clickhouse",
        users: &["gapless-projections", "gapless-page", "gapless"],
        in_tests: &[
            "gapless-clickhouse-front",
            "gapless-embedded",
            "gapless-bench",
        ],
        because: "nothing but projections and their readers knows ClickHouse",
    },
    Exclusive {
        library: "redb",
        users: &["gapless-engine"],
        in_tests: &[],
        because: "the local store is the engine's own",
    },
    Exclusive {
        library: "libloading",
        users: &["gapless-clickhouse-front"],
        in_tests: &[],
        because: "only the ClickHouse front calls a foreign library",
    },
    Exclusive {
        library: "landlock",
        users: &["gapless-clickhouse-front"],
        in_tests: &[],
        because: "only the ClickHouse front is confined",
    },
    Exclusive {
        library: "seccompiler",
        users: &["gapless-clickhouse-front"],
        in_tests: &[],
        because: "only the ClickHouse front is confined",
    },
];

struct Exclusive {
    library: &'static str,
    users: &'static [&'static str],
    in_tests: &'static [&'static str],
    because: &'static str,
}

/// What a crate must not reach through any chain of ordinary dependencies. (`rand` is no member of
/// the first list: Avro's file writer, which we do not use, brings it. The sources are searched for
/// it instead.)
const UNREACHABLE: &[(&str, &[&str])] = &[
    ("gapless-schemas", IO),
    ("gapless-core", IO),
    (
        "gapless-engine",
        &["clickhouse", "octocrab", "reqwest", "axum", "hyper"],
    ),
    ("gapless-ingest", &["clickhouse", "redb", "libloading"]),
    (
        "gapless-projections",
        &["octocrab", "redb", "axum", "libloading"],
    ),
];

const IO: &[&str] = &[
    "tokio",
    "mio",
    "rdkafka",
    "clickhouse",
    "reqwest",
    "axum",
    "hyper",
    "octocrab",
    "redb",
];

/// Where each entity has a folder of its own, and the folders there that all of them may use, or
/// that may use all of them.
const CORE: &str = "processors/core/src";
const NO_ENTITIES: &[&str] = &["detect", "law", "lifecycle", "payload"];

/// Lines of a source file. Above this it is no longer one thing.
const MOST_LINES: usize = 600;

#[test]
fn every_crate_imports_only_what_the_design_draws_an_arrow_to() {
    let metadata = metadata();
    let mut violations = Vec::new();
    let names: Vec<&str> = members(&metadata).map(|p| p.name.as_str()).collect();
    for package in members(&metadata) {
        let name = package.name.as_str();
        let imported = dependencies(package, &[DependencyKind::Normal, DependencyKind::Build])
            .filter(|dependency| names.contains(dependency));
        if WIRING.contains(&name) {
            for dependency in imported.filter(|dependency| WIRING.contains(dependency)) {
                violations.push(format!(
                    "{name} imports {dependency}, which nothing may import"
                ));
            }
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            violations.push(format!(
                "{name} has no arrow: add it to ARROWS, and to the design"
            ));
            continue;
        };
        for dependency in imported.filter(|dependency| !allowed.contains(dependency)) {
            violations.push(format!(
                "{name} imports {dependency}, but may import only {allowed:?}"
            ));
        }
    }
    hold(violations);
}

#[test]
fn nothing_depends_on_the_binary_or_the_benchmarks_not_even_in_tests() {
    let metadata = metadata();
    let mut violations = Vec::new();
    for package in members(&metadata) {
        let kinds = [
            DependencyKind::Normal,
            DependencyKind::Build,
            DependencyKind::Development,
        ];
        for dependency in dependencies(package, &kinds).filter(|name| WIRING.contains(name)) {
            violations.push(format!("{} depends on {dependency}", package.name));
        }
    }
    hold(violations);
}

#[test]
fn a_library_that_belongs_to_one_part_is_named_by_that_part_alone() {
    let metadata = metadata();
    let mut violations = Vec::new();
    for package in members(&metadata) {
        let name = package.name.as_str();
        for rule in EXCLUSIVE {
            let ordinary = [DependencyKind::Normal, DependencyKind::Build];
            if !rule.users.contains(&name)
                && dependencies(package, &ordinary).any(|found| found == rule.library)
            {
                violations.push(format!(
                    "{name} imports {}, but {}",
                    rule.library, rule.because
                ));
            }
            if !rule.users.contains(&name)
                && !rule.in_tests.contains(&name)
                && dependencies(package, &[DependencyKind::Development])
                    .any(|found| found == rule.library)
            {
                violations.push(format!(
                    "{name}'s tests import {}, but {}",
                    rule.library, rule.because
                ));
            }
        }
    }
    hold(violations);
}

#[test]
fn the_pure_crates_reach_no_io_through_any_chain_of_dependencies() {
    let mut violations = Vec::new();
    for (package, unreachable) in UNREACHABLE {
        for reached in reachable(package) {
            if unreachable.contains(&reached.as_str()) {
                violations.push(format!(
                    "{package} reaches {reached} (see `cargo tree -p {package} -e normal -i {reached}`)"
                ));
            }
        }
    }
    hold(violations);
}

#[test]
fn the_pure_core_reads_no_clock_draws_no_random_number_and_does_no_io() {
    const FOREIGN: &[&str] = &[
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "rand::",
        "getrandom",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "std::process",
        "println!",
    ];
    let mut violations = Vec::new();
    for source in sources(&[CORE, "schemas/src"]) {
        for (number, line) in source.code() {
            for word in FOREIGN.iter().filter(|word| line.contains(**word)) {
                violations.push(format!(
                    "{}:{number} uses {word}; time and randomness come in as values, and the \
                     core does no IO",
                    source.path.display()
                ));
            }
        }
    }
    hold(violations);
}

#[test]
fn one_entity_never_imports_another() {
    let entities = entities();
    let mut violations = Vec::new();
    for entity in &entities {
        let path = format!("{CORE}/{entity}");
        for source in sources(&[&path]) {
            for (number, line) in source.code() {
                for other in entities.iter().filter(|other| *other != entity) {
                    let named = [
                        format!("::{other}::"),
                        format!("super::{other}"),
                        format!("crate::{other}"),
                    ];
                    if named.iter().any(|name| line.contains(name.as_str())) {
                        violations.push(format!(
                            "{}:{number}: entity {entity} imports entity {other}",
                            source.path.display()
                        ));
                    }
                }
            }
        }
    }
    hold(violations);
}

#[test]
fn unsafe_code_stands_only_where_the_engine_is_called() {
    // The workspace's lint forbids it, which no source can override; the front only denies it.
    const OVERRIDE: &str = concat!("allow(", "unsafe_code");
    let mut violations = Vec::new();
    for source in sources(&["."]) {
        for (number, _) in source.code().filter(|(_, line)| line.contains(OVERRIDE)) {
            if source.path != Path::new("embedded/clickhouse-front/src/ffi.rs") {
                violations.push(format!(
                    "{}:{number} allows unsafe code; only the ClickHouse front's ffi.rs may",
                    source.path.display()
                ));
            }
        }
    }
    for package in members(&metadata()) {
        let manifest = std::fs::read_to_string(&package.manifest_path).expect("a manifest is read");
        if !manifest.contains("[lints]\nworkspace = true")
            && package.name != "gapless-clickhouse-front"
        {
            violations.push(format!(
                "{} does not take the workspace's lints",
                package.name
            ));
        }
    }
    hold(violations);
}

#[test]
fn no_file_is_longer_than_one_thing() {
    let mut violations = Vec::new();
    for source in sources(&["."]) {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            violations.push(format!(
                "{} has {lines} lines, more than {MOST_LINES}: it is more than one thing",
                source.path.display()
            ));
        }
    }
    hold(violations);
}

#[test]
fn no_module_is_named_after_nothing() {
    const EMPTY: &[&str] = &[
        "utils", "util", "common", "helpers", "helper", "manager", "misc",
    ];
    let mut violations = Vec::new();
    for source in sources(&["."]) {
        for part in source.path.iter() {
            let stem = Path::new(part).file_stem().unwrap_or(part);
            if EMPTY.iter().any(|empty| stem == *empty) {
                violations.push(format!(
                    "{} is named after nothing that it does",
                    source.path.display()
                ));
            }
        }
    }
    hold(violations);
}

/// Fails with one sentence a line.
fn hold(violations: Vec<String>) {
    assert!(
        violations.is_empty(),
        "the design is broken in {} place(s):\n  {}\n",
        violations.len(),
        violations.join("\n  ")
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata answers")
}

fn members(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.workspace_packages().into_iter()
}

/// Names of the crates that a manifest declares, of these kinds.
fn dependencies<'a>(
    package: &'a Package,
    kinds: &'a [DependencyKind],
) -> impl Iterator<Item = &'a str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| kinds.contains(&dependency.kind))
        .map(|dependency| dependency.name.as_str())
}

/// Names of all crates that an ordinary build of `package` alone contains, itself included.
fn reachable(package: &str) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .current_dir(root())
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "cargo tree failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    assert!(
        names.iter().any(|name| name == package),
        "cargo tree does not list {package} itself"
    );
    names
}

/// Names of the entities, each a folder.
fn entities() -> Vec<String> {
    std::fs::read_dir(root().join(CORE))
        .expect("the core's sources are there")
        .map(|entry| entry.expect("a folder's entry is read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !NO_ENTITIES.contains(&name.as_str()))
        .collect()
}

/// A Rust source file of ours.
struct Source {
    /// Relative to the workspace's root.
    path: PathBuf,
    text: String,
}

impl Source {
    /// Its lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..)
            .zip(self.text.lines())
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// All Rust sources under these folders, but for what cargo built.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{} is not read: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("a folder's entry is read");
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if path.is_dir() && !hidden && entry.file_name() != "target" {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source is read");
                let path = path.strip_prefix(root()).expect("it lies under the root");
                found.push(Source {
                    path: path.strip_prefix(".").unwrap_or(path).to_owned(),
                    text,
                });
            }
        }
    }
    found
}
