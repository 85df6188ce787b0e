//! An outside payment provider, over HTTP, by the protocol of `docs/payment-provider.md`: one URL,
//! small JSON bodies, each signed.

mod gateway;
mod seal;
mod wire;

pub use gateway::{GatewayOptions, HttpGateway, WrongOption};
