//! A peer that answers every request with the same canned frame: the limit a client runs against.
//!
//! It runs in a child process, so that its CPU time is not the client's, with one blocking thread
//! per connection and one write per read. Requests must carry the binary header, whose `opaque`
//! and `flag` lie at fixed places; one-way requests get no answer.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

/// Where the binary header keeps the number that pairs an answer with its request.
pub const OPAQUE: usize = 13;
/// Where the binary header keeps the flags.
pub const FLAG: usize = 17;
const ONEWAY: u8 = 2;
const ROLE: &str = "--responder";

/// A responder in a process of its own; dropping it ends that process.
#[derive(Debug)]
pub struct Responder {
    child: Child,
    address: SocketAddr,
}

impl Responder {
    /// Starts the running program a second time in the role of the responder, whose answers are
    /// `answer_len` bytes long. The program's first act must be [`serve_if_asked`].
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub fn start(answer_len: usize) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([ROLE, &answer_len.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child process: serves until killed. In the parent: returns at once.
///
/// # Errors
///
/// When the child cannot listen.
pub fn serve_if_asked() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(ROLE) {
        return Ok(());
    }
    let answer_len = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(300);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || serve(stream, &canned_answer(answer_len)));
    }
}

/// A response without ext fields: SUCCESS in Java (language 0), flagged as a response; what is
/// missing to `len` is body.
fn canned_answer(len: usize) -> Vec<u8> {
    const HEADER: u8 = 21;
    let mut frame = vec![b'x'; len.max(8 + usize::from(HEADER))];
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame[4..8].copy_from_slice(&[1, 0, 0, HEADER]);
    frame[8..8 + usize::from(HEADER)].fill(0);
    frame[FLAG + 3] = 1;
    frame
}

fn serve(mut stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = vec![0; 1 << 20];
    let mut output = Vec::new();
    let mut filled = 0;
    loop {
        match stream.read(&mut input[filled..])? {
            0 => return Ok(()),
            n => filled += n,
        }
        let mut start = 0;
        while let Some(frame) = next_frame(&input[start..filled]) {
            if frame[FLAG + 3] & ONEWAY == 0 {
                let at = output.len();
                output.extend_from_slice(answer);
                output[at + OPAQUE..at + FLAG].copy_from_slice(&frame[OPAQUE..FLAG]);
            }
            start += frame.len();
        }
        input.copy_within(start..filled, 0);
        filled -= start;
        stream.write_all(&output)?;
        output.clear();
    }
}

fn next_frame(bytes: &[u8]) -> Option<&[u8]> {
    let word = bytes.first_chunk()?;
    bytes.get(..4 + u32::from_be_bytes(*word) as usize)
}
