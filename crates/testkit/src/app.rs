//! The whole server in this process: real store, real agent, real HTTP on a free port, a scripted
//! model behind it. What the binary adds (configuration, signals, the lock) is not here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agent::AgentHandle;
use agent::driver::Deps;
use agent::lease::Lease;
use agent::machine::Limits;
use agent::ports::Toolbox;
use agent::scheduler::Scheduler;
use bus::LocalBus;
use domain::store::Maintenance;
use domain::{Bus, Clock, Ids, NodeId, Store};
use models::{Adapter, Catalog, ProviderConfig};
use secrecy::SecretBox;
use server::{AppState, Registration, ServerConfig};
use store::{OpenOptions, SqlStore};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::database::TestDatabase;
use crate::time::{RandomIds, WallClock};
use crate::{Client, ScriptedModel};

/// What a test may want otherwise.
pub struct Options {
    pub registration: Registration,
    pub send_wait: Duration,
    pub send_rate_per_minute: u32,
    /// Base URL of the page where it is not the listening address.
    pub public_url: Option<String>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub tools: Toolbox,
    /// The models that an operator has configured, with the scripted one at this base URL.
    pub models: fn(&str) -> Catalog,
    /// Whether runs are driven; otherwise they stay queued.
    pub answers: bool,
}

impl Default for Options {
    /// Open registration, limits out of the way, real time, the built-in tools.
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            send_wait: Duration::from_secs(30),
            send_rate_per_minute: 100_000,
            public_url: None,
            clock: Arc::new(WallClock),
            ids: Arc::new(RandomIds::default()),
            tools: tools::built_in(),
            models: named,
            answers: true,
        }
    }
}

/// A running server. [`TestApp::stop`] drains it; dropping it ends it without a word.
pub struct TestApp {
    pub url: String,
    pub model: ScriptedModel,
    pub store: SqlStore,
    pub bus: Arc<dyn Bus>,
    database: TestDatabase,
    data_dir: TempDir,
    options: Options,
    drain: CancellationToken,
    tracker: TaskTracker,
    tasks: JoinSet<()>,
    accounts: AtomicU64,
}

impl TestApp {
    /// On a database that goes with the test; which one, says [`TestDatabase::chosen`].
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub async fn start_with(options: Options) -> Self {
        Self::with(TestDatabase::chosen().await, options).await
    }

    pub async fn with(database: TestDatabase, options: Options) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let model = ScriptedModel::start().await;
        Self::boot(database, data_dir, model, options).await
    }

    async fn boot(
        database: TestDatabase,
        data_dir: TempDir,
        model: ScriptedModel,
        options: Options,
    ) -> Self {
        let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
        let store = SqlStore::open(OpenOptions {
            database_url: database.url(data_dir.path()),
            data_dir: data_dir.path().to_owned(),
            bus: Arc::clone(&bus),
            clock: Arc::clone(&options.clock),
            boot_id: Some("test".to_owned()),
            serving: true,
        })
        .await
        .unwrap();
        let (drain, tracker, mut tasks) =
            (CancellationToken::new(), TaskTracker::new(), JoinSet::new());
        let (handle, scheduler) = agent(&store, &bus, &model, &options, database.is_sqlite());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen = listener.local_addr().unwrap();
        let config = ServerConfig {
            listen,
            public_url: options.public_url.clone(),
            registration: options.registration,
            new_setup_code: None,
            jwt_key: SecretBox::new(Box::from([7u8; 32].as_slice())),
            send_wait: options.send_wait,
            send_rate_per_minute: options.send_rate_per_minute,
            metrics_token: None,
            docs: true,
            version: "test",
            tracker: tracker.clone(),
            drain: drain.clone(),
            metrics_render: Arc::new(String::new),
        };
        let everything: Arc<dyn Store> = Arc::new(store.clone());
        let state = AppState::new(
            config,
            everything,
            Arc::clone(&bus),
            Arc::clone(&options.clock),
            Arc::clone(&options.ids),
            handle,
        );
        // Runs held at a gate would use the whole deadline.
        if options.answers {
            tasks.spawn(scheduler.run(drain.clone(), Duration::from_millis(300)));
        }
        let stop = drain.clone();
        tasks.spawn(async move {
            server::serve(listener, server::router(state), stop)
                .await
                .unwrap();
        });
        Self {
            url: format!("http://{listen}"),
            model,
            store,
            bus,
            database,
            data_dir,
            options,
            drain,
            tracker,
            tasks,
            accounts: AtomicU64::new(0),
        }
    }

    /// A client without a login.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// A client of a new account; the first one is the admin's.
    pub async fn user(&self) -> Client {
        let number = self.accounts.fetch_add(1, Ordering::SeqCst);
        let client = self.client();
        client.register(&format!("user{number}@example.org")).await;
        client
    }

    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.path().to_owned()
    }

    /// Drains, and closes the store.
    pub async fn stop(mut self) {
        self.shut().await;
    }

    /// Drains and starts again on the same data, with the same model, on another port.
    pub async fn restart(mut self) -> Self {
        self.shut().await;
        Self::boot(self.database, self.data_dir, self.model, self.options).await
    }

    /// As [`TestApp::restart`], after the operator changed the tools.
    pub async fn restart_with(mut self, tools: Toolbox) -> Self {
        self.options.tools = tools;
        self.restart().await
    }

    /// As [`TestApp::restart`], after the operator changed the models.
    pub async fn restart_on(mut self, models: fn(&str) -> Catalog) -> Self {
        self.options.models = models;
        self.restart().await
    }

    /// As [`TestApp::restart`], and from now on runs are driven.
    pub async fn restart_answering(mut self) -> Self {
        self.options.answers = true;
        self.restart().await
    }

    async fn shut(&mut self) {
        self.drain.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.tracker.close();
        self.tracker.wait().await;
        self.store.close().await.unwrap();
    }
}

/// `openai/scripted`, chosen by name.
fn named(base_url: &str) -> Catalog {
    let provider = ProviderConfig {
        default_model: Some("scripted".to_owned()),
        ..endpoint("openai", base_url)
    };
    let default = Some("openai/scripted".to_owned());
    Catalog::new(vec![provider], default, Vec::new()).unwrap()
}

/// An endpoint whose operator gave an address and a key, and nothing else.
#[must_use]
pub fn endpoint(name: &str, base_url: &str) -> ProviderConfig {
    ProviderConfig {
        name: name.to_owned(),
        adapter: Adapter::OpenAi,
        base_url: base_url.to_owned(),
        api_key: Some("sk-test".to_owned().into()),
        default_model: None,
        models: Vec::new(),
        context_window: None,
        prefill: false,
    }
}

fn agent(
    store: &SqlStore,
    bus: &Arc<dyn Bus>,
    model: &ScriptedModel,
    options: &Options,
    alone: bool,
) -> (AgentHandle, Scheduler) {
    let catalog = Arc::new((options.models)(&model.base_url()));
    let tools = options.tools.clone();
    let handle = AgentHandle::new(catalog.clone(), tools.clone(), Arc::clone(bus));
    let deps = Deps {
        store: Arc::new(store.clone()),
        models: catalog,
        tools,
        clock: Arc::clone(&options.clock),
        ids: Arc::clone(&options.ids),
        limits: Limits::default(),
        lease: Arc::new(Lease::default()),
    };
    let node = NodeId::new(&*options.ids);
    (handle, Scheduler::new(deps, Arc::clone(bus), node, alone))
}
