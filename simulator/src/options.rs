//! What a simulated GitHub can be told.

use crate::oddity::Oddity;
use gapless_schemas::Timestamp;

/// Everything that decides a simulated organisation. Two worlds of equal options are equal to the
/// last byte.
#[derive(Clone, Debug)]
pub struct Options {
    /// From this all else is drawn.
    pub seed: u64,
    /// Repositories at the end of the first quarter; at least 1.
    pub repositories: usize,
    /// Webhook deliveries after which the world comes to rest. The last step may exceed it by the
    /// few deliveries that one change causes.
    pub changes: usize,
    /// The first instant of the simulated time.
    pub start: Timestamp,
    /// Simulated days over which the changes are spread (about: the pace is steered towards it).
    pub span_days: u32,
    /// What happens to deliveries on their way; read by [`crate::FaultyChannel`].
    pub faults: Faults,
    /// What the REST answers suffer from.
    pub api_faults: ApiFaults,
    /// Share (0..1) of changes that fall into one second with another change of the same item.
    pub same_second_share: f64,
    /// What happens at least once in the life besides the ordinary (where it has
    /// [`LEAST_CHANGES_FOR_ODDITIES`] at least), and once more for each few thousand deliveries.
    pub oddities: &'static [Oddity],
    /// The webhook's secret, with which deliveries are signed.
    pub secret: String,
    /// `github.com`, or a GHES host, whose API lies under `/api/v3`.
    pub host: String,
    /// The organisation's name.
    pub organisation_login: String,
    /// The organisation's id.
    pub organisation_id: u64,
    /// The organisation hook's id.
    pub hook_id: u64,
    /// People beside the bots; at least 3.
    pub people: usize,
    /// Requests an hour of simulated time for each token. GitHub grants 5,000.
    pub requests_per_hour: u32,
    /// How much of GitHub's payload is rendered.
    pub payload: PayloadForm,
    /// Characters added to each description of an issue or pull request, to reach the size of
    /// longer real bodies.
    pub payload_padding: usize,
}

/// Deliveries of a life below which it has no [`Options::oddities`]: they need room.
pub const LEAST_CHANGES_FOR_ODDITIES: usize = 250;

/// How much of GitHub's payload is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadForm {
    /// All keys that GitHub sends: `pull_request` 25 to 32 KB, `issues` 12 KB.
    Complete,
    /// Without the addresses (`…_url`, `_links`), about a quarter of the size: for simulations of
    /// many seeds, where parsing would be most of the work. All else is the same.
    Compact,
}

/// Rates, 0..1, of what happens to deliveries between GitHub and the receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Never arrives, and GitHub lists no failed attempt either.
    pub lost: f64,
    /// Arrives twice with one GUID, the second up to ten minutes later.
    pub doubled: f64,
    /// Arrives seconds to four hours late.
    pub delayed: f64,
    /// Is overtaken by the next delivery of its repository.
    pub reordered: f64,
}

/// Rates, 0..1, of what happens to REST requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ApiFaults {
    /// Answered 500 or 502 with an HTML page.
    pub error_500_rate: f64,
    /// Never answered.
    pub timeout_rate: f64,
    /// Answered 403 for a secondary limit, every second time with `Retry-After`.
    pub secondary_limit_rate: f64,
    /// The connection ends in mid-body.
    pub truncated_body_rate: f64,
}

impl Default for Options {
    /// 20 repositories and 50,000 deliveries over 2025, without faults.
    fn default() -> Self {
        Self {
            seed: 1,
            repositories: 20,
            changes: 50_000,
            start: Timestamp::from_seconds(1_735_689_600),
            span_days: 365,
            faults: Faults::default(),
            api_faults: ApiFaults::default(),
            same_second_share: 0.10,
            oddities: &[],
            secret: "a secret between the simulator and its hook".to_owned(),
            host: "github.com".to_owned(),
            organisation_login: "lighthouse-works".to_owned(),
            organisation_id: 40_527_191,
            hook_id: 419_302_577,
            people: 40,
            requests_per_hour: 5_000,
            payload: PayloadForm::Complete,
            payload_padding: 0,
        }
    }
}

impl Options {
    /// `https://github.com` or the GHES's own address.
    pub fn html_base(&self) -> String {
        format!("https://{}", self.host)
    }

    /// `https://api.github.com`, or `https://HOST/api/v3` for a GHES.
    pub fn api_base(&self) -> String {
        if self.host == "github.com" {
            "https://api.github.com".to_owned()
        } else {
            format!("https://{}/api/v3", self.host)
        }
    }
}
