//! `duologue id`: who a node with a key is.

use std::process::ExitCode;

use benches::Access;

use crate::cli::IdArgs;
use crate::{BAD_INPUT, complain};

/// The id on standard output, and nothing else.
pub(crate) fn print(args: &IdArgs) -> ExitCode {
    match Access::new(Some(&args.key), &[]) {
        Ok(access) => {
            access.node_id().iter().for_each(|id| println!("{id}"));
            ExitCode::SUCCESS
        }
        Err(error) => complain(&error, BAD_INPUT),
    }
}
