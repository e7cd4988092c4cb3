//! What a descriptor says of itself, how it is printed, and how it is read from others.

use super::*;

fn marks(access: Access) -> Marks {
    Marks { is_async: false, exclusive: false, cancel: true, idempotent: false, fallible: false, access }
}

/// As the macro writes one.
static DESK: Descriptor = Descriptor::fixed(
    "Desk",
    const { &[Cow::Borrowed("table"), Cow::Borrowed("bureau")] },
    3,
    "Calculates.\n\nAnd remembers.",
    const {
        &[
            Method::fixed(
                "add",
                "Adds.",
                const {
                    &[
                        Param::fixed("a", "i64", false),
                        Param::fixed("note", "Option<String>", true),
                        Param::fixed("times", "u8", true),
                    ]
                },
                "i64",
                Marks {
                    is_async: true,
                    exclusive: true,
                    cancel: true,
                    idempotent: true,
                    fallible: false,
                    access: Access::Call,
                },
            ),
            Method::fixed(
                "limit",
                "",
                &[],
                "Result<Vec<(u8, u8)>, NotFound>",
                Marks {
                    is_async: false,
                    exclusive: false,
                    cancel: false,
                    idempotent: false,
                    fallible: true,
                    access: Access::Get,
                },
            ),
            Method::fixed(
                "set_limit",
                "How much it takes.",
                const { &[Param::fixed("value", "&str", false)] },
                "()",
                Marks {
                    is_async: false,
                    exclusive: true,
                    cancel: false,
                    idempotent: false,
                    fallible: false,
                    access: Access::Set,
                },
            ),
        ]
    },
);

const PRINTED: &str = "\
/// Calculates.
///
/// And remembers.
#[service(aliases = [\"table\", \"bureau\"], version = 3)]
trait Desk {
    /// Adds.
    #[idempotent]
    #[cancel]
    async fn add(&mut self, a: i64, note: Option<String>, #[serde(default)] times: u8) -> i64;

    #[get]
    #[no_cancel]
    fn limit(&self) -> Result<Vec<(u8, u8)>, NotFound>;

    /// How much it takes.
    #[set]
    fn set_limit(&mut self, value: &str);
}
";

#[test]
fn it_is_printed_like_the_trait() {
    assert_eq!(DESK.to_string(), PRINTED);
    assert_eq!(Descriptor::new("Void").to_string(), "trait Void {}\n");
}

#[test]
fn it_comes_back_whole_from_messagepack_and_computes_what_follows_from_the_rest() {
    let bytes = rmp_serde::to_vec_named(&DESK).unwrap();
    let back: Descriptor = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(back, DESK);
    assert!(back.exclusive);
    assert_eq!(back.fingerprint, fingerprint(&["add", "limit", "set_limit"]));
}

#[test]
fn a_newer_descriptor_is_read_over_and_an_older_one_takes_defaults() {
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    struct Newer<'a> {
        name: &'a str,
        colour: &'a str,
        fingerprint: u64,
        methods: Vec<BTreeMap<&'a str, &'a str>>,
    }
    let method = BTreeMap::from([("name", "add"), ("access", "teleport"), ("smell", "roses")]);
    let newer = Newer { name: "Desk", colour: "red", fingerprint: 7, methods: vec![method] };
    let read: Descriptor = rmp_serde::from_slice(&rmp_serde::to_vec_named(&newer).unwrap()).unwrap();
    assert_eq!(read.to_string(), "trait Desk {\n    #[no_cancel]\n    fn add(&self);\n}\n");
    assert_eq!(read.fingerprint(), fingerprint(&["add"]), "what the peer says of it is not believed");
    let oldest = BTreeMap::from([("name", "Desk")]);
    let read: Descriptor = rmp_serde::from_slice(&rmp_serde::to_vec_named(&oldest).unwrap()).unwrap();
    assert_eq!(read, Descriptor::new("Desk"));
}

#[test]
fn one_put_together_equals_one_that_was_written() {
    let add = Method::new("add").with_doc("Adds.").with_param("a", "i64").returning("i64");
    let built =
        Descriptor::new("Sum").with_alias("plus").with_method(add).with_attribute("limit", "u8", true);
    assert_eq!(built.fingerprint(), fingerprint(&["add", "limit", "set_limit"]));
    assert_eq!(built.number_of("set_limit"), Some(2));
    assert_eq!(built.method("add").unwrap().params()[0].ty(), "i64");
    assert!(built.answers_to("PLUS") && built.answers_to("sum") && !built.answers_to("minus"));
}

#[test]
fn attributes_join_what_reads_and_what_writes_them() {
    let limit = Attribute {
        name: "limit",
        ty: "Vec<(u8, u8)>",
        doc: "How much it takes.",
        readable: true,
        writable: true,
    };
    assert_eq!(DESK.attributes(), [limit]);
    assert_eq!(DESK.accessor("limit", Access::Set), Some(2));
    assert_eq!(DESK.accessor("add", Access::Get), None);
    let named = |name: &'static str, access| Method::fixed(name, "", &[], "()", marks(access));
    let odd = Descriptor::new("Odd")
        .with_method(named("set_", Access::Set))
        .with_method(named("set_set_x", Access::Set))
        .with_method(named("get_y", Access::Get));
    let names: Vec<_> = odd.attributes().iter().map(|a| (a.name, a.readable, a.writable)).collect();
    assert_eq!(names, [("set_", false, true), ("set_x", false, true), ("get_y", true, false)]);
}

#[test]
fn a_type_behind_result_is_found_whatever_is_in_it() {
    let of = |ty: &'static str| {
        let mut method = Method::new("x").returning(ty);
        method.access = Access::Get;
        method.attribute_type().to_owned()
    };
    assert_eq!(of("u8"), "u8");
    assert_eq!(of("Result<u8, String>"), "u8");
    assert_eq!(of("io::Result<u8>"), "u8");
    assert_eq!(of("Result<HashMap<u8, (A, [B; 2])>, E>"), "HashMap<u8, (A, [B; 2])>");
    assert_eq!(of("MyResult<u8, String>"), "MyResult<u8, String>");
    assert_eq!(of("Result<"), "Result<", "text of a peer may be anything");
}

#[test]
fn text_of_a_peer_does_nothing_to_a_terminal() {
    let method = Method::new("a\u{1b}[2J").with_doc("red\r\nwhite").with_param("b\n", "\u{202e}u8");
    let sly = Descriptor::new("X\n}").with_alias("\u{7}").with_method(method).to_string();
    let expected = "#[service(aliases = [\"\\u{7}\"])]\ntrait X\\n} {\n    /// red\n    /// white\n    \
                    async fn a\\u{1b}[2J(&self, b\\n: \\u{202e}u8);\n}\n";
    assert_eq!(sly, expected);
}

#[test]
fn parts_that_fit_a_room_make_the_whole_again() {
    let mut wide = Descriptor::new("Wide").with_doc("x".repeat(5_000)).with_alias("w");
    for n in 0..300 {
        let method = Method::new(format!("method_{n}")).with_doc("y".repeat(n * 10)).with_param("p", "T");
        wide = wide.with_method(method);
    }
    let mut parts = vec![wide.part(0, 6_000, 2_048)];
    while parts.iter().map(|p| p.methods.len()).sum::<usize>() < 300 {
        let from = parts.iter().map(|p| p.methods.len()).sum();
        parts.push(wide.part(from, 6_000, 2_048));
    }
    for part in &parts {
        assert!(!part.methods.is_empty());
        let written = rmp_serde::to_vec_named(part).unwrap().len();
        assert!(written <= 6_000, "{written} bytes");
    }
    let names: Vec<_> = parts.iter().flat_map(|p| p.methods.iter()).map(|m| m.name.clone()).collect();
    assert_eq!(names, wide.methods.iter().map(|m| m.name.clone()).collect::<Vec<_>>());
    assert_eq!(parts[0].doc, format!("{} ..", "x".repeat(2_048)));
    assert_eq!(parts[1].doc, "");
    let umlauts = Descriptor::new("U").with_doc("ü".repeat(2_000));
    assert_eq!(umlauts.part(0, 6_000, 2_047).doc, format!("{} ..", "ü".repeat(1_023)), "whole characters");
}
