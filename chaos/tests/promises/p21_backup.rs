//! A backup restores: what was acknowledged before it began is in it, and of what came later a
//! beginning.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::database::{Database, Kind};
use chaos::disk::work::{Told, Way, Work, compare};
use chaos::programs;
use testkit::process::Binary;
use testkit::{Client, Dice, ScriptedModel, Strace};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const WRITERS: u64 = 4;
const BACKUPS: usize = 3;
/// Messages of each writer before the first backup.
const BEFORE: usize = 4;
const RUNS_END: Duration = Duration::from_secs(60);

/// A server with writers, and what they have been told up to now.
struct Site {
    folder: tempfile::TempDir,
    data_dir: PathBuf,
    url: String,
    model: ScriptedModel,
}

impl Site {
    async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        Self {
            url: kind.fresh().await.url(&data_dir),
            model: ScriptedModel::start().await,
            data_dir,
            folder,
        }
    }

    fn binary(&self) -> Binary {
        self.binary_at(&self.data_dir, &self.url)
    }

    fn binary_at(&self, data_dir: &Path, url: &str) -> Binary {
        let config = "send_rate_per_minute = 100000\nregistration = \"open\"\n";
        std::fs::create_dir_all(data_dir).unwrap();
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        Binary::new(programs::rejoinder(), data_dir)
            .arg("--database-url", url)
            .arg("--model", "openai/scripted")
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", &self.model.base_url())
    }
}

/// Keys that one writer was told "stored" of, while it goes on.
type Acknowledged = Arc<Mutex<Vec<String>>>;

struct Writers {
    stop: CancellationToken,
    tasks: JoinSet<(u64, Work)>,
    acknowledged: Vec<Acknowledged>,
}

impl Writers {
    async fn begin(url: &str) -> Self {
        let stop = CancellationToken::new();
        let (mut tasks, mut acknowledged) = (JoinSet::new(), Vec::new());
        for number in 0..WRITERS {
            let client = Client::new(url);
            client
                .register(&format!("writer{number}@example.org"))
                .await;
            let told = Acknowledged::default();
            acknowledged.push(told.clone());
            let writing = write(Work::new(client, number), stop.clone(), told);
            tasks.spawn(async move { (number, writing.await) });
        }
        Self {
            stop,
            tasks,
            acknowledged,
        }
    }

    fn told(&self) -> Vec<String> {
        let of = |told: &Acknowledged| told.lock().unwrap().clone();
        self.acknowledged.iter().flat_map(of).collect()
    }

    /// Until every writer was told so many more.
    async fn more(&self, count: usize) {
        let lengths = || {
            self.acknowledged
                .iter()
                .map(|told| told.lock().unwrap().len())
        };
        let goal: Vec<usize> = lengths().map(|length| length + count).collect();
        let waiting = async {
            while lengths().zip(&goal).any(|(length, goal)| length < *goal) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .expect("the writers write");
    }

    async fn end(mut self) -> Vec<Work> {
        self.stop.cancel();
        let mut works = Vec::new();
        while let Some(work) = self.tasks.join_next().await {
            works.push(work.unwrap());
        }
        works.sort_by_key(|(number, _)| *number);
        works.into_iter().map(|(_, work)| work).collect()
    }
}

async fn write(mut work: Work, stop: CancellationToken, told: Acknowledged) -> Work {
    let mut place = None;
    for n in 0.. {
        if stop.is_cancelled() {
            break;
        }
        let way = [Way::Waiting, Way::Streamed][n % 2];
        let conversation = work.send(way, place.as_deref(), 1 + n % 7).await;
        let sent = work.log.sent.last().unwrap();
        if sent.told == Told::Acknowledged {
            told.lock().unwrap().push(sent.key.clone());
        }
        // A new one now and then.
        place = conversation.filter(|_| n % 5 != 4);
    }
    work
}

/// Everything that is in a restored server, against what was known when its backup began.
async fn a_beginning_of_history(
    url: &str,
    database: &Database,
    works: &[Work],
    before: &[String],
) -> usize {
    database.runs_end(RUNS_END).await.unwrap();
    let mut broken = database.contradictions().await;
    let mut restored = 0;
    let before: HashSet<&String> = before.iter().collect();
    for (number, work) in works.iter().enumerate() {
        let client = Client::new(url);
        client.login(&format!("writer{number}@example.org")).await;
        let mut there = HashSet::new();
        for conversation in client.conversations().await {
            let id = conversation["conversation_id"].as_str().unwrap();
            let messages = client.messages(id).await;
            let keys = messages
                .iter()
                .filter_map(|m| m["client_message_id"].as_str());
            there.extend(keys.map(str::to_owned));
        }
        restored += there.len();
        // One after the other: whoever is missing, everybody later is.
        let mut missing = None;
        for sent in &work.log.sent {
            let is_there = there.remove(&sent.key);
            if !is_there && before.contains(&sent.key) {
                broken.push(format!(
                    "acknowledged before the backup and not in it: {sent:?}"
                ));
            }
            if is_there && missing.is_some() {
                broken.push(format!("{sent:?} is there, {missing:?} before it is not"));
            }
            if !is_there && missing.is_none() && sent.told != Told::Refused {
                missing = Some(sent.key.clone());
            }
        }
        broken.extend(there.iter().map(|key| format!("never sent: {key}")));
        // Of those that are there, every answer is whole.
        let mut log = chaos::disk::work::Log::default();
        log.sent.extend(work.log.sent.iter().cloned());
        for sent in &mut log.sent {
            sent.told = Told::Unsure;
        }
        broken.extend(compare(&client, &log).await);
    }
    assert_eq!(broken, Vec::<String>::new());
    restored
}

/// The cursor of somebody who has seen everything.
async fn cursor(url: &str) -> String {
    let client = Client::new(url);
    client.login("writer0@example.org").await;
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.cut().expect("a cursor")
}

async fn is_reset(url: &str, cursor: &str) {
    let client = Client::new(url);
    client.login("writer0@example.org").await;
    let mut socket = client.socket(Some(cursor), &[]).await;
    let frame = socket.until(|frame| frame["type"] == "reset" || frame["type"] == "message");
    assert_eq!(frame.await["type"], "reset");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let site = Site::new(Kind::Sqlite).await;
    let mut binary = site.binary();
    let server = binary.start().await;
    let writers = Writers::begin(&server.url).await;
    let mut backups = Vec::new();
    for number in 0..BACKUPS {
        writers.more(BEFORE).await;
        let before = writers.told();
        let copy = site.folder.path().join(format!("copy{number}"));
        let (status, said) = binary.run("backup", &[copy.to_str().unwrap()]).await;
        assert!(status.success(), "{said}");
        backups.push((copy, before));
    }
    writers.more(1).await;
    let works = writers.end().await;
    let cursor = cursor(&server.url).await;
    assert!(server.terminate().await.success());
    for (number, (copy, before)) in backups.iter().enumerate() {
        let data_dir = site.folder.path().join(format!("restored{number}"));
        let url = format!("sqlite://{}", data_dir.join("rejoinder.db").display());
        let mut restored = site.binary_at(&data_dir, &url);
        let (status, said) = restored.run("restore", &[copy.to_str().unwrap()]).await;
        assert!(status.success(), "{said}");
        let server = restored.start().await;
        let database = Database::Sqlite { url };
        let there = a_beginning_of_history(&server.url, &database, &works, before).await;
        is_reset(&server.url, &cursor).await;
        assert!(server.terminate().await.success());
        assert_eq!(database.damage().await, Vec::<String>::new());
        println!(
            "P21: sqlite: {} acknowledged before the backup, {there} restored",
            before.len()
        );
    }
}

/// With the commands that `backup` names, word for word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let site = Site::new(Kind::Postgres).await;
    let mut binary = site.binary();
    let server = binary.start().await;
    let (status, said) = binary
        .run("backup", &["nowhere", "--database-url", &site.url])
        .await;
    let (rest, name) = site.url.rsplit_once('/').unwrap();
    let password = rest.rsplit_once('@').unwrap().0.rsplit_once(':').unwrap().1;
    assert!(!status.success() && !said.contains(password), "{said}");
    assert!(
        said.contains("secret.key") && said.contains("rejoinder.toml"),
        "{said}"
    );
    let command = |tool: &str| {
        let line = said
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(tool));
        line.unwrap_or_else(|| panic!("no {tool} in {said}"))
            .to_owned()
    };
    let shell = |line: &str| {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(site.folder.path())
            .env("PGPASSWORD", password)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    };
    let writers = Writers::begin(&server.url).await;
    writers.more(BEFORE).await;
    let before = writers.told();
    shell(&command("pg_dump"));
    writers.more(1).await;
    let works = writers.end().await;
    let cursor = cursor(&server.url).await;
    assert!(server.terminate().await.success());

    let create = command("createdb");
    let parts = create.strip_prefix("createdb ").unwrap();
    shell(&format!("dropdb --force {parts}"));
    let name = name.split('?').next().unwrap();
    assert!(parts.ends_with(name), "{create}");
    shell(&create);
    shell(&command("pg_restore"));
    let announce = command("rejoinder restore");
    assert_eq!(announce, "rejoinder restore --database-restored");
    let (status, said) = binary
        .run(
            "restore",
            &["--database-restored", "--database-url", &site.url],
        )
        .await;
    assert!(status.success(), "{said}");
    let server = binary.start().await;
    let database = Database::Postgres {
        url: site.url.clone(),
    };
    let there = a_beginning_of_history(&server.url, &database, &works, &before).await;
    is_reset(&server.url, &cursor).await;
    assert!(server.terminate().await.success());
    println!(
        "P21: postgres: {} acknowledged before the dump, {there} restored",
        before.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_or_cut_copy_replaces_nothing() {
    let (site, copy) = with_a_backup().await;
    let binary = site.binary();
    let before = std::fs::read(site.data_dir.join("rejoinder.db")).unwrap();
    let mut dice = Dice::new(Dice::seed());
    let mut trials = 0;
    for name in ["rejoinder.db", "secret.key", "manifest.json"] {
        let whole = std::fs::read(copy.join(name)).unwrap();
        for kind in 0..9 {
            let at = usize::try_from(dice.within(0..whole.len() as u64)).unwrap();
            let mut bytes = whole.clone();
            match kind {
                0..4 => bytes.truncate(at),
                // Within the checksums of the manifest every byte counts; elsewhere in it not.
                _ if name == "manifest.json" => bytes.clear(),
                _ => bytes[at] ^= 1 << (kind - 4),
            }
            std::fs::write(copy.join(name), &bytes).unwrap();
            let (status, said) = binary
                .run("restore", &[copy.to_str().unwrap(), "--replace"])
                .await;
            assert!(!status.success(), "{name}, {kind}, {at}: {said}");
            assert!(said.contains(name) && !said.contains("panicked"), "{said}");
            trials += 1;
        }
        std::fs::remove_file(copy.join(name)).unwrap();
        let arguments = [copy.to_str().unwrap(), "--replace"];
        assert!(!binary.run("restore", &arguments).await.0.success());
        std::fs::write(copy.join(name), &whole).unwrap();
    }
    assert_eq!(
        std::fs::read(site.data_dir.join("rejoinder.db")).unwrap(),
        before
    );
    println!("P21: {trials} damaged copies refused");
}

/// A used server, stopped, and a copy of it from before its last message.
async fn with_a_backup() -> (Site, PathBuf) {
    let site = Site::new(Kind::Sqlite).await;
    let mut binary = site.binary();
    let server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("writer0@example.org").await;
    let mut work = Work::new(client, 1);
    work.send(Way::Waiting, None, 3).await;
    let copy = site.folder.path().join("copy");
    let (status, said) = binary.run("backup", &[copy.to_str().unwrap()]).await;
    assert!(status.success(), "{said}");
    work.send(Way::Waiting, None, 3).await;
    assert!(server.terminate().await.success());
    (site, copy)
}

/// A restore that is killed leaves the old state, or the new one, or says that it has to be repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_may_be_killed_anywhere() {
    let mut found = std::collections::BTreeMap::<&str, usize>::new();
    let (original, copy) = with_a_backup().await;
    for call in ["rename", "fsync", "openat", "unlink"] {
        for n in 1..=8 {
            let data_dir = original.folder.path().join(format!("{call}{n}"));
            let url = format!("sqlite://{}", data_dir.join("rejoinder.db").display());
            let mut binary = original.binary_at(&data_dir, &url);
            for name in ["rejoinder.db", "secret.key"] {
                std::fs::copy(original.data_dir.join(name), data_dir.join(name)).unwrap();
            }
            let strace = Strace::new(&original.folder.path().join("trace"))
                .calls(call)
                // Opening programs and libraries is not what is tested.
                .file(&data_dir)
                .file(&data_dir.join("rejoinder.db"))
                .file(&data_dir.join("rejoinder.db.restoring"))
                .file(&data_dir.join("secret.key.restoring"))
                .file(&data_dir.join("restore-unfinished"))
                .kill(call, n);
            let arguments = [copy.to_str().unwrap(), "--replace"];
            binary.under(Some(strace));
            let (status, said) = binary.run("restore", &arguments).await;
            assert!(status.success() || status.code().is_none(), "{said}");
            binary.under(None);
            let server = match binary.try_start().await {
                Ok(server) => server,
                Err(_) => {
                    assert!(binary.log().contains("restore"), "{}", binary.log());
                    let (status, said) = binary.run("restore", &arguments).await;
                    assert!(status.success(), "{call} {n}: {said}");
                    *found.entry("restored again").or_default() += 1;
                    binary.start().await
                }
            };
            let client = Client::new(&server.url);
            client.login("writer0@example.org").await;
            let state = match client.conversations().await.len() {
                1 => "new",
                2 => "old",
                other => panic!("{call} {n}: {other} conversations"),
            };
            *found.entry(state).or_default() += 1;
            assert!(server.terminate().await.success());
        }
    }
    println!("P21: restores killed: {found:?}");
    assert!(found.contains_key("old") && found.contains_key("restored again"));
}
