//! What does it cost to turn typical arguments into MessagePack, and back?
//!
//! `call_*` makes a call of a remote object and drops it unsent: that is its arguments' encoding with what goes around it.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use duologue::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stage::Stage;
use transport::msgpack::{from_slice, to_vec};

mod stage;

fn main() {
    stage::measure();
}

/// A record of a store.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Order {
    number: u64,
    customer: String,
    paid: bool,
    lines: Vec<(String, u32, f64)>,
    notes: BTreeMap<String, String>,
}

fn order() -> Order {
    Order {
        number: 4_711,
        customer: "Ada Lovelace".to_owned(),
        paid: true,
        lines: (0..5).map(|n| (format!("article {n}"), n, 9.95)).collect(),
        notes: BTreeMap::from([("gift".to_owned(), "yes".to_owned())]),
    }
}

fn write<T: Serialize>(bencher: Bencher<'_, '_>, value: T) {
    bencher.bench_local(|| to_vec(black_box(&value)).expect("it can be written"));
}

fn read<T: Serialize + DeserializeOwned>(bencher: Bencher<'_, '_>, value: T) {
    let bytes = to_vec(&value).expect("it can be written");
    bencher.bench_local(|| from_slice::<T>(black_box(&bytes)).expect("it was written so"));
}

#[divan::bench]
fn write_two_numbers(bencher: Bencher<'_, '_>) {
    write(bencher, (1_234_i64, -5_i64));
}

#[divan::bench]
fn read_two_numbers(bencher: Bencher<'_, '_>) {
    read(bencher, (1_234_i64, -5_i64));
}

#[divan::bench]
fn write_text(bencher: Bencher<'_, '_>) {
    write(bencher, "the quick brown fox jumps over the lazy dog".to_owned());
}

#[divan::bench]
fn read_text(bencher: Bencher<'_, '_>) {
    read(bencher, "the quick brown fox jumps over the lazy dog".to_owned());
}

#[divan::bench]
fn write_record(bencher: Bencher<'_, '_>) {
    write(bencher, order());
}

#[divan::bench]
fn read_record(bencher: Bencher<'_, '_>) {
    read(bencher, order());
}

#[divan::bench]
fn write_1000_numbers(bencher: Bencher<'_, '_>) {
    write(bencher, (0..1_000).map(f64::from).collect::<Vec<f64>>());
}

#[divan::bench]
fn read_1000_numbers(bencher: Bencher<'_, '_>) {
    read(bencher, (0..1_000).map(f64::from).collect::<Vec<f64>>());
}

#[divan::bench]
fn call_with_two_numbers(bencher: Bencher<'_, '_>) {
    let stage = Stage::new();
    bencher.bench_local(|| drop(stage.desk.sum(black_box(1_234), black_box(-5))));
}

#[divan::bench(args = [64, 1_024, 8_000])]
fn call_with_bytes(bencher: Bencher<'_, '_>, size: usize) {
    let stage = Stage::new();
    let bytes = Bytes::from(vec![7; size]);
    bencher.bench_local(|| drop(stage.desk.take(black_box(bytes.clone()))));
}
