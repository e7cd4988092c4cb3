//! The two roles of an example, each a process of its own. Not part of what the examples show.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// What the program was started as.
pub(crate) enum Role {
    /// `server`: print `listening on ADDR` and serve until killed.
    Server,
    /// `client ADDR`: connect there.
    Client(String),
}

/// The role given by the arguments. Without arguments, both roles are run as two processes and this one ends.
pub(crate) fn mine() -> Result<Role, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["server"] => Ok(Role::Server),
        ["client", address] => Ok(Role::Client((*address).to_owned())),
        [] => both(),
        _ => Err("usage: [server | client ADDR]".into()),
    }
}

/// Says where the server is to be found.
pub(crate) fn listening(address: impl std::fmt::Display) {
    println!("listening on {address}");
    // The reader is waiting for this line; a pipe is not flushed by its end.
    std::io::stdout().flush().expect("the standard output is open");
}

fn both() -> Result<Role, Box<dyn std::error::Error>> {
    let program = std::env::current_exe()?;
    let mut server = Killed(Command::new(&program).arg("server").stdout(Stdio::piped()).spawn()?);
    let stdout = server.0.stdout.take().ok_or("the server has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on ").ok_or("the server did not start")?;
    let status = Command::new(&program).args(["client", address]).status()?;
    drop(server);
    std::process::exit(status.code().unwrap_or(1));
}

/// A process that is killed when its owner goes.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
