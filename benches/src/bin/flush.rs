//! Who should write? Three ways to share one socket among many callers, measured side by side.
//!
//! `flush [callers …]` runs every way in turn, several rounds, and prints client CPU per request,
//! requests per second and writes per request as medians. The frames are raw, the pairing of
//! answers (a slab and a oneshot) is the same everywhere: only the hand-over differs.
//!
//! * `queue`: callers push requests into an mpsc; the task that owns the socket encodes and writes.
//! * `shared`: callers encode into one buffer; who makes it non-empty wakes the owner, who writes.
//! * `caller`: as `shared`, but a caller who finds the writer idle writes itself, and goes on as
//!   long as others have left something; the owner only takes over when the socket is full.
//! * `thread`: as `shared`, the owner being a current-thread runtime on a thread of its own.
//!
//! `+yield` lets whoever is about to write go to the back of the run queue once, so that the
//! callers who are ready too can add their frames to the same write. That, not who writes, is what
//! decides: tokio runs the task that was woken last next, so without it a write carries one frame.

use std::{
    error::Error,
    io, mem,
    net::{self, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use rocketmq_benches::{
    cpu::process_time,
    report::figure,
    responder::{self, OPAQUE},
    server::serve_if_asked,
};
use tokio::{
    net::TcpStream,
    runtime,
    sync::{Notify, mpsc, oneshot},
    task::{JoinSet, yield_now},
};

const REQUEST: usize = 1330;
const ANSWER: usize = 300;
const ROUNDS: usize = 7;
const PER_ROUND: Duration = Duration::from_millis(700);

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Queue,
    Shared,
    Caller,
    Thread,
}

const WAYS: [(Way, bool, &str); 7] = [
    (Way::Queue, false, "queue"),
    (Way::Queue, true, "queue+yield"),
    (Way::Shared, false, "shared"),
    (Way::Shared, true, "shared+yield"),
    (Way::Caller, false, "caller"),
    (Way::Caller, true, "caller+yield"),
    (Way::Thread, false, "thread"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve_if_asked()?;
    let responder = responder::start(ANSWER)?;
    let mut callers: Vec<usize> =
        std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    if callers.is_empty() {
        callers = vec![1, 64, 256];
    }
    for callers in callers {
        let mut samples: [Vec<Sample>; WAYS.len()] = Default::default();
        for _ in 0..ROUNDS {
            for (samples, (way, polite, _)) in samples.iter_mut().zip(WAYS) {
                samples.push(round(way, polite, callers, responder.address()).await?);
            }
        }
        for (samples, (_, _, name)) in samples.iter_mut().zip(WAYS) {
            samples.sort_by(|a, b| a.cpu_micros.total_cmp(&b.cpu_micros));
            let (low, median, high) = (samples[0], samples[ROUNDS / 2], samples[ROUNDS - 1]);
            let row = format!("{callers} callers, {name}");
            figure(&row, "µs of CPU a request", format_args!("{:.2}", median.cpu_micros));
            figure(&row, "µs at least", format_args!("{:.2}", low.cpu_micros));
            figure(&row, "µs at most", format_args!("{:.2}", high.cpu_micros));
            figure(&row, "requests a second", median.rate.round());
            figure(&row, "writes a request", format_args!("{:.3}", median.writes));
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Sample {
    cpu_micros: f64,
    rate: f64,
    writes: f64,
}

async fn round(way: Way, polite: bool, callers: usize, peer: SocketAddr) -> io::Result<Sample> {
    let mut owner = JoinSet::new();
    let link = Link::open(way, polite, peer, &mut owner)?;
    run_callers(&link, callers, PER_ROUND / 5).await; // warm up
    let (cpu, wall, writes) = (process_time()?, Instant::now(), link.writes.load(Relaxed));
    let requests = run_callers(&link, callers, PER_ROUND).await as f64;
    let sample = Sample {
        cpu_micros: (process_time()? - cpu).as_secs_f64() * 1e6 / requests,
        rate: requests / wall.elapsed().as_secs_f64(),
        writes: (link.writes.load(Relaxed) - writes) as f64 / requests,
    };
    link.lock().closed = true;
    link.wake_owner.notify_one();
    owner.join_all().await;
    Ok(sample)
}

async fn run_callers(link: &Arc<Link>, callers: usize, time: Duration) -> u64 {
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let link = Arc::clone(link);
        tasks.spawn(async move {
            let mut done = 0;
            while Instant::now() < end {
                link.call().await;
                done += 1;
            }
            done
        });
    }
    tasks.join_all().await.into_iter().sum()
}

type Answer = oneshot::Sender<()>;

struct Link {
    way: Way,
    polite: bool,
    socket: OnceLock<TcpStream>,
    state: Mutex<State>,
    queue: mpsc::UnboundedSender<Answer>,
    wake_owner: Notify,
    writes: AtomicU64,
}

/// What callers and owner share. In the `queue` way only the owner touches it.
#[derive(Default)]
struct State {
    out: BytesMut,
    /// Somebody has promised to write what is in `out`.
    claimed: bool,
    closed: bool,
    waiting: Vec<Option<Answer>>,
    free: Vec<u32>,
}

impl State {
    fn push_request(&mut self, answer: Answer) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.waiting.push(None);
            (self.waiting.len() - 1) as u32
        });
        self.waiting[slot as usize] = Some(answer);
        let start = self.out.len();
        self.out.extend_from_slice(&[0; REQUEST]);
        let frame = &mut self.out[start..];
        frame[..4].copy_from_slice(&(REQUEST as u32 - 4).to_be_bytes());
        frame[OPAQUE..OPAQUE + 4].copy_from_slice(&slot.to_be_bytes());
    }

    fn take_answers(&mut self, input: &mut BytesMut, answers: &mut Vec<Answer>) {
        while input.len() >= ANSWER {
            let mut slot = [0; 4];
            slot.copy_from_slice(&input[OPAQUE..OPAQUE + 4]);
            let slot = u32::from_be_bytes(slot);
            input.advance(ANSWER);
            answers.extend(self.waiting[slot as usize].take());
            self.free.push(slot);
        }
    }
}

impl Link {
    fn open(
        way: Way,
        polite: bool,
        peer: SocketAddr,
        tasks: &mut JoinSet<io::Result<()>>,
    ) -> io::Result<Arc<Self>> {
        let stream = net::TcpStream::connect(peer)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let (queue, requests) = mpsc::unbounded_channel();
        let link = Arc::new(Self {
            way,
            polite,
            socket: OnceLock::new(),
            state: Mutex::default(),
            queue,
            wake_owner: Notify::new(),
            writes: AtomicU64::new(0),
        });
        let owner = Arc::clone(&link).own(stream, requests);
        if way == Way::Thread {
            let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
            thread::spawn(move || runtime.block_on(owner));
        } else {
            tasks.spawn(owner);
        }
        Ok(link)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self) {
        let (answer, answered) = oneshot::channel();
        match self.way {
            Way::Queue => _ = self.queue.send(answer),
            Way::Shared | Way::Thread | Way::Caller => {
                let claimed = {
                    let mut state = self.lock();
                    state.push_request(answer);
                    mem::replace(&mut state.claimed, true)
                };
                match self.socket.get().filter(|_| self.way == Way::Caller) {
                    _ if claimed => {}
                    None => self.wake_owner.notify_one(),
                    Some(socket) => self.flush_as_caller(socket).await,
                }
            }
        }
        let _ = answered.await;
    }

    async fn flush_as_caller(&self, socket: &TcpStream) {
        if self.polite {
            yield_now().await;
        }
        while let Some(mut frames) = self.take_frames() {
            while !frames.is_empty() {
                match socket.try_write(&frames) {
                    Ok(n) => frames.advance(n),
                    Err(_) => {
                        let mut state = self.lock();
                        frames.unsplit(mem::take(&mut state.out));
                        state.out = frames;
                        return self.wake_owner.notify_one();
                    }
                }
                self.writes.fetch_add(1, Relaxed);
            }
        }
    }

    /// Everything queued; with nothing left, the promise to write is kept and given back.
    fn take_frames(&self) -> Option<BytesMut> {
        let mut state = self.lock();
        state.claimed = !state.out.is_empty();
        state.claimed.then(|| state.out.split())
    }

    async fn own(
        self: Arc<Self>,
        stream: net::TcpStream,
        mut requests: mpsc::UnboundedReceiver<Answer>,
    ) -> io::Result<()> {
        let stream = TcpStream::from_std(stream)?;
        let socket = self.socket.get_or_init(|| stream);
        let mut input = BytesMut::with_capacity(256 << 10);
        let (mut answers, mut batch) = (Vec::new(), Vec::new());
        while !self.lock().closed {
            tokio::select! {
                ready = socket.readable() => {
                    ready?;
                    match socket.try_read_buf(&mut input) {
                        Ok(0) => return Ok(()),
                        Ok(_) => self.lock().take_answers(&mut input, &mut answers),
                        Err(_) => {}
                    }
                    for answer in answers.drain(..) {
                        let _ = answer.send(());
                    }
                    input.reserve(64 << 10);
                }
                () = self.wake_owner.notified() => {
                    if self.polite {
                        yield_now().await;
                    }
                    self.flush_as_owner(socket).await?;
                }
                _ = requests.recv_many(&mut batch, 1024) => {
                    if self.polite {
                        yield_now().await;
                        while let Ok(request) = requests.try_recv() {
                            batch.push(request);
                        }
                    }
                    {
                        let mut state = self.lock();
                        batch.drain(..).for_each(|answer| state.push_request(answer));
                    }
                    self.flush_as_owner(socket).await?;
                }
            }
        }
        Ok(())
    }

    async fn flush_as_owner(&self, socket: &TcpStream) -> io::Result<()> {
        while let Some(mut frames) = self.take_frames() {
            while !frames.is_empty() {
                match socket.try_write(&frames) {
                    Ok(n) => frames.advance(n),
                    Err(_) => socket.writable().await?,
                }
                self.writes.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }
}
