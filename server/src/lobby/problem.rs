//! Every way in which the lobby says no, as a sentence for the player.
//!
//! An error is told as RFC 9457 `application/problem+json`: a program reads the status, a person the `detail`. All of them are
//! listed here, so that no route invents another wording and nothing internal slips out.
//!
//! Flow: [`super::routes`], [`super::auth`] → here → the client's screen.

use super::match_problem::MatchRefusal;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Json, body::Bytes};
use protocol::lobby::Problem;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

use crate::directory::{OpenRoomError, OrderError};
use crate::hooks::HookError;
use crate::store::StoreError;

/// When to come back to a server that is busy, seconds.
const BUSY_SECONDS: u64 = 5;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(super) enum Refusal {
    /// The host has sent this player away.
    #[error("The host has sent you away from room {0}. Choose another one.")]
    Banned(u32),
    /// The body is not what it should be. The sender's mistake.
    #[error("The request could not be read: {0}. Is your game up to date?")]
    Body(String),
    /// The body is too large. The sender's mistake.
    #[error("The request is too large.")]
    BodyTooLarge,
    /// There is no file with this hash.
    #[error("This server does not offer that file. Join again to learn which ones it does.")]
    FileUnknown,
    /// A part of a file that is not there.
    #[error("The file has {0} bytes, and none there. Fetch it from the beginning.")]
    NoSuchRange(u64),
    /// The code leads nowhere.
    #[error("This invite code leads to no open room. Check it for typing mistakes, or ask for a new one.")]
    CodeUnknown,
    /// A web page of another site wants to connect.
    #[error("Web pages of other sites cannot connect here. Open the game from this server's own address.")]
    ForeignOrigin,
    /// A fault of ours.
    #[error("Something went wrong on the server. Try again; if it stays like that, tell whoever runs it.")]
    Internal,
    /// A value is out of its limits. The player's mistake.
    #[error("{0}")]
    Invalid(String),
    /// The matchmaker says no.
    #[error(transparent)]
    Match(MatchRefusal),
    /// The path exists, but not for this method.
    #[error("This address cannot be used that way. Is your game up to date?")]
    MethodNotAllowed,
    /// No body was expected.
    #[error("This request takes no content. Is your game up to date?")]
    NoBodyExpected,
    /// The caller leads this room of this name already.
    #[error(
        "You lead the room `{1}` already. Go back to it, or close it first; empty rooms close by themselves after two minutes."
    )]
    LeadsAlready(u32, String),
    /// The link of a call has ended, or never was.
    #[error("This connection is over. Start the game to play.")]
    LinkUnknown,
    /// A call without the bearer of its link.
    #[error("This is somebody else's connection. Start the game to play.")]
    LinkForeign,
    /// Somebody to be sent away is not there.
    #[error("This player is not in room {0} any more.")]
    NotAMember(u32),
    /// Only the host may do that.
    #[error("Only the host of room {0} may do that.")]
    NotHost(u32),
    /// Only those who are in the room may know that.
    #[error("Only those who are in room {0} may know that. Join it first.")]
    NotInside(u32),
    /// The operator does not want weather to be made here for this player.
    #[error("This server makes no weather for browsers. Its operator can allow it with --weather-relay everybody.")]
    NoWeather,
    /// A way through weather that nobody has ordered.
    #[error("Order the weather first, then a way through it. Is your game up to date?")]
    NoWeatherYet,
    /// As much weather is made as may be, for all or for this player.
    #[error("No more weather can be made here at the moment. Try again in a minute.")]
    TooMuchWeather,
    /// There is nothing at this path.
    #[error("There is nothing at this address. Check it for typing mistakes.")]
    NotFound,
    /// The body is not said to be JSON. The sender's mistake.
    #[error("The content must be sent as application/json. Is your game up to date?")]
    NotJson,
    /// Only the operator may, and this was not their token.
    #[error(
        "This is for whoever runs the server. The token is in the file admin.token of its data folder, or in its log."
    )]
    OperatorOnly,
    /// The room is locked.
    #[error("Room {0} needs a password. Ask its host for it.")]
    PasswordNeeded(u32),
    /// The password is another one.
    #[error("This is not the password of room {0}. Check it for typing mistakes.")]
    PasswordWrong(u32),
    /// The server's own rooms stay.
    #[error("Room {0} belongs to the server and stays open.")]
    RoomPermanent(u32),
    /// The room is kept for others.
    #[error("Room {0} is kept for a match of others. Choose another one, or look for a match yourself.")]
    RoomReserved(u32),
    /// The store has no such match.
    #[error("This match is not known here. It may still be going on.")]
    MatchUnknown,
    /// The store cannot write or read.
    #[error("That cannot be stored or looked up at the moment. Try again in a minute; matches go on meanwhile.")]
    NotStored,
    /// The store has no such player.
    #[error("This player is not known here. Check the number.")]
    PlayerUnknown,
    /// Every seat is taken.
    #[error("Room {0} is full. Choose another one, or open your own.")]
    RoomFull(u32),
    /// The directory has no such room.
    #[error("Room {0} does not exist any more. Look at the list again.")]
    RoomUnknown(u32),
    /// The rooms do not answer.
    #[error("The server is busy at the moment. Try again in a few seconds.")]
    RoomsBusy,
    /// The rooms are going away.
    #[error("The server is shutting down. Try again in a minute, or choose another server.")]
    Stopping,
    /// The request took too long.
    #[error("The request took too long. Check your connection and try again.")]
    Timeout,
    /// As many rooms are open as the operator allows.
    #[error("No more rooms can be opened here. Join one of those that are open.")]
    TooManyRooms,
    /// The first of two equal requests is not finished yet.
    #[error("This was asked for already and is being done. Wait for the answer.")]
    Repeated,
    /// The key of another request.
    #[error("This key was used for another request. Is your game up to date?")]
    KeyReused,
    /// As many webhooks are registered as may be; the sentence says how many.
    #[error("{0}")]
    TooManyWebhooks(String),
    /// As many wait or listen as may, here or from this address.
    #[error("Too many are waiting here at the moment. Ask again without waiting, or in a few seconds.")]
    TooManyWatchers,
    /// A match needs two ships.
    #[error("A match needs two ships. Wait for somebody, or add a bot.")]
    TooFewShips,
    /// This address has asked too often.
    #[error("That was too much at once. Try again in {} s.", seconds(*.0))]
    TooOften(Duration),
    /// No bearer, or not one of ours.
    #[error("This server does not know you. Choose a name again to join.")]
    Unauthorized,
    /// There is no such webhook.
    #[error("There is no webhook {0}. Look at the list of webhooks.")]
    WebhookUnknown(u32),
    /// `GET /v1/link` without the headers of a WebSocket.
    #[error("This address is for the game's WebSocket connection. Start the game to play.")]
    UpgradeRequired,
}

impl Refusal {
    /// Returns the status and the title, which are the same for every case of a kind.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Banned(_) => (StatusCode::FORBIDDEN, "Sent away"),
            Self::Body(_) => (StatusCode::BAD_REQUEST, "Unreadable request"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request too large"),
            Self::FileUnknown => (StatusCode::NOT_FOUND, "Unknown file"),
            Self::NoSuchRange(_) => (StatusCode::RANGE_NOT_SATISFIABLE, "No such part"),
            Self::CodeUnknown => (StatusCode::NOT_FOUND, "Unknown code"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "Not allowed"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Server error"),
            Self::Invalid(_) | Self::NoBodyExpected => (StatusCode::UNPROCESSABLE_ENTITY, "Value not allowed"),
            Self::Match(refusal) => refusal.kind(),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Wrong method"),
            Self::LeadsAlready(..) => (StatusCode::CONFLICT, "Leads a room already"),
            Self::LinkUnknown => (StatusCode::NOT_FOUND, "Unknown link"),
            Self::LinkForeign => (StatusCode::UNAUTHORIZED, "Foreign link"),
            Self::NotAMember(_) => (StatusCode::NOT_FOUND, "Unknown member"),
            Self::NotHost(_) => (StatusCode::FORBIDDEN, "Not the host"),
            Self::NotInside(_) => (StatusCode::FORBIDDEN, "Not in the room"),
            Self::PasswordNeeded(_) => (StatusCode::FORBIDDEN, Problem::PASSWORD_NEEDED),
            Self::PasswordWrong(_) => (StatusCode::FORBIDDEN, Problem::PASSWORD_WRONG),
            Self::RoomPermanent(_) => (StatusCode::CONFLICT, "Permanent room"),
            Self::RoomReserved(_) => (StatusCode::FORBIDDEN, "Reserved room"),
            Self::TooFewShips => (StatusCode::CONFLICT, "Too few ships"),
            Self::MatchUnknown => (StatusCode::NOT_FOUND, "Unknown match"),
            Self::NoWeather => (StatusCode::FORBIDDEN, "No weather"),
            Self::NoWeatherYet => (StatusCode::CONFLICT, "No weather yet"),
            Self::TooMuchWeather => (StatusCode::CONFLICT, "Too much weather"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::PlayerUnknown => (StatusCode::NOT_FOUND, "Unknown player"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Wrong content type"),
            Self::OperatorOnly => (StatusCode::UNAUTHORIZED, "Operator only"),
            Self::RoomFull(_) => (StatusCode::CONFLICT, "Room full"),
            Self::RoomUnknown(_) => (StatusCode::NOT_FOUND, "Unknown room"),
            Self::RoomsBusy | Self::Stopping | Self::NotStored => (StatusCode::SERVICE_UNAVAILABLE, "Not available"),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, "Too slow"),
            Self::TooManyRooms => (StatusCode::CONFLICT, "Too many rooms"),
            Self::Repeated => (StatusCode::CONFLICT, "Already under way"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "Key used before"),
            Self::TooManyWebhooks(_) => (StatusCode::CONFLICT, "Too many webhooks"),
            Self::TooManyWatchers => (StatusCode::SERVICE_UNAVAILABLE, "Too many watchers"),
            Self::TooOften(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unknown player"),
            Self::WebhookUnknown(_) => (StatusCode::NOT_FOUND, "Unknown webhook"),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, "WebSocket expected"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, title) = self.kind();
        let problem = Problem { title: title.to_owned(), status: status.as_u16(), detail: self.to_string() };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, BUSY_SECONDS.into());
        }
        match self {
            Self::TooOften(wait) => drop(headers.insert(header::RETRY_AFTER, seconds(wait).into())),
            Self::Match(refusal) => {
                drop(refusal.location().and_then(|at| at.parse().ok()).map(|at| headers.insert(header::LOCATION, at)));
            }
            Self::LeadsAlready(room, _) => {
                drop(format!("/v1/rooms/{room}").parse().map(|at| headers.insert(header::LOCATION, at)));
            }
            Self::Unauthorized | Self::LinkForeign | Self::OperatorOnly => {
                drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            Self::UpgradeRequired => drop(headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"))),
            _ => {}
        }
        response
    }
}

impl Refusal {
    /// Returns the refusal for an order about `room` that was not carried out.
    pub(super) fn order(room: u32, error: OrderError) -> Self {
        match error {
            OrderError::Busy => Self::RoomsBusy,
            OrderError::Stopping => Self::Stopping,
            OrderError::UnknownRoom => Self::RoomUnknown(room),
            OrderError::Permanent => Self::RoomPermanent(room),
            OrderError::TooFew => Self::TooFewShips,
            OrderError::UnknownMap(map) => OpenRoomError::UnknownMap(map).into(),
        }
    }
}

impl From<OpenRoomError> for Refusal {
    fn from(error: OpenRoomError) -> Self {
        match error {
            OpenRoomError::Busy => Self::RoomsBusy,
            OpenRoomError::Stopping => Self::Stopping,
            OpenRoomError::Leads(room, name) => Self::LeadsAlready(room.0, name),
            OpenRoomError::TooMany => Self::TooManyRooms,
            OpenRoomError::UnknownMap(map) => {
                Self::Invalid(format!("This server has no map called `{map}`. Choose another map."))
            }
        }
    }
}

impl From<HookError> for Refusal {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Invalid(sentence) => Self::Invalid(sentence),
            HookError::TooMany => Self::TooManyWebhooks(error.to_string()),
            HookError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::RoomsBusy,
            StoreError::Stopped => Self::Stopping,
            StoreError::Refused(_) => {
                tracing::error!("{error}");
                Self::Internal
            }
            _ => Self::NotStored,
        }
    }
}

/// The JSON body of a request, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(|error| bytes_refusal(&error))?;
        // Serde would take a list for the fields in their order.
        let object = bytes.trim_ascii_start().first() == Some(&b'{');
        match Json::<T>::from_request(Request::from_parts(parts, bytes.into()), state).await {
            Ok(Json(value)) if object => Ok(Self(value)),
            Ok(_) => Err(Refusal::Body("it is not an object".to_owned())),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Refusal::NotJson),
            Err(JsonRejection::BytesRejection(error)) => Err(bytes_refusal(&error)),
            Err(JsonRejection::JsonDataError(error)) => Err(Refusal::Body(reason(&error))),
            Err(JsonRejection::JsonSyntaxError(error)) => Err(Refusal::Body(reason(&error))),
            Err(_) => Err(Refusal::Internal),
        }
    }
}

/// The JSON body of a request, or what stands for none, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct BodyOr<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for BodyOr<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(|error| bytes_refusal(&error))?;
        if bytes.is_empty() || bytes.trim_ascii() == b"null" {
            return Ok(Self(T::default()));
        }
        let Body(value) = Body::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self(value))
    }
}

/// The absence of a body, or a [`Refusal`]. An empty object is as good as nothing.
#[derive(Debug)]
pub(super) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, state).await.map_err(|error| bytes_refusal(&error))?;
        if body.is_empty() || body.trim_ascii() == b"{}" { Ok(Self) } else { Err(Refusal::NoBodyExpected) }
    }
}

/// The query of a request, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(Refusal::Body(reason(&error))),
        }
    }
}

/// The number in a path, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct Number<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Number<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Refusal::NotFound)?;
        text.parse().map(Self).map_err(|_| Refusal::NotFound)
    }
}

/// The text in a path, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct Text(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Text {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Refusal::NotFound)?;
        Ok(Self(text))
    }
}

/// Two numbers in a path, or a [`Refusal`].
#[derive(Debug)]
pub(super) struct Numbers<A, B>(pub(super) A, pub(super) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Numbers<A, B> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((first, second)) = path.map_err(|_| Refusal::NotFound)?;
        let (first, second) = (first.parse(), second.parse());
        first.ok().zip(second.ok()).map(|(first, second)| Self(first, second)).ok_or(Refusal::NotFound)
    }
}

fn bytes_refusal(error: &BytesRejection) -> Refusal {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refusal::BodyTooLarge;
    }
    Refusal::Body("it ended too early".to_owned())
}

/// Returns the innermost cause: what serde says, without axum's introduction.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |e| e.source()).last().map(ToString::to_string).unwrap_or_default()
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_ends_and_tells_no_secrets() {
        let all = [
            Refusal::Body("expected value at line 1 column 1".into()),
            Refusal::ForeignOrigin,
            Refusal::LeadsAlready(2, "Back room".into()),
            Refusal::from(OpenRoomError::UnknownMap("moon".into())),
            Refusal::RoomFull(3),
            Refusal::RoomUnknown(4),
            Refusal::TooOften(Duration::from_millis(1_200)),
            Refusal::Unauthorized,
        ];
        for refusal in all {
            let detail = refusal.to_string();
            assert!(detail.ends_with(['.', '?']) && detail.starts_with(char::is_uppercase), "{detail}");
        }
        assert_eq!(
            Refusal::TooOften(Duration::from_millis(1_200)).to_string(),
            "That was too much at once. Try again in 2 s."
        );
    }

    #[test]
    fn a_wait_is_never_rounded_down_to_nothing() {
        for (wait, want) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds(Duration::from_millis(wait)), want);
        }
    }
}
