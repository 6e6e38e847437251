//! One component of each kind. Every method panics when the parameter `panics` names it.

use situs_core::model_backend::{EmbeddingSource, RowReader, Vocabulary};
use situs_core::prelude::*;
use situs_core::space::Affine;
use std::collections::BTreeMap;

/// Panics in the method that a test asks for.
fn panic_in(asked: &str, method: &str) {
    assert!(asked != method, "as asked, in {method}");
}

situs_core::component! {
    /// Cubes with two structures.
    dataset "toy";
    pub struct Toy {
        /// Cases.
        pub cases: usize = 3,
        /// Whether the image of the second case cannot be read.
        pub damaged: bool = false,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl DatasetSpec for Toy {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Dataset>, Fault> {
        panic_in(&self.panics, "create");
        if self.cases == 0 {
            return Err(Fault::config("must be at least 1, found 0").at("cases"));
        }
        let digest = Digest::new("toy").json(&self.cases).hex();
        let card = DatasetCard {
            name: "toy".to_owned(),
            licence: "none".to_owned(),
            modality_text: "CT scan".to_owned(),
            digest,
        };
        Ok(Box::new(Cubes { spec: self.clone(), card }))
    }
}

struct Cubes {
    spec: Toy,
    card: DatasetCard,
}

impl Drop for Cubes {
    fn drop(&mut self) {
        panic_in(&self.spec.panics, "destroy");
    }
}

impl Dataset for Cubes {
    fn card(&self) -> &DatasetCard {
        panic_in(&self.spec.panics, "describe");
        &self.card
    }

    fn len(&self) -> usize {
        self.spec.cases
    }

    fn case(&self, index: usize) -> Result<Case, Fault> {
        panic_in(&self.spec.panics, "case");
        let name = format!("c{index}");
        let volume = |what: &str| VolumeRef {
            id: format!("{name}/{what}"),
            source: VolumeSource::Dataset { key: format!("{name}/{what}") },
        };
        Ok(Case {
            cluster: name.clone(),
            modality: Modality::Ct,
            volumes: vec![volume("ct")],
            structures: StructureSource::LabelMap {
                volume: volume("labels"),
                names: BTreeMap::from([(1, "liver".to_owned()), (2, "spleen".to_owned())]),
            },
            facts: BTreeMap::from([("side".to_owned(), "right".to_owned())]),
            name,
        })
    }

    fn volume(&self, key: &str) -> Result<Volume, Fault> {
        panic_in(&self.spec.panics, "volume");
        if self.spec.damaged && key == "c1/ct" {
            return Err(Fault::data(format!("{key}: truncated")).help("copy it again"));
        }
        let seed = key.bytes().map(u32::from).sum::<u32>();
        let shape = [10usize, 9, 8];
        let voxels = (0..720u32)
            .map(|index| match (key.ends_with("labels"), index % 10) {
                (true, 0..=1) => 2.0,
                (true, 7..=8) => 1.0,
                (true, _) => 0.0,
                (false, _) => ((index * 7 + seed) % 251) as f32 + 0.3,
            })
            .collect();
        let mut volume = Volume::new(shape, Affine::scaled([2.0, 2.5, 3.0], [1.0, -4.0, 0.5]), voxels);
        volume.warnings.push(Warning::new("toy", "made in memory"));
        Ok(volume)
    }
}

situs_core::component! {
    /// Asks on which side the liver is, once per slice.
    family "toy";
    pub struct Sides {
        /// Questions a case.
        pub questions: usize = 6,
        /// Ask a writer for the wording: first a draft, then its polish.
        pub writer: bool = false,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl QuestionFamilySpec for Sides {
    fn build(&self, cx: &BuildContext) -> Result<Box<dyn QuestionFamily>, Fault> {
        panic_in(&self.panics, "create");
        tracing::info!(seed = cx.seed, "family made");
        Ok(Box::new(self.clone()))
    }
}

impl Sides {
    fn wording(&self, cx: &AskContext<'_>) -> Result<Result<String, Asked>, Fault> {
        let need = |name: &str, text: String| {
            Asked::Needs(vec![Consultation {
                key: Key { about: cx.case.name.clone(), name: name.to_owned() },
                role: "writer".to_owned(),
                prompt: Prompt::text(text),
                sampling: Sampling {
                    temperature: Some(0.1),
                    seed: Some(u64::MAX - 3),
                    ..Sampling::default()
                },
            }])
        };
        let Some(draft) = cx.replies.get(&cx.case.name, "draft") else {
            return Ok(Err(need("draft", "Write a question.".to_owned())));
        };
        let Some(polish) = cx.replies.get(&cx.case.name, "polish") else {
            return Ok(Err(need("polish", format!("Polish: {}", draft.text))));
        };
        Ok(Ok(polish.text.clone()))
    }
}

impl QuestionFamily for Sides {
    fn version(&self) -> &str {
        panic_in(&self.panics, "describe");
        "7"
    }

    fn ask(&self, cx: &AskContext<'_>) -> Result<Asked, Fault> {
        panic_in(&self.panics, "ask");
        let wording = match self.writer {
            false => "Is the liver right of the spleen?".to_owned(),
            true => match self.wording(cx)? {
                Ok(wording) => wording,
                Err(needs) => return Ok(needs),
            },
        };
        let image = cx.case.volumes.first().ok_or_else(|| Fault::data("no image"))?;
        let volume = cx.media.volume(image)?;
        let segmentation = cx.media.segmentation(cx.case)?;
        let others = cx.catalogue.cases.len();
        let mut questions = Vec::new();
        for number in 0..self.questions {
            let slice = Draw::new(cx.seed).of(&cx.case.name).of(number).below(volume.grid.shape[2]);
            let sections = segmentation.sections(2, slice)?;
            let voxels: Vec<u64> = sections.iter().map(|section| section.voxels).collect();
            questions.push(Question {
                id: String::new(),
                volumes: Vec::new(),
                cases: vec![cx.case.name.clone()],
                cluster: String::new(),
                template: "T".to_owned(),
                cell: format!("{}", number % 2),
                bundle: format!("{number}"),
                structures: segmentation.measured.structures.iter().map(|one| one.name.clone()).collect(),
                text: format!(
                    "{wording} Slice {slice} of {}, number {number} of {others} cases, voxels {voxels:?}, \
                     overlap {}, part {}, {}.",
                    cx.card.modality_text,
                    segmentation.overlap_share(0, 1),
                    segmentation.largest_part_share(0),
                    cx.entry.measured.structures[0].volume_ml,
                ),
                options: vec!["yes".to_owned(), "no".to_owned()],
                truth: if number % 3 == 0 { "no" } else { "yes" }.to_owned(),
                chance: 0.5,
                facets: BTreeMap::from([("parity".to_owned(), format!("{}", number % 2))]),
                scene: None,
                evidence: Evidence { margin_mm: Some(0.1 + number as f64 / 3.0), ..Evidence::default() },
                private: serde_json::json!({"slice": slice}),
            });
        }
        Ok(Asked::Questions { questions, left_out: BTreeMap::from([("too small".to_owned(), 2)]) })
    }

    fn read(&self, question: &Question, reply: &Reply) -> Result<Answer, Fault> {
        panic_in(&self.panics, "read");
        let text = reply.text.trim();
        Ok(match question.options.iter().find(|option| text.contains(option.as_str())) {
            Some(option) => Answer::answered(option.clone()).flag("plain"),
            None => Answer::without_value(AnswerState::Unparsed),
        })
    }
}

situs_core::component! {
    /// Draws the slice of the question in grey.
    renderer "toy";
    pub struct Grey {
        /// Add the whole volume as a part.
        pub volume: bool = false,
        /// Refuse questions with this number in their text.
        pub refuse: Option<u32> = None,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl PromptRendererSpec for Grey {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn PromptRenderer>, Fault> {
        panic_in(&self.panics, "create");
        Ok(Box::new(self.clone()))
    }
}

impl PromptRenderer for Grey {
    fn render(&self, cases: &[&Case], question: &Question, media: &dyn Media) -> Result<Prompt, Fault> {
        panic_in(&self.panics, "render");
        if self.refuse.is_some_and(|number| question.text.contains(&format!("number {number} "))) {
            return Err(Fault::rejected("a letter would cover a mark"));
        }
        let mut parts = Vec::new();
        for case in cases {
            let volume = media.volume(&case.volumes[0])?;
            let [nx, ny, nz] = volume.grid.shape;
            let slice = question.private["slice"].as_u64().unwrap_or(0) as usize;
            let grey = (0..nx * ny).map(|at| volume.get([at % nx, at / nx, slice]).unwrap_or(0.0) as u8);
            let rgb = grey.flat_map(|grey| [grey, grey / 2, 255 - grey]).collect();
            let picture = Picture { width: nx as u32, height: ny as u32, rgb };
            // Twice: the same pixels have one name.
            parts.push(Part::Image { image: media.put_picture(&picture)? });
            parts.push(Part::Image { image: media.put_picture(&picture)? });
            if self.volume {
                parts.push(Part::Volume { volume: media.put_volume([nz, ny, nx], &volume.voxels)? });
            }
        }
        parts.push(Part::Text { text: question.text.clone() });
        Ok(Prompt { parts })
    }
}

/// Tokens of the model.
const WORDS: [&str; 6] = ["yes", "no", " ", "maybe", "<end>", "."];

situs_core::component! {
    /// Decides by the sum of the prompt's letters and pixels.
    model "toy";
    pub struct Adder {
        /// Answer step by step, so many sequences at once; 0: whole answers.
        pub slots: usize = 0,
        /// Form of pictures.
        pub pictures: PictureForm = PictureForm::Png,
        /// Say that it reads answers.
        pub reads_answers: bool = false,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl ModelBackendSpec for Adder {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn ModelBackend>, Fault> {
        panic_in(&self.panics, "create");
        let mut card = ModelCard::baseline("adder", Digest::new("adder").json(self).hex());
        card.slots = self.slots;
        card.stepwise = self.slots > 0;
        card.pictures = self.pictures;
        card.reads_answers = self.reads_answers;
        let texts: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        let content = texts.iter().map(|text| !text.starts_with('<')).collect();
        Ok(Box::new(Sums { spec: self.clone(), card, texts, content }))
    }
}

struct Sums {
    spec: Adder,
    card: ModelCard,
    texts: Vec<String>,
    content: Vec<bool>,
}

impl Sums {
    fn sum(&self, request: &Request, media: &dyn Media) -> Result<u64, Fault> {
        let mut sum = request.prompt.joined_text().bytes().map(u64::from).sum::<u64>();
        for part in &request.prompt.parts {
            match part {
                Part::Image { image } => {
                    let png = media.png(image)?;
                    let path = media.path(&image.pixels)?;
                    let known = path.file_stem().and_then(|stem| stem.to_str()) == Some(&*image.pixels);
                    assert!(known && situs_core::digest::sha256_hex(&png) == image.png);
                    sum += png.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                }
                Part::Volume { volume } => {
                    let bytes = std::fs::read(media.path(&volume.id)?);
                    sum += bytes.map_err(|error| Fault::data(error.to_string()))?.len() as u64;
                }
                Part::Text { .. } => {}
            }
        }
        Ok(sum)
    }
}

impl ModelBackend for Sums {
    fn card(&self) -> &ModelCard {
        panic_in(&self.spec.panics, "describe");
        &self.card
    }

    fn vocabulary(&self) -> Result<Option<Vocabulary<'_>>, Fault> {
        panic_in(&self.spec.panics, "vocabulary");
        Ok(Some(Vocabulary { texts: &self.texts, content: &self.content }))
    }

    fn embeddings(&self) -> Result<Option<EmbeddingSource<'_>>, Fault> {
        panic_in(&self.spec.panics, "embeddings");
        Ok(Some(EmbeddingSource::Rows { reader: Box::new(Squares), sha256: "squares".to_owned() }))
    }

    fn reply(&self, request: &Request, sampling: &Sampling, media: &dyn Media) -> Result<Reply, Fault> {
        panic_in(&self.spec.panics, "reply");
        assert!(request.truth.is_none());
        let sum = self.sum(request, media)?;
        let option = request.options.get(sum as usize % request.options.len().max(1));
        let text = option.cloned().unwrap_or_else(|| format!("words {sum}"));
        Ok(Reply {
            reasoning: Some(format!("{:?} {:016x}", sampling.seed, request.draw)),
            tokens: Tokens { prompt: Some(sum), completion: Some(1) },
            ..Reply::text(text)
        })
    }

    fn session(&self) -> Result<Box<dyn Session + '_>, Fault> {
        panic_in(&self.spec.panics, "session");
        if self.spec.slots == 0 {
            return Err(Fault::unsupported("whole answers only"));
        }
        Ok(Box::new(Steps { model: self, slots: BTreeMap::new(), next: 0, logits: Vec::new() }))
    }
}

/// Row n is (n, n squared).
struct Squares;

impl RowReader for Squares {
    fn rows(&self) -> usize {
        WORDS.len()
    }

    fn width(&self) -> usize {
        2
    }

    fn read(&self, first: usize, count: usize, out: &mut Vec<f32>) -> Result<(), Fault> {
        out.clear();
        out.extend((first..first + count).flat_map(|row| [row as f32, (row * row) as f32]));
        Ok(())
    }
}

/// Borrows its model, as a real session does.
struct Steps<'a> {
    model: &'a Sums,
    slots: BTreeMap<SlotId, (u64, Vec<u32>)>,
    next: SlotId,
    logits: Vec<f32>,
}

impl Session for Steps<'_> {
    fn admit(&mut self, request: &Request, media: &dyn Media) -> Result<SlotId, Fault> {
        panic_in(&self.model.spec.panics, "admit");
        let slot = self.next;
        self.next += 1;
        self.slots.insert(slot, (self.model.sum(request, media)?, Vec::new()));
        Ok(slot)
    }

    fn logits(&mut self, live: &[SlotId]) -> Result<Logits<'_>, Fault> {
        panic_in(&self.model.spec.panics, "logits");
        self.logits.clear();
        for slot in live {
            let (sum, history) = self.slots.get(slot).ok_or_else(|| Fault::internal("no such slot"))?;
            let step = history.len() as u64;
            let end = WORDS.len() as u64 - 2;
            self.logits.extend((0..WORDS.len() as u64).map(|token| {
                let wanted = if step >= 2 { end } else { (sum + step) % 2 };
                if token == wanted { 2.0 } else { ((sum + token * 7 + step) % 5) as f32 / 4.0 }
            }));
        }
        Ok(Logits { rows: live.len(), vocabulary: WORDS.len(), place: LogitsPlace::Host(&self.logits) })
    }

    fn push(&mut self, slot: SlotId, token: u32) -> Result<Flow, Fault> {
        panic_in(&self.model.spec.panics, "push");
        let (_, history) = self.slots.get_mut(&slot).ok_or_else(|| Fault::internal("no such slot"))?;
        history.push(token);
        Ok(if WORDS[token as usize] == "<end>" { Flow::Stop } else { Flow::Continue })
    }

    fn finish(&mut self, slot: SlotId) -> Result<Reply, Fault> {
        panic_in(&self.model.spec.panics, "finish");
        let (_, history) = self.slots.remove(&slot).ok_or_else(|| Fault::internal("no such slot"))?;
        let words = history.iter().map(|token| WORDS[*token as usize]).filter(|word| *word != "<end>");
        Ok(Reply::text(words.collect::<String>()))
    }

    fn cancel(&mut self, slot: SlotId) {
        panic_in(&self.model.spec.panics, "cancel");
        self.slots.remove(&slot);
    }
}

situs_core::component! {
    /// Takes the best token but for a seeded slip.
    sampler "toy";
    pub struct Slips {
        /// Most new tokens per reply.
        pub max_tokens: u32 = 5,
        /// Of so many draws one slips to the token that is next to the best in embedding space.
        pub one_of: u64 = 4,
        /// Do without the embeddings.
        pub blind: bool = false,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl SamplerSpec for Slips {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Sampler>, Fault> {
        panic_in(&self.panics, "create");
        Ok(Box::new(Slipping { spec: self.clone(), next: Vec::new(), digest: None }))
    }
}

struct Slipping {
    spec: Slips,
    next: Vec<u32>,
    digest: Option<String>,
}

impl Sampler for Slipping {
    fn prepare(&mut self, model: &dyn ModelBackend) -> Result<(), Fault> {
        panic_in(&self.spec.panics, "prepare");
        if self.spec.blind {
            return Ok(());
        }
        let vocabulary = model.vocabulary()?.ok_or_else(|| Fault::unsupported("no vocabulary"))?;
        let Some(EmbeddingSource::Rows { reader, sha256 }) = model.embeddings()? else {
            return Err(Fault::unsupported("no embeddings"));
        };
        let mut rows = Vec::new();
        reader.read(0, reader.rows(), &mut rows)?;
        let (count, content, rows) = (reader.rows(), vocabulary.content, rows.as_slice());
        let nearest = |token: usize| {
            let distance = |other: usize| -> f32 {
                (0..2).map(|at| (rows[2 * token + at] - rows[2 * other + at]).abs()).sum()
            };
            let others = (0..count).filter(|other| *other != token && content[*other]);
            others.min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
        };
        self.next = (0..count).map(|token| nearest(token).unwrap_or(token) as u32).collect();
        self.digest = Some(format!("{sha256}-{}-{}", vocabulary.texts.join("|"), model.card().digest));
        Ok(())
    }

    fn remote(&self) -> Option<Sampling> {
        panic_in(&self.spec.panics, "describe");
        Some(Sampling { temperature: Some(0.0), seed: Some(u64::MAX), ..Sampling::default() })
    }

    fn max_tokens(&self) -> u32 {
        self.spec.max_tokens
    }

    fn digest(&self) -> Option<String> {
        self.digest.clone()
    }

    fn pick(&mut self, logits: &Logits<'_>, rows: &[Row<'_>], out: &mut Vec<Pick>) -> Result<(), Fault> {
        panic_in(&self.spec.panics, "pick");
        let mut scratch = Vec::new();
        let host = logits.on_host(&mut scratch)?;
        for row in rows {
            let values = host.row(row.index)?;
            let best = (0..values.len()).max_by(|a, b| values[*a].total_cmp(&values[*b]).then(b.cmp(a)));
            let best = best.ok_or_else(|| Fault::internal("no logits"))? as u32;
            let slips = self.spec.one_of > 0 && row.draw % self.spec.one_of == 0 && row.step < 2;
            let token = if slips { self.next.get(best as usize).copied().unwrap_or(best) } else { best };
            let note = (token != best).then(|| {
                serde_json::json!({"from": best, "step": row.step, "before": row.history.len(), "last": row.history.last()})
            });
            out.push(Pick { token, note });
        }
        Ok(())
    }
}

situs_core::component! {
    /// Share of right answers times the judge's opinion.
    metric "toy";
    pub struct Judged {
        /// Ask a judge about each record.
        pub judge: bool = false,
        /// Summarise by itself.
        pub own: bool = false,
        /// Method that panics.
        pub panics: String = String::new(),
    }
}

#[typetag::serde(name = "toy")]
impl MetricSpec for Judged {
    fn build(&self, _: &BuildContext) -> Result<Box<dyn Metric>, Fault> {
        panic_in(&self.panics, "create");
        Ok(Box::new(self.clone()))
    }
}

impl Metric for Judged {
    fn consult(&self, batch: &[Record], replies: &Replies) -> Result<Vec<Consultation>, Fault> {
        panic_in(&self.panics, "consult");
        let unasked = batch.iter().filter(|record| replies.get(&record.question.id, "verdict").is_none());
        Ok(unasked
            .filter(|_| self.judge)
            .map(|record| Consultation {
                key: Key { about: record.question.id.clone(), name: "verdict".to_owned() },
                role: "judge".to_owned(),
                prompt: Prompt::text(format!("Fair? {}", record.answer.value.as_deref().unwrap_or("-"))),
                sampling: Sampling::default(),
            })
            .collect())
    }

    fn score(&self, record: &Record, replies: &Replies) -> Result<Option<Score>, Fault> {
        panic_in(&self.panics, "score");
        let verdict = replies.get(&record.question.id, "verdict").map_or(0, |reply| reply.text.len() % 3);
        let value = f64::from(u8::from(record.is_right())) / 3.0 + verdict as f64 * 0.1;
        Ok((record.question.facet("parity") != "9").then(|| Score { value, stats: vec![value, 1.0, 0.5] }))
    }

    fn finish(&self, sums: &[f64]) -> Result<f64, Fault> {
        panic_in(&self.panics, "figure");
        match sums {
            [total, count, half] => Ok(total / count + half / 1e9),
            _ => Err(Fault::internal("expected three sums")),
        }
    }

    fn summarise(&self, scored: &Scored<'_>) -> Result<Option<Summary>, Fault> {
        panic_in(&self.panics, "summarise");
        if !self.own {
            return Ok(None);
        }
        let values: Vec<Option<f64>> = scored
            .records
            .iter()
            .map(|one| one.score.as_ref().map(|score| score.value + scored.seed as f64))
            .collect();
        let sum: f64 = values.iter().flatten().sum();
        Ok(Some(Summary {
            value: Some(sum / values.len().max(1) as f64),
            n: values.len(),
            values: Some(values),
            ..Summary::nothing()
        }))
    }
}
