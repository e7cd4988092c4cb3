//! Measuring a link: what it carries, how long calls take on it, and what both ends pay.
//!
//! The `duologue` command has a bench (package `duologue-cli`, in the repository's `services/cli`). One end is loaded, the other one loads it:
//!
//! ```sh
//! cargo build --release -p duologue-cli          # target/release/duologue
//! target/release/duologue bench serve            # prints where it listens, and its node id
//! target/release/duologue bench run 127.0.0.1:18863 --work add --html report.html
//! ```
//!
//! Standard output gets a table; `--json FILE` keeps the report, `--html FILE` makes a page with plots that needs nothing
//! else to be read. `--baseline FILE` compares with the JSON of an earlier run, in the table and on the page: one of the same work (a
//! mix is what stands in it, wherever its file lies), in the same kind of loop, over the same knob. Whatever else differs is said above
//! the figures. Rates in per cent are compared with the same share of what the earlier run reached.
//!
//! # Across two machines
//!
//! Each end has a lasting key and trusts the other one's id, as any node does ([`security`](crate::manual::security)). `duologue id` makes the key
//! and prints its id; `serve` and `run` print it as well before they listen or dial.
//!
//! ```sh
//! duologue id --key server.pem      # on the one machine: prints SERVER_ID
//! duologue id --key client.pem      # on the other one: prints CLIENT_ID
//!
//! duologue bench serve --bind 0.0.0.0:18863 --key server.pem --trust CLIENT_ID
//! duologue bench run HOST:18863 --key client.pem --trust SERVER_ID
//! ```
//!
//! # What is done
//!
//! | `--work` | one call of it |
//! |---|---|
//! | `add` | a sum of two numbers |
//! | `spin:TIME` | a call whose handler keeps its thread busy for so long, by the clock; 20 µs if no time is said |
//! | `echo:SIZE` | bytes there and back; 1 KiB if no size is said |
//! | `callback` | a call during which the server calls a closure of the client |
//! | `stream:SIZE` | a stream of 64 items of that size from the server, read to its end |
//! | `bulk:SIZE` | a stream of bytes of that size from the server, read to its end; 64 MiB if no size is said |
//! | `handles` | an object of the client handed over for one of the server; both are dropped |
//! | `connect` | a connection from the first packet to the greeting; closing it again is not counted |
//! | `mixed:FILE` | any of these but `connect`, by weight; `benches/mixes/everyday.toml` is an example |
//!
//! # How much of it
//!
//! A **closed loop** keeps `--in-flight` calls under way on each of `--connections` connections: a call begins where another ends.
//! It finds what both ends can do at most. Its latency is that of a queue which is always full.
//!
//! An **open loop** (`--rate N`) begins N calls a second over all connections, whatever became of those before, as callers do who
//! do not know of each other. The latency of each counts from when it was *due*: a server that stalls for 100 ms is charged for
//! all who had to wait, and not for one of them ("coordinated omission" is leaving them out). "Begun" in the report counts
//! from when the call was made; between both lie the waits of the client. Every call that was due in the measured time is in the latencies,
//! whatever became of it: a good answer, a failure, or none. What was due and found no room (`--in-flight` is the most under way on
//! a connection) still begins after the end, for five seconds; what has no answer then is counted as unanswered, and its age is in the
//! latencies. When a run is cut (Ctrl-C, a lost server), the measured time ends there, and nothing begins any more.
//!
//! ```sh
//! duologue bench run HOST:18863 --sweep in-flight=1,4,16,64,256,1024,4096      # throughput by concurrency
//! duologue bench run HOST:18863 --sweep rate=25%,50%,75%,90% --html rate.html  # latency under rate
//! duologue bench run HOST:18863 --work echo --in-flight 4 --sweep size=8,1KiB,64KiB,1MiB,16MiB
//! duologue bench run HOST:18863 --sweep connections=1,10,100,1000              # memory for a connection, too
//! duologue bench run HOST:18863 --connections 10000 --rate 1000 --idle-timeout 60s   # ten thousand, each called every 10 s
//! duologue bench run HOST:18863 --sweep lanes=1,4,16,own --objects 64
//! duologue bench run HOST:18863 --sweep objects=1,100,10000,1000000
//! ```
//!
//! Rates in per cent are of what a closed loop reaches with as many calls in flight as it has by default or `--in-flight` says, which is measured first: say
//! `--in-flight 4096` to come near what the server can do at most. Further knobs: `--objects` (on each connection,
//! called in turn), `--lanes shared|own|N` (N shared ones are dealt to the objects, of which there must be as many), `--threads` (each a node with its share of the connections), `--duration`,
//! `--warm-up`, `--size`, `--busy-poll TIME` (at `serve`, too: threads that stay awake after each frame). `duologue bench run --help` says all of them; what makes no sense together is refused with
//! the reason.
//!
//! # Over several threads
//!
//! The objects that a connection calls live on the thread of the server that has the connection, and a new connection goes to the thread with the
//! fewest. Hence work that takes time is spread by connections: as many of them as `serve` has `--threads`, or more.
//!
//! ```sh
//! duologue bench serve --threads 1                                          # then the same with --threads 2
//! duologue bench run HOST:18863 --work spin:20us --connections 2 --threads 1
//! ```
//!
//! # Over a long time
//!
//! A soak is a long `--duration` below what a closed loop reaches. The report of a single point says what memory became: after the first quarter and at
//! the end in the table, as a plot over time on the page, and with all its samples in the JSON (`memory`: about sixty of them, a second apart at
//! least).
//!
//! ```sh
//! duologue bench run HOST:18863 --work mixed:benches/mixes/everyday.toml --rate 20000 --duration 20m --html soak.html
//! ```
//!
//! After every load its objects are dropped, and both ends say what they hold for its connections once that is nothing, or after ten seconds:
//! exports, imports, calls under way, kept answers, permits, streams; and, when these are closed, connections that are not gone after fifteen.
//! `left behind: nothing` is how it ought to be. A server of an earlier release does not say: the report then says that.
//!
//! # To know
//!
//! * **Both ends are measured.** Processor time and memory are those of the whole processes; the server says its own. They come from
//!   `/proc/self`, hence on Linux only: elsewhere the report says so. The kernel counts processor time in hundredths of a second:
//!   measure for seconds, not for milliseconds.
//! * **Memory is what both ends use**: the command's allocator, mimalloc, asks for no huge pages (its feature `no_thp`). If it did, where the kernel
//!   gives them to those who ask (`madvise`), a client with 4,096 calls under way would hold 44 MiB instead of 17, and 14 to 29 MiB more after some eleven
//!   minutes, when the kernel makes huge pages of what the heap has by then. Throughput is the same with and without. Where the kernel gives them to
//!   everybody (`always`), they stay. A program of your own that uses mimalloc and is to stay small wants the feature, too.
//! * **Every call is timed**, and percentiles are right to three digits (HdrHistogram). The longest is the longest there was.
//! * **A call is timed by who makes it**: each thread of the client has its connections and their callers beside each other, as in a
//!   program that runs on its node's threads. A caller elsewhere in a program adds two hops between threads.
//! * **Saying when calls are due costs time**, too, on a thread of its own for each thread of the client: that is not in the client's
//!   processor time.
//! * **An open loop wakes up late**, by some 60 to 100 µs where its calls come far apart, and by up to 300 µs after a moment without any where they are more than
//!   10,000 a second of a thread (there, whoever ends a call looks what else is due): that is in the latency from when a call was due, and not in that from
//!   when it was begun.
//! * **A run that cannot come to its end** (the server dies, refuses, is of another version, or Ctrl-C) still writes its
//!   report, marked as partial and with the reason. The exit code is 1, of Ctrl-C 130; 2 if what was asked for makes no sense.
//! * **The server's limits are wide**, so that no load is refused: it is no server for anything else. Whoever may connect to it may
//!   load it: let it listen on loopback, or trust but the machine that measures.
//! * On one machine both ends share the cores: the figures are those of the machine, not of the link.
