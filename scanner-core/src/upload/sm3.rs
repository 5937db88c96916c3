//! SM3 (GB/T 32905-2016, ISO/IEC 10118-3), and HMAC (RFC 2104) over it, for the signatures of the platform's requests.
//!
//! Written from the standard's text: padding and message expansion of clause 5, the compression function of clause 5.3. Checked against the examples of
//! its annex A, and against the hub's implementation, which was written apart from this one.

/// Bytes of a block.
const BLOCK: usize = 64;

/// Clause 4.1: the state before the first block.
const INITIAL: [u32; 8] = [0x7380_166f, 0x4914_b2b9, 0x1724_42d7, 0xda8a_0600, 0xa96f_30bc, 0x1631_38aa, 0xe38d_ee4d, 0xb0fb_0e4e];

/// Clause 4.4: P0 and P1.
fn p0(x: u32) -> u32 {
    x ^ x.rotate_left(9) ^ x.rotate_left(17)
}

fn p1(x: u32) -> u32 {
    x ^ x.rotate_left(15) ^ x.rotate_left(23)
}

/// Clause 5.3: one block.
fn compress(state: &mut [u32; 8], block: &[u8]) {
    let mut w = [0u32; 68];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for j in 16..68 {
        w[j] = p1(w[j - 16] ^ w[j - 9] ^ w[j - 3].rotate_left(15)) ^ w[j - 13].rotate_left(7) ^ w[j - 6];
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for j in 0..64 {
        let early = j < 16;
        let t: u32 = if early { 0x79cc_4519 } else { 0x7a87_9d8a };
        let ff = if early { a ^ b ^ c } else { (a & b) | (a & c) | (b & c) };
        let gg = if early { e ^ f ^ g } else { (e & f) | (!e & g) };
        let ss1 = a.rotate_left(12).wrapping_add(e).wrapping_add(t.rotate_left(j as u32 % 32)).rotate_left(7);
        let ss2 = ss1 ^ a.rotate_left(12);
        let tt1 = ff.wrapping_add(d).wrapping_add(ss2).wrapping_add(w[j] ^ w[j + 4]);
        let tt2 = gg.wrapping_add(h).wrapping_add(ss1).wrapping_add(w[j]);
        (d, c, b, a) = (c, b.rotate_left(9), a, tt1);
        (h, g, f, e) = (g, f.rotate_left(19), e, p0(tt2));
    }
    for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word ^= new;
    }
}

/// The hash of all of these bytes, one part after the other.
pub(super) fn sm3(parts: &[&[u8]]) -> [u8; 32] {
    let mut message: Vec<u8> = parts.concat();
    let bits = message.len() as u64 * 8;
    let padded = (message.len() + 9).next_multiple_of(BLOCK);
    message.push(0x80);
    message.resize(padded - 8, 0);
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    message.chunks_exact(BLOCK).for_each(|block| compress(&mut state, block));
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

/// The keyed hash of a text.
pub(super) fn hmac_sm3(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    let hashed = sm3(&[key]);
    let short = if key.len() > BLOCK { &hashed } else { key };
    block[..short.len()].copy_from_slice(short);
    sm3(&[&block.map(|byte| byte ^ 0x5c), &sm3(&[&block.map(|byte| byte ^ 0x36), text])])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: [u8; 32]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_standards_examples_come_out() {
        // Annex A.1 and A.2.
        assert_eq!(hex(sm3(&[b"abc"])), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
        let long = "abcd".repeat(16);
        assert_eq!(hex(sm3(&[long.as_bytes()])), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
    }

    #[test]
    fn lengths_around_a_block_are_padded_as_openssl_pads_them() {
        for (length, wanted) in [
            (0u32, "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
            (55, "a79cf9dcee3404abf7f769698201647fd9d3ff61d629d0f58bb4b5579a427db8"),
            (56, "62f7363b15f4de76dd925c493b9d6d00d4ba0ef2a1f334c1d0f13b293aeb40d1"),
            (63, "6165e4cbb15cde01c6226e0015a47f710f8f8e1f2c296700033bb34d9212109c"),
            (64, "93566f236d157aae078d1ddb5cebdbba1520b5142e22a8915564345ba2ae1d63"),
            (120, "6babee35e6a1515af9d6255109c24f3c08897829422c6225d235fd4c8527e9ec"),
            (1000, "e1043d6f7910a57e49c10eb042760c060d07ea26866cb067cc5eecb42f9056a3"),
        ] {
            let message: Vec<u8> = (0..length).map(|i| i as u8).collect();
            assert_eq!(hex(sm3(&[&message])), wanted, "{length} bytes");
        }
    }

    #[test]
    fn a_key_is_padded_or_hashed() {
        let text = b"The quick brown fox jumps over the lazy dog";
        // As OpenSSL has it.
        assert_eq!(hex(hmac_sm3(b"key", text)), "bd4a34077888162b210645b8ebf74b9af357303789357a27c7fc457244ebd398");
        let long = [7u8; 65];
        assert_eq!(hmac_sm3(&long, text), hmac_sm3(&sm3(&[&long]), text));
        assert_ne!(hmac_sm3(&long[..64], text), hmac_sm3(&sm3(&[&long[..64]]), text));
    }
}
