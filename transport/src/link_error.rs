//! [`LinkError`]: how a link ends, sorted by what the layers above can do about it, whatever QUIC calls it.

use quinn::ConnectionError;

/// The TLS alerts by which a peer says that it does not accept this node's certificate (RFC 8446 §6.2):
/// `bad_certificate` to `certificate_unknown`, `unknown_ca`, `access_denied`, `certificate_required`.
const UNTRUSTING_ALERTS: [u8; 8] = [42, 43, 44, 45, 46, 48, 49, 116];

/// `no_application_protocol` (RFC 7301 §3.2).
const NO_PROTOCOL_ALERT: u8 = 120;

/// `CONNECTION_REFUSED` (RFC 9000 §20.1).
const REFUSED_CODE: u64 = 0x02;

/// TLS alerts travel as these codes (RFC 9000 §20.1).
const ALERT_CODES: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;

/// Why a link has ended. It is not usable any more, and neither are its streams; whether the peer has read what was
/// sent last is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer closed it, with a code and a reason of its own.
    #[error("closed by the peer: code {code}, {reason:?}")]
    PeerClosed {
        /// The code; one that does not fit is `u32::MAX`.
        code: u32,
        /// The reason, for people. The peer wrote it: not to be trusted.
        reason: String,
    },
    /// This side closed it.
    #[error("closed by this side")]
    LocallyClosed,
    /// Nothing was heard from the peer for the idle timeout.
    #[error("nothing was heard from the peer for too long")]
    TimedOut,
    /// The peer does not know the link any more; most likely it was restarted.
    #[error("the peer does not know this link any more: was it restarted?")]
    Reset,
    /// The peer does not trust this node. With TLS 1.3 the accepting side's judgement arrives after the dialer's
    /// handshake is done, hence on the link; no byte of the application was read by the peer.
    #[error("the peer does not trust this node's identity (TLS alert {alert})")]
    Untrusting {
        /// The TLS alert it sent.
        alert: u8,
    },
    /// The peer speaks another protocol, or another version of it. No byte of the application was read by it.
    #[error("the peer does not speak this protocol")]
    WrongProtocol,
    /// The peer takes no further links: a limit of its is reached. No byte of the application was read by it.
    #[error("the peer refused the link")]
    Refused,
    /// The cryptographic handshake failed. No byte of the application was read by the peer.
    #[error("the handshake failed (TLS alert {alert}): {reason}")]
    Tls {
        /// The TLS alert, sent by either side.
        alert: u8,
        /// What TLS said.
        reason: String,
    },
    /// A rule of QUIC was broken, by either side.
    #[error("transport failed: {0}")]
    Transport(String),
}

impl LinkError {
    pub(crate) fn of(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::PeerClosed {
                code: u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
            },
            ConnectionError::ConnectionClosed(close) => {
                let reason = String::from_utf8_lossy(&close.reason);
                match (close.error_code.into(), alert_of(close.error_code.into())) {
                    (_, Some(alert)) if UNTRUSTING_ALERTS.contains(&alert) => Self::Untrusting { alert },
                    (_, Some(NO_PROTOCOL_ALERT)) => Self::WrongProtocol,
                    (_, Some(alert)) => Self::Tls { alert, reason: format!("the peer said {reason:?}") },
                    (REFUSED_CODE, _) => Self::Refused,
                    _ => Self::Transport(format!("ended by the peer: {}, {reason:?}", close.error_code)),
                }
            }
            ConnectionError::TransportError(error) => match alert_of(error.code.into()) {
                Some(NO_PROTOCOL_ALERT) => Self::WrongProtocol,
                Some(alert) => Self::Tls { alert, reason: error.reason },
                None => Self::Transport(error.to_string()),
            },
            ConnectionError::VersionMismatch => Self::WrongProtocol,
            ConnectionError::Reset => Self::Reset,
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::LocallyClosed,
            ConnectionError::CidsExhausted => Self::Transport("no connection ids are left".to_owned()),
        }
    }
}

fn alert_of(code: u64) -> Option<u8> {
    // The lowest byte of such a code is the alert.
    ALERT_CODES.contains(&code).then_some((code & 0xff) as u8)
}

/// A connection whose peer has no certificate: it ended before it was asked, for the verifiers demand one.
pub(crate) fn peer_unknown(connection: &quinn::Connection) -> LinkError {
    match connection.close_reason() {
        Some(error) => LinkError::of(error),
        None => {
            connection.close(quinn::VarInt::from_u32(0), b"no certificate");
            LinkError::Transport("the peer has no certificate".to_owned())
        }
    }
}
