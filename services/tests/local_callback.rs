//! A callback that is called in its own process, from outside of any node's threads. Alone in its binary: there is no node before it.

use std::thread::current;

use duologue::prelude::*;

/// How often it was called, and on which thread.
type Count = fn() -> (u32, Option<String>);

#[tokio::test]
async fn a_closure_that_is_called_before_there_is_a_node_lives_on_a_thread_of_the_process() {
    let mut calls = 0;
    let elsewhere: Callback<Count> = Callback::new(move || {
        calls += 1;
        (calls, current().name().map(str::to_owned))
    });
    let home = Some("duologue-home".to_owned());
    assert_eq!(elsewhere.call().await.unwrap(), (1, home.clone()));
    // No node's end takes it along.
    let node = Node::new().await.unwrap();
    assert_eq!(elsewhere.call().await.unwrap(), (2, home.clone()));
    node.shutdown().await;
    assert_eq!(elsewhere.call().await.unwrap(), (3, home));
}
