//! `[limits]`: what bounds one run. What isn't said keeps its default.

use std::time::Duration;

use agent::machine::Limits;
use anyhow::Result;

use super::{between, file};

const DAY: u64 = 24 * 60 * 60;

pub fn all(said: &file::Limits) -> Result<Limits> {
    let mut limits = Limits::default();
    if let Some(steps) = said.run_steps {
        between("limits.run_steps", steps, 1, 1_000)?;
        limits.steps = steps;
    }
    if let Some(tokens) = said.run_tokens {
        between("limits.run_tokens", tokens, 1, 1_000_000_000)?;
        limits.tokens = tokens;
    }
    for (key, said, kept) in [
        ("run_seconds", said.run_seconds, &mut limits.wall),
        (
            "model_first_token_seconds",
            said.model_first_token_seconds,
            &mut limits.first_chunk,
        ),
        (
            "model_next_token_seconds",
            said.model_next_token_seconds,
            &mut limits.next_chunk,
        ),
    ] {
        if let Some(seconds) = said {
            between(&format!("limits.{key}"), seconds, 1, DAY)?;
            *kept = Duration::from_secs(seconds);
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_keeps_its_default() {
        let said = file::Limits {
            run_seconds: Some(7),
            ..file::Limits::default()
        };
        let expected = Limits {
            wall: Duration::from_secs(7),
            ..Limits::default()
        };
        assert_eq!(all(&said).unwrap(), expected);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let said = file::Limits {
            run_steps: Some(0),
            ..file::Limits::default()
        };
        let error = all(&said).unwrap_err().to_string();
        assert_eq!(
            error,
            "limits.run_steps is 0; it must be between 1 and 1000"
        );
    }
}
