//! A peer that answers every request with the same canned frame: the limit a client runs against.
//!
//! One blocking thread a connection, and one write a read. Requests must carry the binary header, whose `opaque`
//! and `flag` lie at fixed places; one-way requests get no answer.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use crate::server::Server;

/// Where the binary header keeps the number that pairs an answer with its request.
pub const OPAQUE: usize = 13;
/// Where the binary header keeps the flags.
pub const FLAG: usize = 17;
const ONEWAY: u8 = 2;

/// Starts one whose answers are `answer_len` bytes long.
///
/// # Errors
///
/// When the process cannot be started.
pub fn start(answer_len: usize) -> io::Result<Server> {
    Server::start("responder", &[answer_len.to_string()])
}

pub(crate) fn server(arguments: &[String]) -> impl Fn(TcpStream) -> io::Result<()> + Clone + use<> {
    let answer_len = arguments.first().and_then(|text| text.parse().ok()).unwrap_or(300);
    move |stream| serve(stream, &canned_answer(answer_len))
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
