//! What was still held when a load was over, its calls had ended and its objects were dropped.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::held::Held;

/// What both ends held for the connections of a load some seconds after it, at most; without what the bench itself asks the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Left {
    /// All threads of the client together.
    pub client: Held,
    /// What the server held for them; `None` if it did not say.
    pub server: Option<Held>,
    /// Why it did not.
    pub missing: Option<String>,
}

impl Left {
    /// Whether that is nothing, as far as it is known.
    pub fn is_nothing(&self) -> bool {
        self.client.is_nothing() && self.server.as_ref().is_none_or(Held::is_nothing)
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.server, &self.missing) {
            (Some(server), _) if server.is_nothing() && self.client.is_nothing() => f.write_str("nothing"),
            (Some(server), _) => write!(f, "{} by the client, {server} by the server", self.client),
            (None, why) => {
                let why = why.as_deref().unwrap_or("it did not say");
                write!(f, "{} by the client; by the server it is not known: {why}", self.client)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_who_left_what() {
        let nothing = Left { client: Held::default(), server: Some(Held::default()), missing: None };
        assert_eq!((nothing.to_string().as_str(), nothing.is_nothing()), ("nothing", true));
        let held = Held { imports: 2, ..Held::default() };
        let some = Left { server: Some(held), ..nothing.clone() };
        assert_eq!(
            (some.to_string().as_str(), some.is_nothing()),
            ("nothing by the client, 2 imports by the server", false)
        );
        let unknown = Left { server: None, missing: Some("it is too old".to_owned()), ..nothing };
        assert_eq!(
            unknown.to_string(),
            "nothing by the client; by the server it is not known: it is too old"
        );
    }
}
