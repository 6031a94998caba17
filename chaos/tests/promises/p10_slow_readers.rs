//! P10, a slow client costs nothing: readers that take nothing, half over sockets, half as server-sent
//! events, hold no memory, whatever is said to them, and read on from the log without loss once they
//! come back. (That they don't hold up others is a matter of time: `make bench`.)

use std::time::Duration;

use chaos::database::Kind;
use chaos::reading;
use chaos::scene::Scene;
use chaos::strait::Strait;
use chaos::stuck::Stuck;
use serde_json::json;
use testkit::scripted::Script;
use testkit::sse::EventStream;
use testkit::{Client, Dice, Incoming, Socket, Transcript};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Of each kind.
const STUCK: usize = 9;
const ANSWERS: usize = 6;
/// Bytes of an answer; a queue for all of one kind would hold `STUCK` times as much.
const BYTES: usize = 800_000;
/// They fill the sockets of the operating system, the memory tail and whatever else is filled once.
/// From then on nothing may be kept: queues for one kind alone would grow by 27 MiB. What a sound server
/// was seen to grow by is half of what is allowed.
const WARM: usize = 2;
const ALLOWED_KIB: u64 = 20 * 1024;
/// What the system may hold for one reader: what is not sent yet, what is on its way, its own buffer.
const LEFT_BYTES: usize = 256 * 1024;
const CATCHES_UP: Duration = Duration::from_secs(240);

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

    let beginning = reading::end(&client).await;
    let strait = Strait::to(&server.url).await;
    let narrowed = strait.client(&client);
    let (mut sockets, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..STUCK {
        sockets.push(narrow(&client, &conversation).await);
        let feed = feed(&beginning, &conversation);
        streams.push(narrowed.try_events(&feed).await.unwrap());
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
        "memory grew by {grown} KiB under {STUCK} sockets and {STUCK} streams that take nothing"
    );

    strait.open();
    let mut readers = JoinSet::new();
    for socket in sockets {
        let (client, conversation) = (client.clone(), conversation.clone());
        readers.spawn(timeout(CATCHES_UP, catch_up(client, socket, conversation)));
    }
    for stream in streams {
        let (client, conversation) = (client.clone(), conversation.clone());
        let reads = stream_catches_up(client, stream, beginning.clone(), conversation);
        readers.spawn(timeout(CATCHES_UP, reads));
    }
    let mut resumed = 0;
    while let Some(reader) = readers.join_next().await {
        let (read, times) = reader.unwrap().expect("caught up in time");
        let whole = read.messages.values().filter(|known| known.text == answer);
        assert_eq!(whole.count(), ANSWERS, "answers were lost on a slow reader");
        resumed += times;
    }
    println!(
        "{}: {STUCK} sockets and {STUCK} streams that took nothing of {ANSWERS} answers of {BYTES} bytes \
         cost {grown} KiB, and then read all of it ({resumed} times on a new connection)",
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
    let beginning = reading::end(&client).await;
    let stream = Stuck::reading_events(&client, &beginning, &conversation).await;
    let mut fast = client.socket(None, &[&conversation]).await;
    fast.frame("connection").await;
    let send = json!({"content": "Tell me", "conversation_id": conversation});
    client.try_send_async(&send).await.unwrap().expect(202);
    fast.until(completed).await;
    // What the system holds for the stuck ones is all that outlives the server.
    server.kill().await;
    for (kind, left) in [
        ("socket", stuck.left().await),
        ("stream", stream.left().await),
    ] {
        let said = format!("{left} bytes of an answer of {BYTES} were under way to a {kind}");
        assert!(left <= LEFT_BYTES, "{said} that takes nothing");
        println!("{said} that takes nothing");
    }
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

/// Of a feed's stream of events.
fn feed(since: &str, conversation: &str) -> String {
    format!("/chat/sync?since={since}&watch={conversation}")
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

/// The same over a stream of events, from `beginning` on where nothing has come yet.
async fn stream_catches_up(
    client: Client,
    mut stream: EventStream,
    beginning: String,
    conversation: String,
) -> (Transcript, usize) {
    let mut read = Transcript::default();
    let (mut over, mut resumed) = (0, 0);
    let mut cursor = beginning;
    while over < ANSWERS {
        match stream.next().await {
            Some(Ok(event)) => {
                read.take(&event.data).unwrap();
                over += usize::from(completed(&event.data));
                cursor = event.id.unwrap_or(cursor);
            }
            Some(Err(_)) | None => {
                let path = feed(&cursor, &conversation);
                stream = client.try_events(&path).await.unwrap();
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
