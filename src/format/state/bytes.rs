//! Writing and reading of the numbers and texts that entries of the state are made of.

use std::fmt;

use crate::model::{Amount, EventTime, Quantity};

/// An entry of the state that is not what it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Corrupt(pub String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state holds {}", self.0)
    }
}

impl std::error::Error for Corrupt {}

/// Bytes being written.
#[derive(Default)]
pub(in crate::format) struct Writer(pub(in crate::format) Vec<u8>);

impl Writer {
    pub(in crate::format) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(in crate::format) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(in crate::format) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(in crate::format) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Sorts as the instant does.
    pub(in crate::format) fn time(&mut self, time: EventTime) -> &mut Self {
        let turned = time.micros() ^ i64::MIN;
        self.bytes(&turned.to_be_bytes())
    }

    /// Sorts as the value does.
    pub(in crate::format) fn quantity(&mut self, value: Quantity) -> &mut Self {
        let turned = value.units() ^ i128::MIN;
        self.bytes(&turned.to_be_bytes())
    }

    /// A length (1), then as many bytes of the two's complement, little endian, as say it all.
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "the length is 1 to 32, and where it is 1 there is nothing spare"
    )]
    pub(in crate::format) fn amount(&mut self, value: Amount) -> &mut Self {
        let bytes = value.to_le_bytes();
        let fill = if value.is_negative() { 0xFF } else { 0 };
        let mut length = bytes.len();
        let is_spare =
            |length: usize| bytes[length - 1] == fill && (bytes[length - 2] ^ fill) & 0x80 == 0;
        while length > 1 && is_spare(length) {
            length -= 1;
        }
        self.u8(u8::try_from(length).expect("at most 32")).bytes(&bytes[..length])
    }

    pub(in crate::format) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T),
    ) -> &mut Self {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
        self
    }

    pub(in crate::format) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Bytes being read; every step fails where they end too early.
pub(in crate::format) struct Reader<'b> {
    rest: &'b [u8],
    what: &'static str,
}

impl<'b> Reader<'b> {
    /// `what` names the entry in errors.
    pub(in crate::format) fn new(bytes: &'b [u8], what: &'static str) -> Self {
        Reader { rest: bytes, what }
    }

    pub(in crate::format) fn corrupt<T>(&self, how: &str) -> Result<T, Corrupt> {
        Err(Corrupt(format!("{} {how}", self.what)))
    }

    pub(in crate::format) fn take(&mut self, count: usize) -> Result<&'b [u8], Corrupt> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => self.corrupt("that is cut short"),
        }
    }

    pub(in crate::format) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many as were asked for"))
    }

    pub(in crate::format) fn u8(&mut self) -> Result<u8, Corrupt> {
        Ok(self.array::<1>()?[0])
    }

    pub(in crate::format) fn u16(&mut self) -> Result<u16, Corrupt> {
        self.array().map(u16::from_be_bytes)
    }

    pub(in crate::format) fn u32(&mut self) -> Result<u32, Corrupt> {
        self.array().map(u32::from_be_bytes)
    }

    pub(in crate::format) fn u64(&mut self) -> Result<u64, Corrupt> {
        self.array().map(u64::from_be_bytes)
    }

    pub(in crate::format) fn time(&mut self) -> Result<EventTime, Corrupt> {
        let turned = self.array().map(i64::from_be_bytes)?;
        Ok(EventTime::from_micros(turned ^ i64::MIN))
    }

    pub(in crate::format) fn quantity(&mut self) -> Result<Quantity, Corrupt> {
        let units = self.array().map(i128::from_be_bytes)? ^ i128::MIN;
        match Quantity::from_units(units) {
            Some(quantity) => Ok(quantity),
            None => self.corrupt("with a value of more than 38 digits"),
        }
    }

    pub(in crate::format) fn amount(&mut self) -> Result<Amount, Corrupt> {
        let length = usize::from(self.u8()?);
        if !(1..=32).contains(&length) {
            return self.corrupt("with a sum of no length");
        }
        let taken = self.take(length)?;
        let is_negative = taken.last().is_some_and(|last| last & 0x80 != 0);
        let fill = if is_negative { 0xFF } else { 0 };
        let mut bytes = [fill; 32];
        for (byte, stored) in bytes.iter_mut().zip(taken) {
            *byte = *stored;
        }
        Ok(Amount::from_le_bytes(bytes))
    }

    pub(in crate::format) fn flag(&mut self) -> Result<bool, Corrupt> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => self.corrupt("with a flag that is neither 0 nor 1"),
        }
    }

    pub(in crate::format) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Corrupt>,
    ) -> Result<Option<T>, Corrupt> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    pub(in crate::format) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.rest)
    }

    /// To be called when everything was read.
    pub(in crate::format) fn end(&self) -> Result<(), Corrupt> {
        if self.rest.is_empty() { Ok(()) } else { self.corrupt("with bytes left over") }
    }
}
