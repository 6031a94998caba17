//! P3b: the same in any script. The upstream is split inside characters, inside escapes and inside
//! what looks like one sign to a reader; the text is equal, offsets count UTF-8 bytes, and no
//! replacement character ever shows.

use std::time::Duration;

use chaos::database::Kind;
use chaos::reading::{self, Reading, Via};
use chaos::rig::{self, Rig};
use serde_json::{Value, json};
use testkit::Client;
use tokio::task::JoinSet;

/// Characters of one to four bytes, sequences with joiners, modifiers, flags, variation selectors and
/// stacked marks, right-to-left, and what JSON and SSE must escape.
const TEXT: &str = "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇯🇵🇩🇪 漢字仮名 한글 한글 नमस्ते สวัสดี é≠é Z̷͈̿a̴l̸g̵o̶ שָׁלוֹם ‏عربي‎ 𝔘𝕟𝕚 \
                    ﷽ \u{feff}ß \u{2028}\"\\/\t\n\ndata: x\r\n: y";
const LIMIT: Duration = Duration::from_secs(180);

async fn splits(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    let mut runs = JoinSet::new();
    let mut count = 0;
    // One byte per write splits at every byte at once; the others meet each place differently.
    for (lane, split) in [1, 2, 3, 5, 7, 64].into_iter().enumerate() {
        let client = rig::user(&server, &format!("polyglot{lane}")).await;
        for piece in ["piece=1", "piece=3", ""] {
            for form in ["", "ascii"] {
                count += 1;
                let text = Value::from(TEXT);
                let script = format!("[[script: text={text} {piece} split={split} {form}]]");
                runs.spawn(told(client.clone(), script));
            }
        }
    }
    while let Some(done) = runs.join_next().await {
        done.unwrap();
    }
    rig.finish(server).await;
    println!(
        "{}: {count} answers of {} bytes, {} code points, over both",
        kind.name(),
        TEXT.len(),
        TEXT.chars().count()
    );
}

async fn told(client: Client, script: String) {
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    let run = rig::send(&client, &conversation, &script).await;
    let read = |via| {
        let reading = Reading::since(&beginning, &conversation);
        reading::read(&client, via, reading, &run, LIMIT)
    };
    for reading in <[Reading; 2]>::from(tokio::join!(read(Via::Socket), read(Via::Stream))) {
        assert_eq!(reading.broken, [""; 0], "{script}");
        assert_eq!(reading.from_deltas(), TEXT, "{script}");
        assert_eq!(reading.answer("complete"), TEXT, "{script}");
        assert!(!reading.from_deltas().contains('\u{fffd}'));
    }
    let answer = rig::newest(&client, &conversation).await;
    assert_eq!(answer["content"], TEXT, "{script}");
    assert_eq!(answer["offsets"]["text"], json!(TEXT.len()), "{script}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    splits(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    splits(Kind::Postgres).await;
}
