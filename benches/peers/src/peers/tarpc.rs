//! tarpc over TCP with its bincode format, every request in a task of its own, as its README does it.
//!
//! It has no streams: a transfer is made of calls.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use tarpc::server::{BaseChannel, Channel as _};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::length_delimited::LengthDelimitedCodec;
use tarpc::{client, context, serde_transport};

use super::{accept, bulk_by_calls, connect, listen, payload};
use crate::Fault;
use crate::peer::{Address, Back, Client, Echoed, Meter, Options, Peer};

#[tarpc::service]
pub(crate) trait Calc {
    async fn add(a: i64, b: i64) -> i64;
    async fn echo(data: Bytes) -> Bytes;
    async fn piece(size: u64) -> Bytes;
}

#[derive(Clone)]
struct Desk;

impl Calc for Desk {
    async fn add(self, _: context::Context, a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    async fn echo(self, _: context::Context, data: Bytes) -> Bytes {
        data
    }

    async fn piece(self, _: context::Context, size: u64) -> Bytes {
        payload(size as usize)
    }
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Tarpc {
    server: SocketAddr,
    in_flight: usize,
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(usize::MAX).new_codec()
}

impl Peer for Tarpc {
    type Server = ();
    type Client = CalcClient;

    async fn serve(_: &Options) -> Result<(Address, ()), Fault> {
        let (listener, server) = listen().await?;
        tokio::spawn(async move {
            while let Some(stream) = accept(&listener).await {
                let framed = tokio_util::codec::Framed::new(stream, codec());
                let channel = BaseChannel::with_defaults(serde_transport::new(framed, Bincode::default()));
                tokio::spawn(channel.execute(Desk.serve()).for_each(|answer| async move {
                    tokio::spawn(answer);
                }));
            }
        });
        Ok((Address::new(server, &[]), ()))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        Ok(Self { server: at.server, in_flight: options.in_flight as usize })
    }

    async fn connect(&self) -> Result<CalcClient, Fault> {
        let framed = tokio_util::codec::Framed::new(connect(self.server).await?, codec());
        let mut config = client::Config::default();
        config.max_in_flight_requests = config.max_in_flight_requests.max(self.in_flight);
        config.pending_request_buffer = config.pending_request_buffer.max(self.in_flight);
        Ok(CalcClient::new(config, serde_transport::new(framed, Bincode::default())).spawn())
    }
}

impl Client for CalcClient {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        payload(size)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(CalcClient::add(self, context::current(), a, b).await?)
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&CalcClient::echo(self, context::current(), payload).await?))
    }

    async fn callbacks(&self, _: u32, _: &'static Back) -> Result<u64, Fault> {
        Err("a client of tarpc cannot be called".into())
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        bulk_by_calls(bytes, meter, async |size| Ok(self.piece(context::current(), size).await?)).await
    }
}
