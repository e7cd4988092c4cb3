//! What does it cost to frame a message, and to find the frames in what a stream brings?

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use transport::Bytes;
use transport::frame::{Deframer, put_frame};

mod stage;

/// Frames in a chunk, as a busy stream has them.
const FRAMES: usize = 64;
const MAX: usize = 16 * 1024;

/// Of a small call, of a kibibyte, and the largest that is inlined.
const SIZES: [usize; 3] = [24, 1_024, 8_192];

fn main() {
    stage::measure();
}

#[divan::bench(args = SIZES)]
fn write_64(bencher: Bencher<'_, '_>, size: usize) {
    let body = vec![7; size];
    let mut buffer = Vec::with_capacity(FRAMES * (size + 8));
    bencher.counter(BytesCount::new(FRAMES * size)).bench_local(|| {
        buffer.clear();
        (0..FRAMES).for_each(|_| put_frame(&mut buffer, black_box(&body)).expect("they are small"));
        buffer.len()
    });
}

#[divan::bench(args = SIZES)]
fn read_64_of_one_chunk(bencher: Bencher<'_, '_>, size: usize) {
    let chunk = chunk(size);
    bencher.counter(BytesCount::new(FRAMES * size)).bench_local(|| read([chunk.clone()]));
}

/// The frames lie across the borders of packets.
#[divan::bench(args = SIZES)]
fn read_64_of_packets(bencher: Bencher<'_, '_>, size: usize) {
    let chunk = chunk(size);
    let packets: Vec<Bytes> =
        (0..chunk.len()).step_by(1_300).map(|at| chunk.slice(at..chunk.len().min(at + 1_300))).collect();
    bencher.counter(BytesCount::new(FRAMES * size)).bench_local(|| read(packets.iter().cloned()));
}

fn chunk(size: usize) -> Bytes {
    let mut buffer = Vec::new();
    (0..FRAMES).for_each(|_| put_frame(&mut buffer, &vec![7; size]).expect("they are small"));
    buffer.into()
}

fn read(chunks: impl IntoIterator<Item = Bytes>) {
    let mut deframer = Deframer::new(MAX);
    let mut frames = 0;
    for chunk in chunks {
        deframer.push(chunk);
        while let Some(frame) = deframer.next().expect("they were written well") {
            black_box(frame);
            frames += 1;
        }
    }
    assert_eq!(frames, FRAMES);
}
