//! Fresh variables as a function of name and seed.

use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use situs_core::digest::Draw;
use situs_models::small::Vocabulary;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Variables by name; one that is asked for and not there is drawn.
#[derive(Clone)]
pub struct Variables {
    seed: u64,
    made: Arc<Mutex<HashMap<String, Var>>>,
}

impl Variables {
    pub fn new(seed: u64) -> Self {
        Self { seed, made: Arc::default() }
    }

    /// All variables made so far.
    pub fn all(&self) -> HashMap<String, Var> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn draw(&self, name: &str, count: usize, mean: f64, spread: f64) -> Vec<f32> {
        let draw = Draw::new(self.seed).of("weights").of(name);
        (0..count.div_ceil(2))
            .flat_map(|pair| {
                let (a, b) = draw.of(pair).normal_pair();
                [(mean + spread * a) as f32, (mean + spread * b) as f32]
            })
            .take(count)
            .collect()
    }
}

impl SimpleBackend for Variables {
    fn get(&self, shape: Shape, name: &str, init: Init, _: DType, _: &Device) -> Result<Tensor> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(var) = made.get(name) {
            return Ok(var.as_tensor().clone());
        }
        let count = shape.elem_count();
        let mut values = match init {
            Init::Const(value) => vec![value as f32; count],
            Init::Randn { mean, stdev } => self.draw(name, count, mean, stdev),
            _ => candle_core::bail!("{name}: no rule for {init:?}"),
        };
        if name == "words" {
            count_up(&mut values, shape.dims().last().copied().unwrap_or(1));
        }
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu)?)?;
        made.insert(name.to_owned(), var.clone());
        Ok(var.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("{name}: variables are made by shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.all().contains_key(name)
    }
}

/// Starts the number words in their order: neighbours alike, by sines and cosines of their value.
fn count_up(words: &mut [f32], width: usize) {
    for (value, word) in
        words.chunks_mut(width).skip(Vocabulary::ZERO as usize).take(Vocabulary::NUMBERS as usize).enumerate()
    {
        let place = (value as f32 + 0.5) / Vocabulary::NUMBERS as f32;
        word.iter_mut().for_each(|entry| *entry *= 0.3);
        for (at, pair) in word.chunks_mut(2).take(16).enumerate() {
            let angle = place * std::f32::consts::PI * f32::powf(2.0, at as f32 / 3.0);
            if let [sine, cosine] = pair {
                *sine += 0.5 * angle.sin();
                *cosine += 0.5 * angle.cos();
            }
        }
    }
}
