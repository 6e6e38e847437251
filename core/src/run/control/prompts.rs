//! Drawing one question for every way in which the arms of a run show it.

use super::pictures::{self, Tamper, Tampering};
use super::{Donors, cannot, question};
use crate::case::Case;
use crate::config::Control;
use crate::digest::Draw;
use crate::fault::{Cause, Fault};
use crate::media::Media;
use crate::prompt::{Part, Prompt};
use crate::question::Question;
use crate::run::desk::{Desk, guarded};
use crate::run::plan::Item;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What there is to show.
pub struct Cases<'a> {
    /// Cases by name.
    pub plain: BTreeMap<String, Case>,
    /// The same patients mirrored, where some arm shows them.
    pub mirrored: BTreeMap<String, Case>,
    /// Voxels of the mirrored patients.
    pub mirror: Option<&'a dyn Media>,
    /// Other patients' questions, where some arm shows those.
    pub donors: Option<Donors>,
}

impl Cases<'_> {
    fn of(&self, question: &Question, mirrored: bool) -> Result<Vec<&Case>, Fault> {
        let cases = if mirrored { &self.mirrored } else { &self.plain };
        let find =
            |name: &String| cases.get(name).ok_or_else(|| Fault::data(format!("there is no case {name}")));
        question.cases.iter().map(find).collect()
    }
}

/// The drawings of one item; what a renderer makes of the plain question is made once for all controls.
pub struct Drawings<'a> {
    desk: &'a Desk<'a>,
    cases: &'a Cases<'a>,
    item: &'a Item,
    plain: BTreeMap<usize, Result<Prompt, Fault>>,
}

impl<'a> Drawings<'a> {
    /// Nothing is drawn yet.
    pub fn new(desk: &'a Desk<'a>, cases: &'a Cases<'a>, item: &'a Item) -> Self {
        Self { desk, cases, item, plain: BTreeMap::new() }
    }

    /// What an arm with this renderer and control is asked, and how it is sent.
    ///
    /// # Errors
    /// Rejected where the rules drop the item for such arms; anything else fails it.
    pub fn draw(&mut self, renderer: usize, control: Option<Control>) -> Result<(Question, Prompt), Fault> {
        let question = question(self.item, control, self.desk.seed)?;
        let (desk, cases) = (self.desk, self.cases);
        let draw = Draw::new(desk.seed).of("control").of(&question.id);
        let prompt = match control {
            None => self.of_plain(renderer)?.clone(),
            Some(Control::NoImage) => pictures::without(self.of_plain(renderer)?, &question)?,
            Some(Control::ShuffledOptions) => render(desk, renderer, cases, &question, desk.media)?,
            Some(Control::Mirror) => {
                let mirror =
                    cases.mirror.ok_or_else(|| Fault::internal("no mirrored patients are at hand"))?;
                let shown = cases.of(&question, true)?;
                rendered(desk, renderer, &shown, &question, mirror)?
            }
            Some(Control::Blank) => self.blank(renderer, &question)?,
            Some(Control::ShuffledSlices) => self.out_of_order(renderer, &question, &draw)?,
            Some(Control::WrongPatient) => self.of_another(renderer, &question)?,
        };
        Ok((question, prompt))
    }

    fn of_plain(&mut self, renderer: usize) -> Result<&Prompt, Fault> {
        let (desk, cases, item) = (self.desk, self.cases, self.item);
        self.plain
            .entry(renderer)
            .or_insert_with(|| render(desk, renderer, cases, &item.plain, desk.media))
            .as_ref()
            .map_err(Fault::clone)
    }

    fn blank(&mut self, renderer: usize, question: &Question) -> Result<Prompt, Fault> {
        let plain = self.of_plain(renderer)?.clone();
        if !plain.parts.iter().any(pictures::is_shown) {
            return Err(cannot(Control::Blank, "the question shows nothing"));
        }
        self.tampered(renderer, question, &plain, Control::Blank, Tamper::Blank)
    }

    fn out_of_order(&mut self, renderer: usize, question: &Question, draw: &Draw) -> Result<Prompt, Fault> {
        let plain = self.of_plain(renderer)?.clone();
        if plain.volumes().next().is_none() {
            return pictures::out_of_order(&plain, draw);
        }
        self.tampered(renderer, question, &plain, Control::ShuffledSlices, Tamper::Planes(draw.clone()))
    }

    /// Renders again, with what the renderer puts on record changed on its way.
    fn tampered(
        &self,
        renderer: usize,
        question: &Question,
        plain: &Prompt,
        control: Control,
        tamper: Tamper,
    ) -> Result<Prompt, Fault> {
        let media = Tampering { media: self.desk.media, tamper };
        let prompt = render(self.desk, renderer, self.cases, question, &media)?;
        let kept = |part: &&Part| matches!(part, Part::Volume { .. }) && plain.parts.contains(part);
        if prompt.parts.iter().any(|part| kept(&part)) {
            return Err(Fault::unsupported(format!(
                "the renderer hands over the volume's own file, which the control '{control}' cannot change"
            ))
            .help("use a renderer that makes arrays, such as `volume`"));
        }
        Ok(prompt)
    }

    fn of_another(&mut self, renderer: usize, question: &Question) -> Result<Prompt, Fault> {
        let (desk, cases) = (self.desk, self.cases);
        let plain = self.of_plain(renderer)?.clone();
        if !plain.parts.iter().any(pictures::is_shown) {
            return Err(cannot(Control::WrongPatient, "the question shows nothing"));
        }
        let donors = cases.donors.as_ref().ok_or_else(|| Fault::internal("no other patients are at hand"))?;
        for donor in donors.of(question)? {
            match render(desk, renderer, cases, &donor, desk.media) {
                Ok(theirs) => {
                    if let Some(prompt) = pictures::exchanged(&plain, &theirs) {
                        return Ok(prompt);
                    }
                }
                Err(fault) if fault.cause == Cause::Internal => return Err(fault),
                Err(_) => {}
            }
        }
        Err(cannot(Control::WrongPatient, "no other patient has pictures of this form"))
    }
}

fn render(
    desk: &Desk<'_>,
    renderer: usize,
    cases: &Cases<'_>,
    question: &Question,
    media: &dyn Media,
) -> Result<Prompt, Fault> {
    rendered(desk, renderer, &cases.of(question, false)?, question, media)
}

fn rendered(
    desk: &Desk<'_>,
    renderer: usize,
    shown: &[&Case],
    question: &Question,
    media: &dyn Media,
) -> Result<Prompt, Fault> {
    let started = Instant::now();
    let prompt = guarded("the renderer", Cause::Unsupported, || {
        desk.parts.renderers[renderer].renderer.render(shown, question, media)
    });
    desk.counts.drawing_us.fetch_add(started.elapsed().as_micros() as u64, Ordering::Relaxed);
    prompt
}
