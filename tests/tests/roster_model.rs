//! Lists against the naive model: random edits, everyone hears of everything, and then every list says what the model says.

use std::collections::BTreeSet;
use std::sync::Arc;

use slotcast_protocol::roster::{Alias, Edit, Group};
use slotcast_protocol::{Limits, User};
use slotcast_state::roster::{Difference, Effects, Input, Output, Registrar};
use slotcast_tests::dice::Dice;
use slotcast_tests::roster::{Copy, Disk, Model};

const SEEDS: u64 = 400;
const STEPS: u64 = 150;

/// One registrar that hears of everything at once.
struct Trial {
    dice: Dice,
    limits: Arc<Limits>,
    users: Vec<User>,
    registrar: Registrar,
    disk: Disk,
    model: Model,
    copies: Vec<Copy>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let limits = Arc::new(Limits {
            friends: dice.pick(&[1, 3, 100]),
            friend_groups: dice.pick(&[1, 16]),
            friend_asks: dice.pick(&[1, 100]),
            blocks: dice.pick(&[1, 100]),
            ..Limits::default()
        });
        let names = ["alice", "bob", "carol", "zoë", "eve"];
        let users: Vec<User> = names.iter().map(|name| User::parse(name).expect("a good user")).collect();
        let registrar = Registrar::new(dice.roll(), limits.clone());
        let (disk, model, copies) = (Disk::default(), Model::default(), vec![Copy::default(); users.len()]);
        let mut trial = Trial { dice, limits, users, registrar, disk, model, copies };
        trial.run(Input::Tick(1_000));
        // What is revoked is called done at once when no lease of an earlier run can be left.
        trial.run(Input::Tick(100_000));
        trial
    }

    /// Everything that is said in answer, except what one side tells the other, which is told at once.
    fn run(&mut self, input: Input) -> Vec<Output> {
        let mut inputs = vec![input];
        let mut said = Vec::new();
        while let Some(input) = inputs.pop() {
            let mut effects = Effects::default();
            self.registrar.handle(input, &mut effects);
            inputs.extend(effects.loads.into_iter().map(|owner| Input::Loaded { owner, list: Ok(None) }));
            effects.commits.iter().for_each(|commit| self.disk.put(commit).expect("it follows"));
            for output in effects.outputs {
                match output {
                    Output::Tell(tell) => inputs.insert(0, Input::Tell(tell)),
                    Output::Heard(heard) => inputs.insert(0, Input::Heard(heard)),
                    other => said.push(other),
                }
            }
        }
        said
    }

    fn step(&mut self) -> Result<(), String> {
        let owner = self.dice.pick(&self.users);
        if self.dice.percent(2) {
            self.model.erase(&owner, &self.users);
            self.run(Input::Erase { ticket: 1, owner });
            return self.compare();
        }
        let edit = self.edit();
        let expected = self.model.edit(&owner, &edit, &self.limits);
        let said = self.run(Input::Edit { ticket: 1, owner: owner.clone(), edit: edit.clone() });
        let [Output::Edited { ticket: 1, result }] = &said[..] else { return Err(format!("{said:?}")) };
        let got = result.as_ref().map(drop).map_err(|fault| fault.code);
        if got != expected {
            return Err(format!("{owner}: {edit:?}: {got:?}, expected {expected:?}"));
        }
        self.compare().map_err(|why| format!("after {owner}'s {edit:?}: {why}"))
    }

    fn compare(&mut self) -> Result<(), String> {
        for place in 0..self.users.len() {
            let owner = self.users[place].clone();
            let have = self.copies[place].tag.filter(|_| self.dice.percent(90));
            if have.is_none() {
                self.copies[place] = Copy::default();
            }
            let said = self.run(Input::Read { ticket: 2, owner: owner.clone(), have });
            let [Output::Read { ticket: 2, result: Ok(difference) }] = &said[..] else {
                return Err(format!("{said:?}"));
            };
            if have.is_some_and(|have| self.disk.place(&owner, have.mark).is_some())
                && is_needless(have, difference)
            {
                return Err(format!("{owner} has {have:?} and is given everything"));
            }
            self.copies[place].take(&owner, difference)?;
            let (copy, expected) = (&self.copies[place].people, self.model.people(&owner, &self.users));
            if *copy != expected {
                return Err(format!("{owner} has {copy:?}, expected {expected:?}"));
            }
        }
        Ok(())
    }

    fn edit(&mut self) -> Edit {
        let user = self.dice.pick(&self.users);
        match self.dice.below(12) {
            0 | 1 => Edit::Ask(user),
            2 | 3 => Edit::Accept(user),
            4 => Edit::Decline(user),
            5 | 6 => Edit::Remove(user),
            7 => Edit::Approve { user, on: self.dice.percent(60) },
            8 => Edit::Alias {
                user,
                alias: self.dice.percent(80).then(|| Alias::parse("Zoe\u{308}").expect("good")),
            },
            9 => {
                let names = ["Work", "Amis", "친구"].iter().filter(|_| self.dice.percent(50));
                let groups: BTreeSet<Group> = names.map(|name| Group::parse(name).expect("good")).collect();
                Edit::Groups { user, groups }
            }
            10 => Edit::Block(user),
            _last => Edit::Unblock(user),
        }
    }
}

/// Whether a delta would have done.
fn is_needless(have: Option<slotcast_protocol::roster::Tag>, difference: &Difference) -> bool {
    match difference {
        Difference::Full(contacts) => have.is_some_and(|have| have.mark.epoch == contacts.mark().epoch),
        Difference::Same(..) | Difference::Delta { .. } => false,
    }
}

#[test]
fn lists_say_what_the_page_says() {
    for seed in 0..SEEDS {
        let mut trial = Trial::new(seed);
        for step in 0..STEPS {
            trial.step().unwrap_or_else(|why| panic!("seed {seed}, step {step}: {why}"));
        }
    }
}
