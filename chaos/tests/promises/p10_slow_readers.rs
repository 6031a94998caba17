//! P10, a slow client costs nothing: readers that take nothing hold no memory, whatever is said to
//! them, and read on from the log without loss once they come back. (That they don't hold up others
//! is a matter of time: `make bench`.)

use std::time::Duration;

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::scripted::Script;
use testkit::{Client, Dice, Incoming, Socket, Transcript};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

const STUCK: usize = 18;
const ANSWERS: usize = 6;
/// Bytes of an answer; a queue for everybody would hold `STUCK` times as much.
const BYTES: usize = 800_000;
/// They fill the sockets of the operating system, the memory tail and whatever else is filled once.
/// From then on nothing may be kept: a queue would grow by 55 MiB. What a sound server was seen to
/// grow by is a fifth of that.
const WARM: usize = 2;
const ALLOWED_KIB: u64 = 32 * 1024;
/// What the system may hold for one reader: what is not sent yet, what is on its way, its own buffer.
const LEFT_BYTES: usize = 256 * 1024;
const CATCHES_UP: Duration = Duration::from_secs(180);

async fn stuck_readers(kind: Kind) {
    let scene = Scene::new(kind, "send_rate_per_minute = 1000\n").await;
    let words: Vec<String> = (0..BYTES / 200).map(|n| format!("{n:0199} ")).collect();
    let answer = words.concat();
    let script = Script::parse(&format!("text={}", json!(answer))).unwrap();
    scene.model.script("scripted", script);
    let server = scene.binary().start().await;
    let client = Client::new(&server.url);
    client.register("p10@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let created = client
        .post("/chat/conversations", json!({}))
        .await
        .expect(201);
    let conversation = created["conversation_id"].as_str().unwrap().to_owned();

    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(narrow(&client, &conversation).await);
    }
    let mut fast = client.socket(None, &[&conversation]).await;
    fast.frame("connection").await;
    let mut memory = Vec::new();
    for number in 0..ANSWERS {
        let send = json!({
            "content": format!("Question {number}"),
            "client_message_id": dice.uuid(),
            "conversation_id": conversation,
        });
        client.try_send_async(&send).await.unwrap().expect(202);
        fast.until(completed).await;
        memory.push(server.memory());
    }
    let grown = memory[ANSWERS - 1].saturating_sub(memory[WARM - 1]);
    println!("{}: KiB after each answer: {memory:?}", kind.name());
    assert!(
        grown <= ALLOWED_KIB,
        "memory grew by {grown} KiB under {STUCK} readers that take nothing"
    );

    let mut readers = JoinSet::new();
    for socket in stuck {
        let (client, conversation) = (client.clone(), conversation.clone());
        readers.spawn(timeout(CATCHES_UP, catch_up(client, socket, conversation)));
    }
    let mut resumed = 0;
    while let Some(reader) = readers.join_next().await {
        let (read, times) = reader.unwrap().expect("caught up in time");
        let whole = read.messages.values().filter(|known| known.text == answer);
        assert_eq!(whole.count(), ANSWERS, "answers were lost on a slow reader");
        resumed += times;
    }
    println!(
        "{}: {STUCK} readers that took nothing of {ANSWERS} answers of {BYTES} bytes cost {grown} KiB, \
         and then read all of it ({resumed} of them on a new connection)",
        kind.name()
    );
}

/// The operating system is memory too: it takes little for a reader that takes nothing, and the server
/// makes no frames that only wait there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_is_under_way() {
    let scene = Scene::new(Kind::Sqlite, "").await;
    let answer: String = (0..BYTES / 200).map(|n| format!("{n:0199} ")).collect();
    let script = Script::parse(&format!("text={}", json!(answer))).unwrap();
    scene.model.script("scripted", script);
    let server = scene.binary().start().await;
    let client = Client::new(&server.url);
    client.register("p10@example.org").await;
    let created = client
        .post("/chat/conversations", json!({}))
        .await
        .expect(201);
    let conversation = created["conversation_id"].as_str().unwrap().to_owned();
    let stuck = narrow(&client, &conversation).await;
    let mut fast = client.socket(None, &[&conversation]).await;
    fast.frame("connection").await;
    let send = json!({"content": "Tell me", "conversation_id": conversation});
    client.try_send_async(&send).await.unwrap().expect(202);
    fast.until(completed).await;
    // What the system holds for the stuck one is all that outlives the server.
    server.kill().await;
    let left = stuck.left().await;
    assert!(
        left <= LEFT_BYTES,
        "{left} bytes of an answer of {BYTES} were under way to a reader that takes nothing"
    );
    println!("{left} bytes of an answer of {BYTES} were under way to a reader that takes nothing");
}

/// A reader that stops reading once it is there; the operating system holds little for it.
async fn narrow(client: &Client, conversation: &str) -> Socket {
    let url = client.socket_url(None, &[conversation]).await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(8 * 1024).unwrap();
    let address = client.base().trim_start_matches("http://").parse().unwrap();
    let stream = tcp.connect(address).await.unwrap();
    let mut socket = Socket::over(stream, &url).await.unwrap();
    socket.frame("connection").await;
    socket
}

fn completed(frame: &serde_json::Value) -> bool {
    frame["type"] == "run" && frame["data"]["state"] == "completed"
}

/// Reads all answers; answers how often the connection had to be made again.
async fn catch_up(client: Client, mut socket: Socket, conversation: String) -> (Transcript, usize) {
    let mut read = Transcript::default();
    let (mut over, mut resumed) = (0, 0);
    while over < ANSWERS {
        match socket.next().await {
            Incoming::Frame(frame) => {
                read.take(&frame).unwrap();
                over += usize::from(completed(&frame));
            }
            // Whoever takes nothing for long is told to come back.
            Incoming::Closed(_) => {
                let cursor = socket.cut().unwrap();
                socket = client.socket(Some(&cursor), &[&conversation]).await;
                resumed += 1;
            }
        }
    }
    (read, resumed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    stuck_readers(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    stuck_readers(Kind::Postgres).await;
}
