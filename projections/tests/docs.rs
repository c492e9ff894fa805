//! The page of all tables says what the definitions say.

use std::path::Path;

/// Set to write the page anew.
const REGENERATE: &str = "GAPLESS_REGENERATE";

#[test]
fn the_page_of_tables_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tables.md");
    let text = gapless_projections::docs::tables_md();
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(
        found, text,
        "docs/tables.md is out of date: run the tests of gapless-projections with {REGENERATE}=1"
    );
}

#[test]
fn the_migrations_make_the_tables_that_the_definitions_say() {
    // One migration so far, and none was released: it follows the definitions.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/0001_tables.sql");
    let text = gapless_projections::migrations::from_definitions();
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), text);
}
