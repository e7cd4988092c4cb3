//! ractor_cluster over bare TCP: two nodes, an actor at each end, found by its process group. A transfer is made of calls.
//!
//! Two nodes keep one connection between them, and a process is one node.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, pg};
use ractor_cluster::{NodeServer, NodeServerMessage, RactorClusterMessage};

use super::bulk_by_calls;
use crate::Fault;
use crate::peer::{Address, BULK_BYTE, Back, Client, Echoed, Meter, Options, Peer, call_back};

const CALC: &str = "calc";
const BACK: &str = "back";
/// How long an actor of the other node may take to be known.
const SYNC: Duration = Duration::from_secs(5);
const SYNC_STEP: Duration = Duration::from_millis(5);

#[derive(Debug, RactorClusterMessage)]
pub(crate) enum Message {
    #[rpc]
    Add(i64, i64, RpcReplyPort<i64>),
    #[rpc]
    Echo(Vec<u8>, RpcReplyPort<Vec<u8>>),
    #[rpc]
    Callbacks(u32, RpcReplyPort<u64>),
    #[rpc]
    Piece(u64, RpcReplyPort<Vec<u8>>),
}

#[derive(Debug, RactorClusterMessage)]
enum Called {
    #[rpc]
    Back(u64, RpcReplyPort<u64>),
}

struct Desk;

impl Actor for Desk {
    type Msg = Message;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Message>, (): ()) -> Result<(), ActorProcessingErr> {
        pg::join(CALC.to_owned(), vec![me.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        // Whoever asked may be gone by now, which is its affair.
        match message {
            Message::Add(a, b, reply) => drop(reply.send(a.wrapping_add(b))),
            Message::Echo(data, reply) => drop(reply.send(data)),
            Message::Piece(size, reply) => drop(reply.send(vec![BULK_BYTE; size as usize])),
            Message::Callbacks(in_flight, reply) => {
                let back: ActorRef<Called> = found(BACK).await.map_err(|fault| fault.to_string())?;
                let one = async |n| answer(back.call(|reply| Called::Back(n, reply), None).await?);
                drop(reply.send(call_back(in_flight, one).await.map_err(|fault| fault.to_string())?));
            }
        }
        Ok(())
    }
}

/// Answers callbacks.
struct Answering(&'static Back);

impl Actor for Answering {
    type Msg = Called;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<Called>, (): ()) -> Result<(), ActorProcessingErr> {
        pg::join(BACK.to_owned(), vec![me.get_cell()]);
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<Called>,
        Called::Back(n, reply): Called,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        // As above.
        drop(reply.send(self.0.answer(n)));
        Ok(())
    }
}

/// The actor that joined a group, as soon as it is known here.
async fn found<M: ractor::Message>(group: &str) -> Result<ActorRef<M>, Fault> {
    let wait = async {
        loop {
            if let Some(cell) = pg::get_members(&group.to_owned()).into_iter().next() {
                return ActorRef::from(cell);
            }
            tokio::time::sleep(SYNC_STEP).await;
        }
    };
    Ok(tokio::time::timeout(SYNC, wait).await?)
}

fn answer<T>(result: CallResult<T>) -> Result<T, Fault> {
    match result {
        CallResult::Success(answer) => Ok(answer),
        CallResult::Timeout => Err("a call timed out".into()),
        CallResult::SenderError => Err("a call was not answered".into()),
    }
}

async fn node(name: &str, port: u16) -> Result<ActorRef<NodeServerMessage>, Fault> {
    let node =
        NodeServer::new(port, "cookie".to_owned(), name.to_owned(), "localhost".to_owned(), None, None)
            .with_listen_addr(Ipv4Addr::LOCALHOST.into());
    let (node, _) = Actor::spawn(None, node, ()).await?;
    Ok(node)
}

/// Makes the one connection.
#[derive(Debug)]
pub(crate) struct Ractor {
    server: SocketAddr,
    node: ActorRef<NodeServerMessage>,
}

/// The actor of the server.
#[derive(Clone, Debug)]
pub(crate) struct Calls(ActorRef<Message>);

impl Peer for Ractor {
    type Server = ActorRef<NodeServerMessage>;
    type Client = Calls;

    async fn serve(_: &Options) -> Result<(Address, Self::Server), Fault> {
        Actor::spawn(None, Desk, ()).await?;
        // It does not say which port it was given, so one is looked for first.
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let node = node("server", free.port()).await?;
        let listening = async { while tokio::net::TcpStream::connect(free).await.is_err() {} };
        tokio::time::timeout(SYNC, listening).await?;
        Ok((Address::new(free, &[]), node))
    }

    async fn dialer(at: &Address, _: &Options) -> Result<Self, Fault> {
        Ok(Self { server: at.server, node: node("client", 0).await? })
    }

    async fn connect(&self) -> Result<Calls, Fault> {
        ractor_cluster::client_connect(&self.node, self.server).await?;
        Ok(Calls(found(CALC).await?))
    }
}

impl Client for Calls {
    type Payload = Vec<u8>;

    fn payload(size: usize) -> Vec<u8> {
        vec![BULK_BYTE; size]
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64, Fault> {
        answer(self.0.call(|reply| Message::Add(a, b, reply), None).await?)
    }

    async fn echo(&self, payload: Vec<u8>) -> Result<Echoed, Fault> {
        let back = answer(self.0.call(|reply| Message::Echo(payload, reply), None).await?)?;
        Ok(Echoed::of(&back))
    }

    async fn callbacks(&self, in_flight: u32, back: &'static Back) -> Result<u64, Fault> {
        Actor::spawn(None, Answering(back), ()).await?;
        answer(self.0.call(|reply| Message::Callbacks(in_flight, reply), None).await?)
    }

    async fn bulk(&self, bytes: u64, meter: &Arc<Meter>) -> Result<(), Fault> {
        let call = async |size| {
            let piece = answer(self.0.call(|reply| Message::Piece(size, reply), None).await?)?;
            Ok(Bytes::from(piece))
        };
        bulk_by_calls(bytes, meter, call).await
    }
}
