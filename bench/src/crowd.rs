//! The clients beside those that are measured. Were they not there, nothing would be shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

/// Until all of them are connected.
const COMES: Duration = Duration::from_secs(120);

/// How many are connected now. Clones count together.
#[derive(Clone, Default)]
pub struct Present(Arc<AtomicUsize>);

impl Present {
    pub fn comes(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn goes(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Clients that go on until they are sent away.
#[derive(Default)]
pub struct Crowd {
    pub present: Present,
    tasks: JoinSet<()>,
}

impl Crowd {
    pub fn add(&mut self, client: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(client);
    }

    /// Waits until so many are connected.
    pub async fn complete(&mut self, count: usize) {
        let until = Instant::now() + COMES;
        while self.present.count() < count {
            self.all_go_on();
            let present = self.present.count();
            assert!(Instant::now() < until, "{present} of {count} are connected");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends them away. None of them may have given up before.
    pub async fn leave(mut self) {
        self.all_go_on();
        self.tasks.shutdown().await;
    }

    fn all_go_on(&mut self) {
        if let Some(ended) = self.tasks.try_join_next() {
            // With its own words, where it has some.
            ended.unwrap();
            panic!("a client gave up");
        }
    }
}
