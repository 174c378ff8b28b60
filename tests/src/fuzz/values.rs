//! Values: the canonical form is a value, the same for all spellings, and JSON says no other.

use slotcast_protocol::{Value, canonical, json};

use super::{is_plain, wide};

pub fn hold(data: &[u8]) {
    let Ok(value) = Value::check(data, &wide()) else { return };
    assert_eq!(value.bytes(), data, "it is passed on as it came");
    let form = canonical_form(&value);
    let canonical = Value::check(&form, &wide()).expect("the canonical form is a value");
    assert_eq!(canonical_form(&canonical), form, "the canonical form has itself as its form");
    if is_plain(data) {
        let text = json::value_text(data);
        let read = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let again = json::value_bytes(read).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let again = Value::check(&again, &wide()).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(canonical_form(&again), form, "{text}");
    }
}

fn canonical_form(value: &Value) -> Vec<u8> {
    let mut form = Vec::new();
    canonical::write(value, &mut form);
    form
}
