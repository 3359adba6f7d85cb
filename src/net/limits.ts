/** The bounds of the network layer, and why they are what they are. Those of the seam are in base. */

/** How long a dial may take, all addresses of a peer together. */
export const DIAL_MS = 5_000
/** How long the other side may take to agree on a protocol. */
export const NEGOTIATION_MS = 5_000
/** How long an unauthenticated socket may take for its handshake: silent ones are gone after it. */
export const UPGRADE_MS = 3_000
/**
 * Handshakes under way at once, and new connections per second from one address: fifty silent sockets
 * a second take half of it.
 */
export const PENDING_CONNECTIONS_MAX = 300
/** Streams of one connection, whatever their protocol; each may hold a read buffer. */
export const STREAMS_PER_CONNECTION_MAX = 256
/** How long `stop` waits for libp2p before it leaves it behind. */
export const STOP_MS = 5_000

/**
 * Strangers connected at once, how long one may stay, and how many may come per second. A rack that
 * is switched on with one invite comes as twenty at a time.
 */
export const PROVISIONAL_MAX = 32
export const PROVISIONAL_MS = 5_000
export const PROVISIONAL_PER_SECOND = 20
/** What a stranger may send in one request, and on its connection in all. */
export const JOIN_BYTES_MAX = 65_536
export const STRANGER_BYTES_MAX = 262_144
/** The bounds of requests that strangers may make. */
export const JOIN_REQUESTS_MAX = 2

/** Datagrams that may wait for one peer, each of another kind. */
export const DATAGRAM_KINDS_MAX = 1_024
export const DATAGRAM_KIND_BYTES_MAX = 64
/** A datagram that waited longer is no news any more. */
export const DATAGRAM_AGE_MS_MAX = 5_000

export const PROTOCOL_BYTES_MAX = 128
/** Bodies of requests that one peer may have in progress here. */
export const REQUEST_BYTES_PER_PEER_MAX = 16_777_216
/** What may wait to be sent to one peer before new requests are refused. */
export const OUTBOX_BYTES_MAX = 8_388_608
/** Where a peer does not take its answers, its stream is broken off. */
export const UNTAKEN_BYTES_MAX = 16_777_216
/** What one `send` may carry. */
export const SEND_BYTES_MAX = 1_048_576

/** Bulk streams of one peer at once. */
export const STREAMS_PER_PEER_MAX = 32
/** Beyond this round trip a stream over libp2p gets a larger window, as large as yamux has. */
export const LONG_LINE_MS = 2
export const LONG_LINE_WINDOW_BYTES = 1_048_576
/** The bytes of one data frame. */
export const CHUNK_BYTES_MAX = 262_144

/** Peers and addresses the address book holds. */
export const BOOK_PEERS_MAX = 1_024
export const BOOK_ADDRESSES_MAX = 8
export const ADDRESS_BYTES_MAX = 256

/** Redialling: the pause doubles from the first to the last, times 0.5 to 1.5. */
export const REDIAL_FIRST_MS = 500
export const REDIAL_LAST_MS = 60_000
/** A connection that lasted this long makes the next pause the first again. */
export const REDIAL_RESET_MS = 60_000
/**
 * The larger peer id waits this much more, and a little for each kept peer, so that two peers do not
 * dial each other at once: where many start together, the smaller has others to dial too.
 */
export const REDIAL_YIELD_MS = 2_000
export const REDIAL_YIELD_PER_PEER_MS = 100
export const REDIAL_YIELD_MS_MAX = 10_000
/**
 * A peer connects with the first few it wants at once and takes its time for the others, this much
 * per kept peer, half of it on average: a connection costs 20 ms of either side's processor, and news
 * travel over few connections as well as over many.
 */
export const LINKS_AT_ONCE = 3
export const LINK_PACE_MS = 3_000
/** Dials under way at once. */
export const DIALS_MAX = 8

/** One announcement, and what may come at once: gossipsub puts several into one frame. */
export const TOPIC_BYTES_MAX = 4_096
export const GOSSIP_FRAME_BYTES_MAX = 65_536
/** Topic messages one peer may relay to us per second, and in a burst. */
export const TOPIC_MESSAGES_PER_SECOND = 50
export const TOPIC_MESSAGES_BURST = 200

/** Why a stream was broken off, as told to the other side. */
export const STREAM_REASON_BYTES_MAX = 1_024
/** How long the reason for breaking off a stream may take to get out. */
export const LAST_WORDS_MS = 1_000

/** Groups one peer publishes locators of. */
export const LOCATORS_MAX = 1_024
/** How long a question to Kademlia may take. */
export const LOOKUP_MS = 10_000
/** Relays of topic messages whose rates are kept. */
export const TOPIC_PEERS_MAX = 2_048

/** How long a connection may take to close in order. */
export const CLOSE_MS = 1_000

/** Sockets of the lane with one peer, in each direction, unused tickets included. */
export const LANES_PER_PEER_MAX = 4
/** Unused tickets in all, and how long one is good. */
export const TICKETS_MAX = 256
export const TICKET_MS = 10_000
/** How long a socket of the lane may take to get ready, on either side. */
export const LANE_CONNECT_MS = 2_000
export const LANE_HANDSHAKE_MS = 5_000
/** How long a stream waits for the lane before it takes the other way. */
export const LANE_WAIT_MS = 500
/** A socket that carried nothing for this long is closed, by its caller first. */
export const LANE_IDLE_MS = 60_000
/** How long the lane to a peer is left alone after it did not work. */
export const LANE_PENALTY_MS = 600_000
/** Sockets of the lane in all. */
export const LANE_SOCKETS_MAX = 512
/** Received bytes on their way to the main thread, per socket: more than any window. */
export const LANE_UNTAKEN_BYTES_MAX = 4_194_304

/** Wires with one peer, unused tickets included: one that each side called, and one more of each. */
export const WIRES_PER_PEER_MAX = 4
/** Pipes of one wire at once. */
export const WIRE_PIPES_MAX = 64
/** What may wait on a wire before those who can wait have to. */
export const WIRE_BACKLOG_BYTES = 1_048_576
/** How long a stream waits for its wire before it takes the other way. */
export const WIRE_WAIT_MS = 500
/** How long the wire to a peer is left alone after it did not work, and after it was not to be had. */
export const WIRE_PENALTY_MS = 60_000
export const WIRE_PAUSE_MS = 1_000
