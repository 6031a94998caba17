//! Short words for long calls.

use std::sync::Arc;

use domain::event::FeedPage;
use domain::store::{
    Admission, ConversationStore, FeedStore, Finish, IdempotencyKey, ModelStep, PlannedCall,
    Regenerate, RunStore, SendMessage, Sent, UserStore,
};
use domain::user::{NewUser, UserPatch};
use domain::*;
use serde_json::json;

use super::{NODE, PASSWORD_HASH, TestDb};

impl TestDb {
    pub async fn user(&self, email: &str) -> User {
        let user = new_user(email, self.now());
        self.store
            .create_user(user, Admission::Granted)
            .await
            .unwrap()
    }

    pub async fn disable(&self, user_id: UserId) {
        let patch = UserPatch {
            disabled: Some(true),
            ..UserPatch::default()
        };
        self.store
            .update_user(user_id, patch, self.now())
            .await
            .unwrap();
    }

    pub fn message(&self, user_id: UserId, content: &str) -> SendMessage {
        SendMessage {
            user_id,
            key: None,
            client_message_id: None,
            conversation_id: None,
            parent_id: None,
            on_busy: OnBusy::Reject,
            content: content.to_owned(),
            model: None,
            agent_id: None,
            time_zone: None,
            new_conversation_id: ConversationId(self.uuid()),
            new_run_id: RunId(self.uuid()),
            now: self.now(),
        }
    }

    pub async fn send(&self, user_id: UserId, content: &str) -> Sent {
        self.store
            .send(self.message(user_id, content))
            .await
            .unwrap()
    }

    pub async fn send_to(&self, conversation: &Sent, content: &str) -> Sent {
        let run = &conversation.run;
        let conversation_id = Some(run.conversation_id);
        let send = SendMessage {
            conversation_id,
            ..self.message(run.user_id, content)
        };
        self.store.send(send).await.unwrap()
    }

    /// Another answer beside the one of this run.
    pub fn regenerate(&self, sent: &Sent) -> Regenerate {
        Regenerate {
            user_id: sent.run.user_id,
            key: None,
            conversation_id: sent.run.conversation_id,
            message_id: sent.ai_message.id,
            model: None,
            new_run_id: RunId(self.uuid()),
            now: self.now(),
        }
    }

    /// A message beside an active run.
    pub async fn send_beside(&self, run: &Run, content: &str, on_busy: OnBusy) -> Sent {
        let send = SendMessage {
            conversation_id: Some(run.conversation_id),
            on_busy,
            ..self.message(run.user_id, content)
        };
        self.store.send(send).await.unwrap()
    }

    pub async fn claim(&self) -> Run {
        let runs = self.store.claim(NODE, self.now(), 1, false).await.unwrap();
        runs.into_iter().next().unwrap()
    }

    /// A message, claimed, with its answer begun.
    pub async fn started(&self, user_id: UserId, content: &str) -> (Sent, Fence) {
        let sent = self.send(user_id, content).await;
        let fence = fence(&self.claim().await);
        self.store
            .begin_answer(fence, None, self.now())
            .await
            .unwrap();
        (sent, fence)
    }

    /// A whole turn: question and answer.
    pub async fn turn(&self, user_id: UserId, before: Option<&Sent>, answer: &str) -> Sent {
        let sent = match before {
            Some(before) => self.send_to(before, &format!("ask {answer}")).await,
            None => self.send(user_id, &format!("ask {answer}")).await,
        };
        let fence = fence(&self.claim().await);
        self.store
            .begin_answer(fence, None, self.now())
            .await
            .unwrap();
        self.store
            .finish(fence, self.completed(answer))
            .await
            .unwrap();
        self.store.sent(user_id, sent.run.run_id).await.unwrap()
    }

    pub fn completed(&self, text: &str) -> Finish {
        Finish {
            state: RunState::Completed,
            message_status: MessageStatus::Complete,
            text: Some(text.to_owned()),
            reasoning: None,
            usage: Usage {
                prompt_tokens: 3,
                completion_tokens: 4,
            },
            error: None,
            additional_data: json!({ "model": "test/model" }),
            now: self.now(),
        }
    }

    pub fn model_step(&self, message_id: MessageId, calls: Vec<PlannedCall>) -> ModelStep {
        ModelStep {
            message_id,
            text: "let me see".to_owned(),
            reasoning: String::new(),
            calls,
            finish: FinishReason::ToolCalls,
            usage: Usage {
                prompt_tokens: 10,
                completion_tokens: 2,
            },
            additional_data: json!({ "model": "test/model" }),
            now: self.now(),
        }
    }

    pub fn call(&self, name: &str, class: ToolClass, approval: bool) -> PlannedCall {
        let call_id = CallId(self.uuid());
        PlannedCall {
            call: ToolCall {
                call_id,
                provider_id: format!("provider-{call_id}"),
                name: name.to_owned(),
                arguments: json!({ "of": name }),
            },
            class,
            approval: approval.then(|| (ApprovalId(self.uuid()), format!("hash of {name}"))),
            refused: None,
        }
    }

    /// Every event of the user's feed.
    pub async fn feed(&self, user_id: UserId) -> Vec<Arc<Event>> {
        let end = self.store.feed_end(user_id).await.unwrap();
        let (mut all, mut cursor) = (Vec::new(), Cursor { seq: 0, ..end });
        loop {
            let page = self.store.feed_after(user_id, cursor, 100_000).await;
            let FeedPage::Events { events, end, more } = page.unwrap() else {
                panic!("a feed can be read from its beginning")
            };
            all.extend(events);
            if !more {
                return all;
            }
            cursor = end;
        }
    }

    pub async fn kinds_after(&self, user_id: UserId, seq: i64) -> Vec<&'static str> {
        let feed = self.feed(user_id).await;
        feed.iter()
            .filter(|event| event.seq > seq)
            .map(|event| event.body.kind())
            .collect()
    }

    pub async fn latest(&self, sent: &Sent) -> Vec<Message> {
        let (user_id, id) = (sent.run.user_id, sent.run.conversation_id);
        self.store
            .messages(user_id, id, domain::message::Window::Latest, 200)
            .await
            .unwrap()
            .messages
    }
}

pub fn fence(run: &Run) -> Fence {
    Fence {
        run_id: run.run_id,
        fence: run.fence,
    }
}

pub fn key(key: &str, body: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: body.to_owned(),
    })
}

pub fn new_user(email: &str, now: Timestamp) -> NewUser {
    NewUser {
        email: email.to_owned(),
        full_name: "Somebody".to_owned(),
        password_hash: PASSWORD_HASH.to_owned(),
        role: UserRole::User,
        now,
    }
}

pub fn text_delta(message_id: MessageId, revision: i64, offset: usize, text: &str) -> Delta {
    Delta {
        message_id,
        revision,
        channel: DeltaChannel::Text,
        offset: i64::try_from(offset).unwrap(),
        text: text.to_owned(),
    }
}

pub fn conflict<T: std::fmt::Debug>(result: StoreResult<T>) -> &'static str {
    match result {
        Err(StoreError::Conflict { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}
