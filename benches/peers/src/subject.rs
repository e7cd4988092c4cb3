//! What is compared: the programs, each as a server and a client process, and what they cannot do.

#[cfg(feature = "duologue")]
use std::time::Duration;

use clap::ValueEnum;
#[cfg(feature = "duologue")]
use duologue_types::*;
use tokio::runtime::{Builder, Runtime};
#[cfg(feature = "peers")]
use tokio::task::LocalSet;

use crate::Fault;
#[cfg(feature = "duologue")]
use crate::duologue_peer::beside_a_flood;
#[cfg(feature = "peers")]
use crate::load::Caller;
use crate::load::Plan;
use crate::peer::{Address, Options};
#[cfg(feature = "peers")]
use crate::peers::{
    capnp::Capnp, irpc::Irpc, jsonrpsee::Jsonrpsee, kameo::Kameo, ractor::Ractor, remoc::Remoc, tarpc::Tarpc,
    tonic::Tonic,
};
use crate::raw::{self, Quinn, Tcp};
use crate::report::Report;
use crate::run;
use crate::work::Work;

/// A program under test.
#[allow(clippy::enum_variant_names, reason = "without the features only the hand-written ones are left")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Quinn, one stream, a window of calls, no future per call.
    RawLimit,
    /// Quinn, one stream, a oneshot per call, tasks that await.
    #[value(alias = "raw-rpc")]
    RawQuinn,
    /// The same in a `#[tokio::main]` program, the connection on the program's own threads.
    RawQuinnTokio,
    /// `raw-quinn` over TCP.
    RawTcp,
    /// The same over TCP with TLS.
    RawTls,
    /// Duologue, the client's callers and its node on one thread.
    #[cfg(feature = "duologue")]
    DuologueArbiter,
    /// The same, calling a method that is plain in the trait.
    #[cfg(feature = "duologue")]
    DuologuePlain,
    /// `duologue-arbiter` with threads that stay awake between calls, on both sides.
    #[cfg(feature = "duologue")]
    DuologueBusy,
    /// Duologue from a `#[tokio::main]` program.
    #[cfg(feature = "duologue")]
    DuologueTokio,
    #[cfg(feature = "peers")]
    Tarpc,
    #[cfg(feature = "peers")]
    Tonic,
    /// With TLS.
    #[cfg(feature = "peers")]
    TonicTls,
    #[cfg(feature = "peers")]
    Remoc,
    #[cfg(feature = "peers")]
    Capnp,
    #[cfg(feature = "peers")]
    Irpc,
    #[cfg(feature = "peers")]
    Kameo,
    #[cfg(feature = "peers")]
    Ractor,
    #[cfg(feature = "peers")]
    Jsonrpsee,
}

#[cfg(feature = "duologue")]
mod duologue_types {
    use crate::duologue_peer::Duologue;

    pub(super) type OnArbiter = Duologue<true, false>;
    pub(super) type Plain = Duologue<true, true>;
    pub(super) type InTokio = Duologue<false, false>;
}

impl Subject {
    /// The name it has on the command line and in the table.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(|| format!("{self:?}"), |value| value.get_name().to_owned())
    }

    /// What encrypts its connections.
    pub(crate) fn encryption(self) -> &'static str {
        match self {
            Self::RawLimit | Self::RawQuinn | Self::RawQuinnTokio => "QUIC",
            Self::RawTcp => "nothing",
            Self::RawTls => "TLS",
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter | Self::DuologuePlain | Self::DuologueBusy | Self::DuologueTokio => "QUIC",
            #[cfg(feature = "peers")]
            Self::Irpc => "QUIC",
            #[cfg(feature = "peers")]
            Self::TonicTls => "TLS",
            #[cfg(feature = "peers")]
            Self::Kameo => "Noise",
            #[cfg(feature = "peers")]
            Self::Tarpc | Self::Tonic | Self::Remoc | Self::Capnp | Self::Ractor | Self::Jsonrpsee => {
                "nothing"
            }
        }
    }

    /// Whether it is there to show what is possible, and not a library one could use.
    pub(crate) fn hand_written(self) -> bool {
        matches!(self, Self::RawLimit | Self::RawQuinn | Self::RawQuinnTokio | Self::RawTcp | Self::RawTls)
    }

    /// Why a work is a dash for it.
    pub(crate) fn cannot(self, work: Work) -> Option<&'static str> {
        match (self, work) {
            (Self::RawLimit, Work::Add { connections: 1, .. }) => None,
            (Self::RawLimit, _) => Some("it only calls `add`, over one connection"),
            #[cfg(feature = "duologue")]
            (Self::DuologuePlain, Work::Add { .. }) => None,
            #[cfg(feature = "duologue")]
            (Self::DuologueBusy, Work::Add { connections: 1, .. }) => None,
            #[cfg(feature = "duologue")]
            (Self::DuologueBusy, _) => Some("it is for calls on one connection"),
            #[cfg(feature = "duologue")]
            (Self::DuologuePlain, _) => Some("it differs from `duologue-arbiter` in `add` only"),
            #[cfg(feature = "duologue")]
            (Self::DuologueArbiter | Self::DuologueTokio, Work::Neighbour) => None,
            (_, Work::Neighbour) => Some("measured for Duologue only"),
            (subject, Work::Bulk { mtu: ..6_500 }) if subject.encryption() != "QUIC" => {
                Some("it is not over QUIC and stands beside the larger MTU")
            }
            (subject, Work::Echo { mtu: Some(_), .. }) if subject.encryption() != "QUIC" => {
                Some("it is not over QUIC and stands beside the default MTU")
            }
            #[cfg(feature = "peers")]
            (
                Self::Tarpc | Self::Tonic | Self::TonicTls | Self::Irpc | Self::Jsonrpsee,
                Work::Callbacks { .. },
            ) => Some("a server cannot call its client"),
            #[cfg(feature = "peers")]
            (Self::Kameo | Self::Ractor, Work::Add { connections: 2.., .. } | Work::Idle { .. }) => {
                Some("two processes have one connection between them")
            }
            _ => None,
        }
    }

    /// Serves until standard input is closed, then says how much processor time that took.
    pub(crate) fn serve(self, options: Options) -> Result<(), Fault> {
        match self {
            Self::RawLimit | Self::RawQuinn | Self::RawQuinnTokio => {
                one_thread()?.block_on(run::serve::<Quinn>(options))
            }
            Self::RawTcp => one_thread()?.block_on(run::serve::<Tcp<false>>(options)),
            Self::RawTls => one_thread()?.block_on(run::serve::<Tcp<true>>(options)),
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter | Self::DuologuePlain | Self::DuologueTokio => {
                many_threads()?.block_on(run::serve::<InTokio>(options))
            }
            #[cfg(feature = "duologue")]
            Self::DuologueBusy => many_threads()?.block_on(run::serve::<InTokio>(options.busy())),
            #[cfg(feature = "peers")]
            Self::Tarpc => options.runtime()?.block_on(run::serve::<Tarpc>(options)),
            #[cfg(feature = "peers")]
            Self::Tonic => options.runtime()?.block_on(run::serve::<Tonic<false>>(options)),
            #[cfg(feature = "peers")]
            Self::TonicTls => options.runtime()?.block_on(run::serve::<Tonic<true>>(options)),
            #[cfg(feature = "peers")]
            Self::Remoc => options.runtime()?.block_on(run::serve::<Remoc>(options)),
            #[cfg(feature = "peers")]
            Self::Capnp => LocalSet::new().block_on(&one_thread()?, run::serve::<Capnp>(options)),
            #[cfg(feature = "peers")]
            Self::Irpc => options.runtime()?.block_on(run::serve::<Irpc>(options)),
            #[cfg(feature = "peers")]
            Self::Kameo => options.runtime()?.block_on(run::serve::<Kameo>(options)),
            #[cfg(feature = "peers")]
            Self::Ractor => options.runtime()?.block_on(run::serve::<Ractor>(options)),
            #[cfg(feature = "peers")]
            Self::Jsonrpsee => options.runtime()?.block_on(run::serve::<Jsonrpsee>(options)),
        }
    }

    /// Puts the load on a server.
    pub(crate) fn call(self, at: &Address, options: &Options, plan: Plan) -> Result<Report, Fault> {
        /// The client of a program whose callers are tasks like any other.
        macro_rules! tasks {
            ($runtime:expr, $peer:ty) => {
                $runtime?.block_on(run::client::<$peer>(at, options, plan, |c| tokio::spawn(c.run())))
            };
        }
        match self {
            Self::RawLimit => one_thread()?.block_on(raw::limit::client(at, plan)),
            Self::RawQuinn => tasks!(one_thread(), Quinn),
            Self::RawQuinnTokio => tasks!(many_threads(), Quinn),
            Self::RawTcp => tasks!(one_thread(), Tcp<false>),
            Self::RawTls => tasks!(one_thread(), Tcp<true>),
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter if plan.work == Work::Neighbour => {
                actix_rt::System::new().block_on(beside_a_flood::<true>(at, options, plan))
            }
            #[cfg(feature = "duologue")]
            Self::DuologueTokio if plan.work == Work::Neighbour => {
                many_threads()?.block_on(beside_a_flood::<false>(at, options, plan))
            }
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter => {
                let client = run::client::<OnArbiter>(at, options, plan, |c| actix_rt::spawn(c.run()));
                actix_rt::System::new().block_on(client)
            }
            #[cfg(feature = "duologue")]
            Self::DuologuePlain => {
                let client = run::client::<Plain>(at, options, plan, |c| actix_rt::spawn(c.run()));
                actix_rt::System::new().block_on(client)
            }
            #[cfg(feature = "duologue")]
            Self::DuologueBusy => {
                let options = &options.busy();
                let client = run::client::<OnArbiter>(at, options, plan, |c| actix_rt::spawn(c.run()));
                actix_rt::System::new().block_on(client)
            }
            #[cfg(feature = "duologue")]
            Self::DuologueTokio => tasks!(many_threads(), InTokio),
            #[cfg(feature = "peers")]
            Self::Tarpc => tasks!(options.runtime(), Tarpc),
            #[cfg(feature = "peers")]
            Self::Tonic => tasks!(options.runtime(), Tonic<false>),
            #[cfg(feature = "peers")]
            Self::TonicTls => tasks!(options.runtime(), Tonic<true>),
            #[cfg(feature = "peers")]
            Self::Remoc => tasks!(options.runtime(), Remoc),
            #[cfg(feature = "peers")]
            Self::Capnp => {
                let spawn = |c: Caller<_>| tokio::task::spawn_local(c.run());
                LocalSet::new().block_on(&one_thread()?, run::client::<Capnp>(at, options, plan, spawn))
            }
            #[cfg(feature = "peers")]
            Self::Irpc => tasks!(options.runtime(), Irpc),
            #[cfg(feature = "peers")]
            Self::Kameo => tasks!(options.runtime(), Kameo),
            #[cfg(feature = "peers")]
            Self::Ractor => tasks!(options.runtime(), Ractor),
            #[cfg(feature = "peers")]
            Self::Jsonrpsee => tasks!(options.runtime(), Jsonrpsee),
        }
    }
}

fn one_thread() -> Result<Runtime, Fault> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn many_threads() -> Result<Runtime, Fault> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

impl Options {
    /// Awake for as long as a lone call takes, and half as long again.
    #[cfg(feature = "duologue")]
    fn busy(self) -> Options {
        Options { busy_poll: Duration::from_micros(50), ..self }
    }

    /// What the libraries that leave the choice run on.
    #[cfg(feature = "peers")]
    fn runtime(&self) -> Result<Runtime, Fault> {
        if self.one_thread { one_thread() } else { many_threads() }
    }
}
