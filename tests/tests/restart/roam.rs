//! Clients that come in by one door, are cut or leave, and come back by another.

use slotcast_tests::dice::Dice;
use slotcast_tests::real::session::{Session, Way};

/// What one hears in one session, at the most.
const LIFE_MAX: u64 = 600;

/// How one client roams; by default it stays with WebSockets until the server is gone.
#[derive(Default)]
pub struct Roam(Option<Dice>);

/// What is left to be heard in a session, if it ends by itself.
pub struct Life(Option<u64>);

impl Roam {
    pub fn new(dice: &mut Dice) -> Roam {
        Roam(Some(Dice::new(dice.roll())))
    }

    pub fn way(&mut self) -> Way {
        self.0.as_mut().map_or(Way::WebSocket, |dice| Way::ALL[dice.below(Way::ALL.len() as u64) as usize])
    }

    pub fn life(&mut self) -> Life {
        Life(self.0.as_mut().map(|dice| dice.between(1, LIFE_MAX)))
    }

    /// With a word or without.
    pub fn leave(&mut self, session: Session) {
        if self.0.as_mut().is_some_and(|dice| dice.below(2) == 0) {
            session.cut();
        }
    }
}

impl Life {
    pub fn goes_on(&mut self) -> bool {
        let Some(left) = &mut self.0 else { return true };
        *left = left.saturating_sub(1);
        *left > 0
    }
}
