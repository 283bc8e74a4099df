//! Numbered pages of a list, by `page` and `per_page`.

/// How many things a page has, and may have at most.
pub(super) const PER_PAGE: usize = 100;

/// Which page is asked for; what is no number means the first, or as many as there are on one.
#[derive(Clone, Copy)]
pub(super) struct Page {
    /// From 1.
    pub(super) number: usize,
    pub(super) per_page: usize,
}

impl Page {
    pub(super) fn of(parameters: &[(String, String)]) -> Self {
        let of = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name == wanted);
            found.and_then(|(_, value)| value.parse().ok()).filter(|number| *number > 0)
        };
        let per_page = of("per_page").unwrap_or(PER_PAGE).min(PER_PAGE);
        Page { number: of("page").unwrap_or(1), per_page }
    }

    /// What of all stands on it.
    pub(super) fn cut<T>(self, all: &[T]) -> &[T] {
        let first = (self.number - 1).saturating_mul(self.per_page).min(all.len());
        &all[first..(first + self.per_page).min(all.len())]
    }
}
