//! Tables of configurations and what becomes of them.

use super::*;
use std::path::Path;

/// A configuration of a file, variables and flags.
struct Case<'a> {
    file: &'a str,
    environment: &'a [(&'a str, &'a str)],
    flags: &'a [(&'static str, &'a str)],
}

impl Case<'_> {
    fn file(file: &str) -> Case<'_> {
        Case {
            file,
            environment: &[],
            flags: &[],
        }
    }

    /// Loads it from a folder in which the file `secret` holds `from-a-file`.
    fn load(&self) -> Result<Config, Problems> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gapless.toml");
        std::fs::write(&path, self.file).unwrap();
        std::fs::write(folder.path().join("secret"), "from-a-file\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let pairs = self.environment.iter();
        load(Given {
            config: Some(path),
            flags: self
                .flags
                .iter()
                .map(|(flag, value)| (*flag, (*value).to_owned()))
                .collect(),
            environment: pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            unreadable: Vec::new(),
        })
    }

    /// Its faults, without the temporary folder.
    fn faults(&self) -> Vec<String> {
        let problems = self.load().expect_err("it is faulty");
        let short = |sentence: &String| {
            let start = sentence.find("gapless.toml").unwrap_or(0);
            sentence[start..].to_owned()
        };
        problems.sentences().iter().map(short).collect()
    }
}

fn exposed(secrets: &[gapless_ingest::Secret]) -> Vec<&str> {
    secrets.iter().map(gapless_ingest::Secret::expose).collect()
}

#[test]
fn nothing_configured_is_a_laptop_on_the_loopback() {
    let config = Case::file("").load().unwrap();
    let settings = &config.settings;
    assert_eq!(settings.data_dir, Path::new("gapless-data"));
    assert_eq!(settings.webhook_listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.operator_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(settings.partitions, 4);
    assert!(matches!(settings.stores, Stores::Embedded));
    let [source] = config.sources.as_slice() else {
        panic!("{:?}", config.sources)
    };
    assert_eq!((source.host.as_str(), &source.owner), ("github.com", &None));
    assert_eq!(source.api_base_url, "https://api.github.com");
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let file = "[listen]\nwebhook = \"127.0.0.1:1\"";
    let variable = [("GAPLESS_WEBHOOK_LISTEN", "127.0.0.1:2")];
    let flag = [("--webhook-listen", "127.0.0.1:3")];
    let table: [(&[_], &[_], u16); 4] = [
        (&variable, &flag, 3),
        (&variable, &[], 2),
        (&[], &[], 1),
        // An empty variable tells nothing, as compose files set it.
        (&[("GAPLESS_WEBHOOK_LISTEN", "")], &[], 1),
    ];
    for (environment, flags, port) in table {
        let case = Case {
            file,
            environment,
            flags,
        };
        let config = case.load().unwrap();
        assert_eq!(config.settings.webhook_listen.port(), port);
    }
}

#[test]
fn webhook_and_operator_cannot_listen_on_the_same_port() {
    let table = [
        ("127.0.0.1:9", "127.0.0.1:9", true),
        ("0.0.0.0:9", "127.0.0.1:9", true),
        ("[::1]:9", "[::]:9", true),
        ("127.0.0.1:9", "127.0.0.1:10", false),
        ("127.0.0.1:9", "127.0.0.2:9", false),
        ("0.0.0.0:9", "[::1]:9", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
    ];
    for (webhook, operator, is_fault) in table {
        let file = format!("[listen]\nwebhook = \"{webhook}\"\noperator = \"{operator}\"\n");
        let loaded = Case::file(&file).load();
        assert_eq!(
            loaded.is_err(),
            is_fault,
            "{webhook} {operator}: {loaded:?}"
        );
    }
    let fault = "webhook and operator cannot both listen on 127.0.0.1:8080: choose another port with \
                 --operator-listen or GAPLESS_OPERATOR_LISTEN (or [listen] operator)";
    let case = Case {
        flags: &[("--operator-listen", "127.0.0.1:8080")],
        ..Case::file("")
    };
    assert_eq!(case.faults(), [fault]);
}

#[test]
fn every_fault_is_found_at_once_and_says_where_it_stands_and_what_to_do() {
    let file = r#"
        partitions = 0
        onwer = "octo-org"
        [listen]
        webhook = "8080"
        opertor = "127.0.0.1:8081"
        [patience]
        grace_seconds = -1
        [poll]
        changed_seconds = 5
        [[sources]]
        host = "https://github.com/"
        webhook_secret = "x"
        token = "a"
        token_env = "B"
    "#;
    let expected = [
        "gapless.toml: [listen] webhook: \"8080\" is not an address and a port, such as 127.0.0.1:8080: correct it",
        "gapless.toml: partitions: \"0\" is not a number of partitions from 1 to 1024: correct it",
        "gapless.toml: [[sources]] 1: token, token_file and token_env tell the same: keep one of them",
        "gapless.toml: [[sources]] 1: the host \"https://github.com/\" is no host name: write it without https:// and slashes, such as github.com",
        "gapless.toml: [patience] grace_seconds must be a whole number of seconds above 0",
        "gapless.toml: there is no section [poll]: did you mean polls?",
        "gapless.toml: [listen] opertor is no key of Gapless: did you mean operator?",
        "gapless.toml: [[sources]] 1 webhook_secret is no key of Gapless: did you mean webhook_secrets?",
        "gapless.toml: onwer is no key of Gapless: leave it out, or use one of cache_dir, data_dir, partitions",
    ];
    let found = Case::file(file).faults();
    for sentence in expected {
        assert!(
            found.iter().any(|found| found == sentence),
            "{sentence}\nis not among\n{found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_fault_is_one_sentence() {
    let table = [
        ("a = \n", "gapless.toml, line 1: this is no TOML"),
        (
            "[sources]\nowner = \"o\"",
            "[sources] is a list: write [[sources]]",
        ),
        (
            "[[sources]]\nwebhook_secrets = [1]",
            "must be a list of texts",
        ),
        (
            "[[sources]]\nwebhook_secret_files = [\"nowhere\"]",
            "nowhere cannot be read",
        ),
        (
            "[[sources]]\ntoken_file = \"empty\"",
            "empty is empty: write the secret into it",
        ),
        (
            "[[sources]]\ntoken_env = \"NO_SUCH\"",
            "the environment has no variable NO_SUCH",
        ),
        (
            "[[sources]]\nowner = \"a/b\"",
            "the owner \"a/b\" is no login",
        ),
        (
            "[[sources]]\nowner = \"o\"\n[[sources]]\nowner = \"o\"",
            "stand in the list twice",
        ),
        ("[[sources]]\napi_base_url = \"ftp://x\"", "is no address"),
        (
            "[kafka]\nbootstrap = \"kafka:9092\"",
            "Kafka of your own is told alone",
        ),
        (
            "[clickhouse]\nurl = \"http://c:8123\"",
            "ClickHouse of your own is told alone",
        ),
        (
            "[kafka]\nbootstrap = \"kafka\"",
            "is not a list of host:port",
        ),
        ("[registry]\nurl = \"http://r:8081\"", "but no Kafka"),
        ("data_dir = [1]", "data_dir must be a single text or number"),
        ("data_dir = \"\"", "data_dir is empty: write a value"),
        ("[[sources]]\ntoken = \"\"", "token is empty: write a value"),
        (
            "listen = 4",
            "listen must be a section: write [listen] once",
        ),
        ("[[kafka]]", "kafka must be a section: write [kafka] once"),
        (
            "sources = 3",
            "sources must be a section: write [[sources]]",
        ),
    ];
    for (file, expected) in table {
        let found = Case::file(file).faults();
        assert!(
            found.iter().any(|found| found.contains(expected)),
            "{file}: {found:#?}"
        );
        assert!(
            found.iter().all(|found| !found.contains('\n')),
            "{found:#?}"
        );
    }
}

#[test]
fn the_environment_tells_one_source_and_its_secrets_may_be_in_files() {
    let case = Case {
        file: "",
        environment: &[
            ("GAPLESS_OWNER", "octo-org"),
            ("GAPLESS_HOST", "GHES.example.com"),
            ("GAPLESS_WEBHOOK_SECRET", "hush"),
            ("GAPLESS_GITHUB_TOKEN", ""),
        ],
        flags: &[],
    };
    let config = case.load().unwrap();
    let source = &config.sources[0];
    assert_eq!(source.owner.as_deref(), Some("octo-org"));
    assert_eq!(source.host, "ghes.example.com");
    assert_eq!(source.api_base_url, "https://ghes.example.com/api/v3");
    assert_eq!(exposed(&source.secrets), ["hush"]);
    assert_eq!(source.token, None);
}

#[test]
fn the_file_lists_sources_with_secrets_in_texts_and_files() {
    let file = r#"
        [[sources]]
        owner = "a"
        webhook_secrets = ["old", "new"]
        webhook_secret_files = ["secret"]
        token_env = "MY_TOKEN"
        [[sources]]
        owner = "b"
        token_file = "secret"
    "#;
    let case = Case {
        environment: &[("MY_TOKEN", "t")],
        ..Case::file(file)
    };
    let config = case.load().unwrap();
    let [a, b] = config.sources.as_slice() else {
        panic!("{:?}", config.sources)
    };
    assert_eq!(exposed(&a.secrets), ["old", "new", "from-a-file"]);
    assert_eq!(a.token.as_ref().unwrap().expose(), "t");
    assert_eq!(b.token.as_ref().unwrap().expose(), "from-a-file");
    let ambiguous = Case {
        environment: &[("MY_TOKEN", "t"), ("GAPLESS_OWNER", "c")],
        ..Case::file(file)
    };
    assert!(ambiguous.faults()[0].contains("the file lists 2"));
}

#[test]
fn services_of_their_own_are_taken_from_the_file_or_the_environment() {
    let file = r#"
        [kafka]
        bootstrap = "a:9092,b:9092"
        settings = { "security.protocol" = "SASL_SSL", "sasl.password" = { file = "secret" } }
        [registry]
        url = "http://registry:8081/"
        [clickhouse]
        url = "http://clickhouse:8123"
        writer_password = "w"
        reader_password_file = "secret"
    "#;
    let case = Case {
        environment: &[("GAPLESS_CLICKHOUSE_WRITER_USER", "writer")],
        ..Case::file(file)
    };
    let config = case.load().unwrap();
    let Stores::External(external) = &config.settings.stores else {
        panic!("embedded")
    };
    assert_eq!(external.kafka.bootstrap_servers, "a:9092,b:9092");
    let password = ("sasl.password".to_owned(), "from-a-file".to_owned());
    assert!(external.kafka.settings.contains(&password));
    assert_eq!(
        external.registry_url.as_deref(),
        Some("http://registry:8081")
    );
    assert_eq!(
        (
            external.clickhouse.user.as_str(),
            external.clickhouse.password.as_str()
        ),
        ("writer", "w")
    );
    assert_eq!(
        (
            external.reader.user.as_str(),
            external.reader.password.as_str()
        ),
        ("reader", "from-a-file")
    );
}

#[test]
fn the_composed_systems_configuration_is_valid_and_its_secrets_are_files() {
    let text = include_str!("../../docker/gapless.toml");
    let secrets: Vec<&str> = text
        .split("\"/run/secrets/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(secrets.len(), 5, "{secrets:?}");
    let mut file = text.to_owned();
    for secret in secrets {
        file = file.replace(&format!("\"/run/secrets/{secret}\""), "\"secret\"");
    }
    let config = Case::file(&file).load().unwrap();
    let Stores::External(external) = &config.settings.stores else {
        panic!("it runs stores of its own");
    };
    assert_eq!(config.settings.operator_listen.to_string(), "0.0.0.0:8081");
    let source = &config.sources[0];
    assert_eq!(exposed(&source.secrets), ["from-a-file"]);
    assert_eq!(source.token.as_ref().unwrap().expose(), "from-a-file");
    let password = ("sasl.password".to_owned(), "from-a-file".to_owned());
    assert!(external.kafka.settings.contains(&password));
    assert_eq!(external.reader.password, "from-a-file");
}

#[test]
fn the_documented_example_is_valid_and_names_every_key() {
    let page = include_str!("../../docs/configuration.md");
    let file = page
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let file = file.replace("/run/secrets/", "").replace("_token\"", "\"");
    let case = Case {
        environment: &[("GITHUB_TOKEN", "t")],
        ..Case::file(&file)
    };
    case.load().unwrap();
}

#[test]
fn a_misspelt_variable_is_a_fault_and_a_strangers_is_not() {
    let misspelt = Case {
        file: "",
        environment: &[("GAPLESS_WEBHOK_SECRET", "x")],
        flags: &[],
    };
    let fault = "GAPLESS_WEBHOK_SECRET in the environment is no variable of Gapless: did you mean GAPLESS_WEBHOOK_SECRET?";
    assert_eq!(misspelt.faults(), [fault]);
    let strange = Case {
        file: "",
        environment: &[("GAPLESS_SOMETHING_ELSE_ENTIRELY", "x")],
        flags: &[],
    };
    strange.load().unwrap();
}

#[test]
fn a_demo_passes_over_what_the_environment_tells_up() {
    let demo = |name: &str, value: &str| {
        demo_settings(
            Given {
                environment: [(name.to_owned(), value.to_owned())].into(),
                ..Given::default()
            },
            Path::new("gapless-demo"),
        )
    };
    for name in [
        "GAPLESS_HOST",
        "GAPLESS_OWNER",
        "GAPLESS_GITHUB_TOKEN",
        "GAPLESS_WEBHOOK_SECRET_FILE",
        "GAPLESS_KAFKA_BOOTSTRAP",
        "GAPLESS_CLICKHOUSE_URL",
    ] {
        demo(name, "told").unwrap();
    }
    demo("GAPLESS_HOSTS", "told").unwrap_err();
    demo("GAPLESS_PARTITIONS", "told").unwrap_err();
}

#[test]
fn an_address_that_is_refused_is_not_told_as_a_password_may_stand_in_it() {
    let table = [
        (
            "[clickhouse]\nurl",
            "http://u:hush@c:8123",
            "the address holds a user or password",
        ),
        (
            "[clickhouse]\nurl",
            "u:hush@c",
            "this is no address such as",
        ),
        ("[registry]\nurl", "u:hush@r", "this is no address such as"),
        (
            "[[sources]]\napi_base_url",
            "https://u:hush@g/",
            "holds a user or password",
        ),
        ("[[sources]]\napi_base_url", "u:hush@g", "is no address"),
    ];
    for (key, address, expected) in table {
        let found = Case::file(&format!("{key} = \"{address}\"\n")).faults();
        assert!(found[0].contains(expected), "{address}: {found:#?}");
        assert!(!found[0].contains("hush"), "{address}: {found:#?}");
    }
}

#[test]
fn no_fault_and_no_debug_print_tells_a_secret() {
    let case = Case {
        file: "partitions = 0\n[[sources]]\nowner = \"o\"\ntoken = \"hush\"\nwebhook_secrets = [\"hush\"]\n",
        environment: &[("GAPLESS_CLICKHOUSE_WRITER_PASSWORD", "hush")],
        flags: &[],
    };
    assert!(!case.load().unwrap_err().to_string().contains("hush"));
    let right = Case {
        file: &case.file.replace("partitions = 0", ""),
        ..case
    };
    assert!(!format!("{:?}", right.load().unwrap()).contains("hush"));
}
