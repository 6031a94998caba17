//! The port of conversations, wired to the operations.

use async_trait::async_trait;
use domain::conversation::{ConversationPage, ConversationQuery, NewConversation};
use domain::message::{MessagePage, Revision, Window};
use domain::store::{ConversationStore, IdempotencyKey};
use domain::{
    Conversation, ConversationId, ConversationPatch, Cursor, Message, MessageId, RunId,
    StoreResult, UserId,
};

use crate::db::{read, snapshot, tx};
use crate::{SqlStore, branch, conversations, messages};

#[async_trait]
impl ConversationStore for SqlStore {
    async fn create_conversation(
        &self,
        user_id: UserId,
        new: NewConversation,
        key: Option<IdempotencyKey>,
    ) -> StoreResult<Conversation> {
        tx!(self, conversations::create, user_id, new, key)
    }

    async fn conversation(&self, user_id: UserId, id: ConversationId) -> StoreResult<Conversation> {
        read!(self, conversations::get, user_id, id)
    }

    async fn conversations(
        &self,
        user_id: UserId,
        query: ConversationQuery,
    ) -> StoreResult<ConversationPage> {
        snapshot!(self, conversations::list, user_id, query)
    }

    async fn patch_conversation(
        &self,
        user_id: UserId,
        id: ConversationId,
        patch: ConversationPatch,
    ) -> StoreResult<Conversation> {
        let now = self.clock.now();
        tx!(self, conversations::patch, user_id, id, patch, now)
    }

    async fn suggest_title(
        &self,
        user_id: UserId,
        id: ConversationId,
        title: &str,
    ) -> StoreResult<()> {
        let (title, now) = (title.to_owned(), self.clock.now());
        tx!(self, conversations::suggest_title, user_id, id, title, now)
    }

    async fn delete_conversation(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<Vec<RunId>> {
        let now = self.clock.now();
        tx!(self, conversations::delete, user_id, id, now)
    }

    async fn messages(
        &self,
        user_id: UserId,
        id: ConversationId,
        window: Window,
        limit: i64,
    ) -> StoreResult<MessagePage> {
        snapshot!(self, branch::page, user_id, id, window, limit)
    }

    async fn messages_by_id(
        &self,
        user_id: UserId,
        ids: &[MessageId],
    ) -> StoreResult<(Vec<Message>, Cursor)> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        snapshot!(self, messages::by_id, user_id, ids)
    }

    async fn conversations_by_id(
        &self,
        user_id: UserId,
        ids: &[ConversationId],
    ) -> StoreResult<Vec<Conversation>> {
        let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
        read!(self, conversations::by_id, user_id, ids)
    }

    async fn revisions(
        &self,
        user_id: UserId,
        conversation_id: ConversationId,
        message_id: MessageId,
    ) -> StoreResult<Vec<Revision>> {
        snapshot!(
            self,
            messages::revisions,
            user_id,
            conversation_id,
            message_id
        )
    }

    async fn open_message(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<(Option<Message>, Cursor)> {
        snapshot!(self, messages::open, user_id, id)
    }
}
