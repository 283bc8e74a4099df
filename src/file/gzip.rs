//! Gzip, member after member (RFC 1952, section 2.2), as plain bytes.
//!
//! Zeros after a member are padding, as tapes and some tools leave it. Whatever else follows one and begins no other is
//! an error: it may be what is left of a member, and its events would be missing.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What every member begins with (RFC 1952, section 2.3.1).
const FIRST_BYTE: u8 = 0x1F;

/// The plain bytes of all members of a stream.
pub(super) struct Members<R> {
    /// The one that is being read; `None` at the end.
    member: Option<GzDecoder<R>>,
    is_first: bool,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(stream: R) -> Self {
        Members { member: Some(GzDecoder::new(stream)), is_first: true }
    }

    /// Steps over the end of a member.
    fn go_on(&mut self) -> io::Result<()> {
        let Some(ended) = self.member.take() else { return Ok(()) };
        let mut stream = ended.into_inner();
        self.is_first = false;
        match skip_padding(&mut stream)? {
            Some(FIRST_BYTE) => self.member = Some(GzDecoder::new(stream)),
            Some(_) => return Err(trailing()),
            None => {}
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member
            && !buffer.is_empty()
        {
            match member.read(buffer) {
                Ok(0) => self.go_on()?,
                // A member without so much as a header is none.
                Err(error)
                    if error.kind() == io::ErrorKind::InvalidInput
                        && !self.is_first
                        && member.header().is_none() =>
                {
                    return Err(trailing());
                }
                outcome => return outcome,
            }
        }
        Ok(0)
    }
}

/// The first byte that is no padding, which stays in the stream; `None` at its end.
fn skip_padding(stream: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let ready = stream.fill_buf()?;
        let zeros = ready.iter().take_while(|byte| **byte == 0).count();
        let next = ready.get(zeros).copied();
        let is_end = ready.is_empty();
        stream.consume(zeros);
        if next.is_some() || is_end {
            return Ok(next);
        }
    }
}

fn trailing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "there are bytes after its end that are no gzip")
}
