//! What is compared: the programs, each as a server and a client process.

use std::net::SocketAddr;

use clap::ValueEnum;
use rustls::pki_types::CertificateDer;
use tokio::runtime::{Builder, Runtime};

use crate::Fault;
use crate::cpu;
#[cfg(feature = "duologue")]
use crate::duologue_calc::{self, Caller, Method};
use crate::load::Plan;
use crate::process;
use crate::report::Report;
use crate::{quic, raw_limit, raw_rpc, raw_server};

/// A program under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// One stream, a window of calls, no future per call.
    RawLimit,
    /// One stream, a oneshot per call, tasks that await.
    RawRpc,
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

/// Where a client finds its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) server: SocketAddr,
    /// The server's certificate, in hex; empty where the program needs none.
    pub(crate) certificate: String,
}

impl Subject {
    /// The name it has on the command line and in the table.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(|| format!("{self:?}"), |value| value.get_name().to_owned())
    }

    /// Serves until standard input is closed, then says how much processor time that took.
    #[cfg_attr(
        not(feature = "duologue"),
        expect(unused_variables, reason = "the hand-written servers have one thread")
    )]
    pub(crate) fn serve(self, arbiters: usize) -> Result<(), Fault> {
        match self {
            Self::RawLimit | Self::RawRpc => current_thread()?.block_on(serve_raw()),
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter | Self::DuologuePlain | Self::DuologueTokio => {
                multi_thread()?.block_on(duologue_calc::serve(arbiters))
            }
        }
    }

    /// Puts the load on a server.
    pub(crate) fn call(self, at: &Address, plan: Plan) -> Result<Report, Fault> {
        match self {
            Self::RawLimit => {
                current_thread()?.block_on(raw_limit::client(at.server, certificate(at)?, plan))
            }
            Self::RawRpc => current_thread()?.block_on(raw_rpc::client(at.server, certificate(at)?, plan)),
            #[cfg(feature = "duologue")]
            Self::DuologueArbiter => actix_rt::System::new().block_on(duologue_calc::client(
                at.server,
                plan,
                Caller::Arbiter,
                Method::Async,
            )),
            #[cfg(feature = "duologue")]
            Self::DuologuePlain => actix_rt::System::new().block_on(duologue_calc::client(
                at.server,
                plan,
                Caller::Arbiter,
                Method::Plain,
            )),
            #[cfg(feature = "duologue")]
            Self::DuologueTokio => {
                multi_thread()?.block_on(duologue_calc::client(at.server, plan, Caller::Tokio, Method::Async))
            }
        }
    }
}

async fn serve_raw() -> Result<(), Fault> {
    let (endpoint, certificate) = quic::listen()?;
    let address = Address { server: endpoint.local_addr()?, certificate: hex(&certificate) };
    let before = cpu::used()?;
    tokio::spawn(raw_server::serve(endpoint));
    process::announce(&address)?;
    process::input_closed().await;
    process::say_cpu(cpu::used()?.saturating_sub(before))
}

fn current_thread() -> Result<Runtime, Fault> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

#[cfg(feature = "duologue")]
fn multi_thread() -> Result<Runtime, Fault> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn certificate(at: &Address) -> Result<CertificateDer<'static>, Fault> {
    let digits = at.certificate.as_bytes();
    let bytes: Result<Vec<u8>, Fault> =
        digits.chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect();
    Ok(bytes?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_survives_the_command_line() {
        let at = Address { server: ([127, 0, 0, 1], 1).into(), certificate: hex(&[0, 10, 255]) };
        assert_eq!(at.certificate, "000aff");
        assert_eq!(certificate(&at).unwrap().as_ref(), [0, 10, 255]);
    }
}
