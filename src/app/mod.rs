//! Applications: plain async functions over streams. They know nothing of links, terminals or exit codes.
//!
//! | file            | subject |
//! |-----------------|---------|
//! | `http/client`   | one HTTP/1.1 request and its answer, by hyper |
//! | `http/server`   | files and folders over HTTP/1.1, by hyper |
//! | `http/site`     | from a request's path to a file |
//! | `plain`         | raw, echo, discard, and answers sent as they stand |
//! | `input`         | bytes to send, from a file or a pipe |
//! | `server`        | accepting connections and telling how each went |

pub mod http;
pub mod input;
pub mod plain;
pub mod server;

use std::time::Duration;

/// How long a server waits for the peer to close after it has said all it had to say.
pub const DRAIN: Duration = Duration::from_secs(2);
