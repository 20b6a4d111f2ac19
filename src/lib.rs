//! TCP you can hold in your hand.
pub mod app;
pub mod capture;
pub mod cli;
pub mod link;
pub mod net;
pub mod random;
pub mod stack;
pub mod tcp;
pub mod time;
pub mod wire;
