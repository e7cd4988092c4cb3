//! What is known of a service without calling it: its names, methods and parameters.
//!
//! `#[service]` writes one constant [`Descriptor`] for each interface.

/// A service interface: what its trait says.
#[derive(Debug)]
pub struct Descriptor {
    /// The proper name (the trait's, unless `#[service(name = ..)]` says otherwise).
    pub name: &'static str,
    /// Further names; all names are compared without regard to case.
    pub aliases: &'static [&'static str],
    /// As given by `#[service(version = ..)]`; 1 if nothing was said.
    pub version: u32,
    /// The trait's documentation.
    pub doc: &'static str,
    /// Whether a method takes `&mut self`.
    pub exclusive: bool,
    /// Whether each of its objects has a lane to itself wherever it is held.
    pub own_lane: bool,
    /// [`fingerprint`] of the method names in order.
    pub fingerprint: u64,
    /// In the order of the trait; a method's number on the wire is its place here.
    pub methods: &'static [Method],
}

impl Descriptor {
    /// Whether `name` is the proper name or an alias, in any case.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
    }

    pub(crate) fn method(&self, number: u16) -> &'static str {
        self.methods.get(number as usize).map_or("?", |m| m.name)
    }

    /// `Service::method`, for messages.
    pub(crate) fn path(&self, number: u16) -> String {
        format!("{}::{}", self.name, self.method(number))
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<u16> {
        self.methods.iter().position(|m| m.name == name).map(|n| n as u16)
    }
}

/// A method of a service.
#[derive(Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Its documentation.
    pub doc: &'static str,
    /// Its parameters, without `self` and `caller`.
    pub params: &'static [Param],
    /// The type it returns, as written.
    pub returns: &'static str,
    /// Takes `&mut self`: runs alone.
    pub exclusive: bool,
    /// Is stopped at its next await when its caller cancels.
    pub cancel: bool,
    /// May be made again if the connection was lost.
    pub idempotent: bool,
    /// Whether it is seen as an attribute by name.
    pub attribute: Attribute,
}

/// A parameter of a method.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type, as written.
    pub ty: &'static str,
}

/// How a method is seen as an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// It is an ordinary method.
    None,
    /// `#[get]`: reads the attribute.
    Get,
    /// `#[set]`: writes it.
    Set,
}

/// FNV-1a over the method names in order, each ended by a zero byte: equal on both sides exactly when
/// the method numbers mean the same (64 bits; Fowler, Noll and Vo).
pub const fn fingerprint(names: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut n = 0;
    while n < names.len() {
        let bytes = names[n].as_bytes();
        let mut b = 0;
        while b <= bytes.len() {
            let byte = if b < bytes.len() { bytes[b] } else { 0 };
            hash = (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
            b += 1;
        }
        n += 1;
    }
    hash
}

/// The hash by which the impl of a service trait is told from others on the same type; not on the wire.
pub const fn tag(name: &str) -> u64 {
    fingerprint(&[name])
}
