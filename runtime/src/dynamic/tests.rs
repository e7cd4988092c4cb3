//! Values there and back, and how arguments are put in order.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::{Args, Value, ValueError};
use crate::args;
use crate::descriptor::Method;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    grams: u32,
    label: Option<String>,
    kind: Kind,
    #[serde(with = "serde_bytes")]
    seal: Vec<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Letter,
    Box { sides: (u8, u8, u8) },
    Tube(f32),
}

#[test]
fn a_type_becomes_a_value_and_is_itself_again() {
    for kind in [Kind::Letter, Kind::Box { sides: (1, 2, 3) }, Kind::Tube(0.5)] {
        let parcel = Parcel { grams: 500, label: None, kind, seal: vec![1, 255] };
        let value = Value::of(&parcel).unwrap();
        assert_eq!(*value.get("grams").unwrap(), 500);
        assert!(value.get("label").unwrap().is_nil());
        assert_eq!(value.get("seal").unwrap().as_bytes().unwrap(), &[1, 255][..]);
        assert_eq!(value.to::<Parcel>().unwrap(), parcel);
    }
    let wrong = Value::from("five").to::<u8>().unwrap_err();
    assert_eq!(wrong, ValueError("wrong msgpack marker FixStr(4)".into()));
}

/// Any value of a given depth, without objects.
fn any(dice: &mut StdRng, depth: usize) -> Value {
    match dice.random_range(0..if depth == 0 { 7 } else { 9 }) {
        0 => Value::Nil,
        1 => Value::Bool(dice.random()),
        2 => Value::from(dice.random::<i64>() >> dice.random_range(0..64)),
        3 => Value::from(dice.random::<u64>()),
        4 => Value::Float(dice.random_range(-1e9..1e9)),
        5 => Value::Text("ä\"\n".repeat(dice.random_range(0..30))),
        6 => Value::Binary(Bytes::from(vec![dice.random(); dice.random_range(0..300)])),
        7 => (0..dice.random_range(0..20)).map(|_| any(dice, depth - 1)).collect::<Vec<_>>().into(),
        _ => Value::map((0..dice.random_range(0..20)).map(|n| (n, any(dice, depth - 1)))),
    }
}

#[test]
fn every_value_survives_the_wire() {
    for seed in 0..500 {
        let value = any(&mut StdRng::seed_from_u64(seed), 4);
        assert_eq!(Value::of(&value).unwrap(), value, "seed {seed}");
    }
}

#[test]
fn whole_numbers_go_from_the_least_i64_to_the_greatest_u64() {
    for (number, fits) in [
        (i128::from(i64::MIN), true),
        (-1, true),
        (i128::from(u64::MAX), true),
        (i128::from(u64::MAX) + 1, false),
        (i128::from(i64::MIN) - 1, false),
    ] {
        let sent = Value::of(&Value::Integer(number));
        let expected = if fits {
            Ok(Value::Integer(number))
        } else {
            Err(ValueError(format!("{number} is beyond 64 bits")))
        };
        assert_eq!(sent, expected);
    }
    assert_eq!(u8::try_from(Value::from(256)), Err(ValueError("256 does not fit into u8".into())));
    assert_eq!(
        i64::try_from(Value::from("x")),
        Err(ValueError("a whole number was wanted, not a text".into()))
    );
    assert_eq!(f64::try_from(Value::from(2)), Ok(2.0));
}

/// Lists within each other; the innermost is empty.
fn nested(levels: usize) -> Value {
    (1..levels).fold(Value::List(Vec::new()), |inner, _| Value::List(vec![inner]))
}

/// Taken apart without recursion, which 10,000 levels would overflow.
fn dismantle(mut value: Value) {
    while let Value::List(mut items) = value {
        value = items.pop().unwrap_or_default();
    }
}

#[test]
fn nesting_has_a_bound_both_ways() {
    assert_eq!(Value::of(&nested(64)).unwrap(), nested(64));
    for levels in [65, 10_000] {
        let deep = nested(levels);
        assert_eq!(Value::of(&deep).unwrap_err(), ValueError("nested deeper than 64 levels".into()));
        dismantle(deep);
        let bomb = [vec![0x91; levels - 1], vec![0x90]].concat();
        let read = crate::values::decode::<Value>(&bomb.into(), &Default::default());
        assert_eq!(read.unwrap_err(), "depth limit exceeded");
    }
    let map = (1..65).fold(Value::Nil, |inner, _| Value::map([(1, inner)]));
    assert_eq!(Value::of(&map).unwrap(), map);
    assert!(Value::of(&Value::map([(map, 1)])).is_err(), "keys nest too");
}

#[test]
fn a_length_that_is_only_announced_allocates_nothing() {
    for head in [0xdd, 0xdf] {
        let body = vec![head, 0xff, 0xff, 0xff, 0xff];
        assert!(crate::values::decode::<Value>(&body.into(), &Default::default()).is_err());
    }
}

#[test]
fn extension_values_that_are_no_references_are_refused() {
    for (body, reason) in [
        (&b"\xd5\x01\0\0"[..], "no object reference of this frame"),
        (b"\xd5\x02\0\0", "extension type 2 is no object reference"),
        (b"\xd6\xff\0\0\0\0", "invalid length 4, expected a byte array of length 2"),
    ] {
        let read = crate::values::decode::<Value>(&Bytes::from_static(body).into(), &Default::default());
        assert!(read.as_ref().is_err_and(|e| e.contains(reason)), "{read:?} does not say {reason}");
    }
}

#[test]
fn values_are_printed_close_to_json() {
    let value = Value::map([
        ("a", Value::from(vec![1.0, -0.5])),
        ("b\"", Value::from(Some("x\n"))),
        ("c", Value::from(Bytes::from_static(b"\0k\xff"))),
        ("d", Value::from(None::<u8>)),
    ]);
    assert_eq!(value.to_string(), r#"{"a": [1.0, -0.5], "b\"": "x\n", "c": b"\x00k\xff", "d": nil}"#);
    assert_eq!(Value::from("plain").to_string(), "plain");
}

#[test]
fn equality_is_that_of_what_is_meant() {
    assert_eq!(Value::map([("a", 1), ("b", 2)]), Value::map([("b", 2), ("a", 1)]));
    assert_ne!(Value::map([("a", 1), ("a", 1)]), Value::map([("a", 1), ("b", 2)]));
    assert_ne!(Value::from(1), Value::from(1.0));
    assert_eq!(Value::from(7_u8), 7_i64);
    assert_eq!(Value::from("seven"), "seven");
    assert_eq!(Value::from(Ok::<u8, String>(1)), Value::of(&Ok::<u8, String>(1)).unwrap());
    assert_eq!(Value::from(vec![Some(1), None]).to::<Vec<Option<u8>>>().unwrap(), [Some(1), None]);
    let map = BTreeMap::from([(1_u8, true)]);
    assert_eq!(Value::of(&map).unwrap().to::<BTreeMap<u8, bool>>().unwrap(), map);
}

fn put() -> Method {
    let method = Method::new("put").with_param("key", "String").with_param("value", "u32");
    method.with_optional("note", "Option<String>").with_optional("times", "Option<u8>")
}

fn in_order(args: Args) -> Result<String, String> {
    args.for_method(&put()).map(|values| Value::from(values).to_string())
}

#[test]
fn arguments_come_into_the_order_of_the_parameters() {
    assert_eq!(in_order(args!["k", 7]).unwrap(), r#"["k", 7]"#);
    assert_eq!(in_order(args![value: 7, key: "k"]).unwrap(), r#"["k", 7]"#);
    assert_eq!(in_order(args![times: 2, value: 7, key: "k"]).unwrap(), r#"["k", 7, nil, 2]"#);
    assert_eq!(
        in_order(Args::named([("r#key", Value::from("k")), ("value", 7.into())])).unwrap(),
        r#"["k", 7]"#
    );
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let refused = |args| in_order(args).unwrap_err();
    assert_eq!(refused(args![]), "argument `key` is missing");
    assert_eq!(refused(args!["k"]), "argument `value` is missing");
    assert_eq!(refused(args![1, 2, 3, 4, 5]), "it takes 4 arguments, not 5");
    assert_eq!(refused(args![key: 1]), "argument `value` is missing");
    assert_eq!(refused(args![key: 1, value: 2, colour: 3]), "it has no argument `colour`");
    assert_eq!(refused(Args::named([("key", 1), ("value", 2), ("key", 3)])), "argument `key` is given twice");
    let one = Method::new("one").with_param("x", "u8");
    assert_eq!(args![1, 2].for_method(&one).unwrap_err(), "it takes 1 argument, not 2");
    assert_eq!(args![1, 2].for_method(&one.variadic()).unwrap().len(), 2);
}
