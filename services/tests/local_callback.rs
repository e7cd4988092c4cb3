//! A callback that is called in its own process, from outside of any node's threads. Alone in its binary: the closure is
//! started on some node of the process, and here there is one.

use duologue::prelude::*;

#[tokio::test]
async fn a_local_call_starts_the_closure_on_a_thread_of_the_node() {
    let here = std::thread::current().id();
    let elsewhere: Callback<fn() -> bool> = Callback::new(move || std::thread::current().id() != here);
    let too_early = elsewhere.call().await.unwrap_err();
    assert!(too_early.never_ran(), "no node, no thread: {too_early}");
    let _node = Node::new().await.unwrap();
    assert!(elsewhere.call().await.unwrap());
}
