//! The engine with a real model file. Without `REJOINDER_TEST_MODEL` (a path) these tests only say
//! that they were skipped; those without a file always run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::ports::{
    Model, ModelChunk, ModelError, ModelErrorKind, ModelMessage, ModelRequest, ModelStream,
};
use domain::{ConversationId, FinishReason, RunId, Usage};
use futures::StreamExt;
use futures::future::join_all;
use local_model::{LocalConfig, LocalModel};
use uuid::Uuid;

const CAPITAL: &str = "What is the capital of France?";

fn model() -> Option<LocalModel> {
    let path = std::env::var_os("REJOINDER_TEST_MODEL");
    if path.is_none() {
        eprintln!("SKIPPED: REJOINDER_TEST_MODEL names no model file");
    }
    path.map(|path| LocalModel::new(LocalConfig::smollm2(PathBuf::from(path))))
}

fn request(text: &str) -> ModelRequest {
    ModelRequest {
        conversation_id: ConversationId(Uuid::from_u128(1)),
        run_id: RunId(Uuid::from_u128(2)),
        system: "You are a helpful assistant.".into(),
        messages: vec![ModelMessage::User(text.into())],
        tools: vec![],
        prefill: None,
        max_output_tokens: Some(48),
    }
}

#[derive(Debug, Default)]
struct Whole {
    text: String,
    queued: Vec<usize>,
    end: Option<(FinishReason, Usage)>,
    error: Option<ModelError>,
}

async fn read(mut stream: ModelStream) -> Whole {
    let mut whole = Whole::default();
    while let Some(item) = stream.next().await {
        match item {
            Ok(ModelChunk::Text(text)) => whole.text.push_str(&text),
            Ok(ModelChunk::Queued { ahead }) => whole.queued.push(ahead),
            Ok(ModelChunk::End {
                calls,
                finish,
                usage,
            }) => {
                assert_eq!(calls, []);
                whole.end = Some((finish, usage));
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => whole.error = Some(error),
        }
    }
    whole
}

async fn ask(model: &LocalModel, request: ModelRequest) -> Whole {
    read(model.answer(request).await.unwrap()).await
}

#[tokio::test]
async fn a_missing_file_says_what_to_do() {
    let model = LocalModel::new(LocalConfig::smollm2("/nowhere/model.gguf".into()));
    for _ in 0..2 {
        let error = ask(&model, request(CAPITAL)).await.error.unwrap();
        assert_eq!(error.kind, ModelErrorKind::NotConfigured);
        assert!(error.detail.contains("make model"), "{error}");
    }
}

#[tokio::test]
async fn after_the_shutdown_requests_are_refused() {
    let model = LocalModel::new(LocalConfig::smollm2("/nowhere/model.gguf".into()));
    ask(&model, request(CAPITAL)).await;
    model.shutdown();
    let error = model.answer(request(CAPITAL)).await.err().unwrap();
    assert_eq!(error.kind, ModelErrorKind::Interrupted);
}

#[tokio::test]
async fn it_knows_the_capital_of_france_with_others_or_alone() {
    let Some(model) = model() else { return };
    let alone = ask(&model, request(CAPITAL)).await;
    assert!(alone.text.contains("Paris"), "{alone:?}");
    let (finish, usage) = alone.end.unwrap();
    assert_eq!(finish, FinishReason::Stop);
    assert!(
        usage.prompt_tokens > 10 && usage.completion_tokens > 3,
        "{usage:?}"
    );
    let both =
        join_all([CAPITAL, "Name three colours."].map(|text| ask(&model, request(text)))).await;
    assert!(both[0].text.contains("Paris"), "{both:?}");
    assert!(
        both.iter()
            .all(|whole| whole.end.is_some() && whole.queued.is_empty()),
        "{both:?}"
    );
}

#[tokio::test]
async fn it_goes_on_from_a_partial_answer() {
    let Some(model) = model() else { return };
    let mut request = request(CAPITAL);
    request.prefill = Some("The capital of France is".into());
    let whole = ask(&model, request).await;
    assert!(whole.text.trim_start().starts_with("Paris"), "{whole:?}");
}

#[tokio::test]
async fn a_limit_is_kept_and_said() {
    let Some(model) = model() else { return };
    let mut request = request("Write a long story about the sea.");
    request.max_output_tokens = Some(5);
    let (finish, usage) = ask(&model, request).await.end.unwrap();
    assert_eq!((finish, usage.completion_tokens), (FinishReason::Length, 5));
}

#[tokio::test]
async fn characters_of_several_tokens_come_whole() {
    let Some(model) = model() else { return };
    let mut request = request("Repeat exactly this line: 語言 🏳️‍🌈 👩‍👩‍👧 žluťoučký");
    request.max_output_tokens = Some(40);
    request.prefill = Some("語言 🏳️‍🌈 👩‍👩‍👧 žluťoučký\n語言".into());
    let whole = ask(&model, request).await;
    assert!(
        !whole.text.is_empty() && !whole.text.contains('\u{fffd}'),
        "{whole:?}"
    );
    assert!(!whole.text.is_ascii(), "nothing to see here: {whole:?}");
}

#[tokio::test]
async fn a_prompt_beyond_the_window_is_refused() {
    let Some(model) = model() else { return };
    let whole = ask(&model, request(&"word ".repeat(5_000))).await;
    assert_eq!(whole.error.unwrap().kind, ModelErrorKind::ContextTooLong);
}

/// What the engine keeps of a conversation must not change what it answers: the second turn goes
/// on from kept tokens, the third from a branch that was left, among other conversations.
#[tokio::test]
async fn later_turns_and_branches_are_answered() {
    let Some(model) = model() else { return };
    let first = ask(&model, request(CAPITAL)).await;
    let turn = |text: &str| {
        let mut request = request(CAPITAL);
        request.messages.extend([
            ModelMessage::Assistant {
                text: first.text.clone(),
                calls: vec![],
            },
            ModelMessage::User(text.into()),
        ]);
        request
    };
    let second = ask(&model, turn("And in which country is that city?")).await;
    assert!(second.text.contains("France"), "{second:?}");
    for n in 3..9 {
        let mut other = request("Name three colours.");
        other.conversation_id = ConversationId(Uuid::from_u128(n));
        assert!(ask(&model, other).await.end.is_some());
    }
    let third = ask(&model, turn("Repeat the name of the city.")).await;
    assert!(third.text.contains("Paris"), "{third:?}");
    let again = ask(&model, request(CAPITAL)).await;
    assert!(again.text.contains("Paris"), "{again:?}");
}

/// Four are answered, others wait and know it, and beyond that the engine says that it is busy.
/// Dropping makes room.
#[tokio::test]
async fn the_queue_is_bounded_and_a_dropped_answer_makes_room() {
    let Some(model) = model() else { return };
    let model = Arc::new(model);
    let long = || {
        let mut request = request("Write a long story about the sea.");
        request.max_output_tokens = Some(900);
        request
    };
    let mut first = vec![];
    for _ in 0..4 {
        let mut stream = model.answer(long()).await.unwrap();
        assert!(matches!(stream.next().await, Some(Ok(ModelChunk::Text(_)))));
        first.push(stream);
    }
    let mut waiting = vec![];
    let refused = loop {
        match model.answer(request(CAPITAL)).await {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (refused.kind, waiting.len()),
        (ModelErrorKind::RateLimited, 32)
    );
    let mut next = waiting.remove(0);
    assert_eq!(next.next().await, Some(Ok(ModelChunk::Queued { ahead: 4 })));
    waiting.clear();
    drop(first);
    let served = tokio::time::timeout(Duration::from_secs(60), read(next))
        .await
        .unwrap();
    assert!(served.text.contains("Paris"), "{served:?}");
}

#[tokio::test]
async fn it_unloads_when_idle_and_loads_again() {
    let Some(path) = std::env::var_os("REJOINDER_TEST_MODEL") else {
        return;
    };
    let config = LocalConfig {
        idle_unload: Duration::from_millis(1),
        ..LocalConfig::smollm2(PathBuf::from(path))
    };
    let model = LocalModel::new(config);
    for _ in 0..2 {
        let whole = ask(&model, request(CAPITAL)).await;
        assert!(whole.text.contains("Paris"), "{whole:?}");
        while resident_kib() > 150 * 1_024 {
            tokio::task::yield_now().await;
        }
    }
}

/// Of this process. Where it can't be known there is nothing to wait for.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
