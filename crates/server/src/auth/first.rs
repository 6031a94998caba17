//! The first account becomes admin. Beyond loopback whoever makes it says a word from the console
//! first: one that was never used, however often there was a first account before.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{Store, StoreResult};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::MutexGuard;

use super::same_secret;

/// Makes a setup code and shows it to the operator.
pub type NewSetupCode = Arc<dyn Fn() -> SecretString + Send + Sync>;

pub(crate) struct FirstAccount {
    new_code: Option<NewSetupCode>,
    /// Held while accounts are made and deleted: what was found about the first one stays true.
    code: tokio::sync::Mutex<Option<SecretString>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// An account exists; never goes back while the process lives, except by a deletion.
    any: bool,
    deletions: u64,
}

/// Nobody else makes or deletes an account meanwhile.
pub(crate) struct Alone<'a> {
    first: &'a FirstAccount,
    code: MutexGuard<'a, Option<SecretString>>,
}

impl FirstAccount {
    pub(crate) fn new(new_code: Option<NewSetupCode>) -> Self {
        Self {
            new_code,
            code: tokio::sync::Mutex::new(None),
            known: Mutex::default(),
        }
    }

    pub(crate) fn needs_code(&self) -> bool {
        self.new_code.is_some()
    }

    /// Whether there is an account. Once there is one the store isn't asked again, until one is
    /// deleted.
    pub(crate) async fn exists(&self, store: &dyn Store) -> StoreResult<bool> {
        let before = {
            let known = self.known();
            if known.any {
                return Ok(true);
            }
            known.deletions
        };
        let any = store.has_users().await?;
        let mut known = self.known();
        // What was found before a deletion says nothing of the time after it.
        if known.deletions == before {
            known.any = any;
        }
        Ok(any)
    }

    pub(crate) async fn alone(&self) -> Alone<'_> {
        Alone {
            first: self,
            code: self.code.lock().await,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Alone<'_> {
    /// Shows the operator a code, unless one is out already or none is needed.
    pub(crate) fn show_code(&mut self) {
        if let (None, Some(new)) = (&*self.code, &self.first.new_code) {
            *self.code = Some(new());
        }
    }

    /// Whether that is the code; anything is where none is needed.
    pub(crate) fn accepts(&mut self, given: Option<&str>) -> bool {
        self.show_code();
        let given = given.map(str::trim).unwrap_or_default();
        self.code
            .as_ref()
            .is_none_or(|code| same_secret(code.expose_secret().as_bytes(), given.as_bytes()))
    }

    /// An account was made: the code has served.
    pub(crate) fn added(&mut self) {
        *self.code = None;
        self.first.known().any = true;
    }

    /// An account was deleted. After the last one a new code is shown.
    pub(crate) async fn deleted(&mut self, store: &dyn Store) {
        {
            let mut known = self.first.known();
            known.any = false;
            known.deletions += 1;
        }
        *self.code = None;
        match self.first.exists(store).await {
            Ok(true) => {}
            Ok(false) => self.show_code(),
            // It is made when somebody asks for the first account.
            Err(error) => tracing::warn!(%error, "whether an account is left can't be read"),
        }
    }
}
