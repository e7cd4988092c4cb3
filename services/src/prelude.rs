//! What a program with services needs: `use duologue::prelude::*;`.

pub use crate::{
    ByteStream, Bytes, Call, CallError, Callback, Caller, Connection, Identity, Node, NodeId, ProxyExt as _,
    StreamError, Streaming, Trust, service,
};

#[doc(no_inline)]
pub use crate::__private::{
    Call0 as _, Call1 as _, Call2 as _, Call3 as _, Call4 as _, Call5 as _, Call6 as _, Call7 as _,
    Call8 as _,
};
