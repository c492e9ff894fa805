//! Starts the engine, serves until told to stop, stops the engine.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::configuration::{self, Grants};
use crate::confine::confine;
use crate::execute::{Executor, READER_NICE};
use crate::ffi::{Connection, Engine};
use crate::flushes::{Flushes, Listener};
use crate::http::{Front, routes};
use crate::judge::Judge;
use crate::options::{DATABASE, Layers, Options, ReaderBounds};

/// The environment variable in which a parent hands over the options, as JSON. Not arguments:
/// those are shown to every user of the machine, and the options hold passwords.
pub const OPTIONS_VARIABLE: &str = "GAPLESS_CLICKHOUSE_FRONT";

/// Why a front did not start, or did not stop cleanly. All of them end the process; the parent
/// decides whether to try again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options are missing or make no sense.
    #[error("the ClickHouse front's options are wrong: {0}")]
    Options(String),
    /// The engine's file cannot be used.
    #[error("the ClickHouse engine {library} cannot be loaded: {reason}")]
    Library {
        /// The file.
        library: PathBuf,
        /// The loader's text.
        reason: String,
    },
    /// The data folder cannot be used.
    #[error("the ClickHouse engine's folder {data_dir} cannot be used: {reason}")]
    DataDir {
        /// The folder.
        data_dir: PathBuf,
        /// The system's or the engine's text.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("the ClickHouse front cannot listen on {listen}: {reason}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The system's text.
        reason: std::io::Error,
    },
    /// The runtime or the signals could not be set up, or the listener broke.
    #[error("the ClickHouse front failed: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a front with the options that [`OPTIONS_VARIABLE`] holds; blocks until it is stopped.
///
/// # Errors
/// As [`run`], and when the variable is missing or not what [`Options`] writes.
pub fn run_from_environment() -> Result<(), Error> {
    let json = std::env::var(OPTIONS_VARIABLE)
        .map_err(|_| Error::Options(format!("the variable {OPTIONS_VARIABLE} is not set")))?;
    let options = serde_json::from_str(&json).map_err(|e| Error::Options(e.to_string()))?;
    run(options)
}

/// Runs a front; blocks until SIGTERM or SIGINT, then lets running statements end, stops the
/// engine and returns. Call it once in a process, since the engine cannot be started twice,
/// before any thread that is to be confined (see [`Confinement`](crate::Confinement)), and with
/// `TZ=UTC` in the environment.
///
/// # Errors
/// See [`Error`]; nothing is left running.
pub fn run(options: Options) -> Result<(), Error> {
    run_with(options, Layers::ALL)
}

/// The same with only some of what holds readers back, for tests that show what each layer holds
/// alone. Nothing but a call of this function turns one off.
///
/// # Errors
/// As [`run`].
#[doc(hidden)]
pub fn run_with(options: Options, layers: Layers) -> Result<(), Error> {
    if !options.listen.ip().is_loopback() {
        return Err(Error::Options(format!(
            "{} is not the loopback",
            options.listen
        )));
    }
    // Once confined, the process makes no socket any more.
    let listen = options.listen;
    let listener = std::net::TcpListener::bind(listen)
        .and_then(|listener| {
            listener.set_nonblocking(true)?;
            rustix::net::listen(&listener, CONNECTIONS_WAITING)?;
            Ok(listener)
        })
        .map_err(|reason| Error::Listen { listen, reason })?;
    let engine = load(&options, layers)?;
    let started = |e: crate::exception::Exception| Error::DataDir {
        data_dir: options.data_dir.clone(),
        reason: e.body("").trim_end().to_string(),
    };
    // Keeps the engine up between requests, each of which has a connection of its own.
    let anchor = engine.connect().map_err(started)?;
    let (version, timezone) = about(&anchor).map_err(started)?;
    // Where readers' sessions begin.
    let make = format!("CREATE DATABASE IF NOT EXISTS {DATABASE}");
    anchor
        .query(make.as_bytes(), "Null", &[])
        .map_err(started)?;
    let judge = layers
        .judge
        .then(|| Judge::new(&anchor))
        .transpose()
        .map_err(started)?;
    if timezone != "UTC" {
        return Err(Error::Options(format!(
            "run it with TZ=UTC in its environment, not {timezone}"
        )));
    }
    let slots = options.slots.max(1);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let reader_bounds = ReaderBounds::new(cores, options.memory_bytes);
    let reader_threads = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .worker_threads(1)
        .max_blocking_threads(reader_bounds.slots)
        .thread_name("reader")
        .on_thread_start(give_way)
        .build()?;
    let front = Arc::new(Front {
        executor: Executor {
            engine,
            version,
            judge,
            reader_bounds,
        },
        writer: options.writer.clone(),
        reader: options.reader.clone(),
        writer_slots: Arc::new(Semaphore::new(slots)),
        reader_slots: Arc::new(Semaphore::new(reader_bounds.slots)),
        reader_threads: reader_threads.handle().clone(),
    });
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A thread for each running statement of the writer's, and a few for the rest.
        .max_blocking_threads(slots + 4)
        .build()?
        .block_on(serve(listener, front));
    drop(anchor);
    // What was acknowledged is on disk already; threads that stay are ended with the process.
    let all_threads_ended = engine.shutdown();
    tracing::info!(all_threads_ended, "the ClickHouse engine stopped");
    served
}

/// Connections that wait to be taken in. One more would be dropped by the kernel, and its client
/// would try again after a second, the writer as well as others.
const CONNECTIONS_WAITING: i32 = 1024;

/// Parsing and judging a reader's statement, too, takes what time the writer leaves. Only more
/// courtesy needs no privilege, and there is no way back: hence threads of their own.
fn give_way() {
    // For the calling thread alone. Where the system refuses, readers compete.
    let _ = rustix::process::setpriority_process(None, READER_NICE);
}

/// Folders and configuration, then what the kernel is asked for, then the library.
fn load(options: &Options, layers: Layers) -> Result<&'static Engine, Error> {
    let unusable = |e: std::io::Error| Error::DataDir {
        data_dir: options.data_dir.clone(),
        reason: e.to_string(),
    };
    let store = options.data_dir.join("store");
    std::fs::create_dir_all(&store).map_err(unusable)?;
    let grants = match layers.grants {
        true => Grants::Listed,
        false => Grants::Everything,
    };
    let configuration =
        configuration::write(&options.data_dir, options.memory_bytes, grants).map_err(unusable)?;
    if layers.confinement {
        let confinement = confine(&options.library, &options.data_dir);
        match confinement.shortfall() {
            None => tracing::info!("the kernel confines the ClickHouse engine"),
            Some(lacking) => tracing::warn!("{lacking}"),
        }
    }
    let arguments = [
        format!("--config-file={}", configuration.display()),
        format!("--path={}", store.display()),
        // Defaults of clickhouse-local that a server does not have.
        "--implicit_select=0".into(),
        "--allow_introspection_functions=0".into(),
    ];
    let engine = Engine::load(&options.library, &arguments).map_err(|reason| Error::Library {
        library: options.library.clone(),
        reason,
    })?;
    Ok(Box::leak(Box::new(engine)))
}

/// The engine's version and its time zone. The zone comes from the process's environment alone;
/// in any other than UTC, a `Date` would begin at another time than Gapless means.
fn about(anchor: &Connection) -> Result<(String, String), crate::exception::Exception> {
    let answer = anchor.query(b"SELECT version(), serverTimezone()", "TSVRaw", &[])?;
    let line = String::from_utf8_lossy(answer.data());
    let (version, timezone) = line.trim().split_once('\t').unwrap_or_default();
    Ok((version.into(), timezone.into()))
}

async fn serve(listener: std::net::TcpListener, front: Arc<Front>) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::from_std(listener)?;
    tracing::info!(
        listen = %listener.local_addr()?,
        version = front.executor.version,
        "the ClickHouse front is ready"
    );
    let service = routes(front).into_make_service_with_connect_info::<Flushes>();
    axum::serve(Listener::new(listener), service)
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
        .await?;
    Ok(())
}
