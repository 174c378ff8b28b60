//! Good tokens and bad ones: a row each, by a clock that stands still.

mod files;
mod tokens;

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use slotcast_protocol::User;

use super::jwks::Keys;
use super::key::Algorithm;
use super::sign::{SigningKey, fresh};
use super::token::{Expected, verify};
use super::*;
use crate::metrics::Metrics;

/// ms; when all of this happens.
const NOW_MS: u64 = NOW_S * 1000;
const NOW_S: u64 = 1_800_000_000;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "slotcast";

const SECRET: &[u8] = b"a secret of thirty-two bytes or more";

/// Of a key that was thrown away, and a token that it has signed.
const RSA_MODULUS: &str = "kIaP83Y9LFdN15stxTo0nMgClDRnOu0drpxbLMgkmJwdY3GGUvCdEAP_K4Of829FhhP3DtgZ_qkOR1DfZZ4gwUH7PdfryiU8WfW054w-OBkP2tyLl6_Y4X5V33rto2E3kWrJsmJBUT88rT3oTG2cAzd5zyh8OhFyry00Y5VM-nvnVjIGL_PpDKRD2MsR4UBGTDRgGu6Pm4xK_ra2UIdLpui3eA42WtKUkmaKgckCAn8U-VY9u1sy3RAL2HHOtP-IH9vK6l95gbS6tqCk0xK6Fa5TcjNnBhcv2Zjx06pDJkottCeTMHuiw6_Gm-3mRSa1vm22vQQsrZG5dWZ2F4n6FQ";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJzbG90Y2FzdCIsInN1YiI6ImNhcm9sIiwiaWF0IjoxNzk5OTk5OTkwLCJleHAiOjE4MDAwMDA2MDB9.Q4C22wN5-joJn8xBENczg_R3zKSNhIM5vrbuZbzSz75gUxJ8gQJx4qGl6dlDoJu0Czn0LUNV9sHqlnY017ipcEwKLnp5hl8aBgUC_ApVY5w80HVuoAlcmJzd9CPTV830f3r44tCw5TPbZ9FBJCGpEyZTwMpd0Ucm06ZXEsUcgjvypXkENWBp9StMzjXvWNFqPktb52EIFwkcQXKURp_QhI10U6nULr8Yt7MfAC982rGp4SvUtepKi0-87QkdBuD7MRWopVQ8u59wyQMLeJqE9YV27U1q9oskO-yfZY7VxSIRHKhXa_M4QXuHLUENFDFnV-Sz9NRVJccPT44GNVa9Bw";

/// RFC 7515, appendix A.3.1.
const EC_KEY: &str = r#"{"kty":"EC","alg":"ES256","kid":"ec","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

/// RFC 8037, appendix A.1.
const ED_KEY: &str = r#"{"kty":"OKP","alg":"EdDSA","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A set with a key for each algorithm.
fn key_set() -> String {
    let hmac = json!({"kty": "oct", "alg": "HS256", "kid": "hs", "k": base64(SECRET)});
    let rsa = json!({"kty": "RSA", "alg": "RS256", "kid": "rsa", "n": RSA_MODULUS, "e": "AQAB"});
    format!(r#"{{"keys": [{hmac}, {rsa}, {EC_KEY}, {ED_KEY}]}}"#)
}

fn keys() -> Keys {
    Keys::parse(key_set().as_bytes()).expect("they are good")
}

fn expected() -> Expected {
    Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() }
}

/// Good ones of alice.
fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": NOW_S - 10, "exp": NOW_S + 600})
}

/// The good claims, with some of them replaced, or left out where they are null.
fn claims_with(others: Value) -> String {
    let mut claims = claims();
    for (name, value) in others.as_object().expect("an object") {
        match value {
            Value::Null => _ = claims.as_object_mut().expect("an object").remove(name),
            value => claims[name] = value.clone(),
        }
    }
    claims.to_string()
}

/// A token of any header and any claims, signed with a secret.
fn signed_with(secret: &[u8], header: &str, claims: &str) -> String {
    let message = format!("{}.{}", base64(header), base64(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64(signature))
}

const HEADER: &str = r#"{"alg":"HS256","kid":"hs"}"#;

fn signed(header: &str, claims: &str) -> String {
    signed_with(SECRET, header, claims)
}

fn told(result: Result<Grant, refused::Refused>) -> String {
    match result {
        Ok(grant) => format!("let in as {}", grant.user),
        Err(refused) => refused.fault().what,
    }
}
