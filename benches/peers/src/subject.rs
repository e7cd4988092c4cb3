//! What is compared: the programs, each as a server and a client process, and what they cannot do.

use clap::ValueEnum;
#[cfg(feature = "duologue")]
use duologue_types::*;
use tokio::runtime::{Builder, Runtime};

use crate::Fault;
#[cfg(feature = "duologue")]
use crate::duologue_peer::beside_a_flood;
use crate::load::Plan;
use crate::peer::{Address, Options};
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
    /// Duologue from a `#[tokio::main]` program.
    #[cfg(feature = "duologue")]
    DuologueTokio,
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
            Self::DuologueArbiter | Self::DuologuePlain | Self::DuologueTokio => "QUIC",
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
            (Self::DuologuePlain, _) => Some("it differs from `duologue-arbiter` in `add` only"),
            #[cfg(feature = "duologue")]
            (Self::DuologueArbiter | Self::DuologueTokio, Work::Neighbour) => None,
            (_, Work::Neighbour) => Some("measured for Duologue only"),
            (Self::RawTcp | Self::RawTls, Work::Bulk { mtu: ..6_500 }) => {
                Some("it is not over QUIC and stands beside the larger MTU")
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
        }
    }

    /// Puts the load on a server.
    pub(crate) fn call(self, at: &Address, options: &Options, plan: Plan) -> Result<Report, Fault> {
        match self {
            Self::RawLimit => one_thread()?.block_on(raw::limit::client(at, plan)),
            Self::RawQuinn => {
                one_thread()?.block_on(run::client::<Quinn>(at, options, plan, |c| tokio::spawn(c.run())))
            }
            Self::RawQuinnTokio => {
                many_threads()?.block_on(run::client::<Quinn>(at, options, plan, |c| tokio::spawn(c.run())))
            }
            Self::RawTcp => {
                let client = run::client::<Tcp<false>>(at, options, plan, |c| tokio::spawn(c.run()));
                one_thread()?.block_on(client)
            }
            Self::RawTls => {
                let client = run::client::<Tcp<true>>(at, options, plan, |c| tokio::spawn(c.run()));
                one_thread()?.block_on(client)
            }
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
            Self::DuologueTokio => {
                let client = run::client::<InTokio>(at, options, plan, |c| tokio::spawn(c.run()));
                many_threads()?.block_on(client)
            }
        }
    }
}

fn one_thread() -> Result<Runtime, Fault> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn many_threads() -> Result<Runtime, Fault> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
