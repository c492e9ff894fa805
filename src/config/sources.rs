//! The list of sources: each a host with an owner, its webhook's secrets and a credential.

use super::layers::{Key, Layers};
use super::section::Section;
use gapless_ingest::{PUBLIC_HOST, Secret, SourceConfig};
use reqwest::Url;
use std::collections::BTreeSet;
use std::path::Path;

const PUBLIC_API: &str = "https://api.github.com";

/// The one source that the environment tells; what it tells wins over the file's only source.
const HOST: Key = Key::variable("GAPLESS_HOST");
const OWNER: Key = Key::variable("GAPLESS_OWNER").or_flag("--owner");
const API: Key = Key::variable("GAPLESS_API_BASE_URL");
const SECRET: Key = Key::variable("GAPLESS_WEBHOOK_SECRET");
const SECRET_FILE: Key = Key::variable("GAPLESS_WEBHOOK_SECRET_FILE");
const TOKEN: Key = Key::variable("GAPLESS_GITHUB_TOKEN");
const TOKEN_FILE: Key = Key::variable("GAPLESS_GITHUB_TOKEN_FILE");

/// One source, as far as it was told.
#[derive(Default)]
struct Told {
    host: Option<String>,
    owner: Option<String>,
    api_base_url: Option<String>,
    secrets: Vec<Secret>,
    token: Option<Secret>,
}

/// All sources; one of the public host where nothing is configured.
pub(super) fn read(layers: &mut Layers) -> Vec<SourceConfig> {
    let mut sections = std::mem::take(&mut layers.sources);
    let mut told: Vec<(String, Told)> = sections
        .iter_mut()
        .map(|section| (section.place().to_owned(), from_section(section, layers)))
        .collect();
    let from_outside = from_environment(layers);
    layers.sources = sections;
    match (told.as_mut_slice(), from_outside) {
        (_, None) => {}
        ([], Some(outside)) => told.push(("the environment".to_owned(), outside)),
        ([(_, only)], Some(outside)) => only.overrule(outside),
        (several, Some(_)) => {
            let count = several.len();
            layers.problems.add(format!(
                "the environment or a flag tells a source (GAPLESS_OWNER, GAPLESS_WEBHOOK_SECRET, \
                 …), but the file lists {count}: tell all of them in the file"
            ));
        }
    }
    if told.is_empty() {
        told.push(("the default".to_owned(), Told::default()));
    }
    let mut seen = BTreeSet::new();
    let mut sources = Vec::new();
    for (place, told) in told {
        let source = checked(told, &place, layers);
        let owner = source.owner.as_ref().map(|owner| owner.to_lowercase());
        if !seen.insert((source.host.clone(), owner)) {
            layers.problems.add(format!(
                "{place}: this host and owner stand in the list twice: make them one source, which \
                 may have several secrets"
            ));
        }
        sources.push(source);
    }
    sources
}

impl Told {
    fn overrule(&mut self, outside: Self) {
        self.host = outside.host.or(self.host.take());
        self.owner = outside.owner.or(self.owner.take());
        self.api_base_url = outside.api_base_url.or(self.api_base_url.take());
        self.token = outside.token.or(self.token.take());
        if !outside.secrets.is_empty() {
            self.secrets = outside.secrets;
        }
    }
}

fn from_environment(layers: &mut Layers) -> Option<Told> {
    let mut text = |key| layers.find(key).map(|found| found.text);
    let (host, owner, api_base_url) = (text(&HOST), text(&OWNER), text(&API));
    let told = Told {
        host,
        owner,
        api_base_url,
        secrets: layers.secret(&SECRET, &SECRET_FILE).into_iter().collect(),
        token: layers.secret(&TOKEN, &TOKEN_FILE),
    };
    let is_told = told.host.is_some()
        || told.owner.is_some()
        || told.api_base_url.is_some()
        || told.token.is_some()
        || !told.secrets.is_empty();
    is_told.then_some(told)
}

fn from_section(section: &mut Section, layers: &mut Layers) -> Told {
    let problems = &mut layers.problems;
    let mut text = |key| section.text(key, problems).map(|(text, _)| text);
    let (host, owner, api_base_url) = (text("host"), text("owner"), text("api_base_url"));
    let tokens = [text("token"), text("token_file"), text("token_env")];
    let mut secrets: Vec<Secret> = section
        .texts("webhook_secrets", problems)
        .into_iter()
        .map(Secret::new)
        .collect();
    for path in section.texts("webhook_secret_files", problems) {
        let place = section.place_of("webhook_secret_files");
        secrets.extend(layers.secret_file(Path::new(&path), &place));
    }
    Told {
        host,
        owner,
        api_base_url,
        secrets,
        token: token(tokens, section, layers),
    }
}

/// The token, told in one of three ways.
fn token(told: [Option<String>; 3], section: &Section, layers: &mut Layers) -> Option<Secret> {
    match told {
        [None, None, None] => None,
        [Some(token), None, None] => Some(Secret::new(token)),
        [None, Some(path), None] => {
            layers.secret_file(Path::new(&path), &section.place_of("token_file"))
        }
        [None, None, Some(name)] => {
            let token = layers.variable(&name).map(Secret::new);
            if token.is_none() {
                layers.problems.add(format!(
                    "{}: the environment has no variable {name}: set it, or leave the key out",
                    section.place_of("token_env")
                ));
            }
            token
        }
        _ => {
            layers.problems.add(format!(
                "{}: token, token_file and token_env tell the same: keep one of them",
                section.place()
            ));
            None
        }
    }
}

fn checked(told: Told, place: &str, layers: &mut Layers) -> SourceConfig {
    let host = told.host.unwrap_or_else(|| PUBLIC_HOST.to_owned());
    let host = host.to_lowercase();
    let is_name = |text: &str| {
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "/:@?#".contains(c))
    };
    // A host may have a port.
    if !is_name(&host.replacen(':', "", 1)) {
        layers.problems.add(format!(
            "{place}: the host {host:?} is no host name: write it without https:// and slashes, such \
             as github.com"
        ));
    }
    if let Some(owner) = told.owner.as_ref().filter(|owner| !is_name(owner)) {
        layers.problems.add(format!(
            "{place}: the owner {owner:?} is no login: write the organisation's or user's login alone"
        ));
    }
    let api_base_url = told.api_base_url.unwrap_or_else(|| {
        if host == PUBLIC_HOST {
            PUBLIC_API.to_owned()
        } else {
            format!("https://{host}/api/v3")
        }
    });
    // Its text is not told: there may be a password in it.
    match http_url(&api_base_url) {
        None => layers.problems.add(format!(
            "{place}: the api_base_url is no address: write something like {PUBLIC_API}"
        )),
        Some(url) if holds_user(&url) => layers.problems.add(format!(
            "{place}: the api_base_url holds a user or password: leave them out and set a token"
        )),
        Some(_) => {}
    }
    SourceConfig {
        host,
        owner: told.owner,
        secrets: told.secrets,
        api_base_url,
        token: told.token,
    }
}

/// An address that can be asked over HTTP.
pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Whether credentials stand in an address, which is printed.
pub(super) fn holds_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
