//! The trace that a call belongs to goes with it through nested calls, callbacks and notices.

use duologue::TraceContext;
use duologue::prelude::*;
use duologue_tests::events::events;
use duologue_tests::nodes::{pair, run};

#[service]
trait Hop {
    fn here(&self) -> Option<String>;
    async fn on(&self, next: Callback<fn() -> Option<String>>) -> Result<Vec<Option<String>>, CallError>;
    async fn tell(&self, to: Callback<fn()>) -> Result<(), CallError>;
}

struct Desk;

fn trace() -> Option<String> {
    Caller::current().trace().map(|trace| trace.to_string())
}

#[service]
impl Hop for Desk {
    fn here(&self) -> Option<String> {
        trace()
    }

    async fn on(&self, next: Callback<fn() -> Option<String>>) -> Result<Vec<Option<String>>, CallError> {
        let before = trace();
        tokio::task::yield_now().await;
        Ok(vec![before, next.call().await?, trace()])
    }

    async fn tell(&self, to: Callback<fn()>) -> Result<(), CallError> {
        to.call().notify().await
    }
}

const TRACE: TraceContext =
    TraceContext { trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, parent: 7, flags: 1 };
const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01";

#[test]
fn a_call_carries_its_trace_and_no_other() {
    run(async {
        let pair = pair(|| Desk).await;
        let local: HopProxy = pair.client.host(|| Desk);
        for hop in [pair.root::<HopProxy>().await, local] {
            assert_eq!(hop.here().await, Ok(None));
            assert_eq!(hop.here().traced(TRACE).await, Ok(Some(TEXT.into())));
            assert_eq!(hop.here().await, Ok(None));
        }
    });
}

#[test]
fn nested_calls_callbacks_and_notices_inherit_the_trace() {
    run(async {
        let pair = pair(|| Desk).await;
        let hop: HopProxy = pair.root().await;
        let again = hop.clone();
        let other = TraceContext { parent: 8, ..TRACE };
        let next = Callback::new_async(async move || {
            assert_eq!(again.here().await, Ok(Some(TEXT.into())), "of a call that is made inside");
            assert_eq!(again.here().traced(other).await, Ok(Some(other.to_string())), "it may have its own");
            trace()
        });
        assert_eq!(hop.on(next.clone()).traced(TRACE).await, Ok(vec![Some(TEXT.into()); 3]));
        let (tell, mut heard) = events();
        let to = Callback::new(move || tell.tell(trace()));
        hop.tell(to).traced(TRACE).await.unwrap();
        assert_eq!(heard.next().await, Some(TEXT.into()));
    });
}
