//! How a closure lives as an object: an interface of the one method `call`.

use runtime::private::{
    ArgsIn, BadBody, Connection, Descriptor, Dispatch, Hosted, Incoming, Interface, Plain,
};

use super::{AsyncClosure, Callback, Signature, SyncClosure};

/// A closure whose calls run one at a time.
pub(super) struct Alone<F>(pub(super) F);

/// An async closure whose calls run together.
pub(super) struct Together<F>(pub(super) F);

/// The number of the method `call`.
pub(super) const CALL: u16 = 0;

impl<S: Signature> Interface for Callback<S> {
    type Request = S::Arguments;

    const DESCRIPTOR: &'static Descriptor = S::DESCRIPTOR;

    fn decode(method: u16, arguments: ArgsIn<'_>) -> Result<S::Arguments, BadBody> {
        if method == CALL { S::decode(arguments) } else { Err(BadBody::no_such_method()) }
    }
}

impl<S: Signature, F: SyncClosure<S>> Dispatch<Alone<F>> for Callback<S> {
    const HOOKS: bool = false;

    fn run(me: &Hosted<Alone<F>>, arguments: S::Arguments, call: Incoming) {
        me.write_now::<Plain<S::Returned>, _>(call, move |closure: &mut Alone<F>| closure.0.run(arguments));
    }

    fn on_connect(_: &mut Alone<F>, _: &Connection) {}

    fn on_disconnect(_: &mut Alone<F>, _: &Connection) {}
}

impl<S: Signature, F: AsyncClosure<S>> Dispatch<Together<F>> for Callback<S> {
    const HOOKS: bool = false;

    fn run(me: &Hosted<Together<F>>, arguments: S::Arguments, call: Incoming) {
        me.read::<Plain<S::Returned>, _>(call, async move |closure: &Together<F>| {
            closure.0.run(arguments).await
        });
    }

    fn on_connect(_: &mut Together<F>, _: &Connection) {}

    fn on_disconnect(_: &mut Together<F>, _: &Connection) {}
}
