//! The matrix over HTTP.

use serde_json::{Value, json};
use server::operations::{Access, OPERATIONS, Operation};
use testkit::Client;
use testkit::client::PASSWORD;

use super::actors::{self, Actor};
use super::call::{Caller, Outcome};
use super::things::{self, CANARY, Ids, MALFORMED, Thing};
use super::world::World;

/// A body that is accepted for a thing of one's own. `{}` needs no line.
fn body(op: &Operation, world: &World, thing: &Thing, login: &Value) -> Value {
    match (op.resource, op.action) {
        ("account", "register") => {
            let email = format!("new{}@example.org", world.next());
            json!({ "email": email, "password": PASSWORD, "full_name": CANARY })
        }
        ("session", "create") => json!({ "email": login["user"]["email"], "password": PASSWORD }),
        ("session", "refresh" | "end") => json!({ "refresh_token": login["refresh_token"] }),
        ("account", "change") => json!({ "full_name": CANARY }),
        ("account", "delete") => json!({ "password": PASSWORD }),
        ("account", "change_password") => {
            json!({ "current_password": PASSWORD, "new_password": "another horse battery" })
        }
        ("user", "add") => {
            let email = format!("added{}@example.org", world.next());
            json!({ "email": email, "password": PASSWORD, "full_name": CANARY })
        }
        ("user", "change") => json!({ "disabled": true }),
        ("message", "change") => json!({ "content": CANARY }),
        ("message", "send") => json!({ "content": format!("{CANARY} [[script: tokens=1]]") }),
        ("conversation", "create" | "change") => json!({ "title": CANARY }),
        ("approval", "decide") => {
            json!({ "decision": "deny", "arguments_hash": thing.arguments_hash })
        }
        ("call", "decide") => json!({ "decision": "did_not_happen" }),
        ("todo", "add") => json!({ "title": CANARY }),
        ("todo", "change") => json!({ "done": true }),
        _ => json!({}),
    }
}

fn http() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|op| op.method != "WS")
}

fn named(op: &Operation) -> String {
    format!("{} {}", op.method, op.path)
}

/// The innermost thing that the path names, whoever owns it.
async fn thing(world: &World, op: &Operation, owner: &Client) -> Option<Thing> {
    let mut kind = *things::kinds(op.path).last()?;
    if (op.resource, kind) == ("message", "messages") && matches!(op.action, "change" | "remove") {
        // Only of those can anything be changed.
        kind = "queued";
    }
    Some(things::make(world, owner, kind).await)
}

/// Paths that look like those of a thing and are none: with the form of the real ids.
fn unknown(op: &Operation, real: &Ids) -> String {
    let ids = real.iter().map(|(kind, id)| (*kind, things::random(id)));
    things::fill(op.path, &ids.collect())
}

/// Every parameter in turn malformed, the others real.
fn malformed(op: &Operation, real: &Ids) -> Vec<String> {
    let mut paths = Vec::new();
    for kind in things::kinds(op.path) {
        for text in MALFORMED {
            let mut ids = real.clone();
            *ids.get_mut(kind).unwrap() = (*text).to_owned();
            paths.push(things::fill(op.path, &ids));
        }
    }
    paths
}

/// The outer ids one's own, the inner ones somebody else's, at every depth; and the other way round.
fn nested(op: &Operation, own: &Ids, foreign: &Ids) -> Vec<String> {
    let kinds = things::kinds(op.path);
    let mut paths = Vec::new();
    for depth in 1..kinds.len() {
        for (outer, inner) in [(own, foreign), (foreign, own)] {
            let mut ids = outer.clone();
            for kind in &kinds[depth..] {
                *ids.get_mut(kind).unwrap() = inner[kind].clone();
            }
            paths.push(things::fill(op.path, &ids));
        }
    }
    paths
}

/// One row of the matrix: a route with its parameters, a stranger, every id that isn't theirs.
async fn foreign_is_random(
    world: &World,
    caller: &Caller,
    op: &Operation,
    (actor, client): &(Actor, Client),
) {
    // Of this row alone, so that nothing of an earlier one is still going on.
    let (owner, _, _) = &world.account().await;
    let theirs = thing(world, op, owner).await.unwrap();
    let own = thing(world, op, client).await.unwrap();
    let kind = *things::kinds(op.path).last().unwrap();
    let gone = things::deleted(world, owner, kind).await;
    let gone_own = things::deleted(world, client, kind).await;
    let before = things::seen(owner, &theirs).await;

    // With the body that the owner would have sent, hash and all.
    let body = body(op, world, &theirs, &Value::Null);
    let ask = async |path: &str| caller.call(op, path, actor.token.as_deref(), &body).await;
    let random = ask(&unknown(op, &theirs.ids)).await;
    assert_eq!(random.status, 404, "{} by {}", named(op), actor.name);
    let mut paths = vec![
        things::fill(op.path, &theirs.ids),
        things::fill(op.path, &gone.ids),
        things::fill(op.path, &gone_own.ids),
    ];
    paths.extend(malformed(op, &own.ids));
    paths.extend(nested(op, &own.ids, &theirs.ids));
    for path in &paths {
        assert_eq!(
            ask(path).await,
            random,
            "{} {path} by {}",
            op.method,
            actor.name
        );
    }
    let after = things::seen(owner, &theirs).await;
    assert_eq!(before, after, "{} by {} changed it", named(op), actor.name);

    // The owner's own goes through: it was there all the while, and is asked for as it should be.
    let path = things::fill(op.path, &theirs.ids);
    let done = caller
        .call(op, &path, owner.token().as_deref(), &body)
        .await;
    assert!(done.succeeded(), "{} by its owner: {done:?}", named(op));
    let gone = things::fill(op.path, &gone.ids);
    let gone = caller
        .call(op, &gone, owner.token().as_deref(), &body)
        .await;
    assert_eq!(gone, random, "{} of what its owner deleted", named(op));
}

#[tokio::test]
async fn a_foreign_id_is_answered_like_a_random_one() {
    for world in World::all().await {
        let caller = Caller::new(&world.app.url);
        let strangers = actors::strangers(&world).await;
        for op in http().filter(|op| op.access == Access::Account && op.path.contains('{')) {
            for stranger in &strangers {
                foreign_is_random(&world, &caller, op, stranger).await;
            }
        }
    }
}

/// What has no id in its path answers for the caller alone.
#[tokio::test]
async fn what_names_nothing_shows_and_changes_ones_own() {
    for world in World::all().await {
        let caller = Caller::new(&world.app.url);
        let (owner, id, login) = world.account().await;
        let mut theirs = things::make(&world, &owner, "runs").await;
        let mut secrets = vec![CANARY.to_owned(), login["user"]["email"].to_string()];
        for kind in [
            "conversations",
            "messages",
            "approvals",
            "calls",
            "todos",
            "sessions",
        ] {
            let thing = things::make(&world, &owner, kind).await;
            secrets.extend(thing.ids.values().filter(|id| id.len() == 36).cloned());
            theirs.ids.extend(thing.ids);
        }
        let before = things::seen(&owner, &theirs).await;
        for op in http().filter(|op| !op.path.contains('{') && op.access != Access::Admin) {
            // A new account each time: some of these end it.
            let (client, own, login) = world.account().await;
            assert_ne!(own, id);
            let nothing = Thing::none();
            let body = body(op, &world, &nothing, &login);
            let token = match op.access {
                Access::Account => client.token(),
                _ => None,
            };
            let answer = caller.call(op, op.path, token.as_deref(), &body).await;
            assert!(
                answer.succeeded(),
                "{}: {answer:?}\nteach the matrix (routes::body) what it takes",
                named(op)
            );
            let seen = without(&answer.body, &body);
            for secret in &secrets {
                assert!(!seen.contains(secret.as_str()), "{}: {secret}", named(op));
            }
        }
        assert_eq!(before, things::seen(&owner, &theirs).await);
    }
}

/// An answer may repeat what its question said.
fn without(answer: &str, body: &Value) -> String {
    let mut answer = answer.to_owned();
    for said in body.as_object().unwrap().values().filter_map(Value::as_str) {
        answer = answer.replace(said, "");
    }
    answer
}

#[tokio::test]
async fn without_a_valid_login_there_is_one_answer_for_every_id() {
    for world in World::all().await {
        let caller = Caller::new(&world.app.url);
        let (owner, _, _) = world.account().await;
        let refused = actors::refused(&world, &owner).await;
        let mut one: Option<Outcome> = None;
        for op in http().filter(|op| matches!(op.access, Access::Account | Access::Admin)) {
            let thing = thing(&world, op, &owner).await.unwrap_or_else(Thing::none);
            let mut paths = vec![things::fill(op.path, &thing.ids), unknown(op, &thing.ids)];
            paths.extend(malformed(op, &thing.ids));
            let body = body(op, &world, &thing, &Value::Null);
            for actor in &refused {
                for path in &paths {
                    let answer = caller.call(op, path, actor.token.as_deref(), &body).await;
                    let what = format!("{} {path} by {}", op.method, actor.name);
                    assert_eq!(
                        (answer.status, &*answer.code()),
                        (401, "unauthenticated"),
                        "{what}"
                    );
                    assert_eq!(one.get_or_insert_with(|| answer.clone()), &answer, "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_for_admins_is_for_admins() {
    for world in World::all().await {
        let caller = Caller::new(&world.app.url);
        let strangers = actors::strangers(&world).await;
        let mut tried = 0;
        for op in http().filter(|op| op.access == Access::Admin) {
            let target = thing(&world, op, &world.admin)
                .await
                .unwrap_or_else(Thing::none);
            let body = body(op, &world, &target, &Value::Null);
            let mut paths = vec![things::fill(op.path, &target.ids), unknown(op, &target.ids)];
            paths.extend(malformed(op, &target.ids));
            let mut one: Option<Outcome> = None;
            for (actor, _) in strangers.iter().filter(|(actor, _)| actor.name != "admin") {
                for path in &paths {
                    let answer = caller.call(op, path, actor.token.as_deref(), &body).await;
                    let what = format!("{} {path} by {}", op.method, actor.name);
                    assert_eq!(
                        (answer.status, &*answer.code()),
                        (403, "forbidden"),
                        "{what}"
                    );
                    assert_eq!(one.get_or_insert_with(|| answer.clone()), &answer, "{what}");
                }
            }
            let admin = world.admin.token();
            let ask = async |path: &str| caller.call(op, path, admin.as_deref(), &body).await;
            if let Some(kind) = things::kinds(op.path).last() {
                let random = ask(&paths[1]).await;
                assert_eq!(random.status, 404, "{}", named(op));
                let gone = things::deleted(&world, &world.admin, kind).await;
                let gone = things::fill(op.path, &gone.ids);
                for path in paths[2..].iter().chain([&gone]) {
                    assert_eq!(ask(path).await, random, "{} {path}", op.method);
                }
            }
            let done = ask(&paths[0]).await;
            assert!(done.succeeded(), "{} by an admin: {done:?}", named(op));
            tried += 1;
        }
        assert!(tried >= 3, "{tried}");
    }
}
