//! The plan: all metrics compiled for routing. STUB

/// placeholder
pub struct Plan {}
/// placeholder
pub struct MetricPlan {}
