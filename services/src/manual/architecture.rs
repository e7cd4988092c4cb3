//! The layers, the threads, and who owns what.
//!
//! # Layers
//!
//! ```text
//!  your program
//!       |
//!  duologue            #[service], proxies, callbacks, bytes        (duologue-macros: text in, text out)
//!       |
//!  duologue-runtime    node, connection actor, tables, objects, calls
//!       |
//!  duologue-transport  identity, trust, links, streams, frames      (only here: QUIC and TLS)
//! ```
//!
//! Each layer knows only the one below. Values and channels go up; nothing below imports what is above. The
//! transport knows no actor, object or call; the runtime knows no QUIC.
//!
//! # Threads
//!
//! ```text
//!  node
//!  |- thread 0  -- the bound endpoint's socket; accepts, and hands each peer to the least loaded thread
//!  |    |- connection 1: its QUIC driver, its actor, its pumps, the objects made for it
//!  |    `- connection 4: ..
//!  |- thread 1
//!  |    |- an endpoint of its own for dialing, made when a connection is first dialed from this thread
//!  |    `- connection 2: ..
//!  `- ..        as many as Config::arbiters, one for each core by default
//! ```
//!
//! A node has an actix system on a thread of its own, and an arbiter for each further thread; each is
//! single-threaded. A connection lives on one thread for good, and with it everything that belongs to it: the
//! driver of its QUIC connection, the actor, the readers and writers, the service instances made for it, the
//! callbacks that were first handed over on it. So a call of a peer to such an object crosses no thread on
//! its way there and back.
//!
//! Objects live where they were made: an instance of [`serve`](crate::NodeBuilder::serve) on its connection's
//! thread, the one of [`serve_shared`](crate::NodeBuilder::serve_shared) on the thread of the connection that
//! needed it first, a value of [`ProxyExt::local`](crate::ProxyExt::local) on the thread of the method that
//! makes it, one of [`Node::host`](crate::Node::host) on the current thread if it is one of a node, else on
//! the one with the fewest connections.
//!
//! Callers may be anywhere, in a `#[tokio::main]` program for example: making a call takes the connection's
//! lock, not a message to its thread; only the writer that sends the bytes runs there.
//! [`NodeBuilder::on_this_thread`](crate::NodeBuilder::on_this_thread) puts the whole node on the caller's
//! own thread.
//!
//! # A connection
//!
//! ```text
//!                     +------------------------- Shared, one lock --------------------------+
//!                     |  Tables: imports, exports, calls, running, permits, deadline wheel, |
//!   proxies, calls -->|          an outbox for each lane, what is due on the control stream |<-- repliers
//!                     +-----^---------------^----------------^---------------^-------------+
//!                           |               |                |               |
//!                    lane reader      lane writer     control reader   control writer     timer
//!                           ^               |                ^               |
//!                           |               v                |               v
//!                      QUIC stream (lane)               QUIC stream (control)
//! ```
//!
//! * **The tables are the rules.** They know no socket, no actor and no clock; the time is passed in. There
//!   is a verb for each thing that may happen (a call is made, a frame arrives, an answer is given, a handle
//!   is dropped, an object dies, the connection ends). What a verb wants done (deliveries, answers, stops) it
//!   gives back, and it is done after the lock is released, since it may run code that comes back here.
//! * **The pumps are thin.** A reader never waits for an object, a permit, an outbox or an application: it
//!   cuts what has arrived into frames, gives all of them to the tables under one lock, acts, and reads on. A writer
//!   takes all that has gathered in its outbox as one chunk; there is no timer and no flush. Many small calls
//!   thus share one write.
//! * **The connection actor has the control, not the traffic.** It gets control messages, the end of lanes,
//!   violations and the loss of the link, and ends the connection in one place: everything that waits is
//!   answered, everything that runs is stopped, everything that was held is let go, then the services are
//!   told by `on_disconnect`.
//! * **What is said without waiting is state, not a queue**: releases, deaths, finished notices are entries
//!   of bounded tables; the writer turns them into frames when it is ready. Dropping a million proxies at
//!   once queues nothing.
//!
//! # An object
//!
//! An actix actor that holds the value behind a *turn*: readers (`&self`) together, a writer (`&mut self`)
//! alone, in order of arrival. Arguments are decoded in the lane's reader, which puts one typed message into
//! the actor's mailbox. A plain method runs at once. An async method is polled once; ready, it is answered
//! without a task; pending, it becomes a task of its own, with a timer for its deadline. The call's context
//! (who calls, deadline, depth, path) is set around each poll, so that calls made inside inherit it;
//! [`Caller::scope`](crate::Caller::scope) carries it into spawned tasks.
//!
//! A local call takes the same turn without network and serialization: the request is put into the mailbox as
//! it is.
//!
//! # How long things live
//!
//! | what | lives while |
//! |---|---|
//! | an object | somebody here holds a proxy or its connection's instance, a peer holds it, or a call on it is queued or runs |
//! | an import | a proxy of it is held, or something sent to it is unanswered |
//! | a connection | both sides live, neither has closed it, and the link holds |
//! | a node | a [`Node`](crate::Node), a [`Connection`](crate::Connection) or a remote proxy of it is held, or until `shutdown` |
