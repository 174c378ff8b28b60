//! The part of MessagePack that the benchmark speaks: writing in shortest form, and reading by skipping.

/// Appends nil.
pub fn nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

/// Appends a bool.
pub fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

/// Appends an unsigned integer in its shortest form.
pub fn uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => tagged(out, 0xcd, &(value as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => tagged(out, 0xce, &(value as u32).to_be_bytes()),
        _ => tagged(out, 0xcf, &value.to_be_bytes()),
    }
}

/// Appends a string of less than 64 KiB.
pub fn str(out: &mut Vec<u8>, value: &[u8]) {
    match value.len() {
        len @ 0..=31 => out.push(0xa0 | len as u8),
        len @ 32..=255 => out.extend_from_slice(&[0xd9, len as u8]),
        len => tagged(out, 0xda, &(len as u16).to_be_bytes()),
    }
    out.extend_from_slice(value);
}

/// Appends a binary of less than 64 KiB.
pub fn bin(out: &mut Vec<u8>, value: &[u8]) {
    match value.len() {
        len @ 0..=255 => out.extend_from_slice(&[0xc4, len as u8]),
        len => tagged(out, 0xc5, &(len as u16).to_be_bytes()),
    }
    out.extend_from_slice(value);
}

/// Appends the header of an array of less than 16 fields.
pub fn array(out: &mut Vec<u8>, len: u8) {
    assert!(len < 16, "the benchmark's arrays are short");
    out.push(0x90 | len);
}

/// Appends the header of an array of any length.
pub fn long_array(out: &mut Vec<u8>, len: u32) {
    out.push(0xdd);
    out.extend_from_slice(&len.to_be_bytes());
}

/// Appends the header of a map of less than 16 entries.
pub fn map(out: &mut Vec<u8>, len: u8) {
    assert!(len < 16, "the benchmark's maps are short");
    out.push(0x80 | len);
}

fn tagged(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// Reads forwards through MessagePack. `None` means: not what was asked for, or cut off.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The number of fields of the array that begins here.
    #[inline]
    pub fn array(&mut self) -> Option<usize> {
        match self.byte()? {
            tag @ 0x90..=0x9f => Some(usize::from(tag & 0x0f)),
            0xdc => self.number::<2>().map(|n| n as usize),
            0xdd => self.number::<4>().map(|n| n as usize),
            _ => None,
        }
    }

    /// The unsigned integer here.
    #[inline]
    pub fn uint(&mut self) -> Option<u64> {
        match self.byte()? {
            tag @ 0..=0x7f => Some(u64::from(tag)),
            0xcc => self.number::<1>(),
            0xcd => self.number::<2>(),
            0xce => self.number::<4>(),
            0xcf => self.number::<8>(),
            _ => None,
        }
    }

    /// The bool here.
    pub fn bool(&mut self) -> Option<bool> {
        match self.byte()? {
            0xc2 => Some(false),
            0xc3 => Some(true),
            _ => None,
        }
    }

    /// The bytes of the string here.
    #[inline]
    pub fn str(&mut self) -> Option<&'a [u8]> {
        let len = match self.byte()? {
            tag @ 0xa0..=0xbf => usize::from(tag & 0x1f),
            0xd9 => self.number::<1>()? as usize,
            0xda => self.number::<2>()? as usize,
            0xdb => self.number::<4>()? as usize,
            _ => return None,
        };
        self.take(len)
    }

    /// The bytes of the binary here.
    #[inline]
    pub fn bin(&mut self) -> Option<&'a [u8]> {
        let len = match self.byte()? {
            0xc4 => self.number::<1>()? as usize,
            0xc5 => self.number::<2>()? as usize,
            0xc6 => self.number::<4>()? as usize,
            _ => return None,
        };
        self.take(len)
    }

    /// Passes over `count` values of any shape. A loop, not a recursion: depth costs nothing.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        let mut left = count as u64;
        while left > 0 {
            left = left - 1 + self.skip_one()?;
        }
        Some(())
    }

    /// Passes over one value's header and flat bytes; the answer is how many values it holds.
    fn skip_one(&mut self) -> Option<u64> {
        let flat = match self.byte()? {
            0..=0x7f | 0xe0..=0xff | 0xc0..=0xc3 => 0,
            tag @ 0x80..=0x8f => return Some(2 * u64::from(tag & 0x0f)),
            tag @ 0x90..=0x9f => return Some(u64::from(tag & 0x0f)),
            0xdc => return self.number::<2>(),
            0xdd => return self.number::<4>(),
            0xde => return self.number::<2>().map(|n| 2 * n),
            0xdf => return self.number::<4>().map(|n| 2 * n),
            tag @ 0xa0..=0xbf => usize::from(tag & 0x1f),
            0xc4 | 0xd9 => self.number::<1>()? as usize,
            0xc5 | 0xda => self.number::<2>()? as usize,
            0xc6 | 0xdb => self.number::<4>()? as usize,
            0xcc | 0xd0 => 1,
            0xcd | 0xd1 => 2,
            0xca | 0xce | 0xd2 => 4,
            0xcb | 0xcf | 0xd3 => 8,
            0xc7..=0xc9 | 0xd4..=0xd8 => return None,
        };
        self.take(flat).map(|_| 0)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Of a constant width, so that it is one load and not a loop: the load reads 25 million diffs a second.
    #[inline]
    fn number<const WIDTH: usize>(&mut self) -> Option<u64> {
        let (taken, rest) = self.bytes.split_first_chunk::<WIDTH>()?;
        self.bytes = rest;
        let mut wide = [0; 8];
        wide[8 - WIDTH..].copy_from_slice(taken);
        Some(u64::from_be_bytes(wide))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_from_each_width() {
        for value in [0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
            let mut out = Vec::new();
            uint(&mut out, value);
            assert_eq!(Reader::new(&out).uint(), Some(value));
        }
    }

    #[test]
    fn strings_and_binaries_come_back_from_each_width() {
        for len in [0, 31, 32, 255, 256, 4000] {
            let bytes = vec![b'x'; len];
            let mut out = Vec::new();
            str(&mut out, &bytes);
            bin(&mut out, &bytes);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.str(), Some(&bytes[..]));
            assert_eq!(reader.bin(), Some(&bytes[..]));
        }
    }

    #[test]
    fn skip_passes_over_nested_values() {
        let mut out = vec![0x92, 0x81, 0xa1, b'k', 0x91, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0];
        uint(&mut out, 9);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.skip(1), Some(()));
        assert_eq!(reader.uint(), Some(9));
    }

    #[test]
    fn what_is_cut_off_is_none() {
        assert_eq!(Reader::new(&[0xc4, 3, 1]).bin(), None);
        assert_eq!(Reader::new(&[0x92, 1]).skip(1), None);
        assert_eq!(Reader::new(&[]).array(), None);
    }
}
