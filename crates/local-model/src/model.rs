//! The port's side: requests go to the engine's thread, chunks come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use agent::ports::{Model, ModelChunk, ModelError, ModelInfo, ModelRequest, ModelStream};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::config::LocalConfig;
use crate::seat::{Job, Ticket};
use crate::{engine, failure};

/// Requests that may wait for a place.
const QUEUE: usize = 32;

/// A GGUF model in this process. Cheap until the first request.
pub struct LocalModel {
    info: ModelInfo,
    config: Arc<LocalConfig>,
    waiting: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<Thread>>,
}

struct Thread {
    jobs: Sender<Job>,
    handle: JoinHandle<()>,
}

impl LocalModel {
    #[must_use]
    pub fn new(config: LocalConfig) -> Self {
        Self {
            info: ModelInfo {
                id: config.id.clone(),
                label: config.label.clone(),
                provider: "local".to_owned(),
                built_in: true,
                context_window: config.context,
                tools: false,
                prefill: true,
            },
            config: Arc::new(config),
            waiting: Arc::default(),
            stop: Arc::default(),
            thread: Mutex::new(None),
        }
    }

    /// Ends all answers and the engine's thread; waits for the token that is being computed, a
    /// fraction of a second. For the end of the process: llama.cpp must not run into it. Afterwards
    /// every request is refused.
    pub fn shutdown(&self) {
        self.stop.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Thread { jobs, handle }) = thread {
            drop(jobs);
            if handle.join().is_err() {
                tracing::error!("the built-in engine ended badly");
            }
        }
    }

    fn enqueue(&self, mut job: Job) -> Result<(), ModelError> {
        let mut slot = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.load(Ordering::Acquire) {
            return Err(failure::stopped());
        }
        if let Some(thread) = slot.as_ref() {
            match thread.jobs.send(job) {
                Ok(()) => return Ok(()),
                // It ended by a panic, which was logged; the next one starts afresh.
                Err(mpsc::SendError(returned)) => job = returned,
            }
        }
        let thread = self.start()?;
        let sent = thread.jobs.send(job);
        *slot = Some(thread);
        sent.map_err(|_| failure::stopped())
    }

    fn start(&self) -> Result<Thread, ModelError> {
        let (jobs, received) = mpsc::channel();
        let config = Arc::clone(&self.config);
        let stop = Arc::clone(&self.stop);
        let body = move || {
            let ran = catch_unwind(AssertUnwindSafe(|| engine::run(&config, &received, &stop)));
            if ran.is_err() {
                tracing::error!("the built-in engine panicked");
            }
        };
        let handle = thread::Builder::new()
            .name("local-model".to_owned())
            .spawn(body)
            .map_err(|_| failure::engine("no thread can be started for it"))?;
        Ok(Thread { jobs, handle })
    }
}

impl Drop for LocalModel {
    fn drop(&mut self) {
        self.shutdown();
    }
}

#[async_trait]
impl Model for LocalModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, request: ModelRequest) -> Result<ModelStream, ModelError> {
        let ticket = Ticket::take(&self.waiting, QUEUE).ok_or_else(failure::busy)?;
        let (out, chunks) = tokio::sync::mpsc::unbounded_channel();
        self.enqueue(Job {
            request,
            out,
            ticket,
        })?;
        Ok(stream::unfold(Some(chunks), read).boxed())
    }
}

type Chunks = UnboundedReceiver<Result<ModelChunk, ModelError>>;

/// Dropping the receiver is what cancels. A sender that goes without an end was cut.
async fn read(chunks: Option<Chunks>) -> Option<(Result<ModelChunk, ModelError>, Option<Chunks>)> {
    let mut chunks = chunks?;
    let item = chunks
        .recv()
        .await
        .unwrap_or_else(|| Err(failure::stopped()));
    let over = matches!(item, Err(_) | Ok(ModelChunk::End { .. }));
    Some((item, (!over).then_some(chunks)))
}
