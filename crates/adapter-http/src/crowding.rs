//! Connections of an address that has as many as it may: told so, and closed before anything is read.

use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown};

use actix_web::rt::net::TcpStream;
use socket2::SockRef;

use crate::limits::Share;
use crate::shared::Shared;

/// The share of a connection that was just made in what its address may have; none, and its end, where
/// the address has as many as it may.
pub(crate) fn admit(stream: &TcpStream, shared: &Shared) -> Vec<Share<IpAddr>> {
    let Ok(peer) = stream.peer_addr() else { return Vec::new() };
    shared.limits.connect(peer.ip()).unwrap_or_else(|problem| {
        turn_away(stream, &problem.as_message(&shared.request_names.next()));
        Vec::new()
    })
}

/// Writes the answer, as far as the system takes it at once, and ends the connection.
fn turn_away(stream: &TcpStream, answer: &[u8]) {
    let socket = SockRef::from(stream);
    let _ = socket.send(answer);
    let _ = socket.shutdown(Shutdown::Write);
    // What has come and is not read would make the system take the answer back.
    let mut unread = [MaybeUninit::uninit(); 4_096];
    while socket.recv(&mut unread).is_ok_and(|length| length == unread.len()) {}
    let _ = socket.shutdown(Shutdown::Read);
}
