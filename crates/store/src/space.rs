//! Whether there is room again, once a write was refused for want of it.

use domain::StoreResult;

use crate::open;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

/// Room for this is room for a message and the beginning of its answer. A smaller probe would find
/// the bytes that a refused message left in the log, and promise what the next one can't have.
const PROBE_BYTES: usize = 128 * 1024;

statements! {
    /// What follows in this transaction is sorted in a file, on the database's own disk.
    SORT_ON_DISK {
        "SELECT " either(
            "1 AS memory, 2 AS place",
            "set_config('work_mem', '64kB', true) AS memory, set_config('temp_tablespaces', '', true) AS place"
        )
    }
    /// 256 KiB, so that 128 are left over when 64 or a little more stay in memory.
    SORT {
        "SELECT COUNT(*) AS sorted FROM (SELECT " either(
            "key AS filler FROM settings ORDER BY key",
            "repeat(md5(n::TEXT), 64) AS filler FROM generate_series(1, 128) AS n ORDER BY filler OFFSET 0"
        ) ") s"
    }
}

/// Fails where there is none. PostgreSQL keeps room in each table that no other table can have, and
/// presses what is written: there only a file that grows asks the disk.
pub(crate) async fn claim(tx: &mut Tx) -> StoreResult<()> {
    if tx.is_postgres() {
        tx.one(SORT_ON_DISK, args![]).await?;
        tx.one(SORT, args![]).await.map(|_| ())
    } else {
        open::set(tx, "probed_at", "0".repeat(PROBE_BYTES)).await
    }
}
