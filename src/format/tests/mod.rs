//! What enters and what leaves, byte for byte. The scanner's tests stand beside it.

mod event;
mod instant;
mod lines;
mod refusal;
mod reject;
