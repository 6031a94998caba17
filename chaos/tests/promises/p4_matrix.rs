//! Death at every failpoint × hit 1..3. `REJOINDER_FAILPOINT=after_claim:2` repeats one trial.

use chaos::crash;
use chaos::database::Kind;
use testkit::process::setting;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    crash::matrix(Kind::Sqlite, setting("REJOINDER_FAILPOINT")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    crash::matrix(Kind::Postgres, setting("REJOINDER_FAILPOINT")).await;
}
