//! The cutting proxy: TCP between a client and a server, broken on purpose at any byte.
//!
//! ```no_run
//! # async fn example() {
//! use testkit::proxy::{Cut, CuttingProxy, Direction, Plan};
//! let proxy = CuttingProxy::start("127.0.0.1:8080").await;
//! // The next connection is reset once 700 bytes of the answer have passed.
//! proxy.next(Plan::default().at(Direction::ToClient, 700, Cut::Reset));
//! let client = testkit::Client::new(&proxy.url());
//! # let _ = client;
//! # }
//! ```
//!
//! A connection takes the first plan in the queue; without one it passes unbroken. Counts are exact:
//! not a byte more is handed to the kernel. After a reset the other side may have read less, because
//! a reset overtakes what lies in buffers; that is what resets do.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// RST to both sides.
    Reset,
    /// This direction ends in good order and what follows in it is lost; the other goes on.
    HalfClose,
    /// Nothing passes in this direction until [`CuttingProxy::resume`]; both connections stay open.
    Stall,
}

/// What happens to one connection. Bytes are counted per direction, from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan(Vec<(Direction, u64, Cut)>);

impl Plan {
    /// Adds a cut after so many bytes in this direction.
    #[must_use]
    pub fn at(mut self, direction: Direction, bytes: u64, cut: Cut) -> Self {
        self.0.push((direction, bytes, cut));
        self.0.sort_by_key(|(_, bytes, _)| *bytes);
        self
    }

    /// One cut of any kind, mostly in the answer, within its first `bytes`.
    #[must_use]
    pub fn random(dice: &mut Dice, bytes: u64) -> Self {
        let cut = match dice.within(0..3) {
            0 => Cut::Reset,
            1 => Cut::HalfClose,
            _ => Cut::Stall,
        };
        if dice.one_in(6) {
            // A request with its headers is a few hundred bytes.
            Self::default().at(Direction::ToServer, dice.within(0..400), cut)
        } else {
            Self::default().at(Direction::ToClient, dice.within(0..bytes), cut)
        }
    }

    fn of(&self, direction: Direction) -> VecDeque<(u64, Cut)> {
        let mine = self.0.iter().filter(|(to, ..)| *to == direction);
        mine.map(|(_, bytes, cut)| (*bytes, *cut)).collect()
    }
}

#[derive(Default)]
struct Shared {
    plans: Mutex<VecDeque<Plan>>,
    connections: AtomicU64,
    cuts: AtomicU64,
    passed: [AtomicU64; 2],
    resumed: watch::Sender<u64>,
}

/// Dropping it resets what is open.
pub struct CuttingProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl CuttingProxy {
    /// On a free port of loopback, before `upstream` (`host:port`).
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream.to_owned(), Arc::clone(&shared)));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The plan of the next connection that has none.
    pub fn next(&self, plan: Plan) {
        plans(&self.shared).push_back(plan);
    }

    /// Lets everything go that is stalled now.
    pub fn resume(&self) {
        self.shared.resumed.send_modify(|times| *times += 1);
    }

    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Cuts that were carried out.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Bytes of all connections.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.passed[direction as usize].load(Ordering::SeqCst)
    }
}

fn plans(shared: &Shared) -> std::sync::MutexGuard<'_, VecDeque<Plan>> {
    shared.plans.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, upstream: String, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let plan = plans(&shared).pop_front().unwrap_or_default();
        connections.spawn(connection(
            client,
            upstream.clone(),
            plan,
            Arc::clone(&shared),
        ));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, upstream: String, plan: Plan, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(&upstream).await else {
        // The server is away: the client sees its connection break.
        let _ = client.set_zero_linger();
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let broken = CancellationToken::new();
    let pump = |from, to, direction| Pump {
        from,
        to,
        direction,
        cuts: plan.of(direction),
        shared: Arc::clone(&shared),
        broken: broken.clone(),
    };
    tokio::join!(
        pump(from_client, to_server, Direction::ToServer).run(),
        pump(from_server, to_client, Direction::ToClient).run(),
    );
}

struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
    cuts: VecDeque<(u64, Cut)>,
    shared: Arc<Shared>,
    /// The connection is reset, whichever side began.
    broken: CancellationToken,
}

impl Pump {
    async fn run(mut self) {
        let broken = self.broken.clone();
        let ended = tokio::select! {
            () = broken.cancelled() => Err(()),
            ended = self.pass() => ended,
        };
        match ended {
            // Dropping the writing half ends the direction with a FIN.
            Ok(()) => {}
            Err(()) => {
                broken.cancel();
                let _ = self.from.as_ref().set_zero_linger();
                let _ = self.to.as_ref().set_zero_linger();
                self.to.forget();
            }
        }
    }

    /// `Ok`: this direction has ended in good order. `Err`: the connection is to be reset.
    async fn pass(&mut self) -> Result<(), ()> {
        let mut passed = 0;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while let Some((_, cut)) = self.cuts.pop_front_if(|(at, _)| *at <= passed) {
                // Subscribed before it counts, so that who saw the count can let it go.
                let mut resumed = self.shared.resumed.subscribe();
                self.shared.cuts.fetch_add(1, Ordering::SeqCst);
                match cut {
                    Cut::Reset => return Err(()),
                    Cut::HalfClose => return self.swallow().await,
                    Cut::Stall => resumed.changed().await.map_err(drop)?,
                }
            }
            let left = self.cuts.front().map_or(u64::MAX, |(at, _)| at - passed);
            let most = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self.from.read(&mut buffer[..most]).await.map_err(drop)?;
            if read == 0 {
                return Ok(());
            }
            self.to.write_all(&buffer[..read]).await.map_err(drop)?;
            passed += read as u64;
            self.shared.passed[self.direction as usize].fetch_add(read as u64, Ordering::SeqCst);
        }
    }

    /// Ends the direction, and loses what still comes.
    async fn swallow(&mut self) -> Result<(), ()> {
        self.to.shutdown().await.map_err(drop)?;
        let mut buffer = vec![0; 16 * 1024];
        while self.from.read(&mut buffer).await.map_err(drop)? > 0 {}
        Ok(())
    }
}
