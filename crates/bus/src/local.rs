//! One process: a tail of recent events per user who has a reader, and one channel of signals.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::limits::TAIL_BYTES;
use domain::{Bus, Event, Signal, Subscription, UserId, Wake};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

/// Signals a slow reader may miss before it is told to look at everything again.
const SIGNALS_KEPT: usize = 1_024;

#[derive(Clone)]
pub struct LocalBus {
    feeds: Feeds,
    signals: broadcast::Sender<Signal>,
}

type Feeds = Arc<Mutex<HashMap<UserId, Feed>>>;

/// Present only while somebody reads: a user without a connection costs nothing.
struct Feed {
    tail: VecDeque<Arc<Event>>,
    /// Of the events in the tail.
    bytes: usize,
    grown: watch::Sender<()>,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self {
            feeds: Feeds::default(),
            signals: broadcast::channel(SIGNALS_KEPT).0,
        }
    }
}

/// The map stays usable after a panic elsewhere: each change to it is complete in itself.
fn locked(feeds: &Feeds) -> MutexGuard<'_, HashMap<UserId, Feed>> {
    feeds.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    fn push(&mut self, event: &Arc<Event>) {
        // Transactions may be published in another order than they committed in. What is late is
        // in the database already, for readers behind the tail; taking it up here would push out
        // what was published before it, and a reader would stop short of that.
        let late = self
            .tail
            .back()
            .is_some_and(|last| last.epoch == event.epoch && event.seq <= last.seq);
        if late {
            return;
        }
        let contiguous = self
            .tail
            .back()
            .is_none_or(|last| last.epoch == event.epoch && last.seq + 1 == event.seq);
        // After a gap the tail starts anew; readers behind it go to the database, which has it all.
        if !contiguous {
            self.tail.clear();
            self.bytes = 0;
        }
        self.bytes += event.bytes();
        self.tail.push_back(Arc::clone(event));
        // The last one stays, however long: an empty tail would take up what is late.
        while self.bytes > TAIL_BYTES
            && self.tail.len() > 1
            && let Some(oldest) = self.tail.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    fn after(&self, epoch: i64, seq: i64, limit: usize) -> Option<Vec<Arc<Event>>> {
        let (first, last) = (self.tail.front()?, self.tail.back()?);
        if first.epoch != epoch || seq + 1 < first.seq || seq > last.seq {
            return None;
        }
        let skip = usize::try_from(seq + 1 - first.seq).ok()?;
        Some(self.tail.iter().skip(skip).take(limit).cloned().collect())
    }
}

impl Bus for LocalBus {
    fn publish(&self, events: &[Arc<Event>]) {
        let mut feeds = locked(&self.feeds);
        for event in events {
            if let Some(feed) = feeds.get_mut(&event.user_id) {
                feed.push(event);
            }
        }
        for event in events {
            if let Some(feed) = feeds.get(&event.user_id) {
                feed.grown.send_replace(());
            }
        }
    }

    fn signal(&self, signal: Signal) {
        // No reader is not an error.
        let _ = self.signals.send(signal);
    }

    fn subscribe(&self, user_id: UserId) -> Box<dyn Subscription> {
        // Signals first: one sent in between is seen twice at worst, never missed.
        let signals = self.signals.subscribe();
        let mut feeds = locked(&self.feeds);
        let feed = feeds.entry(user_id).or_insert_with(|| Feed {
            tail: VecDeque::new(),
            bytes: 0,
            grown: watch::channel(()).0,
        });
        let grown = feed.grown.subscribe();
        let registration = Registration {
            feeds: Arc::clone(&self.feeds),
            user_id,
        };
        Box::new(UserSubscription {
            signals,
            grown: Some(grown),
            registration,
        })
    }

    fn signals(&self) -> Box<dyn Subscription> {
        Box::new(SignalSubscription {
            signals: self.signals.subscribe(),
        })
    }

    fn tail(&self, user_id: UserId, epoch: i64, seq: i64, limit: usize) -> Option<Vec<Arc<Event>>> {
        locked(&self.feeds).get(&user_id)?.after(epoch, seq, limit)
    }
}

struct Registration {
    feeds: Feeds,
    user_id: UserId,
}

struct UserSubscription {
    signals: broadcast::Receiver<Signal>,
    /// `None` only while being dropped.
    grown: Option<watch::Receiver<()>>,
    registration: Registration,
}

impl Drop for UserSubscription {
    fn drop(&mut self) {
        let mut feeds = locked(&self.registration.feeds);
        self.grown = None;
        if feeds
            .get(&self.registration.user_id)
            .is_some_and(|feed| feed.grown.receiver_count() == 0)
        {
            feeds.remove(&self.registration.user_id);
        }
    }
}

fn concerns(signal: &Signal, user: UserId) -> bool {
    match signal {
        Signal::SessionsEnded { user_id, .. }
        | Signal::AccountDeleted { user_id }
        | Signal::Typing { user_id, .. } => *user_id == user,
        Signal::Recheck { user_id } => user_id.is_none_or(|id| id == user),
        Signal::Draining => true,
        Signal::RunQueued | Signal::RunCancelled { .. } => false,
    }
}

#[async_trait]
impl Subscription for UserSubscription {
    async fn wake(&mut self) -> Wake {
        let user_id = self.registration.user_id;
        let Some(grown) = self.grown.as_mut() else {
            return Wake::Lagged;
        };
        tokio::select! {
            changed = grown.changed() => match changed {
                Ok(()) => Wake::Feed,
                // The sender lives in the map as long as this subscription does.
                Err(_) => Wake::Lagged,
            },
            wake = concerning(&mut self.signals, user_id) => wake,
        }
    }

    async fn signal(&mut self) -> Wake {
        concerning(&mut self.signals, self.registration.user_id).await
    }
}

/// The next signal for this user. Cancel-safe.
async fn concerning(signals: &mut broadcast::Receiver<Signal>, user_id: UserId) -> Wake {
    loop {
        match signals.recv().await {
            Ok(signal) if concerns(&signal, user_id) => return Wake::Signal(signal),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Wake::Lagged,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

struct SignalSubscription {
    signals: broadcast::Receiver<Signal>,
}

#[async_trait]
impl Subscription for SignalSubscription {
    async fn wake(&mut self) -> Wake {
        match self.signals.recv().await {
            Ok(signal) => Wake::Signal(signal),
            Err(RecvError::Lagged(_)) => Wake::Lagged,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Waker};

    use domain::limits::TAIL_BYTES;
    use domain::{
        Bus, Delta, DeltaChannel, Event, EventBody, MessageId, Signal, Timestamp, UserId, Wake,
    };

    use super::LocalBus;

    const USER: UserId = UserId(1);

    /// How often somebody was woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn event(user: i64, seq: i64) -> Arc<Event> {
        Arc::new(Event {
            user_id: UserId(user),
            epoch: 1,
            seq,
            conversation_id: None,
            run_id: None,
            body: EventBody::Conversation {},
            created_at: Timestamp(0),
        })
    }

    fn seqs(bus: &LocalBus, after: i64) -> Option<Vec<i64>> {
        bus.tail(USER, 1, after, 10)
            .map(|events| events.iter().map(|e| e.seq).collect())
    }

    #[tokio::test]
    async fn the_tail_hands_out_what_it_wholly_holds() {
        let bus = LocalBus::default();
        bus.publish(&[event(1, 4)]);
        assert_eq!(seqs(&bus, 3), None, "nobody reads, nothing is kept");

        let mut reader = bus.subscribe(USER);
        bus.publish(&[event(1, 5), event(2, 9), event(1, 6)]);
        assert_eq!(reader.wake().await, Wake::Feed);
        assert_eq!(seqs(&bus, 3), None, "5 is known, 4 is not");
        assert_eq!(seqs(&bus, 4), Some(vec![5, 6]));
        assert_eq!(seqs(&bus, 6), Some(vec![]));
        assert_eq!(seqs(&bus, 7), None, "beyond what this node knows");
        assert_eq!(bus.tail(USER, 2, 5, 10), None, "another epoch");
    }

    #[tokio::test]
    async fn a_gap_sends_readers_to_the_database() {
        let bus = LocalBus::default();
        let _reader = bus.subscribe(USER);
        bus.publish(&[event(1, 1), event(1, 3)]);
        assert_eq!(seqs(&bus, 0), None);
        assert_eq!(seqs(&bus, 2), Some(vec![3]));
    }

    #[tokio::test]
    async fn what_is_published_late_hides_nothing() {
        let bus = LocalBus::default();
        let _reader = bus.subscribe(USER);
        bus.publish(&[event(1, 4)]);
        bus.publish(&[event(1, 6)]);
        bus.publish(&[event(1, 5)]);
        assert_eq!(seqs(&bus, 4), None, "5 and 6 are read from the database");
        assert_eq!(seqs(&bus, 5), Some(vec![6]));
        bus.publish(&[event(1, 7)]);
        assert_eq!(seqs(&bus, 5), Some(vec![6, 7]));
    }

    fn long(seq: i64, bytes: usize) -> Arc<Event> {
        let delta = Delta {
            message_id: MessageId(1),
            revision: 1,
            channel: DeltaChannel::Text,
            offset: 0,
            text: "x".repeat(bytes),
        };
        Arc::new(Event {
            body: EventBody::Delta(delta),
            ..Event::clone(&event(1, seq))
        })
    }

    #[tokio::test]
    async fn the_tail_is_bounded_by_its_bytes() {
        let bus = LocalBus::default();
        let _reader = bus.subscribe(USER);
        let third = TAIL_BYTES / 3;
        let longs: Vec<_> = (1..=4).map(|seq| long(seq, third)).collect();
        bus.publish(&longs);
        assert_eq!(seqs(&bus, 1), None, "2 is read from the database");
        assert_eq!(seqs(&bus, 2), Some(vec![3, 4]));
        assert_eq!(Arc::strong_count(&longs[1]), 1, "not kept");

        // Many small ones count by what holds them.
        let small = i64::try_from(TAIL_BYTES / size_of::<Event>()).unwrap();
        for seq in 5..=small + 5 {
            bus.publish(&[event(1, seq)]);
        }
        assert_eq!(seqs(&bus, 4), None);
        assert_eq!(seqs(&bus, small + 4), Some(vec![small + 5]));

        bus.publish(&[long(small + 6, 2 * TAIL_BYTES)]);
        assert_eq!(seqs(&bus, small + 4), None);
        assert_eq!(seqs(&bus, small + 5), Some(vec![small + 6]));
        bus.publish(&[event(1, small + 7)]);
        assert_eq!(seqs(&bus, small + 5), None);
        assert_eq!(seqs(&bus, small + 6), Some(vec![small + 7]));
    }

    #[tokio::test]
    async fn the_last_reader_takes_the_tail_away() {
        let bus = LocalBus::default();
        let (one, two) = (bus.subscribe(USER), bus.subscribe(USER));
        bus.publish(&[event(1, 1)]);
        drop(one);
        assert_eq!(seqs(&bus, 0), Some(vec![1]));
        drop(two);
        assert_eq!(seqs(&bus, 0), None);
    }

    #[tokio::test]
    async fn a_busy_reader_is_not_woken_for_the_feed_and_misses_nothing() {
        let bus = LocalBus::default();
        let mut reader = bus.subscribe(USER);
        bus.publish(&[event(1, 1)]);
        {
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut context = Context::from_waker(&waker);
            let mut busy = pin!(reader.signal());
            assert!(busy.as_mut().poll(&mut context).is_pending());
            bus.publish(&[event(1, 2)]);
            assert_eq!(woken.0.load(Ordering::SeqCst), 0);
            bus.signal(Signal::Draining);
            assert_eq!(woken.0.load(Ordering::SeqCst), 1);
            let signal = Poll::Ready(Wake::Signal(Signal::Draining));
            assert_eq!(busy.as_mut().poll(&mut context), signal);
        }
        assert_eq!(reader.wake().await, Wake::Feed);
    }

    #[tokio::test]
    async fn signals_reach_whom_they_concern() {
        let bus = LocalBus::default();
        let mut reader = bus.subscribe(USER);
        let mut scheduler = bus.signals();
        bus.signal(Signal::AccountDeleted { user_id: UserId(2) });
        bus.signal(Signal::RunQueued);
        bus.signal(Signal::Draining);
        assert_eq!(reader.wake().await, Wake::Signal(Signal::Draining));
        assert_eq!(
            scheduler.wake().await,
            Wake::Signal(Signal::AccountDeleted { user_id: UserId(2) })
        );
    }
}
