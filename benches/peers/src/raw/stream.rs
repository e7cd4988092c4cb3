//! What the hand-written programs need of a stream, so that QUIC, TCP and TLS share all that is above it.

use std::future::Future;

use bytes::{Bytes, BytesMut};
use quinn::{RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::Fault;

/// Room for what one read may bring: it grows as long as reads fill it, so that idle connections stay small.
const READ_MIN: usize = 4 * 1024;
const READ_MAX: usize = 256 * 1024;

/// Where bytes go.
pub(crate) trait Sink: Send + 'static {
    fn write(&mut self, bytes: Bytes) -> impl Future<Output = Result<(), Fault>> + Send;
    fn finish(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Where bytes come from, in pieces of whatever size they arrive in.
pub(crate) trait Source: Send + 'static {
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, Fault>> + Send;
}

impl Sink for SendStream {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        Ok(self.write_chunk(bytes).await?)
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        // An error here says the stream is finished already, which is what was wanted.
        let _ = SendStream::finish(self);
        Ok(())
    }
}

impl Source for RecvStream {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        Ok(self.read_chunk(usize::MAX, true).await?.map(|chunk| chunk.bytes))
    }
}

/// The writing half of a stream of bytes. What it is given at once leaves at once.
#[derive(Debug)]
pub(crate) struct Writer<W>(pub(crate) W);

impl<W: AsyncWrite + Send + Unpin + 'static> Sink for Writer<W> {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        self.0.write_all(&bytes).await?;
        Ok(self.0.flush().await?)
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        Ok(self.0.shutdown().await?)
    }
}

/// The reading half of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    half: R,
    buffer: BytesMut,
    room: usize,
}

impl<R> Reader<R> {
    pub(crate) fn new(half: R) -> Self {
        Self { half, buffer: BytesMut::new(), room: READ_MIN }
    }
}

impl<R: AsyncRead + Send + Unpin + 'static> Source for Reader<R> {
    async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        if self.buffer.capacity() < self.room / 4 {
            self.buffer.reserve(self.room);
        }
        let read = self.half.read_buf(&mut self.buffer).await?;
        if self.buffer.len() == self.buffer.capacity() {
            self.room = (2 * self.room).min(READ_MAX);
        }
        Ok((read > 0).then(|| self.buffer.split().freeze()))
    }
}
