//! Porter's stemmer with the extensions of NLTK 3.10 (its default mode), which is not Snowball's English stemmer:
//! `superiorly` stays `superiorli`.

use super::python::lower;

/// Words whose stem no rule gives.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// Suffix and what replaces it.
type Rule = (&'static str, &'static str);

const STEP_2: [Rule; 22] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
    ("logi", "log"),
];

const STEP_3: [Rule; 7] = [
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
];

const STEP_4: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism",
    "ate", "iti", "ous", "ive", "ize",
];

/// The stem of a word, in lower case.
pub fn stem(word: &str) -> String {
    let word = lower(word);
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*stem).to_owned();
    }
    let mut word = Word(word.chars().collect());
    if word.0.len() > 2 {
        word.step_1a();
        word.step_1b();
        word.step_1c();
        word.step_2();
        word.step_3();
        word.step_4();
        word.step_5();
    }
    word.0.into_iter().collect()
}

/// A word on its way to its stem.
struct Word(Vec<char>);

impl Word {
    /// Whether it ends with an ASCII suffix.
    fn ends_with(&self, suffix: &str) -> bool {
        let own = self.0.len().checked_sub(suffix.len()).and_then(|start| self.0.get(start..));
        own.is_some_and(|own| own.iter().copied().eq(suffix.chars()))
    }

    /// The first characters, without so many at the end.
    fn without(&self, last: usize) -> &[char] {
        self.0.get(..self.0.len().saturating_sub(last)).unwrap_or_default()
    }

    fn replace(&mut self, suffix: &str, by: &str) {
        self.0.truncate(self.0.len().saturating_sub(suffix.len()));
        self.0.extend(by.chars());
    }

    /// Applies the first rule whose suffix fits, if the stem in front of it has a measure above zero.
    fn first_of(&mut self, rules: &[Rule]) {
        if let Some((suffix, by)) = rules.iter().find(|(suffix, _)| self.ends_with(suffix))
            && measure(self.without(suffix.len())) > 0
        {
            self.replace(suffix, by);
        }
    }

    fn step_1a(&mut self) {
        if self.ends_with("ies") {
            let by = if self.0.len() == 4 { "ie" } else { "i" };
            self.replace("ies", by);
        } else if self.ends_with("sses") {
            self.replace("sses", "ss");
        } else if self.ends_with("s") && !self.ends_with("ss") {
            self.replace("s", "");
        }
    }

    fn step_1b(&mut self) {
        if self.ends_with("ied") {
            let by = if self.0.len() == 4 { "ie" } else { "i" };
            return self.replace("ied", by);
        }
        if self.ends_with("eed") {
            if measure(self.without(3)) > 0 {
                self.replace("eed", "ee");
            }
            return;
        }
        let ending = ["ed", "ing"].into_iter().find(|ending| self.ends_with(ending));
        let Some(ending) = ending.filter(|ending| has_vowel(self.without(ending.len()))) else { return };
        self.replace(ending, "");
        let Some(last) = self.0.last().copied() else { return };
        if let Some(suffix) = ["at", "bl", "iz"].into_iter().find(|suffix| self.ends_with(suffix)) {
            let by = format!("{suffix}e");
            self.replace(suffix, &by);
        } else if ends_double_consonant(&self.0) {
            if !matches!(last, 'l' | 's' | 'z') {
                self.0.pop();
            }
        } else if self.ends_with("*d") {
            // The name of the rule above, which the reference program also tries as a suffix.
            self.replace("*d", "d");
        } else if measure(&self.0) == 1 && ends_cvc(&self.0) {
            self.0.push('e');
        }
    }

    fn step_1c(&mut self) {
        let stem = self.without(1);
        if self.ends_with("y") && stem.len() > 1 && ends_in_consonant(stem) {
            self.replace("y", "i");
        }
    }

    fn step_2(&mut self) {
        while self.ends_with("alli") && measure(self.without(4)) > 0 {
            self.replace("alli", "al");
        }
        let Some((suffix, by)) = STEP_2.iter().find(|(suffix, _)| self.ends_with(suffix)) else { return };
        // For `logi` the l belongs to the stem that is measured.
        let kept = if *suffix == "logi" { 3 } else { suffix.len() };
        if measure(self.without(kept)) > 0 {
            self.replace(suffix, by);
        }
    }

    fn step_3(&mut self) {
        self.first_of(&STEP_3);
    }

    fn step_4(&mut self) {
        let Some(suffix) = STEP_4.into_iter().find(|suffix| self.ends_with(suffix)) else { return };
        let stem = self.without(suffix.len());
        let fits = suffix != "ion" || matches!(stem.last(), Some('s' | 't'));
        if measure(stem) > 1 && fits {
            self.replace(suffix, "");
        }
    }

    fn step_5(&mut self) {
        if self.ends_with("e") {
            let stem = self.without(1);
            let measured = measure(stem);
            if measured > 1 || measured == 1 && !ends_cvc(stem) {
                self.0.pop();
            }
        }
        if self.ends_with("ll") && measure(self.without(1)) > 1 {
            self.0.pop();
        }
    }
}

/// Whether each character is a consonant: no a, e, i, o, u, and no y behind a consonant.
fn consonants(word: &[char]) -> impl Iterator<Item = bool> {
    let mut before = false;
    word.iter().map(move |c| {
        before = match c {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => !before,
            _ => true,
        };
        before
    })
}

/// How often a consonant follows a vowel.
fn measure(word: &[char]) -> usize {
    let mut vowel = false;
    consonants(word).filter(|consonant| std::mem::replace(&mut vowel, !consonant) && *consonant).count()
}

fn has_vowel(word: &[char]) -> bool {
    consonants(word).any(|consonant| !consonant)
}

fn ends_in_consonant(word: &[char]) -> bool {
    consonants(word).last() == Some(true)
}

fn ends_double_consonant(word: &[char]) -> bool {
    matches!(word, [.., a, b] if a == b) && ends_in_consonant(word)
}

/// Consonant, vowel, consonant other than w, x, y; or vowel and consonant alone.
fn ends_cvc(word: &[char]) -> bool {
    let last = consonants(word).fold([None; 3], |[_, b, c], next| [b, c, Some(next)]);
    match last {
        [Some(true), Some(false), Some(true)] => !matches!(word.last(), Some('w' | 'x' | 'y')),
        [None, Some(false), Some(true)] => true,
        _ => false,
    }
}
