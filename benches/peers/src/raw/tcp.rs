//! The hand-written RPC on TCP, bare or with TLS. A transfer has a connection of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Fault;
use crate::peer::{Address, BULK_BYTE, Back, Client, Echoed, Meter, Options, Peer};
use crate::raw::mux::{self, Mux};
use crate::raw::stream::{Reader, Writer};
use crate::tls;

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Tcp<const TLS: bool> {
    server: SocketAddr,
    tls: Option<TlsConnector>,
}

/// A connection with calls, and how to make one for a transfer.
#[derive(Clone)]
pub(crate) struct Calls<const TLS: bool> {
    dialer: Tcp<TLS>,
    mux: Arc<Mux>,
}

impl<const TLS: bool> Peer for Tcp<TLS> {
    type Server = ();
    type Client = Calls<TLS>;

    async fn serve(_: &Options) -> Result<(Address, ()), Fault> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let server = listener.local_addr()?;
        if TLS {
            let (config, certificate) = tls::server()?;
            tokio::spawn(accept(listener, Some(TlsAcceptor::from(Arc::new(config)))));
            Ok((Address::new(server, &certificate), ()))
        } else {
            tokio::spawn(accept(listener, None));
            Ok((Address::new(server, &[]), ()))
        }
    }

    async fn dialer(at: &Address, _: &Options) -> Result<Self, Fault> {
        let tls = if TLS { Some(TlsConnector::from(Arc::new(tls::client(at)?))) } else { None };
        Ok(Self { server: at.server, tls })
    }

    async fn connect(&self) -> Result<Calls<TLS>, Fault> {
        let stream = self.stream().await?;
        let mux = match &self.tls {
            None => {
                let (read, write) = stream.into_split();
                mux::calls(Writer(write), Reader::new(read))
            }
            Some(tls) => {
                let (read, write) = tokio::io::split(tls.connect(tls::NAME.try_into()?, stream).await?);
                mux::calls(Writer(write), Reader::new(read))
            }
        };
        Ok(Calls { dialer: self.clone(), mux })
    }
}

impl<const TLS: bool> Tcp<TLS> {
    async fn stream(&self) -> Result<TcpStream, Fault> {
        let stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        // A transfer that was cut fails, as it is meant to.
        tokio::spawn(async move { drop(answer(stream, tls).await) });
    }
}

async fn answer(stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<(), Fault> {
    stream.set_nodelay(true)?;
    match tls {
        None => {
            let (read, write) = stream.into_split();
            mux::answer(Writer(write), Reader::new(read)).await
        }
        Some(tls) => {
            let (read, write) = tokio::io::split(tls.accept(stream).await?);
            mux::answer(Writer(write), Reader::new(read)).await
        }
    }
}

impl<const TLS: bool> Client for Calls<TLS> {
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
        let stream = self.dialer.stream().await?;
        match &self.dialer.tls {
            None => {
                let (read, write) = stream.into_split();
                mux::bulk(Writer(write), Reader::new(read), bytes, meter).await
            }
            Some(tls) => {
                let (read, write) = tokio::io::split(tls.connect(tls::NAME.try_into()?, stream).await?);
                mux::bulk(Writer(write), Reader::new(read), bytes, meter).await
            }
        }
    }
}
