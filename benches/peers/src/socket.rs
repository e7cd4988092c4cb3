//! The UDP sockets of those who bring their own QUIC library, with the buffers that Duologue's have.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

use socket2::SockRef;

/// Bytes; Linux may give less, and a system that refuses them ends the comparison. With Linux's usual 200 KiB quinn loses packets of its own bulk.
const BUFFER: usize = 4 << 20;

/// A socket on a free port of loopback.
pub(crate) fn udp() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let buffers = SockRef::from(&socket);
    buffers.set_recv_buffer_size(BUFFER)?;
    buffers.set_send_buffer_size(BUFFER)?;
    Ok(socket)
}
