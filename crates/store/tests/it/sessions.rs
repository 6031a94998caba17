//! Every row of the rotation's table.

use domain::limits::{REFRESH_GRACE_MS, SESSION_MS};
use domain::store::{SessionStore, UserStore};
use domain::{Rotation, Session, SessionId, StoreError, UserId};

use crate::support::{PASSWORD_HASH, TestDb, for_each_database};

for_each_database! {
    of_two_changes_of_one_password_the_first_decides,
    the_newest_token_makes_the_next,
    a_lost_reply_is_answered_again,
    the_one_before_has_a_grace,
    anything_older_is_a_replay,
    dead_sessions_are_gone,
    races_of_one_token_agree,
    ending_sessions,
    a_new_password_ends_the_other_sessions_or_changes_nothing,
    a_login_beside_a_change_of_the_password_leaves_no_session,
}

async fn session(db: &TestDb, user_id: UserId) -> SessionId {
    let session = new(db, user_id);
    let created = db
        .store
        .create_session(session.clone(), PASSWORD_HASH.to_owned());
    created.await.unwrap();
    session.session_id
}

fn new(db: &TestDb, user_id: UserId) -> Session {
    Session {
        session_id: SessionId(db.uuid()),
        user_id,
        generation: 1,
        user_agent: Some("browser".to_owned()),
        created_at: db.now(),
        last_used_at: db.now(),
        expires_at: db.now().plus_millis(SESSION_MS),
    }
}

async fn a_login_beside_a_change_of_the_password_leaves_no_session(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let mut hash = PASSWORD_HASH.to_owned();
    for n in 0..10 {
        let next = format!("changed {n}");
        let change = db
            .store
            .change_password(user.id, None, next.clone(), None, db.now());
        let logins = (0..6).map(|_| db.store.create_session(new(db, user.id), hash.clone()));
        let (changed, created) = tokio::join!(change, futures::future::join_all(logins));
        changed.unwrap();
        let fine = |created: &Result<(), _>| matches!(created, Ok(()) | Err(StoreError::NotFound));
        assert!(created.iter().all(fine), "{created:?}");
        let left = db.store.sessions(user.id, db.now()).await.unwrap();
        assert_eq!(left, [], "a session of the old password");
        hash = next;
    }
    db.disable(user.id).await;
    let refused = db.store.create_session(new(db, user.id), hash).await;
    assert_eq!(refused, Err(StoreError::NotFound));
}

async fn of_two_changes_of_one_password_the_first_decides(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let change = |to: usize| {
        let verified = Some(PASSWORD_HASH.to_owned());
        let next = format!("changed {to}");
        db.store
            .change_password(user.id, verified, next, None, db.now())
    };
    let changes = futures::future::join_all((0..6).map(change)).await;
    let (done, refused): (Vec<_>, Vec<_>) = changes.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(refused.iter().all(|r| *r == Err(StoreError::NotFound)));
}

async fn issued(db: &TestDb, id: SessionId, presented: i64) -> (i64, Session) {
    match db
        .store
        .rotate_session(id, presented, db.now())
        .await
        .unwrap()
    {
        Rotation::Issued {
            session,
            generation,
        } => (generation, session),
        other => panic!("{other:?}"),
    }
}

async fn the_newest_token_makes_the_next(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = session(db, user.id).await;
    let now = db.later(60_000);
    let (generation, session) = issued(db, id, 1).await;
    assert_eq!((generation, session.generation), (2, 2));
    assert_eq!(session.last_used_at, now);
    assert_eq!(session.expires_at, now.plus_millis(SESSION_MS));
    assert_eq!(
        db.store.sessions(user.id, now).await.unwrap(),
        vec![session]
    );
}

async fn a_lost_reply_is_answered_again(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = session(db, user.id).await;
    assert_eq!(issued(db, id, 1).await.0, 2);
    db.later(10 * REFRESH_GRACE_MS);
    // Its successor was never used, however long ago that was.
    assert_eq!(issued(db, id, 1).await.0, 2);
    assert_eq!(issued(db, id, 2).await.0, 3);
}

async fn the_one_before_has_a_grace(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = session(db, user.id).await;
    issued(db, id, 1).await;
    issued(db, id, 2).await;
    db.later(REFRESH_GRACE_MS);
    // Stored generation 3, presented 1: the token that 1 made before.
    assert_eq!(issued(db, id, 1).await.0, 2);
    // An answer of this kind does not lengthen the grace.
    db.later(1);
    let replay = db.store.rotate_session(id, 1, db.now()).await.unwrap();
    assert_eq!(replay, Rotation::Replayed { user_id: user.id });
}

async fn anything_older_is_a_replay(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = session(db, user.id).await;
    for presented in 1..=3 {
        issued(db, id, presented).await;
    }
    let replay = db.store.rotate_session(id, 1, db.now()).await.unwrap();
    assert_eq!(replay, Rotation::Replayed { user_id: user.id });
    assert_eq!(
        db.store.rotate_session(id, 4, db.now()).await.unwrap(),
        Rotation::Gone
    );
    assert_eq!(
        db.store.live_session(user.id, id, db.now()).await.unwrap(),
        None
    );
}

async fn dead_sessions_are_gone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let unknown = SessionId(db.uuid());
    assert_eq!(
        db.store.rotate_session(unknown, 1, db.now()).await.unwrap(),
        Rotation::Gone
    );
    let expired = session(db, user.id).await;
    db.later(SESSION_MS);
    assert_eq!(
        db.store.rotate_session(expired, 1, db.now()).await.unwrap(),
        Rotation::Gone
    );
    let disabled = session(db, user.id).await;
    db.disable(user.id).await;
    assert_eq!(
        db.store
            .rotate_session(disabled, 1, db.now())
            .await
            .unwrap(),
        Rotation::Gone
    );
}

async fn races_of_one_token_agree(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = session(db, user.id).await;
    let answers = futures::future::join_all((0..8).map(|_| issued(db, id, 1))).await;
    assert!(answers.iter().all(|(generation, _)| *generation == 2));
}

async fn ending_sessions(db: &TestDb) {
    let (user, other) = (
        db.user("a@example.org").await,
        db.user("b@example.org").await,
    );
    let mine = session(db, user.id).await;
    let second = session(db, user.id).await;
    let theirs = session(db, other.id).await;
    assert_eq!(
        db.store.end_session(user.id, theirs).await,
        Err(StoreError::NotFound)
    );
    db.store.end_session(user.id, mine).await.unwrap();
    assert_eq!(
        db.store.end_session(user.id, mine).await,
        Err(StoreError::NotFound)
    );
    session(db, user.id).await;
    assert_eq!(
        db.store.end_sessions(user.id, Some(second)).await.unwrap(),
        1
    );
    assert_eq!(db.store.end_sessions(user.id, None).await.unwrap(), 1);
    assert_eq!(
        db.store.sessions(other.id, db.now()).await.unwrap().len(),
        1
    );
}

async fn a_new_password_ends_the_other_sessions_or_changes_nothing(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (here, there) = (session(db, user.id).await, session(db, user.id).await);
    let elsewhere = db.user("b@example.org").await;
    let others = session(db, elsewhere.id).await;
    let live = async |id| {
        let live = db.store.live_session(user.id, id, db.now()).await;
        live.unwrap().is_some()
    };
    let change = async |hash: &str| {
        let changed =
            db.store
                .change_password(user.id, None, hash.to_owned(), Some(here), db.now());
        changed.await
    };

    db.raw(refuse_deletions(db.is_sqlite())).await;
    change("new").await.unwrap_err();
    assert_eq!(
        db.store.password_hash(user.id).await.unwrap(),
        "$argon2id$",
        "the other session lives, and so does the old password"
    );
    assert!(live(there).await);

    db.raw(
        "DROP TRIGGER refuse_deletions".to_owned()
            + if db.is_sqlite() { "" } else { " ON sessions" },
    )
    .await;
    assert_eq!(change("new").await.unwrap(), 1);
    assert_eq!(db.store.password_hash(user.id).await.unwrap(), "new");
    assert!(live(here).await && !live(there).await);
    let untouched = db.store.live_session(elsewhere.id, others, db.now()).await;
    assert!(untouched.unwrap().is_some());
}

/// As a death between the two statements: the second one never happens.
fn refuse_deletions(sqlite: bool) -> String {
    let text = if sqlite {
        "CREATE TRIGGER refuse_deletions BEFORE DELETE ON sessions \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
         CREATE TRIGGER refuse_deletions BEFORE DELETE ON sessions \
         FOR EACH ROW EXECUTE FUNCTION refuse()"
    };
    text.to_owned()
}
