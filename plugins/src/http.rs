//! One exchange with a server, and what its failures mean. Retries, pauses and concurrency belong to the engine.

use crate::known_addresses::KnownAddresses;
use crate::request_body::RequestBody;
use serde_json::Value;
use situs_core::fault::{Cause, Fault};
use situs_core::media::Media;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::unversioned::transport::DefaultConnector;

/// Buffers of a connection, one in each direction; the headers of a reply have to fit. There are dozens of connections.
const BUFFER_BYTES: usize = 32 << 10;
/// Largest reply that is read, in bytes; replies are text.
const MAX_REPLY_BYTES: u64 = 32 << 20;
/// Most characters of a server's message that are quoted.
const MAX_QUOTED: usize = 600;
/// Longest pause that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Servers of Python's standard library. Most serve one connection until it is closed: one that is kept open for later
/// would lock everybody else out, ourselves included.
const ONE_CONNECTION_SERVERS: [&str; 2] = ["BaseHTTP/", "WSGIServer/"];

/// One agent for all threads of a backend, so that connections are used again.
pub(crate) struct Client {
    agent: RwLock<ureq::Agent>,
    timeout: Duration,
    keeps: AtomicBool,
    answered: AtomicBool,
    headers: Vec<(&'static str, String)>,
}

/// A response with any status.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    /// `headers` are sent with every request; `connections` is how many are kept open.
    pub(crate) fn new(timeout: Duration, connections: usize, headers: Vec<(&'static str, String)>) -> Self {
        let agent = RwLock::new(agent(timeout, connections));
        Self { agent, timeout, keeps: AtomicBool::new(true), answered: AtomicBool::new(false), headers }
    }

    /// Remembers that the server has answered a request as it should.
    pub(crate) fn note_answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether it ever has.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// [`status_fault`] for this server: a door that closes after the first answer stays closed for this request, so
    /// trying it again would not help.
    pub(crate) fn status_fault(&self, url: &str, response: &Response) -> Fault {
        let mut fault = status_fault(url, response);
        if fault.cause == Cause::Unreachable && self.has_answered() {
            fault.cause = Cause::Rejected;
        }
        fault
    }

    fn agent(&self) -> ureq::Agent {
        self.agent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes every connection after its reply once the server turns out to serve only one at a time.
    fn heed(&self, response: &ureq::http::Response<ureq::Body>) {
        let server =
            response.headers().get("server").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if ONE_CONNECTION_SERVERS.iter().any(|name| server.starts_with(name))
            && self.keeps.swap(false, Ordering::Relaxed)
        {
            *self.agent.write().unwrap_or_else(PoisonError::into_inner) = agent(self.timeout, 0);
        }
    }

    /// GET.
    pub(crate) fn get(&self, url: &str) -> Result<Response, Fault> {
        let mut request = self.agent().get(url);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request
            .call()
            .inspect(|response| self.heed(response))
            .and_then(receive)
            .map_err(|error| transport_fault(url, &error))
    }

    /// POST of a JSON body.
    pub(crate) fn post(&self, url: &str, body: &RequestBody, media: &dyn Media) -> Result<Response, Fault> {
        let mut request = self.agent().post(url).header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let sent = match body.text() {
            Some(text) => request.send(text),
            None => request
                .header("content-length", body.len())
                .send(ureq::SendBody::from_reader(&mut body.reader(media))),
        };
        sent.inspect(|response| self.heed(response))
            .and_then(receive)
            .map_err(|error| transport_fault(url, &error))
    }
}

fn agent(timeout: Duration, connections: usize) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(timeout))
        .timeout_connect(Some(timeout.min(Duration::from_secs(20))))
        .max_idle_connections(connections)
        .max_idle_connections_per_host(connections)
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .user_agent(concat!("situs/", env!("CARGO_PKG_VERSION")))
        .build();
    ureq::Agent::with_parts(config, DefaultConnector::default(), KnownAddresses::default())
}

fn receive(mut response: ureq::http::Response<ureq::Body>) -> Result<Response, ureq::Error> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let now = header("date")
        .and_then(http_date)
        .or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()));
    let retry_after_ms = header("retry-after-ms")
        .and_then(|value| value.trim().parse::<u64>().ok())
        .or_else(|| header("retry-after").and_then(|value| retry_after_ms(value, now)))
        .map(|ms| ms.min(MAX_RETRY_AFTER.as_millis() as u64));
    let body = response.body_mut().with_config().limit(MAX_REPLY_BYTES).read_to_vec()?;
    Ok(Response { status: response.status().as_u16(), retry_after_ms, body })
}

/// Reads `Retry-After`: seconds, or a date that is compared with `now` (seconds since 1970).
fn retry_after_ms(value: &str, now: Option<u64>) -> Option<u64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0) as u64);
    }
    Some(http_date(value)?.saturating_sub(now?).saturating_mul(1000))
}

/// Seconds since 1970 of a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(',')?.1.split_ascii_whitespace();
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let in_range = (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !in_range || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    // Days since 1970 with the year taken to start in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    u64::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second).ok()
}

fn transport_fault(url: &str, error: &ureq::Error) -> Fault {
    use ureq::{Error, Timeout};
    let what = format!("{url}: {error}");
    match error {
        Error::Io(io) => match io.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => nobody(what),
            _ => Fault::transient(what, None),
        },
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) => nobody(what),
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => nobody(what),
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => nobody(what),
        Error::BadUri(_) | Error::Http(_) | Error::InvalidProxyUrl => Fault::config(what).at("base_url"),
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
            Fault::rejected(what).help("the reply is larger than any text should be")
        }
        _ => Fault::transient(what, None),
    }
}

fn nobody(what: String) -> Fault {
    Fault::unreachable(what).help("is the server running, and is base_url right?")
}

/// Refuses an address that no server can have, and one with a secret in it: addresses are stored with a run.
pub(crate) fn check_address(base_url: &str) -> Result<(), Fault> {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    if rest.contains('@') {
        return Err(Fault::config("the address holds a user or a password")
            .at("base_url")
            .help("put the key into an environment variable and name that one in api_key_env"));
    }
    if rest.contains(['?', '#']) {
        return Err(Fault::config("the address must end before any ? or #")
            .at("base_url")
            .help("paths are appended to it; put a key into the environment variable of api_key_env"));
    }
    if !(base_url.starts_with("http://") || base_url.starts_with("https://")) {
        return Err(Fault::config(format!("{base_url:?} is not an http or https address"))
            .at("base_url")
            .help("e.g. http://127.0.0.1:8000/v1"));
    }
    Ok(())
}

/// A reply of the right form without anything that could be an answer or a refusal: an accident on the server's side.
pub(crate) fn without_answer(url: &str, body: &[u8]) -> Fault {
    let text = quoted(&String::from_utf8_lossy(body));
    Fault::transient(format!("{url}: the reply holds no answer: {text}"), None)
}

/// What a status other than success means.
pub(crate) fn status_fault(url: &str, response: &Response) -> Fault {
    let message = server_message(&response.body);
    let what = format!("{url}: status {}: {message}", response.status);
    match response.status {
        401 | 403 => Fault::unreachable(format!("unauthorised: {what}")).help("check the API key"),
        // A used-up account answers like an overloaded one, but waiting does not help.
        402 => Fault::unreachable(what),
        429 if message.contains("insufficient_quota") => Fault::unreachable(what),
        408 | 425 | 429 | 500..=599 => Fault::transient(what, response.retry_after_ms),
        _ => Fault::new(Cause::Rejected, what),
    }
}

/// The message of an error body: `{"error": {"message", "code"}}`, the same without the wrapper, `{"error": "..."}`,
/// `{"detail": ...}`, or the text itself; cut to a length.
pub(crate) fn server_message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return quoted(&String::from_utf8_lossy(body));
    };
    let inner = match &value {
        Value::Array(items) => items.first().unwrap_or(&value),
        _ => &value,
    };
    let error = inner.get("error").unwrap_or(inner);
    let text = match error.get("message").or_else(|| error.get("detail")).unwrap_or(error) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let code = error.get("code").or_else(|| error.get("type")).and_then(Value::as_str);
    match code {
        Some(code) if !text.contains(code) => quoted(&format!("{text} [{code}]")),
        _ => quoted(&text),
    }
}

/// Text cut to a length that fits a message.
pub(crate) fn quoted(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None if text.is_empty() => "(empty)".to_owned(),
        None => text.to_owned(),
    }
}

/// Parses a reply; what is not JSON of the right form is taken for a reply that was cut on its way.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(url: &str, body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        let text = quoted(&String::from_utf8_lossy(body));
        Fault::transient(format!("{url}: the reply cannot be read: {error}: {text}"), None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_rfc_9110_writes_them() {
        // `date -d 'Sun, 06 Nov 1994 08:49:37 GMT' +%s`, the example of RFC 9110, and the leap day of 2000.
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        for broken in ["", "soon", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 6", "Sun, 06 Nov 1994 99:49:37 GMT"]
        {
            assert_eq!(http_date(broken), None, "{broken}");
        }
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        assert_eq!(retry_after_ms("3", None), Some(3000));
        assert_eq!(retry_after_ms("0.5", None), Some(500));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_770)), Some(7000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_999)), Some(0));
        assert_eq!(retry_after_ms("-1", None), None);
        assert_eq!(retry_after_ms("later", Some(0)), None);
    }

    #[test]
    fn messages_are_found_in_every_shape_of_error_body() {
        let shapes: [(&[u8], &str); 6] = [
            (br#"{"error": {"message": "too long", "code": "context_length"}}"#, "too long [context_length]"),
            (br#"{"object": "error", "message": "too long", "code": 400}"#, "too long"),
            (br#"{"error": "too long"}"#, "too long"),
            (br#"{"detail": [{"msg": "extra field"}]}"#, r#"[{"msg":"extra field"}]"#),
            (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
            (b"", "(empty)"),
        ];
        for (body, expected) in shapes {
            assert_eq!(server_message(body), expected);
        }
    }
}
