//! A local actor that hands its messages on, so that there is a real `actix::Recipient`: actix lets nobody make another kind.

use actix::dev::{MessageResponse, OneshotSender};
use actix::{Actor, Context, Handler, Recipient};
use runtime::Call;

use super::{RemoteMessage, RemoteRecipient};

struct Forward<M>(RemoteRecipient<M>);

pub(super) fn start<M: RemoteMessage>(to: RemoteRecipient<M>) -> Recipient<M> {
    Forward(to).start().recipient()
}

impl<M: RemoteMessage> Actor for Forward<M> {
    type Context = Context<Self>;
}

impl<M: RemoteMessage> Handler<M> for Forward<M> {
    type Result = Forwarded<M>;

    fn handle(&mut self, message: M, _: &mut Context<Self>) -> Forwarded<M> {
        Forwarded(self.0.send(message))
    }
}

struct Forwarded<M: RemoteMessage>(Call<M::Result>);

impl<M: RemoteMessage> MessageResponse<Forward<M>, M> for Forwarded<M> {
    fn handle(self, _: &mut Context<Forward<M>>, sender: Option<OneshotSender<M::Result>>) {
        let Some(mut sender) = sender else { return self.0.notify().detach() };
        // Now, so that the next message comes after it.
        let answer = self.0.start();
        actix::spawn(async move {
            tokio::select! {
                // Dropped without a value, the sender says `MailboxError::Closed`.
                answer = answer => drop(answer.map(|value| sender.send(value))),
                () = sender.closed() => {}
            }
        });
    }
}
