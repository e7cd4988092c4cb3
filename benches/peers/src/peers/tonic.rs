//! tonic, bare or with TLS; the service is written by hand as its generator would write it, so that no `protoc` is needed.
//!
//! The cipher is set like Duologue's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxStream, Service, http};
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::{BULK_PIECE, listen, payload, pieces};
use crate::Fault;
use crate::peer::{Address, Back, Client, Echoed, Meter, Options, Peer};
use crate::tls;

#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(int64, tag = "1")]
    a: i64,
    #[prost(int64, tag = "2")]
    b: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int64, tag = "1")]
    number: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Data {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

#[derive(Clone)]
struct Desk;

impl NamedService for Desk {
    const NAME: &'static str = "peers.Calc";
}

impl Service<http::Request<Body>> for Desk {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            "/peers.Calc/Add" => Box::pin(async move {
                Ok(tonic::server::Grpc::new(ProstCodec::default()).unary(Add, request).await)
            }),
            "/peers.Calc/Echo" => Box::pin(async move {
                Ok(tonic::server::Grpc::new(ProstCodec::default()).unary(Echo, request).await)
            }),
            "/peers.Calc/Bulk" => Box::pin(async move {
                Ok(tonic::server::Grpc::new(ProstCodec::default()).server_streaming(Bulk, request).await)
            }),
            _ => Box::pin(async move { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

struct Add;

impl UnaryService<Pair> for Add {
    type Response = Number;
    type Future = BoxFuture<'static, Result<Response<Number>, Status>>;

    fn call(&mut self, request: Request<Pair>) -> Self::Future {
        let Pair { a, b } = request.into_inner();
        Box::pin(async move { Ok(Response::new(Number { number: a.wrapping_add(b) })) })
    }
}

struct Echo;

impl UnaryService<Data> for Echo {
    type Response = Data;
    type Future = BoxFuture<'static, Result<Response<Data>, Status>>;

    fn call(&mut self, request: Request<Data>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

struct Bulk;

impl ServerStreamingService<Number> for Bulk {
    type Response = Data;
    type ResponseStream = BoxStream<Data>;
    type Future = BoxFuture<'static, Result<Response<BoxStream<Data>>, Status>>;

    fn call(&mut self, request: Request<Number>) -> Self::Future {
        let block = payload(BULK_PIECE as usize);
        let sent = pieces(request.into_inner().number as u64, BULK_PIECE)
            .map(move |piece| Ok(Data { data: block.slice(..piece as usize) }));
        Box::pin(async move { Ok(Response::new(Box::pin(tokio_stream::iter(sent)) as BoxStream<Data>)) })
    }
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Tonic<const TLS: bool> {
    server: SocketAddr,
    authority: Vec<u8>,
    in_flight: usize,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Grpc<Channel>);

impl<const TLS: bool> Peer for Tonic<TLS> {
    type Server = ();
    type Client = Calls;

    async fn serve(options: &Options) -> Result<(Address, ()), Fault> {
        let (listener, server) = listen().await?;
        let mut builder = Server::builder().max_concurrent_streams(options.in_flight.max(200));
        let mut secret = String::new();
        if TLS {
            tls::install()?;
            let (certificate, key) = tls::pem()?;
            let identity = Identity::from_pem(&certificate, key);
            builder = builder.tls_config(ServerTlsConfig::new().identity(identity))?;
            secret = certificate;
        }
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        tokio::spawn(builder.add_service(Desk).serve_with_incoming(incoming));
        Ok((Address::new(server, secret.as_bytes()), ()))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        if TLS {
            tls::install()?;
        }
        Ok(Self { server: at.server, authority: at.secret()?, in_flight: options.in_flight as usize })
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        let scheme = if TLS { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{}", self.server))?
            .tcp_nodelay(true)
            .buffer_size(self.in_flight.max(1_024));
        if TLS {
            let authority = Certificate::from_pem(&self.authority);
            let config = ClientTlsConfig::new().ca_certificate(authority).domain_name(tls::NAME);
            endpoint = endpoint.tls_config(config)?;
        }
        Ok(Calls(Grpc::new(endpoint.connect().await?)))
    }
}

impl Calls {
    async fn unary<A, B>(&self, path: &'static str, argument: A) -> Result<B, Fault>
    where
        A: prost::Message + 'static,
        B: prost::Message + Default + 'static,
    {
        let mut grpc = self.0.clone();
        grpc.ready().await?;
        let path = PathAndQuery::from_static(path);
        Ok(grpc.unary(Request::new(argument), path, ProstCodec::default()).await?.into_inner())
    }
}

impl Client for Calls {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        payload(size)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.unary::<_, Number>("/peers.Calc/Add", Pair { a, b }).await?.number)
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        let back: Data = self.unary("/peers.Calc/Echo", Data { data: payload }).await?;
        Ok(Echoed::of(&back.data))
    }

    async fn callbacks(&self, _: u32, _: &'static Back) -> Result<u64, Fault> {
        Err("a client of tonic cannot be called".into())
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let mut grpc = self.0.clone();
        grpc.ready().await?;
        let wish = Request::new(Number { number: bytes as i64 });
        let path = PathAndQuery::from_static("/peers.Calc/Bulk");
        let codec = ProstCodec::<Number, Data>::default();
        let mut received = grpc.server_streaming(wish, path, codec).await?.into_inner();
        while let Some(piece) = received.message().await? {
            if !meter.take(&piece.data) {
                break;
            }
        }
        Ok(())
    }
}
