//! `rejoinder user …`: accounts from the command line, also while the server runs.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use clap::{Subcommand, ValueEnum};
use domain::store::{Admission, Maintenance, UserStore};
use domain::user::{NewUser, UserPatch, normalize_email};
use domain::{User, UserRole};

use crate::config::{Config, DataFlags, ServeFlags};
use crate::wiring::{self, Base};

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add an account; asks for its password
    Add {
        email: String,
        #[arg(long, default_value = "")]
        full_name: String,
        #[arg(long, default_value = "user")]
        role: RoleName,
    },
    /// Set a new password and sign the account out everywhere
    Passwd { email: String },
    /// Make an account an admin, or an ordinary user
    Role { email: String, role: RoleName },
    /// Sign an account out and keep it out
    Disable { email: String },
    /// Let a disabled account in again
    Enable { email: String },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    Admin,
    User,
}

impl From<RoleName> for UserRole {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::User => Self::User,
        }
    }
}

pub async fn run(data: &DataFlags, command: UserCommand) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    config.create_data_dir()?;
    let base = wiring::base(&config, false).await?;
    let done = carry_out(&base, command).await;
    base.store.close().await?;
    println!("{}", done?);
    Ok(())
}

async fn carry_out(base: &Base, command: UserCommand) -> Result<String> {
    let now = base.clock.now();
    match command {
        UserCommand::Add {
            email,
            full_name,
            role,
        } => {
            let email = normalize_email(&email);
            let name = Some(full_name.as_str()).filter(|name| !name.is_empty());
            server::check_account(Some(&email), name, None)
                .map_err(|fault| anyhow!("`{email}` can't be added: {fault}"))?;
            let password_hash = hashed(&ask_password()?).await?;
            let full_name = if full_name.is_empty() {
                email.clone()
            } else {
                full_name
            };
            let first = !base.store.has_users().await?;
            let role = if first { RoleName::Admin } else { role };
            let new = NewUser {
                email,
                full_name,
                password_hash,
                role: role.into(),
                now,
            };
            let user = base.store.create_user(new, Admission::Granted).await?;
            base.store
                .audit(None, "user_added", Some(user.id.0), now)
                .await?;
            let why = if first {
                "; the first account is the admin's"
            } else {
                ""
            };
            Ok(format!(
                "Added {} ({}{why}).",
                user.email,
                user.role.as_str()
            ))
        }
        UserCommand::Passwd { email } => {
            let user = find(base, &email).await?;
            let password_hash = hashed(&ask_password()?).await?;
            let ended = base
                .store
                .change_password(user.id, None, password_hash, None, now)
                .await?;
            base.store
                .audit(None, "password_set", Some(user.id.0), now)
                .await?;
            Ok(format!(
                "The password of {} is changed; {ended} session(s) ended.",
                user.email
            ))
        }
        UserCommand::Role { email, role } => {
            let patch = UserPatch {
                role: Some(role.into()),
                ..UserPatch::default()
            };
            let user = change(base, &email, patch, "role_changed").await?;
            Ok(format!("{} is now {}.", user.email, user.role.as_str()))
        }
        UserCommand::Disable { email } => {
            let patch = UserPatch {
                disabled: Some(true),
                ..UserPatch::default()
            };
            let user = change(base, &email, patch, "user_disabled").await?;
            Ok(format!("{} is disabled.", user.email))
        }
        UserCommand::Enable { email } => {
            let patch = UserPatch {
                disabled: Some(false),
                ..UserPatch::default()
            };
            let user = change(base, &email, patch, "user_enabled").await?;
            Ok(format!("{} is enabled.", user.email))
        }
    }
}

async fn find(base: &Base, email: &str) -> Result<User> {
    let email = normalize_email(email);
    match base.store.user_by_email(&email).await? {
        Some((user, _)) => Ok(user),
        None => bail!("there is no account {email}"),
    }
}

async fn change(base: &Base, email: &str, patch: UserPatch, action: &str) -> Result<User> {
    let (user, now) = (find(base, email).await?, base.clock.now());
    let changed = base.store.update_user(user.id, patch, now).await?;
    base.store.audit(None, action, Some(user.id.0), now).await?;
    Ok(changed)
}

async fn hashed(password: &str) -> Result<String> {
    server::check_account(None, None, Some(password)).map_err(Error::msg)?;
    Ok(server::auth::password::hash(password).await?)
}

/// Twice and unseen at a terminal; one line from a pipe otherwise.
fn ask_password() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context("no password came on standard input")?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ")?;
    let again = rpassword::prompt_password("Again: ")?;
    ensure!(
        password == again,
        "the two passwords differ; nothing was changed"
    );
    Ok(password)
}
