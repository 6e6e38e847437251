//! Words as numbers, so that they are compared once and counted in lists.

use std::collections::HashMap;

/// Distinct words up to which they are looked for one by one, which is faster than a table.
const FEW: usize = 24;

/// Numbers for the words of two texts: equal words, equal numbers, from 0 on without gaps.
#[derive(Default)]
pub(super) struct Numbering<'a> {
    words: Vec<&'a str>,
    table: HashMap<&'a str, u32>,
}

impl<'a> Numbering<'a> {
    /// The words of one text as numbers.
    pub(super) fn of(&mut self, words: impl Iterator<Item = &'a str>) -> Vec<u32> {
        words.map(|word| self.number(word)).collect()
    }

    /// How many distinct words there are.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    fn number(&mut self, word: &'a str) -> u32 {
        let next = self.words.len() as u32;
        if self.words.len() < FEW {
            if let Some(at) = self.words.iter().position(|known| *known == word) {
                return at as u32;
            }
        } else {
            if self.table.is_empty() {
                self.table.extend(self.words.iter().copied().zip(0..));
            }
            if let Some(number) = self.table.get(word) {
                return *number;
            }
            self.table.insert(word, next);
        }
        self.words.push(word);
        next
    }
}
