//! A client of the MessagePack subprotocol: one connection, requests out, events in.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use slotcast_protocol::{
    Code, Cursor, Device, Door, Encoding, Event, Fault, ObjectName, Pattern, Rate, Request, Use, User,
};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::failure::Failure;
use super::link::Link;
use super::object_copy::ObjectCopy;
use super::trust::connector;

/// Silence after which the client asks for a sign of life, and how long it waits for one (protocol.md section 2).
const SILENCE: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(10);

/// A good-bye that is not heard is no loss.
const GOODBYE: Duration = Duration::from_secs(1);

/// Said hello and was welcomed.
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    patience: Duration,
    /// As the server calls us.
    pub user: User,
}

/// A name for this run of the program; who comes back after a cut is still the same.
pub fn fresh_device() -> Device {
    let text = format!("cli-{}-{:016x}", std::process::id(), dice());
    Device::parse(&text).expect("letters, digits and dashes make a good name")
}

/// Different each time; the standard library seeds its hashers from the system's source.
pub fn dice() -> u64 {
    RandomState::new().hash_one(0)
}

impl Client {
    /// Connects to a door and says hello.
    pub async fn connect(link: &Link, device: &Device, door: Door) -> Result<Client, Failure> {
        let (url, patience) = (link.url(door), link.timeout);
        let mut request =
            (&url).into_client_request().map_err(|error| Failure::Usage(format!("{url}: {error}")))?;
        let subprotocol = HeaderValue::from_static(Encoding::MessagePack.subprotocol(door));
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        let connecting = connect_async_tls_with_config(request, None, true, Some(connector(link.ca())?));
        let connected = timeout(patience, connecting).await;
        let connected =
            connected.map_err(|_| Failure::Cut(format!("{url}: no connection within {patience:?}")))?;
        let (socket, _) = connected.map_err(|error| refused(&url, &error))?;
        let mut client = Client { socket, patience, user: User::server() };
        client.user = client.hello(link, device).await?;
        Ok(client)
    }

    async fn hello(&mut self, link: &Link, device: &Device) -> Result<User, Failure> {
        let token = link.token()?;
        let hint = match token {
            None => "; say who you are with SLOTCAST_TOKEN or --token-file",
            Some(_) => "",
        };
        self.request(&Request::Hello { token, device: Some(device.clone()), user: link.user.clone() })
            .await?;
        let welcome = |event| match event {
            Event::Welcome(welcome) => Some(Ok(welcome.user)),
            Event::Error { fault, .. } if fault.code == Code::Unauthorized => {
                Some(Err(Failure::Failed(format!("the server does not let us in: {fault}{hint}"))))
            }
            Event::Error { fault, .. } => Some(Err(failed(&fault))),
            _other => None,
        };
        self.answer(welcome).await
    }

    /// Sends one request.
    pub async fn request(&mut self, request: &Request) -> Result<(), Failure> {
        self.socket.send(Message::Binary(request.encode().into())).await.map_err(cut)
    }

    /// `use`.
    pub async fn follow(
        &mut self,
        object: &ObjectName,
        cursor: Option<Cursor>,
        slots: Option<&[Pattern]>,
        rate: Option<Rate>,
    ) -> Result<(), Failure> {
        let (object, slots) = (object.clone(), slots.map(<[Pattern]>::to_vec));
        self.request(&Request::Use(Use { object, cursor, slots, rate })).await
    }

    /// The next event, however long it takes; a silent server is asked for a sign of life.
    pub async fn event(&mut self) -> Result<Event, Failure> {
        loop {
            let message = match timeout(SILENCE, self.socket.next()).await {
                Ok(message) => message,
                Err(_silence) => {
                    self.request(&Request::Ping { n: None }).await?;
                    let heard = timeout(PATIENCE, self.socket.next()).await;
                    heard.map_err(|_| Failure::Cut("the server is silent".to_owned()))?
                }
            };
            match message {
                None => return Err(Failure::Cut("the server closed the connection".to_owned())),
                Some(Err(error)) => return Err(cut(error)),
                Some(Ok(Message::Close(frame))) => return Err(closed(frame)),
                Some(Ok(Message::Binary(bytes))) => match Event::decode(&bytes) {
                    Ok(Some(event)) => return Ok(event),
                    Ok(None) => {}
                    Err(fault) => {
                        return Err(Failure::Failed(format!("the server's message cannot be read: {fault}")));
                    }
                },
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            }
        }
    }

    /// Waits for the event that `pick` takes.
    pub async fn answer<T>(
        &mut self,
        mut pick: impl FnMut(Event) -> Option<Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            let event = timeout_at(deadline, self.event()).await;
            let event =
                event.map_err(|_| Failure::Cut(format!("no answer within {:?}", self.patience)))??;
            if let Some(answer) = pick(event) {
                return answer;
            }
        }
    }

    /// Uses an object and waits until all slots in view are there.
    pub async fn read(
        &mut self,
        object: &ObjectName,
        slots: Option<&[Pattern]>,
    ) -> Result<ObjectCopy, Failure> {
        self.follow(object, None, slots, None).await?;
        let mut copy = ObjectCopy::new(slots.is_some());
        let complete = |event| match event {
            Event::Snapshot(snapshot) => {
                copy.take_snapshot(snapshot);
                copy.cursor().map(|_| Ok(()))
            }
            Event::Error { fault, .. } => Some(Err(failed(&fault))),
            _other => None,
        };
        self.answer(complete).await?;
        Ok(copy)
    }

    /// Waits until the server has read all that was said.
    pub async fn settle(&mut self) -> Result<(), Failure> {
        self.request(&Request::Ping { n: None }).await?;
        self.answer(|event| matches!(event, Event::Pong { .. }).then_some(Ok(()))).await
    }

    /// Says good-bye, so that the server need not guess.
    pub async fn close(mut self) {
        _ = timeout(GOODBYE, self.socket.close(None)).await;
    }
}

/// An `error` of the server. One that is stopping, or cannot read its store, wants us back as after any cut.
pub fn failed(fault: &Fault) -> Failure {
    match fault.code {
        Code::Unavailable => Failure::Cut(format!("the server cannot do it now: {fault}")),
        _for_good => Failure::Failed(format!("the server refuses: {fault}")),
    }
}

fn cut(error: Error) -> Failure {
    Failure::Cut(format!("the connection broke: {error}"))
}

/// Why there is no connection.
fn refused(url: &Uri, error: &Error) -> Failure {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            Failure::Cut(format!("{url}: refused with HTTP {}: {}", response.status(), body.trim()))
        }
        Error::Io(error) => Failure::Cut(format!("{url}: no connection: {error}")),
        other => Failure::Cut(format!("{url}: no connection: {other}")),
    }
}

/// After some close codes coming back with the same would not help.
fn closed(frame: Option<CloseFrame>) -> Failure {
    let Some(CloseFrame { code, reason }) = frame else {
        return Failure::Cut("the server closed the connection".to_owned());
    };
    let why = format!("the server closed the connection: {} {reason}", u16::from(code));
    match u16::from(code) {
        1009 | 4401 | 4403 => Failure::Failed(why),
        4409 => Failure::Failed(format!(
            "{why}: another of the same user and device has come, and only one can stay; --device gives each a name of its own"
        )),
        _other => Failure::Cut(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_refusals_one_comes_back() {
        for (code, back) in [(Code::Unavailable, true), (Code::TooMany, false), (Code::StorageDamaged, false)]
        {
            let failure = failed(&Fault::new(code, "why"));
            assert_eq!(matches!(failure, Failure::Cut(_)), back, "{failure:?}");
        }
    }
}
