//! Why a member's wish is not done.

use protocol::{ClientMessage, ErrorCode, ServerMessage};
use sync_core::director::SeatError;

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For programs.
    pub(crate) code: ErrorCode,
    /// For people.
    pub(crate) message: &'static str,
}

impl Refusal {
    /// As a message that answers nothing in particular.
    pub(crate) fn reply(self) -> ServerMessage {
        let message = self.message.to_owned();
        ServerMessage::Error { code: self.code, message, in_reply_to: None }
    }

    /// As the answer to a message of type `name`.
    pub(crate) fn reply_to(self, name: &str) -> ServerMessage {
        let message = self.message.to_owned();
        ServerMessage::Error { code: self.code, message, in_reply_to: Some(name.to_owned()) }
    }
}

impl From<SeatError> for Refusal {
    fn from(error: SeatError) -> Self {
        let message = match error {
            SeatError::NotMember => "only members can lead",
            SeatError::NotDirector => "only the director can resign",
            SeatError::NotLowest => "a member with a lower user id leads",
            SeatError::TakenByOther => "another member has taken the lead",
        };
        Self { code: ErrorCode::NotDirector, message }
    }
}

/// What a message is called in the answer to it.
pub(super) fn type_name(message: &ClientMessage) -> &'static str {
    match message {
        ClientMessage::Join { .. } => "join",
        ClientMessage::CarrierAsk { .. } => "carrier:ask",
        ClientMessage::Leave => "leave",
        ClientMessage::TimePing { .. } => "timePing",
        ClientMessage::DirectorAssert { .. } => "director:assert",
        ClientMessage::DirectorTake { .. } => "director:take",
        ClientMessage::DirectorResign { .. } => "director:resign",
        ClientMessage::FileAnnounce(_) => "file:announce",
        ClientMessage::FileWithdraw { .. } => "file:withdraw",
        ClientMessage::Readiness { .. } => "readiness",
        ClientMessage::SelectFile { .. } => "selectFile",
        ClientMessage::Play(_) => "play",
        ClientMessage::Stop => "stop",
        ClientMessage::Arm(_) => "arm",
        ClientMessage::Armed(_) => "armed",
        ClientMessage::Reach(_) => "reach",
        ClientMessage::SyncReport(_) => "sync:report",
        ClientMessage::RtcSignal { .. } => "rtc:signal",
        ClientMessage::Queue(_) => "queue",
    }
}
