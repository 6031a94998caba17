//! Refresh tokens: `rj1.<session>.<n>.<mac>`, where the MAC is made of a key that only the server
//! has. The database holds the number `n` alone, so nothing in it can be replayed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SessionId;
use secrecy::{ExposeSecret, SecretBox};

use super::{hmac_sha256, same_secret};

const PREFIX: &str = "rj1";
const LABEL: &[u8] = b"rejoinder refresh token key 1";
/// Ours are about 90 bytes.
const MAX_BYTES: usize = 256;

pub struct RefreshTokens {
    key: SecretBox<[u8; 32]>,
}

impl RefreshTokens {
    #[must_use]
    pub fn new(jwt_key: &SecretBox<[u8]>) -> Self {
        Self {
            key: SecretBox::new(Box::new(hmac_sha256(jwt_key.expose_secret(), &[LABEL]))),
        }
    }

    #[must_use]
    pub fn token(&self, session: SessionId, generation: i64) -> String {
        let mac = URL_SAFE_NO_PAD.encode(self.mac(session, generation));
        format!("{PREFIX}.{session}.{generation}.{mac}")
    }

    /// Session and number of a token that this server made.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<(SessionId, i64)> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let mut parts = token.split('.');
        let (prefix, session, generation) = (parts.next()?, parts.next()?, parts.next()?);
        if prefix != PREFIX {
            return None;
        }
        let session = SessionId::parse(session)?;
        let generation = generation.parse().ok().filter(|n| *n > 0)?;
        // Comparing the whole text also refuses other spellings of the same numbers.
        same_secret(self.token(session, generation).as_bytes(), token.as_bytes())
            .then_some((session, generation))
    }

    fn mac(&self, session: SessionId, generation: i64) -> [u8; 32] {
        hmac_sha256(
            self.key.expose_secret(),
            &[session.0.as_bytes(), &generation.to_be_bytes()],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: &str) -> RefreshTokens {
        RefreshTokens::new(&SecretBox::new(key.as_bytes().into()))
    }

    #[test]
    fn a_token_names_its_session_and_number() {
        let session = SessionId(uuid::Uuid::from_u128(7));
        let token = tokens("key").token(session, 12);
        assert!(
            token.starts_with("rj1.00000000-0000-0000-0000-000000000007.12."),
            "{token}"
        );
        assert_eq!(tokens("key").verify(&token), Some((session, 12)));
        assert_eq!(tokens("another key").verify(&token), None);
    }

    #[test]
    fn nothing_else_is_a_token() {
        let session = SessionId(uuid::Uuid::from_u128(0xabc));
        let token = tokens("key").token(session, 1);
        for bad in [
            String::new(),
            token.replace("rj1", "rj2"),
            token.replace(".1.", ".2."),
            token.replace(".1.", ".01."),
            token.replace(".1.", ".+1."),
            token.to_uppercase(),
            format!("{token}."),
            format!("{token}A"),
            token[..token.len() - 1].to_owned(),
            tokens("key").token(session, 0),
            tokens("key").token(session, -1),
            "x".repeat(100_000),
        ] {
            assert_eq!(tokens("key").verify(&bad), None, "{bad}");
        }
    }
}
