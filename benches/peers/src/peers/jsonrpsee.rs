//! jsonrpsee over a web socket. Bytes travel as text, which is what JSON has for them and its fastest form.
//!
//! A transfer is made of calls.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use jsonrpsee::core::client::ClientT as _;
use jsonrpsee::rpc_params;
use jsonrpsee::server::{RpcModule, Server, ServerConfig, ServerHandle};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};

use super::bulk_by_calls;
use crate::Fault;
use crate::peer::{Address, BULK_BYTE, Back, Client, Echoed, Meter, Options, Peer};

fn text(size: usize) -> String {
    char::from(BULK_BYTE).to_string().repeat(size)
}

fn module() -> Result<RpcModule<()>, Fault> {
    let mut module = RpcModule::new(());
    module.register_method("add", |params, (), _| {
        let (a, b): (i64, i64) = params.parse()?;
        Ok::<_, ErrorObjectOwned>(a.wrapping_add(b))
    })?;
    module.register_method("echo", |params, (), _| params.one::<String>())?;
    module.register_method("piece", |params, (), _| {
        let size: u64 = params.one()?;
        Ok::<_, ErrorObjectOwned>(text(size as usize))
    })?;
    Ok(module)
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Jsonrpsee {
    server: SocketAddr,
    in_flight: usize,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<WsClient>);

impl Peer for Jsonrpsee {
    type Server = ServerHandle;
    type Client = Calls;

    async fn serve(options: &Options) -> Result<(Address, ServerHandle), Fault> {
        let config = ServerConfig::builder()
            .max_connections(2_000)
            .set_message_buffer_capacity(options.in_flight.max(1_024))
            .build();
        let server = Server::builder().set_config(config).build("127.0.0.1:0").await?;
        let address = Address::new(server.local_addr()?, &[]);
        Ok((address, server.start(module()?)))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        Ok(Self { server: at.server, in_flight: options.in_flight as usize })
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        let builder = WsClientBuilder::default().max_concurrent_requests(self.in_flight.max(256));
        Ok(Calls(Arc::new(builder.build(format!("ws://{}", self.server)).await?)))
    }
}

impl Client for Calls {
    type Payload = Arc<str>;

    fn payload(size: usize) -> Arc<str> {
        text(size).into()
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.0.request("add", rpc_params![a, b]).await?)
    }

    async fn echo(&self, payload: Arc<str>) -> Result<Echoed, Fault> {
        let back: String = self.0.request("echo", rpc_params![&*payload]).await?;
        Ok(Echoed::of(back.as_bytes()))
    }

    async fn callbacks(&self, _: u32, _: &'static Back) -> Result<u64, Fault> {
        Err("a client of jsonrpsee cannot be called".into())
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let call = async |size: u64| {
            let piece: String = self.0.request("piece", rpc_params![size]).await?;
            Ok(Bytes::from(piece))
        };
        bulk_by_calls(bytes, meter, call).await
    }
}
