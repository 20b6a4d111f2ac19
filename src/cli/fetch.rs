//! `tcpkit fetch`.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Empty;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request};

use super::args::{FetchApp, FetchArgs, Global};
use super::exit::{Exit, Failure};
use super::save::Output;
use super::saver::{Saver, Stop};
use super::session::{Options, PATIENCE, Session};
use super::summary::{Out, Summary};
use super::target::{HostTarget, Target};
use crate::app::http::client::{self, FetchError, Sink};
use crate::app::http::server::Site;
use crate::app::input::Input;
use crate::app::plain::{self, ExchangeError};
use crate::app::server::{Notice, Service, serve};
use crate::net::{Report, TcpListener, TcpStream, connect};
use crate::wire::SeqNum;

/// How long a server gets to close first, as we ask it to.
const FAREWELL: Duration = Duration::from_millis(250);
/// Redirects followed at most.
const MOST_REDIRECTS: u32 = 10;

/// Runs `tcpkit fetch`.
pub fn run(global: &Global, args: &FetchArgs) -> Result<Exit, Failure> {
    let mut target = Target::parse(&args.target, args.port)?;
    let options = Options { global, path: &args.path, trace: false };
    let mut output = choose_output(args, &target)?;
    let json_out = Out::beside(options.stdout_taken(output.is_stdout())?);
    let source = match &target {
        Target::Sim(path) => Some(path.as_path()),
        Target::Host(_) => None,
    };
    options.distinct_files(&[("the output", output.path()), ("what sim: serves", source)])?;
    if let Some(range) = args.range.as_deref().filter(|range| !is_range(range)) {
        let message = format!("--range '{range}': write FROM-TO, FROM- or -LAST, such as 0-99, 100- or -100");
        return Err(Failure::new(Exit::Usage, message));
    }
    let mut redirects = 0;
    loop {
        let mut run = FetchRun::new(global, args, &options, &target, &mut output, json_out)?;
        let outcome = run.transfer();
        match outcome {
            Ok(Done::Finished) => return Ok(Exit::Done),
            Ok(Done::Redirect(next)) => {
                redirects += 1;
                if redirects > MOST_REDIRECTS {
                    return Err(Failure::new(Exit::TooManyRedirects, format!("more than {MOST_REDIRECTS} redirects")));
                }
                if args.path.link.write.is_some() {
                    let message = format!("redirected to {}; a capture holds one connection: fetch that", next.0);
                    return Err(Failure::new(Exit::TooManyRedirects, message));
                }
                target = next.1;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// A single byte range as a request has it (RFC 9110 section 14.1.2).
fn is_range(text: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    match text.split_once('-') {
        Some((first, "")) => number(first).is_some(),
        Some(("", last)) => number(last).is_some(),
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => false,
    }
}

fn choose_output(args: &FetchArgs, target: &Target) -> Result<Output, Failure> {
    if let Some(path) = &args.output {
        return Ok(Output::to(path));
    }
    if !args.remote_name {
        return Ok(Output::Stdout { named: false });
    }
    let name = match target {
        Target::Sim(path) => path.file_name().map(PathBuf::from),
        Target::Host(host) => {
            let path = host.path.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().filter(|name| !name.is_empty()).map(PathBuf::from)
        }
    };
    let name = name.ok_or_else(|| Failure::new(Exit::CannotWrite, "the URL names no file; use -o FILE"))?;
    Ok(Output::to(&name))
}

enum Done {
    Finished,
    Redirect(Box<(String, Target)>),
}

/// How a connection's worth of fetching went.
enum Outcome {
    /// All of it came, in this time.
    Complete(Duration),
    Failed(Trouble),
    /// --max-time has passed.
    TimeUp,
    /// By a signal.
    Interrupted(Exit),
    /// The link or a capture failed.
    Broken(Failure),
}

/// One connection's worth of fetching.
struct FetchRun<'a> {
    global: &'a Global,
    args: &'a FetchArgs,
    target: &'a Target,
    session: Session,
    host: Option<&'a HostTarget>,
    output: &'a mut Output,
    json_out: Out,
    /// What the server answered.
    status: Option<u16>,
    /// The simulated server's report, once its connection is over.
    theirs: Arc<Mutex<Option<Report>>>,
}

impl<'a> FetchRun<'a> {
    fn new(
        global: &'a Global,
        args: &'a FetchArgs,
        options: &Options<'_>,
        target: &'a Target,
        output: &'a mut Output,
        json_out: Out,
    ) -> Result<Self, Failure> {
        let theirs = Arc::new(Mutex::new(None));
        let (session, host) = match target {
            Target::Sim(path) => {
                let service = sim_service(path, args.app)?;
                let session = options.simulate()?;
                start_server(&session, service, theirs.clone())?;
                (session, None)
            }
            Target::Host(host) => {
                let default_port = match (host.raw || args.app == FetchApp::Raw, host.port) {
                    (true, None) => {
                        return Err(Failure::new(Exit::Usage, "without HTTP the port must be named: host:port"));
                    }
                    _ => 80,
                };
                let remotes = host.resolve(default_port, |address| args.path.link.speaks(address))?;
                (options.connect_to(&remotes)?, Some(host))
            }
        };
        Ok(FetchRun { global, args, target, session, host, output, json_out, status: None, theirs })
    }

    fn raw(&self) -> bool {
        self.args.app == FetchApp::Raw || self.host.is_some_and(|host| host.raw)
    }

    fn transfer(&mut self) -> Result<Done, Failure> {
        let offset = self.offset()?;
        let request = self.request(offset)?;
        let input = self.input()?;
        let host = self.session.host.clone();
        let clock = self.session.runtime.clock().clone();
        let (attempts, isn) = (self.session.attempts.clone(), self.args.path.tcp.isn.map(SeqNum));
        // As everywhere, 0 means no limit.
        let limit = |duration: Option<Duration>| duration.filter(|duration| !duration.is_zero());
        let (connect_timeout, max_time) = (limit(self.args.connect_timeout), limit(self.args.max_time));
        let (simulated, speaks_http) = (self.session.peer.is_some(), !self.raw());
        let mut saver = Saver::new(self.output, self.global, self.args, offset);
        let reported = Arc::new(Mutex::new(None));
        let report_to = reported.clone();
        let start = clock.now();
        let exchange = async {
            let connecting = connect(&host, &attempts, isn, PATIENCE);
            let timeout = || io::Error::new(io::ErrorKind::TimedOut, "--connect-timeout has passed");
            let stream = clock.timeout(connect_timeout, connecting).await.unwrap_or_else(|| Err(timeout()));
            let kept = Kept { stream: stream.map_err(Trouble::Connect)?, report: report_to };
            let done = match input {
                Some(input) => raw_exchange(&kept.stream, input, &mut saver).await,
                None => client::fetch(&kept.stream, request, &mut saver).await.map(drop).map_err(Trouble::Http),
            };
            if done.is_err() {
                // What else comes has nowhere to go.
                kept.stream.abort();
            }
            done?;
            let elapsed = clock.now().since(start);
            if speaks_http {
                clock.timeout(Some(FAREWELL), kept.stream.read_with(|_| 0)).await;
            }
            Ok((elapsed, kept))
        };
        let timed = clock.timeout(max_time, exchange);
        let outcome = self.session.run(timed);
        let (received, status, stop) = (saver.received, saver.status, saver.finish());
        self.status = status.map(|status| status.as_u16());
        let so_far = clock.now().since(start);
        let outcome = match outcome {
            Err(failure) => Outcome::Broken(failure),
            Ok(Err(exit)) => Outcome::Interrupted(exit),
            Ok(Ok(None)) => Outcome::TimeUp,
            Ok(Ok(Some(Err(trouble)))) => Outcome::Failed(trouble),
            Ok(Ok(Some(Ok((elapsed, kept))))) => {
                // Everything is here; that the peer takes its time to close, or somebody interrupts, changes nothing.
                // In a simulation patience costs nothing; a real peer gets two seconds.
                let patience = if simulated { Duration::from_secs(3600) } else { crate::app::DRAIN };
                match self.session.run(kept.stream.finish(patience)) {
                    Ok(_) => Outcome::Complete(elapsed),
                    Err(failure) => Outcome::Broken(failure),
                }
            }
        };
        self.conclude(outcome, received, so_far, stop, &reported)
    }

    /// Ends the connections, prints the summary, and settles the exit code.
    fn conclude(
        &mut self,
        outcome: Outcome,
        received: u64,
        so_far: Duration,
        stop: Option<Stop>,
        reported: &Mutex<Option<Report>>,
    ) -> Result<Done, Failure> {
        let patience = if self.session.peer.is_some() { Duration::from_secs(3600) } else { Duration::from_secs(1) };
        let ours = reported.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match &outcome {
            Outcome::Broken(_) => {}
            Outcome::Interrupted(_) => self.session.close(Duration::from_secs(1))?,
            // No second is left for a farewell.
            Outcome::TimeUp => self.session.close(Duration::ZERO)?,
            Outcome::Failed(_) | Outcome::Complete(_) => self.session.settle(patience)?,
        }
        if !matches!(outcome, Outcome::Broken(_)) {
            let cut_off = matches!(outcome, Outcome::Interrupted(_) | Outcome::TimeUp);
            self.session.linger(self.args.path.link.linger, ours.as_ref(), cut_off)?;
        }
        let mut elapsed = so_far;
        let verdict = match outcome {
            Outcome::Broken(failure) => Err(failure),
            Outcome::Interrupted(exit) => {
                let sent = ours.as_ref().map_or(0, |report| report.stats.bytes_out);
                let sent = if self.raw() { format!(", {sent} sent") } else { String::new() };
                Err(Failure::new(exit, format!("interrupted after {received} bytes{sent}{}", self.stays())))
            }
            Outcome::TimeUp => {
                let limit = self.args.max_time.unwrap_or_default();
                let message = format!("--max-time {} has passed", humantime::format_duration(limit));
                Err(Failure::new(Exit::TimedOut, message))
            }
            Outcome::Failed(trouble) => self.judge(trouble, stop),
            Outcome::Complete(after) => {
                elapsed = after;
                Ok(Done::Finished)
            }
        };
        let verdict = verdict.and_then(|done| match done {
            Done::Finished => self.output.complete().map(|()| Done::Finished).map_err(|error| {
                Failure::new(Exit::CannotWrite, format!("cannot write {}: {error}", self.output.name()))
            }),
            redirect @ Done::Redirect(_) => Ok(redirect),
        });
        if !matches!(verdict, Ok(Done::Redirect(_))) {
            self.summarize(received, elapsed, ours, verdict.as_ref().err().map(|failure| failure.message.clone()));
        }
        verdict
    }

    /// What the user is told about `trouble`.
    fn judge(&self, trouble: Trouble, stop: Option<Stop>) -> Result<Done, Failure> {
        let what = match self.host {
            Some(host) => host.name(&self.session.attempts),
            None => String::from("simulated server"),
        };
        let (exit, message) = match (trouble, stop) {
            (_, Some(Stop::Redirect(location))) => return self.redirect(&location),
            (_, Some(Stop::HttpError(status))) => (Exit::HttpError, format!("the server answers {status}")),
            (_, Some(Stop::NoRange(status))) => {
                (Exit::RangeRefused, format!("the server does not serve that range (it answers {status})"))
            }
            (_, Some(Stop::Complete)) => return Ok(Done::Finished),
            (Trouble::Connect(error), _) => return Err(Failure::connection(&what, &error)),
            (Trouble::Http(FetchError::Sink(error)) | Trouble::Raw(ExchangeError::Output(error)), _) => {
                if self.output.is_stdout() && error.kind() == io::ErrorKind::BrokenPipe {
                    return Err(Failure::new(Exit::Done, ""));
                }
                (Exit::CannotWrite, format!("cannot write {}: {error}", self.output.name()))
            }
            (Trouble::Raw(ExchangeError::Input(error)), _) => {
                (Exit::CannotRead, format!("cannot read what is to be sent: {error}"))
            }
            (Trouble::Http(FetchError::EmptyReply), _) => {
                (Exit::EmptyReply, format!("{what} closed without an answer"))
            }
            (Trouble::Http(FetchError::NotHttp(error)), _) => {
                (Exit::Reset, format!("what {what} answers is not HTTP ({error}); --app raw takes it as it is"))
            }
            (Trouble::Http(FetchError::Connection(error)) | Trouble::Raw(ExchangeError::Connection(error)), _) => {
                return Err(Failure::connection(&what, &error));
            }
            (Trouble::Http(FetchError::Short { had, promised, error }), _) => self.short(had, promised, &error),
        };
        Err(Failure::new(exit, message))
    }

    fn short(&self, had: u64, promised: Option<u64>, error: &io::Error) -> (Exit, String) {
        let exit = match error.kind() {
            io::ErrorKind::ConnectionReset => Exit::Reset,
            io::ErrorKind::TimedOut => Exit::TimedOut,
            _ => Exit::Partial,
        };
        let promise = promised.map_or_else(String::new, |promised| format!(" of {promised} promised"));
        let stays = self.stays();
        let how = match exit {
            Exit::Partial => String::from("the server closed"),
            _ => error.to_string(),
        };
        (exit, format!("{how} after {had} bytes{promise}{stays}"))
    }

    /// Where what came is kept, in words.
    fn stays(&self) -> String {
        let part = self.output.remains();
        part.map_or_else(String::new, |part| format!("; what came is in {} (-C - goes on there)", part.display()))
    }

    fn redirect(&self, location: &str) -> Result<Done, Failure> {
        let next = match self.target {
            Target::Host(host) => host.redirected(location)?,
            Target::Sim(_) => {
                let message = format!("a simulated server redirects to {location}; end the folder's name with a slash");
                return Err(Failure::new(Exit::TooManyRedirects, message));
            }
        };
        Ok(Done::Redirect(Box::new((location.into(), next))))
    }

    fn summarize(&mut self, bytes: u64, elapsed: Duration, ours: Option<Report>, failure: Option<String>) {
        let summary = Summary {
            what: self.args.target.clone(),
            transfer: Some((bytes, elapsed)),
            sent: ours.as_ref().map(|report| report.stats.bytes_out).filter(|_| self.raw()),
            status: self.status,
            ours,
            theirs: self.theirs.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            incidents: self.session.runtime.incidents(0),
            counters: self.session.host.inspect(|stack| *stack.counters()),
            dropped_before_us: self.session.runtime.dropped_before_us(),
            path: self.session.path.clone(),
            seed: self.session.seed,
            simulated: self.session.peer.is_some(),
            failure: failure.filter(|message| !message.is_empty()),
        };
        let _ = if self.global.json {
            self.json_out.line(&summary.json())
        } else if self.global.quiet {
            Ok(())
        } else {
            summary.print(&mut io::stderr())
        };
    }

    /// Where an earlier transfer is taken up.
    fn offset(&self) -> Result<u64, Failure> {
        match self.args.continue_at.as_deref() {
            None => Ok(0),
            Some(_) if self.raw() => {
                Err(Failure::new(Exit::Usage, "-C needs HTTP: bytes alone cannot be taken up again"))
            }
            Some("-") if self.output.is_stdout() => {
                Err(Failure::new(Exit::Usage, "-C - goes on with a file; name it with -o"))
            }
            Some("-") => Ok(self.output.left_over()),
            Some(offset) => offset
                .parse()
                .map_err(|_| Failure::new(Exit::Usage, format!("-C {offset}: write a number of bytes, or -"))),
        }
    }

    fn request(&self, offset: u64) -> Result<Request<Empty<hyper::body::Bytes>>, Failure> {
        let path = match (self.host, self.target) {
            (Some(host), _) => host.path.clone(),
            (None, Target::Sim(path)) if path.is_file() => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                format!("/{}", name.replace(|c: char| !c.is_ascii_alphanumeric() && !"-._~".contains(c), "_"))
            }
            _ => String::from("/"),
        };
        let authority = self.host.map_or_else(|| String::from("server.example"), HostTarget::authority);
        let method = if self.args.head { Method::HEAD } else { Method::GET };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("tcpkit/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, "*/*")
            // One request is all there will be. Who closes first waits in TIME-WAIT, and that is better done there.
            .header(header::CONNECTION, "close");
        if let Some(range) = &self.args.range {
            request = request.header(header::RANGE, format!("bytes={range}"));
        } else if offset > 0 {
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let mut request = request
            .body(Empty::new())
            .map_err(|error| Failure::new(Exit::Usage, format!("such a request cannot be made: {error}")))?;
        for line in &self.args.header {
            let wrong = || Failure::new(Exit::Usage, format!("-H '{line}': write NAME: VALUE"));
            let (name, value) = line.split_once(':').ok_or_else(wrong)?;
            let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
            let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }

    /// What is sent when no HTTP is spoken.
    fn input(&self) -> Result<Option<Input>, Failure> {
        if !self.raw() {
            return match self.args.data {
                Some(_) => Err(Failure::new(Exit::Usage, "--data is for --app raw")),
                None => Ok(None),
            };
        }
        let source: Box<dyn Read + Send> = match self.args.data.as_deref() {
            // Simulated time cannot wait for somebody who types.
            None if self.session.peer.is_some() && io::stdin().is_terminal() => Box::new(io::empty()),
            None if self.session.peer.is_none() => return Ok(Some(Input::threaded(Box::new(io::stdin())))),
            None => Box::new(io::stdin()),
            Some(data) => match data.strip_prefix('@') {
                Some(file) => Box::new(File::open(file).map_err(|error| Failure::reading(Path::new(file), &error))?),
                None => Box::new(io::Cursor::new(data.as_bytes().to_vec())),
            },
        };
        Ok(Some(Input::Direct(source)))
    }
}

/// What the server at the other end of a simulated wire does with what `sim:` names.
fn sim_service(path: &Path, app: FetchApp) -> Result<Service, Failure> {
    if path.as_os_str().is_empty() {
        return Err(Failure::new(Exit::Usage, "sim: needs something to serve: sim:FILE or sim:FOLDER"));
    }
    let reading = |error: io::Error| Failure::reading(path, &error);
    let metadata = std::fs::metadata(path).map_err(reading)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(Failure::new(Exit::CannotRead, format!("{} is neither a file nor a folder", path.display())));
    }
    let verbatim = metadata.is_file() && plain::is_verbatim_response(path).map_err(reading)?;
    if app == FetchApp::Raw || verbatim {
        if metadata.is_dir() {
            return Err(Failure::new(Exit::Usage, "a folder cannot be sent without HTTP; name a file"));
        }
        return Ok(Service::Raw(path.to_path_buf()));
    }
    Site::new(path).map(Service::Http).map_err(reading)
}

fn start_server(session: &Session, service: Service, theirs: Arc<Mutex<Option<Report>>>) -> Result<(), Failure> {
    let (Some(peer), [attempt, ..]) = (&session.peer, &session.attempts[..]) else { return Ok(()) };
    let listener =
        TcpListener::bind(peer, attempt.remote, 128).map_err(|error| Failure::connection("serving", &error))?;
    let (clock, spawner) = (session.runtime.clock().clone(), session.runtime.spawner());
    let tell = Arc::new(move |notice| {
        if let Notice::Done { report, .. } = notice {
            *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(*report);
        }
    });
    session.runtime.spawner().spawn(async move {
        // Its errors show at our end.
        let _ = serve(listener, service, clock, spawner, None, tell).await;
    });
    Ok(())
}

/// A stream whose report is kept when it goes out of use, however that comes about.
struct Kept {
    stream: TcpStream,
    report: Arc<Mutex<Option<Report>>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.stream.report());
    }
}

/// What went wrong.
enum Trouble {
    Connect(io::Error),
    Http(FetchError),
    Raw(ExchangeError),
}

/// No HTTP: the input goes out, what comes is the result.
async fn raw_exchange(stream: &TcpStream, input: Input, saver: &mut Saver<'_>) -> Result<(), Trouble> {
    let opened = saver.output.open(0).map_err(ExchangeError::Output);
    match opened {
        Ok(()) => plain::exchange(stream, input, |bytes| saver.on_body(bytes)).await,
        Err(error) => Err(error),
    }
    .map_err(Trouble::Raw)
}
