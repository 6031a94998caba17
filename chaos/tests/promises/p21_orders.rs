//! A restore orders nothing again: what was wanted, under way, queued or asked for when the backup was
//! made has gone on since, and the backup knows nothing of it.

use std::process::Command;
use std::time::Duration;

use chaos::database::Kind;
use chaos::rig::{self, Rig};
use serde_json::{Value, json};
use testkit::{Behaviour, Client, Witness};

use crate::run_ends;

const SOON: Duration = Duration::from_secs(60);

fn tools(url: &str) -> String {
    let tool = |name: &str, policy: &str| {
        format!(
            "[[tools]]\nname = \"{name}\"\ndescription = \"Pays\"\nschema = {{ type = \"object\" }}\n\
             method = \"POST\"\nurl = \"{url}/{name}\"\nclass = \"effectful\"\npolicy = \"{policy}\"\n\
             timeout_seconds = 55\n"
        )
    };
    format!("{}{}", tool("pay", "allow"), tool("ask", "ask"))
}

/// How a backup is made, and later put in place of what is there.
enum Copy {
    Folder(tempfile::TempDir),
    Dump(tempfile::TempDir, Vec<String>),
}

impl Copy {
    async fn make(rig: &Rig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = rig.database.url();
        let copy = folder.path().join("copy");
        let arguments = [copy.to_str().unwrap(), "--database-url", url];
        let (status, said) = rig.binary.run("backup", &arguments).await;
        if status.success() {
            return Self::Folder(folder);
        }
        // PostgreSQL: the commands that it names instead.
        let command = |tool: &str| {
            let mut lines = said.lines().map(str::trim);
            let line = lines.find(|line| line.starts_with(tool));
            line.unwrap_or_else(|| panic!("no {tool} in {said}"))
                .to_owned()
        };
        let create = command("createdb");
        let drop = create.replacen("createdb", "dropdb --force", 1);
        let commands = vec![drop, create, command("pg_restore")];
        let copy = Self::Dump(folder, commands);
        copy.shell(url, &command("pg_dump"));
        copy
    }

    fn shell(&self, url: &str, line: &str) {
        let (Self::Folder(folder) | Self::Dump(folder, _)) = self;
        let rest = url.rsplit_once('@').unwrap().0;
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder.path())
            .env("PGPASSWORD", rest.rsplit_once(':').unwrap().1)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }

    /// Answers what the command said.
    async fn restore(&self, rig: &Rig) -> String {
        let url = rig.database.url();
        let (status, said) = match self {
            Self::Folder(folder) => {
                let copy = folder.path().join("copy");
                let arguments = [copy.to_str().unwrap(), "--replace", "--database-url", url];
                rig.binary.run("restore", &arguments).await
            }
            Self::Dump(_, commands) => {
                for command in commands {
                    self.shell(url, command);
                }
                let arguments = ["--database-restored", "--database-url", url];
                rig.binary.run("restore", &arguments).await
            }
        };
        assert!(status.success(), "{said}");
        said
    }
}

/// Sends into a conversation of its own, or behind what is going in one. Answers the run's id.
async fn pays(client: &Client, conversation: &str, n: usize, words: &str) -> String {
    let content = format!("Pay {n} [[script: {words} args={{\"n\":{n}}} tokens=2]]");
    let body = json!({
        "content": content, "conversation_id": conversation, "on_busy": "enqueue",
    });
    rig::ask(client, &body).await
}

async fn run(client: &Client, id: &str) -> Value {
    client.get(&format!("/chat/runs/{id}")).await.expect(200)
}

/// The one approval that waits.
async fn approve(client: &Client) {
    let listed = client.get("/chat/approvals").await.expect(200);
    let [asked] = listed["approvals"].as_array().unwrap().as_slice() else {
        panic!("one should wait: {listed}");
    };
    let path = format!("/chat/approvals/{}", asked["approval_id"].as_str().unwrap());
    let body = json!({ "decision": "approve", "arguments_hash": asked["arguments_hash"] });
    client.post(&path, body).await.expect(200);
}

async fn nothing_is_ordered_again(kind: Kind) {
    let witness = Witness::start().await;
    let mut rig = Rig::new(kind, &tools(witness.url())).await;
    let server = rig.start().await;
    let client = rig::user(&server, "p21").await;
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(rig::conversation(&client).await);
    }

    // About to be wanted, with another behind it.
    let gate = rig.model.gate("later");
    let wanted = pays(&client, &places[1], 2, "before=2 gate=later@1 tool=pay").await;
    gate.reached(1).await;
    let queued = pays(&client, &places[1], 3, "tool=pay").await;
    // Asked for.
    let asked = pays(&client, &places[2], 4, "tool=ask").await;
    let parked = || async {
        let found = run(&client, &asked).await;
        (found["state"] == "awaiting_approval").then_some(())
    };
    rig::poll("a question", SOON, parked).await;
    // Under way: it has acted, and nobody has heard so. Last, since nobody waits for a tool for ever.
    witness.behave(Behaviour::Hang);
    let under_way = pays(&client, &places[0], 1, "tool=pay").await;
    witness.acted(1).await;
    witness.behave(Behaviour::Answer);

    let copy = Copy::make(&rig).await;

    // And then it all happens.
    gate.open();
    approve(&client).await;
    for id in [&wanted, &queued, &asked] {
        run_ends(&client, id).await;
        assert_eq!(run(&client, id).await["state"], "completed");
    }
    let ordered = witness.entries().len();
    assert_eq!(ordered, 4);
    server.kill().await;

    let bought = rig.model.answers().len();
    let said = copy.restore(&rig).await;
    assert!(said.contains(": 3.") && said.contains(": 1."), "{said}");
    let server = rig.start().await;
    client.login("p21@example.org").await;
    // The server drives runs: this one comes after whatever it would have taken up.
    let probe = json!({ "content": "And now? [[script: tokens=1]]" });
    let answer = client.send(probe).await.expect(200);
    assert_eq!(answer["ai_message"]["status"], "complete");
    for id in [&under_way, &wanted, &queued] {
        let found = run(&client, id).await;
        assert_eq!(
            (&found["state"], &found["error"]["code"]),
            (&json!("failed"), &json!("restored"))
        );
    }
    assert_eq!(run(&client, &asked).await["state"], "awaiting_approval");
    assert_eq!(witness.entries().len(), ordered, "ordered again");
    assert_eq!(rig.model.answers().len(), bought + 1, "bought again");
    let unknown = client.get("/chat/calls?state=unknown").await.expect(200);
    assert_eq!(unknown["calls"].as_array().unwrap().len(), 1, "{unknown}");
    // Whoever approves again has it made again: once.
    approve(&client).await;
    run_ends(&client, &asked).await;
    assert_eq!(witness.entries().len(), ordered + 1);
    rig.finish(server).await;
    println!(
        "P21: {}: nothing of {ordered} orders was ordered again",
        kind.name()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    nothing_is_ordered_again(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    nothing_is_ordered_again(Kind::Postgres).await;
}
