//! The grid: every valid combination of factor levels, by the validity rules of the template page.

use super::factors::{Ablation, Asks, Dim, Identity, Target, TextPrompt, ViewStatement, Visual, Words};
use super::spec::MisGround;
use super::templates::{Template, Templates};
use situs_core::case::Modality;
use situs_core::space::{Plane, Preset, View};

/// One combination of factor levels.
#[derive(Debug, Clone)]
pub(super) struct Cell<'t> {
    pub(super) modality: Modality,
    pub(super) dim: Dim,
    pub(super) plane: Plane,
    pub(super) preset: Preset,
    /// View of the preset, with the frame order that was configured.
    pub(super) view: View,
    pub(super) visual: Visual,
    pub(super) identity: Identity,
    pub(super) text: TextPrompt,
    pub(super) words: Words,
    pub(super) template: &'t Template,
    pub(super) ablation: Ablation,
    pub(super) view_statement: ViewStatement,
}

impl Cell<'_> {
    /// Name of the cell: all levels, in a fixed order.
    pub(super) fn id(&self) -> String {
        let levels = [
            self.template.id.as_str(),
            self.template.question.word(),
            self.ablation.word(),
            self.view_statement.word(),
        ];
        format!("{}/{}", self.place(), levels.join("/"))
    }

    /// Name under which structures, marks and orders are drawn. Closed and inverted form, ablations and view statements
    /// share it, so that they ask about the same pair on the same picture.
    pub(super) fn draw_key(&self) -> String {
        format!("{}/{}", self.place(), self.template.group)
    }

    /// What is asked for.
    pub(super) fn target(&self) -> Target {
        self.template.asks.target(self.words)
    }

    fn place(&self) -> String {
        [
            self.modality.word(),
            self.dim.word(),
            self.plane.word(),
            self.preset.name(),
            self.visual.word(),
            self.identity.word(),
            self.text.word(),
            self.words.word(),
        ]
        .join("/")
    }
}

/// All valid cells of one stage, in a fixed order.
pub(super) fn cells<'t>(
    spec: &MisGround,
    templates: &'t Templates,
    modality: Modality,
    dim: Dim,
    plane: Plane,
) -> Vec<Cell<'t>> {
    let mut cells = Vec::new();
    for template in templates.list.iter().filter(|template| is_chosen(spec, template, dim)) {
        for (visual, identity, text) in prompts(spec, template, modality) {
            for words in template.words.iter().copied().filter(|words| {
                (*words == Words::None || spec.words.contains(words))
                    && (*words != Words::Frame || dim == Dim::Stack)
                    && spec.targets.contains(&template.asks.target(*words))
            }) {
                for preset in Preset::ALL.into_iter().filter(|preset| spec.orientations.contains(preset)) {
                    for ablation in
                        template.ablations.iter().copied().filter(|level| spec.ablations.contains(level))
                    {
                        if !allows(template, visual, text, ablation) {
                            continue;
                        }
                        for view_statement in view_statements(spec, template, words, ablation) {
                            cells.push(Cell {
                                modality,
                                dim,
                                plane,
                                preset,
                                view: view(spec, preset, plane),
                                visual,
                                identity,
                                text,
                                words,
                                template,
                                ablation,
                                view_statement,
                            });
                        }
                    }
                }
            }
        }
    }
    cells
}

fn is_chosen(spec: &MisGround, template: &Template, dim: Dim) -> bool {
    template.dims.contains(&dim)
        && spec.question_types.contains(&template.question)
        && (spec.templates.is_empty() || spec.templates.contains(&template.id))
}

/// Visual prompt, identity of marks and text prompt together: marks need an identity, mark words need marks.
fn prompts(spec: &MisGround, template: &Template, modality: Modality) -> Vec<(Visual, Identity, TextPrompt)> {
    if template.asks == Asks::Plane {
        return vec![(Visual::None, Identity::None, TextPrompt::None)];
    }
    let mut prompts = Vec::new();
    for visual in Visual::ALL.iter().copied() {
        let has_form = modality == Modality::Ct || matches!(visual, Visual::None | Visual::Box);
        if !has_form || !spec.visual.contains(&visual) || !template.visuals.contains(&visual) {
            continue;
        }
        let identities: Vec<Identity> = match visual {
            Visual::None => vec![Identity::None],
            _ => Identity::ALL
                .iter()
                .copied()
                .filter(|identity| *identity != Identity::None && spec.identities.contains(identity))
                .collect(),
        };
        for identity in identities {
            for text in template.texts.iter().copied().filter(|text| spec.texts.contains(text)) {
                if visual != Visual::None || text == TextPrompt::Name {
                    prompts.push((visual, identity, text));
                }
            }
        }
    }
    prompts
}

/// The view of a preset; the order of frames is a free choice in the standard displays alone.
fn view(spec: &MisGround, preset: Preset, plane: Plane) -> View {
    let view = preset.view(plane);
    let chosen = spec.frame_order.iter().find(|direction| direction.axis() == plane.through());
    match chosen.filter(|_| preset.is_standard()) {
        Some(frame) => view.with_frame(*frame),
        None => view,
    }
}

fn allows(template: &Template, visual: Visual, text: TextPrompt, ablation: Ablation) -> bool {
    match ablation {
        Ablation::None => true,
        Ablation::TextOnly => visual == Visual::None && text == TextPrompt::Name,
        Ablation::MarksOnWhite => {
            let shown = match &template.white_visuals {
                Some(visuals) => visuals.contains(&visual),
                None => visual != Visual::None,
            };
            shown && (text == TextPrompt::Mark || template.asks == Asks::MarkOfName)
        }
    }
}

/// Plane questions never state the view; a white page has no patient, so anatomical words on it need the view.
fn view_statements(
    spec: &MisGround,
    template: &Template,
    words: Words,
    ablation: Ablation,
) -> Vec<ViewStatement> {
    if template.asks == Asks::Plane {
        return vec![ViewStatement::None];
    }
    let needs_patient = ablation == Ablation::MarksOnWhite && words == Words::Anat;
    ViewStatement::ALL
        .iter()
        .copied()
        .filter(|level| spec.view_statements.contains(level))
        .filter(|level| !(needs_patient && *level == ViewStatement::None))
        .collect()
}
