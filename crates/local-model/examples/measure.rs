//! Speed and memory of the built-in engine:
//! `cargo run --release -p rejoinder-local-model --example measure -- MODEL.gguf [THREADS]`

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use agent::ports::{Model, ModelChunk, ModelMessage, ModelRequest};
use domain::{ConversationId, RunId, Usage};
use futures::StreamExt;
use futures::future::join_all;
use local_model::{LocalConfig, LocalModel};
use uuid::Uuid;

type Failure = Box<dyn Error>;

struct Measured {
    first: f64,
    total: f64,
    usage: Usage,
}

fn request(text: String, tokens: u32) -> ModelRequest {
    ModelRequest {
        conversation_id: ConversationId(Uuid::from_u128(1)),
        run_id: RunId(Uuid::from_u128(2)),
        system: "You are a helpful assistant.".to_owned(),
        messages: vec![ModelMessage::User(text)],
        tools: vec![],
        prefill: None,
        max_output_tokens: Some(tokens),
    }
}

async fn ask(model: &LocalModel, request: ModelRequest) -> Result<Measured, Failure> {
    let start = Instant::now();
    let mut first = None;
    let mut stream = model.answer(request).await?;
    while let Some(item) = stream.next().await {
        match item? {
            ModelChunk::Text(_) => {
                first.get_or_insert_with(|| start.elapsed().as_secs_f64());
            }
            ModelChunk::End { usage, .. } => {
                let total = start.elapsed().as_secs_f64();
                return Ok(Measured {
                    first: first.unwrap_or(total),
                    total,
                    usage,
                });
            }
            _ => {}
        }
    }
    Err("no end".into())
}

fn memory(what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |key: &str| {
        let found = status.lines().find(|line| line.starts_with(key));
        found.map(|line| {
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    let text = |key: &str| line(key).unwrap_or_default();
    println!(
        "{what}: resident {}, of it the mapped file {}, peak {}",
        text("VmRSS:"),
        text("RssFile:"),
        text("VmHWM:")
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().ok_or("which model file?")?;
    let mut config = LocalConfig::smollm2(PathBuf::from(path));
    if let Some(threads) = arguments
        .next()
        .and_then(|text| text.to_str()?.parse().ok())
    {
        config.threads = threads;
    }
    println!("threads: {}", config.threads);
    memory("before");
    let model = LocalModel::new(config);
    let cold = ask(&model, request("Hi".into(), 1)).await?;
    let warm = ask(&model, request("Hi".into(), 1)).await?;
    println!("load: {:.0} ms", (cold.total - warm.total) * 1_000.0);
    let long = "Tell me about ships, the sea and the people who live with it. ".repeat(40);
    let prompt = ask(&model, request(long, 1)).await?;
    println!(
        "prompt: {:.0} tok/s",
        prompt.usage.prompt_tokens as f64 / prompt.first
    );
    let story = || request("Write a long story about the sea.".into(), 300);
    let again = "Tell me about ships, the sea and the people who live with it. ".repeat(40);
    let kept = ask(&model, request(again, 1)).await?;
    println!(
        "the same prompt again: {:.0} ms, was {:.0} ms",
        kept.first * 1e3,
        prompt.first * 1e3
    );
    let alone = ask(&model, story()).await?;
    println!(
        "generation: {:.0} tok/s, first token {:.0} ms",
        alone.usage.completion_tokens as f64 / (alone.total - alone.first),
        alone.first * 1_000.0
    );
    let start = Instant::now();
    let four = join_all((0..4).map(|_| ask(&model, story()))).await;
    let four = four.into_iter().collect::<Result<Vec<_>, _>>()?;
    let made: i64 = four.iter().map(|one| one.usage.completion_tokens).sum();
    println!(
        "four together: {:.0} tok/s",
        made as f64 / start.elapsed().as_secs_f64()
    );
    memory("after");
    Ok(())
}
