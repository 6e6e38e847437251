//! Where letter plates go: beside their marks, over nothing that matters.
//!
//! A plate stands at the end of a straight leader that starts on the edge of its mark. Candidates are all directions
//! from points around that edge, in growing rings; the cheapest one that covers nothing wins. The search is a function
//! of the marks alone, without chance, and tries the marks that found no place first in a further round.

use super::letters;
use super::overlay::{Ink, Overlay, Rect};
use situs_core::scene::{Colour, MarkShape};

/// A plate with its leader.
#[derive(Debug, Clone, PartialEq)]
pub struct Plate {
    /// Letter.
    pub letter: char,
    /// Colour of the mark.
    pub colour: Colour,
    /// Column of the top left corner.
    pub left: i64,
    /// Row of the top left corner.
    pub top: i64,
    /// Magnification.
    pub scale: u32,
    /// Leader from the mark's edge to the middle of the plate, in picture coordinates.
    pub leader: [[f64; 2]; 2],
}

impl Plate {
    /// Pixels covered.
    pub fn rect(&self) -> Rect {
        let (width, height) = letters::plate_size(self.scale);
        Rect {
            left: self.left,
            top: self.top,
            right: self.left + i64::from(width),
            bottom: self.top + i64::from(height),
        }
    }
}

/// Lengths of leaders at scale 1, in pixels.
const LENGTHS: [f64; 12] =
    [8.0, 12.0, 17.0, 24.0, 32.0, 43.0, 58.0, 78.0, 105.0, 140.0, 185.0, 245.0];
/// Unit vectors a sixteenth of a turn apart, upward first: letters above a mark are read first.
const DIRECTIONS: [[f64; 2]; 16] = [
    [0.0, -1.0],
    [FAR, -NEAR],
    [-FAR, -NEAR],
    [1.0, 0.0],
    [-1.0, 0.0],
    [0.0, 1.0],
    [FAR, NEAR],
    [-FAR, NEAR],
    [SLIGHT, -STEEP],
    [-SLIGHT, -STEEP],
    [STEEP, -SLIGHT],
    [-STEEP, -SLIGHT],
    [STEEP, SLIGHT],
    [-STEEP, SLIGHT],
    [SLIGHT, STEEP],
    [-SLIGHT, STEEP],
];
const NEAR: f64 = std::f64::consts::FRAC_1_SQRT_2;
const FAR: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// Cosine and sine of a sixteenth of a turn.
const STEEP: f64 = 0.923_879_532_511_286_7;
const SLIGHT: f64 = 0.382_683_432_365_089_8;
/// Points around a mark's edge from which leaders are tried.
const ANCHORS: usize = 40;
/// Pixels between a plate and any mark, plate or leader.
const GAP: i64 = 3;
/// Pixels between a plate or leader and a centre that must stay free.
const CENTRE_GAP: f64 = 7.0;
/// What a plate inside another mark's box costs, in pixels of leader.
const IN_ANOTHER_BOX: f64 = 45.0;
/// What a plate over the structure under its own dot costs, in pixels of leader.
const ON_OWN_STRUCTURE: f64 = 30.0;
/// What a leader that runs under another mark costs, in pixels of leader.
const UNDER_ANOTHER_MARK: f64 = 110.0;

/// Places a plate for every mark with a letter.
///
/// # Errors
/// The letter that finds no free place.
pub fn place(overlay: &Overlay, width: usize, height: usize) -> Result<Vec<Plate>, char> {
    let mut order: Vec<usize> =
        (0..overlay.inks.len()).filter(|mark| overlay.inks[*mark].letter.is_some()).collect();
    if order.is_empty() {
        return Ok(Vec::new());
    }
    let ground = Ground::new(overlay, width, height);
    let rounds = order.len();
    let mut missing = None;
    for _ in 0..rounds {
        match ground.place_in_order(&order) {
            Ok(mut plates) => {
                plates.sort_by_key(|(mark, _)| *mark);
                return Ok(plates.into_iter().map(|(_, plate)| plate).collect());
            }
            Err(position) => {
                let mark = order.remove(position);
                missing = missing.or(overlay.inks[mark].letter);
                order.insert(0, mark);
                if position == 0 {
                    break;
                }
            }
        }
    }
    Err(missing.unwrap_or('?'))
}

/// The picture's pixels as far as plates care.
struct Ground<'a> {
    overlay: &'a Overlay,
    width: i64,
    height: i64,
    scale: u32,
    /// Per pixel, a bit for each mark that has ink there.
    owners: Vec<u8>,
    /// Number of inked pixels above and left of each pixel corner, `width + 1` a row.
    sums: Vec<u32>,
    /// Per mark, points on its edge.
    anchors: Vec<Vec<[f64; 2]>>,
}

impl<'a> Ground<'a> {
    fn new(overlay: &'a Overlay, width: usize, height: usize) -> Self {
        let mut owners = vec![0u8; width * height];
        for (mark, ink) in overlay.inks.iter().enumerate() {
            for offset in ink.fill.iter().chain(&ink.stroke).chain(&ink.rim) {
                owners[*offset as usize] |= 1 << (mark % 8);
            }
        }
        let stride = width + 1;
        let mut sums = vec![0u32; stride * (height + 1)];
        for row in 0..height {
            let mut line = 0;
            for column in 0..width {
                line += u32::from(owners[row * width + column] != 0);
                sums[(row + 1) * stride + column + 1] = sums[row * stride + column + 1] + line;
            }
        }
        let anchors = overlay.inks.iter().map(|ink| anchors(ink, width)).collect();
        let scale = letters::scale(width.max(height) as u32);
        Self { overlay, width: width as i64, height: height as i64, scale, owners, sums, anchors }
    }

    /// Plates for the marks in this order, or the position in the order that found none.
    fn place_in_order(&self, order: &[usize]) -> Result<Vec<(usize, Plate)>, usize> {
        let mut placed: Vec<(usize, Plate)> = Vec::with_capacity(order.len());
        for (position, mark) in order.iter().enumerate() {
            let plate = self.best(*mark, &placed).ok_or(position)?;
            placed.push((*mark, plate));
        }
        Ok(placed)
    }

    fn best(&self, mark: usize, placed: &[(usize, Plate)]) -> Option<Plate> {
        let ink = &self.overlay.inks[mark];
        let letter = ink.letter?;
        let (plate_width, plate_height) = letters::plate_size(self.scale);
        let half = [f64::from(plate_width) / 2.0, f64::from(plate_height) / 2.0];
        let mut best: Option<(f64, Plate)> = None;
        for length in LENGTHS.map(|length| length * f64::from(self.scale)) {
            if best.as_ref().is_some_and(|(cost, _)| *cost <= length) {
                break;
            }
            for anchor in &self.anchors[mark] {
                for direction in DIRECTIONS {
                    let reach = length + support(half, direction);
                    let middle = [anchor[0] + direction[0] * reach, anchor[1] + direction[1] * reach];
                    let (left, top) = ((middle[0] - half[0]).round(), (middle[1] - half[1]).round());
                    let plate = Plate {
                        letter,
                        colour: ink.colour,
                        left: left as i64,
                        top: top as i64,
                        scale: self.scale,
                        leader: [*anchor, [left + half[0], top + half[1]]],
                    };
                    let Some(extra) = self.extra_cost(mark, &plate, placed) else { continue };
                    let cost = length + extra;
                    if best.as_ref().is_none_or(|(known, _)| cost < *known) {
                        best = Some((cost, plate));
                    }
                }
            }
        }
        best.map(|(_, plate)| plate)
    }

    /// What a candidate costs beyond the length of its leader; `None` where it must not stand.
    fn extra_cost(&self, mark: usize, plate: &Plate, placed: &[(usize, Plate)]) -> Option<f64> {
        let rect = plate.rect();
        let room = rect.grown(1);
        let outside = room.left < 0 || room.top < 0 || room.right > self.width || room.bottom > self.height;
        if outside || self.inked(rect.grown(GAP)) {
            return None;
        }
        let wide = rect.grown(CENTRE_GAP as i64);
        let centres = || {
            let others = self.overlay.inks.iter().enumerate().filter(|(other, _)| *other != mark);
            self.overlay.centres.iter().copied().chain(others.map(|(_, ink)| ink.centre))
        };
        if wide.holds(self.overlay.inks[mark].centre) || centres().any(|centre| wide.holds(centre)) {
            return None;
        }
        let clash = |other: &Plate| {
            let around = other.rect().grown(GAP);
            around.meets(&rect)
                || crosses(plate.leader, around)
                || crosses(other.leader, rect.grown(GAP))
                || segments_touch(plate.leader, other.leader)
        };
        if placed.iter().any(|(_, other)| clash(other)) {
            return None;
        }
        let own = self.overlay.inks[mark].centre;
        let is_own = |centre: [f64; 2]| norm(centre[0] - own[0], centre[1] - own[1]) < 1.0;
        if centres().any(|centre| !is_own(centre) && distance(centre, plate.leader) < CENTRE_GAP) {
            return None;
        }
        let mut cost = self.leader_cost(mark, plate)?;
        for (other, ink) in self.overlay.inks.iter().enumerate() {
            if !ink.own_ground.is_some_and(|ground| ground.meets(&rect)) {
                continue;
            }
            match (other == mark, ink.shape) {
                (true, MarkShape::Box) => return None,
                (true, _) => cost += ON_OWN_STRUCTURE,
                (false, MarkShape::Box) => cost += IN_ANOTHER_BOX,
                (false, _) => {}
            }
        }
        Some(cost)
    }

    /// Whether a pixel of the rectangle carries a mark.
    fn inked(&self, rect: Rect) -> bool {
        let stride = self.width as usize + 1;
        let column = |at: i64| at.clamp(0, self.width) as usize;
        let row = |at: i64| at.clamp(0, self.height) as usize * stride;
        let corner = |x: i64, y: i64| self.sums[row(y) + column(x)];
        corner(rect.right, rect.bottom) + corner(rect.left, rect.top)
            != corner(rect.left, rect.bottom) + corner(rect.right, rect.top)
    }

    /// What the leader's way costs; `None` when it runs back over its own mark.
    fn leader_cost(&self, mark: usize, plate: &Plate) -> Option<f64> {
        const ON_THE_EDGE: f64 = 3.0;
        let [from, to] = plate.leader;
        let length = norm(to[0] - from[0], to[1] - from[1]);
        let own = 1u8 << (mark % 8);
        let mut under = false;
        let steps = length.ceil() as usize * 2;
        for step in 0..=steps {
            let share = step as f64 / steps.max(1) as f64;
            let at = [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
            let (column, row) = (at[0].floor() as i64, at[1].floor() as i64);
            if column < 0 || row < 0 || column >= self.width || row >= self.height {
                return None;
            }
            let owners = self.owners[(row * self.width + column) as usize];
            if owners & own != 0 && share * length > ON_THE_EDGE {
                return None;
            }
            under |= owners & !own != 0;
        }
        Some(if under { UNDER_ANOTHER_MARK } else { 0.0 })
    }
}

/// Points spread evenly around the edge of a mark.
fn anchors(ink: &Ink, width: usize) -> Vec<[f64; 2]> {
    let solid = if ink.rim.is_empty() { &ink.stroke } else { &ink.rim };
    let mut points: Vec<(f64, [f64; 2])> = solid
        .iter()
        .map(|offset| {
            let at = [(*offset as usize % width) as f64 + 0.5, (*offset as usize / width) as f64 + 0.5];
            (turn([at[0] - ink.centre[0], at[1] - ink.centre[1]]), at)
        })
        .collect();
    points.sort_by(|(a, at), (b, bt)| {
        a.total_cmp(b).then(at[1].total_cmp(&bt[1])).then(at[0].total_cmp(&bt[0]))
    });
    let count = points.len().min(ANCHORS);
    (0..count).map(|step| points[step * points.len() / count].1).collect()
}

/// Grows with the angle of a vector, 0 to 4 a turn; exact on every machine, unlike an arc tangent.
fn turn([x, y]: [f64; 2]) -> f64 {
    let size = x.abs() + y.abs();
    if size == 0.0 {
        return 0.0;
    }
    let part = y / size;
    if x < 0.0 {
        2.0 - part
    } else if y < 0.0 {
        4.0 + part
    } else {
        part
    }
}

/// Distance from a plate's middle to its edge along a direction.
fn support(half: [f64; 2], direction: [f64; 2]) -> f64 {
    (half[0] / direction[0].abs().max(1e-9)).min(half[1] / direction[1].abs().max(1e-9))
}

/// Length of a vector; the same bits on every machine.
fn norm(dx: f64, dy: f64) -> f64 {
    (dx * dx + dy * dy).sqrt()
}

/// Distance of a point from a segment.
pub(super) fn distance(point: [f64; 2], [a, b]: [[f64; 2]; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let squared = dx * dx + dy * dy;
    let share = if squared > 0.0 {
        (((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    norm(point[0] - a[0] - dx * share, point[1] - a[1] - dy * share)
}

/// Whether a segment comes into a rectangle.
fn crosses([a, b]: [[f64; 2]; 2], rect: Rect) -> bool {
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (axis, low, high) in [(0, rect.left, rect.right), (1, rect.top, rect.bottom)] {
        let step = b[axis] - a[axis];
        let (low, high) = (low as f64 - a[axis], high as f64 - a[axis]);
        if step == 0.0 {
            if low > 0.0 || high < 0.0 {
                return false;
            }
            continue;
        }
        let (first, last) = (low / step, high / step);
        enter = enter.max(first.min(last));
        leave = leave.min(first.max(last));
    }
    enter <= leave
}

/// Whether two leaders come so near to each other that they look like one.
fn segments_touch(one: [[f64; 2]; 2], two: [[f64; 2]; 2]) -> bool {
    let side = |[a, b]: [[f64; 2]; 2], p: [f64; 2]| {
        (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0.0
    };
    let cross = side(one, two[0]) != side(one, two[1]) && side(two, one[0]) != side(two, one[1]);
    let near = GAP as f64;
    cross
        || one.iter().any(|end| distance(*end, two) < near)
        || two.iter().any(|end| distance(*end, one) < near)
}
