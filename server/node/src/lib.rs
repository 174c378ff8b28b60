//! The body of the server.
