//! Why a token was refused: a word for the client, and a label to count it by.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use slotcast_protocol::{Code, Fault};

/// How many, by reason.
pub type Refusals = Family<Label, Counter>;

/// A reason as a label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Label {
    reason: &'static str,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// What was wrong with a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// For the metric.
            pub fn label(self) -> Label {
                let reason = match self { $(Reason::$variant => $name,)* };
                Label { reason }
            }
        }
    };
}

reasons! {
    /// There was none.
    Missing "missing",
    /// It is nobody's.
    Unknown "unknown",
    /// It is no token, or its header is not one of ours.
    Form "form",
    /// Its key or algorithm.
    Key "key",
    /// Its signature.
    Signature "signature",
    /// Its time is over.
    Expired "expired",
    /// What it says.
    Claims "claims",
    /// A ticket that is not, or no longer, good.
    Ticket "ticket",
    /// Its user may not come in any more.
    Revoked "revoked",
}

/// A refusal; it never holds any of the token but the names of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub reason: Reason,
    what: String,
}

impl Refused {
    pub fn new(reason: Reason, what: impl Into<String>) -> Self {
        Refused { reason, what: what.into() }
    }

    /// What the client is told.
    pub fn fault(self) -> Fault {
        Fault::new(Code::Unauthorized, format!("token: {}", self.what))
    }
}
