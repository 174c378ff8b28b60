//! `slotcast watch`: an object's slots, then every change as it happens, over cuts and restarts.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use slotcast_protocol::{Device, Door, Event, ObjectName, Pattern, Rate, json};

use super::backoff::Backoff;
use super::client::{Client, failed, fresh_device};
use super::failure::{Failure, say};
use super::line;
use super::link::Link;
use super::object_copy::{Gap, News, ObjectCopy};
use super::screen::{Paint, print, printable};

/// Arguments.
#[derive(Args)]
pub struct Watch {
    /// The object, like auction/42; it is made if it does not exist
    #[arg(value_parser = ObjectName::parse)]
    object: ObjectName,
    /// Only slots like these: a name, or the beginning of one and `*`
    #[arg(value_name = "PATTERN", value_parser = Pattern::parse)]
    patterns: Vec<Pattern>,
    /// At most so many changes a second, each with the latest values
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<Rate>,
    #[command(flatten)]
    link: Link,
}

pub async fn run(watch: Watch) -> Result<(), Failure> {
    let Watch { object, patterns, rate, link } = watch;
    let patterns = Some(patterns).filter(|patterns| !patterns.is_empty());
    let copy = ObjectCopy::new(patterns.is_some());
    let (device, paint) = (fresh_device(), Paint::of_stdout());
    let backoff = Backoff::new();
    let mut watcher = Watcher { object, patterns, rate, link, device, paint, copy, backoff };
    loop {
        let Err(failure) = watcher.follow().await;
        let Failure::Cut(why) = failure else { return Err(failure) };
        if watcher.copy.cursor().is_none() {
            return Err(Failure::Cut(why));
        }
        watcher.backoff.pause(&why).await;
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let number = text.parse().map_err(|_| "expected a number, changes a second".to_owned())?;
    Rate::new(number).map_err(|fault| fault.what)
}

/// Never returned: a watch has no good end.
enum Never {}

struct Watcher {
    object: ObjectName,
    patterns: Option<Vec<Pattern>>,
    rate: Option<Rate>,
    link: Link,
    device: Device,
    paint: Paint,
    copy: ObjectCopy,
    backoff: Backoff,
}

impl Watcher {
    /// One connection, to its end.
    async fn follow(&mut self) -> Result<Never, Failure> {
        let mut client = Client::connect(&self.link, &self.device, Door::Objects).await?;
        let cursor = self.copy.cursor();
        if let Some(cursor) = cursor {
            say(&format!("connected again, at version {}", cursor.version));
        }
        client.follow(&self.object, cursor, self.patterns.as_deref(), self.rate).await?;
        if cursor.is_none() {
            let first = client.answer(|event| Some(Ok(event))).await?;
            self.take(&mut client, first).await?;
        }
        loop {
            let event = client.event().await?;
            self.take(&mut client, event).await?;
        }
    }

    async fn take(&mut self, client: &mut Client, event: Event) -> Result<(), Failure> {
        if self.link.json {
            self.print_json(&event)?;
        }
        let news = match event {
            Event::Snapshot(snapshot) => Ok(self.copy.take_snapshot(snapshot)),
            Event::Diff(diff) => self.copy.take_diff(diff),
            Event::Sent(sent) => Ok(vec![self.copy.take_sent(sent)]),
            Event::Goaway { retry_ms, reason } => {
                self.backoff.goaway(retry_ms, &reason);
                Ok(Vec::new())
            }
            Event::Error { fault, .. } => return Err(failed(&fault)),
            Event::Welcome(_) | Event::Success(_) | Event::Reject(_) | Event::Fingerprint { .. } => {
                Ok(Vec::new())
            }
            Event::Pong { .. } | Event::Released { .. } | Event::Relay(_) => Ok(Vec::new()),
            Event::Renewed { .. } | Event::Close { .. } => Ok(Vec::new()),
        };
        match news {
            Ok(news) if self.link.json => drop(news),
            Ok(news) => self.print(&news)?,
            Err(Gap(why)) => {
                say(&format!("{why}; reading the object anew"));
                client.follow(&self.object, None, self.patterns.as_deref(), self.rate).await?;
            }
        }
        Ok(())
    }

    fn print(&self, news: &[News]) -> Result<(), Failure> {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_ms = at.as_secs() * 1000 + u64::from(at.subsec_millis());
        news.iter().try_for_each(|each| print(&line::news(&self.object, each, at_ms, self.paint)))
    }

    fn print_json(&self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Snapshot(_) | Event::Diff(_) | Event::Sent(_) => {
                print(&printable(&json::event_text(&event.encode())))
            }
            _other => Ok(()),
        }
    }
}
