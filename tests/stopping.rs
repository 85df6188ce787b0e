//! Stopping: nobody is lost who was there in time, and whoever sends requests is told in time.

use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Installation, Server};

/// What a client got who sent one request.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Answer(String),
    /// It was not connected.
    Refused,
    /// It was connected, and then cut.
    Cut,
}

async fn connect(server: &str) -> Option<TcpStream> {
    TcpStream::connect(server.strip_prefix("http://").unwrap()).await.ok()
}

async fn send(connection: &mut TcpStream, path: &str) -> std::io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: stagedoor\r\n\r\n");
    connection.write_all(request.as_bytes()).await
}

/// Sends a request on a connection of its own.
async fn ask(server: &str, path: &str) -> Got {
    let Some(mut connection) = connect(server).await else { return Got::Refused };
    if send(&mut connection, path).await.is_err() {
        return Got::Cut;
    }
    read_answer(&mut connection).await.map_or(Got::Cut, Got::Answer)
}

/// Reads one answer, which has a body of a known length, and leaves the connection as it is.
async fn read_answer(connection: &mut TcpStream) -> Option<String> {
    let mut answer = String::new();
    loop {
        let mut bytes = [0; 1_024];
        let length = connection.read(&mut bytes).await.ok().filter(|length| *length > 0)?;
        answer.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return Some(answer);
        }
    }
}

/// Waits until a server that was asked to stop says so.
async fn until_not_ready(server: &str) {
    let asked = Instant::now();
    while !matches!(ask(server, "/readyz").await, Got::Answer(a) if a.starts_with("HTTP/1.1 503")) {
        assert!(asked.elapsed() < Duration::from_secs(1));
    }
}

fn start_with_the_usual_drain(installation: &Installation) -> Server {
    let mut command = installation.command(&["serve"]);
    command.env_remove("STAGEDOOR_DRAIN_SECONDS");
    installation.start_as(command)
}

#[tokio::test]
async fn a_server_says_for_a_while_that_it_will_stop_and_answers_on() {
    let installation = Installation::new();
    let server = start_with_the_usual_drain(&installation);
    let address = server.address().to_owned();
    let mut kept = connect(&address).await.unwrap();
    send(&mut kept, "/readyz").await.unwrap();
    let answer = read_answer(&mut kept).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"));

    let asked = Instant::now();
    server.terminate();
    until_not_ready(&address).await;
    send(&mut kept, "/livez").await.unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    while asked.elapsed() < Duration::from_millis(2_900) {
        let Got::Answer(answer) = ask(&address, "/api/concerts").await else {
            panic!("not answered after {:?}", asked.elapsed())
        };
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"));
    }
    assert!(server.ended_well());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(ask(&address, "/livez").await, Got::Refused);
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let installation = Installation::new().with("DRAIN_SECONDS", 60);
    let server = installation.start();
    let mut silent = connect(server.address()).await.unwrap();
    let asked = Instant::now();
    server.terminate();
    until_not_ready(server.address()).await;
    server.terminate();
    assert!(server.ended_well());
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    let _ = silent.read(&mut [0]).await;
    installation.assert_sound();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_connected_when_a_server_stops_is_answered() {
    const CLIENTS: usize = 200;
    let installation = Installation::new();
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..10 {
        let server = installation.start();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let address = server.address().to_owned();
            let wait = Duration::from_millis(rand::rng().random_range(0..600));
            clients.spawn(async move {
                tokio::time::sleep(wait).await;
                ask(&address, "/livez").await
            });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        server.terminate();
        for got in clients.join_all().await {
            match got {
                Got::Answer(answer) => {
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    answered += 1;
                }
                Got::Refused => refused += 1,
                Got::Cut => panic!("cut, after {answered} were answered and {refused} refused"),
            }
        }
        assert!(server.ended_well());
    }
    assert!(answered > CLIENTS && refused > CLIENTS, "{answered} answered, {refused} refused");
}
