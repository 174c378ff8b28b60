//! The names within a roster. All are in Unicode's NFC, so that what looks the same has the same bytes under the fingerprint.

use std::fmt;
use std::sync::Arc;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::code::{Code, Fault};
use crate::names::User;

macro_rules! nfc_name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $bytes_max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Brings `text` into NFC and checks it; the fault names what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                // What is so long stays too long.
                let text = if text.len() > $bytes_max * 4 { text.to_owned() } else { text.nfc().collect() };
                if text.is_empty() || text.len() > $bytes_max {
                    let why = concat!($field, ": must have 1 to ", $bytes_max, " bytes");
                    return Err(Fault::new(Code::BadName, why));
                }
                if text.chars().any(char::is_control) {
                    let why = concat!($field, ": must not hold control characters");
                    return Err(Fault::new(Code::BadName, why));
                }
                Ok($name(text.into()))
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

nfc_name! {
    /// What an owner calls a friend: 1 to 128 bytes of UTF-8 in NFC without control characters.
    Alias, "alias", 128
}

nfc_name! {
    /// A heading under which an owner has friends: 1 to 64 bytes of UTF-8 in NFC without control characters.
    Group, "group", 64
}

/// A user who may be on a roster or own one: the name is in NFC already. It is not brought into it, as it would then be another user's.
pub fn member(text: &str) -> Result<User, Fault> {
    let user = User::parse(text)?;
    if is_nfc(text) { Ok(user) } else { Err(Fault::new(Code::BadName, "user: must be in Unicode NFC")) }
}
