//! The hand-written RPC on quinn.

use std::sync::Arc;

use bytes::Bytes;
use quinn::Connection;

use crate::Fault;
use crate::peer::{Address, BULK_BYTE, Back, Client, Echoed, Meter, Options, Peer};
use crate::raw::mux::{self, Mux};
use crate::raw::quic::{self, Dialer};

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Quinn(Dialer);

/// A connection, and its one stream with calls.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    connection: Connection,
    mux: Arc<Mux>,
}

impl Peer for Quinn {
    type Server = quinn::Endpoint;
    type Client = Calls;

    async fn serve(options: &Options) -> Result<(Address, quinn::Endpoint), Fault> {
        let (endpoint, certificate) = quic::listen(options.mtu)?;
        let accepting = endpoint.clone();
        tokio::spawn(async move {
            while let Some(incoming) = accepting.accept().await {
                tokio::spawn(async move {
                    if let Ok(connection) = incoming.await {
                        serve(connection).await;
                    }
                });
            }
        });
        Ok((Address::new(endpoint.local_addr()?, &certificate), endpoint))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Quinn, Fault> {
        Ok(Quinn(quic::dialer(at, options.mtu)?))
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        let connection = self.0.connect().await?;
        let (send, recv) = connection.open_bi().await?;
        Ok(Calls { connection, mux: mux::calls(send, recv) })
    }
}

async fn serve(connection: Connection) {
    while let Ok((send, recv)) = connection.accept_bi().await {
        let connection = connection.clone();
        tokio::spawn(async move {
            // A transfer that was cut fails, as it is meant to; its connection goes on.
            let _ = mux::answer(send, recv).await;
            drop(connection);
        });
    }
}

impl Client for Calls {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        Bytes::from(vec![BULK_BYTE; size])
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        self.mux.add(a, b).await
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&self.mux.echo(payload).await?))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault> {
        self.mux.callbacks(in_flight, back).await
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let (send, recv) = self.connection.open_bi().await?;
        mux::bulk(send, recv, bytes, meter).await
    }
}
