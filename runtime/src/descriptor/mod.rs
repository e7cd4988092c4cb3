//! What is known of a service without calling it: its names, methods, parameters and attributes.
//!
//! `#[service]` writes one constant [`Descriptor`] for each interface; [`Descriptor::new`] puts one together at run time, for a
//! [`crate::DynService`]; and a peer's comes over the wire. It says nothing of how types are encoded: types are text, as written.

mod described;
mod display;
mod method;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::proxy::Proxy;
pub(crate) use described::Described;
pub use method::{Access, Marks, Method, Param};

/// A method's number on the wire is a `u16`.
pub(crate) const METHODS_MAX: usize = 65_535;

/// A service interface: what its trait says.
///
/// Its `Display` prints it like one, its serde form is for tools. That of a proxy type is there without any connection:
///
/// ```text
/// println!("{}", Descriptor::of::<CalculatorProxy>());
/// ```
///
/// For a service that is implemented by name, one is put together:
///
/// ```
/// use duologue_runtime::{Descriptor, Method};
///
/// let interface = Descriptor::new("Thermostat")
///     .with_doc("Keeps a room warm.")
///     .with_method(Method::new("boost").with_param("minutes", "u32").returning("f64"))
///     .with_attribute("target", "f64", true);
/// assert_eq!(
///     interface.to_string(),
///     "\
/// /// Keeps a room warm.
/// trait Thermostat {
///     async fn boost(&self, minutes: u32) -> f64;
///
///     #[get]
///     async fn target(&self) -> f64;
///
///     #[set]
///     async fn set_target(&self, value: f64);
/// }
/// "
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Descriptor {
    pub(crate) name: Cow<'static, str>,
    pub(crate) aliases: Cow<'static, [Cow<'static, str>]>,
    pub(crate) version: u32,
    pub(crate) doc: Cow<'static, str>,
    /// [`fingerprint`] of the method names in order.
    pub(crate) fingerprint: u64,
    /// Whether a method takes `&mut self`.
    #[serde(skip)]
    pub(crate) exclusive: bool,
    /// Whether each of its objects has a lane to itself wherever it is held.
    #[serde(skip)]
    pub(crate) own_lane: bool,
    /// Whether proxies on its objects are never handed on to a third node.
    #[serde(skip)]
    pub(crate) stays: bool,
    /// A method's number on the wire is its place here.
    pub(crate) methods: Cow<'static, [Method]>,
}

/// As it is read: what follows from the rest is not believed but computed.
#[derive(Deserialize)]
struct Unchecked {
    name: Cow<'static, str>,
    #[serde(default)]
    aliases: Vec<Cow<'static, str>>,
    #[serde(default = "first")]
    version: u32,
    #[serde(default)]
    doc: Cow<'static, str>,
    #[serde(default)]
    methods: Vec<Method>,
}

fn first() -> u32 {
    1
}

impl TryFrom<Unchecked> for Descriptor {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Descriptor, String> {
        let Unchecked { name, aliases, version, doc, methods } = read;
        if methods.len() > METHODS_MAX {
            return Err(format!("an interface of {} methods", methods.len()));
        }
        let mut descriptor = Descriptor::new(name).with_version(version).with_doc(doc);
        descriptor.aliases = aliases.into();
        descriptor.set_methods(methods);
        Ok(descriptor)
    }
}

/// An attribute of a service: what `#[get]` and `#[set]` methods make when it is used by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Attribute<'a> {
    /// Its name: that of the `#[get]` method; that of the `#[set]` method without a leading `set_`.
    pub name: &'a str,
    /// Its type as written: what is read; what is written, if it cannot be read.
    pub ty: &'a str,
    /// The documentation of the `#[get]` method, or of the other one if that has none.
    pub doc: &'a str,
    /// Whether there is a `#[get]` method.
    pub readable: bool,
    /// Whether there is a `#[set]` method.
    pub writable: bool,
}

impl Descriptor {
    /// The interface of a proxy type: that of its trait.
    pub fn of<P: Proxy>() -> &'static Descriptor {
        P::DESCRIPTOR
    }

    /// An interface without methods.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Descriptor {
        Descriptor {
            name: name.into(),
            aliases: Cow::Borrowed(&[]),
            version: 1,
            doc: Cow::Borrowed(""),
            fingerprint: fingerprint(&[]),
            exclusive: false,
            own_lane: false,
            stays: false,
            methods: Cow::Borrowed(&[]),
        }
    }

    /// As `#[service]` writes it.
    #[doc(hidden)]
    pub const fn fixed(
        name: &'static str,
        aliases: &'static [Cow<'static, str>],
        version: u32,
        doc: &'static str,
        methods: &'static [Method],
    ) -> Descriptor {
        let (mut hash, mut exclusive, mut n) = (FNV_OFFSET, false, 0);
        while n < methods.len() {
            hash = absorb(hash, name_of(&methods[n]));
            exclusive |= methods[n].exclusive;
            n += 1;
        }
        Descriptor {
            name: Cow::Borrowed(name),
            aliases: Cow::Borrowed(aliases),
            version,
            doc: Cow::Borrowed(doc),
            fingerprint: hash,
            exclusive,
            own_lane: false,
            stays: false,
            methods: Cow::Borrowed(methods),
        }
    }

    /// Whether each object has a lane to itself wherever it is held.
    #[doc(hidden)]
    pub const fn on_own_lane(mut self, own_lane: bool) -> Descriptor {
        self.own_lane = own_lane;
        self
    }

    /// Whether proxies on its objects are never handed on to a third node.
    #[doc(hidden)]
    pub const fn staying(mut self, stays: bool) -> Descriptor {
        self.stays = stays;
        self
    }

    /// A further name.
    pub fn with_alias(mut self, alias: impl Into<Cow<'static, str>>) -> Descriptor {
        self.aliases.to_mut().push(alias.into());
        self
    }

    /// Its version; 1 if nothing is said.
    pub fn with_version(mut self, version: u32) -> Descriptor {
        self.version = version;
        self
    }

    /// What it is for.
    pub fn with_doc(mut self, doc: impl Into<Cow<'static, str>>) -> Descriptor {
        self.doc = doc.into();
        self
    }

    /// One more method. Of two with one name the first counts, and no more than 65,535 can be called.
    pub fn with_method(mut self, method: Method) -> Descriptor {
        self.fingerprint = absorb(self.fingerprint, &method.name);
        self.exclusive |= method.exclusive;
        self.methods.to_mut().push(method);
        self
    }

    /// An attribute: a `#[get]` method of its name and, if it may be written, a `#[set]` method `set_<name>`.
    pub fn with_attribute(
        self,
        name: impl Into<String>,
        ty: impl Into<Cow<'static, str>>,
        writable: bool,
    ) -> Descriptor {
        let (name, ty) = (name.into(), ty.into());
        let mut set = Method::new(format!("set_{name}")).with_param("value", ty.clone());
        set.access = Access::Set;
        let mut get = Method::new(name).returning(ty);
        get.access = Access::Get;
        let with = self.with_method(get);
        if writable { with.with_method(set) } else { with }
    }

    fn set_methods(&mut self, methods: Vec<Method>) {
        self.fingerprint = methods.iter().fold(FNV_OFFSET, |hash, m| absorb(hash, &m.name));
        self.exclusive = methods.iter().any(|m| m.exclusive);
        self.methods = methods.into();
    }

    /// The proper name: the trait's, unless `#[service(name = ..)]` says otherwise.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Further names; all names are compared without regard to case.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(|alias| &**alias)
    }

    /// As given by `#[service(version = ..)]`; 1 if nothing was said.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The trait's documentation.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// A hash of the method names in order: two interfaces that agree in it number their methods alike.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The methods in the order of the trait, those of attributes included.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The method of this name. The case counts.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|m| m.name == name)
    }

    /// The attributes, in the order in which the trait first names them.
    pub fn attributes(&self) -> Vec<Attribute<'_>> {
        let mut found: Vec<Attribute<'_>> = Vec::new();
        for method in self.methods.iter() {
            let Some(name) = method.attribute() else { continue };
            let place = found.iter().position(|a| a.name == name).unwrap_or_else(|| {
                found.push(Attribute { name, ty: "", doc: "", readable: false, writable: false });
                found.len() - 1
            });
            let attribute = &mut found[place];
            let reads = method.access == Access::Get;
            attribute.readable |= reads;
            attribute.writable |= !reads;
            if reads || attribute.ty.is_empty() {
                attribute.ty = method.attribute_type();
            }
            if attribute.doc.is_empty() || (reads && !method.doc.is_empty()) {
                attribute.doc = &method.doc;
            }
        }
        found
    }

    /// The attribute of this name. The case counts.
    pub fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.attributes().into_iter().find(|a| a.name == name)
    }

    /// Whether `name` is the proper name or an alias, in any case.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
    }

    pub(crate) fn method_name(&self, number: u16) -> &str {
        self.methods.get(number as usize).map_or("?", |m| &m.name)
    }

    /// `Service::method`, for messages.
    pub(crate) fn path(&self, number: u16) -> String {
        format!("{}::{}", self.name, self.method_name(number))
    }

    pub(crate) fn number_of(&self, name: &str) -> Option<u16> {
        let number = self.methods.iter().position(|m| m.name == name)?;
        u16::try_from(number).ok()
    }

    /// Itself with the methods from a number on: as many as take this room, but one at least; its own documentation in the first part.
    /// Texts longer than `doc_max` are cut.
    pub(crate) fn part(&self, from: usize, room: usize, doc_max: usize) -> Descriptor {
        let mut part = Descriptor::new(self.name.clone()).with_version(self.version);
        if from == 0 {
            part.aliases = self.aliases.clone();
            part.doc = cut(self.doc.clone(), doc_max);
        }
        let mut left = room.saturating_sub(part.weight());
        for method in self.methods.iter().skip(from) {
            let method = method.clone().with_doc(cut(method.doc.clone(), doc_max));
            if method.weight() > left && !part.methods.is_empty() {
                break;
            }
            left = left.saturating_sub(method.weight());
            part = part.with_method(method);
        }
        part
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        let aliases: usize = self.aliases.iter().map(|a| a.len() + 3).sum();
        let methods: usize = self.methods.iter().map(Method::weight).sum();
        self.name.len() + aliases + self.doc.len() + methods + 64
    }

    /// The method by which an attribute is read or written.
    pub(crate) fn accessor(&self, attribute: &str, access: Access) -> Option<u16> {
        let is = |m: &Method| m.access == access && m.attribute() == Some(attribute);
        u16::try_from(self.methods.iter().position(is)?).ok()
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over the method names in order, each ended by a zero byte: equal on both sides exactly when
/// the method numbers mean the same (64 bits; Fowler, Noll and Vo).
pub const fn fingerprint(names: &[&str]) -> u64 {
    let (mut hash, mut n) = (FNV_OFFSET, 0);
    while n < names.len() {
        hash = absorb(hash, names[n]);
        n += 1;
    }
    hash
}

/// One name more, and its zero byte.
const fn absorb(mut hash: u64, name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut b = 0;
    while b <= bytes.len() {
        let byte = if b < bytes.len() { bytes[b] } else { 0 };
        hash = (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        b += 1;
    }
    hash
}

/// What `Deref` gives, which is not const.
const fn name_of(method: &Method) -> &str {
    match &method.name {
        Cow::Borrowed(name) => name,
        Cow::Owned(name) => name.as_str(),
    }
}

/// At most that many bytes of a text, cut at a character.
fn cut(text: Cow<'static, str>, max: usize) -> Cow<'static, str> {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{} ..", &text[..end]).into()
}

/// The hash by which the impl of a service trait is told from others on the same type; not on the wire.
pub const fn tag(name: &str) -> u64 {
    fingerprint(&[name])
}
