//! Maps whose keys clients choose are ordered, or hashed with a key that nobody knows: no file of the server names another hasher.

use std::path::Path;

/// What stands for a hasher without a key, or for one that could be.
const BANNED: [&str; 8] = [
    "FxHash",
    "fxhash",
    "rustc_hash",
    "ahash",
    "FnvHash",
    "BuildHasherDefault",
    "with_hasher",
    "DefaultHasher::new",
];

fn look(folder: &Path, found: &mut Vec<String>, files: &mut usize) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            look(&path, found, files);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "toml") {
            *files += 1;
            let text = std::fs::read_to_string(&path).expect("it is text");
            let named = BANNED.iter().filter(|name| text.contains(**name));
            found.extend(named.map(|name| format!("{}: {name}", path.display())));
        }
    }
}

#[test]
fn no_map_has_a_hasher_without_a_key() {
    let (mut found, mut files) = (Vec::new(), 0);
    look(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../server")), &mut found, &mut files);
    assert!(files > 100, "the server is there");
    assert!(found.is_empty(), "{found:#?}");
}
