//! capnp-rpc over TCP on one thread, as its library wants it, with buffered reading and writing; a transfer is a stream of
//! calls with its flow control.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    dead_code,
    rust_2018_idioms,
    clippy::all,
    clippy::unimplemented,
    clippy::unwrap_used,
    reason = "it is generated"
)]
pub(crate) mod calc_capnp;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use capnp::message::ReaderOptions;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, twoparty};
use futures::io::{BufReader, BufWriter};
use tokio_util::compat::{TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};

use self::calc_capnp::{back, calc, sink};
use super::{BULK_PIECE, accept, connect, listen, pieces};
use crate::Fault;
use crate::peer::{self, Address, BULK_BYTE, Echoed, Meter, Options, Peer, call_back};

struct Desk;

impl calc::Server for Desk {
    async fn add(
        self: Rc<Self>,
        params: calc::AddParams,
        mut results: calc::AddResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        results.get().set_sum(params.get_a().wrapping_add(params.get_b()));
        Ok(())
    }

    async fn echo(
        self: Rc<Self>,
        params: calc::EchoParams,
        mut results: calc::EchoResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_data(params.get()?.get_data()?);
        Ok(())
    }

    async fn callbacks(
        self: Rc<Self>,
        params: calc::CallbacksParams,
        mut results: calc::CallbacksResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let back = params.get_back()?;
        let one = async |n| {
            let mut request = back.call_request();
            request.get().set_n(n);
            Ok(request.send().promise.await?.get()?.get_n())
        };
        let made = call_back(params.get_in_flight(), one).await;
        results.get().set_made(made.map_err(|fault| capnp::Error::failed(fault.to_string()))?);
        Ok(())
    }

    async fn bulk(
        self: Rc<Self>,
        params: calc::BulkParams,
        _: calc::BulkResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        let to = params.get_to()?;
        let block = vec![BULK_BYTE; BULK_PIECE as usize];
        for piece in pieces(params.get_bytes(), BULK_PIECE) {
            let mut request = to.write_request();
            request.get().set_piece(&block[..piece as usize]);
            request.send().await?;
        }
        to.end_request().send().promise.await?;
        Ok(())
    }
}

/// Answers callbacks.
struct Answering(&'static peer::Back);

impl back::Server for Answering {
    async fn call(
        self: Rc<Self>,
        params: back::CallParams,
        mut results: back::CallResults,
    ) -> Result<(), capnp::Error> {
        results.get().set_n(self.0.answer(params.get()?.get_n()));
        Ok(())
    }
}

/// Takes the pieces of a transfer, and fails to have it ended.
struct Taking(Arc<Meter>);

impl sink::Server for Taking {
    async fn write(self: Rc<Self>, params: sink::WriteParams) -> Result<(), capnp::Error> {
        if self.0.take(params.get()?.get_piece()?) {
            Ok(())
        } else {
            Err(capnp::Error::failed("enough".to_owned()))
        }
    }

    async fn end(self: Rc<Self>, _: sink::EndParams, _: sink::EndResults) -> Result<(), capnp::Error> {
        Ok(())
    }
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Capnp(SocketAddr);

fn network(
    stream: tokio::net::TcpStream,
    side: Side,
) -> Box<twoparty::VatNetwork<impl Unpin + futures::AsyncRead>> {
    let (read, write) = stream.into_split();
    let mut options = ReaderOptions::new();
    options.traversal_limit_in_words(None);
    Box::new(twoparty::VatNetwork::new(
        BufReader::new(read.compat()),
        BufWriter::new(write.compat_write()),
        side,
        options,
    ))
}

impl Peer for Capnp {
    type Server = ();
    type Client = calc::Client;

    async fn serve(_: &Options) -> Result<(Address, ()), Fault> {
        let (listener, server) = listen().await?;
        tokio::task::spawn_local(async move {
            let calc: calc::Client = capnp_rpc::new_client(Desk);
            while let Some(stream) = accept(&listener).await {
                let network = network(stream, Side::Server);
                tokio::task::spawn_local(RpcSystem::new(network, Some(calc.clone().client)));
            }
        });
        Ok((Address::new(server, &[]), ()))
    }

    async fn dialer(at: &Address, _: &Options) -> Result<Self, Fault> {
        Ok(Self(at.server))
    }

    async fn connect(&self) -> Result<calc::Client, Fault> {
        let network = network(connect(self.0).await?, Side::Client);
        let mut system = RpcSystem::new(network, None);
        let calc = system.bootstrap(Side::Server);
        tokio::task::spawn_local(system);
        Ok(calc)
    }
}

impl peer::Client for calc::Client {
    type Payload = Rc<[u8]>;

    fn payload(size: usize) -> Rc<[u8]> {
        vec![BULK_BYTE; size].into()
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        let mut request = self.add_request();
        let mut arguments = request.get();
        arguments.set_a(a);
        arguments.set_b(b);
        Ok(request.send().promise.await?.get()?.get_sum())
    }

    async fn echo(&self, payload: Rc<[u8]>) -> Result<Echoed, Fault> {
        let mut request = self.echo_request();
        request.get().set_data(&payload);
        Ok(Echoed::of(request.send().promise.await?.get()?.get_data()?))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static peer::Back) -> Result<u64, Fault> {
        let mut request = self.callbacks_request();
        request.get().set_in_flight(in_flight);
        request.get().set_back(capnp_rpc::new_client(Answering(back)));
        Ok(request.send().promise.await?.get()?.get_made())
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let mut request = self.bulk_request();
        request.get().set_bytes(bytes);
        request.get().set_to(capnp_rpc::new_client(Taking(meter.clone())));
        let sent = request.send().promise.await;
        if meter.wants_more() {
            sent?;
        }
        Ok(())
    }
}
