//! remoc over TCP with its default codec: a remote trait, remote functions as callbacks, and a binary channel for transfers.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use remoc::prelude::*;
use remoc::rch::bin;
use remoc::rfn::RFn;
use remoc::rtc::CallError;

use super::{BULK_PIECE, accept, connect, listen, payload, pieces};
use crate::Fault;
use crate::peer::{Address, Back, Client, Echoed, Meter, Options, Peer, call_back};

type Called = RFn<(u64,), Result<u64, rfn::CallError>>;

/// With the short names that its documentation recommends for small requests.
#[rtc::remote]
pub(crate) trait Calc {
    #[serde(rename = "_0")]
    async fn add(
        &self,
        #[serde(rename = "_0")] a: i64,
        #[serde(rename = "_1")] b: i64,
    ) -> Result<i64, CallError>;
    #[serde(rename = "_1")]
    async fn echo(&self, #[serde(rename = "_0")] data: Bytes) -> Result<Bytes, CallError>;
    #[serde(rename = "_2")]
    async fn callbacks(
        &self,
        #[serde(rename = "_0")] in_flight: u32,
        #[serde(rename = "_1")] back: Called,
    ) -> Result<Result<u64, String>, CallError>;
    #[serde(rename = "_3")]
    async fn bulk(&self, #[serde(rename = "_0")] bytes: u64) -> Result<bin::Receiver, CallError>;
}

struct Desk;

impl Calc for Desk {
    async fn add(&self, a: i64, b: i64) -> Result<i64, CallError> {
        Ok(a.wrapping_add(b))
    }

    async fn echo(&self, data: Bytes) -> Result<Bytes, CallError> {
        Ok(data)
    }

    async fn callbacks(&self, in_flight: u32, back: Called) -> Result<Result<u64, String>, CallError> {
        let made = call_back(in_flight, async |n| Ok(back.call(n).await?)).await;
        Ok(made.map_err(|fault| fault.to_string()))
    }

    async fn bulk(&self, bytes: u64) -> Result<bin::Receiver, CallError> {
        let (sender, receiver) = bin::channel();
        tokio::spawn(send(sender, bytes));
        Ok(receiver)
    }
}

async fn send(sender: bin::Sender, bytes: u64) -> Result<(), Fault> {
    let mut sender = sender.into_inner().await?;
    let block = payload(BULK_PIECE as usize);
    for piece in pieces(bytes, BULK_PIECE) {
        sender.send(block.slice(..piece as usize)).await?;
    }
    Ok(())
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Remoc(SocketAddr);

impl Peer for Remoc {
    type Server = ();
    type Client = CalcClient;

    async fn serve(_: &Options) -> Result<(Address, ()), Fault> {
        let (listener, server) = listen().await?;
        tokio::spawn(async move {
            while let Some(stream) = accept(&listener).await {
                tokio::spawn(async move {
                    let (read, write) = stream.into_split();
                    let (server, client) = CalcServerShared::<_, remoc::codec::Default>::new(Arc::new(Desk));
                    remoc::Connect::io(remoc::Cfg::default(), read, write).provide(client).await?;
                    server.serve().await.map_err(|error| error.to_string())?;
                    Ok::<_, Fault>(())
                });
            }
        });
        Ok((Address::new(server, &[]), ()))
    }

    async fn dialer(at: &Address, _: &Options) -> Result<Self, Fault> {
        Ok(Self(at.server))
    }

    async fn connect(&self) -> Result<CalcClient, Fault> {
        let (read, write) = connect(self.0).await?.into_split();
        Ok(remoc::Connect::io(remoc::Cfg::default(), read, write).consume().await?)
    }
}

impl Client for CalcClient {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        payload(size)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(Calc::add(self, a, b).await?)
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&Calc::echo(self, payload).await?))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault> {
        let (called, provider) = RFn::provided_1(move |n: u64| async move { Ok(back.answer(n)) });
        // The default of 32 would bound the work and not the library.
        provider.set_max_concurrency(in_flight as usize);
        Ok(Calc::callbacks(self, in_flight, called).await??)
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let mut receiver = Calc::bulk(self, bytes).await?.into_inner().await?;
        while let Some(piece) = receiver.recv().await? {
            if !meter.take(&Bytes::from(piece)) {
                break;
            }
        }
        Ok(())
    }
}
