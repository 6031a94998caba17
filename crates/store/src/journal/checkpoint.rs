//! Writing the log back into the database. Not left to SQLite: it would swallow a failed write or
//! fsync of a checkpoint, start the log anew the next time, and a power failure would then take back
//! what was acknowledged long before.

use domain::{StoreError, StoreResult};

use sqlx::SqliteConnection;

use super::Task;
use crate::error;
use crate::open::{OpenError, sqlite};
use crate::tx::Conn;

/// Pages of the log from which on it is written back.
const WRITE_BACK_PAGES: i64 = 1_000;
/// Batches between two looks at its length.
const LOOK_EVERY: u32 = 16;

/// What the process before left in the log is brought into the database, and onto the disk, before
/// anything new is acknowledged on top of it: after a failed fsync the log that can be read is not
/// the one that a power failure would leave.
pub(crate) async fn before_serving(writer: &mut SqliteConnection) -> Result<(), OpenError> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(writer)
        .await
        .map(|_| ())
        .map_err(sqlite)
}

/// How far the log got.
struct Progress {
    /// Somebody was in the way.
    busy: bool,
    /// Pages that are not in the database yet.
    left: i64,
}

impl Task {
    /// After each batch: writes the log back when it has grown. Never waits for readers.
    pub(super) async fn write_back_some(&mut self) {
        self.unlooked += 1;
        if self.unlooked < LOOK_EVERY {
            return;
        }
        self.unlooked = 0;
        let long = match self.progress("PRAGMA wal_checkpoint(NOOP)").await {
            Ok(progress) => progress.left >= WRITE_BACK_PAGES,
            Err(error) => return self.not_written_back(&error),
        };
        if long {
            match self.progress("PRAGMA wal_checkpoint(PASSIVE)").await {
                Ok(_) => self.complained = false,
                Err(error) => self.not_written_back(&error),
            }
        }
    }

    /// Writes the log back and cuts it to nothing; answers whether it could. Readers may hold it open
    /// for a moment: not waited for, because every write would wait with us.
    pub(super) async fn truncate_wal(&mut self) -> bool {
        let result = async {
            self.plain("PRAGMA busy_timeout = 50")
                .await
                .map_err(|e| error::from_sqlite(&e))?;
            let progress = self.progress("PRAGMA wal_checkpoint(TRUNCATE)").await;
            self.plain("PRAGMA busy_timeout = 5000")
                .await
                .map_err(|e| error::from_sqlite(&e))?;
            progress
        }
        .await;
        match result {
            Ok(progress) => {
                self.complained = false;
                !progress.busy
            }
            Err(error) => {
                self.not_written_back(&error);
                false
            }
        }
    }

    /// Statistics for the planner. Before the last write-back and not in the closing itself, where
    /// a failed sync would go unnoticed.
    pub(super) async fn optimize(&mut self) {
        for pragma in ["PRAGMA analysis_limit = 400", "PRAGMA optimize"] {
            if let Err(error) = self.plain(pragma).await {
                self.not_written_back(&error::from_sqlite(&error));
            }
        }
    }

    async fn progress(&mut self, checkpoint: &'static str) -> StoreResult<Progress> {
        let Conn::Writer(conn) = &mut self.tx.conn else {
            return Err(StoreError::internal("only the writer writes back"));
        };
        let (busy, log, done): (i64, i64, i64) = sqlx::query_as(checkpoint)
            .fetch_one(&mut **conn)
            .await
            .map_err(|e| error::from_sqlite(&e))?;
        Ok(Progress {
            busy: busy != 0,
            left: log - done,
        })
    }

    /// A full disk is waited for: the log keeps everything. A failing one is not: nobody knows what
    /// the database file holds now, and the log must not be started anew.
    fn not_written_back(&mut self, error: &StoreError) {
        if matches!(error, StoreError::Unknown(_)) {
            self.health.failed(error);
        }
        if !std::mem::replace(&mut self.complained, true) {
            tracing::error!(%error, "the write-ahead log can't be written back");
        }
    }
}
