//! The name of a message type, by which both sides know that they mean the same.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use runtime::private::Descriptor;

/// The type's name without paths: the same type may lie in another module of another program.
pub(super) fn of<M>() -> String {
    without_paths(type_name::<M>())
}

fn without_paths(full: &str) -> String {
    let (mut name, mut start) = (String::with_capacity(full.len()), 0);
    let mut rest = full.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ':' && rest.next_if_eq(&':').is_some() {
            name.truncate(start);
        } else {
            name.push(c);
            // Of a type within a function, `{{closure}}` is part of the path.
            if !c.is_alphanumeric() && !"_{}#".contains(c) {
                start = name.len();
            }
        }
    }
    name
}

/// `general` with the message in its name, `Recipient<Ping>`; one for each type, for as long as the process lives.
pub(super) fn descriptor<M: 'static>(general: &'static Descriptor) -> &'static Descriptor {
    static KNOWN: LazyLock<Mutex<HashMap<TypeId, &'static Descriptor>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(TypeId::of::<M>()).or_insert_with(|| {
        let named =
            Descriptor::new(format!("{}<{}>", general.name(), of::<M>())).with_doc(general.doc().to_owned());
        Box::leak(Box::new(general.methods().iter().cloned().fold(named, Descriptor::with_method)))
    })
}

#[cfg(test)]
mod tests {
    use super::without_paths;

    #[test]
    fn a_name_has_no_paths() {
        assert_eq!(without_paths("Ping"), "Ping");
        assert_eq!(without_paths("a::b::Ping"), "Ping");
        assert_eq!(without_paths("a::Wrap<b::c::Ping, (d::E, [u8; 4])>"), "Wrap<Ping, (E, [u8; 4])>");
        assert_eq!(without_paths("&dyn a::B"), "&dyn B");
        assert_eq!(without_paths("a::b::{{closure}}::Ping<c::{impl#0}::D>"), "Ping<D>");
    }
}
