//! A plain HTTP/1.0 request made from inside a node's network namespace.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sched::{CloneFlags, setns};

use crate::Node;

impl Node {
    /// Runs `work` on a thread of its own that has joined the node's network namespace; the thread
    /// ends with the call, so no other code ever runs in the wrong namespace.
    ///
    /// # Panics
    /// When the namespace cannot be entered, and when `work` panics.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.init())).expect("open the node's network");
        std::thread::scope(|scope| {
            let joined = scope.spawn(|| {
                setns(&namespace, CloneFlags::CLONE_NEWNET).expect("enter the node's network");
                work()
            });
            joined
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The body of `GET path` from `address`, which must answer with status 200 within five seconds.
    ///
    /// # Errors
    /// Connection failures, time-outs, and any other status as `InvalidData`.
    pub fn http_get(&self, address: SocketAddr, path: &str) -> io::Result<String> {
        self.in_network(|| get(address, path))
    }
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split_whitespace().nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("not a 200: {answer:?}"),
        )),
    }
}
