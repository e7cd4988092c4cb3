//! The trace that calls belong to: [`TraceContext`], carried from call to nested call.
//!
//! It is the W3C's trace context without its `tracestate`. Nothing here makes numbers up or collects anything: whoever traces sets one
//! with [`crate::Call::traced`], reads it with [`crate::Caller::trace`], and sends spans wherever they belong.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::wire::Trace;

/// Which trace a call belongs to, and which span made it.
///
/// A call carries one if [`Call::traced`](crate::Call::traced) gave it one; the calls made inside its handler carry the same, callbacks and
/// notices included. Its text is that of the header `traceparent`.
///
/// ```
/// use duologue_runtime::TraceContext;
///
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context: TraceContext = text.parse()?;
/// assert_eq!((context.parent, context.flags), (0x00f0_67aa_0ba9_02b7, 1));
/// assert_eq!(context.to_string(), text);
/// # Ok::<(), duologue_runtime::ParseTraceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The number of the whole trace.
    pub trace: u128,
    /// The number of the span that made the call.
    pub parent: u64,
    /// As in `traceparent`: bit 0 says that the trace is sampled.
    pub flags: u8,
}

impl TraceContext {
    pub(crate) fn to_wire(self) -> Trace {
        let mut bytes = [0; Trace::LEN];
        bytes[..16].copy_from_slice(&self.trace.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.parent.to_be_bytes());
        bytes[24] = self.flags;
        Trace(bytes)
    }

    pub(crate) fn from_wire(Trace(bytes): Trace) -> TraceContext {
        let number = |part: &[u8]| part.iter().fold(0, |n: u128, byte| n << 8 | u128::from(*byte));
        TraceContext { trace: number(&bytes[..16]), parent: number(&bytes[16..24]) as u64, flags: bytes[24] }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.parent, self.flags)
    }
}

/// A text that is no `traceparent`. Concerns no call and no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
#[non_exhaustive]
pub struct ParseTraceError;

impl FromStr for TraceContext {
    type Err = ParseTraceError;

    fn from_str(text: &str) -> Result<TraceContext, ParseTraceError> {
        fn hex(part: Option<&str>, digits: usize) -> Result<u128, ParseTraceError> {
            let part = part.filter(|p| p.len() == digits && p.bytes().all(|b| b.is_ascii_hexdigit()));
            u128::from_str_radix(part.ok_or(ParseTraceError)?, 16).map_err(|_| ParseTraceError)
        }
        let mut parts = text.split('-');
        if parts.next() != Some("00") {
            return Err(ParseTraceError);
        }
        let (trace, parent) = (hex(parts.next(), 32)?, hex(parts.next(), 16)? as u64);
        let flags = hex(parts.next(), 2)? as u8;
        if parts.next().is_some() { Err(ParseTraceError) } else { Ok(TraceContext { trace, parent, flags }) }
    }
}

/// The trace of a call that is being handled, and the span of its handler.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) context: TraceContext,
    span: OnceLock<tracing::Span>,
}

impl Traced {
    pub(crate) fn new(context: TraceContext) -> Box<Traced> {
        Box::new(Traced { context, span: OnceLock::new() })
    }

    /// The handler begins: a span of its own, with the numbers of the trace.
    pub(crate) fn begin(&self, method: impl FnOnce() -> String) {
        self.span.get_or_init(|| {
            if !tracing::enabled!(tracing::Level::INFO) {
                return tracing::Span::none();
            }
            let TraceContext { trace, parent, .. } = self.context;
            let (trace, parent) = (format!("{trace:032x}"), format!("{parent:016x}"));
            tracing::info_span!("call", method = %method(), trace, parent)
        });
    }

    pub(crate) fn enter(&self) -> Option<tracing::span::Entered<'_>> {
        self.span.get().map(tracing::Span::enter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_the_wire_and_its_text() {
        let context = TraceContext { trace: 0x0102 << 100 | 7, parent: u64::MAX - 1, flags: 3 };
        assert_eq!(TraceContext::from_wire(context.to_wire()), context);
        assert_eq!(context.to_string().parse(), Ok(context));
        assert_eq!(context.to_wire().0[15..], [7, 255, 255, 255, 255, 255, 255, 255, 254, 3]);
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let bad = [&good[1..], &good[..52], "", "00", &good.replace("4bf", "+bf"), &format!("{good}-00")];
        assert!(good.parse::<TraceContext>().is_ok());
        for text in bad {
            assert_eq!(text.parse::<TraceContext>(), Err(ParseTraceError), "{text}");
        }
    }
}
