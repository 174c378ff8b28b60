//! Writes MessagePack, each item in its shortest form.

use rmp::encode;

/// A growing buffer of MessagePack.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// With room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Writer(Vec::with_capacity(bytes))
    }

    /// An array of `count` items follows.
    pub fn array(&mut self, count: usize) -> &mut Self {
        encode::write_array_len(&mut self.0, count as u32).expect("a Vec takes all");
        self
    }

    /// A map of `count` pairs follows.
    pub fn map(&mut self, count: usize) -> &mut Self {
        encode::write_map_len(&mut self.0, count as u32).expect("a Vec takes all");
        self
    }

    /// Nothing.
    pub fn nil(&mut self) -> &mut Self {
        self.0.push(0xc0);
        self
    }

    /// true or false.
    pub fn bool(&mut self, bool: bool) -> &mut Self {
        self.0.push(if bool { 0xc3 } else { 0xc2 });
        self
    }

    /// A non-negative integer.
    pub fn uint(&mut self, number: u64) -> &mut Self {
        encode::write_uint(&mut self.0, number).expect("a Vec takes all");
        self
    }

    /// Any integer of 64 bits.
    pub fn int(&mut self, number: i64) -> &mut Self {
        encode::write_sint(&mut self.0, number).expect("a Vec takes all");
        self
    }

    /// A float, as float 64.
    pub fn float(&mut self, number: f64) -> &mut Self {
        encode::write_f64(&mut self.0, number).expect("a Vec takes all");
        self
    }

    /// Text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        encode::write_str(&mut self.0, text).expect("a Vec takes all");
        self
    }

    /// Binary.
    pub fn binary(&mut self, bytes: &[u8]) -> &mut Self {
        encode::write_bin(&mut self.0, bytes).expect("a Vec takes all");
        self
    }

    /// An item that is encoded already.
    pub fn splice(&mut self, item: &[u8]) -> &mut Self {
        self.0.extend_from_slice(item);
        self
    }

    /// A number, or nil.
    pub fn optional_uint(&mut self, number: Option<u64>) -> &mut Self {
        match number {
            Some(number) => self.uint(number),
            None => self.nil(),
        }
    }

    /// Text, or nil.
    pub fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.nil(),
        }
    }
}
