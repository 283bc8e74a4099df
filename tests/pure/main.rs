//! Tests of the pure layers: one binary, no cargo feature, no clock, no network; it runs in seconds.

#![expect(
    unreachable_pub,
    reason = "`pub` says what other modules may use: a program has no outside"
)]

mod aggregators;
mod calendars;
#[path = "../../fuzz/src/lib.rs"]
mod decoders;
mod dialects;
mod differential;
mod driver;
mod extremes;
mod formats;
mod fuzz;
mod golden;
mod model;
mod oracle;
mod simulation;
// Not a part of the oracle, which the live tests use as well.
#[path = "oracle/tests.rs"]
mod oracle_tests;
mod rekeyed;
mod topics;
mod worlds;
mod zenskar;
