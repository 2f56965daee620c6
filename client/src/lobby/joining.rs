//! Getting a seat: whatever was wished for ends in a grant, or in a sentence.
//!
//! Flow: [`super::Wish`] → [`seat`] → `transport::lobby` → [`Seat`].

use super::{Account, Goal};
use protocol::lobby::{Grant, Guest, Invite, QuickJoin};
use transport::lobby::{LobbyClient, LobbyError};

/// A seat, and who got it.
pub(super) struct Seat {
    pub(super) guest: Guest,
    pub(super) grant: Grant,
    /// How friends get in, if that was told along with it.
    pub(super) invite: Option<Invite>,
}

/// Gets the seat that was wished for.
pub(super) async fn seat(account: &Account, goal: &Goal) -> Result<Seat, LobbyError> {
    let prefer = account.room();
    account
        .call(|lobby, guest| async move {
            let (grant, invite) = match goal {
                Goal::Quick => (lobby.quick_join(&guest, &QuickJoin { prefer, ..QuickJoin::default() }).await?, None),
                Goal::Room(room, wish) => (lobby.take_seat_as(&guest, *room, wish).await?, None),
                Goal::Code(code, wish) => (lobby.take_seat_by_code(&guest, code, wish).await?, None),
                Goal::Open(new) => open(&lobby, &guest, new).await?,
            };
            Ok(Seat { guest, grant, invite })
        })
        .await
}

async fn open(
    lobby: &LobbyClient,
    guest: &Guest,
    new: &protocol::lobby::NewRoom,
) -> Result<(Grant, Option<Invite>), LobbyError> {
    let opened = lobby.open_room(guest, new).await?;
    Ok((lobby.take_seat(guest, opened.room.id).await?, Some(opened.invite)))
}
