//! actix actors are reached from another node, by their own messages.

use actix::prelude::*;
use duologue::prelude::*;
use duologue::{OpenError, RemoteRecipient};
use duologue_tests::events::{Heard, Tell, events};
use duologue_tests::nodes::{PATIENCE, Pair, begin, dial, listen, run, small};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, Message)]
#[rtype(result = "u64")]
struct Add(u64);

/// A message that carries a recipient.
#[derive(Serialize, Deserialize, Message)]
#[rtype(result = "Result<u64, String>")]
struct Report {
    to: RemoteRecipient<Add>,
    times: u64,
}

#[derive(Serialize, Deserialize, Message)]
#[rtype(result = "()")]
struct Halt;

#[derive(Serialize, Deserialize, Message)]
#[rtype(result = "()")]
struct Hang;

struct Counter {
    total: u64,
    tell: Tell<String>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Add> for Counter {
    type Result = u64;

    fn handle(&mut self, Add(n): Add, _: &mut Context<Self>) -> u64 {
        self.total += n;
        self.tell.tell(format!("add {n}"));
        self.total
    }
}

impl Handler<Report> for Counter {
    type Result = ResponseFuture<Result<u64, String>>;

    fn handle(&mut self, Report { to, times }: Report, _: &mut Context<Self>) -> Self::Result {
        Box::pin(async move {
            let mut last = 0;
            for _ in 0..times {
                last = to.send(Add(1)).await.map_err(|e| e.to_string())?;
            }
            Ok(last)
        })
    }
}

impl Handler<Halt> for Counter {
    type Result = ();

    fn handle(&mut self, _: Halt, context: &mut Context<Self>) {
        context.stop();
    }
}

impl Handler<Hang> for Counter {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Hang, _: &mut Context<Self>) -> Self::Result {
        let tell = self.tell.clone();
        Box::pin(async move {
            tell.tell("hangs".to_owned());
            let _stopped = tell.on_drop("stopped".to_owned());
            std::future::pending::<()>().await;
        })
    }
}

/// An actor on an arbiter of its own, as a program that knows nothing of nodes has one.
fn counter() -> (Addr<Counter>, Heard<String>) {
    let (tell, heard) = events();
    let arbiter = Arbiter::new();
    (Counter::start_in_arbiter(&arbiter.handle(), |_| Counter { total: 0, tell }), heard)
}

async fn served() -> (Pair, Addr<Counter>, Heard<String>) {
    let (counter, heard) = counter();
    let (add, report, halt, hang) = (counter.clone(), counter.clone(), counter.clone(), counter.clone());
    let builder = small()
        .service("add", move || add.clone().recipient::<Add>())
        .service("report", move || report.clone().recipient::<Report>())
        .service("halt", move || halt.clone().recipient::<Halt>())
        .service("hang", move || hang.clone().recipient::<Hang>());
    let server = listen(builder).await;
    let client = small().start().await.unwrap();
    let connection = dial(&client, &server).await;
    (Pair { server, client, connection }, counter, heard)
}

/// Within an actix system, as users of actors have one.
fn within_actix(test: impl Future<Output = ()>) {
    System::new().block_on(async {
        tokio::time::timeout(PATIENCE, test).await.expect("the test ends within its time");
    });
}

#[test]
fn messages_reach_an_actor_of_another_node_in_order() {
    within_actix(async {
        let (pair, counter, mut heard) = served().await;
        let remote: RemoteRecipient<Add> = pair.connection.service("add").await.unwrap();
        assert_eq!(remote.send(Add(1)).await, Ok(1));
        for n in 2..50 {
            remote.do_send(Add(n));
        }
        assert_eq!(remote.try_send(Add(50)), Ok(()));
        assert_eq!(remote.send(Add(51)).await, Ok((1..=51).sum()));
        for n in 1..=51 {
            assert_eq!(heard.next().await, format!("add {n}"));
        }
        assert_eq!(counter.send(Add(0)).await, Ok((1..=51).sum()), "and here as before");
    });
}

#[test]
fn a_recipient_travels_in_messages_and_comes_home() {
    within_actix(async {
        let (pair, _, _) = served().await;
        let report: RemoteRecipient<Report> = pair.connection.service("report").await.unwrap();
        let (own, mut heard) = counter();
        let to = RemoteRecipient::<Add>::from(own);
        assert_eq!(report.send(Report { to: to.clone(), times: 3 }).await, Ok(Ok(3)));
        assert_eq!(heard.take(3).await, ["add 1"; 3]);
        // The server's own goes home: no message of it comes here.
        let theirs: RemoteRecipient<Add> = pair.connection.service("add").await.unwrap();
        assert_eq!(report.send(Report { to: theirs.clone(), times: 2 }).await, Ok(Ok(2)));
        assert_ne!(theirs, to);
        drop((report, to, theirs));
        pair.at_rest().await;
    });
}

#[test]
fn a_real_recipient_of_actix_stands_for_a_remote_one() {
    within_actix(async {
        let (pair, _, mut heard) = served().await;
        let remote: RemoteRecipient<Add> = pair.connection.service("add").await.unwrap();
        let local: Recipient<Add> = remote.recipient();
        assert_eq!(local.send(Add(5)).await, Ok(5));
        local.do_send(Add(6));
        assert_eq!(local.send(Add(7)).await, Ok(18));
        assert_eq!(heard.take(3).await, ["add 5", "add 6", "add 7"]);
        // Whoever gives up waiting cancels at the other node.
        let hang: RemoteRecipient<Hang> = pair.connection.service("hang").await.unwrap();
        let mut request = Box::pin(hang.recipient().send(Hang));
        assert!(begin(&mut request).await.is_pending());
        assert_eq!(heard.next().await, "hangs");
        drop(request);
        pair.running(0).await;
        pair.connection.close().await;
        assert_eq!(local.send(Add(1)).await, Err(MailboxError::Closed), "the reason is lost there");
    });
}

#[test]
fn an_actor_that_has_stopped_is_gone() {
    within_actix(async {
        let (pair, counter, _) = served().await;
        let halt: RemoteRecipient<Halt> = pair.connection.service("halt").await.unwrap();
        let add: RemoteRecipient<Add> = pair.connection.service("add").await.unwrap();
        assert_eq!(halt.send(Halt).await, Ok(()));
        while counter.connected() {
            tokio::task::yield_now().await;
        }
        let Err(CallError::Gone { reason, .. }) = add.send(Add(1)).await else { panic!("it has stopped") };
        assert_eq!(reason, "the actor has stopped");
        assert_eq!(add.closed().await, duologue::Closed::Gone("the actor has stopped".into()));
    });
}

#[test]
fn a_recipient_of_another_message_is_refused_with_both_names() {
    run(async {
        #[service]
        trait Board {
            fn post(&self, to: RemoteRecipient<Add>) -> bool;
        }
        mod other {
            use super::*;
            #[derive(Serialize, Deserialize, Message)]
            #[rtype(result = "u64")]
            pub(super) struct Sub(pub(super) u64);

            #[service(name = "Board")]
            pub(super) trait WrongBoard {
                fn post(&self, to: RemoteRecipient<Sub>) -> bool;
            }
            pub(super) type Wrong = WrongBoardProxy;
        }
        struct Wall;
        #[service]
        impl Board for Wall {
            fn post(&self, _: RemoteRecipient<Add>) -> bool {
                true
            }
        }
        impl Handler<other::Sub> for Counter {
            type Result = u64;
            fn handle(&mut self, _: other::Sub, _: &mut Context<Self>) -> u64 {
                0
            }
        }
        let (counter, _heard) =
            std::thread::spawn(|| System::new().block_on(async { counter() })).join().unwrap();
        let add = counter.clone();
        let server =
            listen(small().serve(|| Wall).service("add", move || add.clone().recipient::<Add>())).await;
        let client = small().start().await.unwrap();
        let connection = dial(&client, &server).await;
        // By name.
        let wrong = connection.service::<RemoteRecipient<other::Sub>>("add").await.unwrap_err();
        let (expected, found) = ("Recipient<Sub>".to_owned(), "Recipient<Add>".to_owned());
        assert_eq!(wrong, OpenError::WrongInterface { expected, found });
        // In an argument.
        let board: BoardProxy = connection.root().await.unwrap();
        assert_eq!(board.post(RemoteRecipient::from(counter.clone())).await, Ok(true));
        let wrong: other::Wrong = connection.root().await.unwrap();
        let Err(CallError::BadArguments(text)) = wrong.post(RemoteRecipient::from(counter)).await else {
            panic!("it is refused")
        };
        assert!(text.contains("a recipient of `Sub`, not of `Add`"), "{text}");
    });
}
