//! Random lives of a run against a model of the store: chunks, ends, failures, stale answers,
//! decisions, stops, and the death of the node at any point.

mod world;

use domain::store::{OpenAnswer, RunRecords};
use domain::{CallId, CallState, LedgerEntry, MessageId, RunState, ToolClass};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;
use world::{Happening, World, fresh_records, settings};

use super::{Effect, Input, Machine, Settings};
use crate::ports::ModelChunk;

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0u8..20).prop_map(Happening::Text),
        1 => Just(Happening::Reasoning),
        1 => Just(Happening::Arguments),
        4 => (proptest::collection::vec(any::<u8>(), 0..5), prop::bool::weighted(0.1))
            .prop_map(|(tools, cut)| Happening::End { tools, cut }),
        2 => prop::bool::weighted(0.7).prop_map(|transient| Happening::Fail { transient }),
        2 => Just(Happening::Timer),
        4 => any::<u8>().prop_map(Happening::ToolDone),
        1 => Just(Happening::Stale),
        2 => any::<bool>().prop_map(Happening::Decide),
        1 => any::<bool>().prop_map(Happening::Permit),
        1 => prop::bool::weighted(0.5)
            .prop_map(|cancel| if cancel { Happening::Cancel } else { Happening::OutOfTime }),
        2 => Just(Happening::Crash),
        3 => (0u8..8).prop_map(Happening::Doom),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_life_of_a_run_ends_once_and_leaves_no_call_open(
        prefill in any::<bool>(),
        life in proptest::collection::vec(happening(), 0..60),
    ) {
        let mut world = World::new(prefill);
        world.settle_effects();
        for happening in life {
            world.happen(happening);
        }
        world.finish();
        world.stale();
        world.check();
    }
}

#[test]
fn text_that_a_dead_node_left_stays_until_the_new_answer_speaks() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::Text(3));
    world.happen(Happening::Crash);
    assert_eq!(world.records.open_answer.as_ref().unwrap().text, "ééé");
    world.happen(Happening::Text(1));
    let open = world.records.open_answer.clone().unwrap();
    assert_eq!((open.revision, open.text.as_str()), (2, "é"));
}

#[test]
fn a_model_that_takes_a_prefill_goes_on_in_the_same_revision() {
    let mut world = World::new(true);
    world.settle_effects();
    world.happen(Happening::Text(3));
    world.happen(Happening::Crash);
    world.happen(Happening::Text(1));
    let open = world.records.open_answer.clone().unwrap();
    assert_eq!((open.revision, open.text.as_str()), (1, "éééé"));
    world.finish();
    assert!(world.endings[0].resumed);
}

#[test]
fn an_effect_that_may_have_left_is_unknown_after_a_crash_and_not_repeated() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::End {
        tools: vec![3],
        cut: false,
    });
    world.happen(Happening::Crash);
    let (_, outcome) = world.outcomes.first_key_value().unwrap();
    assert_eq!(outcome.state, CallState::Unknown);
    assert_eq!(world.left.values().sum::<u32>(), 1);
}

#[test]
fn the_fifth_take_over_without_a_step_fails_visibly() {
    let mut world = World::new(false);
    world.settle_effects();
    for _ in 0..5 {
        assert!(!world.ended());
        world.happen(Happening::Crash);
    }
    assert_eq!(
        world.endings[0].error.as_ref().unwrap().code,
        "too_many_restarts"
    );
}

#[test]
fn at_the_step_limit_the_model_is_asked_once_more_without_tools() {
    let mut world = World::new(false);
    world.settle_effects();
    for _ in 0..5 {
        world.happen(Happening::End {
            tools: vec![1],
            cut: false,
        });
    }
    assert_eq!(world.machine.last_call, Some("steps"));
    world.happen(Happening::Text(2));
    world.happen(Happening::End {
        tools: vec![1],
        cut: false,
    });
    assert_eq!(world.endings[0].limit, Some("steps"));
    assert_eq!(world.endings[0].state, RunState::Completed);
}

/// A run as it begins when the user has an unknown call tried again: no model call, one intent.
fn tried_again(tool: &str, state: CallState) -> RunRecords {
    let mut records = fresh_records();
    records.open_answer = None;
    records.ledger.push(LedgerEntry {
        call_id: CallId(Uuid::from_u128(50)),
        run_id: records.run.run_id,
        step: 0,
        message_id: MessageId(9),
        tool_name: tool.to_owned(),
        class: ToolClass::Effectful,
        arguments: json!({}),
        state,
        result: None,
        key: CallId(Uuid::from_u128(40)),
    });
    records
}

#[test]
fn a_call_that_is_tried_again_is_made_at_once_and_then_the_model_answers() {
    let records = tried_again("mail", CallState::Intended);
    let (mut machine, effects) = Machine::restore(settings(false), &records);
    let call_id = CallId(Uuid::from_u128(50));
    assert_eq!(effects, [Effect::Execute { call_id }]);
    let next = machine.step(Input::Outcome { call_id });
    assert_eq!(next, [Effect::BeginAnswer]);
}

#[test]
fn a_call_that_was_tried_again_when_the_node_died_is_unknown_again() {
    let records = tried_again("mail", CallState::Running);
    let (_, effects) = Machine::restore(settings(false), &records);
    let [Effect::Settle { outcome, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(outcome.state, CallState::Unknown);
}

#[test]
fn what_the_operator_denies_is_not_made_after_a_crash_either() {
    let records = tried_again("evil", CallState::Intended);
    let (_, effects) = Machine::restore(settings(false), &records);
    let [Effect::Settle { outcome, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(outcome.state, CallState::Denied);
}

#[test]
fn a_permission_lets_a_call_through_without_asking() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::Permit(true));
    world.happen(Happening::End {
        tools: vec![2],
        cut: false,
    });
    assert!(!world.parked && world.executing.len() == 1);
    world.happen(Happening::ToolDone(0));
    world.happen(Happening::Permit(false));
    world.happen(Happening::End {
        tools: vec![2],
        cut: false,
    });
    assert!(world.parked, "it asks again");
}

#[test]
fn a_limit_that_is_met_without_a_word_is_named_in_a_failure() {
    let at_steps = |world: &mut World| {
        for _ in 0..6 {
            world.happen(Happening::End {
                tools: vec![1],
                cut: false,
            });
        }
    };
    let thinking = |world: &mut World| {
        let call = world.machine.call;
        let chunk = ModelChunk::Reasoning("x".repeat(201));
        world.feed(Input::Chunk { call, chunk });
        world.settle_effects();
    };
    let late = |world: &mut World| {
        world.feed(Input::OutOfTime);
        world.settle_effects();
    };
    type Way<'a> = &'a dyn Fn(&mut World);
    let ways: [(&str, Way); 3] = [
        ("steps", &at_steps),
        ("answer_bytes", &thinking),
        ("time", &late),
    ];
    for (limit, way) in ways {
        let mut world = World::new(false);
        world.settle_effects();
        way(&mut world);
        let ending = &world.endings[0];
        assert_eq!(
            (ending.state, ending.limit),
            (RunState::Failed, Some(limit))
        );
        assert_eq!(ending.error.as_ref().unwrap().code, "limit_reached");
    }
}

#[test]
fn calls_that_only_read_go_together_and_others_alone_in_order() {
    let mut world = World::new(false);
    world.settle_effects();
    let ids = |world: &World| -> Vec<_> {
        let ledger = world.records.ledger.iter();
        ledger.map(|entry| entry.call_id).collect()
    };
    let made = |world: &World| world.executing.iter().copied().collect::<Vec<_>>();
    // Read, read, post.
    world.happen(Happening::End {
        tools: vec![0, 0, 3],
        cut: false,
    });
    let first = ids(&world);
    assert_eq!(made(&world), first[..2]);
    world.happen(Happening::ToolDone(1));
    assert_eq!(made(&world), first[..1], "the other is still being read");
    world.happen(Happening::ToolDone(0));
    assert_eq!(made(&world), first[2..]);
    world.happen(Happening::ToolDone(0));
    // Post, order, read.
    world.happen(Happening::End {
        tools: vec![3, 6, 0],
        cut: false,
    });
    let second = ids(&world);
    for one in second.chunks(1) {
        assert_eq!(made(&world), one);
        world.happen(Happening::ToolDone(0));
    }
}

#[test]
fn when_the_time_is_over_what_was_said_is_the_answer_and_tools_make_room_for_one() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::Text(3));
    world.happen(Happening::OutOfTime);
    let ending = &world.endings[0];
    assert_eq!(
        (ending.state, ending.limit, ending.text.as_str()),
        (RunState::Completed, Some("time"), "ééé")
    );

    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::End {
        tools: vec![3, 0],
        cut: false,
    });
    world.happen(Happening::OutOfTime);
    let states: Vec<_> = world.records.ledger.iter().map(|e| e.state).collect();
    assert_eq!(states, [CallState::Unknown, CallState::Denied]);
    assert_eq!(world.machine.last_call, Some("time"));
    world.happen(Happening::Text(1));
    world.happen(Happening::End {
        tools: vec![3],
        cut: false,
    });
    let ending = &world.endings[0];
    assert_eq!(
        (ending.state, ending.limit, ending.text.as_str()),
        (RunState::Completed, Some("time"), "é")
    );
    assert_eq!(world.left.len(), 1, "no tool in the last call");

    // Tools took the time, and the model has only just been asked: it is asked again, without them.
    for thinking in [false, true] {
        let mut world = World::new(false);
        world.settle_effects();
        world.happen(Happening::End {
            tools: vec![1],
            cut: false,
        });
        if thinking {
            world.happen(Happening::Reasoning);
        }
        let call = world.call;
        world.happen(Happening::OutOfTime);
        assert!(!world.ended() && world.call > call);
        world.happen(Happening::Text(2));
        world.happen(Happening::End {
            tools: vec![],
            cut: false,
        });
        let ending = &world.endings[0];
        assert_eq!((ending.limit, ending.text.as_str()), (Some("time"), "éé"));
        assert_eq!(ending.reasoning, "");
    }

    // Once: who is silent then as well has failed.
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::End {
        tools: vec![0],
        cut: false,
    });
    world.happen(Happening::OutOfTime);
    assert!(!world.ended());
    world.happen(Happening::OutOfTime);
    assert_eq!(world.endings[0].state, RunState::Failed);
    assert_eq!(world.endings[0].limit, Some("time"));
}

/// What was thought before the time was over is of an earlier call: this one has its retries.
#[test]
fn the_last_call_may_be_retried_before_its_first_word() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::End {
        tools: vec![1],
        cut: false,
    });
    world.happen(Happening::Reasoning);
    world.happen(Happening::OutOfTime);
    world.happen(Happening::Fail { transient: true });
    assert!(!world.ended());
    world.happen(Happening::Timer);
    world.happen(Happening::Text(1));
    world.happen(Happening::End {
        tools: vec![],
        cut: false,
    });
    assert_eq!(world.endings[0].state, RunState::Completed);
}

/// The store failed after the time was over: nothing is begun that would have been before.
#[test]
fn records_read_after_the_time_was_over_leave_one_call_without_tools() {
    let late = Settings {
        out_of_time: true,
        ..settings(false)
    };
    let fresh = Machine::restore(late.clone(), &fresh_records());
    let open = Machine::restore(late, &tried_again("mail", CallState::Intended));
    let (first, rest) = open.1.split_first().unwrap();
    assert!(
        matches!(first, Effect::Settle { outcome, .. } if outcome.state == CallState::Failed),
        "{first:?}"
    );
    assert_eq!(rest, [Effect::BeginAnswer]);
    let answer = OpenAnswer {
        message_id: MessageId(2),
        revision: 1,
        text: String::new(),
        reasoning: String::new(),
        tool_arguments: 0,
    };
    for mut machine in [fresh.0, open.0] {
        let asked = machine.step(Input::Answer(answer.clone()));
        assert!(
            matches!(asked[..], [Effect::CallModel { tools: false, .. }]),
            "{asked:?}"
        );
    }
}
