//! How pictures are resized and normalised: `preprocessor_config.json` and its newer forms, or a family's defaults.

use super::patches::{Grid, Patches, cut};
use super::{Filter, Pieces};
use crate::checkpoint::{Checkpoint, Config};
use serde_json::Value;
use situs_core::fault::Fault;
use situs_core::media::Picture;

/// Largest ratio of the sides of a picture.
const MAX_RATIO: f64 = 200.0;
/// Filters as Pillow numbers them.
const FILTERS: [(u64, Filter); 2] = [(2, Filter::Linear), (3, Filter::Cubic)];
/// Largest side of a picture that is made.
const MAX_SIDE: usize = 8192;
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
    /// Filter of resizing.
    pub(crate) filter: Filter,
    /// Sizes of pictures.
    pub(crate) sizing: Sizing,
}

/// What size a picture gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sizing {
    /// About its own, within bounds.
    Bounded {
        /// Bounds of pictures.
        image: Bounds,
        /// Bounds of videos.
        video: Bounds,
        /// Whether the bounds of a video count the pixels of all frames, not of one.
        video_counts_frames: bool,
    },
    /// Always the same, whatever the ratio of its sides.
    Square {
        /// Pixels along each side.
        side: usize,
    },
}

/// Patches of a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    patch: usize,
    merge: usize,
    temporal: usize,
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
    filter: Filter,
    rescale: f64,
    sizing: Sizing,
    /// How the squares that the tower takes are made, where not by stretching the picture into one.
    pieces: Option<Pieces>,
}

impl PixelRules {
    /// Reads the rules of a checkpoint for pictures of any size; `vision` is the tower's table of `config.json`, which
    /// decides on patches.
    ///
    /// # Errors
    /// Steps that are not done here, or contradict the tower's.
    pub(crate) fn read(
        checkpoint: &Checkpoint,
        vision: &Config<'_>,
        patch: usize,
        defaults: &Defaults,
    ) -> Result<Self, Fault> {
        let steps = Steps {
            patch: vision.count("patch_size", Some(patch), MAX_STEP)?,
            merge: vision.count("spatial_merge_size", Some(2), MAX_STEP)?,
            temporal: vision.count("temporal_patch_size", Some(2), MAX_STEP)?,
        };
        Self::read_files(checkpoint, steps, defaults)
    }

    /// Reads the rules of a checkpoint whose tower takes squares of one size, `tokens` along each side; `vision` is its
    /// table of `config.json`.
    ///
    /// # Errors
    /// As [`Self::read`]; files that ask for another size than the tower's.
    pub(crate) fn read_square(
        checkpoint: &Checkpoint,
        vision: &Config<'_>,
        tokens: impl FnOnce(usize) -> Result<usize, Fault>,
        defaults: &Defaults,
    ) -> Result<Self, Fault> {
        let side = match defaults.sizing {
            Sizing::Square { side } => side,
            Sizing::Bounded { .. } => return Err(Fault::internal("a square without a side")),
        };
        let side = vision.count("image_size", Some(side), MAX_SIDE)?;
        let patch = vision.count("patch_size", Some(16), MAX_STEP)?;
        let patches = side / patch;
        if patches * patch != side {
            return Err(
                vision.fault("image_size", &format!("{side} is no whole number of patches of {patch}"))
            );
        }
        let tokens = tokens(patches)?;
        if tokens == 0 || patches % tokens != 0 {
            let what = format!("{patches} patches along a side do not make up {tokens} tokens");
            return Err(vision.fault("image_size", &what));
        }
        let steps = Steps { patch, merge: patches / tokens, temporal: 1 };
        Self::read_files(checkpoint, steps, &Defaults { sizing: Sizing::Square { side }, ..*defaults })
    }

    fn read_files(checkpoint: &Checkpoint, steps: Steps, defaults: &Defaults) -> Result<Self, Fault> {
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
            patch: steps.patch,
            merge: steps.merge,
            temporal: steps.temporal,
            mean: triple(&image, "image_mean", defaults.mean)?,
            deviation: triple(&image, "image_std", defaults.deviation)?,
            rescale: image.number("rescale_factor", 1.0 / 255.0)?,
            filter: filter(&image, defaults.filter)?,
            sizing: match defaults.sizing {
                Sizing::Bounded { image: least, video: most, video_counts_frames } => Sizing::Bounded {
                    image: bounds(&image, least)?,
                    video: bounds(&video, most)?,
                    video_counts_frames,
                },
                Sizing::Square { side } => square(&image, side)?,
            },
            pieces: None,
        };
        for table in [&image, &video] {
            rules.check(table)?;
        }
        Ok(rules)
    }

    /// With squares that are made another way than by stretching the picture into one.
    pub(crate) fn with_pieces(self, pieces: Pieces) -> Self {
        Self { pieces: Some(pieces), ..self }
    }

    fn check(&self, table: &Config<'_>) -> Result<(), Fault> {
        for step in ["do_resize", "do_rescale", "do_normalize"] {
            if table.get(step).and_then(Value::as_bool) == Some(false) {
                return Err(Fault::unsupported(table.fault(step, "false; this step is always done").what));
            }
        }
        if filter(table, self.filter)? != self.filter {
            return Err(table.fault("resample", "videos are resized with another filter than pictures"));
        }
        if table.flag("do_pan_and_scan") {
            let what = table.fault("do_pan_and_scan", "true; crops beside the picture are not made").what;
            return Err(Fault::unsupported(what).help("published checkpoints leave it off"));
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
        let target = self.fit_picture((picture.width, picture.height))?;
        let Some(pieces) = &self.pieces else { return cut(&[picture], target, self) };
        let (side, _) = target;
        let size = (picture.width, picture.height);
        let grid = self.picture_grid(size)?;
        let mut values = Vec::new();
        for square in pieces.of(picture, side, self.mean, self.filter)? {
            values.extend(cut(&[&square], target, self)?.values);
        }
        Ok(Patches { values, grid, tiles: pieces.tiles(size) })
    }

    /// The grid that a picture of that size (width, height) gives.
    ///
    /// # Errors
    /// Sides whose ratio no model takes.
    pub(crate) fn picture_grid(&self, size: (u32, u32)) -> Result<Grid, Fault> {
        let (width, height) = self.fit_picture(size)?;
        let (rows, columns) = (height / self.patch, width / self.patch);
        match &self.pieces {
            Some(pieces) => pieces.grid(size, rows),
            None => Ok(Grid { time: 1, rows, columns }),
        }
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

    fn fit_picture(&self, size: (u32, u32)) -> Result<(usize, usize), Fault> {
        match self.sizing {
            Sizing::Bounded { image, .. } => self.fit(size, 1, image, false),
            Sizing::Square { .. } if size.0 == 0 || size.1 == 0 => {
                Err(Fault::data(format!("a picture of {} x {} pixels", size.0, size.1)))
            }
            Sizing::Square { side } => Ok((side, side)),
        }
    }

    fn fit_video(&self, sizes: &[(u32, u32)]) -> Result<(usize, usize), Fault> {
        let Some(first) = sizes.first() else { return Err(Fault::data("a video without frames")) };
        if sizes.iter().any(|size| size != first) {
            return Err(Fault::rejected("the pictures of a video have different sizes")
                .help("send them as pictures: video = false"));
        }
        match self.sizing {
            Sizing::Bounded { video, video_counts_frames, .. } => {
                self.fit(*first, sizes.len(), video, video_counts_frames)
            }
            Sizing::Square { .. } => Err(Fault::rejected("this model takes pictures, no videos")),
        }
    }

    /// Whether a picture of that size (width, height) is resized.
    pub(crate) fn resizes(&self, size: (u32, u32), frames: usize) -> bool {
        let fitted = if frames > 1 { self.fit_video(&vec![size; frames]) } else { self.fit_picture(size) };
        fitted.is_ok_and(|(width, height)| (width as u32, height as u32) != size)
    }

    /// The smallest standard deviation of a channel.
    pub(crate) fn least_deviation(&self) -> f64 {
        self.deviation.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Pixels along each side of a picture where all get the same size.
    pub(crate) fn square(&self) -> Option<usize> {
        match self.sizing {
            Sizing::Square { side } => Some(side),
            Sizing::Bounded { .. } => None,
        }
    }

    /// Filter of resizing.
    pub(super) fn filter(&self) -> Filter {
        self.filter
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

/// `size` with height and width, which have to be the tower's.
fn square(table: &Config<'_>, side: usize) -> Result<Sizing, Fault> {
    if let Some(size) = table.table("size") {
        for name in ["height", "width"] {
            if size.count(name, Some(side), MAX_SIDE)? != side {
                return Err(
                    size.fault(name, &format!("config.json has a tower for pictures of {side} pixels"))
                );
            }
        }
    }
    Ok(Sizing::Square { side })
}

/// `resample`.
fn filter(table: &Config<'_>, default: Filter) -> Result<Filter, Fault> {
    let Some(found) = table.get("resample") else { return Ok(default) };
    let known = FILTERS.iter().find(|(number, _)| found.as_u64() == Some(*number));
    known.map(|(_, filter)| *filter).ok_or_else(|| {
        let what = format!("filter {found}; 2, bilinear, and 3, cubic convolution, are computed");
        Fault::unsupported(table.fault("resample", &what).what)
    })
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
