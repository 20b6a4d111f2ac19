//! Servers that do not wait for the whole request, under virtual time: what they answer is what counts.

mod support;

use std::io;
use std::time::Duration;

use http_body_util::{Empty, Full};
use hyper::body::{Body, Bytes};
use hyper::{Method, Request, StatusCode};
use support::{Pair, Setup, pattern, server_address};
use tcpkit::app::http::client::{FetchError, Head, Sink, fetch};
use tcpkit::link::impair::Impairments;
use tcpkit::net::{Clock, TcpListener, TcpStream};
use tcpkit::tcp::{CloseReason, Config, RecvBuffer};

/// Longer than any answer here takes.
const A_WHILE: Duration = Duration::from_secs(10);

/// What a fetch came to.
struct Fetched {
    status: Option<StatusCode>,
    body: Vec<u8>,
    result: Result<u64, FetchError>,
    /// What of the request the server had taken when all was over.
    taken: Vec<u8>,
    elapsed: Duration,
    ended: Option<CloseReason>,
}

#[derive(Default)]
struct Collected {
    status: Option<StatusCode>,
    body: Vec<u8>,
}

impl Sink for Collected {
    fn on_head(&mut self, head: &Head) -> io::Result<()> {
        self.status = Some(head.status);
        Ok(())
    }

    fn on_body(&mut self, part: &[u8]) -> io::Result<()> {
        self.body.extend_from_slice(part);
        Ok(())
    }
}

/// What a server does with a connection, in this order.
#[derive(Clone)]
enum Step {
    /// Reads until this many bytes have come, or the end.
    Take(usize),
    /// Reads for so long.
    TakeFor(Duration),
    Say(Vec<u8>),
    Wait(Duration),
    /// Closes, and takes what still comes.
    Close,
    /// Resets: what a kernel does when a program closes with unread input.
    Reset,
}

/// Reads what there is; false at the end.
async fn take(stream: &TcpStream, taken: &mut Vec<u8>) -> bool {
    let read = stream.read_with(|bytes| {
        taken.extend_from_slice(bytes);
        bytes.len()
    });
    read.await.is_ok_and(|len| len > 0)
}

async fn play(stream: &TcpStream, clock: &Clock, steps: &[Step], taken: &mut Vec<u8>) {
    for step in steps {
        match step {
            Step::Take(count) => while taken.len() < *count && take(stream, taken).await {},
            Step::TakeFor(time) => {
                let taking = async { while take(stream, taken).await {} };
                clock.timeout(Some(*time), taking).await;
            }
            Step::Say(answer) => stream.write_all(answer).await.unwrap(),
            Step::Wait(time) => clock.sleep(*time).await,
            Step::Close => stream.finish(A_WHILE).await,
            Step::Reset => stream.abort(),
        }
    }
}

/// A client that connects, lets `pause` pass, and then asks.
fn ask<B>(setup: Setup, pause: Duration, request: Request<B>, steps: &[Step]) -> Fetched
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Pair { mut runtime, client, server, tell, .. } = setup.build();
    let listener = TcpListener::bind(&server, server_address(), 1).unwrap();
    let (clock, steps) = (runtime.clock().clone(), steps.to_vec());
    let (report, reported) = std::sync::mpsc::channel();
    runtime.spawner().spawn(async move {
        let stream = listener.accept().await.unwrap();
        let mut taken = Vec::new();
        play(&stream, &clock, &steps, &mut taken).await;
        report.send(taken).unwrap();
    });
    let clock = runtime.clock().clone();
    let start = clock.now();
    let mut collected = Collected::default();
    let (result, elapsed, ended) = runtime
        .block_on(async {
            let stream = TcpStream::connect(&client, server_address()).await.unwrap();
            clock.sleep(pause).await;
            let result = clock.timeout(Some(A_WHILE * 100), fetch(&stream, request, &mut collected)).await;
            let elapsed = clock.now().since(start);
            stream.finish(A_WHILE).await;
            clock.sleep(A_WHILE).await;
            (result.expect("no answer has come and no error"), elapsed, stream.report().ended)
        })
        .unwrap();
    drop(tell);
    let taken = reported.try_recv().expect("the server has played its part");
    Fetched { status: collected.status, body: collected.body, result, taken, elapsed, ended }
}

fn get() -> Request<Empty<Bytes>> {
    Request::builder().uri("/").header("host", "server.example").body(Empty::new()).unwrap()
}

fn upload(body: Vec<u8>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(Method::POST).uri("/").header("host", "server.example");
    request.body(Full::new(Bytes::from(body))).unwrap()
}

fn answer(status: &str, body: &[u8]) -> Step {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    Step::Say([head.as_bytes(), body].concat())
}

fn wait() -> Step {
    Step::Wait(Duration::from_millis(500))
}

impl Fetched {
    #[track_caller]
    fn is(&self, status: StatusCode, body: &[u8]) {
        assert!(self.result.is_ok(), "{:?}", self.result);
        assert_eq!(self.status, Some(status));
        assert!(self.body == body, "{} bytes in place of {}", self.body.len(), body.len());
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_taken() {
    let body = pattern(40_000);
    for pause in [0, 15, 25, 1000] {
        let steps = [answer("200 OK", &body), Step::Close];
        let fetched = ask(Setup::default(), Duration::from_millis(pause), get(), &steps);
        fetched.is(StatusCode::OK, &body);
        assert_eq!(fetched.ended, Some(CloseReason::Done), "after {pause} ms");
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_taken_through_loss_and_reordering() {
    let body = pattern(40_000);
    for seed in 0..25 {
        let spec = |text: &str| vec![text.parse().unwrap()];
        let impairments = Impairments { drop: spec("5%"), reorder: spec("10%"), ..Impairments::default() };
        let setup = Setup { seed, impairments, ..Setup::default() };
        let steps = [answer("200 OK", &body), Step::Close];
        ask(setup, Duration::from_millis(seed * 10), get(), &steps).is(StatusCode::OK, &body);
    }
}

#[test]
fn an_answer_that_was_reset_before_the_request_left_is_taken() {
    let steps = [answer("503 Service Unavailable", b"later"), wait(), Step::Reset];
    ask(Setup::default(), A_WHILE, get(), &steps).is(StatusCode::SERVICE_UNAVAILABLE, b"later");
}

#[test]
fn of_an_answer_that_a_reset_cut_short_what_came_is_delivered() {
    let cut = Step::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome".to_vec());
    for pause in [Duration::ZERO, A_WHILE] {
        let fetched = ask(Setup::default(), pause, get(), &[cut.clone(), wait(), Step::Reset]);
        assert_eq!(fetched.body, b"some");
        let Err(FetchError::Short { had: 4, promised: Some(1000), error }) = fetched.result else {
            panic!("{:?}", fetched.result)
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_connection_that_ended_before_the_request_left_is_no_answer() {
    let closed = ask(Setup::default(), A_WHILE, get(), &[Step::Close]);
    assert!(matches!(closed.result, Err(FetchError::EmptyReply)), "{:?}", closed.result);
    let reset = ask(Setup::default(), A_WHILE, get(), &[Step::Reset]);
    let Err(FetchError::Connection(error)) = reset.result else { panic!("{:?}", reset.result) };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_head_is_asked_for_and_a_whole_answer_comes_at_once() {
    let body = pattern(40_000);
    for pause in [Duration::ZERO, A_WHILE] {
        let mut request = get();
        *request.method_mut() = Method::HEAD;
        let fetched = ask(Setup::default(), pause, request, &[answer("200 OK", &body), Step::Close]);
        fetched.is(StatusCode::OK, b"");
    }
}

#[test]
fn a_server_that_refuses_an_upload_is_not_sent_the_rest() {
    // RFC 9112 section 9.5.
    let upload = || upload(pattern(5_000_000));
    let refusal = answer("413 Content Too Large", b"at most a megabyte");
    // It closes and takes what was on its way; it resets; it neither reads nor closes for long.
    let endings: [&[Step]; 3] = [&[Step::Close], &[wait(), Step::Reset], &[Step::Wait(A_WHILE), Step::Reset]];
    for ending in endings {
        let steps = [&[Step::Take(1000), refusal.clone()], ending].concat();
        let fetched = ask(Setup::default(), Duration::ZERO, upload(), &steps);
        fetched.is(StatusCode::PAYLOAD_TOO_LARGE, b"at most a megabyte");
        assert!(fetched.elapsed < Duration::from_millis(200), "{:?}", fetched.elapsed);
        assert!(fetched.taken.len() < 1_000_000, "{}", fetched.taken.len());
    }
}

#[test]
fn a_refusal_while_the_head_of_the_request_is_sent_is_the_answer() {
    let refusal = answer("431 Request Header Fields Too Large", b"too much");
    for ending in [Step::Close, Step::Reset] {
        let mut request = get();
        request.headers_mut().insert("x-long", "x".repeat(3_000_000).parse().unwrap());
        let server = Config { recv_buffer: RecvBuffer::Fixed(4096), ..Config::default() };
        let steps = [Step::Take(1), refusal.clone(), wait(), ending];
        let fetched = ask(Setup { server, ..Setup::default() }, Duration::ZERO, request, &steps);
        fetched.is(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, b"too much");
    }
}

#[test]
fn a_refusal_that_takes_its_time_ends_the_upload_at_once() {
    let says = |text: &str| Step::Say(text.as_bytes().to_vec());
    let begins = says("HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nwho");
    let client = Config { send_buffer: 10_000, ..Config::default() };
    let steps = [Step::Take(1000), begins, Step::TakeFor(A_WHILE), says(" goes"), Step::Close];
    let setup = Setup { client, ..Setup::default() };
    let fetched = ask(setup, Duration::ZERO, upload(pattern(2_000_000)), &steps);
    fetched.is(StatusCode::FORBIDDEN, b"who goes");
    assert!(fetched.taken.len() < 500_000, "{}", fetched.taken.len());
}

#[test]
fn a_server_that_answers_early_and_takes_the_upload_gets_all_of_it() {
    let body = pattern(1_000_000);
    let client = Config { send_buffer: 10_000, ..Config::default() };
    let steps = [Step::Take(1000), answer("200 OK", b"go on"), Step::Take(usize::MAX)];
    let fetched = ask(Setup { client, ..Setup::default() }, Duration::ZERO, upload(body.clone()), &steps);
    fetched.is(StatusCode::OK, b"go on");
    assert!(fetched.taken.ends_with(&body), "{} bytes", fetched.taken.len());
}

#[test]
fn a_server_that_takes_an_upload_and_breaks_off_has_answered() {
    // With and without more than the answer behind it.
    for more in [&b""[..], b"and more"] {
        let more = Step::Say(more.to_vec());
        let steps = [Step::Take(1000), answer("200 OK", b"enough"), more, wait(), Step::Reset];
        ask(Setup::default(), Duration::ZERO, upload(pattern(5_000_000)), &steps).is(StatusCode::OK, b"enough");
    }
}
