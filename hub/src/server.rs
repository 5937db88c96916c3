//! The hub on a socket: just enough of HTTP/1.1 for one request a connection, and for cutting it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Answer, Exchange, Hub};

const LONGEST_LINE: u64 = 8192;
const MOST_HEADERS: usize = 100;
const LONGEST_BODY: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers connections, each on a thread of its own, until the listener fails. `now` tells the time; latency is really waited for.
///
/// # Errors
/// The listener's.
pub fn serve(listener: &TcpListener, hub: &Arc<Mutex<Hub>>, now: impl Fn() -> u64 + Clone + Send + 'static) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let (hub, now) = (Arc::clone(hub), now.clone());
        std::thread::spawn(move || {
            // A client that goes away is its own affair.
            let _ = talk(stream, &hub, now());
        });
    }
}

fn talk(stream: TcpStream, hub: &Mutex<Hub>, now: u64) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (answer, latency) = match read(&mut reader)? {
        Ok(body) => {
            let (exchange, latency) = hub.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).exchange(&body, now);
            match exchange {
                Exchange::Answer(answer) => (answer, latency),
                // An outage on a socket that is open anyway: gone without a word.
                Exchange::Refused | Exchange::Cut => return Ok(()),
            }
        }
        Err(answer) => (answer, 0),
    };
    std::thread::sleep(Duration::from_nanos(latency));
    respond(stream, &answer)
}

fn respond(mut stream: TcpStream, answer: &Answer) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        answer.status,
        answer.body.len(),
        answer.body
    )?;
    stream.flush()
}

/// The body of a POST, or what to say to something else.
fn read(reader: &mut impl BufRead) -> std::io::Result<Result<Vec<u8>, Answer>> {
    let refuse = |status, body: &str| Ok(Err(Answer { status, body: body.into() }));
    let mut line = String::new();
    reader.take(LONGEST_LINE).read_line(&mut line)?;
    if !line.starts_with("POST ") {
        return refuse(405, "POST is wanted");
    }
    let mut length = None;
    for _ in 0..MOST_HEADERS {
        line.clear();
        reader.take(LONGEST_LINE).read_line(&mut line)?;
        let header = line.trim_end();
        if header.is_empty() {
            let Some(length) = length else { return refuse(411, "a Content-Length is wanted") };
            if length > LONGEST_BODY {
                return refuse(413, "the body is too long");
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            return Ok(Ok(body));
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
    refuse(431, "too many headers")
}
