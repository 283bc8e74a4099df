//! Layer 2, what happens to an event. STUB
