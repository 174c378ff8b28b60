//! The matrix: what is wrong with each of these tokens, and what is told of it.

use serde_json::json;
use slotcast_protocol::ObjectName;
use slotcast_state::{Kind, Right};

use super::*;

/// What a token is, the token, and a part of what is told.
type Row = (String, String, &'static str);

const NO_KEY: &str = "kid: names no key";
const NOT_ITS_ALG: &str = "alg: is not the key's";
const FALSE: &str = "signature: does not hold";
const NO_JSON: &str = "claims: are no JSON object";
const NO_TIME: &str = "must be a time in whole seconds";

fn row(what: impl Into<String>, token: String, told: &'static str) -> Row {
    (what.into(), token, told)
}

fn headers() -> Vec<Row> {
    let good = claims().to_string();
    let unsigned = |header: &str| format!("{}.{}.", base64(header), base64(&good));
    let mut rows = Vec::new();
    for alg in ["none", "None", "nOnE", "NONE", "none ", ""] {
        let header = json!({"alg": alg, "kid": "hs"}).to_string();
        rows.push(row(format!("alg {alg:?}, unsigned"), unsigned(&header), NOT_ITS_ALG));
        rows.push(row(format!("alg {alg:?}, signed"), signed(&header, &good), NOT_ITS_ALG));
        rows.push(row(format!("alg {alg:?}, no kid"), unsigned(&json!({"alg": alg}).to_string()), NO_KEY));
    }
    for alg in ["hs256", "HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256", "dir", "HS256 "] {
        let header = json!({"alg": alg, "kid": "hs"}).to_string();
        rows.push(row(format!("alg {alg} with the key of HS256"), signed(&header, &good), NOT_ITS_ALG));
    }
    for kid in ["rsa", "ec", "ed"] {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        rows.push(row(format!("HS256 with the key {kid}"), signed(&header, &good), NOT_ITS_ALG));
    }
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(RSA_MODULUS).expect("it is base64url");
    let jwk = json!({"kty": "RSA", "n": RSA_MODULUS, "e": "AQAB"}).to_string();
    for (what, public) in
        [("modulus", &modulus[..]), ("text", RSA_MODULUS.as_bytes()), ("jwk", jwk.as_bytes())]
    {
        for alg in ["HS256", "RS256"] {
            let header = json!({"alg": alg, "kid": "rsa"}).to_string();
            let told = if alg == "HS256" { NOT_ITS_ALG } else { FALSE };
            let token = signed_with(public, &header, &good);
            rows.push(row(format!("{alg}, signed with the public key's {what}"), token, told));
        }
    }
    let kids = [
        "../../../../dev/null",
        "hs/../hs",
        "/etc/passwd",
        "hs\u{0}",
        "HS",
        "' OR 1=1 --",
        "*",
        "file:///keys.json",
        "https://evil.example/keys.json",
    ];
    for kid in kids {
        let header = json!({"alg": "HS256", "kid": kid}).to_string();
        rows.push(row(format!("kid {kid:?}"), signed(&header, &good), NO_KEY));
        let empty = signed_with(b"", &header, &good);
        rows.push(row(format!("kid {kid:?}, signed with nothing"), empty, NO_KEY));
    }
    let raw = [
        (r#"{"alg":"HS256"}"#, NO_KEY),
        (r#"{"alg":"HS256","kid":""}"#, "kid: must be a text"),
        (r#"{"alg":"HS256","kid":null}"#, "kid: must be a text"),
        (r#"{"alg":"HS256","kid":1}"#, "kid: must be a text"),
        (r#"{"alg":"HS256","kid":["hs"]}"#, "kid: must be a text"),
        (r#"{"kid":"hs"}"#, NOT_ITS_ALG),
        (r#"{"alg":null,"kid":"hs"}"#, NOT_ITS_ALG),
        (r#"{"alg":["HS256"],"kid":"hs"}"#, NOT_ITS_ALG),
        (r#"{"alg":"HS256","kid":"hs","alg":"none"}"#, "header: is no JSON object"),
        (r#"{"alg":"none","kid":"hs","alg":"HS256"}"#, "header: is no JSON object"),
        (r#"{"alg":"HS256","kid":"hs","kid":"rsa"}"#, "header: is no JSON object"),
        (r#"{"alg":"HS256","kid":"hs","crit":["exp"]}"#, "crit: is not understood"),
        (r#"{"alg":"HS256","kid":"hs","crit":[]}"#, "crit: is not understood"),
        (r#"{"alg":"HS256","kid":"hs","crit":["b64"],"b64":false}"#, "crit: is not understood"),
        (r#"{"alg":"HS256","kid":"hs","typ":"JWE"}"#, "typ: must be JWT"),
        (r#"{"alg":"HS256","kid":"hs","typ":"dpop+jwt"}"#, "typ: must be JWT"),
        (r#"{"alg":"HS256","kid":"hs","typ":1}"#, "typ: must be JWT"),
        (r#"{"alg":"HS256","kid":"hs","typ":""}"#, "typ: must be JWT"),
        (r#"["alg","HS256"]"#, "header: is no JSON object"),
        (r#""HS256""#, "header: is no JSON object"),
        ("null", "header: is no JSON object"),
        ("", "header: is no JSON object"),
        (r#"{"alg":"HS256","kid":"hs"} x"#, "header: is no JSON object"),
        ("{alg:HS256}", "header: is no JSON object"),
    ];
    rows.extend(raw.map(|(header, told)| row(header, signed(header, &good), told)));
    let own = json!({"kty": "oct", "k": base64(b"a key of the one who knocks, 32 bytes")});
    let header = json!({"alg": "HS256", "kid": "hs", "jwk": own, "jku": "https://evil.example"}).to_string();
    let token = signed_with(b"a key of the one who knocks, 32 bytes", &header, &good);
    rows.push(row("a key that the token brings along", token, FALSE));
    rows
}

fn texts() -> Vec<Row> {
    let good = signed(HEADER, &claims().to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let other = base64(claims_with(json!({"sub": "bob"})));
    let flipped = |place: usize| {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("it is base64url");
        bytes[place] ^= 1;
        format!("{header}.{claims}.{}", base64(bytes))
    };
    let standard = signature.replace('-', "+").replace('_', "/");
    let rows = [
        ("nothing", String::new(), "is not accepted"),
        ("a word", "letmein".to_owned(), "is not accepted"),
        ("a dot", ".".to_owned(), "is not accepted"),
        ("two dots", "..".to_owned(), "header: is no JSON object"),
        ("three dots", "...".to_owned(), "is not accepted"),
        ("two parts", format!("{header}.{claims}"), "is not accepted"),
        ("four parts", format!("{good}.{signature}"), "is not accepted"),
        ("five parts, as if encrypted", format!("{good}.{signature}.{signature}"), "is not accepted"),
        ("a dot behind it", format!("{good}."), "is not accepted"),
        ("dots behind it", format!("{good}..."), "is not accepted"),
        ("a dot before it", format!(".{good}"), "is not accepted"),
        ("no signature", format!("{header}.{claims}."), FALSE),
        ("no claims", format!("{header}..{signature}"), FALSE),
        ("no header", format!(".{claims}.{signature}"), "header: is no JSON object"),
        ("another's claims", format!("{header}.{other}.{signature}"), FALSE),
        ("a signature cut short", format!("{header}.{claims}.{}", base64([0; 31])), FALSE),
        ("a signature that is longer", format!("{header}.{claims}.{}", base64([0; 64])), FALSE),
        ("its first bit flipped", flipped(0), FALSE),
        ("its last bit flipped", flipped(31), FALSE),
        ("padding", format!("{header}.{claims}.{signature}="), "signature: is no base64url"),
        ("a blank before it", format!(" {good}"), "header: is no base64url"),
        ("a blank behind it", format!("{good} "), "signature: is no base64url"),
        ("a line's end behind it", format!("{good}\n"), "signature: is no base64url"),
        ("no base64 as header", format!("???.{claims}.{signature}"), "header: is no base64url"),
        ("no base64 as claims", format!("{header}.???.{signature}"), FALSE),
        (
            "letters of another alphabet",
            format!("{header}.{claims}.é{signature}"),
            "signature: is no base64url",
        ),
        (
            "bits that no byte has",
            format!("{header}.{claims}.{}", last_bits(signature)),
            "signature: is no base64url",
        ),
        ("what stands before it in a head", format!("Bearer {good}"), "header: is no base64url"),
        ("a token of a megabyte", "x".repeat(1 << 20), "is longer than 4096 bytes"),
        ("a million dots", ".".repeat(1 << 20), "is longer than 4096 bytes"),
        (
            "long claims",
            signed(HEADER, &claims_with(json!({"x": "x".repeat(4096)}))),
            "is longer than 4096 bytes",
        ),
        ("the standard alphabet", format!("{header}.{claims}.{standard}+"), "signature: is no base64url"),
        ("an RSA token's claims under another header", swapped(), NOT_ITS_ALG),
        ("an RSA token, changed", RSA_TOKEN.replace("Bw", "Ag"), FALSE),
    ];
    rows.map(|(what, token, told)| row(what, token, told)).into()
}

/// The last letter of 32 bytes has two bits that stand for nothing.
fn last_bits(signature: &str) -> String {
    let (all_but_one, last) = signature.split_at(signature.len() - 1);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = letters.find(last).expect("a letter of base64url");
    format!("{all_but_one}{}", &letters[place + 1..place + 2])
}

fn swapped() -> String {
    let rest = RSA_TOKEN.split_once('.').expect("it has dots").1;
    format!("{}.{rest}", base64(r#"{"alg":"HS256","kid":"rsa"}"#))
}

fn claim_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for name in ["iss", "aud", "sub", "exp", "iat"] {
        let told: &'static str = match name {
            "iss" => "iss: is missing",
            "aud" => "aud: is missing",
            "sub" => "sub: is missing",
            "exp" => "exp: is missing",
            _iat => "iat: is missing",
        };
        rows.push(row(format!("no {name}"), signed(HEADER, &claims_with(json!({name: null}))), told));
    }
    let mut with = |others: Value, told| {
        rows.push(row(others.to_string(), signed(HEADER, &claims_with(others)), told));
    };
    for wrong in
        [json!("https://id.example/"), json!("https://ID.example"), json!(""), json!("http://id.example")]
    {
        with(json!({"iss": wrong}), "iss: is not the one");
    }
    for wrong in [json!(1), json!([ISSUER]), json!({}), json!(true)] {
        with(json!({"iss": wrong}), "iss: must be a text");
    }
    for wrong in [json!("slotcast2"), json!("SLOTCAST"), json!(""), json!("slotcast ")] {
        with(json!({"aud": wrong}), "aud: is not this server's");
    }
    for wrong in [json!([AUDIENCE]), json!([AUDIENCE, "other"]), json!([]), json!(1), json!({"a": AUDIENCE})]
    {
        with(json!({"aud": wrong}), "aud: must be a text");
    }
    for wrong in ["", "@alice", "al*", "a\nb", &"x".repeat(65)] {
        with(json!({"sub": wrong}), "sub: is no user's name");
    }
    for wrong in [json!(7), json!(["alice"]), json!(true), json!({"name": "alice"})] {
        with(json!({"sub": wrong}), "sub: must be a text");
    }
    for past in [NOW_S, NOW_S - 1, NOW_S - 30, 0, 1] {
        with(json!({"exp": past}), "exp: has passed");
    }
    let no_times = [
        json!("1800000600"),
        json!(-1),
        json!(1800000600.5),
        json!(1.8e9),
        json!(u64::MAX),
        json!(1_u64 << 53),
        json!(9_007_199_254_740_u64),
        json!([NOW_S + 600]),
        json!({"exp": 1}),
        json!(true),
        json!(""),
    ];
    for name in ["exp", "iat", "nbf"] {
        for wrong in &no_times {
            with(json!({name: wrong}), NO_TIME);
        }
    }
    with(json!({"iat": NOW_S + 31}), "iat: is in the future");
    with(json!({"nbf": NOW_S + 31}), "nbf: is in the future");
    with(json!({"nbf": NOW_S + 500}), "nbf: is in the future");
    for wrong in [json!(1), json!(["Alice"]), json!({})] {
        with(json!({"name": wrong}), "name: must be a text");
    }
    let roles =
        [json!("staff"), json!([1]), json!([""]), json!(["anyone"]), json!({"staff": true}), json!(["a\n"])];
    for wrong in roles.into_iter().chain([json!(vec!["x"; 65])]) {
        with(json!({"roles": wrong}), "roles: must be an array of names");
    }
    let objects = [
        json!([]),
        json!("*"),
        json!({"a/*": "read"}),
        json!({"a/*": ["Read"]}),
        json!({"a/*": ["own"]}),
        json!({"a/*": [1]}),
        json!({"a/*": {"read": true}}),
        json!({"a*b": ["read"]}),
        json!({"../a": ["read"]}),
        json!({"": ["read"]}),
        json!({"a": ["read", "read", "read", "read"]}),
    ];
    for wrong in objects {
        with(json!({"objects": wrong}), "objects: must name objects");
    }
    rows
}

/// Claims that are no JSON that we would write.
fn raw_claims() -> Vec<Row> {
    let good = claims().to_string();
    let beginning = good.trim_end_matches('}').to_owned();
    let also = |more: &str| format!("{beginning},{more}}}");
    let rows = [
        (also(r#""sub":"bob""#), NO_JSON),
        (also(r#""exp":9999999999"#), NO_JSON),
        (also(r#""s\u0075b":"bob""#), NO_JSON),
        (also(r#""objects":{"a/*":["read"],"a/*":["write"]}"#), NO_JSON),
        (also(r#""x":{"y":1,"y":2}"#), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "1e400"), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "-1e400"), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "1e9"), "exp: must be a time"),
        (good.replace(&(NOW_S + 600).to_string(), "null"), "exp: must be a time"),
        (good.replace(&(NOW_S + 600).to_string(), "-0"), "exp: must be a time"),
        (good.replace(&(NOW_S + 600).to_string(), "NaN"), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "Infinity"), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "0x7fffffff"), NO_JSON),
        (good.replace(&(NOW_S + 600).to_string(), "01800000600"), NO_JSON),
        (good.replace("\"alice\"", "null"), "sub: must be a text"),
        (good.replace("\"alice\"", "'alice'"), NO_JSON),
        (format!("[{good}]"), NO_JSON),
        (format!("{good}{good}"), NO_JSON),
        (format!("{good},"), NO_JSON),
        (good.trim_end_matches('}').to_owned(), NO_JSON),
        (String::new(), NO_JSON),
        ("null".to_owned(), NO_JSON),
        ("\"alice\"".to_owned(), NO_JSON),
        ("{}".to_owned(), "iss: is missing"),
        (format!("\u{feff}{good}"), NO_JSON),
        ("[".repeat(2_000), NO_JSON),
    ];
    rows.into_iter().map(|(claims, told)| row(claims.clone(), signed(HEADER, &claims), told)).collect()
}

#[test]
fn bad_tokens() {
    let rows: Vec<Row> = [headers(), texts(), claim_rows(), raw_claims()].concat();
    assert!(rows.len() >= 120, "the matrix has only {} rows", rows.len());
    let (keys, expected) = (keys(), expected());
    for (what, token, wanted) in &rows {
        let told = told(verify(token, &keys, &expected, NOW_MS));
        assert!(told.starts_with("token: ") && told.contains(wanted), "{what}: {told}, not {wanted}");
        let long = token.split('.').find(|part| part.len() > 8);
        assert!(long.is_none_or(|part| !told.contains(part)), "{what}: {told} tells some of it");
    }
}

#[test]
fn good_tokens() {
    let (keys, expected) = (keys(), expected());
    let sign = |kid| SigningKey::find(key_set().as_bytes(), Some(kid)).expect("it can sign");
    let by = |kid| sign(kid).sign(claims().as_object().expect("an object")).expect("it signs");
    let rows = [
        ("HS256", by("hs")),
        ("ES256", by("ec")),
        ("EdDSA", by("ed")),
        ("typ", signed(r#"{"typ":"jwt","alg":"HS256","kid":"hs"}"#, &claims().to_string())),
        ("at+jwt", signed(r#"{"typ":"at+jwt","alg":"HS256","kid":"hs"}"#, &claims().to_string())),
        (
            "a field that says nothing to us",
            signed(r#"{"alg":"HS256","kid":"hs","x5t":"?"}"#, &claims().to_string()),
        ),
        ("its last second", signed(HEADER, &claims_with(json!({"exp": NOW_S + 1})))),
        (
            "a clock that is ahead",
            signed(HEADER, &claims_with(json!({"iat": NOW_S + 30, "nbf": NOW_S + 30}))),
        ),
        (
            "from long ago, for long",
            signed(HEADER, &claims_with(json!({"iat": 0, "exp": 9_007_199_254_739_u64}))),
        ),
        (
            "more than we ask",
            signed(HEADER, &claims_with(json!({"jti": "1", "name": "Alice A.", "azp": [1]}))),
        ),
    ];
    for (what, token) in rows {
        assert_eq!(told(verify(&token, &keys, &expected, NOW_MS)), "let in as alice", "{what}");
    }
    assert_eq!(told(verify(RSA_TOKEN, &keys, &expected, NOW_MS)), "let in as carol");
    let late = NOW_MS + 600_000;
    assert_eq!(told(verify(RSA_TOKEN, &keys, &expected, late - 1)), "let in as carol");
    assert_eq!(told(verify(RSA_TOKEN, &keys, &expected, late)), "token: exp: has passed");
}

#[test]
fn without_a_kid_where_there_is_one_key() {
    let one = json!({"keys": [{"kty": "oct", "alg": "HS256", "k": base64(SECRET)}]}).to_string();
    let one = Keys::parse(one.as_bytes()).expect("it is good");
    let token = signed(r#"{"alg":"HS256"}"#, &claims().to_string());
    assert_eq!(told(verify(&token, &one, &expected(), NOW_MS)), "let in as alice");
    assert_eq!(told(verify(&token, &keys(), &expected(), NOW_MS)), "token: kid: names no key");
}

#[test]
fn what_a_token_grants() {
    let grant = |others: Value| {
        verify(&signed(HEADER, &claims_with(others)), &keys(), &expected(), NOW_MS).expect("it is good")
    };
    let plain = grant(json!({}));
    assert_eq!((plain.expires_ms, plain.issued_s), (Some(NOW_MS + 600_000), Some(NOW_S - 10)));
    assert_eq!(plain.rights, None, "idle sessions pay for no rights that say nothing");
    assert_eq!(grant(json!({"roles": []})).rights, None);
    let rights =
        grant(json!({"roles": ["staff"], "objects": {"a/*": ["read"], "a/1": ["read", "write"]}})).rights;
    let (rights, kind) = (rights.as_deref(), Kind::default());
    for (object, right, wanted) in [
        ("a/1", Right::Write, true),
        ("a/2", Right::Read, true),
        ("a/2", Right::Write, false),
        ("b", Right::Read, false),
    ] {
        let object = ObjectName::parse(object).expect("a good name");
        assert_eq!(kind.lets(rights, &object, right), wanted, "{object} {right:?}");
    }
    assert!(grant(json!({"objects": {}})).rights.is_some(), "it may do nothing");
}
