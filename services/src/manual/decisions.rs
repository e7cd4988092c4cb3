//! What was chosen over what, and why.
//!
//! # Imports are settled under the connection's lock
//!
//! When nobody holds an import any more and nothing sent to it is unanswered, it is removed and all its units
//! are released. The danger is resurrection: a proxy is dropped on one thread while the reader imports the
//! same object again on another. One way is to take that step on the connection's thread only. Here it is
//! taken under the connection's lock, by whoever brings the last answer or by the control writer; the drop of
//! a proxy only leaves the id in a list (`Shared::dropped`). The step re-checks whether somebody holds the
//! import by then. The lock is the same that every call takes, so it costs nothing more, and an answer need
//! not go through the actor.
//!
//! # Permits: an object may hold no more than is left
//!
//! At depth 0 an object may have another call only if the KiB it has out are at most the KiB still free at
//! that depth. The rule as first written, "its calls out are at most what is free", counted calls against
//! KiB, and the reserve as free: two objects flooded with calls of 9 KiB, or five flooded with calls of 1
//! KiB, then took everything, and a neighbour waited. With both sides in the same unit, and the reserve left
//! out, a flooded object gets half of what is free, the next one half of the rest, and so on.
//!
//! # No small call passes a large one of its own depth
//!
//! A call that waits for several permits of the connection is not passed by later calls of the same depth
//! that need fewer, those of other objects included. Otherwise a stream of small calls would keep a large one
//! waiting for ever. Calls of greater depth do pass: what waits may wait for them.
//!
//! # Impossible sums are refused
//!
//! Permits that come back are checked for more than being out: the rest must be something that the remaining
//! calls can have cost (at least 1, at most 16 KiB each). A peer that names an impossible sum in `Done`
//! breaks the protocol, and is told so before anything is changed.
//!
//! # Endpoints and threads
//!
//! A QUIC connection is driven by a task of the runtime on which it was made, and its packets reach it
//! through its endpoint's receive loop. So that both are on the thread where the connection lives, a node
//! that dials has an unbound endpoint for each of its threads (one for loopback and one for elsewhere, since
//! their default identity and trust differ), made at the first dial. A bound address has one socket: its
//! endpoint receives on the node's first thread, and hands each accepted `Incoming` to the thread with the
//! fewest connections, where the handshake is made and the driver lives. Several sockets with `SO_REUSEPORT`
//! did not spread connections.
//!
//! # Callers on other threads: woken together
//!
//! A caller in a `#[tokio::main]` program is a task of another runtime, and each answer would wake it through that runtime's
//! queue for strangers, with a lock, often a system call and a switch between threads; each call that it makes then would wake
//! the node's thread in the same way. So each multi-threaded runtime from which calls are awaited has one task, the courier. A node's thread that
//! has 16 or more answers for it at once hands it their wakers; it wakes them from inside, where that is cheap, and lines up behind
//! them; what they send meanwhile wakes the node's thread once, when its turn comes. The threads of that runtime may have other things
//! to do for long, a task that computes or waits without giving its thread back; then nothing may depend on them that did not
//! before. So the node's thread looks after the courier every millisecond while that holds something: one that has not
//! had its turn since is relieved of all. A runtime that ends drops the courier, with the same effect. A runtime of one thread, which may stand
//! still while nobody drives it, has none.
//!
//! # Deadlines: a wheel at the caller, timers at the callee
//!
//! Nearly every call is answered long before its deadline. At the caller all deadlines of a connection are in
//! one hashed wheel, whose lists run through the entries themselves: setting and taking back are a few
//! stores, and one task sleeps until the next one. At the callee a call that is ready at its first poll has
//! no timer at all; one that waits, for its turn or in its own code, is a task, and has one.
//!
//! # A moment beyond the deadline
//!
//! At its deadline a call that was sent is cancelled, and its caller then waits for the host's answer a
//! moment longer: two round trips and 100 ms, at most 250 ms in all. The host's own clock has ended the call at the
//! same time, and knows what the caller cannot: whether it ran, and who held the turn that it waited for. A
//! host that says nothing in that time leaves the caller with "unknown". To end the call earlier at the host
//! would have told as much, but a call of 100 ms would sometimes have failed after 98.
//!
//! A call that a handler awaits ends a little before the call around it: a 64th of what is left, at most 100 ms.
//! So a handler sees why its own call failed, and can say so.
//!
//! # Circles of turns
//!
//! A call whose ancestor holds the turn it wants is refused at once: that is seen in the call's path. Two
//! *different* chains that cross, each holding what the other waits for, are not seen by either. Within one
//! node they are found all the same: a call that is part of a chain and has waited 100 ms for a turn makes
//! that turn known to its node, with all who hold it, and looks for a circle: from the holders to the calls that carry their
//! tokens in their paths, to the holders of the turns that those wait for, and so on. The one that closes the circle
//! fails as `WouldDeadlock`; it is always exactly one, since a circle is complete only when the last of its
//! calls is known. What does not wait long pays nothing, and neither does a call from outside of any method,
//! for which no holder can be waiting.
//!
//! A circle that crosses nodes ends at its deadline. So does one in which a handler waits for something else than
//! a call: a channel, a task that it has spawned without [`Caller::scope`](crate::Caller::scope).
//!
//! # Through a node between
//!
//! What stands on one connection for an object of another (a forwarder) decodes nothing: it may carry references
//! whose interface its node has never seen. The numbers of methods go through as the caller meant them: the list of names that a
//! caller has told is told to the host before the call, and an empty list takes it back, from where on the host's own numbers are
//! meant. There is one forwarder for each import, so that an object handed on twice is one object at the other
//! end. It queues nothing: what arrives is sent on at once, at the depth it has, or waits for a permit there, in line;
//! the caller's own permits bound that line. Forwarders that go around, each node handing on for the next, could
//! fill each other's lines at one depth; such calls end at their deadlines.
//!
//! A cancellation is handed on and the host's answer awaited, so that the one who asked learns whether it ran. If the
//! connection to the host is lost, the object is `Gone` and not `Disconnected`: the caller's own connection is still
//! usable. What B cannot send on is `NotSent`, with a code of its own on the wire, since only B knows.
//!
//! A notice is done for its sender when the node between has sent it on. So a result may overtake, at the caller, progress notices
//! for which the node between has no permit left; through one connection it never does.
//!
//! # Stateless resets and connection ids
//!
//! A node that was restarted at the same address can tell its former peers that their connections are gone,
//! so that they need not wait for the idle timeout. For that the key of QUIC's stateless resets is derived
//! from the identity; the local address is part of it, so that one endpoint cannot end the connections of
//! another one of the same node (RFC 9000 §21.11). Connection ids are 8 random bytes: the library's own carry
//! a checksum with a key that is new at each start, by which packets of a former life would not be
//! recognized.
//!
//! # How values are written
//!
//! Structs travel as MessagePack maps with their field names: fields may come and go, and tools of other
//! languages can read them. The arguments of a call are an array. A `Vec<u8>` (and other lists of bytes) is
//! written as bin wherever it stands, by the encoder's `BytesMode::ForceIterables`; it costs little, and
//! other languages see bytes. A [`Bytes`](crate::Bytes) that is a whole argument or result is read without a
//! copy, as a slice of the frame it came in; inside structs [`duologue::bytes`](mod@crate::bytes) or
//! [`Blob`](crate::Blob) do the same.
//!
//! # What a length counts
//!
//! The `len` at the head of every frame, on lanes and on the control stream, counts the bytes *after* it. The
//! transport cuts streams into frames by it without knowing what a frame is, and limits speak of the same
//! number.
//!
//! # A method that is not stopped at its deadline
//!
//! The deadline of a call passes at both ends. At the host, a `#[no_cancel]` method and an `&mut self` method
//! run on, and the one answer comes when they end; a remote caller has been told by its own wheel, and goes
//! on paying the permit. A caller of the same process is told at once.
//!
//! # Notices, and what else is only on the wire
//!
//! Notices, their `Done`, and the depth at which they saturate shape the permits, so they are in the codec
//! and the tables from the beginning, as the first of what is more than a call and its answer. What a
//! later version may add is refused with a reason instead of
//! being misunderstood.
//!
//! # A stream is never reset, and ends by one Stop
//!
//! A reset throws away bytes that the receiver never saw, and with them references that would leak, and bytes of the budget that
//! would never be given back. So a stream ends by FIN only, its last word is an item of its own, and bytes have
//! the same frames as items. The consumer says Stop once for every stream, also when it has read the end: so the producer
//! knows each number until nothing can come for it, and a word about an unknown stream is a violation
//! without exception.
//!
//! # A large item comes when it is waited for
//!
//! An item longer than its window must get in somehow. A budget from which such items draw would let two of them wait for each
//! other, where a consumer needs the second before it takes the first. Instead the consumer lets one in when somebody waits for it
//! and has nothing else to take: what it costs was asked for.
//!
//! # A quiet stream is not an idle one
//!
//! A log that nobody writes to for an hour is not broken, and the connection's own keep-alive says that the peer is there. So
//! `stream_idle` counts only while something waits to move: items of which nobody takes any, or the rest of one that
//! does not come. A consumer that takes one a minute is slow, and not idle: it says so before the producer, who hears of what was taken in
//! large steps otherwise, gives it up.
//!
//! # How many objects are held is agreed upon
//!
//! The importer refuses more objects than its own `exports_max`, because a hostile host could fill its
//! tables otherwise. So that two honest nodes with different settings do not cut each other off, the number
//! stands in `Hello`, and the exporter keeps to the smaller one.
//!
//! # Answers that no method gave
//!
//! A call of an unknown object or method is answered by the tables themselves. Such answers are held back
//! behind a full outbox like calls are, and keep their permits meanwhile: a peer that asks for them and reads
//! nothing is bounded by its own permits and by nothing else.
//!
//! # An answer and the calls before it
//!
//! Frames of a lane are read in order, but a call goes to the mailbox of its object while an answer wakes its
//! caller directly. The reader therefore lets the objects to which it has just delivered have their turn
//! before it gives an answer that came after: a reply does not overtake the progress ticks before it.
//!
//! # Large bodies are fetched, not sent
//!
//! Any budget that is taken while something else is awaited can deadlock: pieces of two bodies that share one budget, a
//! nested call of a handler whose own body holds it, bodies that wait for the turn of a handler that calls back. So a large body is
//! only announced, and the receiver asks for it when it has room for the whole. Room is taken only while bytes flow, and a
//! flow waits for nobody: not for a consumer, since every stream has a reader, and not for another flow, since the bytes on
//! their way come back when they are read off the link, whoever wants them.
//!
//! One-way streams rather than bidirectional ones: there is nothing to say back on them, and their number has a limit of its own, so that
//! bodies never keep a lane from being opened. What a slow object keeps of large arguments is bounded by refusal (`arguments_max`)
//! and not by waiting, for the same reason as above: waiting there would be a budget that a handler holds.
//!
//! # How much a call waits behind
//!
//! What delays a small call beside a transfer is the sum of the bytes that are on their way, on whatever streams. 256 KiB of them held the promise to
//! neighbours (twice the quiet latency and half a millisecond) in most runs and not in all, and overran the socket's buffer now and then; 128 KiB
//! holds it with a fifth to spare at least and costs a transfer beside calls a fifth of its rate. On paths that hold more, the window follows bandwidth × delay.
//! That delay must not be that of the queue which the window itself has filled, or each makes the other grow: so a transfer that goes on for ten seconds
//! without a rest lets the queue run empty and measures for two round trips how short they are, as BBR does.
//!
//! # A turn only where somebody may run alone
//!
//! An object whose interface has no `&mut self` method and whose type has no hooks never makes anybody wait.
//! Its calls take no turn and carry no token.
//!
//! # Several batches under way
//!
//! Batching makes a frame cheap, but one batch that holds every call under way makes the two ends take turns: each
//! idles while the other works. The reader of a lane therefore stops after some frames (a quarter of the calls
//! that wait at this side, at least 16 and at most 64; 32 where none wait) and lets what they woke have its turn
//! and its write before it reads on. Measured with 64, 256 and 4,096 calls in flight between two processes on two cores: from
//! 284, 490 and 1,050 thousand calls/s to 665, 1,000 and 1,330. What yields is the runtime's own `yield_now`, which
//! also looks at the socket: a task that only wakes itself goes on before QUIC has sent anything, and gained nothing.
//!
//! # A simulated network below QUIC, not instead of it
//!
//! Tests of bad networks run the real QUIC and TLS over sockets in memory, because most of what may go wrong on
//! a bad network goes wrong there. The dice of each direction are rolled a fixed number of times for each
//! datagram, whatever the conditions: so the n-th datagram of a direction has the same luck in every run with
//! that seed. Everything that waits, waits by tokio's clock, the QUIC library's timers included; pausing it
//! gives virtual time without a second way to keep time in the product.
//!
//! # Who starts when the turn is free
//!
//! Calls that waited for their turn are tasks, and a task runs when its thread comes to it. A call that arrives just
//! then could run at once, before those that were called earlier. It goes behind them: the order in which calls
//! start is that in which they arrived, not that in which the scheduler comes to them.
//!
//! # Calls by name
//!
//! A dynamic caller needs the names of an object's methods to number its calls, and their parameters to say what is
//! missing before anything is sent. It asks the lobby for them, and hands over the object itself as the
//! argument: a reference home is valid only for what was handed out to that peer, so the right to have a
//! thing described is the right to call it, without a rule of its own. The answer comes in parts that each fit a frame.
//! The fingerprint of the reference need not agree with the description: the caller goes by the description, and tells its
//! numbering with `Names` as any caller of another version does.
//!
//! The descriptor of a service that goes by name is given beside its factory, and not by the service itself:
//! the object can be named, handed over and described before its value exists on its thread. Descriptors known only
//! at run time are counted, not leaked: a gateway may make any number of them.
//!
//! An attribute is no third thing beside methods and objects: `#[get]` and `#[set]` mark methods, so that typed proxies,
//! turns and permits need not know of attributes.
//!
//! A call by name within the process is encoded, and so is its result: both sides may know it under different
//! types. A typed call of a proxy whose interface is not quite the object's goes the same way.
//!
//! # What is not granted does not exist
//!
//! A restricted proxy could refuse with a code of its own, `Forbidden`. It says `NoSuchMethod` instead, and `Gone`
//! when it is over: whoever was given less sees a smaller object, learns nothing of what others may do, and
//! programs need no further case. It is an object that hands calls on and has no turn: calls pass in the order
//! they come, with path, depth, deadline, cancellation and trace, so that the borrow rule and the deadlock rule
//! see through it. A connection that ends behind it is `Gone` for its callers, since their own is usable. When it
//! is revoked its calls are cancelled as by their callers, and not stopped hard: taking back a right must not
//! leave the original half-changed. A misspelt method name panics where the right is made: silently granting
//! nothing would be noticed late, and by somebody else.
//!
//! # A thread for closures without a node
//!
//! A closure that is called before it was handed over, by a thread that is no node's, needs a thread to live on.
//! It could be any node's, and would then die with a node that has nothing to do with it. It is one that the
//! process starts for this, when it is first needed, and keeps.
//!
//! # Backtraces within the words of a panic
//!
//! A backtrace shows paths and names of the callee's program, so a node sends none unless it was asked to. It
//! stands behind the words of the panic in the text of the fault, not in a field: older and other clients show it
//! without knowing of it.
