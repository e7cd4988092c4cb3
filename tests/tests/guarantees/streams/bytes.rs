//! Streams of plain bytes.

use duologue::prelude::*;
use duologue::{ByteWriter, StreamClosed};
use duologue_tests::nodes::{pair, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[service]
trait Store {
    async fn download(&self, name: &str, size: u64) -> Result<ByteStream, String>;
    async fn store(&self, data: ByteStream) -> Result<u64, CallError>;
    fn echo(&self, data: ByteStream) -> ByteStream;
    async fn write(&self, into: ByteWriter, text: String) -> bool;
    fn broken(&self) -> ByteStream;
}

struct Disk;

#[service]
impl Store for Disk {
    async fn download(&self, name: &str, size: u64) -> Result<ByteStream, String> {
        if name != "zeros" {
            return Err(format!("no {name}"));
        }
        Ok(ByteStream::new(tokio::io::repeat(7).take(size)))
    }

    async fn store(&self, mut data: ByteStream) -> Result<u64, CallError> {
        let mut sum = 0;
        while let Some(chunk) = data.next_chunk().await {
            sum += chunk?.len() as u64;
        }
        Ok(sum)
    }

    fn echo(&self, data: ByteStream) -> ByteStream {
        data
    }

    async fn write(&self, mut into: ByteWriter, text: String) -> bool {
        if into.write_all(text.as_bytes()).await.is_err() {
            return false;
        }
        into.shutdown().await.is_ok()
    }

    fn broken(&self) -> ByteStream {
        let (mut writer, stream) = ByteStream::channel();
        tokio::spawn(async move {
            writer.write_all(b"so far").await.unwrap();
            writer.fail("the disk is full");
        });
        stream
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    run(async {
        let pair = pair(|| Disk).await;
        let store: StoreProxy = pair.root().await;
        assert_eq!(store.download("a map", 1).await.unwrap_err(), CallError::App("no a map".into()));
        let mut read = Vec::new();
        store.download("zeros", 300_000).await.unwrap().read_to_end(&mut read).await.unwrap();
        assert_eq!(read, vec![7; 300_000]);
        assert_eq!(store.store(ByteStream::new(&b"some bytes"[..])).await.unwrap(), 10);
        assert_eq!(store.store(ByteStream::from(Bytes::new())).await.unwrap(), 0);
        let all: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut back = Vec::new();
        store.echo(all.clone().into()).await.unwrap().read_to_end(&mut back).await.unwrap();
        assert_eq!(back, all);
        drop(store);
        pair.at_rest().await;
    });
}

#[test]
fn a_writer_is_handed_over_and_a_part_that_was_read_is_not() {
    run(async {
        let pair = pair(|| Disk).await;
        let store: StoreProxy = pair.root().await;
        let (writer, mut stream) = ByteStream::channel();
        let mut text = String::new();
        let (written, read) =
            tokio::join!(store.write(writer, "from there".into()), stream.read_to_string(&mut text));
        assert!(written.unwrap());
        read.unwrap();
        assert_eq!(text, "from there");
        // What is left of a chunk that was read in part goes along.
        let mut rest = ByteStream::from(Bytes::from_static(b"head and tail"));
        rest.read_exact(&mut [0; 5]).await.unwrap();
        let mut text = String::new();
        store.echo(rest).await.unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "and tail");
        drop(store);
        pair.at_rest().await;
    });
}

#[test]
fn an_early_end_is_an_error_of_the_reader() {
    run(async {
        let pair = pair(|| Disk).await;
        let store: StoreProxy = pair.root().await;
        let mut read = Vec::new();
        let error = store.broken().await.unwrap().read_to_end(&mut read).await.unwrap_err();
        assert_eq!((&read[..], error.to_string().as_str()), (&b"so far"[..], "the disk is full"));
        let (mut writer, stream) = ByteStream::channel();
        let mut echo = store.echo(stream).await.unwrap();
        writer.send(Bytes::from_static(b"half")).await.unwrap();
        assert_eq!(echo.next_chunk().await.unwrap().unwrap(), "half");
        drop(writer);
        let error = echo.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
        drop(store);
        pair.at_rest().await;
    });
}

#[test]
fn dropping_the_reader_ends_the_writer() {
    run(async {
        let pair = pair(|| Disk).await;
        let store: StoreProxy = pair.root().await;
        let (mut writer, stream) = ByteStream::channel();
        let mut echo = store.echo(stream).await.unwrap();
        writer.send(Bytes::from_static(b"one")).await.unwrap();
        assert_eq!(echo.next_chunk().await.unwrap().unwrap(), "one");
        drop(echo);
        writer.closed().await;
        assert_eq!(writer.send(Bytes::new()).await, Err(StreamClosed));
        assert_eq!(writer.write_all(b"x").await.unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
        drop(store);
        pair.at_rest().await;
    });
}
