//! As much of a shell's grammar as command lines of documents use.

/// A line as a shell takes it: continued lines are one, and a here-document belongs to its line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) commands: Vec<Vec<String>>,
    /// Where output and input go to and come from.
    pub(super) files: Vec<String>,
}

/// The lines of a script.
///
/// # Errors
/// A quote or a here-document that does not end.
pub(super) fn lines(script: &str) -> Result<Vec<Line>, String> {
    let mut found = Vec::new();
    let mut rest = script.lines();
    while let Some(first) = rest.next() {
        let mut text = first.to_owned();
        while let Some(open) = text.strip_suffix('\\') {
            text = format!("{open} {}", rest.next().unwrap_or_default().trim_start());
        }
        let mut line = words(&text)?;
        if let Some(end) = here_end(&text) {
            let mut has_ended = false;
            for body in rest.by_ref() {
                line.text.push('\n');
                line.text.push_str(body);
                has_ended = body == end;
                if has_ended {
                    break;
                }
            }
            if !has_ended {
                return Err(format!("the here-document of {text:?} does not end"));
            }
        }
        if !line.commands.is_empty() {
            found.push(line);
        }
    }
    Ok(found)
}

/// What ends the here-document that a line begins.
fn here_end(text: &str) -> Option<&str> {
    let (_, end) = text.split_once("<<")?;
    let end = end.trim_start_matches('-').trim().trim_matches(['\'', '"']);
    (!end.is_empty() && end.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(end)
}

/// Splits a line into commands, and these into words without their quotes.
fn words(text: &str) -> Result<Line, String> {
    let mut line = Line { text: text.to_owned(), commands: Vec::new(), files: Vec::new() };
    let (mut command, mut word): (Vec<String>, Option<String>) = (Vec::new(), None);
    let mut is_file = false;
    let mut end_word = |word: &mut Option<String>,
                        command: &mut Vec<String>,
                        is_file: &mut bool| {
        match word.take() {
            Some(word) if std::mem::take(is_file) => line.files.push(word),
            Some(word) => command.push(word),
            None => {}
        }
    };
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some(end) if end == character => break,
                        Some('\\') if character == '"' => word.extend(characters.next()),
                        Some(inner) => word.push(inner),
                        None => return Err(format!("a quote of {text:?} does not end")),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            '#' if word.is_none() => break,
            '|' | '&' | ';' => {
                end_word(&mut word, &mut command, &mut is_file);
                if !command.is_empty() {
                    line.commands.push(std::mem::take(&mut command));
                }
            }
            '<' | '>' => {
                // The number before it says which stream goes there.
                if word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
                {
                    word = None;
                }
                end_word(&mut word, &mut command, &mut is_file);
                while characters.next_if(|next| "<>&-".contains(*next)).is_some() {}
                is_file = true;
            }
            blank if blank.is_whitespace() => end_word(&mut word, &mut command, &mut is_file),
            other => word.get_or_insert_default().push(other),
        }
    }
    end_word(&mut word, &mut command, &mut is_file);
    if !command.is_empty() {
        line.commands.push(command);
    }
    Ok(line)
}

#[test]
fn lines_are_split_as_a_shell_splits_them() {
    let check = |script: &str, expected: &[&[&str]], files: &[&str]| {
        let lines = lines(script).expect("sound");
        let commands: Vec<&Vec<String>> = lines.iter().flat_map(|line| &line.commands).collect();
        assert_eq!(commands, expected, "{script}");
        let found: Vec<&String> = lines.iter().flat_map(|line| &line.files).collect();
        assert_eq!(found, files, "{script}");
    };
    check("a 'b c' \"d\\\"e\" f\\ g#h # i", &[&["a", "b c", "d\"e", "f g#h"]], &[]);
    check("a | b && c; d &", &[&["a"], &["b"], &["c"], &["d"]], &[]);
    check("a > x 2>&1 <y b", &[&["a", "b"]], &["x", "1", "y"]);
    check("a \\\n   b\n\n# c\nd", &[&["a", "b"], &["d"]], &[]);
    check("a <<'END'\nb | c\nEND\nd ''", &[&["a"], &["d", ""]], &["END"]);
    assert!(lines("a 'b").is_err() && lines("a <<END\nb").is_err());
}
