//! Volumes as free numbers: absolute, as ratios, and across two patients.

use super::draft::{Draft, Drafter, Number, OtherCase, Refusal, Textbook, Turn};
use super::spec::Task;
use super::templates::Rule;
use super::volume::{both_volumes, ratio_of, share_of};

/// Ratios outside are not asked.
const RATIO: [f64; 2] = [0.02, 50.0];
/// Two patients must differ by more than this.
const ALIKE: [f64; 2] = [0.9, 1.1];

impl Drafter<'_> {
    /// ABS: one volume in cm³.
    pub(super) fn absolute(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let a = self.one(Task::Absolute, turn)?;
        let number: Number = Box::new(|measures| measures.first().map_or(f64::NAN, |measure| measure.volume));
        let value = self.body.sites[a].measure.volume;
        Ok(Draft::number(vec![a], value, Textbook::Value(number)).with("A", self.display(a)))
    }

    /// ABS-4: two volumes together.
    pub(super) fn absolute_joint(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Absolute, turn, false)?;
        let value = self.body.joint_volume(a, b);
        Ok(self.pair(a, b, value, both_volumes()))
    }

    /// RAT-1, RAT-2, RAT-5: A by B, times `scale`.
    pub(super) fn ratio(&self, turn: &Turn, scale: f64) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Ratio, turn, false)?;
        let ratio = ratio_of(&self.measures(&[a, b]));
        if !(RATIO[0]..=RATIO[1]).contains(&ratio) {
            return Err(Refusal::Rule("ratio beyond 0.02 to 50"));
        }
        Ok(self.pair(a, b, scale * ratio, Box::new(move |measures| scale * ratio_of(measures))))
    }

    /// RAT-3: share of a tumour in its organ together with it.
    pub(super) fn tumour_percent(&self, turn: &Turn) -> Result<Draft, Refusal> {
        if self.body.boxes_only {
            return Err(Refusal::Rule("structures are boxes without a volume"));
        }
        let eligible = self.eligible(Task::Ratio);
        let hosted: Vec<(usize, usize)> = eligible
            .iter()
            .filter_map(|site| Some((*site, self.body.sites[*site].host.filter(|host| eligible.contains(host))?)))
            .collect();
        let (tumour, organ) = hosted
            .get(turn.draw.of("tumour").below(hosted.len()))
            .copied()
            .ok_or(Refusal::Rule("no tumour in a whole organ"))?;
        let percent = 100.0 * self.body.sites[tumour].measure.volume / self.body.joint_volume(tumour, organ);
        Ok(self.pair(tumour, organ, percent, Box::new(share_of)))
    }

    /// RAT-4: share of A in both.
    pub(super) fn joint_percent(&self, turn: &Turn) -> Result<Draft, Refusal> {
        let (a, b) = self.two(Task::Ratio, turn, false)?;
        let percent = 100.0 * self.body.sites[a].measure.volume / self.body.joint_volume(a, b);
        if percent < 100.0 * RATIO[0] {
            return Err(Refusal::Rule("ratio beyond 0.02 to 50"));
        }
        Ok(self.pair(a, b, percent, Box::new(share_of)))
    }

    fn pair(&self, a: usize, b: usize, value: f64, number: Number) -> Draft {
        Draft::number(vec![a, b], value, Textbook::Value(number))
            .with("A", self.display(a))
            .with("B", self.display(b))
    }

    /// CRO: one structure in two patients. A pair of patients is asked about by the one whose case comes first.
    pub(super) fn across(&self, rule: Rule, turn: &Turn) -> Result<Draft, Refusal> {
        if self.population.is_empty() {
            return Err(Refusal::Rule("not run: one case"));
        }
        let a = self.one(Task::Cross, turn)?;
        let site = &self.body.sites[a];
        let others: Vec<usize> = self
            .population
            .others
            .iter()
            .copied()
            .filter(|case| self.population.entry(*case).is_some_and(|entry| self.body.comes_before(&entry.case)))
            .collect();
        let case = others
            .get(turn.draw.of("case").below(others.len()))
            .copied()
            .ok_or(Refusal::Rule("asked from the other patient"))?;
        let there = self
            .population
            .measure(case, &site.name)
            .filter(|there| there.whole && there.volume > 0.0)
            .ok_or(Refusal::Rule("the other patient lacks the structure"))?;
        let entry = self.population.entry(case).ok_or(Refusal::Rule("the other patient lacks the structure"))?;
        if !self.body.is_plausible(a, &there) {
            return Err(Refusal::Rule("the other patient's size is outside the plausible range"));
        }
        let first = turn.draw.of("first").coin();
        let here = site.measure.volume;
        let (one, two) = if first { (there.volume, here) } else { (here, there.volume) };
        if (ALIKE[0]..=ALIKE[1]).contains(&(two / one)) {
            return Err(Refusal::Rule("both patients too much alike"));
        }
        let value = match rule {
            Rule::SecondByFirst => two / one,
            Rule::SecondPercent => 100.0 * two / one,
            Rule::FirstBySecond => one / two,
            Rule::LargerBySmaller => one.max(two) / one.min(two),
            _ => (one + two) / 2.0,
        };
        let mut draft =
            Draft::number(vec![a], value, Textbook::Nothing).with("A", self.display(a));
        draft.other =
            Some(OtherCase { name: entry.case.clone(), cluster: entry.cluster.clone(), first });
        Ok(draft)
    }
}
