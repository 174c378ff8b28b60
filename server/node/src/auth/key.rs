//! One key, with the one algorithm that it may be used with: what a token says of its algorithm only has to agree.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde_json::{Map, Value};

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256: whoever can check can also sign.
    Hs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All there are.
    pub const ALL: [Algorithm; 4] = [Algorithm::Hs256, Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];

    /// As in a header's `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Hs256 => "HS256",
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The type and the curve of its keys.
    fn kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Algorithm::Hs256 => ("oct", None),
            Algorithm::Es256 => ("EC", Some("P-256")),
            Algorithm::Rs256 => ("RSA", None),
            Algorithm::EdDsa => ("OKP", Some("Ed25519")),
        }
    }
}

/// A shorter secret could be found by trying.
const SECRET_BYTES_MIN: usize = 32;

/// ring takes no smaller one and no larger one, in bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// What checks signatures. Its bytes are nobody's to see.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    algorithm: Algorithm,
    material: Material,
    /// Whether whoever reads the file could sign with it.
    pub is_secret: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Secret(Vec<u8>),
    /// A point, as the algorithm writes it.
    Point(Vec<u8>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl Key {
    /// From a JSON Web Key; the error names what is wrong with it.
    pub fn parse(jwk: &Map<String, Value>) -> Result<Key, String> {
        let alg = text(jwk, "alg")?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == alg);
        let algorithm = algorithm.ok_or("alg: expected HS256, ES256, RS256 or EdDSA")?;
        let (kty, curve) = algorithm.kind();
        if text(jwk, "kty")? != kty {
            return Err(format!("kty: {alg} needs {kty}"));
        }
        if curve.is_some_and(|curve| text(jwk, "crv") != Ok(curve)) {
            return Err(format!("crv: {alg} needs {}", curve.unwrap_or_default()));
        }
        let material = material(algorithm, jwk)?;
        let is_secret = algorithm == Algorithm::Hs256 || jwk.contains_key("d");
        Ok(Key { algorithm, material, is_secret })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the signature is this key's over the message.
    pub fn verifies(&self, message: &[u8], signed: &[u8]) -> bool {
        match &self.material {
            Material::Secret(secret) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, signed).is_ok()
            }
            Material::Point(point) => {
                let how: &dyn signature::VerificationAlgorithm = match self.algorithm {
                    Algorithm::EdDsa => &signature::ED25519,
                    Algorithm::Es256 | Algorithm::Hs256 | Algorithm::Rs256 => {
                        &signature::ECDSA_P256_SHA256_FIXED
                    }
                };
                signature::UnparsedPublicKey::new(how, point).verify(message, signed).is_ok()
            }
            Material::Rsa { n, e } => {
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed).is_ok()
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, …)", self.algorithm.name())
    }
}

fn material(algorithm: Algorithm, jwk: &Map<String, Value>) -> Result<Material, String> {
    let coordinate = |name| match bytes(jwk, name)? {
        bytes if bytes.len() == 32 => Ok(bytes),
        _other => Err(format!("{name}: must have 32 bytes")),
    };
    Ok(match algorithm {
        Algorithm::Hs256 => match bytes(jwk, "k")? {
            secret if secret.len() >= SECRET_BYTES_MIN => Material::Secret(secret),
            _short => return Err(format!("k: must have at least {SECRET_BYTES_MIN} bytes")),
        },
        Algorithm::Es256 => Material::Point([vec![4], coordinate("x")?, coordinate("y")?].concat()),
        Algorithm::EdDsa => Material::Point(coordinate("x")?),
        Algorithm::Rs256 => {
            let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
            if !RSA_BYTES.contains(&n.len()) {
                return Err("n: must have 2048 to 8192 bits".to_owned());
            }
            Material::Rsa { n, e }
        }
    })
}

/// A member that must be there.
pub fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    jwk.get(name).and_then(Value::as_str).ok_or_else(|| format!("{name}: is missing or no text"))
}

/// The same, as the bytes that it stands for.
pub fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let text = text(jwk, name)?;
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("{name}: is no base64url without padding"))
}
