//! What the rules need from outside: one trait a file. With the feature `mock`, each has a mock.

mod access_tokens;
mod cash_book;
mod catalogue;
mod clock;
mod commit_observer;
mod draw_seeds;
mod due_work;
mod ids;
mod join_work;
mod ledger;
mod line_watch;
mod lines;
mod orders;
mod passwords;
mod queue_tokens;
mod store;
mod users;

pub use access_tokens::*;
pub use cash_book::*;
pub use catalogue::*;
pub use clock::*;
pub use commit_observer::*;
pub use draw_seeds::*;
pub use due_work::*;
pub use ids::*;
pub use join_work::*;
pub use ledger::*;
pub use line_watch::*;
pub use lines::*;
pub use orders::*;
pub use passwords::*;
pub use queue_tokens::*;
pub use store::*;
pub use users::*;
