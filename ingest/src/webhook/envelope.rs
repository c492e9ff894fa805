//! From a verified delivery to the event that is appended: a shallow look into the payload, and
//! the bytes untouched.

use super::json::{self, Fault, Scanner};
use super::request::{BodyForm, Preflight};
use super::scope::{Named, Parties};
use super::{Outcome, form};
use gapless_schemas::{Event, PayloadForm, Source, Timestamp, ids};

/// What routing needs to know of a payload. Whatever is missing or of another type is none: the
/// delivery is kept all the same.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    action: Option<String>,
    number: Option<i64>,
    repository: Option<Named>,
    repository_owner: Named,
    organization: Named,
    /// Whom an installation, a sponsorship or a purchase is of.
    accounts: Vec<Named>,
    is_of_enterprise: bool,
    pull_request: Item,
    issue: Item,
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

/// The payload that a verified body holds, and what it says.
pub(super) fn payload(form: BodyForm, body: Vec<u8>) -> Result<(Vec<u8>, Look), Outcome> {
    let payload = match form {
        BodyForm::Json => body,
        BodyForm::Form => form::payload(&body).ok_or(Outcome::FormPayload)?,
    };
    let look = look(&payload)?;
    Ok((payload, look))
}

/// The event of a delivery whose signature holds.
pub(super) fn event(
    preflight: Preflight,
    event_id: String,
    payload: Vec<u8>,
    mut look: Look,
    received_at: Timestamp,
) -> Event {
    let number = look.item_number();
    let owner = look.take_owner();
    let repository = look.repository.unwrap_or_default();
    Event {
        event_id,
        source: Source::Webhook,
        kind: preflight.kind,
        action: look.action,
        host: preflight.host,
        owner: owner.name,
        owner_id: owner.id,
        repository: repository.name,
        repository_id: repository.id,
        number,
        hook_target_id: preflight.hook_target_id,
        occurred_at: look.pull_request.updated_at.or(look.issue.updated_at),
        first_delivered_at: None,
        requested_at: None,
        received_at,
        credential_kind: None,
        headers: preflight.headers,
        payload_form: PayloadForm::Raw,
        payload,
    }
}

fn look(payload: &[u8]) -> Result<Look, Outcome> {
    let text = std::str::from_utf8(payload).map_err(|_| Outcome::NotUtf8)?;
    let mut scanner = Scanner::new(text);
    let mut look = Look::default();
    let read = scanner.peek().and_then(|first| {
        scanner.members(|key, scanner| look.member(key, scanner))?;
        scanner.end()?;
        Ok(first)
    });
    match read {
        Ok(b'{') if look.contradicts_itself() => Err(Outcome::Ambiguous),
        Ok(b'{') => Ok(look),
        Ok(_) => Err(Outcome::NotAnObject),
        Err(Fault::NotJson) => Err(Outcome::NotJson),
        Err(Fault::Ambiguous) => Err(Outcome::Ambiguous),
    }
}

impl Look {
    /// Whose it is: the repository's owner, else the organisation, else an account.
    fn take_owner(&mut self) -> Named {
        let owners = [&mut self.repository_owner, &mut self.organization];
        let mut owners = owners.into_iter().chain(&mut self.accounts);
        let owner = owners.find(|owner| owner.is_told());
        owner.map(std::mem::take).unwrap_or_default()
    }

    fn member(&mut self, key: &[u8], scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        match key {
            b"action" => self.action = json::string(scanner.value()?),
            b"number" => self.number = json::integer(scanner.value()?),
            b"pull_request" => self.pull_request = Item::read(scanner)?,
            b"issue" => self.issue = Item::read(scanner)?,
            b"organization" => self.organization = account(scanner)?,
            b"account" => self.accounts.push(account(scanner)?),
            b"installation" | b"marketplace_purchase" => self.account_in(b"account", scanner)?,
            b"sponsorship" => self.account_in(b"sponsorable", scanner)?,
            b"enterprise" => self.is_of_enterprise = scanner.value()? != b"null",
            b"repository" => self.repository(scanner)?,
            _ => drop(scanner.value()?),
        }
        Ok(())
    }

    fn repository(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        let mut repository = Named::default();
        let is_there = scanner.peek()? == b'{';
        scanner.object(|key, scanner| {
            match key {
                b"id" => repository.id = json::integer(scanner.value()?),
                b"full_name" => repository.name = json::string(scanner.value()?),
                b"owner" => self.repository_owner = account(scanner)?,
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        self.repository = is_there.then_some(repository);
        Ok(())
    }

    fn account_in(&mut self, name: &[u8], scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.object(|key, scanner| {
            if key == name {
                self.accounts.push(account(scanner)?);
                return Ok(());
            }
            scanner.value().map(drop)
        })
    }

    /// The number of the item that the payload is about.
    fn item_number(&self) -> Option<i64> {
        let item = self.pull_request.number.or(self.issue.number);
        item.or(self.number)
    }

    /// Whose events the payload says that it tells.
    pub(super) fn parties(&self) -> Parties<'_> {
        Parties {
            repository: self.repository.as_ref(),
            repository_owner: &self.repository_owner,
            organization: &self.organization,
            accounts: &self.accounts,
            is_of_enterprise: self.is_of_enterprise,
        }
    }

    /// Whether it has two numbers for one item, or two identities for one owner: no payload of
    /// GitHub's does, and each reader would have to choose.
    fn contradicts_itself(&self) -> bool {
        let numbers = [self.number, self.pull_request.number, self.issue.number];
        let mut numbers = numbers.into_iter().flatten();
        let first = numbers.next();
        numbers.any(|number| Some(number) != first) || self.parties().contradict_each_other()
    }
}

/// Id and login of a user or organisation; `push` payloads give the owner a name instead.
fn account(scanner: &mut Scanner<'_>) -> Result<Named, Fault> {
    let (mut id, mut login, mut name) = (None, None, None);
    scanner.object(|key, scanner| {
        let value = scanner.value()?;
        match key {
            b"id" => id = json::integer(value),
            b"login" => login = json::string(value),
            b"name" => name = json::string(value),
            _ => {}
        }
        Ok(())
    })?;
    let name = login.or(name);
    Ok(Named { id, name })
}

impl Item {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, Fault> {
        let mut item = Self::default();
        scanner.object(|key, scanner| {
            let value = scanner.value()?;
            match key {
                b"number" => item.number = json::integer(value),
                b"updated_at" => item.updated_at = json::time(value),
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
        let repository = found.repository.as_ref().unwrap();
        assert_eq!(repository.id, Some(2));
        assert_eq!(repository.name.as_deref(), Some("o/r"));
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
            r#"{"action":1,"number":"7","repository":"r","organization":null,"issue":7}"#,
            r#"{"number":9223372036854775808,"installation":{"id":7}}"#,
            r#"{"issue":{"number":1.5,"updated_at":"yesterday"},"enterprise":null}"#,
        ] {
            assert_eq!(look(payload.as_bytes()), Ok(Look::default()), "{payload}");
        }
        let found = look(br#"{"repository":{"id":1e999,"owner":"o"}}"#);
        let expected = Look {
            repository: Some(Named::default()),
            ..Look::default()
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        for payload in [
            r#"{"repository":{"id":1},"repository":{"id":2}}"#,
            r#"{"repository":{"id":1},"repositor\u0079":{"id":2}}"#,
            r#"{"repository":{"id":1,"id":2}}"#,
            r#"{"repository":{"id":1,"owner":{"login":"a","\u006cogin":"b"}}}"#,
            r#"{"pull_request":{"user":{"id":1,"id":1}}}"#,
            r#"{"number":7,"pull_request":{"number":8}}"#,
            r#"{"pull_request":{"number":8},"issue":{"number":9}}"#,
            // A parser may take a list for an object.
            r#"{"repository":["a/b"]}"#,
            r#"{"repository":{"owner":[1,"a"]}}"#,
            r#"{"issue":[1,7]}"#,
            r#"{"pull_request":[]}"#,
            // An id of one with the name of another.
            r#"{"repository":{"owner":{"login":"a","id":1}},"organization":{"login":"A","id":2}}"#,
            r#"{"repository":{"owner":{"login":"a","id":1}},"organization":{"login":"b","id":1}}"#,
        ] {
            assert_eq!(
                look(payload.as_bytes()),
                Err(Outcome::Ambiguous),
                "{payload}"
            );
        }
    }

    #[test]
    fn keys_count_as_what_they_say_and_times_as_the_processors_read_them() {
        let found = look(
            br#"{"repositor\u0079":{"\u0069d":7},"issue":{"n\u0075mber":8,"updated_at":1585415186}}"#,
        )
        .unwrap();
        assert_eq!(found.repository.as_ref().unwrap().id, Some(7));
        assert_eq!(found.item_number(), Some(8));
        assert_eq!(found.issue.updated_at, "2020-03-28T17:06:26Z".parse().ok());
    }

    #[test]
    fn ids_beyond_the_doubles_are_read_exactly() {
        let found = look(br#"{"repository":{"id":9007199254740993}}"#).unwrap();
        assert_eq!(found.repository.unwrap().id, Some(9_007_199_254_740_993));
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
