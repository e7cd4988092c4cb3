//! kameo over libp2p: TCP with Noise and yamux, as its `bootstrap` does it, but for two things. The address of the server
//! and of its actor are told instead of being looked for by multicast, and the limits on streams and sizes are raised. A
//! transfer is made of calls.
//!
//! A process is one swarm, and two swarms keep one connection between them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use kameo::prelude::*;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use serde::{Deserialize, Serialize};

use super::{bulk_by_calls, payload};
use crate::Fault;
use crate::peer::{self, Address, Back, Client, Echoed, Meter, Options, Peer, call_back};

/// No work takes longer.
const LONGEST: Duration = Duration::from_secs(600);

#[derive(Actor, RemoteActor)]
pub(crate) struct Desk;

#[derive(Serialize, Deserialize)]
struct Add(i64, i64);

#[derive(Serialize, Deserialize, Reply)]
struct Data(Bytes);

#[derive(Serialize, Deserialize)]
struct Piece(u64);

#[derive(Serialize, Deserialize)]
struct Callbacks {
    in_flight: u32,
    back: RemoteActorRef<Answering>,
}

#[remote_message]
impl Message<Add> for Desk {
    type Reply = i64;

    async fn handle(&mut self, Add(a, b): Add, _: &mut Context<Self, i64>) -> i64 {
        a.wrapping_add(b)
    }
}

#[remote_message]
impl Message<Data> for Desk {
    type Reply = Data;

    async fn handle(&mut self, data: Data, _: &mut Context<Self, Data>) -> Data {
        data
    }
}

#[remote_message]
impl Message<Piece> for Desk {
    type Reply = Data;

    async fn handle(&mut self, Piece(size): Piece, _: &mut Context<Self, Data>) -> Data {
        Data(payload(size as usize))
    }
}

#[remote_message]
impl Message<Callbacks> for Desk {
    type Reply = Result<u64, String>;

    async fn handle(
        &mut self,
        Callbacks { in_flight, back }: Callbacks,
        _: &mut Context<Self, Self::Reply>,
    ) -> Self::Reply {
        let made = call_back(in_flight, async |n| Ok(back.ask(&Called(n)).await?)).await;
        made.map_err(|fault| fault.to_string())
    }
}

/// Answers callbacks.
#[derive(Actor, RemoteActor)]
struct Answering(&'static Back);

#[derive(Serialize, Deserialize)]
struct Called(u64);

#[remote_message]
impl Message<Called> for Answering {
    type Reply = u64;

    async fn handle(&mut self, Called(n): Called, _: &mut Context<Self, u64>) -> u64 {
        self.0.answer(n)
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kameo: remote::Behaviour,
}

fn swarm(options: &Options) -> Result<Swarm<Behaviour>, Fault> {
    let in_flight = options.in_flight as usize;
    let limits = remote::messaging::Config::default()
        .with_request_timeout(LONGEST)
        .with_max_concurrent_streams(in_flight.max(100) + 1)
        .with_request_size_maximum(10 << 20)
        .with_response_size_maximum(10 << 20);
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, || streams(in_flight))?
        .with_behaviour(|key| Behaviour { kameo: remote::Behaviour::new(key.public().to_peer_id(), limits) })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(LONGEST))
        .build();
    swarm.behaviour().kameo.try_init_global()?;
    Ok(swarm)
}

/// yamux closes a connection on which there are more streams than its limit of 512; raising it chooses an older version of
/// yamux, so it is raised only where it must be.
fn streams(in_flight: usize) -> yamux::Config {
    let mut config = yamux::Config::default();
    if in_flight > 500 {
        config.set_max_num_streams(2 * in_flight);
    }
    config
}

async fn drive(mut swarm: Swarm<Behaviour>) {
    loop {
        swarm.select_next_some().await;
    }
}

/// Makes the one connection.
#[derive(Debug)]
pub(crate) struct Kameo(RemoteActorRef<Desk>);

/// The actor of the server.
#[derive(Clone, Debug)]
pub(crate) struct Calls(RemoteActorRef<Desk>);

impl Peer for Kameo {
    type Server = ActorRef<Desk>;
    type Client = Calls;

    async fn serve(options: &Options) -> Result<(Address, ActorRef<Desk>), Fault> {
        let mut swarm = swarm(options)?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        let port = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                let text = address.to_string();
                break text.rsplit('/').next().ok_or("an address ends with its port")?.parse::<u16>()?;
            }
        };
        let id = *swarm.local_peer_id();
        tokio::spawn(drive(swarm));
        let desk = Desk::spawn(Desk);
        let secret = rmp_serde::to_vec(&(id.to_bytes(), desk.into_remote_ref().await))?;
        Ok((Address::new(([127, 0, 0, 1], port).into(), &secret), desk))
    }

    async fn dialer(at: &Address, options: &Options) -> Result<Self, Fault> {
        let mut swarm = swarm(options)?;
        let (id, desk): (Vec<u8>, RemoteActorRef<Desk>) = rmp_serde::from_slice(&at.secret()?)?;
        let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", at.server.port()).parse()?;
        swarm.add_peer_address(PeerId::from_bytes(&id)?, address.clone());
        swarm.dial(address)?;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => break,
                SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
                _ => {}
            }
        }
        tokio::spawn(drive(swarm));
        Ok(Self(desk))
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        Ok(Calls(self.0.clone()))
    }
}

impl Client for Calls {
    type Payload = Bytes;

    fn payload(size: usize) -> Bytes {
        payload(size)
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        Ok(self.0.ask(&Add(a, b)).await?)
    }

    async fn echo(&self, payload: Bytes) -> Result<Echoed, Fault> {
        Ok(Echoed::of(&self.0.ask(&Data(payload)).await?.0))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static peer::Back) -> Result<u64, Fault> {
        let answering = Answering::spawn(Answering(back));
        let back = answering.into_remote_ref().await;
        Ok(self.0.ask(&Callbacks { in_flight, back }).await?)
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        bulk_by_calls(bytes, meter, async |size| Ok(self.0.ask(&Piece(size)).await?.0)).await
    }
}
