//! The values that labels of metrics may have: fixed lists, so that nobody outside can make
//! the page grow.

use protocol::ClientMessage;

/// One value of a label.
pub(crate) trait Label: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// What the label is called.
    const NAME: &'static str;
    /// Every value.
    const ALL: &'static [Self];

    /// Its place in [`Self::ALL`].
    fn index(self) -> usize;

    /// As it stands on the page.
    fn as_str(self) -> &'static str;
}

/// Defines a label as an enum whose variants are written on the page as given.
macro_rules! label {
    (
        $(#[$outer:meta])*
        pub(crate) enum $name:ident as $key:literal {
            $( $(#[$inner:meta])* $variant:ident = $text:literal, )+
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $( $(#[$inner])* $variant, )+
        }

        impl Label for $name {
            const NAME: &'static str = $key;
            const ALL: &'static [Self] = &[$( Self::$variant, )+];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }
    };
}

label! {
    /// What a WebSocket is for.
    pub(crate) enum SocketKind as "kind" {
        /// A member on `/ws`.
        Member = "member",
        /// A WebTorrent client on `/announce`.
        Tracker = "tracker",
    }
}

label! {
    /// How the time was asked for.
    pub(crate) enum Via as "via" {
        /// `timePing` on `/ws`; until the answer is handed to the socket.
        Websocket = "websocket",
        /// A signed datagram; until the answer is stamped.
        Udp = "udp",
    }
}

label! {
    /// What became of something to be written down.
    pub(crate) enum Write as "outcome" {
        /// It is written.
        Done = "done",
        /// Another relay owns the swarm.
        Fenced = "fenced",
        /// Nobody knows: there was no answer.
        Unknown = "unknown",
    }
}

label! {
    /// Why a swarm went to another relay.
    pub(crate) enum Move as "reason" {
        /// This one is about to end.
        Draining = "draining",
        /// The other one owns it.
        Taken = "taken",
    }
}

label! {
    /// Where a frame was passed on to.
    pub(crate) enum Toward as "toward" {
        /// The relay that keeps the swarm.
        Owner = "owner",
        /// The member.
        Member = "member",
    }
}

label! {
    /// Why something was not done or not passed on.
    pub(crate) enum DropReason as "reason" {
        /// A member's message beyond its rate.
        RateLimited = "rate-limited",
        /// A tracker client's message beyond its rate.
        TrackerRateLimited = "tracker-rate-limited",
        /// A member's message that could not be read.
        BadMessage = "bad-message",
        /// Presence left out for a member that reads slowly; a summary follows.
        Presence = "presence",
        /// A member or tracker client that reads too slowly was disconnected.
        TooSlow = "too-slow",
        /// An answer to someone who asks without reading.
        AnswerUnread = "answer-unread",
        /// A join that found its swarm's mailbox full.
        SwarmBusy = "swarm-busy",
        /// A datagram that asked for the time without proving that it may.
        TimeUnproven = "time-unproven",
        /// A datagram beyond the rate of its sender.
        TimeRateLimited = "time-rate-limited",
        /// A decision that was asked for while it was not settled which relay decides.
        NotOwner = "not-owner",
    }
}

label! {
    /// Why a connection or a join was turned away.
    pub(crate) enum Admission as "reason" {
        /// The relay is about to end.
        Draining = "draining",
        /// As many connections as are allowed.
        Full = "full",
        /// As many connections from one address as are allowed.
        AddressFull = "address-full",
        /// Too many new connections from one address.
        AddressRate = "address-rate",
        /// Too many new connections.
        Rate = "rate",
        /// Too many requests over one connection.
        RequestRate = "request-rate",
        /// A web page from elsewhere.
        Origin = "origin",
        /// A `Host` that is not this relay.
        Host = "host",
        /// A join that the swarm's rules refuse: it is full, or the user id is taken.
        Join = "join",
        /// Another relay keeps the swarm, and the member was told which.
        Moved = "moved",
        /// Nobody could say which relay keeps the swarm, or that one was not reached.
        Unsettled = "unsettled",
    }
}

label! {
    /// The close code of a WebSocket.
    pub(crate) enum CloseCode as "code" {
        /// Goodbye.
        Normal = "1000",
        /// The relay ends, or the link was lost.
        Away = "1001",
        /// Not a WebSocket frame.
        Protocol = "1002",
        /// Text that is no UTF-8.
        NotText = "1007",
        /// A message that is too large.
        TooLarge = "1009",
        /// A fault of the relay's own.
        Internal = "1011",
        /// Busy.
        Busy = "1013",
        /// Another relay keeps the swarm.
        Moved = "4001",
        /// No `join` in time.
        NoJoin = "4002",
        /// Reads too slowly.
        TooSlow = "4008",
        /// Floods.
        Flood = "4009",
        /// The member came back over another connection.
        Replaced = "4010",
        /// Any other.
        Other = "other",
    }
}

impl CloseCode {
    /// The label of a code.
    pub(crate) fn of(code: u16) -> Self {
        match code {
            1000 => Self::Normal,
            1001 => Self::Away,
            1002 => Self::Protocol,
            1007 => Self::NotText,
            1009 => Self::TooLarge,
            1011 => Self::Internal,
            1013 => Self::Busy,
            4001 => Self::Moved,
            4002 => Self::NoJoin,
            4008 => Self::TooSlow,
            4009 => Self::Flood,
            4010 => Self::Replaced,
            _ => Self::Other,
        }
    }
}

label! {
    /// The `type` of a member's message.
    pub(crate) enum MessageType as "type" {
        /// Enters a swarm.
        Join = "join",
        /// Leaves it.
        Leave = "leave",
        /// Asks for the time.
        TimePing = "timePing",
        /// Any of the three about who leads.
        Director = "director",
        /// Shares a file.
        FileAnnounce = "file:announce",
        /// Stops sharing it.
        FileWithdraw = "file:withdraw",
        /// Tells how much it holds.
        Readiness = "readiness",
        /// Chooses a file.
        SelectFile = "selectFile",
        /// Plays.
        Play = "play",
        /// Stops.
        Stop = "stop",
        /// Asks for readiness to start.
        Arm = "arm",
        /// Answers that.
        Armed = "armed",
        /// Tells where it answers time datagrams.
        Reach = "reach",
        /// Tells how well it keeps time.
        SyncReport = "sync:report",
        /// Signals to another member.
        RtcSignal = "rtc:signal",
        /// Asks who carries a party.
        CarrierAsk = "carrier:ask",
        /// Says in which order songs play.
        Queue = "queue",
    }
}

impl MessageType {
    /// The label of a message.
    pub(crate) fn of(message: &ClientMessage) -> Self {
        match message {
            ClientMessage::Join { .. } => Self::Join,
            ClientMessage::CarrierAsk { .. } => Self::CarrierAsk,
            ClientMessage::Leave => Self::Leave,
            ClientMessage::TimePing { .. } => Self::TimePing,
            ClientMessage::DirectorAssert { .. }
            | ClientMessage::DirectorTake { .. }
            | ClientMessage::DirectorResign { .. } => Self::Director,
            ClientMessage::FileAnnounce(_) => Self::FileAnnounce,
            ClientMessage::FileWithdraw { .. } => Self::FileWithdraw,
            ClientMessage::Readiness { .. } => Self::Readiness,
            ClientMessage::SelectFile { .. } => Self::SelectFile,
            ClientMessage::Play(_) => Self::Play,
            ClientMessage::Stop => Self::Stop,
            ClientMessage::Arm(_) => Self::Arm,
            ClientMessage::Armed(_) => Self::Armed,
            ClientMessage::Reach(_) => Self::Reach,
            ClientMessage::SyncReport(_) => Self::SyncReport,
            ClientMessage::RtcSignal { .. } => Self::RtcSignal,
            ClientMessage::Queue(_) => Self::Queue,
        }
    }
}
