//! How much of an object a client has.

use crate::pack::{self, Reader};

/// `[epoch, version, sends]`. The default, of epoch 0, is that of a client without a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The object's incarnation.
    pub epoch: u64,
    /// Its last change that the client has.
    pub version: u64,
    /// How many sends it has had.
    pub sends: u64,
}

impl Cursor {
    /// Appends it; nil, if it is that of a client without a copy.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.epoch == 0 {
            return pack::nil(out);
        }
        pack::array(out, 3);
        [self.epoch, self.version, self.sends].into_iter().for_each(|number| pack::uint(out, number));
    }

    /// Reads one as `write` makes it; `None` for nil, or if the message ends here.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.array()?;
        Some(Self { epoch: reader.uint()?, version: reader.uint()?, sends: reader.uint()? })
    }
}
