//! Tools that a conversation need not ask for.

use domain::store::{ApprovalStore, ConversationStore, PermissionStore, RunStore, Sent};
use domain::{Decision, Fence, Permission, Scope, StoreError, ToolClass};

use crate::support::{TestDb, fence, for_each_database};

for_each_database! {
    a_permission_spares_later_calls_of_that_tool_in_that_conversation,
    a_denial_and_a_single_approval_permit_nothing,
    a_revoked_permission_counts_no_more,
    permissions_die_with_their_conversation,
}

/// The model asks for one call of the tool.
async fn asks(db: &TestDb, sent: &Sent, fence: Fence, tool: &str) {
    let open = db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let call = db.call(tool, ToolClass::Effectful, true);
    let step = db.model_step(open.message_id, vec![call]);
    db.store.record_model_step(fence, step).await.unwrap();
    let last = db.latest(sent).await.pop().unwrap();
    assert_eq!(last.tool_name.as_deref(), Some(tool));
}

async fn decide(db: &TestDb, sent: &Sent, decision: Decision, scope: Scope) {
    let user_id = sent.run.user_id;
    for asked in db.store.approvals(user_id).await.unwrap() {
        let decided = db
            .store
            .decide(
                user_id,
                asked.approval_id,
                decision,
                scope,
                &asked.arguments_hash,
                db.now(),
            )
            .await
            .unwrap();
        let scope = (decision == Decision::Approve).then_some(scope);
        assert_eq!((decided.decision, decided.scope), (Some(decision), scope));
    }
}

async fn asked(db: &TestDb, sent: &Sent) -> usize {
    db.store.approvals(sent.run.user_id).await.unwrap().len()
}

async fn permitted(db: &TestDb, sent: &Sent) -> Vec<Permission> {
    let run = &sent.run;
    db.store
        .permissions(run.user_id, run.conversation_id)
        .await
        .unwrap()
}

async fn a_permission_spares_later_calls_of_that_tool_in_that_conversation(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    asks(db, &sent, mine, "mail").await;
    let end = i64::try_from(db.feed(user.id).await.len()).unwrap();
    decide(db, &sent, Decision::Approve, Scope::Conversation).await;
    assert_eq!(
        db.kinds_after(user.id, end).await,
        ["approval", "conversation"]
    );
    let one = Permission {
        tool_name: "mail".to_owned(),
        created_at: db.now(),
    };
    assert_eq!(permitted(db, &sent).await, [one]);

    asks(db, &sent, mine, "mail").await;
    assert_eq!(asked(db, &sent).await, 0);
    let call = db.latest(&sent).await.pop().unwrap();
    assert_eq!(call.additional_data.unwrap()["permitted"], "conversation");
    assert!(!db.store.park(mine, db.now()).await.unwrap());
    asks(db, &sent, mine, "shell").await;
    assert_eq!(asked(db, &sent).await, 1);

    let elsewhere = db.send(user.id, "another").await;
    let other = fence(&db.claim().await);
    asks(db, &elsewhere, other, "mail").await;
    assert_eq!(asked(db, &sent).await, 2);
}

async fn a_denial_and_a_single_approval_permit_nothing(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    for (decision, scope) in [
        (Decision::Deny, Scope::Conversation),
        (Decision::Approve, Scope::Once),
    ] {
        asks(db, &sent, mine, "mail").await;
        decide(db, &sent, decision, scope).await;
        assert_eq!(permitted(db, &sent).await, []);
    }
    asks(db, &sent, mine, "mail").await;
    assert_eq!(asked(db, &sent).await, 1);
}

async fn a_revoked_permission_counts_no_more(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    asks(db, &sent, mine, "mail").await;
    decide(db, &sent, Decision::Approve, Scope::Conversation).await;
    let id = sent.run.conversation_id;
    let revoke = |tool| db.store.revoke_permission(user.id, id, tool, db.now());
    assert_eq!(revoke("shell").await, Err(StoreError::NotFound));
    let end = i64::try_from(db.feed(user.id).await.len()).unwrap();
    assert_eq!(revoke("mail").await, Ok(()));
    assert_eq!(db.kinds_after(user.id, end).await, ["conversation"]);
    assert_eq!(revoke("mail").await, Err(StoreError::NotFound));
    assert_eq!(permitted(db, &sent).await, []);
    asks(db, &sent, mine, "mail").await;
    assert_eq!(asked(db, &sent).await, 1);
}

async fn permissions_die_with_their_conversation(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    asks(db, &sent, mine, "mail").await;
    decide(db, &sent, Decision::Approve, Scope::Conversation).await;
    let id = sent.run.conversation_id;
    db.store.delete_conversation(user.id, id).await.unwrap();
    assert_eq!(
        db.store.permissions(user.id, id).await,
        Err(StoreError::NotFound)
    );
}
