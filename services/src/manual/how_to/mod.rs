//! One page for each thing one may want to do. Every program in them is run by the tests.

pub mod actix_actors;
pub mod by_name;
pub mod callbacks;
pub mod calls;
pub mod cancellation;
pub mod errors;
pub mod evolution;
pub mod handing_on;
pub mod measuring;
pub mod objects;
pub mod reconnecting;
pub mod streams;
#[cfg(feature = "testing")]
pub mod testing;
pub mod two_sided;
