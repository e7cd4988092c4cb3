//! Tests of the deframer: every way a stream may be cut into chunks gives the same frames.

use super::*;

fn all(deframer: &mut Deframer) -> Result<Vec<Bytes>, FrameError> {
    let mut frames = Vec::new();
    while let Some(frame) = deframer.next()? {
        frames.push(frame);
    }
    Ok(frames)
}

fn stream(bodies: &[&[u8]]) -> Bytes {
    let mut bytes = BytesMut::new();
    for body in bodies {
        put_frame(&mut bytes, body).unwrap();
    }
    bytes.freeze()
}

#[test]
fn every_split_gives_the_same_frames() {
    let bodies: [&[u8]; 4] = [b"abc", b"", b"d", b"ef"];
    let bytes = stream(&bodies);
    // Each bit of `cuts` is a place between two bytes.
    for cuts in 0..1u32 << (bytes.len() - 1).min(16) {
        for greedy in [true, false] {
            let mut deframer = Deframer::new(3);
            let mut frames = Vec::new();
            let mut from = 0;
            for at in 1..=bytes.len() {
                if at == bytes.len() || cuts >> (at - 1) & 1 == 1 {
                    deframer.push(bytes.slice(from..at));
                    from = at;
                    if greedy {
                        frames.extend(all(&mut deframer).unwrap());
                    }
                }
            }
            frames.extend(all(&mut deframer).unwrap());
            assert_eq!(frames, bodies, "cuts {cuts:b}");
            assert_eq!(deframer.finish(), Ok(()));
            assert_eq!(deframer.buffered(), 0);
        }
    }
}

/// The same as [`all`], with frames taken where they lie as long as there are such.
fn all_in_place(deframer: &mut Deframer, max: usize) -> Vec<Bytes> {
    let mut frames = Vec::new();
    loop {
        if let Some(frame) = deframer.peek(max) {
            assert!((1..=max).contains(&frame.len()));
            frames.push(Bytes::copy_from_slice(frame));
            deframer.skip();
        } else if let Some(frame) = deframer.next().unwrap() {
            frames.push(frame);
        } else {
            return frames;
        }
    }
}

#[test]
fn frames_may_be_taken_where_they_lie() {
    let bodies: [&[u8]; 4] = [b"abc", b"", b"d", b"ef"];
    let bytes = stream(&bodies);
    for cut in 0..=bytes.len() {
        for max in 0..=3 {
            let mut deframer = Deframer::new(3);
            deframer.push(bytes.slice(..cut));
            let mut frames = all_in_place(&mut deframer, max);
            deframer.push(bytes.slice(cut..));
            frames.extend(all_in_place(&mut deframer, max));
            assert_eq!(frames, bodies, "cut at {cut}, up to {max} bytes in place");
            assert_eq!((deframer.finish(), deframer.buffered()), (Ok(()), 0));
        }
    }
}

#[test]
fn what_is_no_frame_is_not_shown_and_not_skipped() {
    for (bytes, wrong) in [
        (stream(&[b"a"]), FrameError::TooShort { len: 1, min: 2 }),
        (stream(&[b"abcd"]), FrameError::TooLarge { len: 4, max: 3 }),
    ] {
        let mut deframer = Deframer::new(3).with_min(2);
        deframer.push(bytes);
        assert_eq!(deframer.peek(9), None);
        deframer.skip();
        assert_eq!(deframer.next(), Err(wrong));
    }
}

#[test]
fn every_truncation_is_seen() {
    let bytes = stream(&[b"abc", b"", b"de"]);
    let ends = [0, 7, 11, bytes.len()];
    for cut in 0..=bytes.len() {
        let mut deframer = Deframer::new(3);
        deframer.push(bytes.slice(..cut));
        all(&mut deframer).unwrap();
        let whole = ends.contains(&cut);
        assert_eq!(deframer.finish(), if whole { Ok(()) } else { Err(FrameError::Truncated) }, "at {cut}");
        let begun = cut - ends.iter().filter(|end| **end <= cut).max().unwrap();
        assert_eq!(deframer.buffered(), begun);
    }
}

#[test]
fn a_frame_within_a_chunk_is_not_copied() {
    let bytes = stream(&[b"abc", b"de"]);
    let mut deframer = Deframer::new(3);
    deframer.push(bytes.clone());
    assert_eq!(deframer.next().unwrap().unwrap().as_ptr(), bytes[4..].as_ptr());
    assert_eq!(deframer.next().unwrap().unwrap().as_ptr(), bytes[11..].as_ptr());
}

#[test]
fn a_frame_that_is_too_large_is_refused_for_good() {
    let mut deframer = Deframer::new(2);
    deframer.push(stream(&[b"ab", b"abc", b"a"]));
    assert_eq!(deframer.next().unwrap().unwrap(), "ab");
    let error = FrameError::TooLarge { len: 3, max: 2 };
    assert_eq!(deframer.next(), Err(error));
    deframer.push(stream(&[b"a"]));
    assert_eq!(deframer.next(), Err(error));
    assert_eq!(deframer.finish(), Err(error));
}

#[test]
fn a_frame_that_is_too_short_is_refused() {
    let mut deframer = Deframer::new(9).with_min(2);
    deframer.push(stream(&[b"ab", b"a"]));
    assert_eq!(deframer.next().unwrap().unwrap(), "ab");
    assert_eq!(deframer.next(), Err(FrameError::TooShort { len: 1, min: 2 }));
}

#[test]
fn an_announced_length_is_not_allocated() {
    let mut deframer = Deframer::new(usize::MAX);
    deframer.push(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 1]));
    assert_eq!(deframer.next(), Ok(None));
    assert_eq!(deframer.buffered(), 5);
    let Stage::Body(_, body) = &deframer.stage else { panic!("the length is known") };
    assert!(body.capacity() <= 2 * FIRST_RESERVE);
}

#[test]
fn a_length_can_be_set_afterwards() {
    let mut buffer = vec![9];
    put_len(&mut buffer, 0).unwrap();
    buffer.extend_from_slice(b"abc");
    patch_len(&mut buffer, 1).unwrap();
    assert_eq!(buffer, b"\x09\x03\0\0\0abc");
    assert_eq!(patch_len(&mut buffer, 5), Err(FrameError::Truncated));
    assert_eq!(patch_len(&mut buffer, 99), Err(FrameError::Truncated));
}
