//! Drives one run: executes the machine's effects through the ports and feeds back what comes of
//! them. One task per active run; everything that must last goes through the store, under the
//! run's fence.

mod chosen;
mod effects;
mod finish;
mod model;
mod tools;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use domain::limits::{LAST_CALL_MS, MAX_ATTEMPTS};
use domain::store::RunRecords;
use domain::{
    CallId, Clock, DeltaChannel, Fence, Ids, LedgerEntry, MessageId, Run, Store, StoreError,
    StoreResult, ToolClass,
};
use futures::future::AbortHandle;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::failpoints;
use crate::lease::Lease;
use crate::machine::{Effect, Input, Limits, Machine, Settings, ToolTraits};
use crate::ports::{Model, ModelCatalog, Toolbox};
use crate::writer::Writer;
use model::Answering;
use tools::{Finished, Running};

/// Before a write is tried again on a store that has no space, or looked at again after one whose
/// outcome is unknown.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// What all drivers of a node share.
#[derive(Clone)]
pub struct Deps {
    pub store: Arc<dyn Store>,
    pub models: Arc<dyn ModelCatalog>,
    pub tools: Toolbox,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub limits: Limits,
    pub lease: Arc<Lease>,
}

/// How a driver is told to stop.
#[derive(Clone, Default)]
pub struct Stop {
    /// The user's stop: the run ends as cancelled.
    pub cancel: CancellationToken,
    /// The run is somebody else's, or gone: nothing more is written.
    pub lost: CancellationToken,
    /// The drain has begun: nothing is started that can wait or be left out.
    pub draining: CancellationToken,
    /// The drain's deadline: what is said is stored and the run handed back.
    pub hand_back: CancellationToken,
    /// Told by the driver, not to it: the run has ended, and its conversation's next may begin,
    /// whatever is still done after it.
    pub ended: Arc<Notify>,
}

/// Why a driver left a run that has not ended.
#[derive(Debug)]
pub(crate) enum Left {
    Lost,
    HandedBack,
    Store(StoreError),
}

/// Drives the run until it has ended, is parked, or belongs to somebody else. An error is a defect
/// that repeats: the run can't go on, and would buy the same answer again and again.
pub async fn drive(deps: Deps, run: Run, claimed: Instant, stop: Stop) -> StoreResult<()> {
    let fence = Fence {
        run_id: run.run_id,
        fence: run.fence,
    };
    let mut time = Time {
        until: Instant::now() + deps.limits.wall,
        over: false,
    };
    let mut defects = 0;
    loop {
        let turn = async {
            let records = deps.store.recall(fence).await.map_err(Left::Store)?;
            let mut driver = Driver::new(&deps, fence, records, claimed, stop.clone(), &mut time)?;
            driver.run().await?;
            driver.after().await;
            Ok(())
        };
        match turn.await {
            Ok(()) | Err(Left::Lost | Left::HandedBack) => return Ok(()),
            Err(Left::Store(StoreError::FenceLost | StoreError::NotFound)) => return Ok(()),
            // What happened is in the records, as far as it did: begin again from there.
            Err(Left::Store(error)) => {
                tracing::warn!(run_id = %run.run_id, %error, "the store failed under a run; reading again");
                // A store that is away comes back; one that refuses what is written never takes it.
                defects += i64::from(matches!(error, StoreError::Internal(_)));
                if defects >= MAX_ATTEMPTS {
                    return Err(error);
                }
                tokio::select! {
                    () = sleep(STORE_RETRY) => {}
                    () = stop.lost.cancelled() => return Ok(()),
                    () = stop.hand_back.cancelled() => return Ok(()),
                }
            }
        }
    }
}

/// Of the run, not of one reading of its records.
struct Time {
    until: Instant,
    /// What is left is for a last model call.
    over: bool,
}

fn by_id(entries: Vec<LedgerEntry>) -> HashMap<CallId, LedgerEntry> {
    let named = |entry: LedgerEntry| (entry.call_id, entry);
    entries.into_iter().map(named).collect()
}

pub(crate) struct Driver<'a> {
    deps: &'a Deps,
    fence: Fence,
    run: Run,
    claimed: Instant,
    stop: Stop,
    time: &'a mut Time,
    machine: Machine,
    effects: VecDeque<Effect>,
    /// `None`: the provider whose turn it is has to be asked first, or `model_error`.
    model: Option<Arc<dyn Model>>,
    /// Why there is no model; said when the first call would be made.
    model_error: Option<crate::ports::ModelError>,
    answering: Option<Answering>,
    writer: Option<Writer>,
    /// Calls of the present step.
    calls: HashMap<CallId, LedgerEntry>,
    running: FuturesUnordered<Running>,
    aborts: HashMap<CallId, AbortHandle>,
    wait: Option<(u64, Instant)>,
    omitted_before: Option<MessageId>,
    completed: bool,
}

/// What a driver waits for.
enum Happened {
    Input(Input),
    Chunk(model::Came),
    Tool(Finished),
    Flush,
}

impl<'a> Driver<'a> {
    fn new(
        deps: &'a Deps,
        fence: Fence,
        records: RunRecords,
        claimed: Instant,
        stop: Stop,
        time: &'a mut Time,
    ) -> Result<Self, Left> {
        let recorded = records.run.model.clone();
        // Of text without a recorded model nobody knows who wrote it: no model finishes the sentence
        // of another.
        let known_writer = recorded.is_some();
        let known = recorded.or_else(|| deps.models.default_id());
        let (model, model_error) = match known.map(|id| deps.models.model(&id)) {
            Some(Ok(model)) => (Some(model), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let prefill = model.as_ref().is_some_and(|model| model.info().prefill);
        let settings = Settings {
            limits: deps.limits.clone(),
            prefill: prefill && known_writer,
            out_of_time: time.over,
            tools: deps
                .tools
                .iter()
                .map(|tool| {
                    let traits = ToolTraits {
                        class: tool.class(),
                        policy: tool.policy(),
                    };
                    (tool.spec().name.clone(), traits)
                })
                .collect(),
        };
        let (machine, effects) = Machine::restore(settings, &records);
        Ok(Self {
            deps,
            fence,
            claimed,
            stop,
            time,
            machine,
            effects: effects.into(),
            model,
            model_error,
            answering: None,
            writer: records.open_answer.as_ref().map(Writer::new),
            calls: by_id(records.ledger),
            running: FuturesUnordered::new(),
            aborts: HashMap::new(),
            wait: None,
            omitted_before: None,
            completed: false,
            run: records.run,
        })
    }

    async fn run(&mut self) -> Result<(), Left> {
        loop {
            while let Some(effect) = self.effects.pop_front() {
                self.execute(effect).await?;
            }
            if self.machine.is_finished() {
                return Ok(());
            }
            match self.next().await? {
                Happened::Input(input) => self.feed(input),
                Happened::Chunk(came) => self.take_chunk(came),
                Happened::Tool(finished) => self.tool_finished(finished).await?,
                Happened::Flush => self.flush().await?,
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.effects.extend(self.machine.step(input));
    }

    /// [`Driver::next`] would not go on with what is under way.
    fn interrupted(&self) -> bool {
        self.stop.lost.is_cancelled()
            || self.stop.cancel.is_cancelled()
            || self.stop.hand_back.is_cancelled()
            || Instant::now() >= self.time.until
    }

    /// An effect that nobody could take back, begun while the server is about to stop, might be cut
    /// and then nobody would know of it: whoever comes next makes it.
    fn can_wait(&self, call_id: CallId) -> bool {
        let class = self.calls.get(&call_id).map(|entry| entry.class);
        class == Some(ToolClass::Effectful) && self.stop.draining.is_cancelled()
    }

    async fn next(&mut self) -> Result<Happened, Left> {
        let flush_at = self.writer.as_ref().and_then(Writer::due);
        let wait = self.wait;
        let happened = tokio::select! {
            biased;
            () = self.stop.lost.cancelled() => return Err(Left::Lost),
            () = self.stop.cancel.cancelled() => Happened::Input(Input::Cancel),
            () = self.stop.hand_back.cancelled() => return Err(self.hand_back().await),
            () = sleep_until(self.time.until) => {
                self.time.until = Instant::now() + Duration::from_millis(LAST_CALL_MS);
                self.time.over = true;
                Happened::Input(Input::OutOfTime)
            }
            () = at(flush_at) => Happened::Flush,
            Some(finished) = self.running.next(), if !self.running.is_empty() => {
                Happened::Tool(finished)
            }
            came = model::next(self.answering.as_mut()) => Happened::Chunk(came),
            () = at(wait.map(|(_, until)| until)) => {
                self.wait = None;
                Happened::Input(Input::Timer { call: wait.map_or(0, |(call, _)| call) })
            }
        };
        Ok(happened)
    }

    /// Stores what was said, and gives the run back.
    async fn hand_back(&mut self) -> Left {
        if let Err(left) = self.flush().await {
            return left;
        }
        match self
            .deps
            .store
            .release(self.fence, self.deps.clock.now())
            .await
        {
            Ok(()) => Left::HandedBack,
            Err(error) => {
                tracing::warn!(run_id = %self.fence.run_id, %error, "a run could not be handed back");
                Left::HandedBack
            }
        }
    }

    /// Stores the pending deltas.
    async fn flush(&mut self) -> Result<(), Left> {
        let Some(writer) = self.writer.as_mut() else {
            return Ok(());
        };
        let deltas = writer.take();
        if deltas.is_empty() {
            return Ok(());
        }
        let point = match deltas.first() {
            Some(delta) if delta.channel == DeltaChannel::Text && delta.offset == 0 => {
                "first_token"
            }
            _ => "mid_stream",
        };
        let started = Instant::now();
        let (deps, fence) = (self.deps, self.fence);
        committed(&self.stop, || {
            deps.store
                .append_deltas(fence, deltas.clone(), deps.clock.now())
        })
        .await?;
        failpoints::reached(point);
        writer.flushed(started);
        Ok(())
    }
}

/// Never, when there is no time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A write that was rolled back for want of space is tried again until there is some: what was
/// already said by the model is kept that long.
pub(crate) async fn committed<T, F>(stop: &Stop, mut write: impl FnMut() -> F) -> Result<T, Left>
where
    F: Future<Output = StoreResult<T>>,
{
    loop {
        match write().await {
            Ok(value) => return Ok(value),
            Err(StoreError::FenceLost | StoreError::NotFound) => return Err(Left::Lost),
            Err(StoreError::NotWritable(reason)) => {
                tracing::warn!(reason, "a run waits until the store can be written");
                tokio::select! {
                    () = sleep(STORE_RETRY) => {}
                    () = stop.lost.cancelled() => return Err(Left::Lost),
                    () = stop.hand_back.cancelled() => return Err(Left::HandedBack),
                }
            }
            Err(error) => return Err(Left::Store(error)),
        }
    }
}
