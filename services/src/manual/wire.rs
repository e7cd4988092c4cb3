//! Every byte of the protocol `duologue/1`, exact enough to write a client from. The last section is such a
//! client, and is run by the tests.
//!
//! Numbers are little-endian unless said otherwise; MessagePack is as its specification says. *Violation*
//! means: the side that notices closes the QUIC connection with application error code 1 and the broken rule
//! in words.
//!
//! # The link
//!
//! QUIC version 1 (RFC 9000) with TLS 1.3, ALPN `duologue/1`, server name `duologue`. Both sides present a
//! certificate with an Ed25519 key, self-signed or not, and sign with it; the accepting side demands one.
//! Names, dates and issuers are not looked at. A node's id is the SHA-256 of the DER of the certificate's
//! SubjectPublicKeyInfo. There is no resumption and no 0-RTT.
//!
//! Application error codes: 0 an ordinary close, 1 a broken rule, 2 a connection that was not greeted as it
//! should (another version, no `Hello` in time). Users may close with codes of their own.
//!
//! # Streams (N1)
//!
//! The first byte of each says what it is, sent by whoever opens it:
//!
//! | first byte | stream | when |
//! |---|---|---|
//! | 0 | control | the dialer's first |
//! | 1 | lane | the dialer's next, as many as its `Hello` says: 1 to 64; later from either side, a lane for one object |
//! | 2 | body, one-way | for each body that was asked for (N8): then its number, `u32`, then its bytes |
//! | 3, 4 | items, bytes | one-way, from whoever gives the stream; its number as `u32` follows |
//! | 5 gossip | reserved | not used today |
//!
//! On control and lanes, which are bidirectional, frames follow in both directions. Any other bidirectional stream is
//! a violation; one that has not said what it is within `connect_timeout` is ended. A dialer need not wait for the acceptor's `Hello` to open its lanes and to send on
//! them; nothing but `Hello` is processed before the peer's `Hello`. A stream that ends in the middle of a
//! frame, or a control stream that ends at all, is a violation.
//!
//! Every frame begins with `len: u32`, the number of bytes that follow it.
//!
//! # Control frames
//!
//! `len: u32 · kind: u8 · body`, at most 65,536 bytes after `len`. The body is one MessagePack array:
//!
//! | kind | | body | meaning |
//! |---|---|---|---|
//! | 1 | Hello | `[version, object_permits, connection_permits, inline_max, exports_max, deadline_ms, lanes, boot, body_max]` | the first frame each way |
//! | 2 | Release | `[[[id, units, gone], ..]]` | units of imports go back |
//! | 3 | Gone | `[id, reason]` | an object of the sender has ended |
//! | 4 | Pull | `[number]` | send the body that you announced with this number |
//! | 5 | Taken | `[bytes]` | so many bytes of one-way streams were read off the link, behind their numbers |
//! | 6 | Window | `[stream, bytes]` | so much more may be sent on this stream |
//! | 7 | Stop | `[stream, reason]` | no more of this stream is wanted, or its end was read |
//! | 8 | GoAway | `[]` | the sender starts no more calls: later ones are answered `Draining` |
//! | 9 | Close | `[code, reason]` | the sender is about to close |
//!
//! 10 to 12 are reserved (Seen, Resume, Waiting). Unknown kinds with
//! the top bit set are skipped; all others are violations, a second Hello too.
//!
//! Fields of Hello: `version` is 1. `object_permits`, `connection_permits`: how many calls the sender takes
//! unanswered on one of its objects, and how many KiB on the connection. `inline_max`: the longest body that it
//! takes in a frame. `exports_max`: how many objects of the peer it holds. `deadline_ms`: the deadline of its own calls that name none. `lanes`: how many the dialer opens
//! (the acceptor says 0). `boot`: a random number, new at each start of the node. `body_max`: the longest body it takes at all. Either
//! side uses the smaller of both peers' permits, `inline_max`, `exports_max` and `body_max` for what it sends. The greeting must be done within the
//! connect timeout, 10 s.
//!
//! ```text
//! 1b000000 01 99 01 cd1040 cd4000 cd2000 ce00010000 cd7530 01 05 ce01000000
//!         Hello: version 1, 4,160, 16,384, 8,192, 65,536, 30,000 ms, 1 lane, boot 5, 16 MiB
//! 0f000000 02 91 91 93 04 cf0000010000000000 c2           Release: object 4, 2^40 units, not gone
//! 05000000 03 92 04 a178                                  Gone: object 4, "x"
//! 02000000 08 90                                          GoAway
//! 04000000 09 92 00 a0                                    Close: code 0, no reason
//! ```
//!
//! # Frames on lanes (N2)
//!
//! A head of 16 bytes:
//!
//! | offset | 0 | 4 | 5 | 6 | 8 | 12 |
//! |---|---|---|---|---|---|---|
//! | | `len: u32` | `kind: u8` | `flags: u8` | `method: u16` | `call: u32` | `object: u32` |
//!
//! `len` is at least 12 and at most 16,380. Fields that a kind does not use are 0.
//!
//! | kind | | direction | uses | meaning |
//! |---|---|---|---|---|
//! | 1 | Names | holder → host | flags, object; body: array of strings, or the fingerprint of one | "my method numbers, on this lane, for every object with the interface of this one" |
//! | 2 | Call | holder → host | flags, method, call, object; body | a request, answered exactly once |
//! | 3 | Notice | holder → host | flags, method, object (call is 0); body | a request that is not answered but counted by Done |
//! | 4 | Cancel | holder → host | call | stop it; ignored if it is not running |
//! | 5 | Finish | holder → host | call | no more calls on the answer of this call, which was kept |
//! | 6 | Reply | host → holder | flags, call; body | the result |
//! | 7 | Fault | host → holder | flags: ran; method: code; call; body: text in UTF-8 | there is no result |
//! | 8 | Done | host → holder | flags, call: how many; object; body: `u32`, their permits of the connection | notices have finished |
//!
//! Call, Notice and Reply may have optional fields between head and body, each if its flag is set, in this
//! order:
//!
//! | flag | field | |
//! |---|---|---|
//! | 1 | deadline | `u32` milliseconds from now; without it the sender's `deadline_ms` of Hello |
//! | 2 | path | `n: u8 · depth: u8 · n × u64`: tokens of the ancestors that hold a turn; n ≤ depth ≤ 64 |
//! | 8 | large | `len: u32 · number: u32`: the body has `len` bytes and is not here (N8) |
//! | 16 | references | `n: u16 · n × entry`, 1 to 256 entries of 16 bytes |
//!
//! Between path and references, if flag 4 is set: the trace, 25 bytes: number of the trace (16) and of the calling span (8), both
//! big-endian as in the header `traceparent`, and its flags. Flag 32 (keep) on a Call: its answer is kept for calls on it. Flag 64 (on
//! answer) on a Call, Notice, Names or Done: `object` is the number of the call whose kept answer is meant. See "Calls on answers".
//! A flag that is not
//! understood, on one of these three kinds, is a violation.
//!
//! An entry of the reference table: `kind: u8 · hops: u8 · 0: u16 · id: u32 · fingerprint: u64`.
//!
//! ```text
//! 0f000000 02 00 0300 07000000 09000000 920407            Call 7 of method 3 on object 9: [4, 7]
//! 0d000000 06 00 0000 08000000 00000000 0b                Reply to call 8: 11
//! 0d000000 07 02 0700 08000000 00000000 78                Fault 7 (gone), ran unknown, to call 8: "x"
//! 0c000000 04 00 0000 08000000 00000000                   Cancel of call 8
//! 0d000000 03 00 0100 00000000 09000000 90                Notice of method 1 to object 9: []
//! 10000000 08 00 0000 03000000 09000000 04000000          Done: 3 notices of object 9, 4 permits
//! 0f000000 01 00 0000 00000000 09000000 91a161            Names for object 9: ["a"]
//!
//! 3d000000 02 13 0100 02000000 03000000                   Call 2 of method 1 on object 3, flags 1 + 2 + 16
//!   dc050000                                              deadline: 1,500 ms
//!   01 02 8877665544332211                                path: one token, depth 2
//!   0200                                                  two references
//!   01 00 0000 05000000 bbaa000000000000                  Export of object 5, fingerprint 0xaabb
//!   02 01 0000 06000000 0000000000000000                  Home of object 6, one hop
//!   90                                                    body: []
//! ```
//!
//! Fault codes:
//!
//! | code | | code | |
//! |---|---|---|---|
//! | 1 | cancelled | 8 | panicked |
//! | 2 | deadline | 9 | overloaded |
//! | 3 | would deadlock | 10 | draining |
//! | 4 | no such object | 11 | broken promise |
//! | 5 | no such method | 12 | bad reply: the result cannot travel |
//! | 6 | bad body: the arguments do not decode | 13 | nested: a call of the handler failed |
//! | 7 | gone: the object has ended | 14 | not sent: a node between could not pass it on |
//!
//! 0xff00 and above never stand on the wire.
//!
//! The flags of a Fault say whether the code ran: 0 never, 1 yes, 2 (and anything else) unknown. A code that
//! is not known is kept: [`CallError::Other`](crate::CallError::Other).
//!
//! # Bodies
//!
//! Arguments are one array, in the order of the trait, without `caller`. A host reads over surplus ones;
//! missing trailing ones take their default where the method allows it. Nesting is at most 64. Values are as
//! serde and MessagePack have them:
//!
//! | Rust | MessagePack |
//! |---|---|
//! | struct | map with the field names; an array of the fields is read too |
//! | tuple, `Vec`, slice | array |
//! | `Vec<u8>` and other lists of bytes, `Bytes`, `Blob` | bin |
//! | `()`, unit struct, `None` | nil |
//! | `Some(x)` | x |
//! | enum | the name of a unit variant as a string; `{"Name": value}` for others |
//! | `Result<T, E>` of a method | `{"Ok": value}` or `{"Err": error}` |
//! | proxy, callback, stream | extension type 1 of 2 bytes (`d5 01`): its index in the frame's reference table, `u16` |
//!
//! A method that returns `T`, or `Result<T, CallError>`, is replied to with `T` alone.
//!
//! # The lobby
//!
//! Object 0 of every connection, in both directions; it is called like any other object, needs no reference
//! and is never handed over.
//!
//! | method | | arguments | result |
//! |---|---|---|---|
//! | 0 | `open` | `[name]`, nil for the root | `{"Ok": {"name", "aliases", "version", "object"}}`, or `{"Err": {"name"}}` if there is no such service |
//! | 1 | `ping` | `[]` | nil |
//! | 2 | `describe` | `[object, from]`: an object of the callee, and the number of a method | `{"interface", "count"}` |
//!
//! `object` is a reference: Dead for a side that serves nothing (name `Void`). Opening the same service again
//! on the same connection gives the same object. Whether the interface is the one that was wanted, the opener
//! judges by the names.
//!
//! `describe` gives the interface of an object that the caller holds (a Home reference) with its methods from the
//! number on, as many as fit into a frame but one at least, and how many there are in all: who wants the rest
//! asks again. `interface` is `{"name", "aliases", "version", "doc", "fingerprint", "methods"}`, the documentation in
//! the first part only; a method is `{"name", "doc", "params", "returns"}` and, where they are true, `async`,
//! `exclusive` (takes `&mut self`), `cancel`, `idempotent`, `fallible` (it is replied to with `Ok` or `Err`), `variadic`; `access` is
//! `"get"` or `"set"` for the methods of attributes (the attribute of a set method is its name without `set_`).
//! A parameter is `{"name", "type"}` and, where it may be left out, `optional`. Types are text, as written.
//!
//! # References (N3)
//!
//! | kind | | id is an object of | units |
//! |---|---|---|---|
//! | 0 | Dead | – | the object was gone when the frame was written |
//! | 1 | Export | the sender | adds U = 2^40 to the sender's export and the receiver's import |
//! | 2 | Home | the receiver | takes 1 off both; the import keeps at least 1 |
//! | 3 | Source | – | a stream that the sender gives; `id` is its number, `fingerprint` 0 for items and 1 for bytes |
//! | 4 | Sink | – | a stream that the receiver gives; likewise |
//!
//! Bit 7 of an Export says that the object has a lane of its own: the import is bound to no lane of others. Its
//! holder opens a stream of kind 1 before its first call and sends all calls there; the host answers on the lane
//! a call came by. When the import is removed, the holder ends its half; the host ends its own when it has read
//! that end and answered everything. References that come by such a lane are bound to one of the
//! shared lanes, since they may be held longer than its object. Bit 6 of an Export says that it is not to be handed on to a third
//! node. `hops` of an Export is the number of nodes that its calls go through behind the sender: 0 for an object of the sender's own. Bits 6
//! and 7 of other kinds, and `hops` above 8, are violations.
//!
//! The receiver settles the *whole table* of every frame it reads, whether or not the body is decoded, wanted
//! or understood. Export: the import is made if absent, bound to the lane of the frame, and all calls to it
//! go there; an Export that nobody claims is let go of. Home: the object itself, then its unit is taken off.
//! A Home of an object that was not handed out, an Export of object 0, and more imports than `exports_max`
//! are violations.
//!
//! An object has the same id while its entry exists; ids count up, and a number is not used again soon.
//! `fingerprint` of an Export is that of the interface: FNV-1a with 64 bits (offset `0xcbf29ce484222325`,
//! prime `0x100000001b3`) over the method names in order, each followed by a zero byte. For Home and Dead it
//! is 0.
//!
//! ## Method numbers
//!
//! A method's number is its place in the trait, from 0. A holder whose own list of names has another
//! fingerprint than the import sends Names with its own list before its first such call on that lane; the
//! numbers of its calls to every object with that fingerprint are places in that list from then on, until it
//! sends another; an empty list takes the last one back, and the numbers are the host's own. A list that was told before on that lane, for
//! whatever object, may be named by its fingerprint as an integer instead. A name that the host lacks is answered NoSuchMethod, call by
//! call. Names for an object that was not handed out, and a fingerprint of no list that was told, are violations.
//!
//! The host keeps the lists of a lane until it ends: at most 1,024, in force for at most 1,024 interfaces, and 16 MiB of them, where a name counts
//! its bytes and 256 more, in each list and once more for each interface for which its list is in force. More is a violation; a caller counts
//! likewise, and sends no call that would need more.
//!
//! # Import and export (N4, N5)
//!
//! A holder owes the units of its imports. An import is *quiet* when nothing sent to it is unanswered.
//!
//! * Nobody holds it and it is quiet: it is removed, and Release returns all its units. Never earlier: a
//!   Release that brings the units of an export to 0 while calls on it are unanswered is a violation.
//! * It has more than 2·U units: the surplus over U is released at once.
//! * `Gone{id}` of an unknown import: `Release{id, 0, gone}` at once. Of a known one: new calls fail locally;
//!   when it is quiet it is removed and `Release{id, units, gone}` is sent. Gone ends no call: each is still
//!   answered on its lane.
//! * A reference to a dead import is sent as Dead.
//!
//! The host keeps an entry until all its units are back. Ended before, the entry becomes a tombstone: running
//! calls are stopped, later ones answered `gone`, and Gone is said; on a `Release{.., gone}` with units still
//! missing, Gone is said again. A Release of more units than are out is a violation, one of 0 units for an
//! unknown object is nothing.
//!
//! When the connection ends, all units are back at once.
//!
//! # Calls (N6)
//!
//! Call numbers are the holder's, for each lane; one that is in use is a violation. The host answers each
//! call exactly once, with Reply or Fault, on the lane it came by. An answer that no call waits for is a
//! violation. Cancel and deadlines do not free a number: the answer does.
//!
//! **Permits.** A call costs one permit of its object and `c = ⌈(len + 4) / 1,024⌉` of the connection; both
//! come back with the answer. With W<sub>o</sub> and W<sub>c</sub> the smaller of both peers' figures, and R
//! = 64 (at most half of W<sub>o</sub>, and at most W<sub>c</sub> / 32), a call at depth d may be sent if
//!
//! * `calls out on the object + 1 ≤ Wo − (R − min(d, R))`,
//! * `KiB out on the connection + c ≤ Wc − 16·(R − min(d, R))`,
//! * at depth 0: the KiB out on the object are at most the KiB still free at depth 0.
//!
//! Otherwise it waits, in one line for each object and depth; beyond depth R it fails. **The host enforces
//! W<sub>o</sub> and W<sub>c</sub> as it said in its own Hello**: more is a violation. The finer rules keep
//! nested calls from starving, and neighbours from each other; a client that makes few calls may do with
//! less. The lobby costs permits of the connection only. Notices cost the same; they come back with Done, and
//! always carry a deadline. A sum in Done that those notices cannot have cost is a violation.
//!
//! **Calls on answers.** A call with flag 32 has its answer kept by the host; its result is to be a proxy, or the `Ok` of one. Calls and
//! notices with flag 64 on the same lane name it as their callee. Those that come before the answer wait for it, in order, and are handed to
//! the object before the Reply is written; later ones go to it directly. A result that is an object of the
//! caller or of a third node is one like others: the host passes the calls on. If the call fails, or its result is no proxy, they are answered `broken promise`, with the cause as text, never ran. They cost permits of the connection as others do, and
//! instead of the object's one of 64 that each kept answer has (W<sub>o</sub> = 64 and R = 32 in the rule above); more is a violation.
//! Before the first of them, Names with flag 64 tells the caller's method numbers for this answer, as above: in full the first time for an
//! interface on that lane, later by its fingerprint. When nobody holds the promise and nothing sent on it is unanswered,
//! the holder sends Finish, once; only then, and with its answer, is the number of the call free again. A call on an answer that is not kept,
//! Finish of one, Finish while calls on it are unanswered, and more than 4,096 kept answers on a lane are violations. A Cancel ends a call that
//! waits for an answer at once.
//!
//! **Deadlines** are relative on the wire. The host cuts them to its `deadline_max`, 10 minutes. At the
//! deadline it stops the method as by Cancel and answers `deadline`; a method that is not to be stopped runs
//! on and is answered when it ends.
//!
//! **Full outboxes.** A host whose outbox of the lane holds more than 1 MiB starts no calls that arrive by it
//! until it is written; a peer that takes nothing for the idle time loses its connection.
//!
//! **Draining.** After GoAway a peer should start no calls; those that arrive are answered `draining`.
//!
//! # The turn (N7)
//!
//! A running call of an object with `&mut self` methods has a random 64-bit token. Calls awaited inside its
//! handler carry its path and that token, depth + 1, and the nearer deadline. On arrival at an object, with
//! holders H of its turn and path P:
//!
//! * H ∩ P has a writer, or the call is a writer and H ∩ P is not empty: Fault `would deadlock`, never ran;
//! * the call is a reader and H ∩ P is not empty: it starts at once;
//! * else it takes its place in line: readers together, a writer alone.
//!
//! A caller outside of any handler sends no path. Depth above 64 is refused at the caller.
//!
//! # Large bodies (N8)
//!
//! A body above `inline_max` is announced: its frame has the field `large` and no body of its own, costs permits as its own length says,
//! and keeps its place in line. The number is the announcer's, and is not used again while the receiver may still ask for it. The receiver
//! sends `Pull` when it has room for the whole body (it asks for 16 MiB at once at most), in the order of the announcements; the sender
//! then opens a one-way stream: first byte 2, the number, the bytes, its end. A body longer than announced is a violation, as are an
//! announcement above `body_max`, a Pull for what was never announced or for the second time, and a stream that nobody asked for.
//!
//! * **Calls and notices.** Until its body is whole, a call holds back the later calls of this connection, of its depth and on its
//!   object; all others pass. It goes to its object when it is whole. A call on a kept answer may have a large body too: it holds back the later
//!   ones of its depth on that answer, and is asked for whether or not the answer is there.
//! * **Replies.** Permits come back with the frame; the caller and its deadline wait until the body is whole.
//! * **Withdrawal.** A caller that gives up sends Cancel and forgets the body; so does who is answered before. The host that gets a
//!   Cancel answers it, and does not ask any more; a Cancel of a call whose reply was announced withdraws the reply. A Pull that crosses finds
//!   a number that is not known any more: its stream ends where it is, mostly empty. So the stream of a request may end early, and that of
//!   a reply once its call was cancelled; else it is a violation. A caller that gave up and has asked already reads on and throws away.
//! * A body of which nothing arrives for 60 s is given up, and its call with it.
//! * The bytes of bodies count as those of streams do, see "in the network" below; at least 64 KiB may be on their way.
//!
//! # Streams of items and bytes (N8)
//!
//! Whoever writes the reference gives the number: even numbers are those of the side that dialed, odd ones of the other, and none is used
//! twice on a connection. The producer opens a one-way QUIC stream: first byte 3 (items) or 4 (bytes), the number as
//! `u32`; it always does, even if nobody wants the stream any more. It may arrive before the frame that names it; the
//! consumer waits for that as long as a stream may stand still, 60 s. Then items follow:
//!
//! `len: u32 · kind: u8 · [reference table] · body`, where `len` counts what follows it:
//!
//! | kind | | body |
//! |---|---|---|
//! | 0 | item | a MessagePack value; on a stream of bytes, bytes |
//! | 1 | end | none |
//! | 2 | error | a code `u8`, then: 0 the application's error in MessagePack; 1 unfinished, 2 panicked, 3 bad item, 4 idle, 5 disconnected, others: text |
//! | + 128 | | a reference table as in frames stands before the body; not on streams of bytes |
//!
//! An item has a body of at most `item_max` (16 MiB), an error of 8 KiB. After an end or an error the producer finishes the
//! QUIC stream; it never resets one, and the consumer never stops one. A stream that ends without
//! either, or in the middle of an item, is *unfinished*; after Stop that is how it ends.
//!
//! **Window.** An item costs its bytes of the window, 64 at least; ends and errors cost nothing. 64 KiB may be sent before
//! anything was taken. An item may be sent in parts as the window allows, but is begun only with room for its whole cost or for
//! 5 KiB, so that a table is never cut. The consumer adds to the window as items are taken, in steps of half a window or more, and at
//! once what a begun item lacks if somebody waits for it. Where nothing has come for 30 s, half of what a stream may stand still, it adds what was taken
//! since then, however little: the producer gives up one whose window has not grown for 60 s. More than the window allows is a violation.
//!
//! **Stop.** The consumer says Stop exactly once: when nobody wants more, or when it has read the end. Before
//! it opens a Sink that it has named itself, it waits with it. The producer then ends, wherever it is, and forgets the number. Window or Stop for an
//! unknown number, or after Stop, is a violation. The consumer reads to the end of the QUIC stream in any case and settles
//! every table.
//!
//! **In the network.** The bytes of all one-way streams behind their numbers, written and not returned by Taken, are bounded by the
//! sender: 128 KiB while calls are under way, 4 MiB while none are, and what bandwidth × delay asks for. Taken is said
//! at 32 KiB at the latest as the bytes are read off the link, whether or not anybody has taken the items: a sender may have as little as 64 KiB on their way. One
//! who waits for 60 s in which nothing was returned ends the connection: the peer takes nothing off its streams.
//!
//! ```text
//! 03 02000000                  a stream of items, number 2
//! 02000000 00 07               item: 7
//! 02000000 02 01               error: unfinished
//! 01000000 01                  end
//! ```
//!
//! # Order (N9)
//!
//! Calls of one depth through one import start in the order sent. Frames between objects on one lane arrive
//! in the order sent. Nothing else is promised.
//!
//! # Closing
//!
//! Who wants to close sends Close, ends its lanes after what was appended to them, and waits up to 1 s. The
//! other side reads all lanes to their end, answers with its own Close and ends its lanes. Then the first one
//! closes the QUIC connection with its code and reason. A QUIC connection that is just closed, or lost, is
//! understood too; it only leaves more calls whose fate is unknown.
//!
//! # A client by hand
//!
//! It uses the transport for QUIC and TLS, and writes every byte itself.
//!
//! ```
//! use duologue::prelude::*;
//! use transport::frame::Deframer;
//! use transport::{Config, Endpoint, RecvStream};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! #[service]
//! trait Adder {
//!     async fn add(&self, a: i64, b: i64) -> i64;
//! }
//!
//! struct Desk;
//!
//! #[service]
//! impl Adder for Desk {
//!     async fn add(&self, a: i64, b: i64) -> i64 {
//!         a + b
//!     }
//! }
//!
//! fn hex(text: &str) -> Bytes {
//!     let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
//!     digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
//! }
//!
//! /// The next frame of a stream, without its length.
//! async fn next(stream: &mut RecvStream, frames: &mut Deframer) -> Result<Bytes, Error> {
//!     loop {
//!         if let Some(frame) = frames.next()? {
//!             return Ok(frame);
//!         }
//!         frames.push(stream.next().await?.ok_or("the stream has ended")?);
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Error> {
//! let node = Node::builder().serve(|| Desk).bind("127.0.0.1:0").await?;
//!
//! let (me, anyone, config) = (Identity::generate()?, Trust::danger_anyone(), Config::default());
//! let link = Endpoint::dialer(&me, &anyone, &config)?.connect(&node.local_addr().to_string()).await?;
//!
//! // The control stream: its kind, and Hello.
//! let (mut say, mut hear) = link.open().await?;
//! say.send(hex("00  1b000000 01 99 01 cd1040 cd4000 cd2000 ce00010000 cd7530 01 05 ce01000000")).await?;
//! // The lane: its kind, and call 0 of method 0 (`open`) on object 0 (the lobby), for the root.
//! let (mut send, mut receive) = link.open().await?;
//! send.send(hex("01  0e000000 02 00 0000 00000000 00000000 91c0")).await?;
//!
//! let (mut control, mut lane) = (Deframer::new(65_536), Deframer::new(16_380));
//! let hello = next(&mut hear, &mut control).await?;
//! assert_eq!(hello[..3], *hex("01 99 01"));
//!
//! // A reply to call 0 with one reference: an Export of object 1, whose one method is `add`.
//! let opened = next(&mut receive, &mut lane).await?;
//! assert_eq!(opened[..12], *hex("06 10 0000 00000000 00000000"));
//! assert_eq!(opened[12..22], *hex("0100  01 00 0000 01000000"));
//! let fingerprint = b"add\0".iter().fold(0xcbf29ce484222325_u64, |hash, byte| {
//!     (hash ^ u64::from(*byte)).wrapping_mul(0x100000001b3)
//! });
//! assert_eq!(opened[22..30], fingerprint.to_le_bytes());
//! // {"Ok": {"name": "Adder", "aliases": [], "version": 1, "object": reference 0}}
//! let body = [
//!     &b"\x81\xa2Ok\x84\xa4name\xa5Adder"[..],
//!     b"\xa7aliases\x90\xa7version\x01\xa6object\xd5\x01\x00\x00",
//! ];
//! assert_eq!(opened[30..], body.concat());
//!
//! // Call 1 of method 0 on object 1: [4, 7].
//! send.send(hex("0f000000 02 00 0000 01000000 01000000 920407")).await?;
//! assert_eq!(next(&mut receive, &mut lane).await?, hex("06 00 0000 01000000 00000000 0b"));
//! // Nothing is unanswered: all units of object 1 may go back.
//! assert_eq!(node.stats().total.exports, 1);
//! say.send(hex("0f000000 02 91 91 93 01 cf0000010000000000 c2")).await?;
//! node.until(|stats| stats.total.exports == 0).await;
//!
//! // Close, and the end of the lane; the peer closes as well.
//! say.send(hex("04000000 09 92 00 a0")).await?;
//! send.finish()?;
//! assert_eq!(next(&mut hear, &mut control).await?, hex("09 92 00 a0"));
//! link.close(0, "");
//! # Ok(())
//! # }
//! ```
