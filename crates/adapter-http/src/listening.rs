//! Listening, and the end of it: no connection that was made is cut unanswered.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::limits::Share;

/// How many connections may wait to be accepted. A rush that finds this full is turned away by the
/// system, and comes back a second later.
const BACKLOG: i32 = 4_096;
/// How long a handshake may take that had begun when the last connection was let in.
const HANDSHAKE: Duration = Duration::from_millis(250);
/// How long connections may take to be accepted and to send their first request, at the end.
const LAST_WITHIN: Duration = Duration::from_secs(1);
/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often a worker goes round before it has taken all connections that were handed to it: it
/// takes 128 at a time.
const ROUNDS: usize = 64;

/// A socket that listens, beside the server that accepts from it.
pub(crate) struct Listening {
    socket: TcpListener,
    connections: Arc<Connections>,
}

/// What is known of connections by those who take them.
#[derive(Default)]
pub(crate) struct Connections {
    /// How many have not sent a request yet.
    new: Arc<AtomicUsize>,
    /// Where connections are taken that were accepted.
    workers: Mutex<Vec<Handle>>,
}

/// Lives as long as a connection.
pub(crate) struct Connection {
    new: Arc<AtomicUsize>,
    is_new: Cell<bool>,
    door: Door,
    _share: Vec<Share<IpAddr>>,
}

/// Where a connection came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Where buyers do.
    Public,
    /// At the address for those who run the server.
    Admin,
}

impl Connections {
    /// Notes that the caller's thread takes connections.
    pub(crate) fn taken_here(&self) {
        if let Ok(worker) = Handle::try_current() {
            self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    /// Notes that one was taken, which has that share of what its address may have.
    pub(crate) fn taken(&self, door: Door, share: Vec<Share<IpAddr>>) -> Connection {
        self.new.fetch_add(1, Ordering::Relaxed);
        Connection { new: Arc::clone(&self.new), is_new: Cell::new(true), door, _share: share }
    }

    /// Waits until all that were accepted have been taken.
    async fn all_are_taken(&self) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rounds = workers.iter().map(|worker| {
            worker.spawn(async {
                for _ in 0..ROUNDS {
                    tokio::task::yield_now().await;
                }
            })
        });
        for round in rounds.collect::<Vec<_>>() {
            let _ = round.await;
        }
    }
}

impl Connection {
    /// Whether it came in where those who run the server do.
    pub(crate) fn is_admins(&self) -> bool {
        self.door == Door::Admin
    }

    /// Notes that a request came. From then on the server finishes what it is at before it closes.
    pub(crate) fn speaks(&self) {
        if self.is_new.replace(false) {
            self.new.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.speaks();
    }
}

impl Listening {
    /// Listens, and returns a second handle for whoever accepts.
    pub(crate) fn at(
        address: SocketAddr,
        connections: Arc<Connections>,
    ) -> io::Result<(Self, TcpListener)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // Connections that were closed a moment ago are no reason not to start again.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from(socket);
        let accepting = socket.try_clone()?;
        Ok((Self { socket, connections }, accepting))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Lets nobody else connect, and waits until everybody who has was accepted and has sent a
    /// request, but not long for those who say nothing. After that the server can close the socket:
    /// nothing is lost with it.
    pub(crate) async fn finish(self) {
        if let Err(error) = drop_new_handshakes(&self.socket) {
            // Then who connects in the very moment of closing is cut, as everywhere.
            tracing::debug!(%error, "the system cannot close a socket in two steps");
        }
        sleep(HANDSHAKE).await;
        let all_speak = async {
            loop {
                if !self.has_waiting() {
                    self.connections.all_are_taken().await;
                    if self.connections.new.load(Ordering::Relaxed) == 0 && !self.has_waiting() {
                        return;
                    }
                }
                sleep(LOOK_EVERY).await;
            }
        };
        let _ = timeout(LAST_WITHIN, all_speak).await;
    }

    /// Whether a connection waits to be accepted.
    fn has_waiting(&self) -> bool {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut sockets, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// Has the system drop each packet that begins a handshake: who sends it tries again a second later,
/// when nobody listens any more, and goes elsewhere. Handshakes that have begun are completed. To
/// close the socket without this would cut those that are completed in between.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn drop_new_handshakes(socket: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;
    // A classic BPF program over the TCP header, whose byte 13 has the flags.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_OR_ACK: u32 = 0x12;
    SockRef::from(socket).attach_filter(&[
        SockFilter::new(0x30, 0, 0, FLAGS),      // load the byte
        SockFilter::new(0x54, 0, 0, SYN_OR_ACK), // and
        SockFilter::new(0x15, 0, 1, SYN),        // if equal go on, else skip one
        SockFilter::new(0x06, 0, 0, 0),          // drop it
        SockFilter::new(0x06, 0, 0, u32::MAX),   // take all of it
    ])
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn drop_new_handshakes(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
