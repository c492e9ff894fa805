//! What a request asks for: its parameters and headers read into one value.

use std::ops::RangeInclusive;

use axum::http::{HeaderMap, Method};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::exception::{Exception, Refusal};
use crate::options::{Access, Credentials};

/// Settings that one who may only read may change: bounds on the query itself, and how its
/// answer is written for the page and Grafana. Names and no prefixes: some of `format_…` and
/// `output_format_…` name files, which this engine, unlike a server, reads and writes anywhere.
/// `docker/clickhouse/users.d/gapless.xml` has the same.
const SETTINGS_OF_A_READER: [&str; 12] = [
    "max_execution_time",
    "max_result_rows",
    "max_result_bytes",
    "max_rows_to_read",
    "max_bytes_to_read",
    "max_threads",
    "result_overflow_mode",
    "timeout_overflow_mode",
    "read_overflow_mode",
    "date_time_output_format",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_denormals",
];
/// How long a reader's query may run: zero would be for ever. The longest, unless it asks for less.
/// Grafana's data source asks for 60 unless told otherwise, and its client adds 5.
pub(crate) const SECONDS_OF_A_READER: RangeInclusive<u32> = 1..=65;

/// A request's parameters, from its URL, its headers and its form fields.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// The statement, or its beginning: the body follows it.
    pub(crate) sql: Vec<u8>,
    /// The database for names without one; empty for the default.
    pub(crate) database: String,
    /// The format for answers whose statement names none.
    pub(crate) default_format: String,
    /// The query's name in logs; empty when the client gave none.
    pub(crate) query_id: String,
    /// The engine's settings for this statement.
    pub(crate) settings: Vec<(String, String)>,
    /// Values for `{name:Type}`.
    pub(crate) parameters: Vec<(String, String)>,
    /// The answer is to be framed and compressed.
    pub(crate) frame_answer: bool,
    /// The body is framed.
    pub(crate) framed_body: bool,
    /// The answer is sent only once it is whole.
    pub(crate) whole_answer: bool,
    /// The client's revision of the Native format; 0 for the plain one.
    pub(crate) native_revision: u64,
    user: String,
    password: String,
}

impl Request {
    /// Reads the headers.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let header = |name: &str| {
            headers
                .get(name)
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_string()
        };
        let (mut user, mut password) = (header("x-clickhouse-user"), header("x-clickhouse-key"));
        let basic = header("authorization")
            .strip_prefix("Basic ")
            .and_then(|token| BASE64_STANDARD.decode(token).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((name, word)) = basic.as_deref().and_then(|pair| pair.split_once(':')) {
            (user, password) = (name.into(), word.into());
        }
        Self {
            database: header("x-clickhouse-database"),
            default_format: header("x-clickhouse-format"),
            query_id: header("x-clickhouse-query-id"),
            user,
            password,
            ..Self::default()
        }
    }

    /// Takes one parameter of the URL or one field of a form.
    ///
    /// # Errors
    /// What would have to be obeyed and is left out here: sessions.
    pub(crate) fn take(&mut self, name: String, value: String) -> Result<(), Exception> {
        let is_on = value == "1" || value == "true";
        match name.as_str() {
            "query" => self.sql.extend(value.into_bytes()),
            "database" => self.database = value,
            "default_format" if self.default_format.is_empty() => self.default_format = value,
            "query_id" => self.query_id = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "compress" => self.frame_answer = is_on,
            "decompress" => self.framed_body = is_on,
            "wait_end_of_query" => self.whole_answer = is_on,
            "client_protocol_version" => self.native_revision = value.parse().unwrap_or(0),
            "session_id" => {
                return Err(Exception::refuse(
                    Refusal::NotImplemented,
                    "the embedded engine keeps no sessions: leave out session_id",
                ));
            }
            // Without meaning where there are no roles, quotas, sessions or buffers.
            "default_format"
            | "role"
            | "quota_key"
            | "session_timeout"
            | "session_check"
            | "buffer_size"
            | "stacktrace"
            | "close_session"
            | "http_write_exception_in_output_format" => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => self.parameters.push((parameter.into(), value)),
                None => self.settings.push((name, value)),
            },
        }
        Ok(())
    }

    /// Who asks; settles what they may do. A GET may only read, whoever sends it.
    ///
    /// # Errors
    /// A wrong name or password, and a setting that a reader may not change.
    pub(crate) fn authorise(
        &self,
        method: &Method,
        writer: &Credentials,
        reader: &Credentials,
    ) -> Result<Access, Exception> {
        let access = if self.is_from(writer) {
            if method == Method::POST {
                Access::Write
            } else {
                Access::Look
            }
        } else if self.is_from(reader) {
            self.check_reader_settings()?;
            Access::Read
        } else {
            return Err(Exception::refuse(
                Refusal::AuthenticationFailed,
                format!(
                    "{}: Authentication failed: password is incorrect, or there is no user with \
                     such name",
                    self.user
                ),
            ));
        };
        Ok(access)
    }

    /// Whether the request has the name and password of `who`.
    pub(crate) fn is_from(&self, who: &Credentials) -> bool {
        who.fit(&self.user, &self.password)
    }

    fn check_reader_settings(&self) -> Result<(), Exception> {
        let refuse = |reason| {
            let text = format!("{}: a reader may not {reason}", self.user);
            Err(Exception::refuse(Refusal::AccessDenied, text))
        };
        for (name, value) in &self.settings {
            if !SETTINGS_OF_A_READER.contains(&name.as_str()) {
                return refuse(format!("change the setting {name}"));
            }
            let is_bounded = || {
                let seconds = value.parse();
                seconds.is_ok_and(|seconds| SECONDS_OF_A_READER.contains(&seconds))
            };
            if name == "max_execution_time" && !is_bounded() {
                let (min, max) = (SECONDS_OF_A_READER.start(), SECONDS_OF_A_READER.end());
                return refuse(format!(
                    "set max_execution_time to {value:?}: it is a whole number of seconds from \
                     {min} to {max}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str) -> Credentials {
        Credentials {
            user: user.into(),
            password: format!("{user}'s secret"),
        }
    }

    fn request(user: &str, password: &str) -> Request {
        let mut request = Request::from_headers(&HeaderMap::new());
        for (name, value) in [("user", user), ("password", password)] {
            request
                .take(name.into(), value.into())
                .expect("a plain parameter");
        }
        request
    }

    fn access(request: &Request, method: Method) -> Result<Access, u32> {
        request
            .authorise(&method, &credentials("writer"), &credentials("reader"))
            .map_err(|e| e.code())
    }

    #[test]
    fn only_the_writer_writes_and_only_by_post() {
        let writer = request("writer", "writer's secret");
        assert_eq!(access(&writer, Method::POST), Ok(Access::Write));
        assert_eq!(access(&writer, Method::GET), Ok(Access::Look));
        let reader = request("reader", "reader's secret");
        assert_eq!(access(&reader, Method::POST), Ok(Access::Read));
    }

    #[test]
    fn a_wrong_name_or_password_is_refused() {
        for (user, password) in [
            ("writer", ""),
            ("reader", "writer's secret"),
            ("", ""),
            ("x", "x"),
        ] {
            assert_eq!(access(&request(user, password), Method::POST), Err(516));
        }
    }

    #[test]
    fn a_reader_changes_bounds_and_nothing_else() {
        let refused = [
            ("readonly", "0"),
            ("format_template_row", "/etc/passwd"),
            ("output_format_schema", "/tmp/x"),
            ("format_schema", "/tmp/x"),
            ("max_execution_time", "0"),
            ("max_execution_time", "66"),
            ("max_execution_time", "-1"),
            ("max_execution_time", "0.5"),
            ("max_execution_time", ""),
        ];
        let allowed = SETTINGS_OF_A_READER.map(|name| (name, "1"));
        let of_reader = |settings: &[(&str, &str)]| {
            let mut reader = request("reader", "reader's secret");
            for (name, value) in settings {
                reader
                    .take((*name).into(), (*value).into())
                    .expect("a setting");
            }
            access(&reader, Method::POST)
        };
        assert_eq!(of_reader(&allowed), Ok(Access::Read));
        assert_eq!(of_reader(&[("max_execution_time", "65")]), Ok(Access::Read));
        for setting in refused {
            // Neither the first nor the last.
            let settings = [allowed[0], setting, allowed[0]];
            assert_eq!(of_reader(&settings), Err(497), "{setting:?}");
        }
    }

    #[test]
    fn basic_authorisation_is_read() {
        let mut headers = HeaderMap::new();
        let token = BASE64_STANDARD.encode("writer:writer's secret");
        headers.insert(
            "authorization",
            format!("Basic {token}").parse().expect("ascii"),
        );
        assert_eq!(
            access(&Request::from_headers(&headers), Method::POST),
            Ok(Access::Write)
        );
    }
}
