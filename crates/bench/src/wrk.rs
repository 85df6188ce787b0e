//! As many requests as a server can take, sent by wrk, which itself costs the machine next to
//! nothing.

use std::fmt::Write;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::caller::Shot;

/// Each thread goes through the requests: all of them over and over, or its own share of them once.
const SCRIPT: &str = r#"
local requests, last, once = {}, 0, false
local threads = 0
function setup(thread)
    thread:set("share", threads)
    threads = threads + 1
end
function init(args)
    local shares, at = tonumber(args[2]), 0
    once = args[3] == "once"
    for line in io.lines(args[1]) do
        local method, path, authorization, body, more = line:match("^(%S+)\t(%S+)\t([^\t]*)\t([^\t]*)\t(.*)$")
        if not once or at % shares == share then
            local headers = { Authorization = authorization }
            for name, value in more:gmatch("([^\t=]+)=([^\t]*)") do headers[name] = value end
            if body == "" then body = nil end
            requests[#requests + 1] = wrk.format(method, path, headers, body)
        end
        at = at + 1
    end
end
function request()
    last = last + 1
    if last > #requests then
        if once then
            print("no request is left")
            wrk.thread:stop()
        end
        last = 1
    end
    return requests[last]
end
"#;

/// Sends these requests over and over for so long, from `clients` connections; returns how many
/// were answered a second, all of them well.
pub(crate) fn repeat(
    address: &str,
    clients: usize,
    shots: &[Shot],
    lasting: Duration,
) -> Result<f64> {
    run(address, clients, shots, lasting, How::Repeat)
}

/// The same, but each request is sent once at the most.
///
/// # Errors
/// That there were not enough of them for so long.
pub(crate) fn send_once(
    address: &str,
    clients: usize,
    shots: &[Shot],
    lasting: Duration,
) -> Result<f64> {
    run(address, clients, shots, lasting, How::Once)
}

#[derive(Clone, Copy)]
enum How {
    Repeat,
    Once,
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Once => "once",
        }
    }

    /// From how many threads. wrk starts them one by one, each when it has read its requests, and
    /// looks at the clock when all are started: while a second one read a long list, the first would
    /// send already, and what it sent be counted in a time that had not begun.
    fn threads(self, clients: usize) -> Result<usize> {
        match self {
            Self::Repeat => Ok(std::thread::available_parallelism()?.get().min(clients)),
            Self::Once => Ok(1),
        }
    }
}

fn run(address: &str, clients: usize, shots: &[Shot], lasting: Duration, how: How) -> Result<f64> {
    let threads = how.threads(clients)?.to_string();
    let folder = tempfile::tempdir()?;
    let (script, list) = (folder.path().join("go.lua"), folder.path().join("requests"));
    std::fs::write(&script, SCRIPT)?;
    std::fs::write(&list, lines(shots)?)?;
    let output = Command::new("wrk")
        .args(["-t", &threads, "-c", &clients.to_string()])
        .args(["-d", &format!("{}s", lasting.as_secs()), "-s"])
        .arg(&script)
        .arg(format!("http://{address}"))
        .arg("--")
        .arg(&list)
        .args([threads.as_str(), how.name()])
        .output()
        .context("wrk cannot be started: is it installed?")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        !said.contains("no request is left"),
        "{} requests are too few for {lasting:?}: this machine is faster than they were made for",
        shots.len()
    );
    let is_well = !said.contains("Non-2xx") && !said.contains("Socket errors");
    ensure!(
        output.status.success() && is_well,
        "wrk: {said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
    Ok(rate.context("wrk tells no rate")?.trim().parse()?)
}

/// A line a request: method, path, credentials, body, and other headers.
fn lines(shots: &[Shot]) -> Result<String> {
    let mut lines = String::new();
    for shot in shots {
        let authorization = shot.authorization.to_str()?;
        let body = std::str::from_utf8(&shot.body)?;
        let more: Vec<_> =
            shot.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let more = more.join("\t");
        writeln!(lines, "{}\t{}\t{authorization}\t{body}\t{more}", shot.method, shot.path)?;
    }
    Ok(lines)
}
