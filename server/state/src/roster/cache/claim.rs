//! What a client says about the list that it has, and how that stands to what a home has.

use slotcast_protocol::Fault;
use slotcast_protocol::roster::Tag;

/// The tag, or the short form of it that packets carry: rev and the first 8 bytes of the MD5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// None stands for the present one.
    pub epoch: Option<u64>,
    /// How far the client is.
    pub rev: u64,
    /// The beginning of the MD5 of its friend list.
    pub md5: [u8; 8],
}

/// What a client is told along with the answer to its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Its list is older; it should ask for what it lacks.
    Behind,
    /// Its list is none that there ever was, or of another life: it must take the whole.
    Full,
}

/// Where a claim stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Equal,
    Older,
    /// The same rev with another MD5.
    Diverged,
    Newer,
    OtherEpoch,
}

impl Claim {
    /// Reads the text of a tag.
    pub fn parse(text: &str) -> Result<Claim, Fault> {
        Tag::parse(text).map(Claim::from)
    }

    pub(crate) fn against(&self, tag: Tag) -> Standing {
        if self.epoch.is_some_and(|epoch| epoch != tag.mark.epoch) {
            return Standing::OtherEpoch;
        }
        match self.rev.cmp(&tag.mark.rev) {
            std::cmp::Ordering::Less => Standing::Older,
            std::cmp::Ordering::Greater => Standing::Newer,
            std::cmp::Ordering::Equal if self.md5 == tag.md5[..8] => Standing::Equal,
            std::cmp::Ordering::Equal => Standing::Diverged,
        }
    }
}

impl From<Tag> for Claim {
    fn from(tag: Tag) -> Self {
        let md5 = *tag.md5.first_chunk().expect("16 bytes begin with 8");
        Claim { epoch: Some(tag.mark.epoch), rev: tag.mark.rev, md5 }
    }
}
