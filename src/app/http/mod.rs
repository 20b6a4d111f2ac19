//! HTTP/1.1 by hyper, over our streams.

pub mod client;
pub mod server;
mod site;
mod wire;
