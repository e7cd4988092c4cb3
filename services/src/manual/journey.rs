//! A call from its first poll to its answer, function by function.
//!
//! `calc.add(4, 7).await`, where `calc` is an object of another process. File names are of the crate
//! `duologue-runtime`; the functions are private, so read this beside the source.
//!
//! ```text
//!   holder                                                          host
//!   1  CalculatorProxy::add      arguments -> bytes
//!   2  Call::poll -> send        depth, path, deadline
//!   3  Tables::start             permits, number, frame
//!      |
//!   4  write_lane                one chunk  ==== lane ====>  5  read_lane      frames out of the chunk
//!                                                            6  Tables::receive references, permits, method
//!                                                            7  Mail::deliver  bytes -> arguments, mailbox
//!                                                            8  Hosted::read   the turn, the method
//!                                                            9  Tables::finish frame
//!                                                               |
//!   11 Tables::receive_answer    slot, permits <=== lane ====  10 write_lane   one chunk
//!   12 Call::poll                bytes -> i64
//! ```
//!
//! # At the holder
//!
//! 1. `CalculatorProxy::add` (written by `#[service]`) asks `Handle::is_local`. Local: the request enum
//!    itself goes into a [`Call`](crate::Call) (`call_local`). Remote: `call_remote` (`call.rs`) encodes the
//!    arguments *now* (`values::encode_args`), so that the call has no borrowed arguments, and an argument
//!    that cannot be encoded is an error of this call. A proxy among the arguments is written as an index;
//!    its handle is kept beside the bytes, and a closure that was never needed before is started on the
//!    connection's thread. Nothing is sent.
//! 2. The first poll is when the call is *made*. `Call::send` asks `object::nested` for what it inherits:
//!    outside a handler depth 0, an empty path and its own deadline; inside one the handler's depth + 1, its
//!    path and token, and the nearer deadline. Deeper than 64 or too late already: an error, and nothing is
//!    sent.
//! 3. `Shared::start` (`connection/shared.rs`) refuses proxies of other connections, takes the lock and calls
//!    `Tables::start` (`tables/outgoing.rs`):
//!    * `admit` refuses what cannot go: a closed connection, a draining peer, a body above `body_max`, a
//!      dead object. (A body above `inline_max` is only announced; see "large bodies" of the wire page, and `tables/large.rs`.)
//!    * `calls.insert` takes a slot; its number is the call's number on the wire.
//!    * `permits.want` asks for a permit of the object and one of the connection for each KiB of the frame.
//!      Not free: the call waits in line, unsent, and `grant` appends it when an answer brings permits back.
//!    * `append` settles the reference table (`references`: own objects are exported, the peer's go home),
//!      writes `Names` first if the peer's interface has another list of methods, and writes the frame into
//!      the lane's outbox (`wire::put_frame`), which wakes the writer.
//!    * `wheel.insert` notes the deadline; if it is the nearest, `keep_time` is woken.
//! 4. `write_lane` (`connection/streams.rs`), a task on the connection's thread, takes everything in the
//!    outbox as one chunk (`Outbox::take`) and hands it to the QUIC stream without a copy.
//!
//! # At the host
//!
//! 5. `read_lane` gets a chunk, or several that are less than a batch each, cuts them into frames (`Deframer`, slices without copies) and calls
//!    `Tables::receive` for each, all under one lock.
//! 6. `Tables::receive_call` (`tables/incoming.rs`): `settle` takes over every reference of the frame, whatever becomes of the body;
//!    `running.pay` and `exports.arrive` check that the peer stays within its permits (if not, it loses the
//!    connection) and find the object; `running.insert` notes the call, so that it can be cancelled and is
//!    answered exactly once; `method_here` turns the peer's method number into one of this side. No such
//!    object, a dead one or no such method: answered on the spot. Otherwise the call becomes a *delivery*. If
//!    the lane's outbox is too full, either is held back until the writer has caught up.
//! 7. After the lock is released, `Shared::deliver` hands neighbours for one object over as one batch:
//!    `Mail::deliver` (`object/local.rs`) decodes the arguments with each method's own visitor and puts one
//!    `Invoke` into the mailbox of the object's actor. A body that does not decode is answered `BadBody`.
//! 8. `Host::handle` → `Dispatch::run` (written by `#[service]`) → one of four methods of `Hosted`
//!    (`object/hosted.rs`): `read_now`, `write_now` for plain methods, `read`, `write` for async ones.
//!    If the object has `&mut self` methods or hooks, `arrive` draws a token and asks `Turn::arrive`
//!    (`tables/turn.rs`): enter, wait, or refused because an ancestor of this very call holds the turn. The
//!    method is polled once, within the call's context. Ready: no task. Pending, or the turn is taken: a
//!    `Task` with a timer for the deadline and a waker by which it can be stopped.
//! 9. The turn is left first, so that whoever sees the answer finds the object free. `Hosted::settle` →
//!    `Incoming::reply` → `Replier::value` encodes the result; `Shared::finish` → `Tables::finish` takes the
//!    call out of the running ones, settles the references of the result, and appends `Reply` or `Fault` to
//!    the lane the call came by.
//! 10. That lane's `write_lane` sends it, with whatever else has gathered.
//!
//! # Back at the holder
//!
//! 11. `read_lane` → `Tables::receive_answer`: the slot of this number is freed, the deadline taken off the
//!     wheel, references settled, permits given back; `imports.answered` may end an import that nobody holds
//!     any more. After the chunk, `grant` starts the calls that waited for those permits. The waiter is told
//!     after the lock (`Shared::answer`), and after the objects to which calls were delivered before it had
//!     their turn.
//! 12. `Call::poll` decodes the body (`Shape::read`) on the thread that awaits it, and gives the value.
//!
//! # When it ends otherwise
//!
//! | what happens | where | the caller sees |
//! |---|---|---|
//! | the `Call` is dropped | `Guard::drop` → `Tables::abandon`: a waiting call is withdrawn; a sent one gets `Cancel` on its lane and its slot stays until the answer | nothing |
//! | `Cancel` arrives | the context's stop flag wakes the task, which drops the method's future and answers `Cancelled` | – |
//! | the deadline passes at the holder | `keep_time` → `Tables::expire`: the waiter is told, then as if dropped | `Deadline`, never or unknown |
//! | the deadline passes at the host | the task's timer, then as by `Cancel` | `Deadline` |
//! | the method panics | `catch_unwind` around each poll | `Panicked`; after `&mut self` the service is made anew (`object/hosted/recovery.rs`), an object by reference is gone |
//! | the object is revoked | `Fate::die` tells each connection that holds it; running calls are stopped | `Gone` |
//! | a `Replier` is dropped unanswered | its drop answers `Gone` or `Panicked` | the same |
//! | the connection ends | `Tables::end` answers all that waits and stops all that runs | `Disconnected`, never or unknown |
//!
//! # A local call
//!
//! Steps 1, 2, 8 and 12 only: the request enum goes into the mailbox as it is, the answer comes back through
//! a `oneshot`. No permits are needed; the caller's own `.await` is the bound.
