//! The dozen entry points of `chdb.h` that are used, bound by hand with `dlopen`.
//!
//! Bound at run time, so that building needs neither the 566 MB library nor its header nor
//! libclang. This file is the only one in the workspace with `unsafe`; everything it hands out
//! is safe to use.
//!
//! Why it is sound:
//! - The library is loaded once and never unloaded, so every function pointer stays valid.
//! - A handle is owned by exactly one Rust value ([`Connection`], [`Answer`], [`Rows`],
//!   [`Insert`]), and that value's `Drop` gives it back once.
//! - [`Rows`] and [`Insert`] borrow their [`Connection`], so a connection outlives what it began.
//! - The engine allows many connections in parallel, but one call at a time on a connection:
//!   `Connection` is `Send` and not `Sync`.
#![allow(unsafe_code, reason = "the engine is a C library")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::exception::Exception;

/// An opaque handle: `chdb_connection`, `chdb_result *` and the insert stream are all pointers.
type Handle = *mut c_void;

/// The `…_with_params_n` family: connection, SQL, format, then names and values of parameters,
/// each as an array of pointers and one of lengths.
type QueryFn = unsafe extern "C" fn(
    Handle,
    *const u8,
    usize,
    *const u8,
    usize,
    *const *const u8,
    *const usize,
    *const *const u8,
    *const usize,
    usize,
) -> Handle;
type ConnectFn = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle;
type CountFn = unsafe extern "C" fn(Handle) -> u64;
type TextFn = unsafe extern "C" fn(Handle) -> *const c_char;
type ReleaseFn = unsafe extern "C" fn(Handle);

/// Values for `{name:Type}` in a query, by name.
pub(crate) type Parameters = [(String, String)];

/// What a query or an insert touched, in rows and bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
}

/// The loaded library, and the arguments with which each connection is opened.
pub(crate) struct Engine {
    connect: ConnectFn,
    close: unsafe extern "C" fn(*mut Handle),
    query: QueryFn,
    stream_query: QueryFn,
    stream_fetch: unsafe extern "C" fn(Handle, Handle) -> Handle,
    stream_cancel: unsafe extern "C" fn(Handle, Handle),
    answer_destroy: ReleaseFn,
    answer_buffer: unsafe extern "C" fn(Handle) -> *const u8,
    answer_length: unsafe extern "C" fn(Handle) -> usize,
    answer_error: TextFn,
    answer_rows: CountFn,
    answer_bytes: CountFn,
    storage_rows: CountFn,
    storage_bytes: CountFn,
    written_rows: CountFn,
    written_bytes: CountFn,
    insert_begin: QueryFn,
    insert_append: unsafe extern "C" fn(Handle, *const u8, usize) -> c_int,
    insert_finish: unsafe extern "C" fn(Handle) -> Handle,
    insert_cancel: ReleaseFn,
    insert_error: TextFn,
    insert_destroy: ReleaseFn,
    shutdown: unsafe extern "C" fn() -> c_int,
    arguments: Vec<CString>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// Loads the library at `path`. `arguments` are those of `clickhouse-local`, without the
    /// program's name; every connection must be opened with the same ones.
    ///
    /// # Errors
    /// The loader's text when the file is not there, is no library or lacks an entry point.
    pub(crate) fn load(path: &Path, arguments: &[String]) -> Result<Self, String> {
        let arguments = std::iter::once("gapless")
            .chain(arguments.iter().map(String::as_str))
            .map(|a| CString::new(a).map_err(|_| format!("argument holds a zero byte: {a:?}")))
            .collect::<Result<Vec<_>, _>>()?;
        // SAFETY: libchdb's initialisers are those of the ClickHouse server; they need nothing
        // from us. RTLD_LOCAL keeps its bundled C++ runtime away from our symbols.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|e| e.to_string())?;
        macro_rules! entry {
            ($name:literal) => {
                // SAFETY: the type of the field matches the declaration in chdb.h of this
                // version, which the fetcher pins by checksum.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }
                    .map_err(|e| e.to_string())?
            };
        }
        let engine = Self {
            connect: entry!("chdb_connect"),
            close: entry!("chdb_close_conn"),
            query: entry!("chdb_query_with_params_n"),
            stream_query: entry!("chdb_stream_query_with_params_n"),
            stream_fetch: entry!("chdb_stream_fetch_result"),
            stream_cancel: entry!("chdb_stream_cancel_query"),
            answer_destroy: entry!("chdb_destroy_query_result"),
            answer_buffer: entry!("chdb_result_buffer"),
            answer_length: entry!("chdb_result_length"),
            answer_error: entry!("chdb_result_error"),
            answer_rows: entry!("chdb_result_rows_read"),
            answer_bytes: entry!("chdb_result_bytes_read"),
            storage_rows: entry!("chdb_result_storage_rows_read"),
            storage_bytes: entry!("chdb_result_storage_bytes_read"),
            written_rows: entry!("chdb_result_rows_written"),
            written_bytes: entry!("chdb_result_bytes_written"),
            insert_begin: entry!("chdb_stream_insert_with_params_n"),
            insert_append: entry!("chdb_stream_append"),
            insert_finish: entry!("chdb_stream_done"),
            insert_cancel: entry!("chdb_stream_cancel_insert"),
            insert_error: entry!("chdb_stream_insert_error"),
            insert_destroy: entry!("chdb_destroy_insert_stream"),
            shutdown: entry!("chdb_shutdown"),
            arguments,
        };
        let set_signal_handlers: unsafe extern "C" fn(c_int) =
            entry!("chdb_set_signal_handlers_enabled");
        // SAFETY: takes a flag; called before the first connection, as chdb.h asks. SIGTERM is
        // ours to handle.
        unsafe { set_signal_handlers(0) };
        // An engine whose threads live must never be unloaded.
        std::mem::forget(library);
        Ok(engine)
    }

    /// Opens a connection, which is a session: its own settings and current database. The first
    /// one starts the engine on its data folder.
    pub(crate) fn connect(&'static self) -> Result<Connection, Exception> {
        let mut arguments: Vec<*mut c_char> = self
            .arguments
            .iter()
            .map(|a| a.as_ptr().cast_mut())
            .collect();
        let count = c_int::try_from(arguments.len()).unwrap_or(c_int::MAX);
        // SAFETY: `arguments` holds `count` zero-terminated strings that outlive the call, and
        // the engine copies them (it does not write to them: argv is parsed into a C++ vector).
        let pointer = unsafe { (self.connect)(count, arguments.as_mut_ptr()) };
        if pointer.is_null() {
            return Err(Exception::engine(
                "the engine did not start; is its data folder in use or damaged?",
            ));
        }
        Ok(Connection {
            engine: self,
            pointer,
        })
    }

    /// Stops the engine; all connections must be gone. True when all its threads have ended.
    pub(crate) fn shutdown(&self) -> bool {
        // SAFETY: takes nothing; the caller has dropped every connection.
        unsafe { (self.shutdown)() == 0 }
    }

    fn call(
        &self,
        function: QueryFn,
        connection: Handle,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Handle {
        let names: Vec<_> = parameters.iter().map(|(n, _)| n.as_ptr()).collect();
        let name_lengths: Vec<_> = parameters.iter().map(|(n, _)| n.len()).collect();
        let values: Vec<_> = parameters.iter().map(|(_, v)| v.as_ptr()).collect();
        let value_lengths: Vec<_> = parameters.iter().map(|(_, v)| v.len()).collect();
        // SAFETY: every pointer comes with its length and outlives the call; the four arrays
        // have `parameters.len()` entries each; `connection` is open (its owner is borrowed).
        unsafe {
            function(
                connection,
                sql.as_ptr(),
                sql.len(),
                format.as_ptr(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                parameters.len(),
            )
        }
    }
}

/// One session of the engine, closed when dropped.
pub(crate) struct Connection {
    engine: &'static Engine,
    pointer: *mut Handle,
}

// SAFETY: the engine ties no connection to the thread that opened it; only calls at the same
// time on one connection are forbidden, and without `Sync` there are none.
unsafe impl Send for Connection {}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `pointer` came from chdb_connect, is not null, and is closed only here.
        unsafe { (self.engine.close)(self.pointer) }
    }
}

impl Connection {
    fn handle(&self) -> Handle {
        // SAFETY: chdb_connect returns a pointer to the handle, valid until chdb_close_conn.
        unsafe { *self.pointer }
    }

    /// Runs a statement and returns its whole answer in `format`.
    pub(crate) fn query(
        &self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Answer, Exception> {
        let engine = self.engine;
        Answer::check(
            engine,
            engine.call(engine.query, self.handle(), sql, format, parameters),
        )
    }

    /// Runs a query whose answer is fetched block by block.
    pub(crate) fn stream(
        &self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Rows<'_>, Exception> {
        let engine = self.engine;
        let begun = engine.call(engine.stream_query, self.handle(), sql, format, parameters);
        Ok(Rows {
            connection: self,
            begun: Answer::check(engine, begun)?,
            ended: false,
        })
    }

    /// Begins an insert whose data, in `format`, is appended piece by piece. `sql` ends before
    /// its FORMAT clause.
    pub(crate) fn insert(
        &self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Insert<'_>, Exception> {
        let engine = self.engine;
        let pointer = engine.call(engine.insert_begin, self.handle(), sql, format, parameters);
        if pointer.is_null() {
            return Err(Exception::engine("the engine began no insert"));
        }
        let mut insert = Insert {
            connection: self,
            pointer,
            ended: false,
        };
        match insert.error() {
            Some(error) => {
                insert.ended = true;
                Err(error)
            }
            None => Ok(insert),
        }
    }
}

/// The engine's answer to a query, or one block of it.
pub(crate) struct Answer {
    engine: &'static Engine,
    pointer: Handle,
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: `pointer` is a result that the engine gave us, not null, destroyed only here.
        unsafe { (self.engine.answer_destroy)(self.pointer) }
    }
}

impl Answer {
    fn check(engine: &'static Engine, pointer: Handle) -> Result<Self, Exception> {
        if pointer.is_null() {
            return Err(Exception::engine("the engine gave no answer"));
        }
        let answer = Self { engine, pointer };
        // SAFETY: the result is alive; the text, if any, lives as long as it, and is copied.
        match unsafe { text((engine.answer_error)(pointer)) } {
            Some(error) => Err(Exception::from_engine(error)),
            None => Ok(answer),
        }
    }

    /// The answer's bytes, in the format asked for.
    pub(crate) fn data(&self) -> &[u8] {
        // SAFETY: the result is alive.
        let length = unsafe { (self.engine.answer_length)(self.pointer) };
        if length == 0 {
            return &[];
        }
        // SAFETY: the buffer has `length` bytes, is never written after the call returned, and
        // lives until the result is destroyed, which `&self` forbids meanwhile.
        unsafe { std::slice::from_raw_parts((self.engine.answer_buffer)(self.pointer), length) }
    }

    /// What the query touched so far.
    pub(crate) fn statistics(&self) -> Statistics {
        let engine = self.engine;
        // SAFETY: six reads of counters of a result that is alive.
        unsafe {
            Statistics {
                read_rows: (engine.storage_rows)(self.pointer),
                read_bytes: (engine.storage_bytes)(self.pointer),
                written_rows: (engine.written_rows)(self.pointer),
                written_bytes: (engine.written_bytes)(self.pointer),
                result_rows: (engine.answer_rows)(self.pointer),
                result_bytes: (engine.answer_bytes)(self.pointer),
            }
        }
    }
}

/// A running query; dropped before its end, it is cancelled.
pub(crate) struct Rows<'a> {
    connection: &'a Connection,
    begun: Answer,
    ended: bool,
}

impl Rows<'_> {
    /// The next block, or none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, Exception> {
        let engine = self.connection.engine;
        // SAFETY: the connection is borrowed, hence open; `begun` is alive.
        let block = unsafe { (engine.stream_fetch)(self.connection.handle(), self.begun.pointer) };
        let block = Answer::check(engine, block).inspect_err(|_| self.ended = true)?;
        if block.data().is_empty() {
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(block))
    }
}

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let engine = self.connection.engine;
            // SAFETY: as in `next`; a query that ended or failed is not cancelled again.
            unsafe { (engine.stream_cancel)(self.connection.handle(), self.begun.pointer) }
        }
    }
}

/// A running insert. Nothing is stored before [`Insert::finish`]; dropped without it, it is
/// cancelled.
pub(crate) struct Insert<'a> {
    connection: &'a Connection,
    pointer: Handle,
    ended: bool,
}

impl Insert<'_> {
    fn error(&self) -> Option<Exception> {
        // SAFETY: the stream is alive; the text lives as long as it, and is copied.
        unsafe { text((self.connection.engine.insert_error)(self.pointer)) }
            .map(Exception::from_engine)
    }

    /// Hands over more data, which need not end at a row's end.
    pub(crate) fn append(&self, data: &[u8]) -> Result<(), Exception> {
        // SAFETY: the stream is alive; `data` outlives the call, and the engine copies it.
        let code = unsafe {
            (self.connection.engine.insert_append)(self.pointer, data.as_ptr(), data.len())
        };
        if code == 0 {
            return Ok(());
        }
        Err(self
            .error()
            .unwrap_or_else(|| Exception::engine("the insert failed")))
    }

    /// Stores what was appended.
    pub(crate) fn finish(mut self) -> Result<Statistics, Exception> {
        self.ended = true;
        // SAFETY: the stream is alive, and finished once: `self` is consumed.
        let answer = unsafe { (self.connection.engine.insert_finish)(self.pointer) };
        Ok(Answer::check(self.connection.engine, answer)?.statistics())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        let engine = self.connection.engine;
        if !self.ended {
            // SAFETY: the stream is alive, was not finished, and is cancelled only here.
            unsafe { (engine.insert_cancel)(self.pointer) }
        }
        // SAFETY: `pointer` is a stream that the engine gave us, destroyed only here.
        unsafe { (engine.insert_destroy)(self.pointer) }
    }
}

/// Copies a C string; none when the pointer is null.
///
/// # Safety
/// `pointer` is null or points to a zero-terminated string that lives during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Some(
        unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    )
}
