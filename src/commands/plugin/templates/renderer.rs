//! A prompt renderer for Situs: the question's slices in grey, without marks.

situs_core::export_plugin!();

use situs_core::prelude::*;
use situs_core::volume::sample_trilinear;

situs_core::component! {
    /// Shows the question's slices in grey and nothing else.
    renderer "{{name}}";
    pub struct {{Type}} {
        /// Value that is black.
        pub black: f64 = -160.0,
        /// Value that is white.
        pub white: f64 = 240.0,
    }
}

#[typetag::serde(name = "{{name}}")]
impl PromptRendererSpec for {{Type}} {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        if self.black >= self.white {
            return Err(Fault::config(format!("must be below `white`, found {}", self.black)).at("black"));
        }
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for {{Type}} {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        let mut parts = Vec::new();
        for case in cases {
            let Some(scene) = &question.scene else { continue };
            let image =
                case.volumes.first().ok_or_else(|| Fault::data(format!("{} has no image", case.name)))?;
            let volume = media.volume(image)?;
            let grid = &volume.grid;
            // The canvas knows where each pixel lies in the patient; an array index never decides.
            let canvas = scene.view.canvas(grid.shape, grid.affine.spacing(), scene.long_side);
            for slice in &scene.frames {
                let mut rgb = Vec::with_capacity((canvas.width * canvas.height * 3) as usize);
                for row in 0..canvas.height {
                    for column in 0..canvas.width {
                        let pixel = [f64::from(column) + 0.5, f64::from(row) + 0.5];
                        let value = f64::from(sample_trilinear(&volume, canvas.locate(pixel, *slice as f64)));
                        let grey = (value - self.black) / (self.white - self.black) * 255.0;
                        rgb.extend([grey.round().clamp(0.0, 255.0) as u8; 3]);
                    }
                }
                let picture = Picture { width: canvas.width, height: canvas.height, rgb };
                parts.push(Part::Image { image: media.put_picture(&picture)? });
            }
        }
        // Pictures first: questions about the same pictures then share a prefix.
        parts.push(Part::Text { text: question.text.clone() });
        Ok(Prompt { parts })
    }
}
