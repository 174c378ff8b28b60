//! `slotcast export`: every object of a store as a line of JSON, as they are at one moment.
//!
//! ```json
//! {"object":"auction/42","epoch":7,"version":2,"sends":0,"slots":{"price":{"value":120,"version":2,"by":"alice"}}}
//! ```

use std::fmt::Write;

use clap::Args;
use serde_json::Value as Json;
use slotcast_protocol::{ObjectName, json};
use slotcast_state::Contents;

use super::{Data, Failure, count};
use crate::cli::failure::say;
use crate::cli::screen::{print, printable};
use crate::engine::embedded::tools;

/// Arguments.
#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    data: Data,
}

/// What is damaged is named and left out; the rest can be imported elsewhere.
pub fn run(export: Export) -> Result<(), Failure> {
    let (mut unread, mut faults) = (None, 0);
    let done = tools::export(&export.data.folder, |object, contents| {
        let contents = match contents {
            Ok(contents) => contents,
            Err(fault) => {
                faults += 1;
                say(&fault.to_string());
                return Ok(());
            }
        };
        print(&printable(&line(object, &contents))).map_err(|failure| {
            unread = Some(failure);
            tools::stop()
        })
    });
    match (done, unread) {
        (_, Some(failure)) => Err(failure),
        (Err(error), None) => Err(error.into()),
        (Ok(()), None) if faults > 0 => {
            Err(Failure::Failed(format!("{} left out, as said above", count(faults, "damaged object"))))
        }
        (Ok(()), None) => Ok(()),
    }
}

fn line(object: &ObjectName, contents: &Contents) -> String {
    const GROWS: &str = "a String takes all";
    let text = |text: &str| Json::from(text).to_string();
    let mut line = format!("{{\"object\":{},\"epoch\":{}", text(object.as_str()), contents.epoch());
    write!(line, ",\"version\":{},\"sends\":{},\"slots\":{{", contents.version(), contents.sends())
        .expect(GROWS);
    for (number, record) in contents.lasting_records().enumerate() {
        let value = record.value.as_ref().map_or("null".to_owned(), |value| json::value_text(value.bytes()));
        let comma = if number == 0 { "" } else { "," };
        write!(
            line,
            "{comma}{}:{{\"value\":{value},\"version\":{}",
            text(record.slot.as_str()),
            record.version
        )
        .expect(GROWS);
        write!(line, ",\"by\":{}", text(record.by.as_str())).expect(GROWS);
        if let Some(expires_ms) = contents.expires_ms(&record.slot) {
            write!(line, ",\"expires_ms\":{expires_ms}").expect(GROWS);
        }
        line.push('}');
    }
    line + "}}"
}
