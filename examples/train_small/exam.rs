//! Lessons answered without help: greedy, token by token, on pictures that were not trained on.

use crate::lesson::{Lesson, Link};
use crate::studio::Studio;
use crate::tally::Tally;
use candle_core::{D, Device, Result, Tensor};
use situs_models::small::{
    Memory, Network, PROMPT, Places, REPLY, SIDE, Sight, Vocabulary, prompt_positions,
};

/// Right answers by template, and over all.
pub fn sit(network: &Network, studio: &Studio, most: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    let step = (studio.lessons.len() / most.max(1)).max(1);
    for lesson in studio.lessons.iter().step_by(step) {
        let Some(picture) = studio.pictures.get(lesson.picture) else { continue };
        let pixels: Vec<f32> = picture.bytes().iter().map(|byte| f32::from(*byte) / 255.0).collect();
        let pixels = Tensor::from_vec(pixels, (1, SIDE, SIDE, 3), &Device::Cpu)?;
        let said = answer(network, lesson, &network.look(Some(&pixels), 1)?)?;
        let truth = lesson.reply.iter().find(|(_, link)| *link == Link::Answer).map(|(word, _)| *word);
        let right = f64::from(u8::from(said.is_some() && said == truth));
        tally.add(lesson.template.clone(), right, 1.0);
        tally.add("all", right, 1.0);
    }
    Ok(tally)
}

/// The word after the answer tag.
fn answer(network: &Network, lesson: &Lesson, sight: &Sight) -> Result<Option<u32>> {
    let mut memory = Memory::default();
    let mut words = lesson.prompt.clone();
    let mut positions: Vec<u32> = prompt_positions(words.len()).collect();
    let mut last = 0;
    for said in 0..REPLY as u32 {
        let count = words.len();
        let input = Tensor::from_vec(std::mem::take(&mut words), (1, count), &Device::Cpu)?;
        let places = Tensor::from_vec(std::mem::take(&mut positions), (1, count), &Device::Cpu)?;
        let thought = network.read(&input, &places, Places::Seen(sight, None), &mut memory)?;
        let scores = network.speak(&thought.hidden.narrow(1, count - 1, 1)?)?;
        let word = scores.flatten_all()?.argmax(D::Minus1)?.to_scalar::<u32>()?;
        if last == Vocabulary::ANSWER {
            return Ok(Some(word));
        }
        if word == Vocabulary::END {
            break;
        }
        last = word;
        words.push(word);
        positions.push(PROMPT as u32 + said);
    }
    Ok(None)
}
