//! Streams of a link: what goes through, how they end, how many there may be.

use super::*;

#[tokio::test]
async fn a_mebibyte_goes_through_a_stream_and_back() {
    let (dialed, accepted, _endpoints) = any_link(&Config::default()).await;
    let sent: Bytes = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    let echo = async {
        let (mut send, mut recv) = accepted.accept().await.unwrap();
        while let Some(bytes) = recv.next().await.unwrap() {
            send.send(bytes).await.unwrap();
        }
        send.finish().unwrap();
        send.id()
    };
    let ask = async {
        let (mut send, mut recv) = dialed.open().await.unwrap();
        let (_, received) = tokio::join!(
            async {
                send.send(sent.clone()).await.unwrap();
                send.finish().unwrap();
                assert_eq!(send.finish(), Err(StreamError::Closed));
                assert_eq!(send.send(Bytes::from_static(b"x")).await, Err(StreamError::Closed));
            },
            read_all(&mut recv)
        );
        assert!(received.unwrap() == sent);
        assert_eq!(recv.next().await.unwrap(), None);
        recv.id()
    };
    let (there, here) = tokio::join!(echo, ask);
    assert_eq!(there, here);
    let stats = dialed.stats();
    assert!(stats.sent_bytes > 1 << 20 && stats.received_bytes > 1 << 20, "{stats:?}");
    assert!(stats.sent_datagrams > 0 && stats.congestion_window > 0 && stats.rtt > Duration::ZERO);
    assert_eq!(stats.open_streams, 0);
}

#[tokio::test]
async fn what_has_arrived_can_be_taken_at_once() {
    let (dialed, accepted, _endpoints) = any_link(&Config::default()).await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let send = async {
        let (mut send, recv) = dialed.open().await.unwrap();
        send.send(Bytes::from(sent.clone())).await.unwrap();
        send.finish().unwrap();
        recv
    };
    let receive = async {
        let (_send, mut recv) = accepted.accept().await.unwrap();
        let (mut got, mut most) = (Vec::new(), 0);
        let mut chunks = [const { Bytes::new() }; 4];
        while let Some(filled) = recv.next_chunks(&mut chunks).await.unwrap() {
            chunks[..filled].iter().for_each(|chunk| got.extend_from_slice(chunk));
            most = most.max(filled);
        }
        assert_eq!(recv.next_chunks(&mut chunks).await, Ok(None), "and stays at its end");
        (got, most)
    };
    let (_recv, (got, most)) = tokio::join!(send, receive);
    assert!(got == sent);
    assert!((2..=4).contains(&most), "{most} at once");
    let (mut send, _recv) = dialed.open().await.unwrap();
    send.send(Bytes::from_static(b"x")).await.unwrap();
    let (_send, mut recv) = accepted.accept().await.unwrap();
    recv.stop(1);
    assert_eq!(recv.next_chunks(&mut [Bytes::new()]).await, Err(StreamError::Closed));
}

#[tokio::test]
async fn a_stream_can_be_reset_and_stopped() {
    let (dialed, accepted, _endpoints) = any_link(&Config::default()).await;
    let (mut send, mut recv) = dialed.open().await.unwrap();
    send.send(Bytes::from_static(b"x")).await.unwrap();
    let (mut there, mut here) = accepted.accept().await.unwrap();
    assert_eq!(here.next().await.unwrap().unwrap(), "x");
    send.reset(5);
    assert_eq!(here.next().await, Err(StreamError::Reset(5)));
    recv.stop(6);
    let stopped = loop {
        if let Err(error) = there.send(Bytes::from_static(b"y")).await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(stopped, StreamError::Stopped(6));
    assert_eq!(recv.next().await, Err(StreamError::Closed));
}

#[tokio::test]
async fn a_link_grows_to_500_streams_and_no_further_than_allowed() {
    let mut config = Config::default();
    config.streams_max = 500;
    let (dialed, accepted, _endpoints) = any_link(&config).await;
    let open = async {
        let mut streams = Vec::new();
        for _ in 0..500 {
            let (mut send, recv) = dialed.open().await.unwrap();
            send.send(Bytes::from_static(b"x")).await.unwrap();
            streams.push((send, recv));
        }
        streams
    };
    let accept = async {
        let mut streams = Vec::new();
        for _ in 0..500 {
            streams.push(accepted.accept().await.unwrap());
        }
        streams
    };
    let (opened, accepted_streams) = tokio::join!(open, accept);
    assert_eq!((opened.len(), dialed.stats().open_streams, accepted.stats().open_streams), (500, 500, 500));
    let more = tokio::time::timeout(Duration::from_millis(50), dialed.open()).await;
    assert!(more.is_err(), "the peer allows no more");
    drop((opened, accepted_streams));
    dialed.open().await.unwrap();
    assert_eq!(dialed.stats().open_streams, 0);
}

#[tokio::test]
async fn one_way_streams_arrive_in_one_direction_and_grow_from_a_few_to_as_many_as_allowed() {
    let mut config = Config::default();
    config.one_way_start = 2;
    config.streams_max = 64;
    let (dialed, accepted, _endpoints) = any_link(&config).await;
    let open = async {
        let mut streams = Vec::new();
        for n in 0..64 {
            let mut send = dialed.open_one_way().await.unwrap();
            send.send(Bytes::from(vec![n])).await.unwrap();
            streams.push(send);
        }
        streams
    };
    let accept = async {
        let mut streams = Vec::new();
        for _ in 0..64 {
            streams.push(accepted.accept_one_way().await.unwrap());
        }
        streams
    };
    let (mut opened, mut incoming) = tokio::join!(open, accept);
    assert_eq!((dialed.stats().open_streams, accepted.stats().open_streams), (64, 64));
    let more = tokio::time::timeout(Duration::from_millis(50), dialed.open_one_way()).await;
    assert!(more.is_err(), "the peer allows no more");
    opened.iter_mut().for_each(|send| send.finish().unwrap());
    let mut received = Vec::new();
    for recv in &mut incoming {
        received.extend(read_all(recv).await.unwrap());
    }
    received.sort_unstable();
    assert_eq!(received, (0..64).collect::<Vec<u8>>());
    drop(incoming);
    dialed.open_one_way().await.unwrap();
}
