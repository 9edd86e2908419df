use super::*;

/// Slots holding the given tokens, used in that order.
fn slots(cells: usize, places: &[&[Token]]) -> Slots {
    let mut slots = Slots::new(3, 1, cells);
    for (slot, tokens) in places.iter().enumerate() {
        if !tokens.is_empty() {
            slots.get_mut(slot).push(tokens);
            slots.touch(slot);
        }
    }
    slots
}

fn run(from: Token, to: Token) -> Vec<Token> {
    (from..to).collect()
}

#[test]
fn typing_continues_the_same_slot() {
    let slots = slots(4096, &[&run(0, 100), &run(500, 600)]);
    let plan = slots.plan(&run(0, 101), 10, Pool::Places, &[]).unwrap();
    assert_eq!(plan, Plan { slot: 0, keep: 100, copy: None, evict: vec![] });
}

#[test]
fn another_place_takes_an_empty_slot_and_copies_what_it_shares() {
    let held = run(0, 100);
    let mut prompt = run(0, 20);
    prompt.extend(run(300, 500));
    let slots = slots(4096, &[&held]);
    let plan = slots.plan(&prompt, 10, Pool::Places, &[]).unwrap();
    assert_eq!(plan, Plan { slot: 1, keep: 0, copy: Some(Copy { from: 0, tokens: 20 }), evict: vec![] });
    assert_eq!(plan.reused(), 20);
}

#[test]
fn what_is_read_ahead_of_need_cuts_nothing_off() {
    let slots = slots(4096, &[&run(0, 100)]);
    let mut prompt = run(0, 80);
    prompt.extend(run(300, 330));
    let plan = |pool| slots.plan(&prompt, 0, pool, &[]).unwrap();
    assert_eq!((plan(Pool::Places).slot, plan(Pool::Places).keep), (0, 80));
    let beside = Plan { slot: 1, keep: 0, copy: Some(Copy { from: 0, tokens: 80 }), evict: vec![] };
    assert_eq!(plan(Pool::Beside), beside);
    // What only grows is continued.
    let plan = slots.plan(&run(0, 120), 0, Pool::Beside, &[]).unwrap();
    assert_eq!((plan.slot, plan.keep), (0, 100));
    assert_eq!((slots.holding(&run(0, 100)), slots.holding(&run(0, 60))), (Some(0), Some(0)));
    assert_eq!(slots.holding(&run(0, 101)), None);
}

#[test]
fn a_retired_place_gives_way_first() {
    let mut slots = slots(4096, &[&run(0, 50), &run(100, 150), &run(200, 250)]);
    slots.retire(&run(200, 240), &[2]);
    slots.retire(&run(900, 950), &[]);
    assert_eq!(slots.plan(&run(900, 950), 10, Pool::Places, &[]).unwrap().slot, 0);
    slots.retire(&run(200, 240), &[]);
    assert_eq!(slots.plan(&run(900, 950), 10, Pool::Places, &[]).unwrap().slot, 2);
}

#[test]
fn the_least_recently_used_place_gives_way() {
    let mut slots = slots(4096, &[&run(0, 50), &run(100, 150), &run(200, 250)]);
    slots.touch(0);
    let plan = slots.plan(&run(900, 950), 10, Pool::Places, &[]).unwrap();
    assert_eq!(plan.slot, 1);
}

#[test]
fn eviction_spares_the_slot_in_use_and_paused_work() {
    let mut slots = slots(400, &[&run(0, 100), &run(100, 200)]);
    slots.get_mut(3).push(&run(700, 720));
    slots.touch(3);
    let plan = slots.plan(&run(0, 200), 20, Pool::Places, &[3]).unwrap();
    assert_eq!(plan, Plan { slot: 0, keep: 100, copy: None, evict: vec![1] });
    assert_eq!(slots.plan(&run(0, 400), 20, Pool::Places, &[3]), None);
}

#[test]
fn paused_work_keeps_the_room_it_will_need() {
    let mut slots = slots(500, &[&run(0, 100)]);
    slots.get_mut(3).push(&run(700, 710));
    slots.touch(3);
    slots.reserve(3, 250);
    // 250 for the paused action, 64 to spare: 186 are left, so the place of 100 must go.
    let plan = slots.plan(&run(900, 1040), 20, Pool::Places, &[3]).unwrap();
    assert_eq!(plan.evict, [0]);
    assert_eq!(slots.plan(&run(900, 1100), 20, Pool::Places, &[3]), None);
}

#[test]
fn actions_never_take_a_place() {
    let slots = slots(4096, &[&run(0, 100)]);
    assert_eq!(slots.plan(&run(0, 100), 10, Pool::Actions, &[]).unwrap().slot, 3);
}

#[test]
fn a_row_lives_as_long_as_its_tokens() {
    let mut slot = Slot::default();
    slot.push(&[1, 2, 3]);
    slot.keep_row(&[0.5]);
    slot.push(&[4]);
    assert_eq!(slot.row(3), Some(&[0.5][..]));
    assert_eq!(slot.row(4), None);
    slot.truncate(3);
    assert!(slot.row(3).is_some());
    slot.keep_row(&[0.7]);
    slot.push(&[5]);
    slot.keep_row(&[0.9]);
    let rows = [3, 4].map(|at| slot.row(at).map(<[f32]>::to_vec));
    assert_eq!(rows, [Some(vec![0.7]), Some(vec![0.9])], "the last two");
    slot.truncate(3);
    assert!(slot.row(3).is_some());
    slot.truncate(2);
    assert_eq!(slot.row(3), None);
}

#[test]
fn a_word_is_known_as_far_as_there_are_rows() {
    let mut slot = Slot::default();
    slot.push(&[1, 2]);
    slot.keep_row(&[0.2]);
    assert_eq!(slot.known_behind(2), 0);
    for token in 3..6 {
        slot.push(&[token]);
        slot.keep_word_row(&[token as f32]);
    }
    slot.push(&[6]);
    assert_eq!([1, 2, 3, 5, 6, 9].map(|at| slot.known_behind(at)), [4, 3, 2, 0, 0, 0]);
    assert_eq!((slot.row(4), slot.rows().count()), (Some(&[4.0][..]), 1));
    slot.truncate(4);
    assert_eq!(slot.known_behind(2), 2);
    // Many words do not push out the prompt's own row.
    for token in 10..20 {
        slot.push(&[token]);
        slot.keep_word_row(&[0.0]);
    }
    assert_eq!((slot.row(2), slot.row(3)), (Some(&[0.2][..]), None));
}
