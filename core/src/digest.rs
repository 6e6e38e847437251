//! Content identities: SHA-256 over parts that cannot run into each other, and draws that depend on nothing else.

use sha2::{Digest as _, Sha256};

/// Builds a digest from parts; each part is framed by its length, so `("ab", "c")` and `("a", "bc")` differ.
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Starts a digest for one purpose; different purposes never collide.
    pub fn new(purpose: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.add(purpose.as_bytes());
        digest
    }

    /// Adds one part.
    pub fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds one part of text.
    pub fn text(&mut self, part: &str) -> &mut Self {
        self.add(part.as_bytes())
    }

    /// Adds a value as JSON; maps are ordered by key, so equal values give equal digests.
    pub fn json(&mut self, value: &impl serde::Serialize) -> &mut Self {
        let text = serde_json::to_vec(value).unwrap_or_else(|error| error.to_string().into_bytes());
        self.add(&text)
    }

    /// Lower-case hexadecimal, 64 digits.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }

    /// The first 16 bytes as 32 hexadecimal digits: short enough for file names, long enough to be unique.
    pub fn short(&self) -> String {
        self.hex()[..32].to_owned()
    }

    /// The first 8 bytes as a number.
    pub fn number(&self) -> u64 {
        let bytes = self.0.clone().finalize();
        bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// SHA-256 of plain bytes, as `sha256sum` prints it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of everything a reader gives, as `sha256sum` prints it.
///
/// # Errors
/// When reading fails.
pub fn sha256_of(mut reader: impl std::io::Read) -> std::io::Result<String> {
    let mut digest = FileDigest::default();
    let mut block = vec![0; 1 << 20];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(digest.hex()),
            count => digest.add(&block[..count]),
        }
    }
}

/// SHA-256 of plain bytes that come in parts, as `sha256sum` prints it.
#[derive(Clone, Default)]
pub struct FileDigest(Sha256);

impl FileDigest {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Lower-case hexadecimal, 64 digits.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seeded draws keyed by what they are for, so that the order in which items are made never matters.
///
/// Every value comes from a hash of `(seed, path)`; two draws with different names are independent.
#[derive(Debug, Clone)]
pub struct Draw {
    key: String,
    seed: u64,
}

impl Draw {
    /// The root of all draws of a run.
    pub fn new(seed: u64) -> Self {
        Self { key: String::new(), seed }
    }

    /// A named branch below this one.
    #[must_use]
    pub fn of(&self, name: impl std::fmt::Display) -> Self {
        Self { key: format!("{}/{name}", self.key), seed: self.seed }
    }

    /// 64 uniform bits.
    pub fn bits(&self) -> u64 {
        Digest::new("situs-draw-1").add(&self.seed.to_le_bytes()).text(&self.key).number()
    }

    /// Uniform in the open interval (0, 1), with 53 bits.
    pub fn unit(&self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Uniform in `0..count`; 0 when `count` is 0.
    pub fn below(&self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    /// A fair coin.
    pub fn coin(&self) -> bool {
        self.bits() >> 63 == 1
    }

    /// A uniformly drawn order of `0..count` (Fisher-Yates).
    pub fn order(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.of(last).below(last + 1));
        }
        order
    }

    /// Two independent normal deviates (Box-Muller).
    pub fn normal_pair(&self) -> (f64, f64) {
        let radius = (-2.0 * self.of("radius").unit().ln()).sqrt();
        let angle = std::f64::consts::TAU * self.of("angle").unit();
        (radius * angle.cos(), radius * angle.sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_framed() {
        let one = Digest::new("t").text("ab").text("c").hex();
        let two = Digest::new("t").text("a").text("bc").hex();
        assert_ne!(one, two);
    }

    #[test]
    fn sha256_of_abc_is_the_published_vector() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn an_order_is_a_permutation_and_draws_are_stable() {
        let mut order = Draw::new(7).of("x").order(50);
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
        assert_eq!(Draw::new(7).of("a").bits(), Draw::new(7).of("a").bits());
        assert_ne!(Draw::new(7).of("a").bits(), Draw::new(8).of("a").bits());
    }
}
