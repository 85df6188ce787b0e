use domain::money::Amount;
use domain::ports::MockClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;

const SECRET: &str = "the secret that both sides of the tests share";

fn bill() -> Bill {
    Bill {
        charge_id: Uuid::from_u128(1).into(),
        user_id: Uuid::from_u128(2).into(),
        reservation_id: Some(Uuid::from_u128(3).into()),
        amount: Amount::new(50_000).unwrap(),
        currency: "KRW".parse().unwrap(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000, 0).unwrap()
}

fn gateway_at(url: &str, answer_within: Duration) -> Result<HttpGateway, WrongOption> {
    let mut clock = MockClock::new();
    clock.expect_now().returning(now);
    let secret = SECRET.to_owned();
    let options = GatewayOptions { url: url.to_owned(), secret, answer_within, connections_max: 1 };
    HttpGateway::new(&options, Arc::new(clock))
}

/// A provider that gives every connection this answer and closes it; says what it was asked.
async fn provider(answer: String) -> (HttpGateway, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/pay", listener.local_addr().unwrap());
    let (asked, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut chunk = [0; 4096];
                let length = connection.read(&mut chunk).await.unwrap();
                if length == 0 {
                    break;
                }
                request.extend_from_slice(&chunk[..length]);
            }
            let _ = asked.send(String::from_utf8(request).unwrap());
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    (gateway_at(&url, Duration::from_secs(5)).unwrap(), heard)
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

fn state(state: &str, more: &str) -> String {
    let id = Uuid::from_u128(1);
    ok(&format!(r#"{{"payment_id":"{id}","state":"{state}"{more}}}"#))
}

#[tokio::test]
async fn what_is_asked_is_signed_and_says_what_it_is_about() {
    let (gateway, mut heard) = provider(state("charged", r#","and":"more""#)).await;
    assert_eq!(gateway.authorise(&bill()).await.unwrap(), Verdict::Charged);
    let request = heard.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /pay HTTP/1.1\r\n"), "{head}");
    let sent: serde_json::Value = serde_json::from_str(body).unwrap();
    let wanted = serde_json::json!({
        "action": "authorise", "payment_id": Uuid::from_u128(1), "user_id": Uuid::from_u128(2),
        "reservation_id": Uuid::from_u128(3), "amount": 50_000, "currency": "KRW"
    });
    assert_eq!(sent, wanted);
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let is_signature = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case("stagedoor-signature");
    let (_, signature) = headers.find(is_signature).unwrap();
    assert!(gateway.prove(signature, body.as_bytes(), now()).is_some(), "{signature}");

    gateway.ask(bill().charge_id).await.unwrap();
    let request = heard.recv().await.unwrap();
    assert!(
        request.ends_with(&format!(
            "{{\"action\":\"ask\",\"payment_id\":\"{}\"}}",
            Uuid::from_u128(1)
        ))
    );
    gateway.give_back(&bill()).await.unwrap();
    assert!(heard.recv().await.unwrap().contains("\"action\":\"give_back\""));
}

#[tokio::test]
async fn every_state_is_understood() {
    for (word, verdict) in [
        ("unknown", Verdict::Unknown),
        ("pending", Verdict::Pending),
        ("charged", Verdict::Charged),
        ("returned", Verdict::Returned),
    ] {
        let (gateway, _heard) = provider(state(word, "")).await;
        assert_eq!(gateway.ask(bill().charge_id).await.unwrap(), verdict);
    }
    let (gateway, _heard) = provider(state("declined", r#","reason":"한도 초과""#)).await;
    let declined = Verdict::Declined { reason: "한도 초과".into() };
    assert_eq!(gateway.ask(bill().charge_id).await.unwrap(), declined);
}

#[tokio::test]
async fn whatever_is_no_answer_leaves_it_open() {
    let other = format!(r#"{{"payment_id":"{}","state":"charged"}}"#, Uuid::from_u128(9));
    let long = format!(r#"{{"payment_id":"{}"}}"#, "x".repeat(20_000));
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    for answer in [
        ok(&other),
        ok("{}"),
        ok("<html>"),
        ok(""),
        ok(&long),
        state("perhaps", ""),
        moved.to_owned(),
        state("charged", "").replace("200 OK", "500 Oh"),
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
        String::new(),
    ] {
        let (gateway, _heard) = provider(answer.clone()).await;
        let open = gateway.authorise(&bill()).await;
        assert!(open.is_err(), "{answer}: {open:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_tried_once_more_at_once() {
    let (gateway, mut heard) = provider(String::new()).await;
    assert!(gateway.authorise(&bill()).await.is_err());
    let body = |request: String| request.split_once("\r\n\r\n").unwrap().1.to_owned();
    let (first, again) = (heard.recv().await.unwrap(), heard.recv().await.unwrap());
    assert_eq!(body(first), body(again));
    assert!(heard.try_recv().is_err(), "and not more often");
}

#[tokio::test]
async fn a_provider_that_hangs_is_waited_for_no_longer_than_it_may_take() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let gateway = Arc::new(gateway_at(&url, Duration::from_millis(100)).unwrap());
    // The second waits for the only connection, which the first has.
    let ask = |gateway: Arc<HttpGateway>| async move { gateway.ask(bill().charge_id).await };
    let (first, second) = tokio::join!(ask(Arc::clone(&gateway)), ask(gateway));
    assert!(first.is_err() && second.is_err());
}

#[test]
fn a_url_that_cannot_be_or_holds_a_password_is_refused_and_not_repeated() {
    for url in ["", "provider", "ftp://provider/", "https://me:hush@provider/", "file:///hush"] {
        let refused = gateway_at(url, Duration::from_secs(1)).err().unwrap().to_string();
        assert!(!refused.contains("hush"), "{refused}");
    }
}
