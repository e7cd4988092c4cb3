//! Arguments and results as MessagePack, with proxies as indices into the frame's reference table.
//!
//! While a value is written or read, the table of its frame is reachable through a scoped thread-local; outside of it a proxy
//! refuses to be serialized. Arguments are one array, read by one visitor per method. A `Bytes` or `Vec<u8>` as a
//! whole argument or result is MessagePack bin; a `Bytes` is then a slice of the frame, without a copy.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use rmp_serde::config::{BytesMode, DefaultConfig, StructMapConfig};
use rmp_serde::decode::Error as RmpError;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::answer::Refs;
use crate::error::{BadBody, EncodeError};
use crate::node::Worker;
use crate::object::{LocalObject, forwarder};
use crate::proxy::{Handle, Proxy, Target};
use crate::wire::Body;

/// The MessagePack extension type of an object reference; its two bytes are the index, little-endian.
const EXT_REFERENCE: i8 = 1;

/// How deep MessagePack may nest.
pub(crate) const DEPTH_MAX: usize = transport::msgpack::DEPTH_MAX;

/// The object that a result is: a proxy, or the `Ok` of one; what stands for it if it is another node's. Else why it is none.
pub(crate) fn promised(body: &[u8], handles: &[Handle]) -> Result<LocalObject, String> {
    // `{"Ok": value}`, as serde writes a `Result`.
    let value = body.strip_prefix(b"\x81\xa2Ok").unwrap_or(body);
    if body.starts_with(b"\x81\xa3Err") {
        // An answer of another node, whose errors have no words here.
        return Err("the call has failed".into());
    }
    let &[0xd5, 1, low, high] = value else { return Err("the result is no proxy".into()) };
    match handles.get(usize::from(u16::from_le_bytes([low, high]))).map(Handle::target) {
        Some(Target::Local(object)) => Ok(object.clone()),
        Some(Target::Remote(import)) => Ok(forwarder(import)),
        _ => Err("the result is gone".into()),
    }
}

/// Bytes in a body shorter than this are copied out of the frame: a slice would keep all of it.
const KEEP_MIN: usize = 1024;

thread_local! {
    static WRITING: RefCell<Option<Vec<Handle>>> = const { RefCell::new(None) };
    static READING: RefCell<Option<(Bytes, Refs)>> = const { RefCell::new(None) };
}

/// Puts a thread-local back as it was, even after a panic.
struct Scoped<T: 'static> {
    slot: &'static std::thread::LocalKey<RefCell<Option<T>>>,
    former: Option<T>,
}

impl<T> Scoped<T> {
    fn enter(slot: &'static std::thread::LocalKey<RefCell<Option<T>>>, value: T) -> Scoped<T> {
        Scoped { slot, former: slot.replace(Some(value)) }
    }

    fn leave(mut self) -> Option<T> {
        let mine = self.slot.replace(self.former.take());
        std::mem::forget(self);
        mine
    }
}

impl<T> Drop for Scoped<T> {
    fn drop(&mut self) {
        let former = self.former.take();
        let _ = self.slot.try_with(|s| s.replace(former));
    }
}

/// Where a value is written.
pub struct Output<'a>(rmp_serde::Serializer<&'a mut Vec<u8>, StructMapConfig<DefaultConfig>>);

impl<'a> Output<'a> {
    /// Structs as maps, so that fields may come and go; bytes as bin, even those of a plain `Vec<u8>`.
    fn new(body: &'a mut Vec<u8>) -> Output<'a> {
        let serializer = rmp_serde::Serializer::new(body).with_struct_map();
        Output(serializer.with_bytes(BytesMode::ForceIterables))
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

impl Output<'_> {
    /// Writes one value.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut self.0).map_err(|e| EncodeError(e.to_string()))
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.0.get_mut().extend_from_slice(bytes);
    }

    /// Bytes written.
    pub(crate) fn len(&self) -> usize {
        self.0.get_ref().len()
    }
}

/// Encodes what `write` writes; the proxies in it come back beside the bytes. Closures among them are started on `worker`; what stays in
/// this process has none, and leaves them as they are.
pub(crate) fn encode(
    worker: Option<&Worker>,
    write: impl FnOnce(&mut Output<'_>) -> Result<(), EncodeError>,
) -> Result<(Vec<u8>, Vec<Handle>), EncodeError> {
    let mut body = Vec::with_capacity(64);
    let scope = Scoped::enter(&WRITING, Vec::new());
    let written = write(&mut Output::new(&mut body));
    let handles = scope.leave().unwrap_or_default();
    written?;
    Ok(match worker {
        Some(worker) if !handles.is_empty() => {
            (body, handles.into_iter().map(|h| h.started(worker)).collect())
        }
        _ => (body, handles),
    })
}

/// Reads one value that must be the whole body.
pub(crate) fn decode<T: DeserializeOwned>(body: &Body, refs: &Refs) -> Result<T, String> {
    read_all(body, refs, |de| T::deserialize(de))
}

fn read_all<T>(
    body: &Body,
    refs: &Refs,
    read: impl for<'a, 'b> FnOnce(
        &'b mut rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'a, [u8]>>,
    ) -> Result<T, RmpError>,
) -> Result<T, String> {
    // A short body without references needs no scope: its bytes are copied rather than kept with their whole frame.
    let needed = !refs.is_empty() || body.len() >= KEEP_MIN;
    let scope =
        needed.then(|| Scoped::enter(&READING, (body.slice().cloned().unwrap_or_default(), refs.clone())));
    let mut de = rmp_serde::Deserializer::from_read_ref(&body[..]);
    // The decoder refuses when its counter reaches zero, hence one more.
    de.set_max_depth(DEPTH_MAX + 1);
    let value = read(&mut de);
    drop(scope);
    // Not a step further after an error: the decoder's count of levels is not put back then, and would start anew from below zero.
    let value = value.map_err(|e| e.to_string())?;
    let at_end = transport::msgpack::is_at_end(&mut de);
    if at_end { Ok(value) } else { Err("bytes after the value".to_owned()) }
}

/// The arguments of a call that is being made.
#[derive(Debug)]
pub struct ArgsOut<'a>(Output<'a>);

impl ArgsOut<'_> {
    /// Writes the next argument.
    pub fn arg<T: Serialize + ?Sized + 'static>(&mut self, name: &str, value: &T) -> Result<(), EncodeError> {
        self.0.put(value).map_err(|e| EncodeError(format!("argument `{name}`: {e}")))
    }
}

/// Encodes the arguments of a call: one array.
pub(crate) fn encode_args(
    worker: Option<&Worker>,
    count: u32,
    write: impl FnOnce(&mut ArgsOut<'_>) -> Result<(), EncodeError>,
) -> Result<(Vec<u8>, Vec<Handle>), EncodeError> {
    encode(worker, |out| {
        let body: &mut Vec<u8> = out.0.get_mut();
        rmp::encode::write_array_len(body, count).map_err(|e| EncodeError(e.to_string()))?;
        write(&mut ArgsOut(Output::new(body)))
    })
}

/// The arguments of a call that has arrived.
#[derive(Clone, Copy, Debug)]
pub struct ArgsIn<'a> {
    pub(crate) body: &'a Body,
    pub(crate) refs: &'a Refs,
}

impl ArgsIn<'_> {
    /// Reads the array with a method's own visitor.
    pub fn read<V: for<'de> Visitor<'de, Value = T>, T>(self, visitor: V) -> Result<T, BadBody> {
        read_all(self.body, self.refs, |de| de.deserialize_seq(visitor)).map_err(BadBody::new)
    }

    /// Reads the array as one value.
    pub(crate) fn value<T: DeserializeOwned>(self) -> Result<T, BadBody> {
        decode(self.body, self.refs).map_err(BadBody::new)
    }
}

/// Reads the next argument; a missing one is an error that names it.
pub fn next_arg<'de, T: DeserializeOwned + 'static, A: SeqAccess<'de>>(
    seq: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    match seq.next_element_seed(Arg::<T>(name, PhantomData))? {
        Some(value) => Ok(value),
        None => Err(A::Error::custom(format_args!("argument `{name}` is missing"))),
    }
}

/// Reads the next argument; one that an older caller does not send takes its default.
pub fn next_arg_or_default<'de, T: DeserializeOwned + Default + 'static, A: SeqAccess<'de>>(
    seq: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    Ok(seq.next_element_seed(Arg::<T>(name, PhantomData))?.unwrap_or_default())
}

/// Reads over the arguments that a newer caller sends in addition.
pub fn drain<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

struct Arg<T>(&'static str, PhantomData<T>);

impl<'de, T: DeserializeOwned + 'static> DeserializeSeed<'de> for Arg<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<T, D::Error> {
        match Whole::<T>::deserialize(d) {
            Ok(value) => Ok(value.0),
            Err(e) => Err(D::Error::custom(format_args!("argument `{}`: {e}", self.0))),
        }
    }
}

/// A whole argument or result that is read: a `Bytes` is a slice of the frame, everything else is itself.
#[derive(Debug)]
pub(crate) struct Whole<T>(pub(crate) T);

impl<'de, T: DeserializeOwned + 'static> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut value: Option<T> = None;
        let any: &mut dyn Any = &mut value;
        if let Some(bytes) = any.downcast_mut::<Option<Bytes>>() {
            *bytes = Some(d.deserialize_bytes(TakeBytes)?);
        } else if let Some(bytes) = any.downcast_mut::<Option<Vec<u8>>>() {
            *bytes = Some(serde_bytes::ByteBuf::deserialize(d)?.into_vec());
        } else {
            value = Some(T::deserialize(d)?);
        }
        Ok(Whole(value.expect("each branch sets it")))
    }
}

/// Bytes of the frame that is being read, as a slice of it.
pub(crate) struct TakeBytes;

impl<'de> Visitor<'de> for TakeBytes {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_borrowed_bytes<E: serde::de::Error>(self, slice: &'de [u8]) -> Result<Bytes, E> {
        Ok(READING.with_borrow(|reading| match reading {
            Some((body, _)) if lies_in(slice, body) => body.slice_ref(slice),
            _ => Bytes::copy_from_slice(slice),
        }))
    }

    fn visit_bytes<E: serde::de::Error>(self, slice: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes::copy_from_slice(slice))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element::<u8>()? {
            bytes.push(byte);
        }
        Ok(bytes.into())
    }
}

fn lies_in(slice: &[u8], body: &[u8]) -> bool {
    let (start, end) = (slice.as_ptr() as usize, slice.as_ptr() as usize + slice.len());
    let (from, to) = (body.as_ptr() as usize, body.as_ptr() as usize + body.len());
    !slice.is_empty() && from <= start && end <= to
}

/// Reads bytes inside a struct without a copy where they lie in the frame; for `#[serde(with = "duologue::bytes")]`.
pub fn deserialize_bytes<'de, D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
    d.deserialize_bytes(TakeBytes)
}

/// Writes a proxy as an index into the reference table of the frame that is being written.
pub fn serialize_proxy<P: Proxy, S: Serializer>(proxy: &P, s: S) -> Result<S::Ok, S::Error> {
    serialize_handle(proxy.handle(), s)
}

pub(crate) fn serialize_handle<S: Serializer>(handle: &Handle, s: S) -> Result<S::Ok, S::Error> {
    serialize_entry("a proxy", s, || Ok(handle.clone()))
}

/// Writes `what` as an index into the reference table of the frame that is being written; `entry` is asked only if it will stand there.
pub(crate) fn serialize_entry<S: Serializer>(
    what: &str,
    s: S,
    entry: impl FnOnce() -> Result<Handle, &'static str>,
) -> Result<S::Ok, S::Error> {
    use serde::ser::Error;
    // What serde buffers for a flattened struct variant calls itself human-readable; it is replayed into the frame.
    let buffered = std::any::type_name::<S>().contains("::ContentSerializer<");
    if s.is_human_readable() && !buffered {
        let text = format_args!("{what} travels only inside a call, not in a text format");
        return Err(S::Error::custom(text));
    }
    let index = WRITING.with_borrow_mut(|writing| {
        let handles = writing.as_mut()?;
        Some(entry().map(|handle| {
            handles.push(handle);
            handles.len() - 1
        }))
    });
    let Some(index) = index else {
        return Err(S::Error::custom(format_args!("{what} travels only inside a call")));
    };
    let Ok(index) = u16::try_from(index.map_err(S::Error::custom)?) else {
        return Err(S::Error::custom("too many proxies in one call"));
    };
    let bytes = index.to_le_bytes();
    let value = (EXT_REFERENCE, serde_bytes::Bytes::new(&bytes));
    s.serialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, &value)
}

/// Reads a proxy by its index in the reference table of the frame that is being read.
pub fn deserialize_proxy<'de, P: Proxy, D: Deserializer<'de>>(d: D) -> Result<P, D::Error> {
    deserialize_handle(d).map(P::from_handle)
}

pub(crate) fn deserialize_handle<'de, D: Deserializer<'de>>(d: D) -> Result<Handle, D::Error> {
    let handle = deserialize_entry("a proxy", d)?;
    match handle.target() {
        Target::Stream(_) => Err(D::Error::custom("a stream where an object is expected")),
        _ => Ok(handle),
    }
}

/// Reads `what` by its index in the reference table of the frame that is being read.
pub(crate) fn deserialize_entry<'de, D: Deserializer<'de>>(what: &str, d: D) -> Result<Handle, D::Error> {
    // Asked of the frame and not of the format: what serde buffers (`flatten`, tagged enums) calls itself human-readable.
    if READING.with_borrow(Option::is_none) {
        return Err(D::Error::custom(format_args!("{what} travels only inside a call")));
    }
    struct Ext;
    impl<'de> Visitor<'de> for Ext {
        type Value = (i8, serde_bytes::ByteArray<2>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object reference")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
            Deserialize::deserialize(d)
        }
    }
    let (tag, index) = d.deserialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, Ext)?;
    settled(tag, index)
}

/// Reads a proxy where a value of any kind may stand, from what the decoder gives for an extension value.
pub(crate) fn handle_of_ext<'de, D: Deserializer<'de>>(d: D) -> Result<Handle, D::Error> {
    let (tag, index) = <(i8, serde_bytes::ByteArray<2>)>::deserialize(d)?;
    settled(tag, index)
}

/// The entry of the frame's table.
fn settled<E: serde::de::Error>(tag: i8, index: serde_bytes::ByteArray<2>) -> Result<Handle, E> {
    if tag != EXT_REFERENCE {
        return Err(E::custom(format_args!("extension type {tag} is no object reference")));
    }
    let index = u16::from_le_bytes(index.into_array());
    READING.with_borrow(|reading| {
        let (_, refs) = reading.as_ref().ok_or_else(|| E::custom("no object reference of this frame"))?;
        match refs.get(index as usize) {
            Some(handle) => Ok(handle.clone()),
            None => Err(E::custom(format_args!("reference {index} is not in the frame's table"))),
        }
    })
}
