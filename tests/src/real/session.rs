//! A client of the real server in either encoding, in the words of the protocol's own types.

use std::net::SocketAddr;

use slotcast_protocol::{Cursor, Device, Event, ObjectName, Pattern, Request, Use, User};

use super::requests::{Down, Requests};
use super::socket::{BINARY, Frame, Socket, TEXT};
use crate::json_wire;

pub struct Session {
    link: Link,
    json: bool,
}

/// By which door one comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    WebSocket,
    Requests(Down),
}

impl Way {
    pub const ALL: [Way; 4] =
        [Way::WebSocket, Way::Requests(Down::Poll), Way::Requests(Down::Stream), Way::Requests(Down::Events)];
}

enum Link {
    Socket(Socket),
    Requests(Requests),
}

impl Session {
    /// Has said hello on a WebSocket and been welcomed; None if the connection ended over it.
    pub fn open(address: SocketAddr, user: &str, device: &str, json: bool) -> Option<Session> {
        Session::open_by(Way::WebSocket, address, (user, device), json)
    }

    /// The same, by any door.
    pub fn open_by(
        way: Way,
        address: SocketAddr,
        (user, device): (&str, &str),
        json: bool,
    ) -> Option<Session> {
        let user = Some(User::parse(user).expect("a good user"));
        let device = Some(Device::parse(device).expect("a good device"));
        let hello = bytes(&Request::Hello { token: None, device, user }, json);
        let link = match way {
            Way::WebSocket => {
                let subprotocol = if json { "slotcast.v1.json" } else { "slotcast.v1.msgpack" };
                let mut socket = Socket::try_open(address, subprotocol)?;
                socket.frame(if json { TEXT } else { BINARY }, &hello);
                Link::Socket(socket)
            }
            Way::Requests(down) => Link::Requests(Requests::open(address, down, json, &hello)?),
        };
        let mut session = Session { link, json };
        match session.hear()? {
            Event::Welcome(_) => Some(session),
            other => panic!("{other:?} instead of a welcome"),
        }
    }

    pub fn say(&mut self, request: &Request) {
        let message = bytes(request, self.json);
        match &mut self.link {
            Link::Socket(socket) => socket.frame(if self.json { TEXT } else { BINARY }, &message),
            Link::Requests(requests) => requests.say(&message),
        }
    }

    /// The next event; None when the connection is over.
    pub fn hear(&mut self) -> Option<Event> {
        loop {
            let message = match &mut self.link {
                Link::Socket(socket) => match socket.next() {
                    Frame::Text(text) => text.into_bytes(),
                    Frame::Binary(bytes) => bytes,
                    Frame::Ping | Frame::Pong(_) => continue,
                    Frame::Close(_) | Frame::End => return None,
                },
                Link::Requests(requests) => requests.hear()?,
            };
            let event = match self.json {
                true => json_wire::event(std::str::from_utf8(&message).expect("JSON is text")),
                false => Event::decode(&message),
            };
            if let Some(event) = event.expect("the server's events are good") {
                return Some(event);
            }
        }
    }

    /// Goes without a word, where there is one.
    pub fn cut(mut self) {
        if let Link::Requests(requests) = &mut self.link {
            requests.is_polite = false;
        }
    }

    /// Follows an object.
    pub fn follow(&mut self, object: &ObjectName, cursor: Option<Cursor>, slots: Option<Vec<Pattern>>) {
        self.say(&Request::Use(Use { object: object.clone(), cursor, slots, rate: None }));
    }
}

fn bytes(request: &Request, json: bool) -> Vec<u8> {
    match json {
        true => json_wire::request_text(request).into_bytes(),
        false => request.encode(),
    }
}
