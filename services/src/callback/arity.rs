//! Callbacks of 0 to 8 arguments: the same few impls for each number, written once.

use std::fmt;
use std::marker::PhantomData;

use runtime::AppError;
use runtime::private::{
    Access, ArgsIn, BadBody, Call, Data, Descriptor, Fallible, Handle, Marks, Method, Param, Plain, Shape,
    call_local, call_remote, drain, next_arg,
};
use serde::de::{SeqAccess, Visitor};

use super::host::CALL;
use super::{AsyncClosure, Callback, IntoCallback, Signature, SyncClosure};

/// Reads the array of arguments of the signature `S`.
struct Arguments<S>(PhantomData<S>);

macro_rules! arity {
    ($trait:ident, $count:literal; $($argument:ident $ty:ident $name:literal),*) => {
        impl<$($ty: Data,)* R: Data> Signature for fn($($ty),*) -> R {
            type Arguments = ($($ty,)*);
            type Returned = R;

            const DESCRIPTOR: &'static Descriptor = &Descriptor::fixed(
                "Callback",
                &[],
                1,
                "A closure.",
                const {
                    // The types are this program's own: as text they are known to it alone.
                    &[Method::fixed(
                        "call",
                        "Calls the closure.",
                        const { &[$(Param::fixed($name, "_", false)),*] },
                        "_",
                        Marks {
                            is_async: true,
                            exclusive: true,
                            cancel: true,
                            idempotent: false,
                            fallible: false,
                            access: Access::Call,
                        },
                    )]
                },
            );

            fn decode(arguments: ArgsIn<'_>) -> Result<Self::Arguments, BadBody> {
                arguments.read(Arguments::<Self>(PhantomData))
            }
        }

        impl<'de, $($ty: Data,)* R: Data> Visitor<'de> for Arguments<fn($($ty),*) -> R> {
            type Value = ($($ty,)*);

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str(concat!("the ", $count, " arguments of a callback"))
            }

            fn visit_seq<Q: SeqAccess<'de>>(self, mut seq: Q) -> Result<Self::Value, Q::Error> {
                $(let $argument = next_arg::<$ty, Q>(&mut seq, $name)?;)*
                drain(&mut seq)?;
                Ok(($($argument,)*))
            }
        }

        impl<F, $($ty: Data,)* R: Data> SyncClosure<fn($($ty),*) -> R> for F
        where
            F: FnMut($($ty),*) -> R + Send + 'static,
        {
            fn run(&mut self, ($($argument,)*): ($($ty,)*)) -> R {
                self($($argument),*)
            }
        }

        impl<F, $($ty: Data,)* R: Data> AsyncClosure<fn($($ty),*) -> R> for F
        where
            F: AsyncFn($($ty),*) -> R + Send + 'static,
        {
            async fn run(&self, ($($argument,)*): ($($ty,)*)) -> R {
                self($($argument),*).await
            }
        }

        impl<F, $($ty: Data,)* R: Data> IntoCallback<fn($($ty),*) -> R> for F
        where
            F: FnMut($($ty),*) -> R + Send + 'static,
        {
            fn into_callback(self) -> Callback<fn($($ty),*) -> R> {
                Callback::new(self)
            }
        }

        #[allow(clippy::too_many_arguments)]
        #[doc = concat!("Calls a [`Callback`] of ", $count, " argument(s); in the prelude.")]
        pub trait $trait<$($ty,)* R> {
            /// Calls the closure, wherever it lives.
            fn call(&self, $($argument: $ty),*) -> Call<R>;
        }

        impl<$($ty: Data,)* R: Data> $trait<$($ty,)* R> for Callback<fn($($ty),*) -> R> {
            fn call(&self, $($argument: $ty),*) -> Call<R> {
                self.make::<Plain<R>>(($($argument,)*))
            }
        }

        impl<$($ty: Data,)* R: Data, Error: AppError> Callback<fn($($ty),*) -> Result<R, Error>> {
            /// Calls the closure, wherever it lives.
            #[allow(clippy::too_many_arguments)]
            pub fn call(&self, $($argument: $ty),*) -> Call<R, Error> {
                self.make::<Fallible<R, Error>>(($($argument,)*))
            }
        }

        impl<$($ty: Data,)* R: Data> Callback<fn($($ty),*) -> R> {
            fn make<Z: Shape>(&self, arguments: ($($ty,)*)) -> Call<Z::Ok, Z::Err> {
                if Handle::is_local::<Self>(&self.handle) {
                    return call_local::<Self, Z>(&self.handle, CALL, arguments);
                }
                let ($($argument,)*) = arguments;
                call_remote::<Self, Z>(&self.handle, CALL, $count, |_to| {
                    $(_to.arg($name, &$argument)?;)*
                    Ok(())
                })
            }
        }
    };
}

arity!(Call0, 0;);
arity!(Call1, 1; a A "0");
arity!(Call2, 2; a A "0", b B "1");
arity!(Call3, 3; a A "0", b B "1", c C "2");
arity!(Call4, 4; a A "0", b B "1", c C "2", d D "3");
arity!(Call5, 5; a A "0", b B "1", c C "2", d D "3", e E "4");
arity!(Call6, 6; a A "0", b B "1", c C "2", d D "3", e E "4", f G "5");
arity!(Call7, 7; a A "0", b B "1", c C "2", d D "3", e E "4", f G "5", g H "6");
arity!(Call8, 8; a A "0", b B "1", c C "2", d D "3", e E "4", f G "5", g H "6", h I "7");
