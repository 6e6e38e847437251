//! Keys and values of a sequence so far.

/// Keys and values of every layer, token by token: `[token, heads, width]`.
pub(crate) struct KvCache {
    layers: Vec<Layer>,
    width: usize,
}

#[derive(Default)]
struct Layer {
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl KvCache {
    /// An empty cache; `width` is the number of key heads times their width.
    pub(crate) fn new(layers: usize, width: usize) -> Self {
        Self { layers: (0..layers).map(|_| Layer::default()).collect(), width }
    }

    /// Forgets all but the first tokens; the memory is kept.
    pub(crate) fn truncate(&mut self, tokens: usize) {
        for layer in &mut self.layers {
            layer.keys.truncate(tokens * self.width);
            layer.values.truncate(tokens * self.width);
        }
    }

    /// Takes over the first tokens of another sequence.
    pub(crate) fn copy_from(&mut self, other: &KvCache, tokens: usize) {
        for (layer, other) in self.layers.iter_mut().zip(&other.layers) {
            layer.keys.clear();
            layer.values.clear();
            layer.keys.extend_from_slice(&other.keys[..tokens * self.width]);
            layer.values.extend_from_slice(&other.values[..tokens * self.width]);
        }
    }

    /// Appends tokens to one layer.
    pub(crate) fn append(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.keys.extend_from_slice(keys);
            layer.values.extend_from_slice(values);
        }
    }

    /// Keys and values of one layer.
    pub(crate) fn layer(&self, layer: usize) -> (&[f32], &[f32]) {
        self.layers.get(layer).map_or((&[], &[]), |layer| (&layer.keys, &layer.values))
    }
}
