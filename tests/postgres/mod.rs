//! What only a store on PostgreSQL can meet: other servers, and a database that goes away.

mod away;
mod client;
mod crowd;
mod faults;
mod history;
mod interruptions;
mod many_servers;
mod proxy;
mod standby;
mod stuck;
