//! One attempt to deliver: a POST with an end to every wait, no redirects, no proxy, and a look at every address before it is dialled.
//!
//! The call blocks, so each has a thread of its own for as long as it lasts. Only the status of the answer is looked at.
//!
//! Flow: [`super::worker`] → [`Sender::send`] → the receiver.

use super::limits::{ATTEMPT_DEADLINE, MAX_ANSWER_HEAD, MAX_ERROR_CHARS};
use super::outbox::Due;
use super::sign::signature;
use super::target::Gate;
use tokio::sync::oneshot;
use ureq::Agent;
use ureq::unversioned::transport::DefaultConnector;

/// What a receiver answered, or why nobody did.
pub(super) type Answer = Result<u16, String>;

/// Sends deliveries. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Sender(Agent);

impl Sender {
    pub(super) fn new(gate: Gate) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A receiver that could send us elsewhere would be a way around the gate.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy of the environment would look the name up itself, past the gate.
            .proxy(None)
            .timeout_global(Some(ATTEMPT_DEADLINE))
            .max_response_header_size(MAX_ANSWER_HEAD)
            .max_idle_connections(0)
            .user_agent(concat!("Crosswire/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(Agent::with_parts(config, DefaultConnector::default(), gate))
    }

    /// Sends `due` with the time `timestamp` (Unix seconds).
    pub(super) async fn send(&self, due: &Due, timestamp: u64) -> Answer {
        let signed = signature(&due.key, &due.message_id, timestamp, &due.body);
        let (agent, url, id, body) = (self.0.clone(), due.url.clone(), due.message_id.clone(), due.body.clone());
        let (tell, told) = oneshot::channel();
        // Not a thread of the runtime: those must all come home before the server can end.
        let call = move || {
            let answer = agent
                .post(&url)
                .header("content-type", "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", timestamp.to_string())
                .header("webhook-signature", signed)
                .send(body.as_bytes());
            // Nobody waits any more when the server is about to end.
            let _ = tell.send(answer.map(|answer| answer.status().as_u16()).map_err(|error| sentence(&error)));
        };
        if let Err(error) = std::thread::Builder::new().name("webhook".into()).spawn(call) {
            return Err(format!("This server could not start a thread: {error}."));
        }
        told.await.unwrap_or_else(|_| Err("The attempt broke off on this server.".to_owned()))
    }
}

fn sentence(error: &ureq::Error) -> String {
    let text = match error {
        ureq::Error::Timeout(_) => "The receiver did not answer in time.".to_owned(),
        ureq::Error::HostNotFound => "No address is known for this name.".to_owned(),
        ureq::Error::ConnectionFailed => "The receiver could not be reached.".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "The receiver refused the connection.".to_owned(),
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
                "The receiver closed the connection.".to_owned()
            }
            _ => error.to_string(),
        },
        other => other.to_string(),
    };
    text.chars().filter(|c| !c.is_control()).take(MAX_ERROR_CHARS).collect()
}
