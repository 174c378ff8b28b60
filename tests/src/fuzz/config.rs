//! Configuration files: any text is refused in words, or taken and shown as a file that is taken too.

use slotcast_node::config::{Config, Flags};

use crate::real::folder::TempFolder;

thread_local! {
    static FOLDER: TempFolder = TempFolder::quick("config");
}

pub fn hold(data: &[u8]) {
    match load(data) {
        Err(why) => assert!(!why.trim().is_empty(), "it is refused without a word"),
        Ok(config) => {
            let shown = config.to_toml();
            if config.users.is_empty() {
                let again = load(shown.as_bytes()).unwrap_or_else(|why| panic!("{why}\n{shown}"));
                assert_eq!(again.to_toml(), shown, "shown and read");
            }
        }
    }
}

/// With `--dev` if the file has no word of it, as few files would be taken without.
fn load(data: &[u8]) -> Result<Config, String> {
    FOLDER.with(|folder| {
        let path = folder.join("slotcast.toml");
        std::fs::write(&path, data).expect("the temporary folder has room");
        Config::load(Some(&path), [], Flags::default()).map_err(|error| error.to_string())
    })
}
