//! Signatures of requests, as the hub checks them: SM3 by GB/T 32905-2016, written apart from the client's, so that a fault in one shows against the
//! other.
//!
//! The public interface has a field for the kind of signature (`signtype`) and one that can hold it (`cainfo`), and no word on what is signed. Assumed
//! here: the envelope without `cainfo`, as JSON without blanks, the names of each object in the order of their bytes.

use serde::Deserialize;
use serde_json::{Map, Value};

/// How a platform wants its requests signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// HMAC with SM3 under the secret.
    HmacSm3,
    /// SM3 of the text with the secret behind it.
    Sm3Appended,
}

/// What a platform asks of signatures.
#[derive(Clone)]
pub struct Signatures {
    /// The method.
    pub method: Method,
    /// The secret that it shares with the institution.
    pub secret: String,
}

impl std::fmt::Debug for Signatures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signatures({:?}, secret not shown)", self.method)
    }
}

impl Signatures {
    /// What is wrong with a request's signature.
    pub(crate) fn fault(&self, request: &Map<String, Value>) -> Option<String> {
        let said = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
        if said("signtype") != "SM3" {
            return Some(format!("signtype: '{}' where SM3 is wanted", said("signtype")));
        }
        let mut signed = String::from("{");
        object(&mut signed, request, Some("cainfo"));
        let secret = self.secret.as_bytes();
        let mut hash = Sm3::default();
        match self.method {
            Method::Sm3Appended => {
                hash.take(signed.as_bytes());
                hash.take(secret);
            }
            Method::HmacSm3 => {
                let key = if secret.len() <= 64 { secret.to_vec() } else { Sm3::of(secret).to_vec() };
                let padded = |with: u8| -> Vec<u8> { key.iter().copied().chain(std::iter::repeat(0)).take(64).map(|b| b ^ with).collect() };
                let mut inner = Sm3::default();
                inner.take(&padded(0x36));
                inner.take(signed.as_bytes());
                hash.take(&padded(0x5c));
                hash.take(&inner.end());
            }
        }
        let wanted: String = hash.end().iter().map(|byte| format!("{byte:02x}")).collect();
        (!said("cainfo").eq_ignore_ascii_case(&wanted)).then(|| "cainfo: the signature is not that of this request".into())
    }
}

/// Writes an object's names and values, sorted, and the brace that ends it.
fn object(out: &mut String, object: &Map<String, Value>, without: Option<&str>) {
    let mut names: Vec<&String> = object.keys().filter(|name| Some(name.as_str()) != without).collect();
    names.sort();
    for (i, name) in names.into_iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push(':');
        value(out, &object[name]);
    }
    out.push('}');
}

fn value(out: &mut String, value_of: &Value) {
    match value_of {
        Value::Object(inner) => {
            out.push('{');
            object(out, inner, None);
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                value(out, item);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// The hash, taking bytes one at a time.
struct Sm3 {
    v: [u32; 8],
    block: [u8; 64],
    length: u64,
}

impl Default for Sm3 {
    fn default() -> Self {
        let v = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
        Self { v, block: [0; 64], length: 0 }
    }
}

impl Sm3 {
    fn of(bytes: &[u8]) -> [u8; 32] {
        let mut hash = Self::default();
        hash.take(bytes);
        hash.end()
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.block[(self.length % 64) as usize] = byte;
            self.length += 1;
            if self.length.is_multiple_of(64) {
                self.round();
            }
        }
    }

    fn end(mut self) -> [u8; 32] {
        let bits = self.length * 8;
        self.take(&[0x80]);
        while self.length % 64 != 56 {
            self.take(&[0]);
        }
        self.take(&bits.to_be_bytes());
        let mut hash = [0; 32];
        for (i, byte) in hash.iter_mut().enumerate() {
            *byte = (self.v[i / 4] >> (24 - 8 * (i % 4))) as u8;
        }
        hash
    }

    /// The expansion is kept in a ring of 16 words: W(j + 16) stands where W(j) stood, once W(j) and W(j + 4) were used.
    fn round(&mut self) {
        let mut w: [u32; 16] = std::array::from_fn(|i| u32::from_be_bytes(std::array::from_fn(|k| self.block[4 * i + k])));
        let mut r = self.v;
        let mut t = 0x79cc4519u32;
        for j in 0..64 {
            if j == 16 {
                // T(j) turns with j, and starts anew with the second constant.
                t = 0x7a879d8au32.rotate_left(16);
            }
            let at = |k: usize| (j + k) % 16;
            let majority = |x: u32, y: u32, z: u32| (x & (y | z)) | (y & z);
            let choice = |x: u32, y: u32, z: u32| z ^ (x & (y ^ z));
            let parity = |x: u32, y: u32, z: u32| x ^ y ^ z;
            let (first, second) = if j < 16 {
                (parity(r[0], r[1], r[2]), parity(r[4], r[5], r[6]))
            } else {
                (majority(r[0], r[1], r[2]), choice(r[4], r[5], r[6]))
            };
            let turned = r[0].rotate_left(12);
            let s = turned.wrapping_add(r[4]).wrapping_add(t).rotate_left(7);
            let left = first.wrapping_add(r[3]).wrapping_add(s ^ turned).wrapping_add(w[at(0)] ^ w[at(4)]);
            let right = second.wrapping_add(r[7]).wrapping_add(s).wrapping_add(w[at(0)]);
            let mixed = right ^ right.rotate_left(9) ^ right.rotate_left(17);
            r = [left, r[0], r[1].rotate_left(9), r[2], mixed, r[4], r[5].rotate_left(19), r[6]];
            let x = w[at(0)] ^ w[at(7)] ^ w[at(13)].rotate_left(15);
            w[at(0)] = x ^ x.rotate_left(15) ^ x.rotate_left(23) ^ w[at(3)].rotate_left(7) ^ w[at(10)];
            t = t.rotate_left(1);
        }
        for (old, new) in self.v.iter_mut().zip(r) {
            *old ^= new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // Examples of annex A; the others are OpenSSL's.
        assert_eq!(hex(Sm3::of(b"abc")), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        assert_eq!(hex(Sm3::of("abcd".repeat(16).as_bytes())), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
        let bytes: Vec<u8> = (0..1000u32).map(|i| i as u8).collect();
        assert_eq!(hex(Sm3::of(&bytes[..56])), "62f7363b15f4de76dd925c493b9d6d00d4ba0ef2a1f334c1d0f13b293aeb40d1");
        assert_eq!(hex(Sm3::of(&bytes)), "e1043d6f7910a57e49c10eb042760c060d07ea26866cb067cc5eecb42f9056a3");
    }
}
