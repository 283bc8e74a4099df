//! LIKE: `%` stands for any text, `_` for any one character, and nothing escapes them (rule 5.2).

/// Whether the whole text fits the pattern.
///
/// Goes back only to the last `%` met: the characters before it need not be tried again, because
/// what an earlier `%` could still take over, the last one takes as well.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    let mut last_percent = None;
    loop {
        let before = text.clone();
        let is_fitting = match (pattern.next(), text.next()) {
            (Some('%'), _) => {
                text = before;
                last_percent = Some((pattern.clone(), text.clone()));
                true
            }
            (None, None) => return true,
            (Some('_'), Some(_)) => true,
            (Some(wanted), Some(found)) => wanted == found,
            (Some(_), None) => return false,
            (None, Some(_)) => false,
        };
        if is_fitting {
            continue;
        }
        let Some((behind_percent, mut taken_from)) = last_percent else {
            return false;
        };
        if behind_percent.as_str().is_empty() {
            return true;
        }
        taken_from.next();
        text = taken_from.clone();
        pattern = behind_percent.clone();
        last_percent = Some((behind_percent, taken_from));
    }
}
