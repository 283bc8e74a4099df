//! Tests of the pure layers: one binary, no cargo feature, no clock, no network; it runs in seconds.

mod calendars;
mod differential;
mod golden;
mod oracle;
mod worlds;
