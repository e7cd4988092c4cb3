//! irpc over QUIC by noq: a stream for each request, answered by one task that takes them from a channel, as its examples do it.
//!
//! Cipher, MTU, socket buffers and the number of streams are set like Duologue's; the rest is noq's default with irpc's keep-alive.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use irpc::channel::{mpsc, oneshot};
use irpc::rpc::RemoteService as _;
use irpc::{WithChannels, rpc_requests};
use noq::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use noq::{Endpoint, EndpointConfig, TransportConfig, VarInt};
use serde::{Deserialize, Serialize};

use super::{BULK_PIECE, payload, pieces};
use crate::Fault;
use crate::peer::{Address, Back, Client, Echoed, Meter, Options, Peer};
use crate::{socket, tls};

#[rpc_requests(message = Message, no_spans)]
#[derive(Serialize, Deserialize, Debug)]
enum Request {
    #[rpc(tx = oneshot::Sender<i64>)]
    Add(Add),
    #[rpc(tx = oneshot::Sender<Bytes>)]
    Echo(Echo),
    #[rpc(tx = mpsc::Sender<Bytes>)]
    Bulk(Bulk),
}

#[derive(Serialize, Deserialize, Debug)]
struct Add(i64, i64);

#[derive(Serialize, Deserialize, Debug)]
struct Echo(Bytes);

#[derive(Serialize, Deserialize, Debug)]
struct Bulk(u64);

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Irpc {
    endpoint: Endpoint,
    server: SocketAddr,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Calls(irpc::Client<Request>);

fn transport(options: &Options) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .keep_alive_interval(Some(Duration::from_secs(1)))
        // At its default of 100, a stream for each of 256 calls stalls.
        .max_concurrent_bidi_streams(VarInt::from_u32(options.in_flight.max(100) + 1));
    if let Some(mtu) = options.mtu {
        let mut discovery = noq::MtuDiscoveryConfig::default();
        discovery.upper_bound(mtu);
        config.initial_mtu(mtu).mtu_discovery_config(Some(discovery));
    }
    Arc::new(config)
}

fn endpoint(options: &Options, server: Option<noq::ServerConfig>) -> Result<Endpoint, Fault> {
    let mut config = EndpointConfig::default();
    if let Some(mtu) = options.mtu {
        config.max_udp_payload_size(mtu.max(1_472))?;
    }
    Ok(Endpoint::new(config, server, socket::udp()?, Arc::new(noq::TokioRuntime))?)
}

impl Peer for Irpc {
    type Server = Endpoint;
    type Client = Calls;

    async fn serve(options: &Options) -> Result<(Address, Endpoint), Fault> {
        let (mut tls, certificate) = tls::server()?;
        tls.alpn_protocols = vec![b"calc".to_vec()];
        let mut config = noq::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
        config.transport_config(transport(options));
        let endpoint = endpoint(options, Some(config))?;
        let (sender, mut requests) = tokio::sync::mpsc::channel(64);
        tokio::spawn(async move {
            while let Some(message) = requests.recv().await {
                answer(message).await;
            }
        });
        let local = irpc::Client::<Request>::local(sender);
        let local = local.as_local().ok_or("a local client is one")?;
        tokio::spawn(irpc::rpc::listen(endpoint.clone(), Request::remote_handler(local)));
        Ok((Address::new(endpoint.local_addr()?, &certificate), endpoint))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        let mut tls = tls::client(at)?;
        tls.alpn_protocols = vec![b"calc".to_vec()];
        let mut config = noq::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(transport(options));
        let endpoint = endpoint(options, None)?;
        endpoint.set_default_client_config(config);
        Ok(Self { endpoint, server: at.server })
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        let connection = self.endpoint.connect(self.server, tls::NAME)?.await?;
        Ok(Calls(irpc::Client::boxed(connection)))
    }
}

/// Whoever asked may be gone by now, which is its affair.
async fn answer(message: Message) {
    match message {
        Message::Add(add) => {
            let WithChannels { tx, inner: Add(a, b), .. } = add;
            let _ = tx.send(a.wrapping_add(b)).await;
        }
        Message::Echo(echo) => {
            let WithChannels { tx, inner: Echo(data), .. } = echo;
            let _ = tx.send(data).await;
        }
        Message::Bulk(bulk) => {
            let WithChannels { tx, inner: Bulk(bytes), .. } = bulk;
            let block = payload(BULK_PIECE as usize);
            for piece in pieces(bytes, BULK_PIECE) {
                if tx.send(block.slice(..piece as usize)).await.is_err() {
                    break;
                }
            }
        }
    }
}

impl Client for Calls {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        payload(size)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.0.rpc(Add(a, b)).await?)
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&self.0.rpc(Echo(payload)).await?))
    }

    async fn callbacks(&self, _: u32, _: &'static Back) -> Result<u64, Fault> {
        Err("a client of irpc cannot be called".into())
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let mut received = self.0.server_streaming(Bulk(bytes), 16).await?;
        while let Some(piece) = received.recv().await? {
            if !meter.take(&piece) {
                break;
            }
        }
        Ok(())
    }
}
