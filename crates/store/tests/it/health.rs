//! What PostgreSQL's refusals say of the store: that nobody can write, or only that one caller was in
//! another's way.

use domain::StoreError;
use domain::store::{Admission, Health, Maintenance, UserStore};

use crate::support::{TestDb, new_user};

/// Whether they make the store unwritable, by PL/pgSQL's names.
const CONDITIONS: [(&str, bool); 9] = [
    ("serialization_failure", false),
    ("deadlock_detected", false),
    ("lock_not_available", false),
    ("too_many_connections", false),
    ("out_of_memory", false),
    ("disk_full", true),
    ("io_error", true),
    ("read_only_sql_transaction", true),
    ("cannot_connect_now", true),
];

async fn refuse(db: &TestDb, condition: &str) {
    let function = "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql";
    let body = format!("AS $$ BEGIN RAISE {condition}; END $$");
    let trigger = "CREATE OR REPLACE TRIGGER refused BEFORE INSERT ON users \
                   FOR EACH ROW EXECUTE FUNCTION refuse()";
    db.raw(format!("{function} {body}; {trigger}")).await;
}

#[tokio::test]
async fn a_busy_moment_is_no_full_disk() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    for (condition, unwritable) in CONDITIONS {
        refuse(&db, condition).await;
        let user = new_user("a@example.org", db.now());
        let refused = db.store.create_user(user, Admission::Open).await;
        assert!(
            matches!(refused, Err(StoreError::NotWritable(_))),
            "{condition}: {refused:?}"
        );
        let health = db.store.health();
        let told = matches!(health, Health::NotWritable(_));
        assert_eq!(told, unwritable, "{condition}: {health:?}");
        assert_eq!(db.store.probe().await, Health::Ready, "{condition}");
    }
    db.raw("DROP TRIGGER refused ON users".to_owned()).await;
    db.user("a@example.org").await;
    db.end().await;
}
