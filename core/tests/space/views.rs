//! The six presets in three planes, letter by letter. The table was written down apart from the code.

use situs_core::space::{Colloquial, Direction, Plane, Preset, View};

/// What one preset shows in one plane: letters of screen right, left, down, up and of later frames, then the words
/// for what is above, below, on the left and on the right.
struct Shown {
    preset: Preset,
    plane: Plane,
    /// right, left, down, up, later frames.
    letters: [char; 5],
    /// above, below, image left, image right.
    meanings: [&'static str; 4],
}

const fn shown(preset: Preset, plane: Plane, letters: [char; 5], meanings: [&'static str; 4]) -> Shown {
    Shown { preset, plane, letters, meanings }
}

use Plane::{Axial, Coronal, Sagittal};
use Preset::{
    RasFirstRaw, RasFirstTransposed, RasPlusRaw, RasPlusTransposed, StandardNeurological,
    StandardRadiological,
};

#[rustfmt::skip]
const TABLE: [Shown; 18] = [
    shown(StandardRadiological, Axial, ['L', 'R', 'P', 'A', 'S'], ["anterior", "posterior", "right", "left"]),
    shown(StandardRadiological, Coronal, ['L', 'R', 'I', 'S', 'P'], ["superior", "inferior", "right", "left"]),
    shown(StandardRadiological, Sagittal, ['P', 'A', 'I', 'S', 'L'], ["superior", "inferior", "anterior", "posterior"]),
    shown(StandardNeurological, Axial, ['R', 'L', 'P', 'A', 'S'], ["anterior", "posterior", "left", "right"]),
    shown(StandardNeurological, Coronal, ['R', 'L', 'I', 'S', 'P'], ["superior", "inferior", "left", "right"]),
    shown(StandardNeurological, Sagittal, ['P', 'A', 'I', 'S', 'L'], ["superior", "inferior", "anterior", "posterior"]),
    shown(RasPlusRaw, Axial, ['A', 'P', 'R', 'L', 'S'], ["left", "right", "posterior", "anterior"]),
    shown(RasPlusRaw, Coronal, ['S', 'I', 'R', 'L', 'A'], ["left", "right", "inferior", "superior"]),
    shown(RasPlusRaw, Sagittal, ['S', 'I', 'A', 'P', 'R'], ["posterior", "anterior", "inferior", "superior"]),
    shown(RasPlusTransposed, Axial, ['R', 'L', 'A', 'P', 'S'], ["posterior", "anterior", "left", "right"]),
    shown(RasPlusTransposed, Coronal, ['R', 'L', 'S', 'I', 'A'], ["inferior", "superior", "left", "right"]),
    shown(RasPlusTransposed, Sagittal, ['A', 'P', 'S', 'I', 'R'], ["inferior", "superior", "posterior", "anterior"]),
    shown(RasFirstRaw, Axial, ['P', 'A', 'L', 'R', 'I'], ["right", "left", "anterior", "posterior"]),
    shown(RasFirstRaw, Coronal, ['I', 'S', 'L', 'R', 'P'], ["right", "left", "superior", "inferior"]),
    shown(RasFirstRaw, Sagittal, ['I', 'S', 'P', 'A', 'L'], ["anterior", "posterior", "superior", "inferior"]),
    shown(RasFirstTransposed, Axial, ['L', 'R', 'P', 'A', 'I'], ["anterior", "posterior", "right", "left"]),
    shown(RasFirstTransposed, Coronal, ['L', 'R', 'I', 'S', 'P'], ["superior", "inferior", "right", "left"]),
    shown(RasFirstTransposed, Sagittal, ['P', 'A', 'I', 'S', 'L'], ["superior", "inferior", "anterior", "posterior"]),
];

#[test]
fn every_preset_points_where_the_table_says() {
    for row in &TABLE {
        let view = row.preset.view(row.plane);
        let letters = [view.right, view.left(), view.down, view.up(), view.frame].map(Direction::letter);
        assert_eq!(letters, row.letters, "{} {}", row.preset.name(), row.plane);
        assert_eq!((view.preset, view.plane), (row.preset, row.plane));
    }
}

#[test]
fn colloquial_words_mean_what_the_table_says() {
    for row in &TABLE {
        let view = row.preset.view(row.plane);
        let words = [Colloquial::Above, Colloquial::Below, Colloquial::ImageLeft, Colloquial::ImageRight];
        let meanings = words.map(|word| word.meaning(&view).word());
        assert_eq!(meanings, row.meanings, "{} {}", row.preset.name(), row.plane);
        let later = Colloquial::Later.meaning(&view);
        assert_eq!(later.letter(), row.letters[4], "{} {}", row.preset.name(), row.plane);
        assert_eq!(Colloquial::Earlier.meaning(&view), later.opposite());
    }
}

#[test]
fn the_table_names_every_preset_and_plane_once() {
    for preset in Preset::ALL {
        for plane in Plane::ALL {
            assert_eq!(TABLE.iter().filter(|row| row.preset == preset && row.plane == plane).count(), 1);
        }
    }
}

#[test]
fn a_view_spans_the_body_and_looks_along_its_plane() {
    let through = [(Axial, "superior-inferior"), (Coronal, "anterior-posterior"), (Sagittal, "right-left")];
    for (plane, name) in through {
        assert_eq!(plane.through().name(), name);
        for preset in Preset::ALL {
            let view = preset.view(plane);
            assert_eq!(view.frame.axis(), plane.through());
            let mut axes = [view.right.axis(), view.down.axis(), view.frame.axis()].map(|axis| axis.index());
            axes.sort_unstable();
            assert_eq!(axes, [0, 1, 2]);
        }
    }
}

#[test]
fn another_frame_order_changes_the_frames_alone() {
    let view = StandardRadiological.view(Axial);
    let turned: View = view.with_frame(Direction::Inferior);
    assert_eq!((turned.right, turned.down), (view.right, view.down));
    assert_eq!(Colloquial::Later.meaning(&turned), Direction::Inferior);
}

#[test]
fn the_transposed_ras_first_array_looks_like_the_radiological_display() {
    for plane in Plane::ALL {
        let (array, clinical) = (RasFirstTransposed.view(plane), StandardRadiological.view(plane));
        assert_eq!((array.right, array.down), (clinical.right, clinical.down));
    }
}
