//! Letter plates over many random scenes: complete, legible, and over nothing that matters.

use crate::fixture::*;
use situs_core::digest::Draw;
use situs_core::prelude::*;
use situs_core::scene::{Colour, Mark, MarkShape, Scene};
use situs_core::space::{Affine, Plane, Preset};
use situs_plugins::renderers::slices::letters::{self, PlatePixel};

const SHAPE: [usize; 3] = [48, 40, 24];
const SCENES: usize = 300;
const SHAPES: [MarkShape; 3] = [MarkShape::Mask, MarkShape::Box, MarkShape::Point];

/// Top left corners of all complete plates of a letter and colour.
fn plates(picture: &Picture, letter: char, colour: Colour) -> Vec<(usize, usize)> {
    let scale = letters::scale(picture.width.max(picture.height));
    let (width, height) = letters::plate_size(scale);
    let is_plate = |left: usize, top: usize| {
        (0..height).all(|row| {
            (0..width).all(|column| {
                let expected = match letters::plate_pixel(letter, scale, column, row) {
                    Some(PlatePixel::Rim) => letters::tint(colour),
                    Some(PlatePixel::Ground) => letters::GROUND,
                    Some(PlatePixel::Ink) => letters::INK,
                    None => return false,
                };
                pixel(picture, left + column as usize, top + row as usize) == expected
            })
        })
    };
    pixels_of(picture, letters::tint(colour))
        .into_iter()
        .filter(|(left, top)| {
            left + width as usize <= picture.width as usize
                && top + height as usize <= picture.height as usize
        })
        .filter(|(left, top)| is_plate(*left, *top))
        .collect()
}

/// Two to six random ellipsoids, marked in one shape.
fn random_case(number: usize) -> (Bench, Scene) {
    let draw = Draw::new(11).of(number);
    let mut labels = vec![0; SHAPE.iter().product()];
    let count = 2 + draw.of("count").below(5);
    for label in 1..=count {
        let draw = draw.of(label);
        let place = |axis: usize| draw.of(axis).unit() * SHAPE[axis] as f64;
        let centre = [place(0), place(1), 12.0 + draw.of("depth").unit() * 2.0];
        let radii = std::array::from_fn(|axis| 2.0 + draw.of(format!("radius {axis}")).unit() * 6.0);
        ellipsoid(&mut labels, SHAPE, centre, radii, label as u8);
    }
    let bench = Bench::new(textured(SHAPE, Affine::scaled([1.5, 1.5, 3.0], [0.0; 3]), 1), labels);
    let shape = SHAPES[number % 3];
    let order = draw.of("letters").order(6);
    let sections = bench.segmentation.sections(2, 12).unwrap();
    let marks: Vec<Mark> = sections
        .iter()
        .enumerate()
        .map(|(position, section)| {
            let name = &bench.segmentation.measured.structures[section.structure].name;
            lettered(name, shape, Colour::ALL[position], letters::LETTERS[order[position]])
        })
        .collect();
    let keep_clear = marks.iter().map(|mark| mark.structure.clone()).collect();
    let scene = slice_scene(Preset::StandardRadiological, Plane::Axial, 12, marks);
    (bench, Scene { keep_clear, long_side: 400, ..scene })
}

fn without_letters(scene: &Scene) -> Scene {
    let mut scene = scene.clone();
    scene.marks.iter_mut().for_each(|mark| mark.letter = None);
    scene
}

#[test]
fn letters_never_cover_marks_or_centres() {
    let (mut drawn, mut dropped) = (0, 0);
    for number in 0..SCENES {
        let (bench, scene) = random_case(number);
        let Ok(bare) = bench.prompt(without_letters(&scene)) else { continue };
        let bare = bench.pictures(&bare).remove(0);
        let prompt = match bench.prompt(scene.clone()) {
            Ok(prompt) => prompt,
            Err(fault) => {
                assert_eq!(fault.cause, Cause::Rejected, "{fault}");
                assert!(fault.what.starts_with("letter "), "{fault}");
                dropped += 1;
                continue;
            }
        };
        drawn += 1;
        let picture = bench.pictures(&prompt).remove(0);
        let canvas = bench.canvas(&scene);
        let coloured = |rgb: [u8; 3]| rgb[0] != rgb[1] || rgb[1] != rgb[2];
        for mark in &scene.marks {
            let strokes = pixels_of(&bare, mark.colour.rgb());
            assert_eq!(pixels_of(&picture, mark.colour.rgb()), strokes, "scene {number}: strokes changed");
            let letter = mark.letter.unwrap();
            let found = plates(&picture, letter, mark.colour);
            assert_eq!(found.len(), 1, "scene {number}: plates of letter {letter}");
            let (left, top) = found[0];
            let (width, height) = letters::plate_size(1);
            let (right, bottom) = (left + width as usize, top + height as usize);
            for row in top.saturating_sub(1)..(bottom + 1).min(bare.height as usize) {
                for column in left.saturating_sub(1)..(right + 1).min(bare.width as usize) {
                    let below = pixel(&bare, column, row);
                    assert!(!coloured(below), "scene {number}: {letter} covers a mark at ({column}, {row})");
                }
            }
            for section in bench.segmentation.sections(2, 12).unwrap() {
                let [x, y] = canvas.project(section.centroid_index);
                let covered = x > left as f64 && x < right as f64 && y > top as f64 && y < bottom as f64;
                assert!(!covered, "scene {number}: {letter} covers a centre");
            }
        }
    }
    assert!(drawn >= 200, "only {drawn} scenes could be drawn");
    assert!(dropped * 10 <= drawn, "{dropped} of {} scenes found no place", drawn + dropped);
}

#[test]
fn an_item_without_room_for_a_letter_is_dropped() {
    let shape = [16, 16, 4];
    let bench = Bench::new(textured(shape, Affine::IDENTITY, 1), vec![1; 1024]);
    for mark_shape in [MarkShape::Mask, MarkShape::Box] {
        let marks = vec![lettered("s1", mark_shape, Colour::Red, 'C')];
        let fault = bench.prompt(slice_scene(Preset::RasPlusRaw, Plane::Axial, 1, marks)).unwrap_err();
        assert_eq!((fault.cause, fault.what.as_str()), (Cause::Rejected, "letter C finds no free place"));
    }
}

#[test]
fn larger_pictures_have_larger_letters() {
    let (bench, scene) = random_case(0);
    let small = bench.picture(scene.clone());
    let large = bench.picture(Scene { long_side: 1024, ..scene.clone() });
    let mark = &scene.marks[0];
    assert_eq!(plates(&small, mark.letter.unwrap(), mark.colour).len(), 1);
    assert_eq!(plates(&large, mark.letter.unwrap(), mark.colour).len(), 1);
    assert_eq!((letters::scale(512), letters::scale(1024)), (1, 2));
}
