//! Files of keys and of users who are shut out, and what is made of them while the server runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("slotcast-auth-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder can be written to");
        Folder(path)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder can be written to");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is our file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn key_sets_that_are_refused() {
    let key = |changes: Value| {
        let mut key = json!({"kty": "oct", "alg": "HS256", "kid": "a", "k": base64(SECRET)});
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => _ = key.as_object_mut().expect("an object").remove(name),
                value => key[name] = value.clone(),
            }
        }
        key
    };
    let one = |changes: Value| json!({"keys": [key(changes)]}).to_string();
    let rows = [
        ("".to_owned(), "is no JSON object"),
        ("[]".to_owned(), "is no JSON object"),
        ("{}".to_owned(), "keys: expected an array"),
        (r#"{"keys": {}}"#.to_owned(), "keys: expected an array"),
        (r#"{"keys": []}"#.to_owned(), "holds no key"),
        (r#"{"keys": [], "keys": []}"#.to_owned(), "each name stands once"),
        (r#"{"keys": [1]}"#.to_owned(), "keys[0]: expected an object"),
        (one(json!({"use": "enc"})), "holds no key"),
        (one(json!({"alg": null})), "keys[0].alg: is missing"),
        (one(json!({"alg": "none"})), "keys[0].alg: expected HS256"),
        (one(json!({"alg": "HS512"})), "keys[0].alg: expected HS256"),
        (one(json!({"alg": "RS256"})), "keys[0].kty: RS256 needs RSA"),
        (one(json!({"kty": "RSA"})), "keys[0].kty: HS256 needs oct"),
        (one(json!({"kid": 1})), "keys[0].kid: expected a text"),
        (one(json!({"k": null})), "keys[0].k: is missing"),
        (one(json!({"k": "?"})), "keys[0].k: is no base64url"),
        (one(json!({"k": base64([1; 31])})), "keys[0].k: must have at least 32 bytes"),
        (one(json!({"kty": "EC", "alg": "ES256", "crv": "P-384"})), "keys[0].crv: ES256 needs P-256"),
        (
            one(json!({"kty": "EC", "alg": "ES256", "crv": "P-256", "x": "AA", "y": "AA"})),
            "x: must have 32 bytes",
        ),
        (
            one(json!({"kty": "RSA", "alg": "RS256", "n": base64([255; 128]), "e": "AQAB"})),
            "n: must have 2048",
        ),
        (json!({"keys": [key(json!({})), key(json!({}))]}).to_string(), "the same kid"),
        (json!({"keys": [key(json!({})), key(json!({"kid": null}))]}).to_string(), "each needs a kid"),
        (json!({"keys": vec![key(json!({})); 65]}).to_string(), "65 are too many"),
    ];
    for (text, wanted) in rows {
        let why = Keys::parse(text.as_bytes()).expect_err(&text);
        assert!(why.contains(wanted), "{text}: {why}");
    }
}

#[test]
fn secrets_that_others_can_read() {
    let folder = Folder::new();
    let public = json!({"keys": [{"kty": "RSA", "alg": "RS256", "n": RSA_MODULUS, "e": "AQAB"}]}).to_string();
    for (text, mode, good) in [
        (&key_set(), 0o600, true),
        (&key_set(), 0o640, true),
        (&key_set(), 0o644, false),
        (&key_set(), 0o602, false),
        (&public, 0o644, true),
        (&public, 0o666, false),
    ] {
        let path = folder.file("keys.json", text, mode);
        let read = check_jwks(&path);
        assert_eq!(read.is_ok(), good, "{mode:o}: {read:?}");
        assert!(good || read.is_err_and(|why| why.contains("chmod 0640")));
    }
    assert!(check_jwks(Path::new("no/such/file")).is_err_and(|why| why.contains("no/such/file")));
    assert!(check_jwks(&folder.0).is_err_and(|why| why.contains("expected a file")));
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", keys());
    assert!(shown.contains("HS256") && !shown.contains("115, 101"), "{shown}");
    assert!(!shown.contains(&base64(SECRET)), "{shown}");
}

fn auth(folder: &Folder, users: &[(&str, &str)]) -> Auth {
    let jwks = folder.file("keys.json", &key_set(), 0o600);
    let revoked = folder.file("revoked.txt", "", 0o600);
    let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
    let settings = Settings { signed: Some(Signed { jwks, issuer, audience }), revoked: Some(revoked) };
    let user = |(token, user): &(&str, &str)| ((*token).to_owned(), User::parse(user).expect("a good user"));
    Auth::new(false, users.iter().map(user).collect(), &settings, &Metrics::default())
        .expect("the files are good")
}

fn asked(auth: &Auth, token: &str) -> String {
    let shown = Shown { token: Some(token), user: None, origin: None };
    match auth.admit(&shown, "guest", NOW_MS) {
        Ok(grant) => format!("let in as {}", grant.user),
        Err(fault) => fault.what,
    }
}

#[test]
fn keys_change_while_the_server_runs() {
    let folder = Folder::new();
    let auth = auth(&folder, &[]);
    let old = signed(HEADER, &claims().to_string());
    let text = fresh(Algorithm::EdDsa).expect("there is randomness");
    let key = SigningKey::find(text.as_bytes(), None).expect("it can sign");
    let new = key.sign(claims().as_object().expect("an object")).expect("it signs");
    assert_eq!(asked(&auth, &old), "let in as alice");
    assert_eq!(asked(&auth, &new), "token: kid: names no key");
    for bad in ["", "{\"keys\": []}", &text[..text.len() / 2]] {
        folder.file("keys.json", bad, 0o600);
        auth.look_again();
        assert_eq!(asked(&auth, &old), "let in as alice", "what cannot be used changes nothing");
    }
    folder.file("keys.json", &text, 0o644);
    auth.look_again();
    assert_eq!(asked(&auth, &new), "token: kid: names no key", "others could have read it");
    folder.file("keys.json", &text, 0o600);
    auth.look_again();
    assert_eq!(asked(&auth, &new), "let in as alice");
    assert_eq!(asked(&auth, &old), "token: kid: names no key");
    fs::remove_file(folder.0.join("keys.json")).expect("it is ours");
    auth.look_again();
    assert_eq!(asked(&auth, &new), "let in as alice", "what was there stays in force");
}

#[test]
fn users_are_shut_out_while_the_server_runs() {
    let folder = Folder::new();
    let auth = auth(&folder, &[("a-token-that-is-long-enough", "bob")]);
    let token = signed(HEADER, &claims().to_string());
    let later = signed(HEADER, &claims_with(json!({"iat": NOW_S + 5})));
    let alice = auth.admit(&Shown { token: Some(&token), ..Shown::default() }, "", NOW_MS).expect("she may");
    let (ticket, _) = auth.ticket(&alice, None, NOW_MS).expect("there is room");
    assert_eq!(asked(&auth, "a-token-that-is-long-enough"), "let in as bob");
    folder.file("revoked.txt", &format!("alice {NOW_S}\nbob\n"), 0o600);
    assert!(auth.look_again());
    let shut_out = "token: has been taken back";
    assert_eq!(asked(&auth, &token), shut_out);
    assert_eq!(asked(&auth, &ticket), shut_out, "a ticket is no way round");
    assert_eq!(asked(&auth, "a-token-that-is-long-enough"), shut_out);
    assert_eq!(asked(&auth, &later), "let in as alice", "it was made afterwards");
    assert!(auth.is_revoked(&alice.user, alice.issued_s));
    folder.file("revoked.txt", "@nobody\n", 0o600);
    assert!(!auth.look_again());
    assert_eq!(asked(&auth, &token), shut_out, "what cannot be read changes nothing");
}

#[test]
fn a_renewal_is_for_the_same_user_and_no_ticket() {
    let folder = Folder::new();
    let auth = auth(&folder, &[]);
    let token = signed(HEADER, &claims().to_string());
    let alice = auth.admit(&Shown { token: Some(&token), ..Shown::default() }, "", NOW_MS).expect("she may");
    let renewed = |token: &str| auth.renew(&alice.user, token, NOW_MS).map_err(|fault| fault.what);
    assert_eq!(renewed(&token), Ok(alice.clone()));
    let bob = signed(HEADER, &claims_with(json!({"sub": "bob"})));
    assert_eq!(renewed(&bob), Err("token: sub: is another user".to_owned()));
    let (ticket, _) = auth.ticket(&alice, None, NOW_MS).expect("there is room");
    assert_eq!(renewed(&ticket), Err("token: is not accepted".to_owned()));
    assert_eq!(asked(&auth, &ticket), "let in as alice", "it was not used up by that");
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let metrics = Metrics::default();
    let auth = Auth::new(false, BTreeMap::new(), &Settings::default(), &metrics).expect("there are no files");
    asked(&auth, "x");
    asked(&auth, "ticket.x");
    asked(&auth, "ticket.y");
    let _ = auth.admit(&Shown::default(), "guest", NOW_MS);
    let text = metrics.text();
    for line in [
        "slotcast_tokens_refused_total{reason=\"unknown\"} 1",
        "slotcast_tokens_refused_total{reason=\"ticket\"} 2",
        "slotcast_tokens_refused_total{reason=\"missing\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
