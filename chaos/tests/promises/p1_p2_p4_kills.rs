//! Random SIGKILLs under writers. `REJOINDER_KILL_ROUNDS` sets their number, `REJOINDER_SEED` repeats
//! a group.

use chaos::database::Kind;
use chaos::kill;
use testkit::Dice;
use testkit::process::setting;

async fn kills(kind: Kind) {
    let rounds = setting("REJOINDER_KILL_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap());
    let broken = kill::groups(kind, rounds, Dice::seed()).await;
    assert!(broken.is_empty(), "broken: see above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    kills(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    kills(Kind::Postgres).await;
}
