//! A peer in a process of its own, so that its CPU time and its memory are not the client's.

use std::{
    env,
    io::{self, BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use crate::{cluster, responder};

const ROLE: &str = "--serve";

/// Another process; dropping this ends it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the running program a second time in a role. The program's first act must be [`serve_if_asked`].
    pub(crate) fn start(role: &str, arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args([ROLE, role])
            .args(arguments)
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

impl Drop for Server {
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
    let arguments: Vec<String> = env::args().skip(1).collect();
    let Some([ROLE, role]) =
        arguments.first_chunk().map(|words| words.each_ref().map(|word| &**word))
    else {
        return Ok(());
    };
    let rest = arguments.get(2..).unwrap_or_default();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    match role {
        "responder" => accept(&listener, responder::server(rest)),
        _ => accept(&listener, cluster::server(rest, listener.local_addr()?)),
    }
}

/// A thread for each connection.
fn accept(
    listener: &TcpListener,
    serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let serve = serve.clone();
        thread::spawn(move || serve(stream));
    }
}
