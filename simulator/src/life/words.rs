//! Texts of titles, descriptions and comments.

use crate::chance::Chance;

const VERBS: [&str; 12] = [
    "Fix", "Add", "Remove", "Speed up", "Document", "Rework", "Test", "Rename", "Guard", "Split",
    "Retry", "Cache",
];
const THINGS: [&str; 16] = [
    "the login form",
    "invoice rounding",
    "pagination",
    "the retry loop",
    "search filters",
    "the \"dark\" theme",
    "exports to CSV",
    "time zones",
    "the rate limiter",
    "webhook signatures",
    "the importer",
    "error pages",
    "the \\path parser",
    "größe and naïve text",
    "health checks",
    "the on-call page",
];
const REPOSITORY_NAMES: [&str; 24] = [
    "api",
    "web",
    "billing",
    "docs",
    "mobile",
    "infra",
    "search",
    "gateway",
    "ledger",
    "importer",
    "design",
    "charts",
    "auth",
    "mailer",
    "scheduler",
    "cli",
    "sdk-rust",
    "sdk-python",
    "terraform",
    "playground",
    "status",
    "edge",
    "notes",
    "lab",
];
const LANGUAGES: [&str; 5] = ["Rust", "TypeScript", "Python", "Go", "HCL"];

pub(crate) fn title(chance: &mut Chance) -> String {
    format!("{} {}", chance.pick(&VERBS), chance.pick(&THINGS))
}

pub(crate) fn body(chance: &mut Chance) -> String {
    let sentences = chance.between(1, 5);
    (0..sentences)
        .map(|_| {
            format!(
                "We should {} {}, because {} breaks without it.\n",
                chance.pick(&VERBS).to_lowercase(),
                chance.pick(&THINGS),
                chance.pick(&THINGS)
            )
        })
        .collect()
}

pub(crate) fn comment(chance: &mut Chance) -> String {
    format!("I looked at {} again.", chance.pick(&THINGS))
}

/// The name of the `index`th repository.
pub(crate) fn repository_name(index: usize) -> String {
    let name = REPOSITORY_NAMES[index % REPOSITORY_NAMES.len()];
    match index / REPOSITORY_NAMES.len() {
        0 => name.to_owned(),
        round => format!("{name}-{round}"),
    }
}

pub(crate) fn language(index: usize) -> &'static str {
    LANGUAGES[index % LANGUAGES.len()]
}

pub(crate) fn branch(chance: &mut Chance, number: u32) -> String {
    let word = chance.pick(&VERBS).to_lowercase().replace(' ', "-");
    format!("{word}/{number}-{}", chance.between(100, 999))
}
