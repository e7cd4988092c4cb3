//! Golden bytes of items, and reading them back however they are cut.

use super::*;
use crate::wire::{ObjectId, RefKind};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn reference(id: u32) -> Reference {
    Reference { kind: RefKind::Export, id: ObjectId(id), fingerprint: 0xaabb, ..Reference::DEAD }
}

fn item(refs: &[Reference], body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    put_item(&mut out, refs, body.len());
    out.put_slice(body);
    assert_eq!(out.len(), item_len(refs.len(), body.len()));
    out
}

/// All pieces of a stream that arrives in chunks of these lengths, in turn.
fn read(mut reader: ItemReader, bytes: &[u8], cuts: &[usize]) -> Vec<Piece> {
    let (mut bytes, mut pieces, mut cuts) = (Bytes::copy_from_slice(bytes), Vec::new(), cuts.iter().cycle());
    while !bytes.is_empty() {
        let cut = *cuts.next().unwrap();
        reader.push(bytes.split_to(cut.min(bytes.len())));
        while let Some(piece) = reader.next().unwrap() {
            pieces.push(piece);
        }
    }
    assert_eq!(reader.begun(), 0, "all of it is given out");
    pieces
}

#[test]
fn an_item_is_its_length_its_kind_and_its_body() {
    assert_eq!(hex(&item(&[], &[7])), "02000000 00 07".replace(' ', ""));
    let with_reference = "15000000 80 0100 0100000005000000bbaa000000000000 d4 01".replace(' ', "");
    assert_eq!(hex(&item(&[reference(5)], &[0xd4, 1])), with_reference);
    let mut out = BytesMut::new();
    put_end(&mut out);
    assert_eq!(hex(&out), "0100000001");
    assert_eq!(hex(&last_word_with(3, "no")), "04000000 02 03 6e6f".replace(' ', ""));
    assert_eq!(hex(&last_word(4)), "02000000 02 04".replace(' ', ""));
}

#[test]
fn a_short_item_costs_sixty_four_bytes() {
    let bytes = item(&[], b"short");
    let pieces = read(ItemReader::items(100), &bytes, &[3]);
    assert_eq!(pieces, [Piece::Body { bytes: Bytes::from_static(b"short"), cost: 64 }]);
    let cost: u64 = read(ItemReader::bytes(100), &bytes, &[3]).iter().map(cost).sum();
    assert_eq!(cost, 64);
}

fn cost(piece: &Piece) -> u64 {
    if let Piece::Body { cost, .. } = piece { *cost } else { 0 }
}

#[test]
fn items_are_whole_and_bytes_come_as_they_arrive_however_they_are_cut() {
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..300 {
        let (mut bytes, mut expected, mut plain, mut costs) = (BytesMut::new(), Vec::new(), Vec::new(), 0);
        for _ in 0..rng.random_range(0..6) {
            let body: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
            bytes.extend_from_slice(&item(&[], &body));
            let cost = item_cost(item_len(0, body.len()));
            costs += cost;
            plain.extend_from_slice(&body);
            expected.push(Piece::Body { bytes: body.into(), cost });
        }
        put_end(&mut bytes);
        expected.push(Piece::End);
        let cuts: Vec<usize> = (0..7).map(|_| rng.random_range(1..100)).collect();
        assert_eq!(read(ItemReader::items(200), &bytes, &cuts), expected);
        let pieces = read(ItemReader::bytes(200), &bytes, &cuts);
        assert_eq!(pieces.iter().map(cost).sum::<u64>(), costs);
        assert_eq!(pieces.last(), Some(&Piece::End));
        let bodies =
            pieces.iter().filter_map(|p| if let Piece::Body { bytes, .. } = p { Some(bytes) } else { None });
        assert_eq!(bodies.flatten().copied().collect::<Vec<u8>>(), plain);
    }
}

#[test]
fn a_table_comes_before_its_item_and_without_it() {
    let bytes = item(&[reference(1), reference(2)], &[9; 100]).freeze();
    for cut in [1, 2, 7, 30, 1_000] {
        let mut reader = ItemReader::items(100);
        let mut pieces = Vec::new();
        for chunk in bytes.slice(..ITEM_HEAD_LEN + 2 + 32).chunks(cut) {
            reader.push(Bytes::copy_from_slice(chunk));
            while let Some(piece) = reader.next().unwrap() {
                pieces.push(piece);
            }
        }
        assert_eq!(pieces, [Piece::Table([reference(1), reference(2)].into_iter().collect())]);
        assert_eq!((reader.begun(), reader.missing()), (39, 100));
    }
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let refused = |mut reader: ItemReader, bytes: &[u8]| {
        reader.push(Bytes::copy_from_slice(bytes));
        loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it was taken"),
                Err(error) => return error.to_string(),
            }
        }
    };
    let items = || ItemReader::items(10);
    assert_eq!(refused(items(), &[0, 0, 0, 0, 0]), "a stream has an item without a kind");
    assert_eq!(refused(items(), &[1, 0, 0, 0, 3]), "a stream has an item of an unknown kind");
    assert_eq!(refused(items(), &item(&[], &[0; 11])), "a stream has an item above the limit");
    assert_eq!(refused(items(), &[2, 0, 0, 0, 1, 0]), "a stream has an item above the limit");
    assert_eq!(refused(items(), &[1, 0, 0, 0, 1, 1]), "a stream goes on after its end");
    assert_eq!(refused(items(), &[3, 0, 0, 0, 0x80, 0, 0]), "0 references in one frame");
    assert_eq!(refused(items(), &[3, 0, 0, 0, 0x80, 1, 0]), "the frame ends inside its reference table");
    let with_table = item(&[reference(1)], &[0; 3]);
    let said = "a stream has references where none may be";
    assert_eq!(refused(ItemReader::bytes(10), &with_table), said);
}
