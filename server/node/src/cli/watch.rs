//! `slotcast watch`: an object's slots, then every change as it happens, over cuts and restarts.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use slotcast_protocol::{Device, Event, ObjectName, Pattern, Rate, json};

use super::client::{Client, dice, failed, fresh_device};
use super::failure::{Failure, say};
use super::line;
use super::link::Link;
use super::object_copy::{Gap, News, ObjectCopy};
use super::screen::{Paint, print, printable};

/// When to come back after a cut (protocol.md section 6).
const BACKOFF_MS: u64 = 500;
const BACKOFF_MS_MAX: u64 = 30_000;
const GOOD_CONNECTION: Duration = Duration::from_secs(60);

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
    let mut watcher = Watcher { object, patterns, rate, link, device, paint, copy, retry_ms: None };
    let mut attempt = 0;
    loop {
        let began = Instant::now();
        let Err(failure) = watcher.follow().await;
        let Failure::Cut(why) = failure else { return Err(failure) };
        if watcher.copy.cursor().is_none() {
            return Err(Failure::Cut(why));
        }
        attempt = if began.elapsed() > GOOD_CONNECTION { 0 } else { attempt };
        let wait_ms = watcher.retry_ms.take().unwrap_or_else(|| backoff_ms(attempt, dice()));
        say(&format!("{why}; again in {wait_ms} ms"));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        attempt += 1;
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    let number = text.parse().map_err(|_| "expected a number, changes a second".to_owned())?;
    Rate::new(number).map_err(|fault| fault.what)
}

/// Never returned: a watch has no good end.
enum Never {}

/// Random, so that not all come back at once.
fn backoff_ms(attempt: u32, dice: u64) -> u64 {
    let most = 2_u64.saturating_pow(attempt).saturating_mul(BACKOFF_MS).min(BACKOFF_MS_MAX);
    dice % (most + 1)
}

struct Watcher {
    object: ObjectName,
    patterns: Option<Vec<Pattern>>,
    rate: Option<Rate>,
    link: Link,
    device: Device,
    paint: Paint,
    copy: ObjectCopy,
    /// When the server said to come back.
    retry_ms: Option<u64>,
}

impl Watcher {
    /// One connection, to its end.
    async fn follow(&mut self) -> Result<Never, Failure> {
        let mut client = Client::connect(&self.link, &self.device).await?;
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
                say(&format!("the server goes away: {reason}"));
                self.retry_ms = Some(retry_ms);
                Ok(Vec::new())
            }
            Event::Error { fault, .. } => return Err(failed(&fault)),
            Event::Welcome(_) | Event::Success(_) | Event::Reject(_) | Event::Fingerprint { .. } => {
                Ok(Vec::new())
            }
            Event::Pong { .. } | Event::Released { .. } | Event::Relay(_) => Ok(Vec::new()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backing_off() {
        for (attempt, most) in [(0, 500), (1, 1000), (5, 16_000), (6, 30_000), (63, 30_000), (1000, 30_000)] {
            assert_eq!(backoff_ms(attempt, most), most, "attempt {attempt}");
            assert_eq!(backoff_ms(attempt, most + 1), 0, "attempt {attempt}");
        }
    }
}
