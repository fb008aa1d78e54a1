//! Devices around a relay, moved from event to event.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use protocol::datagram::{Pong, Tag};
use protocol::ids::{Alias, SwarmHash, UserId};
use protocol::sync::Reach;
use protocol::time::{LocalTime, MediaTime, Millis, Span, SwarmTime};
use protocol::{ClientMessage, ServerMessage};
use sync_core::room::{Face, Probe};
use sync_core::schedule::Schedule;
use sync_core::session::{Input, Output, Session, SessionConfig, Way, Wish};
use sync_core::{ClockEstimate, PlayoutPlan};

use crate::crystal::{Crystal, TrueTime};
use crate::measure::Spread;
use crate::network::{Dice, Direction, Path, THINKING, dice};
use crate::relay::{Audience, SimRelay};

/// Between two looks at what is heard.
const LOOK_INTERVAL: Span = Span::from_millis(10);

/// How soon a relay notices that a connection is gone. A closed one tells at once.
const NOTICE_DELAY: Span = Span::from_millis(1);

/// Shortest and longest wait before a member tries its relay again.
const RETRY: [Span; 2] = [Span::from_millis(250), Span::from_millis(750)];

/// Names one device of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceId(usize);

/// Devices, one relay, and what is on its way between them.
pub struct World {
    now: TrueTime,
    dice: Dice,
    devices: Vec<Device>,
    relay: Option<SimRelay>,
    relay_crystal: Crystal,
    relays_started: u32,
    events: BTreeMap<(TrueTime, u64), Event>,
    events_made: u64,
    /// Pairs on one network that do not reach each other.
    separated: BTreeSet<(DeviceId, DeviceId)>,
}

/// A device and what its shell was told.
pub struct Device {
    /// The rules it runs.
    pub session: Session,
    /// Its clock.
    pub crystal: Crystal,
    /// Its way to the relay.
    pub path: Path,
    /// Everything its session asked for.
    pub outputs: Vec<(TrueTime, Output)>,
    user_id: UserId,
    clock: Option<ClockEstimate>,
    schedule: Schedule,
    /// What it answers its neighbours with.
    face: Option<Face>,
    /// The local network it is on, and its way there and back.
    lan: Option<(u8, Path)>,
    /// Counts connections, so that what was on its way on an old one is lost.
    connection: u32,
    is_connected: bool,
    is_alive: bool,
    /// Messages of one connection arrive in order.
    last_arrival: [TrueTime; 2],
    /// Times it fell silent while the swarm played.
    gaps: u32,
}

#[derive(Clone, Debug)]
enum Event {
    Connect(DeviceId),
    AtRelay { from: DeviceId, connection: u32, message: Box<ClientMessage> },
    AtDevice { to: DeviceId, connection: u32, message: Box<ServerMessage> },
    RelayNotices { of: DeviceId, connection: u32 },
    Probed { from: DeviceId, to: DeviceId, t0: LocalTime },
    Answered { to: DeviceId, from: DeviceId, sent: LocalTime, pong: Box<Pong> },
}

impl World {
    /// An empty world with a relay.
    pub fn new(seed: u64) -> Self {
        let mut world = Self {
            now: TrueTime::default(),
            dice: dice(seed),
            devices: Vec::new(),
            relay: None,
            relay_crystal: Crystal::PERFECT,
            relays_started: 0,
            events: BTreeMap::new(),
            events_made: 0,
            separated: BTreeSet::new(),
        };
        world.start_relay(Crystal { origin: Span::ZERO, ppm: 12.0, swing: 0.3 });
        world
    }

    /// The present.
    pub fn now(&self) -> TrueTime {
        self.now
    }

    /// A new device, which connects at once. `name` must be a user id.
    ///
    /// # Panics
    ///
    /// If `name` is none.
    pub fn add(&mut self, name: &str, crystal: Crystal, path: Path) -> DeviceId {
        let user_id = UserId::parse(name).expect("tests use plain user ids");
        let session = Session::new(SessionConfig {
            swarm_hash: SwarmHash::parse("0".repeat(64)).expect("64 hex digits"),
            user_id: user_id.clone(),
            alias: Alias::parse(name).expect("user ids are plain text"),
            seed: self.devices.len() as u64,
            skews: Default::default(),
        });
        self.devices.push(Device {
            session,
            crystal,
            path,
            outputs: Vec::new(),
            user_id,
            clock: None,
            schedule: Schedule::silent(),
            face: None,
            lan: None,
            connection: 0,
            is_connected: false,
            is_alive: true,
            last_arrival: [TrueTime::default(); 2],
            gaps: 0,
        });
        let id = DeviceId(self.devices.len() - 1);
        self.at(self.now, Event::Connect(id));
        id
    }

    /// A device.
    pub fn device(&self, id: DeviceId) -> &Device {
        &self.devices[id.0]
    }

    /// What a person at a device wants.
    pub fn wish(&mut self, id: DeviceId, wish: Wish) {
        self.input(id, Input::Wish(wish));
    }

    /// Something that happens at a device.
    pub fn input(&mut self, id: DeviceId, input: Input) {
        let device = &mut self.devices[id.0];
        let now = device.crystal.local(self.now);
        device.session.handle(now, input);
        self.drain(id);
    }

    /// A device vanishes; the relay notices.
    pub fn kill(&mut self, id: DeviceId) {
        self.disconnect(id);
        self.devices[id.0].is_alive = false;
    }

    /// A device's connection breaks, is noticed by both sides, and is tried again.
    pub fn cut(&mut self, id: DeviceId) {
        self.disconnect(id);
        self.try_again(id);
    }

    /// The relay's process ends.
    pub fn kill_relay(&mut self) {
        self.relay = None;
        for index in 0..self.devices.len() {
            let id = DeviceId(index);
            if self.devices[index].is_connected {
                self.disconnect(id);
                self.try_again(id);
            }
        }
    }

    /// Another relay process starts at the same address, with this clock.
    pub fn start_relay(&mut self, crystal: Crystal) {
        self.relays_started += 1;
        self.relay_crystal = crystal;
        self.relay = Some(SimRelay::new(format!("clock {}", self.relays_started)));
    }

    /// Lets time pass. Returns how far apart those who play were, every ten milliseconds.
    pub fn run(&mut self, span: Span) -> Spread {
        let end = self.now + span;
        let mut spread = Spread::default();
        while self.now < end {
            let look = (self.now + LOOK_INTERVAL).min(end);
            self.run_events(look);
            if let Some(found) = self.spread() {
                spread.add(found);
            }
        }
        spread
    }

    /// Distance between the first and the last device of those that play now.
    pub fn spread(&self) -> Option<Span> {
        let heard = || {
            let device_ids = (0..self.devices.len()).map(DeviceId);
            device_ids.filter_map(|id| self.heard(id))
        };
        Some(heard().max()? - heard().min()?)
    }

    /// The position of the song that a device with a perfect sound card plays now.
    pub fn heard(&self, id: DeviceId) -> Option<MediaTime> {
        let device = &self.devices[id.0];
        let now = device.clock?.to_swarm(device.crystal.local(self.now));
        let plan = device.schedule.plan_at(now).filter(|_| device.is_alive)?;
        let position = plan.position_at(now);
        (position >= MediaTime::default()).then_some(position)
    }

    /// When what a device was told to play is, or was, first heard there.
    pub fn start_of(&self, id: DeviceId) -> Option<TrueTime> {
        let device = &self.devices[id.0];
        let plan = device.schedule.last()?;
        Some(device.crystal.when(device.clock?.to_local(plan.anchor)))
    }

    fn run_events(&mut self, end: TrueTime) {
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let timer = self.next_timer();
            let next = [event, timer.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            match timer {
                Some((at, id)) if at == next => self.fire(id),
                _ => {
                    if let Some((_, event)) = self.events.pop_first() {
                        self.happen(event);
                    }
                }
            }
        }
        self.now = end;
    }

    fn next_timer(&self) -> Option<(TrueTime, DeviceId)> {
        self.devices
            .iter()
            .enumerate()
            .filter(|(_, device)| device.is_alive)
            .filter_map(|(index, device)| {
                let due = device.crystal.when(device.session.poll_timeout()?);
                Some((due, DeviceId(index)))
            })
            .min()
    }

    fn fire(&mut self, id: DeviceId) {
        let device = &mut self.devices[id.0];
        // A timer is never early by its own clock.
        let due = device.session.poll_timeout();
        let now = due.into_iter().fold(device.crystal.local(self.now), Ord::max);
        device.session.handle_timeout(now);
        let next = device.session.poll_timeout();
        assert!(next.is_none_or(|next| next > now), "{}'s timer spins", device.user_id);
        self.drain(id);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect(id) if !self.devices[id.0].is_alive => {}
            Event::Connect(id) if self.relay.is_none() => self.try_again(id),
            Event::Connect(id) => {
                self.devices[id.0].is_connected = true;
                self.input(id, Input::LinkUp);
            }
            Event::AtRelay { from, connection, message } => {
                if self.is_current(from, connection) {
                    self.reach_relay(from, *message);
                }
            }
            Event::AtDevice { to, connection, message } => {
                if self.is_current(to, connection) {
                    let received = self.devices[to.0].crystal.local(self.now);
                    self.input(to, Input::Message { message, received });
                }
            }
            Event::Probed { from, to, t0 } => self.probed(from, to, t0),
            Event::Answered { to, from, sent, pong } => {
                if self.devices[to.0].is_alive {
                    let received = self.devices[to.0].crystal.local(self.now);
                    let address = address_of(from);
                    self.input(to, Input::Pong { address, pong, sent, received });
                }
            }
            Event::RelayNotices { of, connection } => {
                // Unless it came back before.
                if self.devices[of.0].connection == connection && !self.devices[of.0].is_connected {
                    let user_id = self.devices[of.0].user_id.clone();
                    let said = self.relay.as_mut().map(|relay| relay.leave(&user_id));
                    self.tell(said.unwrap_or_default());
                }
            }
        }
    }

    fn reach_relay(&mut self, from: DeviceId, message: ClientMessage) {
        let user_id = self.devices[from.0].user_id.clone();
        if let ClientMessage::TimePing { t0 } = message {
            let [t1, t2] = [self.now, self.now + THINKING].map(|at| self.relay_crystal.swarm(at));
            let t_s = Millis::from(t1 + (t2 - t1).mul_f64(0.5));
            let pong = ServerMessage::TimePong { t0, t_s, t1: t1.into(), t2: t2.into() };
            self.send_down(from, self.now + THINKING, pong);
        } else if let Some(relay) = &mut self.relay {
            let said = relay.handle(&user_id, message);
            self.tell(said);
        }
    }

    fn tell(&mut self, said: Vec<(Audience, ServerMessage)>) {
        for (audience, message) in said {
            for index in 0..self.devices.len() {
                let user_id = &self.devices[index].user_id;
                let is_meant = match &audience {
                    Audience::All => true,
                    Audience::One(one) => one == user_id,
                    Audience::AllBut(one) => one != user_id,
                };
                if is_meant {
                    self.send_down(DeviceId(index), self.now, message.clone());
                }
            }
        }
    }

    fn drain(&mut self, id: DeviceId) {
        while let Some(output) = self.devices[id.0].session.poll_output() {
            self.devices[id.0].outputs.push((self.now, output.clone()));
            match output {
                Output::Send(message) => self.send_up(id, message),
                Output::Ping(Way::WebSocket) => {
                    let t0 = self.devices[id.0].crystal.local(self.now).into();
                    self.send_up(id, ClientMessage::TimePing { t0 });
                }
                Output::Cue { file_id, position } => {
                    let device = &mut self.devices[id.0];
                    let now = device.crystal.local(self.now);
                    device.session.handle(now, Input::Cued { file_id, position });
                }
                Output::Probe(probe) => self.probe(id, probe),
                Output::Face(face) => self.devices[id.0].face = face,
                Output::Timeline { clock, schedule } => {
                    let device = &mut self.devices[id.0];
                    let was_playing = !device.schedule.is_silent() && device.clock.is_some();
                    let is_playing = !schedule.is_silent() && clock.is_some();
                    device.gaps += u32::from(was_playing && !is_playing);
                    (device.clock, device.schedule) = (clock, schedule);
                }
                Output::Ping(Way::Udp)
                | Output::TimeService(_)
                | Output::Signal { .. }
                | Output::Notice { .. }
                | Output::Changed => {}
            }
        }
    }

    fn send_up(&mut self, from: DeviceId, message: ClientMessage) {
        let at = self.arrival(from, Direction::Up, self.now);
        let connection = self.devices[from.0].connection;
        if self.devices[from.0].is_connected {
            let message = Box::new(message);
            self.at(at, Event::AtRelay { from, connection, message });
        }
    }

    fn send_down(&mut self, to: DeviceId, sent: TrueTime, message: ServerMessage) {
        let at = self.arrival(to, Direction::Down, sent);
        let connection = self.devices[to.0].connection;
        if self.devices[to.0].is_connected {
            let message = Box::new(message);
            self.at(at, Event::AtDevice { to, connection, message });
        }
    }

    /// Puts a device on local network number `lan`, where it is reached over `path`.
    pub fn plug_in(&mut self, id: DeviceId, lan: u8, path: Path) {
        self.devices[id.0].lan = Some((lan, path));
        self.input(id, Input::Reach(Reach { addresses: vec![address_of(id)], standby: None }));
    }

    /// What a device's own clock says.
    pub fn local(&self, id: DeviceId) -> LocalTime {
        let device = &self.devices[id.0];
        device.crystal.local(self.now)
    }

    /// A device sleeps: it hears and says nothing, its clock stands still, and when it wakes
    /// its shell notices. The world goes on meanwhile.
    pub fn sleep(&mut self, id: DeviceId, span: Span) {
        self.disconnect(id);
        self.devices[id.0].is_alive = false;
        self.run(span);
        self.devices[id.0].is_alive = true;
        self.devices[id.0].crystal.origin = self.devices[id.0].crystal.origin - span;
        self.input(id, Input::Suspended);
        self.try_again(id);
    }

    /// Two devices on one network do not reach each other from now on.
    pub fn separate(&mut self, one: DeviceId, other: DeviceId) {
        self.separated.insert((one, other));
    }

    /// Asks a neighbour for the room's time. Each datagram goes both devices' ways, may
    /// overtake others, and is lost if the other is not on the same network.
    fn probe(&mut self, from: DeviceId, probe: Probe) {
        let to = (0..self.devices.len()).map(DeviceId).find(|id| address_of(*id) == probe.address);
        let Some(to) = to.filter(|to| self.devices[to.0].is_alive) else { return };
        let (Some((here, near)), Some((there, far))) =
            (self.devices[from.0].lan, self.devices[to.0].lan)
        else {
            return;
        };
        let is_cut = [(from, to), (to, from)].iter().any(|pair| self.separated.contains(pair));
        if here != there || is_cut {
            return;
        }
        let t0 = self.devices[from.0].crystal.local(self.now);
        let way =
            near.delay(Direction::Up, &mut self.dice) + far.delay(Direction::Down, &mut self.dice);
        self.at(self.now + way, Event::Probed { from, to, t0 });
    }

    fn probed(&mut self, from: DeviceId, to: DeviceId, t0: LocalTime) {
        let (asker, asked) = (&self.devices[from.0], &self.devices[to.0]);
        let (Some((_, near)), Some((_, far))) = (asker.lan, asked.lan) else { return };
        if !asked.is_alive {
            return;
        }
        let [t1, t2] = [self.now, self.now + THINKING].map(|at| asked.crystal.local(at));
        let stamp = |at: LocalTime| SwarmTime::from_nanos(at.as_nanos());
        let pong = Pong {
            from: Tag::of_user(&asked.user_id),
            to: Tag::of_user(&asker.user_id),
            probe: 0,
            t1: stamp(t1),
            t2: stamp(t2),
            doubt: asked.face.map_or(Span::ZERO, |face| face.line.uncertainty(t1)),
            room: asked.face.map(|face| face.room),
        };
        let way =
            far.delay(Direction::Up, &mut self.dice) + near.delay(Direction::Down, &mut self.dice);
        let at = self.now + THINKING + way;
        self.at(at, Event::Answered { to: from, from: to, sent: t0, pong: Box::new(pong) });
    }

    fn arrival(&mut self, id: DeviceId, direction: Direction, sent: TrueTime) -> TrueTime {
        let device = &mut self.devices[id.0];
        let last = &mut device.last_arrival[direction as usize];
        *last = (sent + device.path.delay(direction, &mut self.dice)).max(*last);
        *last
    }

    fn disconnect(&mut self, id: DeviceId) {
        let device = &mut self.devices[id.0];
        device.is_connected = false;
        let connection = device.connection + 1;
        device.connection = connection;
        self.at(self.now + NOTICE_DELAY, Event::RelayNotices { of: id, connection });
        self.input(id, Input::LinkDown);
    }

    fn try_again(&mut self, id: DeviceId) {
        let [least, most] = RETRY;
        let wait = least + (most - least).mul_f64(rand::RngExt::random(&mut self.dice));
        self.at(self.now + wait, Event::Connect(id));
    }

    fn is_current(&self, id: DeviceId, connection: u32) -> bool {
        let device = &self.devices[id.0];
        device.is_connected && device.connection == connection && self.relay.is_some()
    }

    fn at(&mut self, at: TrueTime, event: Event) {
        self.events_made += 1;
        self.events.insert((at, self.events_made), event);
    }
}

/// Where a device answers time datagrams.
fn address_of(id: DeviceId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, id.0 as u8], 4_000))
}

impl Device {
    /// Times it fell silent, by what its session told it.
    pub fn gaps(&self) -> u32 {
        self.gaps
    }

    /// What it was told to play.
    pub fn plan(&self) -> Option<&PlayoutPlan> {
        self.schedule.last()
    }
}
