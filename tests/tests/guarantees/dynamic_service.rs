//! A service that goes by name, and what it hears: notices, and calls of methods that its description tells in parts.

use duologue::prelude::*;
use duologue::{Descriptor, DynError, DynService, Method, Value, args};
use duologue_tests::nodes::{pair_of, run, small};

/// Notes what it hears.
struct Ear(tokio::sync::mpsc::UnboundedSender<String>);

impl DynService for Ear {
    async fn call(&self, method: &str, args: Vec<Value>, _: &Caller) -> Result<Value, DynError> {
        let _ = self.0.send(format!("{method}{}", Value::from(args)));
        Ok(Value::Nil)
    }
}

#[test]
fn a_notice_by_name_is_heard_and_its_permit_comes_back() {
    run(async {
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let interface = Descriptor::new("Ear").with_method(Method::new("hear").with_param("n", "u64"));
        let server = small().serve_dynamic(interface.clone(), move || Ear(tell.clone()));
        let pair = pair_of(server, small()).await;
        let ear = pair.connection.dynamic_root().await.unwrap();
        for n in 0..10 {
            ear.call("hear", args![n]).notify().await.unwrap();
        }
        for n in 0..10 {
            assert_eq!(heard.recv().await.unwrap(), format!("hear[{n}]"));
        }
        let error = ear.call("see", args![]).notify().await.unwrap_err();
        assert_eq!(error, CallError::NoSuchMethod("Ear::see".into()));
        drop(ear);
        pair.at_rest().await;
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let here = pair.client.host_dynamic(interface, move || Ear(tell));
        here.call("hear", args![1]).notify().await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), "hear[1]", "within the process too");
    });
}

#[test]
fn an_interface_larger_than_a_frame_is_described_in_parts() {
    run(async {
        let mut interface = Descriptor::new("Wide").with_doc("Has a lot to say.");
        for n in 0..500 {
            let doc = format!("Does the {n}th thing, which is {}.", "very ".repeat(n % 40));
            interface = interface.with_method(Method::new(format!("do_{n}")).with_doc(doc));
        }
        let (tell, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let server = small().serve_dynamic(interface.clone(), move || Ear(tell.clone()));
        let pair = pair_of(server, small()).await;
        let wide = pair.connection.dynamic_root().await.unwrap();
        assert_eq!(wide.describe().await.unwrap(), interface);
        wide.call("do_499", args![]).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), "do_499[]");
    });
}
