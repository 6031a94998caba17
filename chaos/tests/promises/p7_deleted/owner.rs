//! An account that has put words of its own wherever it can.

use std::time::Duration;

use chaos::Node;
use chaos::rig::poll;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::PASSWORD;
use testkit::{Behaviour, Client, Witness};

/// What goes with the conversation, and what only with the account: a key answers "gone" for as long
/// as it is kept.
pub const OF_CONVERSATION: [&str; 17] = [
    "content",
    "answer",
    "early",
    "title",
    "tag",
    "model",
    "expression",
    "told",
    "first",
    "late",
    "argument",
    "result",
    "failure",
    "tool",
    "asked",
    "draft",
    "queued",
];
pub const OF_ACCOUNT: [&str; 7] = ["name", "mail", "agent", "todo", "byhand", "key", "uuid"];

const PATIENCE: Duration = Duration::from_secs(60);
/// The answers that the server's death interrupts stand at it.
pub const DRAFT: &str = "draft";

/// Makes words of an account; `part` says where they are put.
pub fn word(owner: &str, part: &str) -> String {
    match part {
        "uuid" => format!("{}-ca4a-4ca4-8ca4-ca4aca4aca4a", owner.repeat(8)),
        part => format!("canary{owner}{part}"),
    }
}

/// Two tools of the operator: one that asks, and one that does not.
pub fn tools(witness: &Witness) -> String {
    let tool = |name, policy| {
        format!(
            "[[tools]]\nname = \"{name}\"\ndescription = \"Sends\"\nschema = {{ type = \"object\" }}\n\
             method = \"POST\"\nurl = \"{}/{name}\"\nclass = \"effectful\"\npolicy = \"{policy}\"\n",
            witness.url()
        )
    };
    tool("ask", "ask") + &tool("send", "allow")
}

pub struct Owner {
    pub name: &'static str,
    pub id: i64,
    pub client: Client,
    pub conversation: String,
}

impl Owner {
    pub fn words(&self, parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| word(self.name, part)).collect()
    }

    fn word(&self, part: &str) -> String {
        word(self.name, part)
    }

    /// Everything that takes words has some.
    pub async fn make(node: &Node, witness: &Witness, name: &'static str) -> Self {
        let word = |part: &str| word(name, part);
        let client = node.client();
        let email = format!("{}@example.org", word("mail"));
        let body = json!({"email": email, "password": PASSWORD, "full_name": word("name")});
        let user = client.post("/auth/register", body).await.expect(201);
        let login = client.request(Method::POST, "/auth/login");
        let login = login.header("user-agent", word("agent"));
        let body = json!({"email": email, "password": PASSWORD});
        let answer = login.json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        client.set_token(answer["access_token"].as_str().map(str::to_owned));
        let todo = json!({"title": word("byhand")});
        client.post("/todos", todo).await.expect(201);
        let model = json!({"model": format!("openai/{}", word("model"))});
        let made = client
            .post_once("/chat/conversations", &word("key"), model)
            .await;
        let conversation = made.expect(201)["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let owner = Self {
            name,
            id: user["id"].as_i64().unwrap(),
            client,
            conversation,
        };
        owner.first_message().await;
        owner.tools_of_the_operator(witness).await;
        let change = json!({"title": word("title"), "tags": [word("tag")]});
        let path = format!("/chat/conversations/{}", owner.conversation);
        owner.client.patch(&path, change).await.expect(200);
        owner
    }

    /// Into the conversation. Answers the status of the answer.
    async fn send(&self, mut body: Value) -> String {
        body["conversation_id"] = json!(self.conversation);
        let sent = self.client.send(body).await.expect(200);
        sent["ai_message"]["status"].as_str().unwrap().to_owned()
    }

    /// It names the conversation until somebody renames it; tools add a todo, refuse an expression and
    /// say so, and one does not exist; the model's name is one that its endpoint never heard of, and in
    /// the end says so.
    async fn first_message(&self) {
        let script = format!(
            "before=2 tool=todo_add args={} tool=calculator args={} tool={} then text=\"{} said.\"",
            json!({"title": self.word("todo")}),
            json!({"expression": self.word("expression")}),
            self.word("tool"),
            self.word("told"),
        );
        let model = format!("openai/{}", self.word("model"));
        let first = json!({
            "content": format!("{} [[script: {script}]]", self.word("first")),
            "client_message_id": self.word("uuid"),
            "model": model,
        });
        assert_eq!(self.send(first).await, "complete");
        let unknown = json!({"content": "[[script: fault=404]]", "model": model});
        assert_eq!(self.send(unknown).await, "failed");
    }

    /// A call with a result, one that fails, and one that is asked about and then need not be.
    async fn tools_of_the_operator(&self, witness: &Witness) {
        let call = |tool: &str, part: &str| {
            let arguments = json!({"for": self.word(part)});
            json!({"content": format!("[[script: tool={tool} args={arguments} tokens=1]]")})
        };
        let said = json!({"said": self.word("result")})
            .to_string()
            .into_bytes();
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        witness.behave(Behaviour::Reply(200, vec![kind], said));
        assert_eq!(self.send(call("send", "argument")).await, "complete");
        witness.behave(Behaviour::fail(400, &self.word("failure")));
        assert_eq!(self.send(call("send", "argument")).await, "complete");
        witness.behave(Behaviour::Answer);
        assert_eq!(self.send(call("ask", "asked")).await, "awaiting_approval");
        let listed = self.client.get("/chat/approvals").await.expect(200);
        let approval = &listed["approvals"][0];
        let path = format!(
            "/chat/approvals/{}",
            approval["approval_id"].as_str().unwrap()
        );
        let always = json!({
            "decision": "approve", "arguments_hash": approval["arguments_hash"],
            "scope": "conversation",
        });
        self.client.post(&path, always).await.expect(200);
        poll("the end of an approved call", PATIENCE, async || {
            let messages = self.client.messages(&self.conversation).await;
            let last = messages.last().unwrap();
            (last["content"] == "tok0" && last["status"] == "complete").then_some(())
        })
        .await;
        // The latest result is the one with the words.
        witness.behave(Behaviour::Reply(
            200,
            Vec::new(),
            self.word("result").into_bytes(),
        ));
        assert_eq!(self.send(call("send", "argument")).await, "complete");
    }

    /// Stops in the middle of an answer, at the gate of this name, with these words before and behind.
    async fn answer_to_gate(&self, content: &str, text: [&str; 2], gate: &str, tokens: usize) {
        let [before, behind] = text.map(|part| self.word(part));
        let text = format!("{before} said {behind} more");
        let content = format!("{content} [[script: text=\"{text}\" gate={gate}@{tokens}]]");
        let body = json!({"content": content, "conversation_id": self.conversation});
        let sent = self.client.try_send_async(&body).await.unwrap();
        sent.expect(202);
        // Stored, and so visible to everybody.
        poll("words of an answer", PATIENCE, async || {
            let messages = self.client.messages(&self.conversation).await;
            let last = messages.last().unwrap()["content"].clone();
            last.as_str().unwrap().contains(&before).then_some(())
        })
        .await;
    }

    /// An answer that the server's death will make begin again.
    pub async fn begin_draft(&self) {
        self.answer_to_gate("a draft", ["draft", "draft"], DRAFT, 2)
            .await;
    }

    /// An answer in the middle, and a message that waits behind it.
    pub async fn begin_answer(&self, gate: &str) {
        let content = format!("{} {}", self.word("content"), self.word("answer"));
        self.answer_to_gate(&content, ["early", "late"], gate, 2)
            .await;
        let waits = json!({
            "content": format!("{} [[script: tokens=1]]", self.word("queued")),
            "conversation_id": self.conversation,
            "on_busy": "enqueue",
        });
        let sent = self
            .client
            .try_send_async(&waits)
            .await
            .unwrap()
            .expect(202);
        assert_eq!(sent["user_message"]["status"], "queued", "{sent}");
    }
}
