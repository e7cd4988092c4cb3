//! `#[service(stay)]`: its proxies are called, kept and given back, and never handed to a third node.

use duologue::prelude::*;
use duologue::{DynProxy, Restriction, StreamError};
use duologue_tests::nodes::{begin, dial, is_at_rest, listen, run, settles, small};

const REFUSED: &str = "its service says `stay`: its proxies are not handed on to a third node";

#[service(stay)]
trait Seal {
    fn press(&self) -> u32;
    fn twin(&self) -> SealProxy;
    fn is_here(&self, seal: SealProxy) -> bool;
}

struct Wax;

#[service]
impl Seal for Wax {
    fn press(&self) -> u32 {
        7
    }

    fn twin(&self) -> SealProxy {
        SealProxy::local(Wax)
    }

    fn is_here(&self, seal: SealProxy) -> bool {
        seal.revoke()
    }
}

/// Takes and gives what it is handed, as what it is or as anything.
#[service]
trait Table {
    fn put(&mut self, seal: SealProxy);
    fn put_any(&mut self, thing: DynProxy);
    fn pass(&mut self, seals: Streaming<SealProxy>) -> Streaming<SealProxy>;
    fn seal(&self) -> SealProxy;
}

struct Oak(SealProxy);

#[service]
impl Table for Oak {
    fn put(&mut self, seal: SealProxy) {
        self.0 = seal;
    }

    fn put_any(&mut self, _: DynProxy) {}

    fn pass(&mut self, seals: Streaming<SealProxy>) -> Streaming<SealProxy> {
        seals
    }

    fn seal(&self) -> SealProxy {
        self.0.clone()
    }
}

#[test]
fn what_stays_is_not_handed_on_whole_or_restricted_typed_or_not() {
    run(async {
        let a = listen(small().serve(|| Wax)).await;
        let b = listen(small()).await;
        let inner = dial(&b, &a).await;
        let seal: SealProxy = inner.root().await.unwrap();
        let kept = seal.clone();
        let c = listen(small().serve(move || Oak(kept.clone()))).await;
        let outer = dial(&b, &c).await;
        let table: TableProxy = outer.root().await.unwrap();
        let refused = || CallError::NotSent(REFUSED.to_owned());
        let twice = seal.restrict(Restriction::all()).restrict(["press"]);
        for held in [seal.clone(), seal.twin().await.unwrap(), seal.restrict(["press"]), twice] {
            assert_eq!(held.press().await, Ok(7));
            assert_eq!(table.put(held.clone()).await, Err(refused()));
            assert_eq!(table.put_any(held.clone().into()).await, Err(refused()));
            assert_eq!(table.put(held).notify().await, Err(refused()));
        }
        let outcome = begin(&mut table.put(seal.clone())).await;
        assert!(outcome.is_ready(), "nothing was sent");
        // In a stream it ends that stream.
        let mut passed = table.pass(Streaming::from_iter([seal.clone()])).await.unwrap();
        let Some(Err(StreamError::BadItem(why))) = passed.next().await else { panic!("it went on") };
        assert!(why.contains(REFUSED), "{why}");
        // In a result the method has run.
        let far = small().start().await.unwrap();
        let table_afar: TableProxy = dial(&far, &c).await.root().await.unwrap();
        assert_eq!(table_afar.seal().await, Err(CallError::BadReply(REFUSED.to_owned())));
        let promised = table_afar.seal().pipelined();
        let broken = promised.press().await.unwrap_err();
        assert!(matches!(&broken, CallError::BrokenPromise(why) if why.ends_with(REFUSED)), "{broken:?}");
        drop(promised);
        drop((passed, table, table_afar));
        settles(&far, is_at_rest).await;
    });
}

/// The trait before it said `stay`.
mod older {
    use duologue::prelude::*;

    #[service]
    pub(super) trait Seal {
        fn press(&self) -> u32;
    }
}

#[test]
fn a_node_whose_trait_does_not_say_it_yet_hands_nothing_on_either() {
    run(async {
        let a = listen(small().serve(|| Wax)).await;
        let b = listen(small()).await;
        let seal: older::SealProxy = dial(&b, &a).await.root().await.unwrap();
        let any: SealProxy = a.host(|| Wax);
        let c = listen(small().serve(move || Oak(any.clone()))).await;
        let table: TableProxy = dial(&b, &c).await.root().await.unwrap();
        let twice = seal.restrict(["press"]).restrict(["press"]);
        for held in [seal.clone(), seal.restrict(["press"]), twice] {
            assert_eq!(held.press().await, Ok(7));
            assert_eq!(table.put_any(held.into()).await, Err(CallError::NotSent(REFUSED.to_owned())));
        }
    });
}

#[test]
fn what_stays_is_handed_out_by_its_own_node_and_given_back_to_it() {
    run(async {
        let a = listen(small().serve(|| Wax)).await;
        let b = listen(small()).await;
        let seal: SealProxy = dial(&b, &a).await.root().await.unwrap();
        let twin = seal.twin().await.unwrap();
        assert_eq!(seal.is_here(twin.restrict(["press"])).await, Ok(false), "a restricted one is b's");
        assert_eq!(seal.is_here(twin).await, Ok(true));
        let own: SealProxy = b.host(|| Wax);
        assert_eq!(seal.is_here(own).await, Ok(false), "it went out, and is another's there");
    });
}
