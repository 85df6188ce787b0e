use super::*;

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn at(seconds: i64) -> Timestamp {
    START + TimeDelta::seconds(seconds)
}

fn server(n: u128) -> ServerId {
    Uuid::from_u128(n).into()
}

fn beat(uptime: &mut Uptime, second: i64) -> Option<Outage> {
    uptime.beat(server(1), Word::WroteUntil(at(second)), at(second))
}

#[test]
fn a_short_silence_is_no_outage_and_a_long_one_is_until_it_was_given_back() {
    let mut uptime = Uptime::first(START);
    beat(&mut uptime, 0);
    assert_eq!(beat(&mut uptime, 5), None);
    assert_eq!(uptime.up_since, START);
    let outage = Outage { began_at: at(5), ended_at: at(65) };
    assert_eq!(uptime.outage(at(65)), Some(outage));
    assert_eq!(beat(&mut uptime, 65), Some(outage));
    assert_eq!((uptime.up_since, uptime.found), (at(65), Some(outage)));
    assert_eq!(beat(&mut uptime, 66), None, "it is told once");
    assert_eq!(uptime.outage(at(66)), Some(outage));
    uptime.gave_back(Some(Uuid::from_u128(7)), at(66));
    uptime.gave_back(None, at(66));
    assert_eq!(uptime.outage(at(66)), Some(outage), "holds get it back, too");
    uptime.gave_back(None, at(66));
    assert_eq!((uptime.outage(at(66)), uptime.heartbeat_at), (None, at(66)));
}

#[test]
fn a_silence_while_an_outage_is_given_back_is_an_outage_of_its_own() {
    let mut uptime = Uptime::first(START);
    beat(&mut uptime, 60);
    beat(&mut uptime, 61);
    beat(&mut uptime, 100);
    uptime.gave_back(None, at(100));
    uptime.gave_back(None, at(100));
    let second = Outage { began_at: at(61), ended_at: at(101) };
    assert_eq!(beat(&mut uptime, 101), Some(second));
}

#[test]
fn an_outage_that_takes_long_to_be_given_back_is_not_followed_by_another() {
    let mut uptime = Uptime::first(START);
    beat(&mut uptime, 60);
    for second in (64..=100).step_by(4) {
        uptime.gave_back(Some(Uuid::from_u128(7)), at(second));
    }
    uptime.gave_back(None, at(101));
    uptime.gave_back(None, at(102));
    assert_eq!((beat(&mut uptime, 103), uptime.heartbeat_at), (None, at(103)));
}

#[test]
fn an_end_is_put_off_by_each_outage_before_it_and_by_no_other() {
    let outage = |began, ended| Outage { began_at: at(began), ended_at: at(ended) };
    let outages = [outage(200, 300), outage(90, 110), outage(0, 20)];
    assert_eq!(end_past_outages(at(100), at(30), &outages), at(120));
    assert_eq!(end_past_outages(at(195), at(30), &outages), at(315));
    assert_eq!(
        end_past_outages(at(100), at(10), &outages),
        at(130),
        "since then 10 of 20 were lost"
    );
    assert_eq!(end_past_outages(at(91), at(30), &outages), at(91), "it counted");
}

#[test]
fn ends_count_for_two_seconds_after_a_beat_and_never_count_less_later() {
    assert_eq!(Uptime::cutoff(at(10), at(11)), at(11));
    assert_eq!(Uptime::cutoff(at(10), at(12)), at(12));
    assert_eq!(Uptime::cutoff(at(10), at(600)), at(12));
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

fn wrote(uptime: &mut Uptime, n: u128, second: i64) {
    uptime.beat(server(n), Word::WroteUntil(at(second)), at(second));
}

#[test]
fn a_server_that_is_silent_is_waited_for_and_then_given_up() {
    let mut uptime = Uptime::first(START);
    wrote(&mut uptime, 2, 0);
    for second in (0..=72).step_by(3) {
        beat(&mut uptime, second);
        assert_eq!(uptime.is_any_server_silent(MINUTE, at(second)), second > 5);
    }
    beat(&mut uptime, 75);
    assert_eq!(uptime.up_since, START);
    beat(&mut uptime, 76);
    assert!(!uptime.is_any_server_silent(MINUTE, at(76)));
    assert_eq!(uptime.up_since, at(76), "who was heard of there alone is silent from now on");
}

#[test]
fn a_server_that_is_held_up_after_its_first_beat_is_waited_for() {
    let mut uptime = Uptime::first(START);
    uptime.beat(server(2), Word::First, at(0));
    for second in 1..=12 {
        beat(&mut uptime, second);
    }
    assert!(uptime.is_any_server_silent(MINUTE, at(12)));
}

#[test]
fn after_a_server_was_silent_who_comes_to_it_alone_has_time_to_be_heard_of() {
    let mut uptime = Uptime::first(START);
    for second in 0..=5 {
        beat(&mut uptime, second);
    }
    wrote(&mut uptime, 2, 5);
    for second in 6..=17 {
        beat(&mut uptime, second);
    }
    wrote(&mut uptime, 2, 17);
    assert_eq!((uptime.up_since, uptime.heartbeat_at), (at(17), at(17)));
}

#[test]
fn what_a_late_server_costs_is_measured_by_the_patience_of_a_room() {
    let mut uptime = Uptime::first(START);
    for second in 0..=10 {
        beat(&mut uptime, second);
    }
    wrote(&mut uptime, 2, 10);
    beat(&mut uptime, 13);
    let (short, long) = (TimeDelta::seconds(19), TimeDelta::seconds(20));
    let since = |uptime: &Uptime| [short, long].map(|p| uptime.silent_since(START, p));
    assert_eq!(since(&uptime), [at(13), at(10)], "3 s may be lost where 5 s are a quarter");
    wrote(&mut uptime, 2, 16);
    assert_eq!(since(&uptime), [at(16), at(16)], "6 s are more than any room can do without");
    assert_eq!(uptime.silent_since(at(17), short), at(17));
}

#[test]
fn a_server_that_is_back_after_it_was_given_up_gives_the_same_time() {
    let mut uptime = Uptime::first(START);
    wrote(&mut uptime, 2, 0);
    for second in (0..=90).step_by(3) {
        beat(&mut uptime, second);
    }
    wrote(&mut uptime, 2, 90);
    assert_eq!((uptime.up_since, uptime.servers.len()), (at(90), 2));
}

#[test]
fn a_server_that_can_never_write_down_whom_it_heard_of_stops_dropping_for_so_long_only() {
    let mut uptime = Uptime::first(START);
    uptime.beat(server(2), Word::First, at(0));
    for second in 0..=200 {
        beat(&mut uptime, second);
        uptime.beat(server(2), Word::Nothing, at(second));
    }
    assert_eq!((uptime.up_since, uptime.servers.len()), (at(76), 1));
    assert!(!uptime.is_any_server_silent(MINUTE, at(200)));
}

#[test]
fn a_server_that_cannot_write_down_whom_it_heard_of_is_silent_though_it_beats() {
    let mut uptime = Uptime::first(START);
    beat(&mut uptime, 1);
    uptime.beat(server(1), Word::Nothing, at(4));
    assert!(uptime.is_any_server_silent(TimeDelta::seconds(8), at(4)));
    assert_eq!(uptime.heartbeat_at, at(4));
    uptime.leave(server(1), at(4));
    assert!(!uptime.is_any_server_silent(TimeDelta::seconds(8), at(9)));
}

#[test]
fn a_server_that_stops_and_could_not_write_down_whom_it_heard_of_leaves_them_the_time() {
    let mut uptime = Uptime::first(START);
    wrote(&mut uptime, 2, 0);
    for second in 0..=10 {
        beat(&mut uptime, second);
    }
    uptime.leave(server(2), at(10));
    assert_eq!(uptime.silent_since(START, MINUTE), at(10));
    wrote(&mut uptime, 3, 10);
    uptime.leave(server(3), at(10));
    uptime.leave(server(3), at(99));
    assert_eq!(uptime.silent_since(START, MINUTE), at(10), "it was not late");
}

#[test]
fn a_first_word_that_is_said_again_makes_nobody_less_silent() {
    let mut uptime = Uptime::first(START);
    for second in 0..=6 {
        uptime.beat(server(2), Word::First, at(second));
    }
    assert!(uptime.is_any_server_silent(MINUTE, at(6)));
}
