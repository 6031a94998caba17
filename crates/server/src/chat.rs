//! What a route and a socket frame do alike: sending, stopping, deciding.

use agent::failpoints;
use domain::store::{IdempotencyKey, NewRetry, Regenerate, SendMessage, Sent};
use domain::{
    Approval, ApprovalId, Call, CallDecision, CallId, ConversationId, Decision, MessageId, Run,
    RunId, Scope, ToolPolicy, User, UserId, Wake, limits,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::error::Problem;
use crate::extract::Check;
use crate::limits::{HASH_DIGITS, MODEL_CHARS, REFUSAL_WAITS, STOP_WAIT};
use crate::state::AppState;
use crate::wire::approval::ApprovalDecision;
use crate::wire::send::MessageCreate;

/// Checks a message before anything is asked of the store.
pub(crate) fn prepare(
    state: &AppState,
    user: &User,
    message: MessageCreate,
    header_key: Option<String>,
) -> Result<SendMessage, Problem> {
    let mut check = Check::default();
    check.text("/content", &message.content, limits::CONTENT_CHARS);
    if let Some(id) = &message.client_message_id {
        let uuid = id.len() == 36 && Uuid::try_parse(id).is_ok();
        check.ensure(uuid, "/client_message_id", "This must be a UUID.");
    }
    let no_agent = message.agent_id.is_none();
    check.ensure(
        no_agent,
        "/agent_id",
        "Choosing an agent is not yet available.",
    );
    check_model(state, &mut check, message.model.as_deref());
    if let Some(zone) = &message.time_zone {
        let known = zone.len() <= 64 && jiff::tz::TimeZone::get(zone).is_ok();
        check.ensure(
            known,
            "/time_zone",
            "This must be the IANA name of a time zone.",
        );
    }
    check.done()?;

    let conversation_id = message
        .conversation_id
        .as_deref()
        .map(|text| ConversationId::parse(text).ok_or_else(Problem::not_found))
        .transpose()?;
    // The id that the client gave the message wins, since it is what a socket repeats as well.
    let key = match &message.client_message_id {
        Some(id) => Some(id.to_ascii_lowercase()),
        None => header_key,
    };
    Ok(SendMessage {
        user_id: user.id,
        key: keyed(key, &canonical(&message, conversation_id)),
        client_message_id: message.client_message_id,
        conversation_id,
        parent_id: message.parent_id.map(MessageId),
        on_busy: message.on_busy.unwrap_or_default().into(),
        content: message.content,
        model: message.model,
        agent_id: None,
        time_zone: message.time_zone,
        new_conversation_id: ConversationId::new(&*state.ids),
        new_run_id: RunId::new(&*state.ids),
        now: state.now(),
    })
}

/// A model that this server knows, or none.
pub(crate) fn check_model(state: &AppState, check: &mut Check, model: Option<&str>) {
    let Some(id) = model else { return };
    check.line("/model", id, MODEL_CHARS);
    if let Err(error) = state.agent.models.model(id) {
        check.fail("/model", error.detail);
    }
}

/// What makes two sends the same. Lists have one spelling; other requests begin with their name.
/// `on_busy` is no part of it: a message that is there already is the same, whatever it met.
fn canonical(message: &MessageCreate, conversation: Option<ConversationId>) -> Value {
    json!([
        message.content,
        conversation.map(|id| id.to_string()),
        message.parent_id,
        message.model,
        message.agent_id,
    ])
}

/// The key with the hash of what is asked for under it. `canonical` is a list for a send, and
/// `{"<operation>": [ids and body]}` for everything else, so that no two kinds are ever the same.
pub(crate) fn keyed(key: Option<String>, canonical: &Value) -> Option<IdempotencyKey> {
    let body_hash = hex::encode(Sha256::digest(canonical.to_string().as_bytes()));
    key.map(|key| IdempotencyKey { key, body_hash })
}

/// Within the user's limit on sending. Who is beyond it waits for the answer: a client that repeats
/// itself without pause would otherwise keep the server busy with saying no.
async fn admitted(state: &AppState, user_id: UserId) -> Result<(), Problem> {
    if let Err(until) = state.limiters.send(user_id) {
        sleep(REFUSAL_WAITS).await;
        return Err(until.into());
    }
    Ok(())
}

/// Stores the message with its run and wakes the scheduler. A caller that goes away stops neither.
pub(crate) async fn send(state: &AppState, message: SendMessage) -> Result<Sent, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    admitted(state, message.user_id).await?;
    let task = state.clone();
    let stored = state.config.tracker.spawn(async move {
        let sent = task.store.send(message).await;
        if let Ok(sent) = &sent {
            if !sent.repeated {
                failpoints::reached("after_message_commit");
            }
            // It has ended in the store; its driver learns of it now instead of with its next write.
            if let Some(run_id) = sent.interrupted {
                task.agent.cancelled(run_id);
            }
            task.agent.wake();
        }
        sent
    });
    let sent = stored.await.map_err(Problem::internal)??;
    let repeated = if sent.repeated { "true" } else { "false" };
    metrics::counter!("rejoinder_sends_total", "repeated" => repeated).increment(1);
    Ok(sent)
}

/// A new answer beside an old one.
pub(crate) async fn regenerate(state: &AppState, again: Regenerate) -> Result<Sent, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    admitted(state, again.user_id).await?;
    let task = state.clone();
    let stored = state.config.tracker.spawn(async move {
        let sent = task.store.regenerate(again).await;
        if sent.is_ok() {
            task.agent.wake();
        }
        sent
    });
    Ok(stored.await.map_err(Problem::internal)??)
}

/// Records that the run is to stop, and tells whoever drives it, also when the caller goes away.
pub(crate) async fn cancel(state: &AppState, user: &User, run_id: RunId) -> Result<Run, Problem> {
    let (task, user_id) = (state.clone(), user.id);
    let stored = state.config.tracker.spawn(async move {
        let run = task.store.request_cancel(user_id, run_id, task.now()).await;
        if run.is_ok() {
            task.agent.cancelled(run_id);
            // Where nobody drove it, it has ended, and the next one of the queue may begin.
            task.agent.wake();
        }
        run
    });
    Ok(stored.await.map_err(Problem::internal)??)
}

/// As [`cancel`], and waits until the run has ended, at most [`STOP_WAIT`]: whoever hears so knows that
/// nothing of it begins any more.
pub(crate) async fn cancel_and_wait(
    state: &AppState,
    user: &User,
    run_id: RunId,
) -> Result<Run, Problem> {
    let mut feed = state.bus.subscribe(user.id);
    let until = Instant::now() + STOP_WAIT;
    let mut run = cancel(state, user, run_id).await?;
    while !run.state.is_terminal() {
        let woken = async { while !matches!(feed.wake().await, Wake::Feed | Wake::Lagged) {} };
        if timeout_at(until, woken).await.is_err() {
            break;
        }
        run = state.store.run(user.id, run_id).await?;
    }
    Ok(run)
}

pub(crate) async fn decide(
    state: &AppState,
    user: &User,
    id: ApprovalId,
    wanted: ApprovalDecision,
) -> Result<Approval, Problem> {
    // Whatever else was sent is no hash of a call, and not all of it can be stored.
    let hash = wanted.arguments_hash;
    let digits = |c: char| c.is_ascii_digit() || matches!(c, 'a'..='f');
    if hash.len() != HASH_DIGITS || !hash.chars().all(digits) {
        let message = "This must be the hash of the approval: 64 digits of lower-case hex.";
        return Err(Problem::invalid("/arguments_hash", message));
    }
    let (decision, scope) = (Decision::from(wanted.decision), wanted.scope);
    let scope = scope.map(Scope::from).unwrap_or_default();
    if decision == Decision::Deny && scope == Scope::Conversation {
        let message = "Only an approval reaches further than its call.";
        return Err(Problem::invalid("/scope", message));
    }
    // A caller that goes away has decided all the same.
    let (task, user_id) = (state.clone(), user.id);
    let stored = state.config.tracker.spawn(async move {
        let decided = task
            .store
            .decide(user_id, id, decision, scope, &hash, task.now())
            .await;
        if decided.is_ok() {
            failpoints::reached("after_approval");
            task.agent.wake();
        }
        decided
    });
    Ok(stored.await.map_err(Problem::internal)??)
}

/// What the user says of a call of unknown outcome. A retry buys an answer, as a message does.
pub(crate) async fn decide_call(
    state: &AppState,
    user: &User,
    id: CallId,
    decision: CallDecision,
) -> Result<Call, Problem> {
    if decision == CallDecision::Retry {
        let call = state.store.call(user.id, id).await?;
        let name = &call.entry.tool_name;
        let policy = state.agent.tools.get(name).map(|tool| tool.policy());
        if policy.is_none_or(|policy| policy == ToolPolicy::Deny) {
            let detail = "This tool can't be used here any more. Say what became of the call, or \
                          ask the operator.";
            return Err(Problem::conflict("tool_unavailable", detail));
        }
        if state.config.drain.is_cancelled() {
            return Err(Problem::draining());
        }
        admitted(state, user.id).await?;
    }
    let (task, user_id) = (state.clone(), user.id);
    let stored = state.config.tracker.spawn(async move {
        let retry = NewRetry {
            run_id: RunId::new(&*task.ids),
            call_id: CallId::new(&*task.ids),
        };
        let decided = task
            .store
            .decide_call(user_id, id, decision, retry, task.now())
            .await;
        if decided.is_ok() && decision == CallDecision::Retry {
            task.agent.wake();
        }
        decided
    });
    Ok(stored.await.map_err(Problem::internal)??)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: Value) -> MessageCreate {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_hash_covers_what_makes_a_send_and_nothing_else() {
        let body_hash = |message: &MessageCreate, conversation| {
            let key = keyed(Some("k".to_owned()), &canonical(message, conversation));
            key.unwrap().body_hash
        };
        let plain = body_hash(&message(json!({ "content": "a" })), None);
        let same = message(json!({
            "content": "a", "time_zone": "UTC", "conversation_id": null, "on_busy": "enqueue",
            "client_message_id": "018f0000-0000-7000-8000-000000000000",
        }));
        assert_eq!(body_hash(&same, None), plain);
        assert_eq!(plain.len(), 64);
        for other in [
            json!({ "content": "b" }),
            json!({ "content": "a", "parent_id": 1 }),
            json!({ "content": "a", "model": "x/y" }),
            json!({ "content": "a", "agent_id": "x" }),
        ] {
            assert_ne!(body_hash(&message(other.clone()), None), plain, "{other}");
        }
        let conversation = Some(ConversationId(Uuid::nil()));
        assert_ne!(
            body_hash(&message(json!({ "content": "a" })), conversation),
            plain
        );
    }
}
