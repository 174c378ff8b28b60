//! Signing, for `slotcast token`: the server itself never does it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};

use super::jwks::members;
use super::key::{Algorithm, Key, bytes};

/// A token's claims.
pub type Claims = Map<String, Value>;

/// A key with its name, and what signs with it.
pub struct SigningKey {
    kid: Option<String>,
    algorithm: Algorithm,
    secret: Secret,
}

enum Secret {
    Hmac(hmac::Key),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// The key of that name in a text with a set of keys; without a name the first that can sign.
    pub fn find(text: &[u8], kid: Option<&str>) -> Result<SigningKey, String> {
        let keys = members(text)?;
        let wanted = keys.iter().filter(|jwk| kid.is_none_or(|kid| jwk.get("kid").is_some_and(|k| k == kid)));
        let mut why = "holds no key of this name".to_owned();
        for jwk in wanted {
            match SigningKey::parse(jwk) {
                Ok(key) => return Ok(key),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn parse(jwk: &Map<String, Value>) -> Result<SigningKey, String> {
        let algorithm = Key::parse(jwk)?.algorithm();
        let bad = |_| "d: does not belong to x".to_owned();
        let secret = match algorithm {
            Algorithm::Hs256 => Secret::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes(jwk, "k")?)),
            Algorithm::EdDsa => Secret::Ed25519(
                Ed25519KeyPair::from_seed_and_public_key(&bytes(jwk, "d")?, &bytes(jwk, "x")?)
                    .map_err(bad)?,
            ),
            Algorithm::Es256 => {
                let point = [vec![4], bytes(jwk, "x")?, bytes(jwk, "y")?].concat();
                let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(how, &bytes(jwk, "d")?, &point, &random);
                Secret::Ecdsa(pair.map_err(bad)?)
            }
            Algorithm::Rs256 => return Err("alg: RS256 keys cannot sign here".to_owned()),
        };
        let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
        Ok(SigningKey { kid, algorithm, secret })
    }

    /// The token that says so.
    pub fn sign(&self, claims: &Claims) -> Result<String, String> {
        let mut header = json!({"alg": self.algorithm.name(), "typ": "JWT"});
        if let Some(kid) = &self.kid {
            header["kid"] = kid.as_str().into();
        }
        let encode = |json: &dyn AsRef<[u8]>| BASE64_URL_SAFE_NO_PAD.encode(json.as_ref());
        let claims = Value::Object(claims.clone());
        let signed = format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()));
        let signature = match &self.secret {
            Secret::Hmac(key) => hmac::sign(key, signed.as_bytes()).as_ref().to_vec(),
            Secret::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Secret::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), signed.as_bytes());
                signature.map_err(|_| "there is no randomness")?.as_ref().to_vec()
            }
        };
        Ok(format!("{signed}.{}", encode(&signature)))
    }
}

/// A new set of one key, as the text of a file.
pub fn fresh(algorithm: Algorithm) -> Result<String, String> {
    let seed: [u8; 32] = random()?;
    let kid: [u8; 6] = random()?;
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let mut key = json!({"alg": algorithm.name(), "kid": encode(&kid), "use": "sig"});
    match algorithm {
        Algorithm::Hs256 => {
            key["kty"] = "oct".into();
            key["k"] = encode(&seed).into();
        }
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|why| why.to_string())?;
            key["kty"] = "OKP".into();
            key["crv"] = "Ed25519".into();
            key["x"] = encode(pair.public_key().as_ref()).into();
            key["d"] = encode(&seed).into();
        }
        Algorithm::Es256 | Algorithm::Rs256 => {
            return Err(format!("{} keys are not made here; openssl makes them", algorithm.name()));
        }
    }
    Ok(format!("{:#}\n", json!({"keys": [key]})))
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "there is no randomness".to_owned()).map(|()| bytes)
}
