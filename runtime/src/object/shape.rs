//! What a method returns, as the wire and the caller see it: three shapes, chosen by `#[service]` from the written type.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use crate::answer::Refs;
use crate::error::{AppError, CallError, EncodeError, Fault, NoError};
use crate::values::{self, Output, Whole};
use crate::wire::Body;

/// How a method's return type travels.
pub trait Shape: 'static {
    /// What the method returns.
    type Returned;
    /// What travels.
    type Value: Send + 'static;
    /// What the caller gets.
    type Ok;
    /// The application's own error.
    type Err;

    /// Tells a value from a fault.
    #[doc(hidden)]
    fn split(returned: Self::Returned) -> Result<Self::Value, Fault>;
    /// Writes what travels.
    #[doc(hidden)]
    fn write(value: &Self::Value, out: &mut Output<'_>) -> Result<(), EncodeError>;
    /// Reads what travelled.
    #[doc(hidden)]
    fn read(body: &Body, refs: &Refs) -> Result<Self::Value, String>;
    /// What is wrong with it: an error of the application.
    #[doc(hidden)]
    fn complaint(value: &Self::Value) -> Option<String> {
        let _ = value;
        None
    }
    /// What the caller sees of it.
    #[doc(hidden)]
    fn outcome(value: Self::Value) -> Result<Self::Ok, CallError<Self::Err>>;
}

/// A value that travels: serde both ways.
pub trait Data: Serialize + DeserializeOwned + Send + 'static {}
impl<T: Serialize + DeserializeOwned + Send + 'static> Data for T {}

/// A method returning `T`: it cannot fail by itself.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<fn() -> T>);

impl<T: Data> Shape for Plain<T> {
    type Returned = T;
    type Value = T;
    type Ok = T;
    type Err = NoError;

    fn split(returned: T) -> Result<T, Fault> {
        Ok(returned)
    }
    fn write(value: &T, out: &mut Output<'_>) -> Result<(), EncodeError> {
        out.put(value)
    }
    fn read(body: &Body, refs: &Refs) -> Result<T, String> {
        values::decode::<Whole<T>>(body, refs).map(|w| w.0)
    }
    fn outcome(value: T) -> Result<T, CallError> {
        Ok(value)
    }
}

/// A method returning `Result<T, E>` with an error of the application.
#[derive(Debug)]
pub struct Fallible<T, E>(PhantomData<fn() -> (T, E)>);

impl<T: Data, E: AppError> Shape for Fallible<T, E> {
    type Returned = Result<T, E>;
    type Value = Result<T, E>;
    type Ok = T;
    type Err = E;

    fn split(returned: Result<T, E>) -> Result<Result<T, E>, Fault> {
        Ok(returned)
    }
    fn write(value: &Result<T, E>, out: &mut Output<'_>) -> Result<(), EncodeError> {
        out.put(value)
    }
    fn read(body: &Body, refs: &Refs) -> Result<Result<T, E>, String> {
        values::decode::<Result<Whole<T>, E>>(body, refs).map(|r| r.map(|w| w.0))
    }
    fn complaint(value: &Result<T, E>) -> Option<String> {
        value.as_ref().err().map(E::to_string)
    }
    fn outcome(value: Result<T, E>) -> Result<T, CallError<E>> {
        value.map_err(CallError::App)
    }
}

/// A method returning `Result<T, CallError>`: the failure of a call inside it travels as a fault.
#[derive(Debug)]
pub struct Faulting<T>(PhantomData<fn() -> T>);

impl<T: Data> Shape for Faulting<T> {
    type Returned = Result<T, CallError>;
    type Value = T;
    type Ok = T;
    type Err = NoError;

    fn split(returned: Result<T, CallError>) -> Result<T, Fault> {
        returned.map_err(Fault::of_handler)
    }
    fn write(value: &T, out: &mut Output<'_>) -> Result<(), EncodeError> {
        out.put(value)
    }
    fn read(body: &Body, refs: &Refs) -> Result<T, String> {
        values::decode::<Whole<T>>(body, refs).map(|w| w.0)
    }
    fn outcome(value: T) -> Result<T, CallError> {
        Ok(value)
    }
}

/// Names the two halves of a result type behind an alias.
pub trait ResultLike {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> ResultLike for Result<T, E> {
    type Ok = T;
    type Err = E;
}
