//! Something that was asked of the lobby: not yet, being asked, answered, or why not.
//!
//! A page keeps one of these per thing that it shows. Asking again keeps the old answer on the screen until the new one is there, and
//! an answer to a page that is gone is dropped.
//!
//! Flow: a page → [`Asked::ask`] → a task on the lobby's runtime → [`Asked::answer`] → the page.

use std::future::Future;
use tokio::sync::oneshot;
use transport::runtime::Handle;

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    answer: Option<Result<T, String>>,
    pending: Option<oneshot::Receiver<Result<T, String>>>,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self { answer: None, pending: None }
    }
}

impl<T: Send + 'static> Asked<T> {
    /// Asks, unless a question is on its way.
    pub(crate) fn ask(&mut self, runtime: &Handle, call: impl Future<Output = Result<T, String>> + Send + 'static) {
        if self.pending.is_some() {
            return;
        }
        let (sender, pending) = oneshot::channel();
        self.pending = Some(pending);
        // Nobody may want to know any more.
        runtime.spawn(async move { drop(sender.send(call.await)) });
    }

    /// Takes the answer in, if it has come. Returns whether it came just now.
    pub(crate) fn collect(&mut self) -> bool {
        let Some(pending) = &mut self.pending else { return false };
        let answer = match pending.try_recv() {
            Err(oneshot::error::TryRecvError::Empty) => return false,
            Err(oneshot::error::TryRecvError::Closed) => {
                Err("A call to the lobby ended in a fault of ours.".to_owned())
            }
            Ok(answer) => answer,
        };
        (self.answer, self.pending) = (Some(answer), None);
        true
    }

    /// Returns the last answer.
    pub(crate) const fn answer(&self) -> Option<&Result<T, String>> {
        self.answer.as_ref()
    }

    /// Returns the last answer if it was a good one.
    pub(crate) fn good(&self) -> Option<&T> {
        self.answer.as_ref()?.as_ref().ok()
    }

    /// Returns whether a question is on its way.
    pub(crate) const fn is_asking(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes the last answer out.
    pub(crate) const fn take(&mut self) -> Option<Result<T, String>> {
        self.answer.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays_until_the_next_one_is_there() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut asked = Asked::default();
        assert!(asked.answer().is_none() && !asked.is_asking());
        asked.ask(runtime.handle(), async { Ok(1) });
        asked.ask(runtime.handle(), async { Ok(2) });
        assert!(asked.is_asking() && !asked.collect(), "nobody has run it yet");
        runtime.block_on(tokio::task::yield_now());
        assert!(asked.collect() && asked.good() == Some(&1), "the second question was not asked");
        asked.ask(runtime.handle(), async { Err("no".to_owned()) });
        assert_eq!(asked.good(), Some(&1));
        runtime.block_on(tokio::task::yield_now());
        assert!(asked.collect());
        assert_eq!(asked.good(), None);
        assert_eq!(asked.take(), Some(Err("no".to_owned())));
    }
}
