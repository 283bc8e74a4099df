//! Keys that have a name already and no effect yet: they are refused, each with what to do until then.

const LATER: [(&str, &str); 1] =
    [("metrics.directory", "is not built yet: name each file in metrics.files")];

/// Why the key of that path is refused; `None`: it is no such key.
pub(super) fn reason(path: &str) -> Option<&'static str> {
    LATER.iter().find(|(later, _)| *later == path).map(|(_, reason)| *reason)
}
