//! What concerns the link below a connection: its settings, its keys, and the errors of its making.

pub use transport::{
    BindError, Config, Congestion, ConnectError, IdentityError, LinkError, ParseNodeIdError, TrustError,
};
