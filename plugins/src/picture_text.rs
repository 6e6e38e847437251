//! Pictures as base64 text, encoded once for all requests that show them.

use base64::Engine as _;
use situs_core::prelude::{Fault, ImageRef, Media};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of text that are kept. Work is ordered by picture, so a few questions' worth is enough.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// A bounded store of encoded pictures, shared by all threads of a backend.
pub(crate) struct PictureTexts {
    prefix: &'static str,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    texts: HashMap<String, Arc<str>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl PictureTexts {
    /// `prefix` comes before the base64 digits.
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { prefix, kept: Mutex::default() }
    }

    /// The text of a picture.
    ///
    /// # Errors
    /// When the picture cannot be read.
    pub(crate) fn of(&self, image: &ImageRef, media: &dyn Media) -> Result<Arc<str>, Fault> {
        if let Some(text) = self.lock().texts.get(&image.png) {
            return Ok(Arc::clone(text));
        }
        let png = media.png(image)?;
        let mut text = String::with_capacity(self.prefix.len() + png.len().div_ceil(3) * 4);
        text.push_str(self.prefix);
        base64::engine::general_purpose::STANDARD.encode_string(&png, &mut text);
        let text: Arc<str> = text.into();
        self.lock().keep(&image.png, &text);
        Ok(text)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, name: &str, text: &Arc<str>) {
        if self.texts.insert(name.to_owned(), Arc::clone(text)).is_none() {
            self.order.push_back(name.to_owned());
            self.bytes += text.len();
        }
        while self.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.texts.remove(&oldest).map_or(0, |text| text.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_stays_within_its_limit() {
        let mut kept = Kept::default();
        let text: Arc<str> = "x".repeat(MAX_KEPT_BYTES / 3).into();
        for name in 0..10 {
            kept.keep(&name.to_string(), &text);
            kept.keep(&name.to_string(), &text);
            assert!(kept.bytes <= MAX_KEPT_BYTES);
            assert_eq!(kept.order.len(), kept.texts.len());
        }
        assert!(kept.texts.contains_key("9"));
    }
}
