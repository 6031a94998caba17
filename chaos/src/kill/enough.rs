//! A server that refuses everything loses nothing: what a group must have come to, to prove anything.

use crate::history::Verdict;

/// Smaller groups are for looking, not for proving.
const LEAST_KILLS: u64 = 10;
/// One answer begun again for so many kills.
const BEGUN_AGAIN: u64 = 10;

/// What there was too little of. Sound groups came to ten times as much and more, also on machines
/// that were busy with other things.
pub fn lacking(kills: u64, verdict: &Verdict) -> Vec<String> {
    if kills < LEAST_KILLS {
        return Vec::new();
    }
    let counts = [
        ("acknowledged messages", verdict.acknowledged, kills),
        ("answers compared", verdict.answers, kills),
        ("texts that somebody had read", verdict.seen, kills),
        (
            "answers begun again",
            verdict.restarted,
            kills / BEGUN_AGAIN,
        ),
    ];
    let lacking = counts
        .iter()
        .filter(|(_, seen, least)| (*seen as u64) < *least);
    lacking
        .map(|(what, seen, least)| format!("too little to tell: {seen} {what}, wanted {least}"))
        .collect()
}

#[test]
fn a_server_that_refuses_everything_is_told() {
    let sound = Verdict {
        acknowledged: 50,
        answers: 50,
        seen: 50,
        restarted: 5,
        ..Verdict::default()
    };
    assert_eq!(lacking(50, &sound), Vec::<String>::new());
    assert_eq!(lacking(1, &Verdict::default()), Vec::<String>::new());
    assert_eq!(lacking(50, &Verdict::default()).len(), 4);
    let nothing_was_hit = Verdict {
        restarted: 0,
        ..sound
    };
    assert_eq!(lacking(50, &nothing_was_hit).len(), 1);
}
