//! The thread that owns llama.cpp: loads, batches, answers, unloads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use agent::ports::ModelError;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use crate::config::LocalConfig;
use crate::loaded::Loaded;
use crate::prompt::Template;
use crate::seat::Job;
use crate::{cpu, failure, file};

/// Runs until the sender is gone; `stop` ends what is being answered as well.
pub(crate) fn run(config: &LocalConfig, jobs: &Receiver<Job>, stop: &AtomicBool) {
    while let Some(first) = next(jobs, None) {
        if first.out.is_closed() {
            continue;
        }
        match load(config) {
            Ok((backend, model)) => serve(config, backend, &model, first, jobs, stop),
            Err(error) => refuse_all(first, jobs, &error),
        }
    }
}

/// The next job; `None` at the end, or when nothing came for `patience`.
fn next(jobs: &Receiver<Job>, patience: Option<Duration>) -> Option<Job> {
    match patience {
        Some(patience) => jobs.recv_timeout(patience).ok(),
        None => jobs.recv().ok(),
    }
}

fn refuse_all(first: Job, jobs: &Receiver<Job>, error: &ModelError) {
    tracing::warn!(%error, "the built-in model can't be loaded");
    for job in std::iter::once(first).chain(jobs.try_iter()) {
        let _ = job.out.send(Err(error.clone()));
    }
}

fn load(config: &LocalConfig) -> Result<(&'static LlamaBackend, LlamaModel), ModelError> {
    cpu::check()?;
    file::check(config)?;
    let backend = backend().ok_or_else(|| failure::engine("its engine can't be started"))?;
    let params = LlamaModelParams::default();
    let model = LlamaModel::load_from_file(backend, &config.path, &params)
        .map_err(|_| failure::damaged(&config.label))?;
    tracing::info!(
        model = config.id,
        bytes = model.size(),
        "built-in model loaded"
    );
    Ok((backend, model))
}

/// llama.cpp wants to be started once in a process.
fn backend() -> Option<&'static LlamaBackend> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    BACKEND
        .get_or_init(|| {
            // Hundreds of lines at each load, for who looks for a defect.
            let wanted = tracing::enabled!(tracing::Level::DEBUG);
            send_logs_to_tracing(LogOptions::default().with_logs_enabled(wanted));
            LlamaBackend::init().ok()
        })
        .as_ref()
}

/// Answers until nobody has asked for a while.
fn serve(
    config: &LocalConfig,
    backend: &LlamaBackend,
    model: &LlamaModel,
    first: Job,
    jobs: &Receiver<Job>,
    stop: &AtomicBool,
) {
    let mut loaded =
        match template(config, model).and_then(|made| Loaded::new(config, backend, model, made)) {
            Ok(loaded) => loaded,
            Err(error) => return refuse_all(first, jobs, &error),
        };
    loaded.take(first);
    while !stop.load(Ordering::Acquire) {
        for job in jobs.try_iter() {
            loaded.take(job);
        }
        loaded.sit_down();
        if loaded.idle() {
            match next(jobs, Some(config.idle_unload)) {
                Some(job) => loaded.take(job),
                None => break,
            }
            continue;
        }
        loaded.step();
    }
    tracing::info!(model = config.id, "built-in model unloaded");
}

fn template(config: &LocalConfig, model: &LlamaModel) -> Result<Template, ModelError> {
    let refused = || failure::no_template(&config.label);
    let source = model.chat_template(None).map_err(|_| refused())?;
    let source = source.to_string().map_err(|_| refused())?;
    let vocab = model.vocab();
    let text = |token: LlamaToken| {
        vocab
            .text(token)
            .map(|text| text.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let control = (0..vocab.n_tokens())
        .map(LlamaToken::new)
        .filter(|token| vocab.is_control(*token))
        .map(text)
        .collect();
    // Token -1 is none.
    let named = |token: LlamaToken| {
        if token.0 < 0 {
            String::new()
        } else {
            text(token)
        }
    };
    Template::new(source, named(vocab.bos()), named(vocab.eos()), control).map_err(|error| {
        tracing::warn!(%error, "chat template");
        refused()
    })
}
