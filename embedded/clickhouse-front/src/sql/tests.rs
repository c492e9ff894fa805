use super::*;

fn insert_parts(sql: &str) -> (&str, String, &str) {
    match classify(sql.as_bytes()) {
        Statement::Insert {
            head_end,
            format,
            data_start,
        } => (sql[..head_end].trim(), format, &sql[data_start..]),
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn an_insert_is_cut_before_its_format_and_its_data() {
    let cases = [
        (
            "INSERT INTO t(`a`,`b`) FORMAT RowBinary",
            "INSERT INTO t(`a`,`b`)",
            "RowBinary",
            "",
        ),
        (
            "insert into `d`.`format` settings async_insert=0 format CSV\n1,'select'",
            "insert into `d`.`format` settings async_insert=0",
            "CSV",
            "1,'select'",
        ),
        (
            "/* x */ INSERT INTO t VALUES (1,'a')",
            "/* x */ INSERT INTO t",
            "Values",
            " (1,'a')",
        ),
        (
            "INSERT INTO format FORMAT TSV\r\n1",
            "INSERT INTO format",
            "TSV",
            "1",
        ),
    ];
    for (sql, head, format, data) in cases {
        assert_eq!(insert_parts(sql), (head, format.to_string(), data), "{sql}");
    }
}

#[test]
fn an_insert_that_selects_takes_no_data() {
    for sql in [
        "INSERT INTO t SELECT 1 FORMAT x",
        "INSERT INTO t(a) SELECT * FROM x",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "INSERT INTO t",
    ] {
        assert_eq!(classify(sql.as_bytes()), Statement::Other, "{sql}");
    }
}

#[test]
fn a_query_is_known_behind_brackets_and_comments() {
    for sql in [
        "(select 1) union all select 2",
        "-- c\nWITH 1 AS x SELECT x",
        "# c\nFROM t",
        "#!c\nFROM t",
        "// '\nFROM t",
    ] {
        assert_eq!(classify(sql.as_bytes()), Statement::Select, "{sql}");
    }
    assert_eq!(classify(b"CREATE TABLE t AS SELECT 1"), Statement::Other);
    assert_eq!(classify(b"'never closed"), Statement::Other);
    assert_eq!(classify(b"/* never closed"), Statement::Other);
}

#[test]
fn the_output_format_is_the_last_clause_only() {
    let cases = [
        ("select 1 format JSON", Some("JSON")),
        ("select 1 format JSON settings max_threads=1;", Some("JSON")),
        ("select format('{}', 1)", None),
        ("select 'x' as format", None),
        ("select 1 -- format JSON", None),
    ];
    for (sql, format) in cases {
        assert_eq!(output_format(sql.as_bytes()).as_deref(), format, "{sql}");
    }
}

fn is_refused(sql: &str, access: Access) -> bool {
    refusal(sql.as_bytes(), access).is_some()
}

#[test]
fn nobody_writes_a_file_of_the_machine() {
    assert!(is_refused("SELECT 1 INTO OUTFILE 'x'", Access::Write));
    assert!(is_refused("SELECT 1 into/**/outfile 'x'", Access::Read));
    assert!(!is_refused("SELECT 'into outfile'", Access::Read));
    assert!(!is_refused("SELECT * FROM file('x')", Access::Write));
}

#[test]
fn one_request_is_one_statement() {
    assert!(is_refused("CREATE DATABASE a; SELECT 1", Access::Write));
    assert!(!is_refused("SELECT 1; -- the end", Access::Read));
    assert!(!is_refused("SELECT ';', 1;;", Access::Read));
    assert!(!is_refused("INSERT INTO t VALUES (1); (2)", Access::Write));
}

#[test]
fn a_reader_only_queries() {
    for sql in [
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "INSERT INTO t VALUES (1)",
        "(DROP",
    ] {
        assert!(is_refused(sql, Access::Read), "{sql}");
        assert!(!is_refused(sql, Access::Write), "{sql}");
    }
    for sql in [
        "((SELECT 1))",
        "SHOW TABLES",
        "/* x */ EXPLAIN SELECT 1",
        "desc t",
    ] {
        assert!(!is_refused(sql, Access::Read), "{sql}");
    }
}

#[test]
fn a_reader_calls_nothing_outside_the_database() {
    for sql in [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM URL ( 'http://127.0.0.1' )",
        "SELECT * FROM `s3Cluster`('x')",
        "SELECT (SELECT count() FROM remote('h', 'd', 't'))",
        "SELECT file('x')",
        "SELECT * FROM icebergLocal('x')",
        "SELECT * FROM icebergAzureCluster('x')",
        "SELECT * FROM cluster('x', 'd', 't')",
        "SELECT * APPLY file FROM (SELECT 'x')",
        "SELECT arrayMap((`file`), ['x'])",
        "SELECT arrayMap({name : Identifier}, ['x'])",
        "SELECT /* /* */ ' */ file('x') -- '",
        "SELECT 1 // '\n, file('x') -- '",
    ] {
        assert!(is_refused(sql, Access::Read), "{sql}");
    }
    for sql in [
        "SELECT t.file FROM t WHERE url = 'x'",
        "SELECT cutFragment(url), filesystemAvailable FROM t",
        "SELECT 'file(1)' -- file(2)",
        "SELECT 1 /* file(1) /* file(2) */ file(3) */",
        "SELECT * APPLY(toString), {identifier:String} FROM t",
    ] {
        assert!(!is_refused(sql, Access::Read), "{sql}");
    }
}

#[test]
fn what_the_engine_might_read_otherwise_is_refused_to_a_reader() {
    for sql in [
        r"SELECT `fi\x6ce`('x')",
        r#"SELECT "fi\Nle"('x')"#,
        "SELECT $$'$$, file('x'), $$'$$",
        "SELECT $a$'$a$, 1 -- '",
        "SELECT\u{a0}1",
        "SELECT \u{2018}'\u{2019}, file('x') -- '",
        "SELECT größe FROM t",
        r"SELECT 1\G KILL QUERY WHERE 1",
        "SELECT 'a",
        "SELECT `a",
        r#"SELECT "a\""#,
        "SELECT 1 #'\n, file('x') -- '",
        "SELECT 1\0",
        "SELECT 1e--5, file('x')",
        "SELECT 0x1P--5, file('x')",
    ] {
        assert!(is_refused(sql, Access::Read), "{sql}");
        assert!(!is_refused(sql, Access::Write), "{sql}");
    }
    for sql in [
        r#"SELECT '$ \' \x41 größe', `größe`, '$$', "a $b" -- $ größe"#,
        "SELECT 1 /* $ größe ' */",
        "SELECT 1e-5, 1 - -1, 2--5",
        "SELECT {name:String}, [1][1], {'a': 1}['a'] FROM `a``b`.t",
    ] {
        assert!(!is_refused(sql, Access::Read), "{sql}");
    }
}

#[test]
fn a_readers_query_holds_no_settings() {
    for sql in [
        "SELECT 1 SETTINGS max_threads = 1",
        "SELECT (SELECT 1 settings/**/x = '/etc/passwd')",
        "SELECT * FROM (SELECT 1. SETTINGS x = 1)",
        "SELECT * FROM (SELECT 0x1p. SETTINGS x = 1)",
        "DESCRIBE (SELECT 1 SETTINGS x = 1)",
    ] {
        assert!(is_refused(sql, Access::Read), "{sql}");
        assert!(!is_refused(sql, Access::Write), "{sql}");
    }
    for sql in [
        "SELECT * FROM system.settings",
        "SELECT t.settings, `settings`, 'SETTINGS x = 1' FROM t",
    ] {
        assert!(!is_refused(sql, Access::Read), "{sql}");
    }
}
