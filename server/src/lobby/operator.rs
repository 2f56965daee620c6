//! The operator's own routes are closed to everybody who does not show the operator's token.
//!
//! Flow: `Authorization: Bearer …` → [`Operator`] → [`super::routes`].

use super::problem::Refusal;
use super::routes::Shared;
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use std::sync::Arc;

/// Proof that the operator asks. An extractor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator;

impl FromRequestParts<Arc<Shared>> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let shown = bearer(&parts.headers).filter(|text| shared.operator.token.is(text));
        shown.map(|_| Self).ok_or(Refusal::OperatorOnly)
    }
}

/// Returns the only bearer: two in one request are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, text) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(text.trim())
}
