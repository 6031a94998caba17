use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use testkit::scripted::{Ended, Script};
use testkit::{ScriptedModel, scripted_text};

async fn ask(model: &ScriptedModel, body: Value) -> reqwest::Response {
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("{}/chat/completions", model.base_url());
    http.post(url).json(&body).send().await.unwrap()
}

fn streamed(content: &str) -> Value {
    json!({
        "model": "scripted", "stream": true, "stream_options": {"include_usage": true},
        "tools": [{"type": "function", "function": {"name": "todo_add"}}],
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": content},
        ],
    })
}

/// All that came before the end or the break, and whether it broke.
async fn read(response: reqwest::Response) -> (String, bool) {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(bytes) => body.extend_from_slice(&bytes),
            Err(_) => return (String::from_utf8(body).unwrap(), true),
        }
    }
    (String::from_utf8(body).unwrap(), false)
}

/// The chunks of a stream.
fn chunks(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn text(body: &str) -> String {
    chunks(body)
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect()
}

#[tokio::test]
async fn streams_numbered_tokens_and_usage() {
    let model = ScriptedModel::start().await;
    let (body, broken) = read(ask(&model, streamed("[[script: tokens=3]]")).await).await;
    assert!(!broken);
    assert_eq!(text(&body), scripted_text(3));
    assert!(body.ends_with("data: [DONE]\n\n"));
    let chunks = chunks(&body);
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 3);
    assert_eq!(model.requests()[0].ended, Ended::Complete);
}

#[tokio::test]
async fn answers_whole_where_no_stream_is_wanted() {
    let model = ScriptedModel::start().await;
    let mut body = streamed("[[script: tokens=2]]");
    body["stream"] = json!(false);
    let answer: Value = ask(&model, body).await.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], "tok0 tok1");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_gate_holds_until_it_is_opened() {
    let model = ScriptedModel::start().await;
    let gate = model.gate("hold");
    let response = ask(&model, streamed("[[script: tokens=4 gate=hold@2]]")).await;
    gate.reached(1).await;
    model.until(|requests| requests[0].sent == 2).await;
    assert_eq!(model.requests()[0].ended, Ended::Running);
    gate.open();
    assert_eq!(text(&read(response).await.0), scripted_text(4));
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let model = ScriptedModel::start().await;
    let response = ask(&model, streamed("[[script: gate=hold@2]]")).await;
    model.gate("hold").reached(1).await;
    drop(response);
    model
        .until(|requests| requests[0].ended == Ended::Dropped)
        .await;
}

#[tokio::test]
async fn tools_are_called_and_their_results_answered() {
    let model = ScriptedModel::start().await;
    let mut request = streamed(r#"[[script: tool=todo_add args={"title":"milk"} tokens=2]]"#);
    let (body, _) = read(ask(&model, request.clone()).await).await;
    let arguments: String = chunks(&body)
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"title":"milk"}"#);
    assert_eq!(text(&body), "");

    let messages = request["messages"].as_array_mut().unwrap();
    messages
        .push(json!({"role": "assistant", "content": null, "tool_calls": [{"id": "call_1_0"}]}));
    messages.push(json!({"role": "tool", "tool_call_id": "call_1_0", "content": "{}"}));
    let (body, _) = read(ask(&model, request).await).await;
    assert_eq!(text(&body), "tok0 tok1");
}

#[tokio::test]
async fn a_prefilled_answer_goes_on_inside_a_token() {
    let model = ScriptedModel::start().await;
    let mut request = streamed("[[script: tokens=5]]");
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": "tok0 tok1 to"}));
    let (body, _) = read(ask(&model, request.clone()).await).await;
    assert_eq!(text(&body), "k2 tok3 tok4");

    request["messages"][2]["content"] = json!("tok0 tok2");
    assert_eq!(ask(&model, request).await.status(), 400);
}

#[tokio::test]
async fn faults_break_where_they_should() {
    let model = ScriptedModel::start().await;
    let cases = [
        ("reset@2", true),
        ("end@2", false),
        ("malformed@2", false),
        ("error@2", false),
    ];
    for (fault, breaks) in cases {
        let message = format!("[[script: tokens=5 fault={fault}]]");
        let (body, broken) = read(ask(&model, streamed(&message)).await).await;
        assert_eq!(broken, breaks, "{fault}");
        assert!(
            body.contains("tok1") && !body.contains("tok2"),
            "{fault}: {body}"
        );
        assert!(!body.contains("[DONE]"), "{fault}");
        assert_eq!(
            model.requests().last().unwrap().ended,
            Ended::Fault,
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_status_fault_strikes_as_often_as_it_should() {
    let model = ScriptedModel::start().await;
    let message = "[[script: fault=429 times=1 retry_after=7]]";
    let refused = ask(&model, streamed(message)).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "7");
    assert_eq!(ask(&model, streamed(message)).await.status(), 200);
}

#[tokio::test]
async fn a_stall_is_silence_with_the_connection_open() {
    let model = ScriptedModel::start().await;
    let response = ask(&model, streamed("[[script: fault=stall@1]]")).await;
    let reading = read(response);
    model.until(|requests| requests[0].sent == 1).await;
    let quiet = tokio::time::timeout(Duration::from_millis(200), reading).await;
    assert!(quiet.is_err());
}

#[tokio::test]
async fn bytes_may_come_one_by_one() {
    let model = ScriptedModel::start().await;
    let response = ask(
        &model,
        streamed(r#"[[script: text="zażółć 🦀 漢字" split=1]]"#),
    )
    .await;
    let mut pieces = 0;
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.unwrap();
        pieces += 1;
        body.extend_from_slice(&piece);
    }
    assert!(
        pieces > body.len() / 2,
        "{pieces} pieces of {} bytes",
        body.len()
    );
    assert_eq!(text(&String::from_utf8(body).unwrap()), "zażółć 🦀 漢字");
}

#[tokio::test]
async fn scripts_go_by_the_models_name_and_titles_have_their_own() {
    let model = ScriptedModel::start().await;
    model.script("short", Script::parse("tokens=1").unwrap());
    let mut request = streamed("hello");
    request["model"] = json!("short");
    assert_eq!(
        text(&read(ask(&model, request.clone()).await).await.0),
        "tok0"
    );
    request["messages"][0]["content"] = json!("Write a title for this conversation.");
    assert_eq!(
        text(&read(ask(&model, request).await).await.0),
        "A scripted title"
    );
    assert_eq!(model.answers().len(), 1);
}

#[tokio::test]
async fn gates_work_over_http() {
    let model = ScriptedModel::start().await;
    let http = reqwest::Client::builder().build().unwrap();
    let base = format!("http://{}", model.address());
    let response = ask(&model, streamed("[[script: tokens=2 gate=far@1]]")).await;
    let reached = http
        .get(format!("{base}/gates/far/reached"))
        .send()
        .await
        .unwrap();
    assert_eq!(reached.status(), 204);
    http.post(format!("{base}/gates/far/open"))
        .send()
        .await
        .unwrap();
    assert_eq!(text(&read(response).await.0), scripted_text(2));
    let requests: Value = http
        .get(format!("{base}/requests"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(requests[0]["ended"], "complete");
}

#[tokio::test]
async fn an_answer_in_ascii_says_the_same() {
    let model = ScriptedModel::start().await;
    let content = r#"[[script: text="aé語👩‍👧" piece=1 split=1 ascii]]"#;
    let (body, _) = read(ask(&model, streamed(content)).await).await;
    assert!(body.is_ascii() && body.contains("\\ud83d\\udc69"), "{body}");
    assert_eq!(text(&body), "aé語👩‍👧");
}

#[tokio::test]
async fn a_page_in_the_middle_ends_the_stream() {
    let model = ScriptedModel::start().await;
    let content = "[[script: tokens=4 fault=html@2]]";
    let (body, broken) = read(ask(&model, streamed(content)).await).await;
    assert!(!broken && body.contains("<!doctype html>") && body.contains("tok1"));
    assert!(!body.contains("tok2") && !body.contains("[DONE]"), "{body}");
}

#[tokio::test]
async fn what_never_ends_ends_with_its_client() {
    let model = ScriptedModel::start().await;
    for (content, piece) in [
        ("[[script: tokens=2 endless]]", "tok1"),
        (
            "[[script: tokens=2 fault=chatter@1 delay_ms=1]]",
            ": still there",
        ),
    ] {
        let mut body = ask(&model, streamed(content)).await.bytes_stream();
        let mut seen = 0;
        while seen < 5 {
            let bytes = body.next().await.unwrap().unwrap();
            seen += String::from_utf8_lossy(&bytes).matches(piece).count();
        }
        drop(body);
        model
            .until(|records| records.last().unwrap().ended == Ended::Dropped)
            .await;
    }
}

#[tokio::test]
async fn only_a_stubborn_model_calls_what_it_was_not_offered() {
    let model = ScriptedModel::start().await;
    for (content, calls) in [
        ("[[script: tool=clock]]", false),
        ("[[script: tool=clock stubborn]]", true),
    ] {
        let mut request = streamed(content);
        request["tools"] = json!([]);
        let (body, _) = read(ask(&model, request).await).await;
        assert_eq!(body.contains("tool_calls"), calls, "{body}");
    }
}
