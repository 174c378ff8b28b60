//! Stories of the roster: a registrar and a home's cache, and what the one makes of the other's words.

mod leases;
mod lives;
mod rights;
mod scene;
mod tags;
