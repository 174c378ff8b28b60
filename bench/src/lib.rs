//! Load generator and floor.
