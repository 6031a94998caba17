//! Users: admission, the last admin, deletion.

use domain::store::{Admission, SessionStore, UserStore};
use domain::user::UserPatch;
use domain::{Session, SessionId, StoreError, UserId, UserRole};

use crate::support::{PASSWORD_HASH, TestDb, conflict, for_each_database, new_user};

for_each_database! {
    two_first_registrations_make_one_admin,
    closed_registration_refuses_the_second,
    addresses_are_unique_in_any_case,
    the_last_admin_stays,
    disabling_ends_sessions,
    users_are_listed_by_id,
    passwords_are_kept_and_changed,
}

async fn two_first_registrations_make_one_admin(db: &TestDb) {
    let tasks = (0..8).map(|n| {
        db.store.create_user(
            new_user(&format!("u{n}@example.org"), db.now()),
            Admission::Open,
        )
    });
    let users = futures::future::try_join_all(tasks).await.unwrap();
    let admins = users
        .iter()
        .filter(|user| user.role == UserRole::Admin)
        .count();
    assert_eq!(admins, 1);
}

async fn closed_registration_refuses_the_second(db: &TestDb) {
    assert!(!db.store.has_users().await.unwrap());
    let tasks = (0..8).map(|n| {
        db.store.create_user(
            new_user(&format!("u{n}@example.org"), db.now()),
            Admission::FirstOnly,
        )
    });
    let outcomes = futures::future::join_all(tasks).await;
    let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, 7));
    assert_eq!(made[0].as_ref().unwrap().role, UserRole::Admin);
    refused
        .into_iter()
        .for_each(|error| assert_eq!(conflict(error), "registration_closed"));
    assert!(db.store.has_users().await.unwrap());
}

async fn addresses_are_unique_in_any_case(db: &TestDb) {
    let user = db.user("Ada@Example.org").await;
    assert_eq!(user.email, "ada@example.org");
    let again = new_user(" ADA@example.org ", db.now());
    assert_eq!(
        conflict(db.store.create_user(again, Admission::Granted).await),
        "email_taken"
    );
    let (found, hash) = db
        .store
        .user_by_email("ADA@EXAMPLE.ORG")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found, hash.as_str()), (user, "$argon2id$"));
    assert_eq!(
        db.store.user_by_email("nobody@example.org").await.unwrap(),
        None
    );
}

async fn the_last_admin_stays(db: &TestDb) {
    let first = new_user("first@example.org", db.now());
    let admin = db
        .store
        .create_user(first, Admission::FirstOnly)
        .await
        .unwrap();
    let user = db.user("user@example.org").await;
    let demote = UserPatch {
        role: Some(UserRole::User),
        ..UserPatch::default()
    };
    let disable = UserPatch {
        disabled: Some(true),
        ..UserPatch::default()
    };
    for patch in [demote.clone(), disable.clone()] {
        let refused = db.store.update_user(admin.id, patch, db.now()).await;
        assert_eq!(conflict(refused), "last_admin");
    }
    assert_eq!(conflict(db.store.delete_user(admin.id).await), "last_admin");

    let promote = UserPatch {
        role: Some(UserRole::Admin),
        ..UserPatch::default()
    };
    db.store
        .update_user(user.id, promote, db.now())
        .await
        .unwrap();
    // Two admins leave at the same time: one stays.
    let both = futures::future::join(
        db.store.update_user(admin.id, demote, db.now()),
        db.store.update_user(user.id, disable, db.now()),
    );
    let (a, b) = both.await;
    assert_eq!(u8::from(a.is_ok()) + u8::from(b.is_ok()), 1);

    // The last account of all may go.
    let last = if a.is_ok() { user.id } else { admin.id };
    let other = if a.is_ok() { admin.id } else { user.id };
    db.store.delete_user(other).await.unwrap();
    db.store.delete_user(last).await.unwrap();
    assert_eq!(db.store.delete_user(last).await, Err(StoreError::NotFound));
    assert!(!db.store.has_users().await.unwrap());
}

async fn disabling_ends_sessions(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let session = Session {
        session_id: SessionId(db.uuid()),
        user_id: user.id,
        generation: 1,
        user_agent: None,
        created_at: db.now(),
        last_used_at: db.now(),
        expires_at: db.now().plus_millis(1_000),
    };
    db.store
        .create_session(session.clone(), PASSWORD_HASH.to_owned())
        .await
        .unwrap();
    let live = db
        .store
        .live_session(user.id, session.session_id, db.now())
        .await
        .unwrap();
    assert_eq!(live, Some((session.clone(), user.clone())));
    let patch = UserPatch {
        disabled: Some(true),
        ..UserPatch::default()
    };
    assert!(
        db.store
            .update_user(user.id, patch, db.now())
            .await
            .unwrap()
            .disabled
    );
    assert_eq!(db.store.sessions(user.id, db.now()).await.unwrap(), vec![]);
    let live = db
        .store
        .live_session(user.id, session.session_id, db.now())
        .await
        .unwrap();
    assert_eq!(live, None);
}

async fn users_are_listed_by_id(db: &TestDb) {
    let mut users = Vec::new();
    for n in 0..5 {
        users.push(db.user(&format!("u{n}@example.org")).await);
    }
    let page = db.store.users(users[1].id, 2).await.unwrap();
    assert_eq!(page, users[2..4].to_vec());
    db.store
        .audit(
            Some(users[0].id),
            "user.disabled",
            Some(users[1].id.0),
            db.now(),
        )
        .await
        .unwrap();
}

async fn passwords_are_kept_and_changed(db: &TestDb) {
    let user = db.user("a@example.org").await;
    assert_eq!(db.store.password_hash(user.id).await.unwrap(), "$argon2id$");
    let changed = db
        .store
        .change_password(user.id, None, "other".to_owned(), None, db.now())
        .await;
    assert_eq!(changed.unwrap(), 0);
    assert_eq!(db.store.password_hash(user.id).await.unwrap(), "other");
    let patch = UserPatch {
        full_name: Some("Else".to_owned()),
        ..UserPatch::default()
    };
    db.store
        .update_user(user.id, patch, db.now())
        .await
        .unwrap();
    assert_eq!(db.store.password_hash(user.id).await.unwrap(), "other");
    assert_eq!(db.store.user(user.id).await.unwrap().full_name, "Else");
    let nobody = UserId(user.id.0 + 1);
    let refused = db
        .store
        .change_password(nobody, None, "other".to_owned(), None, db.now())
        .await;
    assert_eq!(refused, Err(StoreError::NotFound));
}
