//! Friends who want to play together: one opens a party and tells the code, the others join by it, its leader looks for a match.
//!
//! Flow: queue page → [`PartyDesk`] → the lobby → [`Party`] → queue page; the leader's ticket → [`super::Search`].

use crate::{asked::Asked, lobby::Account};
use protocol::{ids::TicketId, lobby::Party};
use transport::lobby::{LONGEST_WAIT, LobbyError, Tag};
use transport::runtime::Handle;
use web_time::{Duration, Instant};

/// The party that we are in, and how one gets into one.
#[derive(Default)]
pub(crate) struct PartyDesk {
    account: Option<Account>,
    party: Option<Party>,
    /// Opening or joining one.
    entering: Asked<Party>,
    /// The question whether it has changed.
    watching: Asked<News>,
    /// Version of the last answer.
    seen: Option<Tag>,
    /// Not before this is it asked again after a failure.
    again: Option<Instant>,
    /// Why there is no party, or no news of it.
    trouble: Option<String>,
    /// The ticket that is over for us.
    ended: Option<TicketId>,
}

/// What has become of a party.
enum News {
    Same,
    Changed(Box<Party>, Option<Tag>),
    Gone(String),
}

impl PartyDesk {
    /// Returns the party.
    pub(crate) const fn party(&self) -> Option<&Party> {
        self.party.as_ref()
    }

    /// Returns what friends join by.
    pub(crate) fn code(&self) -> Option<&str> {
        self.party.as_ref().map(|party| party.code.as_str())
    }

    /// Returns who we are in it.
    pub(crate) const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Returns whether we may look for a match: alone, or as the leader.
    pub(crate) fn leads(&self) -> bool {
        let (Some(party), Some(account)) = (&self.party, &self.account) else { return true };
        account.known().is_some_and(|guest| guest.player == party.leader)
    }

    /// Returns whether a party is being opened or joined.
    pub(crate) const fn is_entering(&self) -> bool {
        self.entering.is_asking()
    }

    /// Returns why there is no party, or no news of it.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Opens a party, or joins the one with this code.
    pub(crate) fn enter(&mut self, account: Account, code: Option<String>, runtime: &Handle) {
        (self.account, self.trouble) = (Some(account.clone()), None);
        self.entering.ask(runtime, async move {
            let party = account.call(|lobby, guest| {
                let code = code.clone();
                async move {
                    match code {
                        Some(code) => lobby.join_party(&guest, &code).await,
                        None => lobby.open_party(&guest).await,
                    }
                }
            });
            party.await.map_err(|error| error.to_string())
        });
    }

    /// Leaves the party.
    pub(crate) fn leave(&mut self, runtime: &Handle) {
        let left = std::mem::take(self);
        if let (Some(account), Some(Party { code, .. })) = (left.account, left.party) {
            runtime.spawn(async move {
                let call = account.call(|lobby, guest| {
                    let code = code.clone();
                    async move { lobby.leave_party(&guest, &code).await }
                });
                // If this does not arrive, the lobby notices that nobody asks about the party any more.
                drop(call.await);
            });
        }
    }

    /// Notes that nothing more comes of a ticket.
    pub(crate) const fn note_ended(&mut self, ticket: TicketId) {
        self.ended = Some(ticket);
    }

    /// Takes in what has been told. Returns a ticket of the leader that is not known yet.
    pub(super) fn advance(&mut self, runtime: &Handle, now: Instant) -> Option<TicketId> {
        if self.entering.collect() {
            match self.entering.take() {
                Some(Ok(party)) => (self.party, self.seen) = (Some(party), None),
                Some(Err(why)) => self.trouble = Some(why),
                None => {}
            }
        }
        if self.watching.collect() {
            self.hear(now);
        }
        let (Some(party), Some(account)) = (&self.party, &self.account) else { return None };
        if self.again.is_none_or(|again| again <= now) {
            let (account, code, seen) = (account.clone(), party.code.clone(), self.seen.clone());
            self.watching.ask(runtime, watch(account, code, seen));
        }
        party.ticket.filter(|ticket| Some(*ticket) != self.ended)
    }

    fn hear(&mut self, now: Instant) {
        self.again = None;
        match self.watching.take() {
            Some(Ok(News::Changed(party, seen))) => {
                (self.party, self.seen, self.trouble) = (Some(*party), seen, None);
                if self.seen.is_none() {
                    // Without a version to wait with, the answer comes at once each time.
                    self.again = Some(now + RETRY);
                }
            }
            Some(Ok(News::Gone(why))) => *self = Self { trouble: Some(why), ..Self::default() },
            Some(Ok(News::Same)) | None => {}
            Some(Err(why)) => (self.again, self.trouble) = (Some(now + RETRY), Some(why)),
        }
    }
}

async fn watch(account: Account, code: String, seen: Option<Tag>) -> Result<News, String> {
    let wait = if seen.is_some() { LONGEST_WAIT } else { Duration::ZERO };
    // As the one who entered: whoever was forgotten is in no party.
    let Some(guest) = account.known() else { return Ok(News::Gone("You are not in a party any more.".to_owned())) };
    match account.lobby.party_since(&guest, &code, seen.as_ref(), wait).await {
        Ok(Some(news)) => Ok(News::Changed(Box::new(news.value), news.tag)),
        Ok(None) => Ok(News::Same),
        Err(error) if is_gone(&error) => Ok(News::Gone(error.to_string())),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns whether there is no such party, or we are not in it.
fn is_gone(error: &LobbyError) -> bool {
    matches!(error.status(), Some(401 | 403 | 404))
}

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(2);
