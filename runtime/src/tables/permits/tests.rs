//! The permits' rules, each by hand.

use super::*;

fn permits(object: u32, connection: u32, reserve: u32) -> Permits<u32> {
    Permits::new(PermitLimits { object, connection, reserve })
}

fn drain(permits: &mut Permits<u32>) -> Vec<u32> {
    std::iter::from_fn(|| permits.next()).collect()
}

/// Wants of cost 1 until the first that is not granted; how many were.
fn flood(permits: &mut Permits<u32>, import: usize, depth: u8, cost: u32) -> u32 {
    (0..).take_while(|_| permits.want(import, depth, cost, 0) == Want::Granted).count() as u32
}

#[test]
fn at_the_top_the_reserve_is_left_alone() {
    let mut permits = permits(10, 1000, 4);
    assert_eq!(flood(&mut permits, 0, 0, 1), 6);
    assert_eq!((permits.out(0), permits.waiting(0), permits.connection_out()), (6, 1, 6));
}

#[test]
fn each_depth_may_use_one_more_than_the_one_above() {
    let mut permits = permits(10, 1000, 4);
    assert_eq!(flood(&mut permits, 0, 0, 1), 6);
    for depth in 1..=4 {
        assert_eq!(flood(&mut permits, 0, depth, 1), 1, "at depth {depth}");
    }
    assert_eq!(permits.out(0), 10);
}

#[test]
fn the_reserve_is_at_most_half_of_the_permits() {
    assert_eq!(flood(&mut permits(2, 1000, 64), 0, 0, 1), 1);
    assert_eq!(flood(&mut permits(1, 1000, 64), 0, 0, 1), 1);
    assert_eq!(flood(&mut permits(1000, 64, 64), 0, 5, 1), 64);
    assert_eq!(flood(&mut permits(1000, 64, 64), 0, 2, 1), 64);
    assert_eq!(flood(&mut permits(1000, 64, 64), 0, 1, 1), 48);
}

#[test]
fn limits_that_are_too_small_to_move_are_raised() {
    let mut permits = permits(0, 0, 0);
    assert_eq!(permits.want(0, 0, 16, 1), Want::Granted);
    assert_eq!(permits.want(0, 0, 16, 2), Want::Queued);
    permits.give_back(0, 1, 16).unwrap();
    assert_eq!(drain(&mut permits), [2]);
}

#[test]
fn the_reserve_of_the_connection_steps_by_the_largest_call() {
    let mut permits = permits(1000, 64, 2);
    for import in 0..32 {
        assert_eq!(permits.want(import, 0, 1, 0), Want::Granted);
    }
    assert_eq!(permits.want(32, 0, 1, 0), Want::Queued);
    assert_eq!(permits.want(1, 1, 16, 1), Want::Granted);
    assert_eq!(permits.want(1, 1, 1, 2), Want::Queued);
    assert_eq!(permits.want(2, 2, 16, 3), Want::Granted);
    assert_eq!(permits.connection_out(), 64);
}

#[test]
fn deeper_than_the_reserve_and_none_free_is_overloaded() {
    let mut object = permits(4, 1000, 2);
    assert_eq!(flood(&mut object, 0, 2, 1), 4);
    assert_eq!(object.want(0, 3, 1, 9), Want::Overloaded);
    assert_eq!(object.want(1, 3, 1, 9), Want::Granted);
    let mut connection = permits(1000, 64, 2);
    assert_eq!(flood(&mut connection, 0, 2, 1), 64);
    assert_eq!(connection.want(1, 3, 1, 9), Want::Overloaded);
    assert_eq!(connection.waiting_total(), 1);
}

#[test]
fn a_line_is_first_come_first_served_and_a_newcomer_does_not_pass_it() {
    let mut permits = permits(2, 1000, 0);
    assert_eq!(flood(&mut permits, 0, 0, 1), 2);
    assert_eq!(permits.want(0, 0, 1, 1), Want::Queued);
    assert_eq!(permits.want(0, 0, 1, 2), Want::Queued);
    permits.give_back(0, 2, 2).unwrap();
    assert_eq!(permits.want(0, 0, 1, 3), Want::Queued);
    // 0 is the flood's own, which stands first.
    assert_eq!(drain(&mut permits), [0, 1]);
    permits.give_back(0, 2, 2).unwrap();
    assert_eq!(drain(&mut permits), [2, 3]);
}

#[test]
fn a_nested_call_is_not_behind_the_line_of_the_calls_above_it() {
    let mut permits = permits(4, 1000, 2);
    assert_eq!(flood(&mut permits, 0, 0, 1), 2);
    assert_eq!(permits.want(0, 1, 1, 7), Want::Granted);
}

#[test]
fn the_deepest_starts_first() {
    let mut permits = permits(4, 1000, 2);
    assert_eq!(flood(&mut permits, 0, 2, 1), 4);
    permits.withdraw(0, 2, 0);
    for depth in [0, 1, 2] {
        assert_eq!(permits.want(0, depth, 1, u32::from(depth)), Want::Queued);
    }
    permits.give_back(0, 4, 4).unwrap();
    assert_eq!(drain(&mut permits), [2, 1]);
    permits.give_back(0, 1, 1).unwrap();
    assert_eq!(drain(&mut permits), [0]);
}

#[test]
fn lines_that_wait_for_the_connection_take_turns() {
    let mut permits = permits(1000, 16, 0);
    assert_eq!(permits.want(0, 0, 16, 0), Want::Granted);
    for key in 0..3 {
        for import in 1..=3 {
            assert_eq!(permits.want(import, 0, 1, import as u32 * 10 + key), Want::Queued);
        }
    }
    permits.give_back(0, 1, 16).unwrap();
    assert_eq!(drain(&mut permits), [10, 20, 30, 11, 21, 31, 12, 22, 32]);
}

#[test]
fn small_calls_do_not_pass_a_large_one_that_waits_for_the_connection() {
    let mut permits = permits(1000, 16, 0);
    assert_eq!(permits.want(0, 0, 1, 0), Want::Granted);
    assert_eq!(permits.want(1, 0, 16, 1), Want::Queued);
    assert_eq!(permits.want(2, 0, 1, 2), Want::Queued);
    assert_eq!(drain(&mut permits), []);
    permits.give_back(0, 1, 1).unwrap();
    assert_eq!(drain(&mut permits), [1]);
    permits.give_back(1, 1, 16).unwrap();
    assert_eq!(drain(&mut permits), [2]);
}

#[test]
fn a_few_flooded_objects_leave_their_neighbour_its_permits() {
    for (flooded, cost) in [(1, 1), (2, 1), (5, 1), (12, 1), (2, 9), (8, 9), (8, 16)] {
        let mut permits = Permits::new(PermitLimits::default());
        for import in 0..flooded {
            flood(&mut permits, import, 0, cost);
        }
        assert_eq!(permits.waiting_total(), flooded, "{flooded} objects are flooded");
        assert_eq!(permits.want(flooded, 0, 1, 1), Want::Granted, "{flooded} objects, calls of {cost} KiB");
    }
}

#[test]
fn a_greedy_object_goes_on_when_it_holds_no_more_than_is_free() {
    let mut permits = permits(1000, 100, 0);
    assert_eq!(flood(&mut permits, 0, 0, 1), 51);
    assert_eq!(permits.want(0, 0, 1, 1), Want::Queued);
    assert_eq!(permits.want(0, 1, 1, 2), Want::Granted, "nested calls are exempt");
    permits.give_back(0, 1, 1).unwrap();
    assert_eq!(drain(&mut permits), []);
    permits.give_back(0, 2, 2).unwrap();
    assert_eq!(drain(&mut permits), [0, 1]);
}

#[test]
fn a_greedy_object_that_lacks_permits_of_its_own_is_not_in_the_way_of_the_next() {
    let mut permits = permits(10, 60, 2);
    assert_eq!(permits.want(2, 0, 16, 0), Want::Granted);
    assert_eq!(permits.want(2, 0, 16, 0), Want::Granted);
    assert_eq!(flood(&mut permits, 0, 0, 1), 7);
    assert_eq!(permits.want(0, 1, 1, 0), Want::Granted, "now object 0 has none left for depth 0");
    assert_eq!(permits.want(1, 1, 16, 0), Want::Granted);
    assert_eq!(permits.want(1, 0, 1, 9), Want::Queued);
    permits.give_back(2, 2, 32).unwrap();
    assert_eq!(drain(&mut permits), [9]);
}

#[test]
fn who_gives_up_lets_the_next_one_stand_in_its_place() {
    let mut permits = permits(1000, 16, 0);
    assert_eq!(permits.want(0, 0, 15, 0), Want::Granted);
    assert_eq!(permits.want(1, 0, 2, 1), Want::Queued);
    assert_eq!(permits.want(1, 0, 1, 2), Want::Queued);
    assert_eq!(permits.want(1, 0, 1, 3), Want::Queued);
    permits.withdraw(1, 0, 9);
    permits.withdraw(5, 5, 1);
    assert_eq!(permits.waiting(1), 3);
    permits.withdraw(1, 0, 1);
    assert_eq!(drain(&mut permits), [2]);
    permits.withdraw(1, 0, 3);
    assert_eq!((permits.waiting_total(), permits.waiting(1)), (0, 0));
}

#[test]
fn when_the_last_of_a_line_gives_up_those_behind_the_line_start() {
    let mut permits = permits(1000, 16, 0);
    assert_eq!(permits.want(0, 0, 1, 0), Want::Granted);
    assert_eq!(permits.want(1, 0, 16, 1), Want::Queued);
    assert_eq!(permits.want(2, 0, 1, 2), Want::Queued);
    permits.withdraw(1, 0, 1);
    assert_eq!(drain(&mut permits), [2]);
}

#[test]
fn a_pause_holds_everything_back_and_loses_nothing() {
    let mut permits = permits(10, 1000, 2);
    permits.pause(true);
    assert_eq!(permits.want(0, 0, 1, 1), Want::Queued);
    assert_eq!(permits.want(1, 1, 1, 2), Want::Queued);
    assert_eq!(permits.want(1, 9, 1, 3), Want::Queued);
    assert_eq!(permits.next(), None);
    permits.pause(false);
    assert_eq!(drain(&mut permits), [3, 2, 1]);
}

#[test]
fn more_back_than_out_is_an_excess_and_changes_nothing() {
    let mut permits = permits(10, 1000, 2);
    assert_eq!(permits.want(0, 0, 3, 1), Want::Granted);
    assert_eq!(permits.want(0, 0, 2, 1), Want::Granted);
    assert_eq!(permits.want(1, 0, 9, 1), Want::Granted);
    let excess = |calls, cost| Err(Excess { calls, cost, calls_out: 2, cost_out: 5 });
    assert_eq!(permits.give_back(0, 3, 5), excess(3, 5));
    assert_eq!(permits.give_back(0, 2, 6), excess(2, 6));
    assert_eq!(permits.give_back(0, 2, 4), excess(2, 4), "some of it would never come back");
    assert_eq!(permits.give_back(0, 1, 5), excess(1, 5), "the other call costs something too");
    assert_eq!(
        permits.give_back(7, 1, 1).unwrap_err().to_string(),
        "1 calls of 1 KiB answered where 0 calls of 0 KiB are under way"
    );
    assert_eq!((permits.out(0), permits.connection_out()), (2, 14));
    assert_eq!(permits.give_back(0, 2, 5), Ok(()));
    assert_eq!((permits.out(0), permits.connection_out()), (0, 9));
}

#[test]
fn a_forgotten_slot_serves_the_next_import() {
    let mut permits = permits(2, 1000, 0);
    assert_eq!(flood(&mut permits, 3, 0, 1), 2);
    permits.withdraw(3, 0, 0);
    permits.give_back(3, 2, 2).unwrap();
    permits.forget(3);
    permits.forget(99);
    assert_eq!(flood(&mut permits, 3, 0, 1), 2);
}
