//! Whether PostgreSQL answers. A pool waits for it as well, but says only that it waited.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::{Instant, sleep, timeout_at};

use crate::open::{OpenError, database};

/// For a database that starts at the same time as the server.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);
/// PostgreSQL's own words for "not yet": too many connections, and starting up.
const PASSES: [&str; 2] = ["53300", "57P03"];

/// Waits for a first connection, and names what stands against it.
pub(crate) async fn reachable(options: &PgConnectOptions) -> Result<(), OpenError> {
    reachable_within(options, PATIENCE, PAUSE).await
}

async fn reachable_within(
    options: &PgConnectOptions,
    patience: Duration,
    pause: Duration,
) -> Result<(), OpenError> {
    let until = Instant::now() + patience;
    let mut why = format!("no answer within {} s", patience.as_secs());
    while let Ok(answer) = timeout_at(until, options.connect()).await {
        match answer {
            Ok(connection) => return connection.close().await.map_err(database),
            Err(error) if passes(&error) => why = error.to_string(),
            Err(error) => return Err(named(options, error.to_string())),
        }
        if Instant::now() + pause >= until {
            break;
        }
        sleep(pause).await;
    }
    Err(named(options, why))
}

fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| PASSES.contains(&&*code)),
        _ => false,
    }
}

/// Without the password, which is in the URL.
fn named(options: &PgConnectOptions, why: String) -> OpenError {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    OpenError::Unreachable { address, why }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpSocket;

    use super::*;

    #[tokio::test]
    async fn a_refusal_is_named_with_its_address() {
        // Nobody listens there, and nobody else is given the port.
        let port = TcpSocket::new_v4().unwrap();
        port.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = port.local_addr().unwrap();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(address.port())
            .password("s3cret");
        // A pause longer than the patience: one attempt.
        let [patience, pause] = [30, 60].map(Duration::from_secs);
        let refused = reachable_within(&options, patience, pause).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(&address.to_string()), "{said}");
        assert!(
            said.contains("refused") && !said.contains("s3cret"),
            "{said}"
        );
    }
}
