//! What is sent to a model: text, pictures and volumes, in order. Big things are named by digest.

use crate::case::VolumeRef;
use serde::{Deserialize, Serialize};

/// A picture by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageRef {
    /// Digest of size and RGB pixels: the picture's identity.
    pub pixels: String,
    /// SHA-256 of the PNG file that is sent.
    pub png: String,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// One part of a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// The picture.
        image: ImageRef,
    },
    /// A volume for models that take one.
    Volume {
        /// The volume.
        volume: VolumeRef,
    },
}

/// A prompt: parts in order, pictures before the question's text.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// The parts.
    pub parts: Vec<Part>,
}

impl Prompt {
    /// A prompt of text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text { text: text.into() }] }
    }

    /// All text parts, one blank line between them.
    pub fn joined_text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n\n")
    }

    /// The pictures in order.
    pub fn images(&self) -> impl Iterator<Item = &ImageRef> {
        self.parts.iter().filter_map(|part| match part {
            Part::Image { image } => Some(image),
            _ => None,
        })
    }

    /// The volumes in order.
    pub fn volumes(&self) -> impl Iterator<Item = &VolumeRef> {
        self.parts.iter().filter_map(|part| match part {
            Part::Volume { volume } => Some(volume),
            _ => None,
        })
    }

    /// Identity: texts, picture pixel digests and volume ids, in order.
    pub fn digest(&self) -> String {
        let mut digest = crate::digest::Digest::new("situs-prompt-1");
        for part in &self.parts {
            match part {
                Part::Text { text } => digest.text("text").text(text),
                Part::Image { image } => digest.text("image").text(&image.pixels),
                Part::Volume { volume } => digest.text("volume").text(&volume.id),
            };
        }
        digest.hex()
    }
}
