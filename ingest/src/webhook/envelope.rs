//! From a verified delivery to the event that is appended: a shallow look into the payload, and
//! the bytes untouched.

use super::json::{self, NotJson, Scanner};
use super::request::{BodyForm, Preflight};
use super::{Outcome, form};
use gapless_schemas::{Event, PayloadForm, Source, Timestamp, ids};

/// What routing needs to know of a payload. Whatever is missing or of another type is none: the
/// delivery is kept all the same.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    action: Option<String>,
    number: Option<i64>,
    repository: Named,
    repository_owner: Named,
    organization: Named,
    /// Whose installation, sponsorship or purchase it is about, of kinds with neither of these.
    account: Named,
    pull_request: Item,
    issue: Item,
}

/// Id and name of a repository, user or organisation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    id: Option<i64>,
    name: Option<String>,
}

/// Number and time of a pull request or issue.
#[derive(Debug, Default, PartialEq, Eq)]
struct Item {
    number: Option<i64>,
    updated_at: Option<Timestamp>,
}

/// The id of the event that this delivery is: a redelivery has the same one.
pub(super) fn event_id(preflight: &Preflight, body: &[u8]) -> String {
    ids::webhook_event_id(&preflight.host, &preflight.delivery, body)
}

/// The event of a delivery whose signature holds.
pub(super) fn event(
    preflight: Preflight,
    event_id: String,
    body: Vec<u8>,
    received_at: Timestamp,
) -> Result<Event, Outcome> {
    let payload = match preflight.form {
        BodyForm::Json => body,
        BodyForm::Form => form::payload(&body).ok_or(Outcome::FormPayload)?,
    };
    let mut look = look(&payload)?;
    let owner = look.take_owner();
    Ok(Event {
        event_id,
        source: Source::Webhook,
        kind: preflight.kind,
        action: look.action,
        host: preflight.host,
        owner: owner.name,
        owner_id: owner.id,
        repository: look.repository.name,
        repository_id: look.repository.id,
        number: look
            .number
            .or(look.pull_request.number)
            .or(look.issue.number),
        hook_target_id: preflight.hook_target_id,
        occurred_at: look.pull_request.updated_at.or(look.issue.updated_at),
        first_delivered_at: None,
        requested_at: None,
        received_at,
        credential_kind: None,
        headers: preflight.headers,
        payload_form: PayloadForm::Raw,
        payload,
    })
}

fn look(payload: &[u8]) -> Result<Look, Outcome> {
    let text = std::str::from_utf8(payload).map_err(|_| Outcome::NotUtf8)?;
    let mut scanner = Scanner::new(text);
    let first = scanner.peek().map_err(|NotJson| Outcome::NotJson)?;
    let mut look = Look::default();
    scanner
        .members(|key, scanner| look.member(key, scanner))
        .and_then(|()| scanner.end())
        .map_err(|NotJson| Outcome::NotJson)?;
    if first == b'{' {
        Ok(look)
    } else {
        Err(Outcome::NotAnObject)
    }
}

impl Look {
    /// Whose it is: the repository's owner, else the organisation, else the account.
    fn take_owner(&mut self) -> Named {
        let owners = [
            &mut self.repository_owner,
            &mut self.organization,
            &mut self.account,
        ];
        let owner = owners.into_iter().find(|owner| owner.id.is_some());
        owner.map(std::mem::take).unwrap_or_default()
    }

    fn member(&mut self, key: &[u8], scanner: &mut Scanner<'_>) -> Result<(), NotJson> {
        match key {
            b"action" => self.action = json::string(scanner.value()?),
            b"number" => self.number = json::integer(scanner.value()?),
            b"pull_request" => self.pull_request = Item::read(scanner)?,
            b"issue" => self.issue = Item::read(scanner)?,
            b"organization" => self.organization = Named::account(scanner)?,
            b"account" => self.account = Named::account(scanner)?,
            b"installation" | b"marketplace_purchase" | b"sponsorship" => {
                scanner.members(|key, scanner| {
                    if matches!(key, b"account" | b"sponsorable") {
                        self.account = Named::account(scanner)?;
                        Ok(())
                    } else {
                        scanner.value().map(drop)
                    }
                })?;
            }
            b"repository" => {
                let owner = &mut self.repository_owner;
                self.repository = Named::read(b"full_name", scanner, |key, scanner| {
                    if key == b"owner" {
                        *owner = Named::account(scanner)?;
                        Ok(())
                    } else {
                        scanner.value().map(drop)
                    }
                })?;
            }
            _ => drop(scanner.value()?),
        }
        Ok(())
    }
}

impl Named {
    /// A user or organisation.
    fn account(scanner: &mut Scanner<'_>) -> Result<Self, NotJson> {
        Self::read(b"login", scanner, |_, scanner| scanner.value().map(drop))
    }

    /// Reads `id` and the member called `name_key`; `other` takes the value of each other member.
    fn read<'a>(
        name_key: &[u8],
        scanner: &mut Scanner<'a>,
        mut other: impl FnMut(&'a [u8], &mut Scanner<'a>) -> Result<(), NotJson>,
    ) -> Result<Self, NotJson> {
        let mut named = Self::default();
        scanner.members(|key, scanner| {
            if key == b"id" {
                named.id = json::integer(scanner.value()?);
            } else if key == name_key {
                named.name = json::string(scanner.value()?);
            } else {
                other(key, scanner)?;
            }
            Ok(())
        })?;
        Ok(named)
    }
}

impl Item {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, NotJson> {
        let mut item = Self::default();
        scanner.members(|key, scanner| {
            let value = scanner.value()?;
            match key {
                b"number" => item.number = json::integer(value),
                b"updated_at" => {
                    item.updated_at = json::string(value).and_then(|text| text.parse().ok());
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_look_takes_what_routing_needs() {
        let found = look(
            br#"{"action":"closed","number":7,"pull_request":{"number":7,"updated_at":
            "2020-03-28T17:06:26Z","base":{"repo":{"id":5}}},"repository":{"id":2,"full_name":"o/r",
            "owner":{"login":"o","id":1}},"organization":{"login":"o","id":1}}"#,
        )
        .unwrap();
        assert_eq!(found.action.as_deref(), Some("closed"));
        assert_eq!(found.number, Some(7));
        assert_eq!(found.repository.id, Some(2));
        assert_eq!(found.repository.name.as_deref(), Some("o/r"));
        assert_eq!(found.repository_owner, found.organization);
        assert_eq!(
            found.pull_request.updated_at,
            "2020-03-28T17:06:26Z".parse().ok()
        );
    }

    #[test]
    fn kinds_without_a_repository_tell_their_owner_too() {
        for payload in [
            r#"{"installation":{"id":1,"account":{"login":"o","id":2}},"repositories":[]}"#,
            r#"{"installation":{"id":1,"account":{"id":2,"login":"o"}},"sender":{"id":9}}"#,
            r#"{"account":{"login":"o","id":2},"installation":{"id":1}}"#,
            r#"{"organization":{"login":"o","id":2},"installation":{"id":1}}"#,
            r#"{"sponsorship":{"sponsor":{"login":"s","id":9},"sponsorable":{"login":"o","id":2}}}"#,
            r#"{"marketplace_purchase":{"account":{"login":"o","id":2},"plan":{"id":3}}}"#,
        ] {
            let owner = look(payload.as_bytes()).unwrap().take_owner();
            let expected = Named {
                id: Some(2),
                name: Some("o".into()),
            };
            assert_eq!(owner, expected, "{payload}");
        }
    }

    #[test]
    fn fields_of_other_types_are_left_out_and_refuse_nothing() {
        for payload in [
            r#"{}"#,
            r#"{"action":1,"number":"7","repository":[],"organization":null,"issue":7}"#,
            r#"{"number":9223372036854775808,"repository":{"id":1e999,"owner":"o"}}"#,
            r#"{"issue":{"number":1.5,"updated_at":"yesterday"}}"#,
        ] {
            assert_eq!(look(payload.as_bytes()), Ok(Look::default()), "{payload}");
        }
    }

    #[test]
    fn ids_beyond_the_doubles_are_read_exactly() {
        let found = look(br#"{"repository":{"id":9007199254740993}}"#).unwrap();
        assert_eq!(found.repository.id, Some(9_007_199_254_740_993));
    }

    #[test]
    fn what_is_no_object_is_told_apart() {
        let nest = "[".repeat(1_000_000);
        let closed = format!("{{\"a\":{nest}{}}}", "]".repeat(1_000_000));
        for (payload, outcome) in [
            (&b""[..], Outcome::NotJson),
            (b" ", Outcome::NotJson),
            (b"{", Outcome::NotJson),
            (b"{}x", Outcome::NotJson),
            (b"\xff", Outcome::NotUtf8),
            (b"{\"a\":\"\xff\"}", Outcome::NotUtf8),
            (b"[]", Outcome::NotAnObject),
            (b"7", Outcome::NotAnObject),
            (b"\"text\"", Outcome::NotAnObject),
            (nest.as_bytes(), Outcome::NotJson),
            (closed.as_bytes(), Outcome::NotJson),
        ] {
            assert_eq!(look(payload).map(drop), Err(outcome));
        }
    }
}
