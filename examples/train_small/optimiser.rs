//! AdamW with a bound on the gradient's norm, and a state that can be put aside.

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use std::collections::HashMap;
use std::path::Path;

const BETAS: (f32, f32) = (0.9, 0.98);
const DECAY: f32 = 0.05;
const MOST_NORM: f32 = 1.0;

/// One parameter with its moments.
struct Parameter {
    name: String,
    var: Var,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// The optimiser of a set of parameters.
pub struct Optimiser {
    parameters: Vec<Parameter>,
    pub step: usize,
}

impl Optimiser {
    pub fn new(variables: &HashMap<String, Var>) -> Self {
        let mut parameters: Vec<Parameter> = variables
            .iter()
            .map(|(name, var)| {
                let zeros = vec![0.0; var.elem_count()];
                Parameter { name: name.clone(), var: var.clone(), first: zeros.clone(), second: zeros }
            })
            .collect();
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Self { parameters, step: 0 }
    }

    /// Number of trained values.
    pub fn size(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.first.len()).sum()
    }

    /// One step down the gradient; gives the gradient's norm before it was bounded.
    pub fn descend(&mut self, grads: &GradStore, rate: f32) -> Result<f32> {
        self.step += 1;
        let mut all = Vec::with_capacity(self.parameters.len());
        for parameter in &self.parameters {
            let grad = grads.get(parameter.var.as_tensor());
            all.push(grad.map(|grad| grad.flatten_all()?.to_vec1::<f32>()).transpose()?);
        }
        let norm =
            all.iter().flatten().flatten().map(|value| f64::from(value * value)).sum::<f64>().sqrt() as f32;
        let shrink = if norm > MOST_NORM { MOST_NORM / norm } else { 1.0 };
        let (slow, fast) = BETAS;
        let corrected = (1.0 - slow.powi(self.step as i32), 1.0 - fast.powi(self.step as i32));
        for (parameter, grad) in self.parameters.iter_mut().zip(all) {
            let Some(grad) = grad else { continue };
            let decay = if parameter.var.rank() > 1 { 1.0 - rate * DECAY } else { 1.0 };
            let mut values = parameter.var.flatten_all()?.to_vec1::<f32>()?;
            let moments = parameter.first.iter_mut().zip(&mut parameter.second);
            for ((value, (first, second)), grad) in values.iter_mut().zip(moments).zip(grad) {
                let grad = grad * shrink;
                *first = slow * *first + (1.0 - slow) * grad;
                *second = fast * *second + (1.0 - fast) * grad * grad;
                let size = (*second / corrected.1).sqrt() + 1e-8;
                *value = *value * decay - rate * (*first / corrected.0) / size;
            }
            parameter.var.set(&Tensor::from_vec(values, parameter.var.shape(), &Device::Cpu)?)?;
        }
        Ok(norm)
    }

    /// Everything that is needed to go on.
    pub fn put_aside(&self, path: &Path) -> Result<()> {
        let mut tensors = HashMap::new();
        for parameter in &self.parameters {
            let shape = parameter.var.shape();
            let moment = |values: &Vec<f32>| Tensor::from_vec(values.clone(), shape, &Device::Cpu);
            tensors.insert(parameter.name.clone(), parameter.var.as_tensor().clone());
            tensors.insert(format!("first.{}", parameter.name), moment(&parameter.first)?);
            tensors.insert(format!("second.{}", parameter.name), moment(&parameter.second)?);
        }
        tensors.insert("step".to_owned(), Tensor::new(&[self.step as i64], &Device::Cpu)?);
        let fresh = path.with_extension("new");
        candle_core::safetensors::save(&tensors, &fresh)?;
        std::fs::rename(&fresh, path)?;
        Ok(())
    }

    /// Goes on where another run was put aside.
    pub fn resume(&mut self, path: &Path) -> Result<()> {
        let tensors = candle_core::safetensors::load(path, &Device::Cpu)?;
        let find = |name: &str| {
            tensors.get(name).ok_or_else(|| candle_core::Error::Msg(format!("{}: no {name}", path.display())))
        };
        for parameter in &mut self.parameters {
            parameter.var.set(find(&parameter.name)?)?;
            parameter.first = find(&format!("first.{}", parameter.name))?.flatten_all()?.to_vec1()?;
            parameter.second = find(&format!("second.{}", parameter.name))?.flatten_all()?.to_vec1()?;
        }
        self.step = find("step")?.to_vec1::<i64>()?.first().map_or(0, |step| *step as usize);
        Ok(())
    }

    /// The weights alone, in half precision.
    pub fn export(&self, path: &Path) -> Result<()> {
        let mut tensors = HashMap::new();
        for parameter in &self.parameters {
            tensors.insert(parameter.name.clone(), parameter.var.to_dtype(candle_core::DType::F16)?);
        }
        candle_core::safetensors::save(&tensors, path)
    }
}
