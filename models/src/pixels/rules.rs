//! How pictures are resized and normalised: `preprocessor_config.json` and its newer forms, or a family's defaults.

use super::patches::{Grid, Patches, cut};
use crate::checkpoint::{Checkpoint, Config};
use serde_json::Value;
use situs_core::fault::Fault;
use situs_core::media::Picture;

/// Largest ratio of the sides of a picture.
const MAX_RATIO: f64 = 200.0;
/// Cubic convolution, as Pillow numbers its filters.
const BICUBIC: u64 = 3;
/// Most pixels that a picture may be enlarged to.
const MAX_LEAST: f64 = 67_108_864.0;
/// Largest side of a patch, merge or step that is believed.
const MAX_STEP: usize = 256;

/// Pixels of a picture, or of all frames of a video, after resizing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    /// Fewest.
    pub(crate) least: f64,
    /// Most.
    pub(crate) most: f64,
}

/// What a family takes where no file says otherwise.
pub(crate) struct Defaults {
    /// Means of red, green and blue.
    pub(crate) mean: [f64; 3],
    /// Standard deviations.
    pub(crate) deviation: [f64; 3],
    /// Bounds of pictures.
    pub(crate) image: Bounds,
    /// Bounds of videos.
    pub(crate) video: Bounds,
    /// Whether the bounds of a video count the pixels of all frames, not of one.
    pub(crate) video_counts_frames: bool,
}

/// Rules of resizing and normalising.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PixelRules {
    /// Side of a patch, in pixels.
    pub(crate) patch: usize,
    /// Patches of a token, along each side.
    pub(crate) merge: usize,
    /// Frames of a patch.
    pub(crate) temporal: usize,
    mean: [f64; 3],
    deviation: [f64; 3],
    rescale: f64,
    image: Bounds,
    video: Bounds,
    video_counts_frames: bool,
}

impl PixelRules {
    /// Reads the rules of a checkpoint; `vision` is the tower's table of `config.json`, which decides on patches.
    ///
    /// # Errors
    /// Steps that are not done here, or contradict the tower's.
    pub(crate) fn read(
        checkpoint: &Checkpoint,
        vision: &Config<'_>,
        patch: usize,
        defaults: &Defaults,
    ) -> Result<Self, Fault> {
        let nested = checkpoint.json("processor_config.json")?;
        let nested = |name: &str| nested.as_ref().and_then(|table| table.get(name)).cloned();
        let plain = checkpoint.json("preprocessor_config.json")?;
        let image = nested("image_processor").or_else(|| plain.clone()).unwrap_or(Value::Null);
        let video = match nested("video_processor") {
            Some(video) => video,
            None => checkpoint.json("video_preprocessor_config.json")?.or(plain).unwrap_or(Value::Null),
        };
        let file = checkpoint.folder().join("preprocessor_config.json");
        let image = Config::new(file.clone(), &image);
        let video = Config::new(file, &video);
        let rules = Self {
            patch: vision.count("patch_size", Some(patch), MAX_STEP)?,
            merge: vision.count("spatial_merge_size", Some(2), MAX_STEP)?,
            temporal: vision.count("temporal_patch_size", Some(2), MAX_STEP)?,
            mean: triple(&image, "image_mean", defaults.mean)?,
            deviation: triple(&image, "image_std", defaults.deviation)?,
            rescale: image.number("rescale_factor", 1.0 / 255.0)?,
            image: bounds(&image, defaults.image)?,
            video: bounds(&video, defaults.video)?,
            video_counts_frames: defaults.video_counts_frames,
        };
        for table in [&image, &video] {
            rules.check(table)?;
        }
        Ok(rules)
    }

    fn check(&self, table: &Config<'_>) -> Result<(), Fault> {
        for step in ["do_resize", "do_rescale", "do_normalize"] {
            if table.get(step).and_then(Value::as_bool) == Some(false) {
                return Err(Fault::unsupported(table.fault(step, "false; this step is always done").what));
            }
        }
        if let Some(filter) = table.get("resample").filter(|filter| filter.as_u64() != Some(BICUBIC)) {
            let what = format!("filter {filter}; {BICUBIC}, cubic convolution, is computed");
            return Err(Fault::unsupported(table.fault("resample", &what).what));
        }
        let sizes =
            [("patch_size", self.patch), ("merge_size", self.merge), ("temporal_patch_size", self.temporal)];
        for (name, ours) in sizes {
            if table.count(name, Some(ours), MAX_STEP)? != ours {
                return Err(table.fault(name, &format!("config.json says {ours}")));
            }
        }
        Ok(())
    }

    /// A picture, resized and cut.
    ///
    /// # Errors
    /// Sides whose ratio no model takes; bytes that do not fit the size.
    pub(crate) fn picture(&self, picture: &Picture) -> Result<Patches, Fault> {
        let target = self.fit((picture.width, picture.height), 1, self.image, false)?;
        cut(&[picture], target, self)
    }

    /// The grid that a picture of that size (width, height) gives.
    ///
    /// # Errors
    /// Sides whose ratio no model takes.
    pub(crate) fn picture_grid(&self, size: (u32, u32)) -> Result<Grid, Fault> {
        let (width, height) = self.fit(size, 1, self.image, false)?;
        Ok(Grid { time: 1, rows: height / self.patch, columns: width / self.patch })
    }

    /// Frames of one size, resized and cut.
    ///
    /// # Errors
    /// As [`Self::video_grid`]; bytes that do not fit the size.
    pub(crate) fn video(&self, frames: &[&Picture]) -> Result<Patches, Fault> {
        let sizes: Vec<(u32, u32)> = frames.iter().map(|frame| (frame.width, frame.height)).collect();
        cut(frames, self.fit_video(&sizes)?, self)
    }

    /// The grid that frames of these sizes (width, height) give.
    ///
    /// # Errors
    /// Sides whose ratio no model takes; frames of different sizes; none at all.
    pub(crate) fn video_grid(&self, sizes: &[(u32, u32)]) -> Result<Grid, Fault> {
        let (width, height) = self.fit_video(sizes)?;
        let time = sizes.len().div_ceil(self.temporal);
        Ok(Grid { time, rows: height / self.patch, columns: width / self.patch })
    }

    fn fit_video(&self, sizes: &[(u32, u32)]) -> Result<(usize, usize), Fault> {
        let Some(first) = sizes.first() else { return Err(Fault::data("a video without frames")) };
        if sizes.iter().any(|size| size != first) {
            return Err(Fault::rejected("the pictures of a video have different sizes")
                .help("send them as pictures: video = false"));
        }
        self.fit(*first, sizes.len(), self.video, self.video_counts_frames)
    }

    /// Whether a picture of that size (width, height) is resized.
    pub(crate) fn resizes(&self, size: (u32, u32), frames: usize) -> bool {
        let fitted = if frames > 1 {
            self.fit_video(&vec![size; frames])
        } else {
            self.fit(size, 1, self.image, false)
        };
        fitted.is_ok_and(|(width, height)| (width as u32, height as u32) != size)
    }

    /// The smallest standard deviation of a channel.
    pub(crate) fn least_deviation(&self) -> f64 {
        self.deviation.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Size (width, height) after resizing: multiples of a token's side, about the same ratio, within the bounds.
    fn fit(
        &self,
        size: (u32, u32),
        frames: usize,
        bounds: Bounds,
        count_frames: bool,
    ) -> Result<(usize, usize), Fault> {
        let side = (self.patch * self.merge) as f64;
        let (mut width, mut height) = (f64::from(size.0), f64::from(size.1));
        if width < 1.0 || height < 1.0 {
            return Err(Fault::data(format!("a picture of {width} x {height} pixels")));
        }
        if count_frames && (height < side || width < side) {
            let scale = (side / height).max(side / width);
            (width, height) = ((width * scale).floor(), (height * scale).floor());
        }
        let ratio = width.max(height) / width.min(height);
        if ratio > MAX_RATIO {
            return Err(Fault::rejected(format!(
                "a picture of {width} x {height} pixels: the ratio of its sides is above {MAX_RATIO}"
            )));
        }
        let whole = |length: f64| (length / side).round_ties_even() * side;
        let (mut wide, mut high) = (whole(width), whole(height));
        let (time, shown) = if count_frames {
            let temporal = self.temporal as f64;
            ((frames as f64 / temporal).round_ties_even() * temporal, frames as f64)
        } else {
            (1.0, 1.0)
        };
        if time * high * wide > bounds.most {
            let shrink = ((shown * height * width) / bounds.most).sqrt();
            high = ((height / shrink / side).floor() * side).max(side);
            wide = ((width / shrink / side).floor() * side).max(side);
        } else if time * high * wide < bounds.least {
            let grow = (bounds.least / (shown * height * width)).sqrt();
            high = (height * grow / side).ceil() * side;
            wide = (width * grow / side).ceil() * side;
        }
        Ok((wide as usize, high as usize))
    }

    /// The 256 grey levels after normalising, for each channel, in the reference's order of rounding.
    pub(super) fn levels(&self) -> [[f32; 256]; 3] {
        let scale = (1.0 / self.rescale) as f32;
        std::array::from_fn(|channel| {
            let mean = self.mean[channel] as f32 * scale;
            let deviation = self.deviation[channel] as f32 * scale;
            std::array::from_fn(|level| (level as f32 - mean) / deviation)
        })
    }
}

/// `min_pixels` and `max_pixels`, or `size` with the shortest and longest edge, which hold the same.
fn bounds(table: &Config<'_>, default: Bounds) -> Result<Bounds, Fault> {
    let size = table.table("size");
    let edge = |name: &str, default: f64| match &size {
        Some(size) => size.number(name, default),
        None => Ok(default),
    };
    let least = table.number("min_pixels", edge("shortest_edge", default.least)?)?;
    let most = table.number("max_pixels", edge("longest_edge", default.most)?)?;
    if least > MAX_LEAST {
        return Err(table.fault("min_pixels", &format!("{least}; at most {MAX_LEAST} are made")));
    }
    if least > most {
        return Err(table.fault("max_pixels", &format!("{most} is below min_pixels, {least}")));
    }
    Ok(Bounds { least, most })
}

fn triple(table: &Config<'_>, name: &str, default: [f64; 3]) -> Result<[f64; 3], Fault> {
    let Some(found) = table.get(name) else { return Ok(default) };
    let numbers = found.as_array().and_then(|items| {
        let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
        <[f64; 3]>::try_from(numbers?).ok()
    });
    let usable = numbers.filter(|numbers| name != "image_std" || numbers.iter().all(|number| *number > 0.0));
    usable.ok_or_else(|| table.fault(name, &format!("three numbers are expected, found {found}")))
}
