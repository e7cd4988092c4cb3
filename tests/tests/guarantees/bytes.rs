//! Bytes travel as bytes. Those that do not ride in a frame are the business of `bodies`.

use duologue::prelude::*;
use duologue::{Blob, Ran};
use duologue_tests::nodes::{pair, run};
use serde::{Deserialize, Serialize};

#[service]
trait Post {
    fn bytes(&self, bytes: Bytes) -> Bytes;
    fn vec(&self, bytes: Vec<u8>) -> Vec<u8>;
    fn parcel(&self, parcel: Parcel) -> Parcel;
    fn make(&self, size: u32) -> Bytes;
    fn slices(&self, text: &str, numbers: &[u32], pair: &(u8, String)) -> String;
    fn refused(&self, text: String) -> Result<(), String>;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    #[serde(with = "duologue::bytes")]
    bytes: Bytes,
    #[serde(with = "duologue::bytes")]
    vec: Vec<u8>,
    blobs: Vec<Blob>,
}

struct Office;

#[service]
impl Post for Office {
    fn bytes(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    fn vec(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    fn parcel(&self, parcel: Parcel) -> Parcel {
        parcel
    }

    fn make(&self, size: u32) -> Bytes {
        vec![7; size as usize].into()
    }

    fn slices(&self, text: &str, numbers: &[u32], pair: &(u8, String)) -> String {
        format!("{text} {numbers:?} {pair:?}")
    }

    fn refused(&self, text: String) -> Result<(), String> {
        Err(text)
    }
}

fn all_bytes(size: usize) -> Vec<u8> {
    (0..=255).cycle().take(size).collect()
}

#[test]
fn bytes_arrive_as_they_were_sent() {
    run(async {
        let pair = pair(|| Office).await;
        let post: PostProxy = pair.root().await;
        for size in [0, 1, 255, 256, 8_000] {
            let bytes = all_bytes(size);
            assert_eq!(post.bytes(bytes.clone().into()).await.unwrap(), bytes);
            assert_eq!(post.vec(bytes.clone()).await.unwrap(), bytes);
        }
        let parcel = Parcel {
            bytes: all_bytes(1_000).into(),
            vec: all_bytes(2_000),
            blobs: vec![Blob(all_bytes(300).into()), Blob(Bytes::new())],
        };
        assert_eq!(post.parcel(parcel.clone()).await.unwrap(), parcel);
    });
}

#[test]
fn borrowed_arguments_are_sent_as_they_are_and_owned_by_the_callee() {
    run(async {
        let pair = pair(|| Office).await;
        let post: PostProxy = pair.root().await;
        let local: PostProxy = pair.client.host(|| Office);
        for post in [post, local] {
            let (text, numbers, both) = (String::from("a"), vec![1, 2], (3, "b".to_owned()));
            assert_eq!(post.slices(&text, &numbers, &both).await.unwrap(), "a [1, 2] (3, \"b\")");
        }
    });
}

#[test]
fn a_call_within_the_process_has_no_frame_and_no_bound() {
    run(async {
        let pair = pair(|| Office).await;
        let local: PostProxy = pair.client.host(|| Office);
        assert_eq!(local.vec(all_bytes(17 << 20)).await.unwrap().len(), 17 << 20);
    });
}

#[test]
fn the_error_of_the_application_arrives_as_what_it_is() {
    run(async {
        let pair = pair(|| Office).await;
        let post: PostProxy = pair.root().await;
        let error = post.refused("no stamp".into()).await.unwrap_err();
        assert_eq!(error, CallError::App("no stamp".to_owned()));
        assert_eq!(error.ran(), Ran::Yes);
    });
}
