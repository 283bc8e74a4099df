//! As much of Markdown as the documents use: headings, fenced blocks, and lines of prose.

/// Where a piece of a document stands, for whoever must mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) document: String,
    pub(super) line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.document, self.line)
    }
}

/// A fenced block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) place: Place,
    /// What stands behind the opening fence.
    pub(super) language: String,
    pub(super) text: String,
    /// The last line of prose before it, `""` where there is none since the heading or the block before.
    pub(super) lead: String,
}

/// A heading and what stands below it, up to the next one of any level.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) level: usize,
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
    /// Lines outside of blocks, each with its number.
    pub(super) prose: Vec<(usize, String)>,
}

/// The sections of a text. What stands before the first heading belongs to one of level 0.
///
/// # Panics
/// Where a fence is not closed.
#[track_caller]
pub(super) fn sections(document: &str, text: &str) -> Vec<Section> {
    let section = |level, title: &str| Section {
        level,
        title: title.to_owned(),
        blocks: Vec::new(),
        prose: Vec::new(),
    };
    let mut sections = vec![section(0, "")];
    let (mut open, mut lead): (Option<Block>, String) = (None, String::new());
    for (number, line) in text.lines().enumerate() {
        let place = Place { document: document.to_owned(), line: number + 1 };
        let current = sections.last_mut().expect("there is always one");
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (Some(_), Some("")) => current.blocks.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(language)) => {
                let language = language.trim().to_owned();
                let lead = std::mem::take(&mut lead);
                open = Some(Block { place, language, text: String::new(), lead });
            }
            (None, None) => {
                if let Some((level, title)) = heading(line) {
                    lead.clear();
                    sections.push(section(level, title));
                    continue;
                }
                if !line.trim().is_empty() {
                    line.clone_into(&mut lead);
                }
                current.prose.push((number + 1, line.to_owned()));
            }
        }
    }
    assert!(open.is_none(), "{document}: the block at {} has no end", open.expect("one").place);
    sections
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line[level..].strip_prefix(' ')?;
    (level > 0).then_some((level, title.trim()))
}

/// Lines without an empty one between, as one text with the number of its first line.
pub(super) fn paragraphs(prose: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last = 0;
    for (number, line) in prose.iter().filter(|(_, line)| !line.trim().is_empty()) {
        match found.last_mut().filter(|_| last + 1 == *number) {
            Some((_, text)) => {
                text.push(' ');
                text.push_str(line);
            }
            None => found.push((*number, line.clone())),
        }
        last = *number;
    }
    found
}

/// What stands between single backquotes in a paragraph.
pub(super) fn inline_code(paragraph: &str) -> impl Iterator<Item = &str> {
    paragraph.split('`').skip(1).step_by(2)
}

#[test]
fn sections_blocks_and_leads_are_found() {
    let text =
        "a\n# One\n`m.toml`:\n\n```toml\n# no heading\n```\n## Two\n```sh\nx\n\n```\nb `c` `d`";
    let found = sections("d.md", text);
    let titles: Vec<_> =
        found.iter().map(|section| (section.level, section.title.as_str())).collect();
    assert_eq!(titles, [(0, ""), (1, "One"), (2, "Two")]);
    let block = &found[1].blocks[0];
    assert_eq!((block.place.to_string().as_str(), block.language.as_str()), ("d.md:5", "toml"));
    assert_eq!((block.text.as_str(), block.lead.as_str()), ("# no heading\n", "`m.toml`:"));
    let block = &found[2].blocks[0];
    assert_eq!((block.text.as_str(), block.lead.as_str()), ("x\n\n", ""));
    assert_eq!(found[2].prose, [(13, "b `c` `d`".to_owned())]);
    assert_eq!(inline_code(&found[2].prose[0].1).collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn paragraphs_end_at_empty_lines() {
    let found = sections("d.md", "a `b\nc` d\n\ne\n```sh\n```\nf");
    let found = paragraphs(&found[0].prose);
    assert_eq!(found, [(1, "a `b c` d".to_owned()), (4, "e".to_owned()), (7, "f".to_owned())]);
    assert_eq!(inline_code(&found[0].1).collect::<Vec<_>>(), ["b c"]);
}

#[test]
#[should_panic(expected = "d.md:1 has no end")]
fn a_block_without_end_is_told() {
    sections("d.md", "```sh\nx\n");
}
