//! A client of the real server in either encoding, in the words of the protocol's own types.

use std::net::SocketAddr;

use slotcast_protocol::{Cursor, Device, Event, ObjectName, Pattern, Request, Use, User};

use super::socket::{BINARY, Frame, Socket, TEXT};
use crate::json_wire;

pub struct Session {
    socket: Socket,
    json: bool,
}

impl Session {
    /// Has said hello and been welcomed; None if the connection ended over it.
    pub fn open(address: SocketAddr, user: &str, device: &str, json: bool) -> Option<Session> {
        let subprotocol = if json { "slotcast.v1.json" } else { "slotcast.v1.msgpack" };
        let mut session = Session { socket: Socket::try_open(address, subprotocol)?, json };
        let user = Some(User::parse(user).expect("a good user"));
        let device = Some(Device::parse(device).expect("a good device"));
        session.say(&Request::Hello { token: None, device, user });
        match session.hear()? {
            Event::Welcome(_) => Some(session),
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    pub fn say(&mut self, request: &Request) {
        if self.json {
            self.socket.frame(TEXT, json_wire::request_text(request).as_bytes());
        } else {
            self.socket.frame(BINARY, &request.encode());
        }
    }

    /// The next event; None when the connection is over.
    pub fn hear(&mut self) -> Option<Event> {
        loop {
            let event = match self.socket.next() {
                Frame::Text(text) => json_wire::event(&text).expect("the server's events are good"),
                Frame::Binary(bytes) => Event::decode(&bytes).expect("the server's events are good"),
                Frame::Ping | Frame::Pong(_) => None,
                Frame::Close(_) | Frame::End => return None,
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Follows an object.
    pub fn follow(&mut self, object: &ObjectName, cursor: Option<Cursor>, slots: Option<Vec<Pattern>>) {
        self.say(&Request::Use(Use { object: object.clone(), cursor, slots, rate: None }));
    }
}
