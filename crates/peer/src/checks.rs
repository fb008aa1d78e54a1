//! Looks whether each thing works that a party needs, so that a person who hears nothing finds out
//! which one does not. What to do about it is said by the window.
//!
//! Some is known anyway; the rest is tried when somebody asks, for a few seconds at most.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use protocol::host::{CheckState, CheckSubject, CheckView, LinkState};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::actor::Peer;

/// How long anything is tried: the relay is asked for the time once a second at least, and a
/// connection on the internet takes two or three round trips.
const PATIENCE: Duration = Duration::from_secs(3);

/// A group of the range that is free for use within one site (RFC 2365), so that nothing else
/// is disturbed.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 83, 65);

/// What was tried and is not known from elsewhere.
#[derive(Default)]
pub(crate) struct Checks {
    is_asked: bool,
    /// An answer by UDP came from the relay since somebody asked.
    udp_answered: bool,
    is_patient: bool,
    tracker: Option<Finding>,
    multicast: Option<Finding>,
    jobs: JoinSet<Found>,
}

/// Whether it works, or why it does not.
type Finding = Result<(), String>;

/// Something that was tried has ended.
#[derive(Debug)]
pub(crate) enum Found {
    Tracker(Finding),
    Multicast(Finding),
    /// Whoever has not answered by now does not answer.
    Late,
}

impl Checks {
    /// The relay answered by UDP.
    pub(crate) fn heard_udp(&mut self) {
        self.udp_answered = true;
    }

    /// The next thing that was found out; waits for ever when nothing is being tried.
    pub(crate) async fn next(&mut self) -> Found {
        loop {
            match self.jobs.join_next().await {
                Some(Ok(found)) => return found,
                // Taken back because somebody asked again.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Takes note of what was found out.
    pub(crate) fn note(&mut self, found: Found) {
        match found {
            Found::Tracker(finding) => self.tracker = Some(finding),
            Found::Multicast(finding) => self.multicast = Some(finding),
            Found::Late => self.is_patient = false,
        }
    }
}

impl Peer {
    /// Tries everything anew.
    pub(crate) fn check_connection(&mut self) {
        self.checks = Checks { is_asked: true, is_patient: true, ..Checks::default() };
        let jobs = &mut self.checks.jobs;
        jobs.spawn(async {
            sleep(PATIENCE).await;
            Found::Late
        });
        jobs.spawn(async { Found::Multicast(multicast().await) });
        let tracker = self
            .swarm
            .as_ref()
            .and_then(|swarm| Some(swarm.address()?.tracker_url(&swarm.key.tracker_namespace())));
        if let Some(url) = tracker {
            jobs.spawn(async move { Found::Tracker(reach_tracker(&url).await) });
        }
    }

    /// What is known; nothing before somebody asked.
    pub(crate) fn check_views(&self) -> Vec<CheckView> {
        if !self.checks.is_asked {
            return Vec::new();
        }
        [
            (CheckSubject::Relay, self.relay_check()),
            (CheckSubject::Tracker, self.tracker_check()),
            (CheckSubject::Udp, self.udp_check()),
            (CheckSubject::Multicast, found(self.checks.multicast.as_ref(), CheckState::Limited)),
            (CheckSubject::Output, self.output_check()),
            (CheckSubject::Clock, self.clock_check()),
        ]
        .map(|(subject, (state, detail))| CheckView { subject, state, detail })
        .into()
    }

    fn relay_check(&self) -> (CheckState, String) {
        let state = match self.swarm.as_ref().map(|swarm| swarm.link_state()) {
            None => CheckState::NoParty,
            Some(LinkState::Online) => CheckState::Works,
            Some(LinkState::Connecting | LinkState::Reconnecting) => {
                self.unless_late(CheckState::Fails)
            }
        };
        (state, String::new())
    }

    fn tracker_check(&self) -> (CheckState, String) {
        match self.swarm.as_ref().and_then(|swarm| swarm.address()) {
            None => (CheckState::NoParty, String::new()),
            Some(_) if self.checks.tracker.is_none() && !self.checks.is_patient => {
                (CheckState::Limited, "it was not tried: there was no relay then".to_owned())
            }
            // Members of this app meet over the relay itself; only other programs need it.
            Some(_) => found(self.checks.tracker.as_ref(), CheckState::Limited),
        }
    }

    fn udp_check(&self) -> (CheckState, String) {
        let state = match &self.swarm {
            None => CheckState::NoParty,
            Some(_) if self.checks.udp_answered => CheckState::Works,
            // The time comes over the WebSocket then, or from a member nearby.
            Some(_) => self.unless_late(CheckState::Limited),
        };
        (state, String::new())
    }

    fn output_check(&self) -> (CheckState, String) {
        let status = self.playout.engine().status();
        match (status.output, status.output_fault) {
            (Some(_), None) if status.muted.is_none() => (CheckState::Works, String::new()),
            (Some(_), fault) => (CheckState::Limited, fault.unwrap_or_default()),
            (None, fault) => (CheckState::Fails, fault.unwrap_or_default()),
        }
    }

    fn clock_check(&self) -> (CheckState, String) {
        let state = match &self.swarm {
            None => CheckState::NoParty,
            Some(swarm) if swarm.session.clock_state(self.clock.now()).synced => CheckState::Works,
            Some(_) => self.unless_late(CheckState::Fails),
        };
        (state, String::new())
    }

    /// Not known yet for as long as it may still turn out well.
    fn unless_late(&self, state: CheckState) -> CheckState {
        if self.checks.is_patient { CheckState::Running } else { state }
    }
}

fn found(finding: Option<&Finding>, otherwise: CheckState) -> (CheckState, String) {
    match finding {
        None => (CheckState::Running, String::new()),
        Some(Ok(())) => (CheckState::Works, String::new()),
        Some(Err(reason)) => (otherwise, reason.clone()),
    }
}

/// Whether the relay's tracker takes a connection.
async fn reach_tracker(url: &str) -> Finding {
    match timeout(PATIENCE, tokio_tungstenite::connect_async(url)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}

/// Whether this device hears what it says to a group, on any network it is in. Others may still
/// not hear it: some networks keep their devices apart, which only a second device could tell.
async fn multicast() -> Finding {
    let addresses = if_addrs::get_if_addrs().map_err(|error| error.to_string())?;
    let mut attempts = JoinSet::new();
    for interface in addresses.into_iter().filter(|interface| !interface.is_loopback()) {
        if let IpAddr::V4(address) = interface.ip() {
            attempts.spawn(hears_itself(address));
        }
    }
    let mut reason = "this device is in no network".to_owned();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => reason = error.to_string(),
            Err(ended) => reason = ended.to_string(),
        }
    }
    Err(reason)
}

/// Says something to the group by the network card of this address, and waits to hear it.
async fn hears_itself(card: Ipv4Addr) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into())?;
    socket.join_multicast_v4(&GROUP, &card)?;
    socket.set_multicast_if_v4(&card)?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    let port = socket.local_addr()?.port();
    // A number of this attempt: other devices may use the group too.
    let mut said = [0; 16];
    getrandom::fill(&mut said).map_err(io::Error::other)?;
    socket.send_to(&said, (GROUP, port)).await?;
    let heard = timeout(PATIENCE, async {
        let mut heard = [0; 17];
        loop {
            let length = socket.recv(&mut heard).await?;
            if heard[..length] == said {
                return Ok(());
            }
        }
    });
    heard.await.unwrap_or_else(|_| Err(io::Error::other("nothing was heard")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_said_to_a_group_is_heard_on_a_working_network() {
        hears_itself(Ipv4Addr::LOCALHOST).await.expect("loopback carries multicast");
    }

    #[tokio::test]
    async fn a_network_card_that_is_not_there_is_told() {
        // 192.0.2.0/24 is nobody's (RFC 5737).
        assert!(hears_itself(Ipv4Addr::new(192, 0, 2, 1)).await.is_err());
    }

    #[tokio::test]
    async fn a_tracker_that_is_not_there_is_told() {
        assert!(reach_tracker("ws://127.0.0.1:1/announce/x").await.is_err());
    }
}
