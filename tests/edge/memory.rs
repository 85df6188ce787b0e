//! How much memory somebody can make the server take.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Server, Theatre, room_path, text};

/// What the server has in memory, in MiB, where the system tells.
fn memory(server: &Server) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes / 1_024)
}

fn connect(server: &Server, said: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    // Whom it has refused, the server hears no further.
    let _ = stream.write_all(said.as_bytes());
    stream
}

/// What the server takes at the most for those who do not read, and for bodies that are not wanted: a tenth
/// of what it took when it copied and read all of it.
const MORE_MAX: u64 = 200;

#[tokio::test]
async fn large_answers_that_nobody_reads_are_shared() {
    let theatre = Theatre::open(400, 1).await;
    let operator = &theatre.operator;
    let shows = format!("/api/admin/concerts/{}/shows", theatre.concert.id);
    let large = serde_json::json!({
        "starts_at": "2035-05-04T11:00:00Z",
        "sections": [{ "name": "A", "grade": "R", "price": 1, "rows": 200, "seats_per_row": 250 }],
    });
    let show = text(&operator.post(&shows, large).await.expect(201), "show_id");
    let buyer = theatre.buyer(0).await;
    buyer.get(&format!("/api/shows/{show}/seats")).await.expect(200);
    let Some(before) = memory(&theatre.server) else { return };
    let request = format!(
        "GET /api/shows/{show}/seats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        buyer.token()
    );
    let mut open: Vec<_> = (0..300).map(|_| connect(&theatre.server, &request)).collect();
    // Each has its answer begun.
    for stream in &mut open {
        stream.read_exact(&mut [0; 16]).unwrap();
    }
    let after = memory(&theatre.server).unwrap();
    assert!(after < before + MORE_MAX, "{before} MiB, then {after} MiB");
    room_path(operator, &theatre.concert.id).await;
}

#[tokio::test]
async fn bodies_of_those_who_have_no_credential_are_not_kept() {
    let theatre = Theatre::open(1, 1).await;
    let Some(before) = memory(&theatre.server) else { return };
    let body = " ".repeat(65_000);
    let mut open = Vec::new();
    for path in ["/api/reservations", "/api/payments", "/api/users/balance"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: 65536\r\n\r\n{body}"
        );
        open.extend((0..300).map(|_| connect(&theatre.server, &request)));
    }
    for stream in &mut open {
        let mut answer = [0; 12];
        let refused = stream.read_exact(&mut answer).is_ok();
        assert!(!refused || answer == *b"HTTP/1.1 401", "{}", String::from_utf8_lossy(&answer));
    }
    let after = memory(&theatre.server).unwrap();
    assert!(after < before + MORE_MAX, "{before} MiB, then {after} MiB");
}

#[tokio::test]
async fn long_bodies_have_a_budget_and_short_ones_do_not_wait_for_it() {
    let theatre = Theatre::open(1, 1).await;
    let before = memory(&theatre.server);
    let begun = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: 65536\r\n\r\n{}",
        " ".repeat(65_000)
    );
    let mut open: Vec<_> = (0..600).map(|_| connect(&theatre.server, &begun)).collect();
    theatre.server.operator().await;
    if let (Some(before), Some(after)) = (before, memory(&theatre.server)) {
        assert!(after < before + MORE_MAX, "{before} MiB, then {after} MiB");
    }
    let mut refused = 0;
    for stream in &mut open {
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).is_ok() {
            let status = String::from_utf8_lossy(&answer[9..]).into_owned();
            assert!(["503", "408"].contains(&status.as_str()), "{status}");
            refused += usize::from(status == "503");
        }
    }
    assert!((50..=100).contains(&refused), "{refused} of 600 found no room");
}
