//! An acknowledged message is on the disk, and not only on its way there.

use chaos::database::Kind;
use chaos::disk::site::Template;
use chaos::disk::wal::{RECEIVED, SENT};
use chaos::programs;
use serde_json::json;
use testkit::process::Binary;
use testkit::strace::{Call, Trace};
use testkit::{Client, Dice, Strace};
use tokio::task::JoinSet;

pub(crate) const CALLS: &str = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,\
                     fsync,fdatasync";
pub(crate) const SENDERS: usize = 8;
const EACH: usize = 25;

/// 200 messages by three ways, eight at a time, so that commits are shared. Of each: its request was
/// read, then its words were written to the log, then the log was synced, then its answer left. And
/// nothing at all about it left before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let template = Template::make().await;
    let site = template.site();
    let strace = Strace::new(&site.folder().join("trace"))
        .calls(CALLS)
        .bytes(6_000);
    let mut binary = site.binary();
    let server = binary.under(Some(strace.clone())).start().await;
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        senders.spawn(send(site.client(&server.url), number, EACH));
    }
    let mut keys = Vec::new();
    while let Some(sent) = senders.join_next().await {
        keys.extend(sent.unwrap());
    }
    assert!(server.terminate().await.success(), "{}", binary.log());
    let trace = strace.trace().await;
    let mut broken = Vec::new();
    for (key, by_socket) in &keys {
        if let Err(problem) = durable(&trace, key, *by_socket) {
            broken.push(problem);
        }
    }
    let syncs = trace.calls.iter().filter(|call| is_sync(call)).count();
    println!(
        "P1b: {} messages, {syncs} syncs of the log, {} calls looked at",
        keys.len(),
        trace.calls.len()
    );
    assert_eq!(broken, Vec::<String>::new());
    assert_eq!(keys.len(), SENDERS * EACH);
    let folder = trace
        .calls
        .iter()
        .any(|call| call.name == "fsync" && call.of_file("/data"));
    assert!(folder, "the names of the files are not synced");
}

/// Keys, and whether a socket was the way: what a client sends there is masked.
pub(crate) async fn send(client: Client, number: usize, each: usize) -> Vec<(String, bool)> {
    let mut dice = Dice::new(number as u64);
    let mut socket = client.socket(None, &[]).await;
    let mut keys = Vec::new();
    for n in 0..each {
        let key = dice.uuid().to_string();
        let body = json!({"content": "hello [[script: tokens=1]]", "client_message_id": key});
        let by_socket = n % 3 == 0;
        if by_socket {
            socket.send("message", None, body).await;
            let wanted = key.clone();
            let ack = socket.until(move |frame| {
                frame["type"] == "ack" && frame["data"]["client_message_id"] == wanted.as_str()
            });
            ack.await;
        } else if n % 3 == 1 {
            client.try_send_async(&body).await.unwrap().expect(202);
        } else {
            client.send(body).await.expect(200);
        }
        keys.push((key, by_socket));
    }
    keys
}

fn is_sync(call: &Call) -> bool {
    ["fsync", "fdatasync"].contains(&call.name.as_str())
        && call.of_file("rejoinder.db-wal")
        && call.result == "0"
}

/// Looks for the four steps of one message.
fn durable(trace: &Trace, key: &str, by_socket: bool) -> Result<(), String> {
    let about: Vec<&Call> = trace
        .calls
        .iter()
        .filter(|call| call.arguments.contains(key))
        .collect();
    let of = |names: &[&str], what: &str| {
        let found = about
            .iter()
            .filter(|call| names.contains(&call.name.as_str()) && call.succeeded())
            .min_by_key(|call| call.begun);
        found
            .copied()
            .ok_or(format!("{key}: {what} is not in the trace"))
    };
    let stored = of(&["pwrite64", "pwritev"], "the write")?;
    // Bytes on their way out, whether to the client or to the model.
    let said = of(SENT, "the answer")?;
    if !stored.of_file("rejoinder.db-wal") {
        return Err(format!("{key}: first written to {}", stored.arguments));
    }
    if !by_socket {
        let asked = of(RECEIVED, "the request")?;
        if asked.ended > stored.begun {
            return Err(format!("{key}: stored before it was asked"));
        }
    }
    let synced = trace
        .calls
        .iter()
        .any(|call| is_sync(call) && call.begun > stored.ended && call.ended < said.begun);
    if synced {
        Ok(())
    } else {
        Err(format!(
            "{key}: written at {}, said at {}, and no sync between",
            stored.ended, said.begun
        ))
    }
}

#[test]
fn a_sync_too_late_or_of_another_file_is_noticed() {
    let line = |n: usize| match n {
        0 => r#"7 recvfrom(9<TCP:[a]>, "KEY", 10, 0, NULL, NULL) = 3"#,
        1 => r#"8 pwrite64(5</d/rejoinder.db-wal>, "KEY", 3, 0) = 3"#,
        2 => "8 fsync(5</d/rejoinder.db-wal>) = 0",
        3 => r#"7 sendto(9<TCP:[a]>, "202 KEY", 7, 0, NULL, 0) = 7"#,
        4 => "8 fsync(4</d/rejoinder.db>) = 0",
        _ => "8 fsync(5</d/rejoinder.db-wal>) = -1 EIO (Input/output error)",
    };
    let verdict = |order: &[usize]| {
        let text: Vec<&str> = order.iter().map(|n| line(*n)).collect();
        durable(&Trace::parse(&text.join("\n")), "KEY", false)
    };
    assert_eq!(verdict(&[0, 1, 2, 3]), Ok(()));
    for wrong in [
        [0, 1, 3, 2],
        [0, 2, 1, 3],
        [0, 1, 4, 3],
        [0, 1, 5, 3],
        [1, 0, 2, 3],
    ] {
        assert!(verdict(&wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_that_can_not_keep_a_log_is_refused() {
    let template = Template::make().await;
    let site = template.site();
    let url = format!(
        "sqlite://{}?vfs=unix-dotfile",
        site.folder().join("other.db").display()
    );
    let mut binary = site.binary().arg("--database-url", &url);
    let refused = binary.try_start().await.err().expect("it has no log");
    assert_eq!(refused.code(), Some(1));
    let log = binary.log();
    assert!(log.contains("journal_mode is delete and not wal"), "{log}");
}

/// The server of the tests is careless on purpose (`fsync = off`): that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_does_not_sync_is_named() {
    let database = Kind::Postgres.fresh().await;
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    let url = database.url(&data_dir);
    let mut binary = Binary::new(programs::rejoinder(), &data_dir).arg("--database-url", &url);
    let server = binary.start().await;
    let log = binary.log();
    assert!(log.contains("fsync = off: a power failure"), "{log}");
    assert!(server.terminate().await.success());
    let (status, said) = binary.run("doctor", &["--database-url", &url]).await;
    assert!(!status.success() && said.contains("fsync = off"), "{said}");
}
