//! The group as its driver sees it: inputs told, actions expected, on virtual time.

mod closing;
mod consuming;
mod handed_over;
mod listening;
mod ordered;
#[cfg(test)] // so that `expect` is allowed in it
mod popping;
mod pulling;
mod rebalance;
#[cfg(test)] // so that `expect` is allowed in it
mod support;
mod watching;
