//! Who calls. Each is an access token, or none.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use testkit::Client;

use super::world::World;

/// `None`: without a token at all.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) token: Option<String>,
}

impl Actor {
    pub(super) fn new(name: &'static str, token: impl Into<Option<String>>) -> Self {
        Self {
            name,
            token: token.into(),
        }
    }
}

/// Those whose login is none: 401, whatever they ask for.
pub(super) async fn refused(world: &World, owner: &Client) -> Vec<Actor> {
    let (disabled, id, _) = world.account().await;
    world.change(id, json!({ "disabled": true })).await;
    let (deleted, _, _) = world.account().await;
    world.delete(&deleted).await;
    let (_, _, login) = world.account().await;
    let refresh = login["refresh_token"].as_str().unwrap().to_owned();
    vec![
        Actor::new("anonymous", None),
        Actor::new("disabled", disabled.token()),
        Actor::new("deleted", deleted.token()),
        Actor::new("expired token", expired(&owner.token().unwrap())),
        Actor::new("refresh token as access token", refresh),
        Actor::new("no token of ours", "x.y.z".to_owned()),
    ]
}

/// Accounts in good standing that own nothing of it: what they get is decided by the thing's owner.
pub(super) async fn strangers(world: &World) -> Vec<(Actor, Client)> {
    let (other, _, _) = world.account().await;
    let (demoted, id, _) = world.account().await;
    world.change(id, json!({ "role": "admin" })).await;
    demoted.get("/admin/users").await.expect(200);
    world.change(id, json!({ "role": "user" })).await;
    vec![
        (Actor::new("other user", other.token()), other),
        (Actor::new("demoted admin", demoted.token()), demoted),
        (
            Actor::new("admin", world.admin.token()),
            world.admin.clone(),
        ),
    ]
}

/// The same token as it would be after its ten minutes: signed with the server's own key.
pub(super) fn expired(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    for time in ["iat", "exp"] {
        claims[time] = json!(claims[time].as_i64().unwrap() - 3_600);
    }
    sign(&claims)
}

/// With the key of [`testkit::TestApp`].
fn sign(claims: &Value) -> String {
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(&[7; 32])).unwrap()
}

#[tokio::test]
async fn a_token_signed_here_is_valid_as_long_as_it_has_not_expired() {
    // Otherwise "expired" would be refused for its signature, and the matrix would prove nothing.
    for world in World::all().await {
        let (client, _, _) = world.account().await;
        let token = client.token().unwrap();
        let claims = URL_SAFE_NO_PAD
            .decode(token.split('.').nth(1).unwrap())
            .unwrap();
        client.set_token(Some(sign(&serde_json::from_slice(&claims).unwrap())));
        client.get("/auth/me").await.expect(200);
        client.set_token(Some(expired(&token)));
        client.get("/auth/me").await.expect(401);
    }
}
