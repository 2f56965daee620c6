//! One HTTP call of a page, and its answer piece by piece.
//!
//! The browser keeps its own connections and does not say what their headers weigh, so bytes are those of the bodies and an estimate for
//! the rest.
//!
//! Flow: `lobby/fetch/`, `http/caller/` -> [`fetch`] -> the browser -> [`Response`].

use super::words;
use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestCache, RequestInit};

/// What the headers of a question and of an answer weigh, bytes: what Chromium sent and our server answered when this was measured.
pub(crate) const HEADERS_OUT: usize = 450;
pub(crate) const HEADERS_IN: usize = 250;

/// What to ask.
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: &'a [u8],
}

/// The head of an answer, and its body on the way. Dropping it ends the call.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: SendWrapper<Headers>,
    body: Option<SendWrapper<ReadableStreamDefaultReader>>,
    call: Call,
}

/// Ends a call that nobody waits for any more, unless it is over.
#[derive(Debug)]
struct Call {
    abort: SendWrapper<AbortController>,
    over: bool,
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            self.abort.abort();
        }
    }
}

/// Asks, and returns the answer as soon as its head is there; the browser's words if there is none. Dropping it ends the call.
pub(crate) async fn fetch(question: Question<'_>) -> Result<Response, String> {
    let started = start(&question).map_err(|error| words(&error))?;
    let (call, answering) = started;
    let answer = answering.await.map_err(|error| words(&error))?;
    let answer: web_sys::Response = answer.dyn_into().map_err(|error| words(&error))?;
    let reader = answer.body().map(|body| SendWrapper::new(body.get_reader().unchecked_into()));
    Ok(Response { status: answer.status(), headers: SendWrapper::new(answer.headers()), body: reader, call })
}

fn start(question: &Question<'_>) -> Result<(Call, SendWrapper<JsFuture>), JsValue> {
    let Question { method, url, headers, body } = question;
    let window = web_sys::window().ok_or_else(|| JsValue::from_str("there is no window"))?;
    let abort = AbortController::new()?;
    let head = Headers::new()?;
    headers.iter().try_for_each(|(name, value)| head.append(name, value))?;
    let options = RequestInit::new();
    options.set_method(method);
    options.set_headers(&head);
    options.set_signal(Some(&abort.signal()));
    // What may be kept is kept by us, with its version.
    options.set_cache(RequestCache::NoStore);
    if !body.is_empty() {
        options.set_body(&Uint8Array::from(*body));
    }
    let answering = JsFuture::from(window.fetch_with_str_and_init(url, &options));
    Ok((Call { abort: SendWrapper::new(abort), over: false }, SendWrapper::new(answering)))
}

impl Response {
    /// Returns a field of the head, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }

    /// Waits for the next piece of the body; none at its end. May be dropped while it waits, which may cost the piece.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        let Some(reader) = &self.body else { return Ok(None) };
        let reading = SendWrapper::new(JsFuture::from(reader.read()));
        let piece = SendWrapper::new(reading.await.map_err(|error| words(&error))?);
        let field = |name: &str| Reflect::get(&piece, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED);
        if field("done").is_truthy() {
            self.body = None;
            self.call.over = true;
            return Ok(None);
        }
        Ok(Some(Uint8Array::from(field("value")).to_vec().into()))
    }

    /// Waits for the whole body, of at most `most` bytes; none if it is longer.
    pub(crate) async fn whole(mut self, most: usize) -> Result<Option<Bytes>, String> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len().saturating_add(piece.len()) > most {
                return Ok(None);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some(whole.into()))
    }
}
