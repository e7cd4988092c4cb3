//! What a call costs, what made it cheaper, and what did not.
//!
//! # What a call consists of
//!
//! A small call from one process to another on the same machine, 256 under way on one connection, costs each end 0.7 to 0.9 µs
//! of CPU time. About 0.27 µs of that are QUIC's: packets, encryption, system calls, which many calls share. The rest is
//! flat: at the caller encoding, permits, the table of calls, one place for the answer, the task's wake-up; at the host the export
//! and the table of running calls, decoding, the mailbox of the object's actor, the method, encoding, the outbox.
//!
//! # Allocations
//!
//! | in steady state | at the caller | at the host |
//! |---|---|---|
//! | one call at a time, plain method | 4 | 6 |
//! | one call at a time, async method | 4 | 7 |
//! | a callback, plain closure | 4 | 6 |
//! | a callback, async closure | 4 | 7 |
//! | 64 calls at once, plain method: about | 2.1 | 2.3 |
//! | 64 calls at once, async method: about | 2.1 | 3.3 |
//! | 64 notices at once: about | 2 | 1.2 |
//!
//! With many calls under way, two are the call's at its caller (the arguments and the answer's place), one is at the host (the
//! call's context), one is the reply's there, and one that of an async method's future; what is made for a batch of frames is shared by
//! the calls in it. A callback is a call the other way. With those of QUIC, which come with its packets, a call has fewer than five in
//! all with 64 under way (six if the method is async). `benches/tests/allocations.rs` holds these sums, and the figures of one at a
//! time for each end.
//!
//! # What keeps it that way
//!
//! `cargo run --release -p duologue-guard -- check` counts the instructions of both ends for eight kinds of calls, over the
//! simulated link and under callgrind, and compares them with what was agreed. The figures are those of one build, so they are
//! repeatable to about three percent by one compiler on one family of processors, however busy the machine; CI fails at more than 5 % above. A change that is worth its
//! price writes the new figures down with `update`, and says so in its commit.
//!
//! `cargo test -p duologue-benches --test allocations` fails when a call comes to allocate more often, or less. `cargo bench -p
//! duologue-benches` has micro-benchmarks, each of which answers the question at the head of its file: frames, MessagePack, full tables,
//! dispatch, callbacks, objects handed over, proxies.
//!
//! # What gave what
//!
//! Measured with the programs of `benches/peers`: client and server as two processes on two cores, `add` with 256 under way.
//! Instructions are those of callgrind per call, at one end.
//!
//! | change | gain |
//! |---|---|
//! | calls that arrive together are handed to their object as one message | a mailbox hop per batch instead of one per call |
//! | the reader of a lane stops after 16 to 64 frames and lets others have their turn | 451 → 1,118 thousand calls/s: both ends work at once instead of taking turns |
//! | no turn where nothing is `&mut self` | about 250 instructions at the host |
//! | wakers are looked for only where somebody waits | 250 instructions at each end |
//! | frames without optional fields have a writer of their own | 90 at each end |
//! | a reply without references, on which no calls wait, goes its own short way | 150 at the host |
//! | batches grow once, and are built where frames are read | 120 at the host |
//! | one lock and one waker for an answer's place, in a block of 128 bytes | 200 at the caller: mimalloc's Rust binding is slow for blocks that are no power of two |
//! | answers wake the tasks of a `#[tokio::main]` program by a task of that runtime, which also wakes the node's thread once for all they send | +15 to 25 % at 256 under way from such a program, +35 % at 4,096, a third fewer switches between threads; nothing below 16 at once |
//! | no count where one side alone holds a thing, and no lock: the proxy's address is moved, the task's waker goes along with the call, an answer is taken out of a place of which nobody else knows, an object's address is cloned once for a batch; and bodies of up to 23 bytes lie in themselves | hardly any instructions, but a third of the atomic operations, which were a fifth of the CPU time: 1,127 → 1,462 thousand calls/s with 4,096 under way, 744 → 874 over 64 connections, 1,004 → 1,073 with 256 |
//! | 128 KiB of bulk under way beside calls, where it was 256, and what was taken said in steps of 32 KiB | a neighbour's p99 beside a flood and a stream of 1 GiB 857, 926, 813 → 652, 673, 488 µs, interleaved; in that work no datagram is lost for want of room in the socket's buffer any more (15 to 40 in each run before); the stream loses a fifth of its rate beside calls. 64 KiB: 352 to 401 µs, half of the stream's rate |
//! | 4 MiB for each buffer of the socket, where they had the system's 200 KiB | for echoes of 1 MiB no packet is lost at the socket, where each round lost 1,000 to 2,000: 335 [284..399] → 418 [412..426] of them a second, p99 55 → 14 ms; mixed work over 8 connections, p99.9 29 → 8 ms; as many small calls as before, on one connection and on 64 |
//! | as many chunks taken out of QUIC at once as make a batch, up to 16, where each was a batch: a chunk is what one packet brought, which of 1 KiB calls is one | 213 [212..221] → 326 [315..341] thousand echoes of 1 KiB a second, 3.7 → 3.0 µs at each end. 16 always, also where a packet is full of small frames: 1,382 → 1,229 with 4,096 calls under way |
//! | wake-ups outside of the lock | no convoy of tasks that run into the lock they were woken under |
//!
//! A lone call is nearly all waiting for threads to be woken. [`Config::busy_poll`](crate::Config::busy_poll) keeps them awake for a while after each
//! frame, on both sides, for programs that have cores to spare.
//!
//! # What gave nothing
//!
//! * A task that wakes itself instead of `yield_now`: the latter also lets QUIC send before it goes on.
//! * One batch that holds every call under way: each end then waits for the other, and both cores are half idle.
//! * More shared lanes on loopback: they help only [where packets are lost](#how-many-lanes).
//! * The writer of a lane that looks again once or twice before it waits to be woken by another thread, and locks of the tables for at
//!   most 16 frames: within the spread, from a `#[tokio::main]` program.
//! * A connection whose QUIC and whose lanes run on the threads of such a program, instead of an arbiter of the node: 454 → 236 thousand
//!   calls/s with 256 under way, 708 → 200 with 4,096. Reader and writer then run at the same time on different threads, each answer is sent on for
//!   itself, and batches fall apart at both ends: the host's cost of a call grew from 1.1 to 3.0 µs.
//! * Batches of 64, 128 or 256 frames at the reader: within the spread or below.
//! * The context of a call moved to where handlers find it and back, instead of one more count of it: it costs in copies what it saves.
//!
//! # Where the rest goes
//!
//! A caller in a multi-threaded `#[tokio::main]` program pays for two hops between threads, there and back, since a connection
//! lives on an arbiter of its node: on two cores about half of the calls of a caller on that arbiter, because five threads share them. A third of the client's
//! time is then the kernel's, for waking and switching threads; much of the rest is memory that moves from core to core. It is
//! not the actors: an RPC written by hand on quinn, without deadlines, objects or permits, falls from 1.27 to 1.01 million
//! calls a second when it runs on the program's own threads, and with 4,096 under way from 3.04 to 0.56, in a run where such a caller of ours has 0.80 and 0.81
//! (in another run, of the README's table, it falls from 1.24 to 0.97 and from 3.7 to 0.37, where ours has 0.59 and 0.66).
//! `actix_rt::spawn` inside of a node's own thread, or `.on_this_thread()`, avoids the hops.
//!
//! The README has the table of all works and programs. In it, against an RPC written by hand on quinn (one stream, a future per call); in brackets another run of the same
//! programs on the same machine, and then one on another machine, whose memory seems to have been faster: tarpc had 276 thousand calls/s over 64 connections on the other one, where it has 161 in the table, irpc 140 and 83,
//! and capnp 91 and 51.
//!
//! * With 256 calls under way there are 0.81 times as many calls [0.95; 1.18], each for 0.94 and 0.92 µs of the two ends' time against 0.54 and 0.41 [other machine: 0.66 and 0.66 against 0.56 and 0.33];
//!   0.94 times where the service's method is a plain `fn` [0.86]: runs differ by more than rounds do. With 4,096, or 64 on each of 64 connections, packets are full,
//!   QUIC's share of a call falls to 0.1 µs, and most of it is the call's own: 0.88 and 0.78 µs, all in all, against 0.26 and 0.14: 0.30 times as many calls [0.37; 0.51, with 0.64 and 0.60 µs
//!   against 0.32 and 0.12], or 2.3 and 2.0 µs against 0.54 and 0.46, 0.25 times as many, where 64 connections have their tables each in turn [0.25; 0.46, with 1.10 and 1.07 µs against 0.53 and 0.30].
//! * An echo of 1 KiB costs 4.7 and 4.5 µs against 3.4 and 3.1: 0.71 times as many [0.78; 0.80].
//! * 1 MiB there and back has 0.83 times the throughput with an MTU of 1,452 [0.90; 0.88] (3.3 ms of each end's time for a mebibyte each way, against 2.9 and 3.0) and 0.82 times
//!   with 6,500 [0.92; 0.73] (1.6 ms of each against 1.4 and 1.3): what arrives is put together, which the hand-written program does as well, and is given
//!   to a method and back. TCP, which has packets of 64 KiB on loopback, needs 0.5 ms bare, and 1.7 and 1.4 with TLS.
//! * A stream has 1.13 times the throughput of the hand-written one with an MTU of 1,452 [0.99; 1.00], and 0.89 times with 6,500 [0.89; 0.97] (0.63 and 0.72 ms for a mebibyte against 0.57 and 0.60).
//!
//! # How it grows
//!
//! `duologue bench`, both ends on one machine with 2 cores, closed loop, 3 s each (connections: 5 s), the server on one thread for each core, in
//! one slow hour of the machine: to be compared with each other, and not with the figures above.
//!
//! | calls under way, 1 connection | 1 | 16 | 256 | 4,096 | 16,384 | 65,536 |
//! |---|---|---|---|---|---|---|
//! | thousand calls/s | 7.1 | 93 | 669 | 879 | 877 | 843 |
//! | p50, p99 | 134 µs, 237 µs | 170 µs, 278 µs | 363 µs, 696 µs | 4.6 ms, 9.2 ms | 19 ms, 24 ms | 79 ms, 94 ms |
//!
//! | objects, 64 calls under way | 1 | 1,000 | 100,000 | 1,000,000 |
//! |---|---|---|---|---|
//! | thousand calls/s | 341 | 259 | 230 | 169 |
//! | p50, p99 | 187 µs, 342 µs | 241 µs, 412 µs | 271 µs, 488 µs | 366 µs, 603 µs |
//!
//! | connections, 4 calls under way on each | 1 | 10 | 100 | 1,000 | 10,000 |
//! |---|---|---|---|---|---|
//! | thousand calls/s | 24 | 181 | 239 | 226 | 109 |
//! | p50, p99 | 161 µs, 270 µs | 200 µs, 580 µs | 1.6 ms, 4.3 ms | 17 ms, 35 ms | 0.37 s, 0.81 s |
//! | memory of each at the server | – | – | 55 KiB | 51 KiB | 50 KiB |
//!
//! | echo, 4 under way | 8 B | 1 KiB | 64 KiB | 1 MiB | 4 MiB | 16 MiB |
//! |---|---|---|---|---|---|---|
//! | calls/s | 22,700 | 27,800 | 2,625 | 282 | 76 | 18.3 |
//! | MiB/s, both ways together | 0.4 | 54 | 328 | 563 | 610 | 586 |
//!
//! With four calls on each of many connections there are no batches, so that each call is a packet each way; at 10,000 of them what QUIC keeps of a
//! connection, some 50 KiB, has left the cache when its turn comes, and packets that find no room in the sockets' buffers are sent again. All end well. In an
//! earlier run with the system's 200 KiB for these buffers, and huge pages in the heap, 1,000 connections had half as many calls, and so had 10,000.
//!
//! 10,000 connections held for a minute with a call on each every ten seconds (an open loop of 1,000 calls/s): none of 60,000 calls failed, p50 0.31 ms,
//! p99 0.87 ms, 12 ms at most; the server had 20 file descriptors, since all connections share one socket, and 599 MB, 57 KiB for each. All of them are gone from
//! both ends within moments of the client's shutdown, which closes a few hundred at a time: closed all at once, they overran the server's socket, and 255 to 606 of them stayed there until their idle timeout.
//!
//! A method that takes 20 µs of a processor (`spin:20us`, 2 connections with 256 under way on each): 45.3 thousand calls/s [44.7..47.1] on one thread of the server,
//! 84.4 [83.3..85.5] on two: 1.86 times as many, though the two cores carry the client as well. With 16 under way it is 1.43 times (39.0 and 56.2), since
//! small batches cost the client more.
//!
//! # Under a given rate
//!
//! `bench run --work add --in-flight 4096 --sweep rate=25%,50%,75%,90%`: an open loop over one connection, 8 s each, the server on one thread; latency counts
//! from when a call was due. The closed loop has 1.16 million calls/s there.
//!
//! | rate | calls/s | p50 | p99 | p99.9 | CPU time of a call, client, server |
//! |---|---|---|---|---|---|
//! | 25 % | 289 k | 0.18 ms | 0.84 ms | 4.7 ms | 2.6, 2.0 µs |
//! | 50 % | 577 k of 578 | 0.39 ms | 11.2 ms | 12.2 ms | 1.6, 1.1 µs |
//! | 75 % | 875 k of 867, with what had waited before | 53 ms | 183 ms | 187 ms | 1.1, 0.9 µs |
//! | 90 % | 861 k of 1,040 | 0.88 s | 1.5 s | 1.5 s | 1.1, 0.8 µs |
//!
//! Calls that come one by one make smaller batches than calls that wait for each other, and cost up to three times as much; the nearer the limit, the larger the batches.
//! At 90 % the client's thread alone has 96 % of a core, and the thread that wakes it its share of the rest. Part of the p50 at 25 and 50 % is how late a call is begun:
//! 0.03 to 0.04 ms, by the difference to the latency from when it was begun. On the machine of the README's table, whose closed loop has 909 thousand calls/s, 227 thousand
//! a second have a p50 of 0.18 ms and a p99 of 0.51, 454 thousand 0.20 and 18; of 681 thousand 671 are answered, and of 818 thousand 671.
//!
//! # Over a long time
//!
//! Twenty minutes of mixed work (`benches/mixes/everyday.toml`, 8 connections) at 45 thousand calls/s, half of the 90 thousand at which an open loop still has a p50 of a
//! millisecond there: 54 million calls, none failed, p50 0.76 ms, p99 8.6, p99.9 23, 135 ms at most, and nothing left behind. After the first five minutes the client has
//! 26.4 MiB and the server 15.7 in the median, and they grow by 0.2 ± 0.4 and 0.0 ± 0.3 MiB in ten minutes (a line
//! through 46 samples, ± two standard errors; in it is one step of the client, 24.6 to 26.9 MiB).
//!
//! Memory follows the most that was under way at once, and sinks slowly if at all. If the client of such a load, of 40 thousand calls/s, is stopped for 0.3 s, some 12,000 calls are due when it goes on, up to 1,024
//! are under way on each connection, and its memory goes from 22 to 33 MiB, the server's from 15 to 17. What it holds is then 3 MiB more than before, the rest is the allocator's: pages of which some
//! blocks are in use. This growth comes once, not with each stop: after twelve such stops in two minutes it is 36 and 19 MiB. Whoever wants less says so by `--in-flight`, and in a program by its
//! [limits](super::limits).
//!
//! # On a long path
//!
//! 1 Gbit/s, a round trip of 100 ms and room for one more in the path's queue; medians of three seeds, in virtual time over the
//! simulated link: `cargo run --release -p duologue-tests --bin far_path`. "QUIC alone" is a stream of the link with the same windows.
//!
//! | loss, congestion control | QUIC alone | one `ByteStream` | the same beside 64 callers | these: calls/s, p50, p99 | without the stream |
//! |---|---|---|---|---|---|
//! | none, Cubic | 102.5 MB/s | 81.8 MB/s | 81.8 MB/s | 624, 102 ms, 130 ms | 627, 102 ms, 102 ms |
//! | none, BBR | 102.5 MB/s | 79.7 MB/s | 79.6 MB/s | 614, 102 ms, 163 ms | 627, 102 ms, 102 ms |
//! | 0.1 %, Cubic | 0.54 MB/s | 0.48 MB/s | 0.47 MB/s | 520, 121 ms, 168 ms | 622, 102 ms, 102 ms |
//! | 0.1 %, BBR | 52.4 MB/s | 48.3 MB/s | 49.2 MB/s | 544, 105 ms, 199 ms | 622, 102 ms, 102 ms |
//!
//! 64 callers who wait for each answer make 640 calls in a second at the very most there. Without loss QUIC is bound by `send_window`,
//! 10 MiB in a round trip. A stream's window grows with what its consumer takes in a round trip, to 16 MiB out of the connection's
//! `stream_pool`; while 4 MiB was the most, the stream had 21.1 MB/s, and 17.2 with BBR under loss. The bytes of all bulk in the network follow bandwidth × delay by
//! themselves (`bulk_max`). The delay must be that of the path and not of a queue on it: so after ten seconds without a rest a stream lets its queue run empty for
//! two round trips (50 ms at least), which is 1 % of what it carries here. Without that, in a model of a path that is kept full, the window doubled every twenty seconds, up to `bulk_max`, and so did the queue.
//!
//! Under loss by chance, Cubic is a hundredth of what the path carries: it takes every loss for a full queue. quinn's BBR
//! does not, and is called experimental there; it takes its share from others on the same path. So `Cubic` is the default, and
//! `Config::transport.congestion = Congestion::Bbr` is for paths that are known to be long and lossy; the side that sends decides.
//!
//! # How many lanes
//!
//! Behind a lost packet all objects of its lane wait until it has come again, and those of other lanes do not. A round trip of 20 ms, 100 Mbit/s,
//! 1 % of the packets lost; a neighbour that calls every 53 ms, and 32 callers beside it who have an object each and 1 KiB of arguments:
//! each calls every 100 to 162 ms ("steady"), or again when it is answered ("full"). How long 5,000 calls of the neighbour took, in milliseconds: the median of three
//! seeds, and the least and the most where they differ, in virtual time: `cargo run --release -p duologue-tests --bin lanes`. Without loss all of it is 22 ms.
//!
//! | the others | lanes | p50 | p90 | p99 | p99.9 | calls/s of the others |
//! |---|---|---|---|---|---|---|
//! | none | any | 22 | 22 | 92 | 97 (92–97) | – |
//! | steady | 1 | 22 | 34 (33–35) | 54 (53–55) | 76 (71–77) | 249 |
//! | steady | 4 | 22 | 26 | 52 (51–52) | 81 (66–85) | 249 |
//! | steady | 16 | 22 | 23 (23–24) | 51 | 67 (64–71) | 249 |
//! | steady | 1, and the neighbour's own | 22 | 23 (22–24) | 49 (48–51) | 66 (62–75) | 249 |
//! | steady | own | 22 | 22 (22–24) | 50 (49–50) | 61 (57–66) | 249 |
//! | full, Cubic | 1 | 42 (42–43) | 69 (66–69) | 100 (99–100) | 131 (127–134) | 743 (733–745) |
//! | full, Cubic | 4 | 39 (39–40) | 64 (64–65) | 97 (95–99) | 131 (123–140) | 749 (739–756) |
//! | full, Cubic | 16 | 34 (33–34) | 61 (60–61) | 108 (108–109) | 163 (159–169) | 751 (743–757) |
//! | full, Cubic | 1, and the neighbour's own | 27 | 37 (37–38) | 56 (55–58) | 81 | 745 (732–748) |
//! | full, Cubic | own | 35 (34–35) | 53 (52–53) | 80 (78–81) | 115 (107–119) | 749 (742–756) |
//! | full, Bbr | 1 | 22 | 39 (38–39) | 60 (59–60) | 97 | 1,232 (1,229–1,236) |
//! | full, Bbr | 4 | 22 | 23 (23–25) | 51 (50–51) | 63 (62–67) | 1,360 |
//! | full, Bbr | 16 | 22 | 22 | 47 (47–48) | 59 (58–62) | 1,405 (1,402–1,406) |
//! | full, Bbr | 1, and the neighbour's own | 22 | 22 | 54 (52–56) | 65 (64–77) | 1,239 (1,239–1,243) |
//! | full, Bbr | own | 22 | 22 | 47 | 58 (54–58) | 1,412 (1,411–1,413) |
//!
//! More lanes help the tenth of the calls that waits for what others lost (p90). They do little for those whose own packet is lost,
//! which are two in a hundred (p99). A neighbour alone waits longest for these: nothing follows by which QUIC could tell the loss, so that
//! a timer has to. Cubic takes losses for a full path, and calls mostly wait to be sent then: streams take turns in that, so an own lane beside
//! one shared lane has more of it than one of 33 has.
//!
//! So there is one shared lane, and `#[service(lane = "own")]` is for objects that may not wait. It alone makes the neighbour's p90 what it is with
//! 16 shared lanes, or better, and costs the others nothing. More shared lanes are for programs with several services on links that
//! lose packets: services are opened on them in turn, and what a service hands over stays on its lane, so that with one service
//! `shared_lanes` changes nothing. They take away order, which holds between objects on one lane only; and where nothing is lost they gain nothing,
//! while a frame that rides with others costs less than one alone. `duologue bench run ADDRESS --objects 64 --sweep lanes=1,4,16,own` says how much.
