//! One request to the relay that is said again until it is answered, over cuts and restarts: to say it twice is to say it once.

use slotcast_protocol::{Code, Device, Door, Event, RelayEvent, RelayRequest, Request, json};
use tokio::time::timeout;

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::link::Link;
use super::screen::{print, printable};

struct Errand {
    link: Link,
    /// The same on each connection: with the id it makes the request the same request.
    device: Device,
    request: Request,
    backoff: Backoff,
    /// Whether the server may have heard it.
    said: bool,
}

/// The answer, printed if it is to be JSON; a refusal is told and is a failure. `doubt` says what is not known if no answer comes.
pub async fn run(request: RelayRequest, link: Link, doubt: &str) -> Result<RelayEvent, Failure> {
    let (json, patience, request) = (link.json, link.timeout, Request::Relay(request));
    let mut errand = Errand { link, device: fresh_device(), request, backoff: Backoff::new(), said: false };
    let answered = timeout(patience, errand.until_answered()).await;
    let answer = answered.unwrap_or_else(|_| Err(Failure::Cut(format!("no answer within {patience:?}"))));
    let answer = answer.map_err(|failure| errand.in_doubt(failure, doubt))?;
    if json {
        print(&printable(&json::event_text(&Event::Relay(answer.clone()).encode())))?;
    }
    match answer {
        RelayEvent::Refused { fault, retry_ms, .. } => {
            let again = retry_ms.map_or(String::new(), |ms| format!("; it may be tried again in {ms} ms"));
            say(&format!("refused: {fault}{again}"));
            Err(Failure::Rejected)
        }
        answer => Ok(answer),
    }
}

impl Errand {
    async fn until_answered(&mut self) -> Result<RelayEvent, Failure> {
        loop {
            match self.say().await {
                Err(Failure::Cut(why)) if self.said => self.backoff.pause(&why).await,
                done => return done,
            }
        }
    }

    /// One connection; the server's word for it.
    async fn say(&mut self) -> Result<RelayEvent, Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Relay).await?;
        self.said = true;
        client.request(&self.request).await?;
        let backoff = &mut self.backoff;
        let answer = client.answer(|event| match event {
            Event::Relay(RelayEvent::Refused { fault, .. }) if fault.code == Code::Unavailable => {
                Some(Err(failed(&fault)))
            }
            Event::Relay(
                answer @ (RelayEvent::Stored { .. } | RelayEvent::Edited { .. } | RelayEvent::Refused { .. }),
            ) => Some(Ok(answer)),
            Event::Goaway { retry_ms, reason } => {
                backoff.goaway(retry_ms, &reason);
                None
            }
            Event::Error { fault, .. } => Some(Err(failed(&fault))),
            _other => None,
        });
        let answer = answer.await?;
        client.close().await;
        Ok(answer)
    }

    fn in_doubt(&self, failure: Failure, doubt: &str) -> Failure {
        match failure {
            Failure::Cut(why) if self.said => Failure::Cut(format!("{why}; it is not known whether {doubt}")),
            other => other,
        }
    }
}
