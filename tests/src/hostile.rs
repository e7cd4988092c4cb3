//! A peer that speaks the wire by hand, frame by frame, and may say whatever it likes.
//!
//! It shares no code with the runtime: the layout of frames stands here a second time, as N2 of the manual's wire page gives it, so that the tests
//! notice when the runtime's changes. Links come from `transport`; what is below them (another ALPN) is up to the tests.

use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;
use transport::frame::Deframer;
use transport::sim::Network;
use transport::{Config, Endpoint, Identity, Link, LinkError, RecvStream, SendStream, StreamError, Trust};

/// Kinds of frames on a lane.
pub mod kind {
    #![allow(missing_docs, reason = "the manual's wire page, N2, says what they are")]
    pub const NAMES: u8 = 1;
    pub const CALL: u8 = 2;
    pub const NOTICE: u8 = 3;
    pub const CANCEL: u8 = 4;
    pub const FINISH: u8 = 5;
    pub const REPLY: u8 = 6;
    pub const FAULT: u8 = 7;
    pub const DONE: u8 = 8;
}

/// Kinds of frames on the control stream.
pub mod control {
    #![allow(missing_docs, reason = "the manual's wire page, N2, says what they are")]
    pub const HELLO: u8 = 1;
    pub const RELEASE: u8 = 2;
    pub const GONE: u8 = 3;
    pub const GO_AWAY: u8 = 8;
    pub const CLOSE: u8 = 9;
}

/// Numbers of faults.
pub mod fault {
    #![allow(missing_docs, reason = "the manual's wire page, N6, says what they are")]
    pub const DEADLINE: u16 = 2;
    pub const NO_SUCH_OBJECT: u16 = 4;
    pub const NO_SUCH_METHOD: u16 = 5;
    pub const BAD_BODY: u16 = 6;
    pub const GONE: u16 = 7;
    pub const PANICKED: u16 = 8;
    pub const OVERLOADED: u16 = 9;
    pub const DRAINING: u16 = 10;
}

/// What a fault says of its call.
pub mod ran {
    #![allow(missing_docs, reason = "they are words")]
    pub const NEVER: u8 = 0;
    pub const YES: u8 = 1;
}

/// Flags of a frame.
pub mod flag {
    #![allow(missing_docs, reason = "the manual's wire page, N2, says what they are")]
    pub const DEADLINE: u8 = 1;
    pub const PATH: u8 = 2;
    pub const REFS: u8 = 16;
}

/// What a reference is worth.
pub const UNITS: u64 = 1 << 40;

/// An entry of a reference table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the manual's wire page, N3, says what they are")]
pub struct Ref {
    pub kind: u8,
    pub hops: u8,
    pub id: u32,
    pub fingerprint: u64,
}

impl Ref {
    /// An object of the sender.
    pub fn export(id: u32) -> Ref {
        Ref { kind: 1, hops: 0, id, fingerprint: 0 }
    }

    /// An object of the receiver.
    pub fn home(id: u32) -> Ref {
        Ref { kind: 2, hops: 0, id, fingerprint: 0 }
    }
}

/// A frame of a lane. The fields that are flagged are written when they are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the manual's wire page, N2, says what they are")]
pub struct Frame {
    pub kind: u8,
    /// For a fault, what ran; else further flags than those that the fields below bring.
    pub flags: u8,
    pub method: u16,
    pub call: u32,
    pub object: u32,
    pub deadline_ms: Option<u32>,
    pub path: Option<(u8, Vec<u64>)>,
    pub refs: Vec<Ref>,
    pub body: Vec<u8>,
}

impl Frame {
    /// A frame that carries nothing but its head.
    pub fn bare(kind: u8, call: u32, object: u32) -> Frame {
        Frame { kind, call, object, ..Frame::default() }
    }

    /// A call with arguments.
    pub fn call(call: u32, object: u32, method: u16, arguments: &impl Serialize) -> Frame {
        Frame { method, body: pack(arguments), ..Frame::bare(kind::CALL, call, object) }
    }

    /// The same with another body.
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Frame {
        Frame { body: body.into(), ..self }
    }

    /// The same with a reference table.
    pub fn with_refs(self, refs: impl Into<Vec<Ref>>) -> Frame {
        Frame { refs: refs.into(), ..self }
    }

    /// As it goes over the wire, its length included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut flags = self.flags;
        let mut rest = Vec::new();
        if let Some(ms) = self.deadline_ms {
            flags |= flag::DEADLINE;
            rest.put_u32_le(ms);
        }
        if let Some((depth, tokens)) = &self.path {
            flags |= flag::PATH;
            rest.put_u8(tokens.len() as u8);
            rest.put_u8(*depth);
            tokens.iter().for_each(|token| rest.put_u64_le(*token));
        }
        if !self.refs.is_empty() {
            flags |= flag::REFS;
            rest.put_u16_le(self.refs.len() as u16);
            for r in &self.refs {
                rest.put_u8(r.kind);
                rest.put_u8(r.hops);
                rest.put_u16_le(0);
                rest.put_u32_le(r.id);
                rest.put_u64_le(r.fingerprint);
            }
        }
        rest.extend_from_slice(&self.body);
        raw_frame(self.kind, flags, self.method, self.call, self.object, &rest)
    }

    fn read(mut bytes: Bytes) -> Frame {
        let (kind, flags) = (bytes.get_u8(), bytes.get_u8());
        let (method, call, object) = (bytes.get_u16_le(), bytes.get_u32_le(), bytes.get_u32_le());
        let mut frame = Frame { kind, method, call, object, ..Frame::default() };
        if kind == kind::FAULT {
            frame.flags = flags;
        } else {
            if flags & flag::DEADLINE != 0 {
                frame.deadline_ms = Some(bytes.get_u32_le());
            }
            if flags & flag::PATH != 0 {
                let (tokens, depth) = (bytes.get_u8(), bytes.get_u8());
                frame.path = Some((depth, (0..tokens).map(|_| bytes.get_u64_le()).collect()));
            }
            if flags & flag::REFS != 0 {
                for _ in 0..bytes.get_u16_le() {
                    let (kind, hops) = (bytes.get_u8(), bytes.get_u8());
                    bytes.advance(2);
                    let (id, fingerprint) = (bytes.get_u32_le(), bytes.get_u64_le());
                    frame.refs.push(Ref { kind, hops, id, fingerprint });
                }
            }
        }
        frame.body = bytes.to_vec();
        frame
    }

    /// The body as a value.
    pub fn value<T: DeserializeOwned>(&self) -> T {
        rmp_serde::from_slice(&self.body).expect("the body is such a value")
    }

    /// The body as text, as that of a fault is.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// A frame of a lane from its head and the bytes after it.
pub fn raw_frame(kind: u8, flags: u8, method: u16, call: u32, object: u32, rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32_le(12 + rest.len() as u32);
    out.put_u8(kind);
    out.put_u8(flags);
    out.put_u16_le(method);
    out.put_u32_le(call);
    out.put_u32_le(object);
    out.put_slice(rest);
    out
}

/// A frame of the control stream from the bytes of its value.
pub fn raw_control(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32_le(1 + body.len() as u32);
    out.put_u8(kind);
    out.put_slice(body);
    out
}

/// A frame of the control stream.
pub fn control_frame(kind: u8, value: &impl Serialize) -> Vec<u8> {
    raw_control(kind, &pack(value))
}

/// `Release` of one entry.
pub fn release(id: u32, units: u64, gone: bool) -> Vec<u8> {
    control_frame(control::RELEASE, &([(id, units, gone)],))
}

/// A value as MessagePack.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).expect("it encodes")
}

/// A reference as it stands in a body: an index into the table.
pub fn reference(index: u16) -> Vec<u8> {
    let [low, high] = index.to_le_bytes();
    vec![0xd5, 1, low, high]
}

/// What a peer says first.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the manual's wire page, N2, says what they are")]
pub struct Hello {
    pub version: u16,
    pub object_permits: u32,
    pub connection_permits: u32,
    pub inline_max: u32,
    pub exports_max: u32,
    pub deadline_ms: u32,
    pub lanes: u8,
    pub boot: u64,
    pub body_max: u32,
}

impl Default for Hello {
    fn default() -> Hello {
        Hello {
            version: 1,
            object_permits: 4_160,
            connection_permits: 16_384,
            inline_max: 8_192,
            exports_max: 65_536,
            deadline_ms: 30_000,
            lanes: 1,
            boot: 7,
            body_max: 16 << 20,
        }
    }
}

impl Hello {
    /// As it goes over the wire, its length included.
    pub fn to_bytes(&self) -> Vec<u8> {
        control_frame(control::HELLO, self)
    }
}

/// A stream, written as bytes and read as frames.
#[derive(Debug)]
#[allow(missing_docs, reason = "they are its two halves")]
pub struct Stream {
    pub send: SendStream,
    pub recv: RecvStream,
    deframer: Deframer,
}

impl Stream {
    fn new((send, recv): (SendStream, RecvStream)) -> Stream {
        Stream { send, recv, deframer: Deframer::new(1 << 20) }
    }

    /// Sends bytes; what becomes of them is for the peer to say.
    pub async fn put(&mut self, bytes: impl Into<Bytes>) {
        let _ = self.send.send(bytes.into()).await;
    }

    /// The bytes of the next frame.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StreamError> {
        loop {
            if let Some(frame) = self.deframer.next().expect("the runtime sends whole frames") {
                return Ok(Some(frame));
            }
            match self.recv.next().await? {
                Some(chunk) => self.deframer.push(chunk),
                None => return Ok(None),
            }
        }
    }

    /// The next frame of a lane.
    pub async fn frame(&mut self) -> Frame {
        let bytes = self.next().await.expect("the link lives").expect("the lane goes on");
        Frame::read(bytes)
    }

    /// Sends a call and gives its answer, which must be the next frame.
    pub async fn ask(&mut self, call: &Frame) -> Frame {
        self.put(call.to_bytes()).await;
        let answer = self.frame().await;
        assert_eq!(answer.call, call.call, "{answer:?}");
        answer
    }
}

/// A hostile peer with a link; with streams once it has greeted.
#[derive(Debug)]
#[allow(missing_docs, reason = "they are what the manual's wire page, N1, names")]
pub struct Peer {
    pub link: Link,
    pub control: Stream,
    pub lane: Stream,
    _endpoint: Endpoint,
}

/// An endpoint of nobody in particular that lets everybody in.
fn nobody() -> (Identity, Trust) {
    (Identity::generate().expect("a key"), Trust::danger_anyone())
}

/// A link to a node, on which nothing was said yet. The endpoint must live as long.
pub async fn link(node: SocketAddr, config: &Config) -> (Endpoint, Link) {
    let (identity, trust) = nobody();
    let endpoint = Endpoint::dialer(&identity, &trust, config).expect("an endpoint");
    let link = endpoint.connect_addr(node).await.expect("the node lets it in");
    (endpoint, link)
}

/// A new stream of `link` whose first byte says what it is.
pub async fn stream(link: &Link, kind: u8) -> Stream {
    let mut stream = Stream::new(link.open().await.expect("the link lives"));
    stream.put(vec![kind]).await;
    stream
}

impl Peer {
    /// Dials a node and greets it as the protocol says.
    pub async fn dial(node: SocketAddr) -> Peer {
        Peer::dial_with(node, &Config::default(), Hello::default()).await
    }

    /// The same with settings and words of its own.
    pub async fn dial_with(node: SocketAddr, config: &Config, hello: Hello) -> Peer {
        let (endpoint, link) = link(node, config).await;
        Peer::greet(endpoint, link, hello).await
    }

    /// The same on a simulated network.
    pub async fn dial_on(network: &Network, node: SocketAddr, config: &Config) -> Peer {
        let (identity, trust) = nobody();
        let endpoint = Endpoint::dialer_on(network, network.machine(), &identity, &trust, config);
        let endpoint = endpoint.expect("an endpoint");
        let link = endpoint.connect_addr(node).await.expect("the node lets it in");
        Peer::greet(endpoint, link, Hello::default()).await
    }

    async fn greet(endpoint: Endpoint, link: Link, hello: Hello) -> Peer {
        let mut control = stream(&link, 0).await;
        control.put(hello.to_bytes()).await;
        let lane = stream(&link, 1).await;
        let greeting = control.next().await.expect("the link lives").expect("the node greets");
        assert_eq!(greeting[0], control::HELLO);
        Peer { link, control, lane, _endpoint: endpoint }
    }

    /// Opens the node's root service and gives its number.
    pub async fn root(&mut self) -> u32 {
        let answer = self.lane.ask(&Frame::call(u32::MAX, 0, 0, &[()])).await;
        assert_eq!(answer.kind, kind::REPLY, "{answer:?}");
        assert_eq!(answer.refs.len(), 1);
        answer.refs[0].id
    }

    /// Waits until the node has read all that was sent on control: it answers a `Gone` of what it does not know at once.
    pub async fn has_been_obeyed(&mut self) {
        self.control.put(control_frame(control::GONE, &(u32::MAX, ""))).await;
        loop {
            let frame = self.control.next().await.expect("the link lives").expect("control goes on");
            if frame[..] == release(u32::MAX, 0, true)[4..] {
                return;
            }
        }
    }

    /// Waits until the node has closed the link; its code and reason.
    pub async fn closed(&self) -> (u32, String) {
        closed(&self.link).await
    }
}

/// Waits until the other side has closed the link; its code and reason.
pub async fn closed(link: &Link) -> (u32, String) {
    match link.closed().await {
        LinkError::PeerClosed { code, reason } => (code, reason),
        other => panic!("the link ended otherwise: {other:?}"),
    }
}

/// A hostile peer that is dialed.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
}

impl Server {
    /// Listens on loopback.
    pub fn bind() -> Server {
        let (identity, trust) = nobody();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let endpoint = Endpoint::bind(any, &identity, &trust, &Config::default()).expect("an endpoint");
        Server { endpoint }
    }

    /// Where it is.
    pub fn target(&self) -> String {
        self.endpoint.local_addr().to_string()
    }

    /// The next link, on which nothing was said yet.
    pub async fn link(&self) -> Link {
        let incoming = self.endpoint.accept().await.expect("the endpoint is open");
        incoming.accept().await.expect("the handshake succeeds")
    }

    /// The control stream of the next link, with the dialer's hello read off it.
    pub async fn control(&self) -> (Link, Stream) {
        let link = self.link().await;
        let mut control = Stream::new(link.accept().await.expect("the node opens control"));
        let first = control.recv.next().await.expect("the link lives").expect("control begins");
        assert_eq!(first[0], 0, "the first stream is control");
        control.deframer.push(first.slice(1..));
        let greeting = control.next().await.expect("the link lives").expect("the node greets");
        assert_eq!(greeting[0], control::HELLO);
        (link, control)
    }

    /// The next peer, greeted as the protocol says.
    pub async fn accept(&self) -> Peer {
        let (link, mut control) = self.control().await;
        control.put(Hello { lanes: 0, ..Hello::default() }.to_bytes()).await;
        let mut lane = Stream::new(link.accept().await.expect("the node opens a lane"));
        let first = lane.recv.next().await.expect("the link lives").expect("the lane begins");
        assert_eq!(first[0], 1, "the second stream is a lane");
        lane.deframer.push(first.slice(1..));
        Peer { link, control, lane, _endpoint: self.endpoint.clone() }
    }
}
