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

fn is_refused(sql: &str) -> bool {
    refusal(sql.as_bytes()).is_some()
}

#[test]
fn nobody_writes_a_file_of_the_machine() {
    assert!(is_refused("SELECT 1 INTO OUTFILE 'x'"));
    assert!(is_refused("SELECT 1 into/**/outfile 'x'"));
    assert!(!is_refused("SELECT 'into outfile'"));
}

#[test]
fn one_request_is_one_statement() {
    assert!(is_refused("CREATE DATABASE a; SELECT 1"));
    assert!(!is_refused("SELECT 1; -- the end"));
    assert!(!is_refused("SELECT ';', 1;;"));
    assert!(!is_refused("INSERT INTO t VALUES (1); (2)"));
}
