//! Requests as a client sends them: for the command line and the tests.

use crate::names::{Device, SlotName, User};
use crate::op::Op;
use crate::request::{Request, Send, Use, Write};
use crate::writer::Writer;

impl Request {
    /// As one MessagePack message.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Request::Hello { token, device, user } => {
                writer.array(4).uint(1).optional_text(token.as_deref());
                let device = device.as_ref().map(Device::as_str);
                writer.optional_text(device).optional_text(user.as_ref().map(User::as_str))
            }
            Request::Use(request) => encode_use(request, &mut writer),
            Request::Release { object } => writer.array(2).uint(3).text(object.as_str()),
            Request::Write(write) => encode_write(write, &mut writer),
            Request::Send(Send { id, object, name, value }) => writer
                .array(5)
                .uint(5)
                .optional_uint(*id)
                .text(object.as_str())
                .text(name.as_str())
                .splice(value.bytes()),
            Request::Fingerprint { object } => writer.array(2).uint(6).text(object.as_str()),
            Request::Ping { n } => writer.array(2).uint(7).optional_uint(*n),
            Request::Renew { token } => writer.array(2).uint(8).text(token),
            Request::Relay(request) => {
                request.encode(&mut writer);
                &mut writer
            }
        };
        writer.0
    }
}

fn encode_use<'w>(request: &Use, writer: &'w mut Writer) -> &'w mut Writer {
    writer.array(if request.rate.is_some() { 5 } else { 4 }).uint(2).text(request.object.as_str());
    match request.cursor {
        None => writer.nil(),
        Some(cursor) => {
            writer.array(if cursor.sends.is_some() { 3 } else { 2 }).uint(cursor.epoch).uint(cursor.version);
            match cursor.sends {
                Some(sends) => writer.uint(sends),
                None => &mut *writer,
            }
        }
    };
    match &request.slots {
        None => _ = writer.nil(),
        Some(patterns) => {
            writer.array(patterns.len());
            patterns.iter().for_each(|pattern| _ = writer.text(pattern.as_str()));
        }
    }
    match request.rate {
        None => writer,
        Some(rate) => writer.uint(rate.per_second()),
    }
}

fn encode_write<'w>(write: &Write, writer: &'w mut Writer) -> &'w mut Writer {
    // What older servers do not know goes only where it says something.
    writer
        .array(7 + usize::from(write.at.is_some()))
        .uint(4)
        .optional_uint(write.id)
        .text(write.object.as_str());
    writer.optional_uint(write.epoch).uint(write.seen);
    encode_conditions(&write.conditions, writer).array(write.ops.len());
    write.ops.iter().for_each(|op: &Op| op.encode(writer));
    write.at.map(|at| writer.uint(at));
    writer
}

fn encode_conditions<'w>(conditions: &[(SlotName, u64)], writer: &'w mut Writer) -> &'w mut Writer {
    if conditions.is_empty() {
        return writer.nil();
    }
    writer.map(conditions.len());
    conditions.iter().fold(writer, |writer, (slot, version)| writer.text(slot.as_str()).uint(*version))
}
