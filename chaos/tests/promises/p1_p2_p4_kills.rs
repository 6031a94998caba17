//! Random SIGKILLs under writers. `REJOINDER_KILL_ROUNDS` and `REJOINDER_SEED` repeat a run.

use chaos::database::Kind;
use chaos::kill;
use testkit::Dice;
use testkit::process::setting;

async fn kills(kind: Kind) {
    let rounds = setting("REJOINDER_KILL_ROUNDS").map_or(50, |rounds| rounds.parse().unwrap());
    kill::trials(&kind.fresh().await, rounds, Dice::seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    kills(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    kills(Kind::Postgres).await;
}
