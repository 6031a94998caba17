//! Access tokens: JWT (RFC 9068 profile), HS256, ten minutes.

use domain::{SessionId, Timestamp, UserId, limits};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "rejoinder";
const AUDIENCE: &str = "rejoinder-api";
/// Tells access tokens from anything else that may ever be signed with this key.
const TYPE: &str = "at+jwt";
/// Seconds by which two of our nodes may disagree.
const LEEWAY: i64 = 5;
/// Ours are about 300 bytes.
const MAX_BYTES: usize = 2_048;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// What a valid token says. Whether its session lives is for the store to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub expires_at: Timestamp,
}

pub struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    #[must_use]
    pub fn new(key: &SecretBox<[u8]>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is a parameter: `exp` is compared with the Clock below.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(key.expose_secret()),
            decoding: DecodingKey::from_secret(key.expose_secret()),
            validation,
        }
    }

    pub fn issue(
        &self,
        user_id: UserId,
        session_id: SessionId,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let iat = now.0.div_euclid(1_000);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id.to_string(),
            sid: session_id,
            iat,
            exp: iat + limits::ACCESS_TOKEN_SECONDS,
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.encoding)
    }

    /// `None` for anything but a token of ours that is valid now.
    #[must_use]
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Access> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?;
        let Claims {
            sub, sid, iat, exp, ..
        } = data.claims;
        let now = now.0.div_euclid(1_000);
        let in_time = exp.saturating_add(LEEWAY) > now && iat.saturating_sub(LEEWAY) <= now;
        if data.header.typ.as_deref() != Some(TYPE) || !in_time {
            return None;
        }
        let user_id = UserId(sub.parse().ok()?);
        // One spelling per number.
        (user_id.to_string() == sub).then_some(Access {
            user_id,
            session_id: sid,
            expires_at: Timestamp(exp.saturating_mul(1_000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn tokens() -> AccessTokens {
        AccessTokens::new(&SecretBox::new(KEY.into()))
    }

    fn session() -> SessionId {
        SessionId(uuid::Uuid::from_u128(7))
    }

    fn signed(header: Value, claims: Value) -> String {
        let body = format!(
            "{}.{}",
            B64.encode(header.to_string()),
            B64.encode(claims.to_string())
        );
        let mac = crate::auth::hmac_sha256(KEY, &[body.as_bytes()]);
        format!("{body}.{}", B64.encode(mac))
    }

    fn header() -> Value {
        json!({ "alg": "HS256", "typ": "at+jwt" })
    }

    fn claims() -> Value {
        json!({
            "iss": "rejoinder", "aud": "rejoinder-api", "sub": "42", "sid": session().to_string(),
            "iat": 1_800_000_000, "exp": 1_800_000_600,
        })
    }

    #[test]
    fn a_token_signs_and_verifies() {
        let token = tokens().issue(UserId(42), session(), NOW).unwrap();
        let access = tokens().verify(&token, NOW).unwrap();
        assert_eq!(
            access,
            Access {
                user_id: UserId(42),
                session_id: session(),
                expires_at: NOW.plus_millis(600_000),
            }
        );
        assert_eq!(
            tokens().verify(&signed(header(), claims()), NOW),
            Some(access)
        );
    }

    #[test]
    fn a_token_ends_after_ten_minutes_by_our_clock() {
        let token = tokens().issue(UserId(42), session(), NOW).unwrap();
        assert!(tokens().verify(&token, NOW.plus_millis(604_000)).is_some());
        assert!(tokens().verify(&token, NOW.plus_millis(606_000)).is_none());
        assert!(tokens().verify(&token, NOW.plus_millis(-60_000)).is_none());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let token = tokens()
            .issue(UserId(42), session(), NOW)
            .unwrap()
            .into_bytes();
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bent = token.clone();
                bent[at] ^= 1 << bit;
                if let Ok(text) = String::from_utf8(bent) {
                    assert_eq!(tokens().verify(&text, NOW), None, "byte {at} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        for alg in [
            "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "",
        ] {
            let token = signed(json!({ "alg": alg, "typ": "at+jwt" }), claims());
            assert_eq!(tokens().verify(&token, NOW), None, "{alg}");
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            assert_eq!(tokens().verify(&format!("{unsigned}."), NOW), None, "{alg}");
            assert_eq!(tokens().verify(unsigned, NOW), None, "{alg}");
        }
    }

    #[test]
    fn wrong_claims_are_refused() {
        for (name, value) in [
            ("exp", json!("1800000600")),
            ("exp", json!(1_800_000_600.5)),
            ("exp", Value::Null),
            ("exp", json!(1_799_999_000)),
            ("iat", json!(1_800_000_100)),
            ("iss", json!("somebody")),
            ("iss", Value::Null),
            ("aud", json!("another-api")),
            ("aud", Value::Null),
            ("sub", json!(42)),
            ("sub", json!("042")),
            ("sub", json!("+42")),
            ("sub", json!("x")),
            ("sid", json!("x")),
            ("sid", Value::Null),
        ] {
            let mut claims = claims();
            claims[name] = value.clone();
            assert_eq!(
                tokens().verify(&signed(header(), claims), NOW),
                None,
                "{name} {value}"
            );
        }
        for name in ["exp", "iss", "aud", "sub", "sid", "iat"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(
                tokens().verify(&signed(header(), claims), NOW),
                None,
                "without {name}"
            );
        }
    }

    #[test]
    fn other_types_are_refused() {
        for typ in [json!("JWT"), json!("refresh"), Value::Null] {
            let token = signed(json!({ "alg": "HS256", "typ": typ }), claims());
            assert_eq!(tokens().verify(&token, NOW), None, "{typ}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", ".", "..", "a.b.c", "rj1.x.1.y", &"a".repeat(100_000)] {
            assert_eq!(tokens().verify(text, NOW), None);
        }
    }
}
