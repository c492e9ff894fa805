//! People, bots, teams and the organisation, with their JSON rendered once for as long as it holds:
//! a login changes, and an account that was deleted is shown as nobody or as the ghost.

use crate::json::Json;
use crate::options::{Options, PayloadForm};
use crate::render::node_id;
use std::ops::Range;

/// A person, a bot or the organisation.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) kind: AccountKind,
    /// The `user` object of payloads.
    pub(crate) json: String,
    /// It was deleted; `login` is its last one.
    pub(crate) gone: bool,
}

/// How GitHub shows an account that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownAs {
    Nobody,
    Ghost,
}

/// What GitHub calls an account's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountKind {
    User,
    Bot,
    Organization,
}

/// A team of the organisation.
#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) slug: String,
    /// The `team` object of payloads.
    pub(crate) json: String,
}

/// Everyone there is.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// People first, then the bots, then those who joined later.
    pub(crate) members: Vec<Account>,
    /// How many of `members` are people.
    pub(crate) people: usize,
    pub(crate) teams: Vec<Team>,
    /// The organisation as the owner of repositories.
    pub(crate) organisation: Account,
    /// The `organization` object of payloads.
    pub(crate) organisation_json: String,
}

const GIVEN_NAMES: [&str; 32] = [
    "ada", "bao", "chidi", "dana", "elif", "femi", "gaia", "hugo", "ines", "jun", "kira", "luca",
    "mara", "nils", "olga", "priya", "quinn", "rosa", "sami", "tove", "ugo", "vera", "wim",
    "xenia", "yael", "zeno", "arne", "birgit", "carlo", "dunja", "emil", "freya",
];
const FAMILY_NAMES: [&str; 16] = [
    "adler", "brandt", "cole", "diaz", "evers", "frost", "gupta", "haas", "ito", "jansen", "khan",
    "lund", "meyer", "novak", "okoye", "park",
];
const BOTS: [&str; 3] = ["dependabot[bot]", "renovate[bot]", "merge-steward[bot]"];
const TEAMS: [&str; 4] = ["platform", "payments", "web", "reliability"];

impl Accounts {
    pub(crate) fn new(options: &Options) -> Self {
        let people = options.people.max(3);
        let mut members: Vec<Account> = (0..people)
            .map(|index| {
                let given = GIVEN_NAMES[index % GIVEN_NAMES.len()];
                let family = FAMILY_NAMES[(index / GIVEN_NAMES.len() + index) % FAMILY_NAMES.len()];
                let login = match index / (GIVEN_NAMES.len() * FAMILY_NAMES.len()) {
                    0 => format!("{given}-{family}"),
                    round => format!("{given}-{family}-{round}"),
                };
                Account::new(
                    options,
                    7_100_301 + 977 * index as u64,
                    login,
                    AccountKind::User,
                )
            })
            .collect();
        members.extend(BOTS.iter().enumerate().map(|(index, login)| {
            Account::new(
                options,
                49_699_333 + 20_011 * index as u64,
                (*login).to_owned(),
                AccountKind::Bot,
            )
        }));
        let organisation = Account::new(
            options,
            options.organisation_id,
            options.organisation_login.clone(),
            AccountKind::Organization,
        );
        let teams = TEAMS
            .iter()
            .enumerate()
            .map(|(index, slug)| Team::new(options, 3_302_817 + 41 * index as u64, slug))
            .collect();
        Self {
            members,
            people,
            teams,
            organisation_json: organisation_json(options),
            organisation,
        }
    }
}

/// The account that stands for all that were deleted.
const GHOST: (u64, &str) = (10_137, "ghost");

impl Accounts {
    /// The bots' places in `members`.
    pub(crate) fn bots(&self) -> Range<usize> {
        self.people..self.people + BOTS.len()
    }

    /// The place of a person who joins.
    pub(crate) fn join(&mut self, options: &Options, login: &str) -> usize {
        let place = self.members.len();
        let id = 161_803_398 + 6_007 * place as u64;
        let account = Account::new(options, id, login.to_owned(), AccountKind::User);
        self.members.push(account);
        place
    }

    /// Gives an account another login, which leaves the old one to whoever takes it.
    pub(crate) fn rename(&mut self, options: &Options, account: usize, login: &str) {
        let member = &mut self.members[account];
        *member = Account::new(options, member.id, login.to_owned(), member.kind);
    }

    /// Deletes an account: from now on it is shown as somebody else.
    pub(crate) fn delete(&mut self, options: &Options, account: usize, shown_as: ShownAs) {
        let member = &mut self.members[account];
        member.gone = true;
        member.json = match shown_as {
            ShownAs::Nobody => "null".to_owned(),
            ShownAs::Ghost => user_json(options, GHOST.0, GHOST.1, AccountKind::User),
        };
    }
}

impl Account {
    fn new(options: &Options, id: u64, login: String, kind: AccountKind) -> Self {
        let json = user_json(options, id, &login, kind);
        Self {
            id,
            login,
            kind,
            json,
            gone: false,
        }
    }

    /// The first part of the name, as a commit's author has it.
    pub(crate) fn given_name(&self) -> &str {
        self.login.split(['-', '[']).next().unwrap_or(&self.login)
    }
}

fn user_json(options: &Options, id: u64, login: &str, kind: AccountKind) -> String {
    let (html, api) = (options.html_base(), options.api_base());
    let escaped = login.replace('[', "%5B").replace(']', "%5D");
    let user = format!("{api}/users/{escaped}");
    let (node_type, type_name) = match kind {
        AccountKind::User => ("User", "User"),
        AccountKind::Bot => ("Bot", "Bot"),
        AccountKind::Organization => ("Organization", "Organization"),
    };
    let mut json = Json::new(options.payload == PayloadForm::Complete, 1_024);
    json.object(|json| {
        json.text("login", login);
        json.number("id", id);
        json.text("node_id", node_id(node_type, id));
        json.address(
            "avatar_url",
            format_args!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        );
        json.text("gravatar_id", "");
        json.address("url", &user);
        match kind {
            AccountKind::Bot => json.address(
                "html_url",
                format_args!("{html}/apps/{}", login.trim_end_matches("[bot]")),
            ),
            AccountKind::User | AccountKind::Organization => {
                json.address("html_url", format_args!("{html}/{login}"));
            }
        }
        for (key, path) in [
            ("followers_url", "followers"),
            ("following_url", "following{/other_user}"),
            ("gists_url", "gists{/gist_id}"),
            ("starred_url", "starred{/owner}{/repo}"),
            ("subscriptions_url", "subscriptions"),
            ("organizations_url", "orgs"),
            ("repos_url", "repos"),
            ("events_url", "events{/privacy}"),
            ("received_events_url", "received_events"),
        ] {
            json.address(key, format_args!("{user}/{path}"));
        }
        json.text("type", type_name);
        json.truth("site_admin", false);
    });
    json.into_text()
}

fn organisation_json(options: &Options) -> String {
    let organisation = format!("{}/orgs/{}", options.api_base(), options.organisation_login);
    let id = options.organisation_id;
    let mut json = Json::new(options.payload == PayloadForm::Complete, 1_024);
    json.object(|json| {
        json.text("login", &options.organisation_login);
        json.number("id", id);
        json.text("node_id", node_id("Organization", id));
        json.address("url", &organisation);
        for (key, path) in [
            ("repos_url", "repos"),
            ("events_url", "events"),
            ("hooks_url", "hooks"),
            ("issues_url", "issues"),
            ("members_url", "members{/member}"),
            ("public_members_url", "public_members{/member}"),
        ] {
            json.address(key, format_args!("{organisation}/{path}"));
        }
        json.address(
            "avatar_url",
            format_args!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        );
        json.text("description", "A simulated organisation");
    });
    json.into_text()
}

impl Team {
    fn new(options: &Options, id: u64, slug: &str) -> Self {
        let organisation = options.organisation_id;
        let team = format!(
            "{}/organizations/{organisation}/team/{id}",
            options.api_base()
        );
        let mut json = Json::new(options.payload == PayloadForm::Complete, 512);
        json.object(|json| {
            json.text("name", slug);
            json.number("id", id);
            json.text("node_id", node_id("Team", id));
            json.text("slug", slug);
            json.text("description", "");
            json.text("privacy", "closed");
            json.text("notification_setting", "notifications_enabled");
            json.address("url", &team);
            json.address(
                "html_url",
                format_args!(
                    "{}/orgs/{}/teams/{slug}",
                    options.html_base(),
                    options.organisation_login
                ),
            );
            json.address("members_url", format_args!("{team}/members{{/member}}"));
            json.address("repositories_url", format_args!("{team}/repos"));
            json.text("permission", "push");
            json.null("parent");
        });
        Self {
            slug: slug.to_owned(),
            json: json.into_text(),
        }
    }
}
