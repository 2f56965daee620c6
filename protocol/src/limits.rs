//! Every limit on what is sent, held and waited for, each with its reason. There is no second place.

use std::time::Duration;

/// Version of everything on the wire. A peer with another one is refused in words, never decoded.
pub const PROTOCOL_VERSION: u16 = 3;
/// Netcode protocol id of the `udp` transport: "CROSSW" in ASCII, then the version.
pub const NETCODE_PROTOCOL_ID: u64 = 0x4352_4F53_5357_0000 | PROTOCOL_VERSION as u64;

/// Largest Latest message, bytes. With every header it stays under the smallest common path MTU (1,200 for QUIC, 1,280 for IPv6).
pub const MAX_LATEST_BYTES: usize = 1_100;
/// Largest Reliable message that a transport carries, bytes. Transports that cannot carry it whole split it themselves.
pub const MAX_RELIABLE_BYTES: usize = 64 * 1024;
/// Largest Reliable message that the server accepts from a client, bytes: a chat line and a hello are far smaller.
pub const MAX_CLIENT_RELIABLE_BYTES: usize = 2 * 1024;
/// Bytes that may wait in one link, each way, before it is closed (Reliable) or the oldest is dropped (Latest).
pub const LINK_BYTES: usize = 256 * 1024;
/// Messages that may wait unread in one link. More Latest ones push out the oldest.
pub const LINK_INBOUND_MESSAGES: usize = 512;

/// Time from an open socket to a valid hello, and for a dial to succeed.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(3);
/// Handshakes that one server has in flight, all transports together but `tcp`, whose handshake is five bytes.
pub const MAX_HANDSHAKES: usize = 256;
/// Connections of one address on the `tcp` port, links included: sixteen friends behind one router, with eight each, which is more than a
/// client opens. The machine itself is exempt, so that a local swarm can join.
pub const TCP_PER_ADDRESS: usize = 128;
/// Connections on the `tcp` port that have not said their preamble yet: more than one address may have, so that none keeps the others out.
pub const TCP_WAITING: usize = 256;
/// Silence after which a transport gives a link up.
pub const LINK_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence of the driving link after which a client looks for another one: 22 missing snapshots in a row are no bad luck.
pub const SILENCE: Duration = Duration::from_millis(750);
/// Interval of keep-alives on an otherwise silent link.
pub const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// How long a close may wait until what was sent before it has arrived: a few round trips of the worst link that can be played.
pub const CLOSE_LINGER: Duration = Duration::from_secs(1);
/// Longest time that a question over `http` waits for something to say.
pub const LONG_POLL: Duration = Duration::from_secs(20);
/// Largest body of a call over `http` and of its answer, bytes: the largest Reliable message, and what waits with it.
pub const HTTP_BODY_BYTES: usize = 128 * 1024;
/// Connections of one link over `http` that the server does not count against its address: two, and two that are about to end.
pub const HTTP_CONNECTIONS: usize = 4;
/// Violations on one link before it is closed; a peer that is merely unlucky never comes near.
pub const MAX_VIOLATIONS: u32 = 16;

/// People who may watch one room: each costs a snapshot, none a step of the simulation.
pub const MAX_SPECTATORS: u8 = 32;

/// Messages per second that a link may bring in on average, both lanes. A client sends one per tick.
pub const INBOUND_PER_SECOND: u32 = 240;
/// Messages that a link may bring in at once on top of the average.
pub const INBOUND_BURST: u32 = 120;

/// How long a seat is kept after its session has lost its last link.
pub const SEAT_KEPT: Duration = Duration::from_secs(60);
/// How long the old link is still listened to after another has taken over.
pub const SWITCH_GRACE: Duration = Duration::from_millis(500);
/// Links that one session may hold at once: the driving one, the next one, and one that is being drained.
pub const LINKS_PER_SESSION: usize = 3;
/// Links that carry one session's match along at once, besides those: one per other kind of wire, and [`STRANDS`].
pub const SHADOWS_PER_SESSION: usize = 8;
/// Links of the same wire that share the work of the driving one where a stream has stalled: with four in all, the loss of one segment
/// delays every fourth message.
pub const STRANDS: usize = 3;
/// How far ahead of the present epoch an attach may be: every lost attempt uses one up.
pub const MAX_EPOCH_STEP: u32 = 64;
/// Reliable messages, and their bytes, that a session holds until they are acknowledged.
pub const OUTBOX_MESSAGES: usize = 1_024;
/// See [`OUTBOX_MESSAGES`].
pub const OUTBOX_BYTES: usize = 256 * 1024;

/// Life of a grant's proof and of a netcode connect token.
pub const GRANT_LIFETIME: Duration = Duration::from_secs(30);
/// Difference between the clocks of lobby and room that is forgiven.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(5);

/// Commands that one bundle carries: the newest and repetitions, so that losses in a row cost nothing.
pub const BUNDLE_COMMANDS: usize = 8;
/// How far in the future a command may lie, ticks (0.5 s): enough for a round trip of a second, too little to matter.
pub const MAX_COMMAND_LEAD: u32 = 30;
/// For how many ticks a missing command is replaced by the last one before the ship gets a neutral one.
pub const REPEAT_COMMAND: u32 = 3;

/// Furthest that a rail is traced behind the present for a shooter who sees others late. See [`game::rail::MAX_BEHIND`].
pub const MAX_REWIND: Duration = Duration::from_millis(200);
/// Ships that the server tells of per rail to those who want to see what it did: the nearest to the beam.
pub const REWOUND_SHIPS: usize = 8;

/// Snapshots that a seat's deltas may be written against, newest first.
pub const BASELINES: usize = 32;
/// Oldest baseline in ticks. Older ones do not fit the wire's 7 bits.
pub const MAX_BASELINE_AGE: u32 = 127;

/// Longest player name, characters.
pub const MAX_NAME_CHARS: usize = 16;
/// Shortest player name, characters.
pub const MIN_NAME_CHARS: usize = 2;
/// Longest password of a room, characters.
pub const MAX_PASSWORD_CHARS: usize = 64;
/// Longest chat line, characters.
pub const MAX_CHAT_CHARS: usize = 200;
/// Chat lines per second on average.
pub const CHAT_PER_SECOND: u32 = 4;
/// Chat lines at once.
pub const CHAT_BURST: u32 = 8;
