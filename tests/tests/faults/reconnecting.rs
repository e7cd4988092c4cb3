//! A peer that refuses calls because it goes away, or says so and stays: what a proxy that outlives its connection makes of it.

use std::time::Duration;

use duologue::prelude::*;
use duologue::{DynProxy, Reconnect, ReconnectState, Reconnecting, StreamSender};
use duologue_tests::hostile::{Frame, Peer, Ref, Server, control, control_frame, fault, kind, pack, ran};
use duologue_tests::nodes::{dial, listen, run, settles, small};
use tokio::task::JoinHandle;

#[service]
trait Sums {
    fn next(&self, n: u64) -> u64;
    async fn sum(&self, numbers: Streaming<u64>, sums: StreamSender<u64>) -> u64;
}

/// Where others find the proxy.
#[service]
trait Shelf {
    fn take(&self) -> SumsProxy;
    fn put(&self, any: DynProxy);
}

struct Board(Option<SumsProxy>);

#[service]
impl Shelf for Board {
    fn take(&self) -> SumsProxy {
        self.0.clone().expect("it is there")
    }

    fn put(&self, _: DynProxy) {}
}

/// The number of the service at the peer.
const ROOT: u32 = 3;

/// Its reference says that it may not be handed on.
const STAYS: u8 = 0x40;

/// A proxy that outlives its connection to a peer which answers by hand.
struct Dialed {
    server: Server,
    peer: Peer,
    link: Reconnecting,
    sums: SumsProxy,
    _node: Node,
}

async fn dialed(root: Ref) -> Dialed {
    let (server, node) = (Server::bind(), small().start().await.unwrap());
    let mut policy = Reconnect::default();
    policy.delay = Duration::from_millis(10);
    let link = node.connect(server.target()).reconnecting().policy(policy);
    let (sums, peer) = tokio::join!(link.root::<SumsProxy>(), shows(&server, root));
    Dialed { sums: sums.unwrap(), server, peer, link, _node: node }
}

/// The next link, on which the service is opened.
async fn shows(server: &Server, root: Ref) -> Peer {
    let mut peer = server.accept().await;
    let asked = peer.lane.frame().await;
    opens(&mut peer, &asked, root).await;
    peer
}

async fn opens(peer: &mut Peer, asked: &Frame, root: Ref) {
    let opened = b"\x81\xa2Ok\x94\xa4Sums\x90\x01\xd5\x01\0\0";
    let reply = Frame::bare(kind::REPLY, asked.call, 0).with_body(*opened).with_refs([root]);
    peer.lane.put(reply.to_bytes()).await;
}

/// The next call; method names may come before it. It fails the test if `calling` ends without.
async fn call_of(peer: &mut Peer, calling: &mut JoinHandle<Result<u64, CallError>>) -> Frame {
    loop {
        let frame = tokio::select! {
            frame = peer.lane.frame() => frame,
            outcome = &mut *calling => panic!("it was not passed on: {outcome:?}"),
        };
        if frame.kind == kind::CALL {
            return frame;
        }
    }
}

async fn reply(peer: &mut Peer, call: &Frame, value: u64) {
    peer.lane.put(Frame::bare(kind::REPLY, call.call, 0).with_body(pack(&value)).to_bytes()).await;
}

async fn refuse(peer: &mut Peer, call: &Frame) {
    let refusal =
        Frame { method: fault::DRAINING, flags: ran::NEVER, ..Frame::bare(kind::FAULT, call.call, 0) };
    peer.lane.put(refusal.to_bytes()).await;
}

fn numbers() -> Streaming<u64> {
    Streaming::from_iter([1, 2])
}

#[test]
fn a_call_with_a_third_nodes_streams_keeps_them_while_it_waits_for_the_next_connection() {
    run(async {
        let Dialed { server, mut peer, sums, .. } = dialed(Ref::export(ROOT)).await;
        let b = listen(small().serve(move || Board(Some(sums.clone())))).await;
        let c = small().start().await.unwrap();
        let sums = dial(&c, &b).await.root::<ShelfProxy>().await.unwrap().take().await.unwrap();
        peer.control.put(control_frame(control::GO_AWAY, &[(); 0])).await;
        peer.has_been_obeyed().await;
        // The connection lives, and takes no call.
        let mut calling = tokio::spawn(async move { sums.sum(numbers(), Streaming::channel().0).await });
        settles(&b, |stats| stats.total.calls_running == 1).await;
        peer.link.close(0, "gone");
        let mut next = shows(&server, Ref::export(ROOT)).await;
        let call = call_of(&mut next, &mut calling).await;
        assert_eq!(call.refs.len(), 2, "its streams are named on the next connection");
        reply(&mut next, &call, 3).await;
        assert_eq!(calling.await.unwrap(), Ok(3));
    });
}

#[test]
fn a_peer_that_refuses_a_call_and_stays_keeps_only_that_call_waiting() {
    run(async {
        let Dialed { server, mut peer, sums, .. } = dialed(Ref::export(ROOT)).await;
        let one = sums.clone();
        let mut first = tokio::spawn(async move { one.next(1).await });
        let call = call_of(&mut peer, &mut first).await;
        refuse(&mut peer, &call).await;
        for n in [2, 3] {
            let sums = sums.clone();
            let mut later = tokio::spawn(async move { sums.next(n).await });
            let call = call_of(&mut peer, &mut later).await;
            assert_eq!(call.value::<(u64,)>(), (n,), "the refused one waits for the next connection");
            reply(&mut peer, &call, n + 1).await;
            assert_eq!(later.await.unwrap(), Ok(n + 1));
        }
        peer.link.close(0, "gone");
        let mut next = shows(&server, Ref::export(ROOT)).await;
        let call = call_of(&mut next, &mut first).await;
        assert_eq!(call.value::<(u64,)>(), (1,));
        reply(&mut next, &call, 2).await;
        assert_eq!(first.await.unwrap(), Ok(2));
    });
}

#[test]
fn a_call_is_refused_for_good_if_its_streams_went_with_it() {
    run(async {
        let Dialed { mut peer, sums, .. } = dialed(Ref::export(ROOT)).await;
        let one = sums.clone();
        let mut calling = tokio::spawn(async move { one.sum(numbers(), Streaming::channel().0).await });
        let call = call_of(&mut peer, &mut calling).await;
        assert_eq!(call.refs.len(), 2);
        refuse(&mut peer, &call).await;
        assert_eq!(calling.await.unwrap(), Err(CallError::Draining));
    });
}

#[test]
fn whether_a_service_may_be_handed_on_is_known_while_its_connection_is_lost() {
    run(async {
        let root = Ref { kind: Ref::export(ROOT).kind | STAYS, ..Ref::export(ROOT) };
        let Dialed { server: _server, peer, sums, link, .. } = dialed(root).await;
        let elsewhere = listen(small().serve(|| Board(None))).await;
        let client = small().start().await.unwrap();
        let shelf: ShelfProxy = dial(&client, &elsewhere).await.root().await.unwrap();
        let text = "its service says `stay`: its proxies are not handed on to a third node".to_owned();
        assert_eq!(shelf.put(sums.clone().into()).await, Err(CallError::NotSent(text.clone())));
        peer.link.close(0, "gone");
        let mut states = link.states();
        states.wait_for(|state| matches!(state, ReconnectState::Reconnecting { .. })).await.unwrap();
        assert_eq!(shelf.put(sums.into()).await, Err(CallError::NotSent(text)));
    });
}

#[test]
fn what_is_closed_while_its_services_are_opened_anew_stays_closed() {
    run(async {
        let Dialed { server, peer, sums, link, .. } = dialed(Ref::export(ROOT)).await;
        peer.link.close(0, "gone");
        let mut next = server.accept().await;
        let asked = next.lane.frame().await;
        link.close().await;
        opens(&mut next, &asked, Ref::export(ROOT)).await;
        assert_eq!(next.closed().await.0, 0);
        assert!(link.connection().is_none());
        assert!(matches!(&*link.states().borrow(), ReconnectState::Ended { .. }));
        assert!(matches!(sums.next(1).await, Err(CallError::Disconnected { .. })));
    });
}
