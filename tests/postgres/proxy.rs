//! A stretch of network between a server and its database, which can be cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// It arrives.
    Whole,
    /// Connections are closed, and new ones, too.
    Cut,
    /// Nothing arrives any more, and nobody is told.
    Silent,
}

/// What becomes of the next COMMIT that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextCommit {
    /// It never arrives.
    Lost,
    /// It arrives, and its answer never does.
    Unanswered,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<String>>,
    network: watch::Sender<Network>,
    next_commit: Arc<Mutex<Option<NextCommit>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// A stretch of network that leads to `target`, as `host:port`.
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = watch::channel(Network::Whole).0;
        let next_commit = Arc::new(Mutex::new(None));
        let (follow, commits) = (network.clone(), Arc::clone(&next_commit));
        let target = Arc::new(Mutex::new(target));
        let leads_to = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (network, commits) = (follow.subscribe(), Arc::clone(&commits));
                let target = leads_to.lock().unwrap().clone();
                tokio::spawn(async move { carry(client, target, network, commits).await });
            }
        });
        Self { address, target, network, next_commit, accepting }
    }

    /// The URL of a database with this stretch of network before it.
    pub(crate) fn before(&self, url: &str) -> String {
        url.replacen(&address_of(url), &self.address.to_string(), 1)
    }

    /// From now on, new connections lead to `target`.
    pub(crate) fn lead_to(&self, target: String) {
        *self.target.lock().unwrap() = target;
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Everything arrives from now on.
    pub(crate) fn mend(&self) {
        *self.next_commit.lock().unwrap() = None;
        self.set(Network::Whole);
    }

    /// Says what becomes of the next COMMIT, after which all is whole again.
    pub(crate) fn set_next_commit(&self, fate: NextCommit) {
        *self.next_commit.lock().unwrap() = Some(fate);
    }
}

/// The `host:port` of a URL.
pub(crate) fn address_of(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let server = rest.split('/').next().unwrap();
    server.rsplit('@').next().unwrap().to_owned()
}

async fn carry(
    client: TcpStream,
    target: String,
    mut network: watch::Receiver<Network>,
    commits: Arc<Mutex<Option<NextCommit>>>,
) {
    if *network.borrow() == Network::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whether answers still come through.
    let (deafen, deaf) = watch::channel(false);
    tokio::select! {
        () = requests(from_client, to_server, network.clone(), commits, deafen) => {}
        () = answers(from_server, to_client, network.clone(), deaf) => {}
        _ = network.wait_for(|network| *network == Network::Cut) => {}
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
    commits: Arc<Mutex<Option<NextCommit>>>,
    deafen: watch::Sender<bool>,
) {
    let mut buffer = vec![0; 65_536];
    let mut name = None;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let sent = &buffer[..length];
        // It is prepared once, under a name, and then only ever bound by that name.
        let is_commit = name
            .as_ref()
            .is_some_and(|name: &Vec<u8>| sent.windows(name.len()).any(|bytes| bytes == name));
        if let Some(at) = sent.windows(7).position(|bytes| bytes == b"COMMIT\0") {
            let before = sent[..at - 1].iter().rposition(|byte| !byte.is_ascii_alphanumeric());
            name = Some([&[0], &sent[before.unwrap() + 1..at]].concat());
        }
        let fate = if is_commit { commits.lock().unwrap().take() } else { None };
        if fate == Some(NextCommit::Lost) {
            return;
        }
        if fate == Some(NextCommit::Unanswered) {
            deafen.send_replace(true);
        }
        let _ = network.wait_for(|network| *network != Network::Silent).await;
        if to.write_all(sent).await.is_err() {
            return;
        }
        if fate == Some(NextCommit::Unanswered) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
    deaf: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let _ = network.wait_for(|network| *network != Network::Silent).await;
        if !*deaf.borrow() && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // What is deaf does not hear the end either.
    if *deaf.borrow() {
        std::future::pending::<()>().await;
    }
}
