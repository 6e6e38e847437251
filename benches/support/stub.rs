//! A chat server in a process of its own that answers everything at once with the same words.
//!
//! A process of its own, so that its CPU time is not counted as that of who asks: the bench starts itself again with
//! the argument [`SERVE`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// First argument of a bench that shall be the server.
pub const SERVE: &str = "serve-the-stub";

const BODY: &str = concat!(
    r#"{"id":"stub","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","#,
    r#""content":"<answer>A</answer>"},"finish_reason":"stop"}],"#,
    r#""usage":{"prompt_tokens":100,"completion_tokens":5}}"#
);

/// Every reply, byte for byte.
pub fn reply() -> String {
    let length = BODY.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{BODY}")
}

/// A running server; stopped when dropped.
pub struct Stub {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Stub {
    /// Starts this very program as the server.
    pub fn start() -> std::io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = process.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(std::io::Error::other)?;
        Ok(Self { process, address })
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves until the process that started it closes its end of stdin.
pub fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, reply) = (BufReader::new(stream.try_clone()?), reply());
    while receive(&mut reader)?.is_some() {
        stream.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// Head and body of one request; `None` when the connection was closed.
pub fn receive(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut length = 0;
    loop {
        let start = bytes.len();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let line = &bytes[start..];
        if line == b"\r\n" {
            break;
        }
        let text = String::from_utf8_lossy(line).to_ascii_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    let head = bytes.len();
    bytes.resize(head + length, 0);
    reader.read_exact(&mut bytes[head..])?;
    Ok(Some(bytes))
}
