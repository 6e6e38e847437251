//! The torso: shapes and Hounsfield units of TotalSegmentator v2 structures, in mm from the bottom of the field.
//!
//! Proportions follow textbook anatomy, not a patient; sizes are compressed so that the trunk fits 50 cm.

use super::anatomy::{Anatomy, Part, Tissue, girth, pair, part};
use super::shape::{Shape, block, ellipsoid, tube};

/// Height of the field: thighs to shoulders.
const TRUNK: f64 = 499.2;
/// Height of the field with the head.
const WHOLE: f64 = 735.0;

/// Bone in HU.
const BONE: f64 = 320.0;

/// The torso: about 45 structures of the trunk, or with `full` all 117 of TotalSegmentator v2.
pub(super) fn anatomy(full: bool) -> Anatomy {
    let mut parts = muscles(full);
    parts.extend(bones(full));
    parts.extend(lungs());
    parts.extend(abdomen());
    if full {
        parts.extend(cysts());
    }
    parts.extend(ribs(full));
    parts.extend(vessels(full));
    parts.extend(midline(full));
    Anatomy {
        extent: [374.4, 291.2, if full { WHOLE } else { TRUNK }],
        parts,
        outline: vec![
            girth(0.0, 160.0, 104.0, 4.0),
            girth(90.0, 170.0, 112.0, 5.0),
            girth(200.0, 160.0, 112.0, 5.0),
            girth(320.0, 164.0, 114.0, 5.0),
            girth(430.0, 174.0, 108.0, 3.0),
            girth(470.0, 166.0, 96.0, -4.0),
            girth(505.0, 110.0, 80.0, -8.0),
            girth(530.0, 64.0, 66.0, -8.0),
            girth(575.0, 66.0, 72.0, 0.0),
            girth(610.0, 82.0, 100.0, 12.0),
            girth(680.0, 86.0, 104.0, 14.0),
            girth(727.0, 40.0, 50.0, 14.0),
            girth(731.0, 1.0, 1.0, 14.0),
        ],
        tissue: Tissue { air: -1000.0, table: -150.0, fat: -105.0, muscle: 50.0, inner: -85.0 },
        table: true,
        magnitude: false,
    }
}

fn muscles(full: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    if full {
        parts.extend(pair("gluteus_maximus", 52.0, 1.5, vec![ellipsoid([82.0, -74.0, 58.0], [48.0, 22.0, 45.0])]));
        parts.extend(pair("gluteus_medius", 56.0, 1.5, vec![ellipsoid([116.0, -45.0, 95.0], [24.0, 38.0, 34.0])]));
        parts.extend(pair("gluteus_minimus", 54.0, 1.5, vec![ellipsoid([116.0, -2.0, 82.0], [18.0, 24.0, 24.0])]));
    }
    parts.extend(pair("autochthon", 58.0, 1.0, vec![tube(16.0, &[[28.0, -82.0, 70.0], [33.0, -83.0, 470.0]])]));
    let psoas = [[36.0, -48.0, 235.0], [46.0, -40.0, 170.0], [66.0, -8.0, 100.0], [84.0, 16.0, 42.0]];
    parts.extend(pair("iliopsoas", 62.0, 1.5, vec![tube(16.0, &psoas)]));
    parts
}

fn bones(full: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let hip = vec![
        ellipsoid([96.0, -28.0, 108.0], [13.0, 42.0, 32.0]),
        tube(14.0, &[[90.0, -45.0, 95.0], [72.0, -22.0, 52.0], [46.0, 32.0, 26.0]]),
    ];
    parts.extend(pair("hip", BONE + 20.0, 1.0, hip));
    parts.push(part("sacrum", BONE - 20.0, 1.0, vec![tube(22.0, &[[0.0, -62.0, 92.0], [0.0, -80.0, 48.0]])]));
    let femur = vec![
        ellipsoid([90.0, -6.0, 44.0], [22.0, 22.0, 22.0]),
        tube(13.0, &[[90.0, -6.0, 44.0], [120.0, -10.0, 34.0], [112.0, -6.0, -20.0]]),
    ];
    parts.extend(pair("femur", BONE + 80.0, 1.0, femur));
    parts.extend(vertebrae(full));
    let scapula = vec![
        ellipsoid([90.0, -70.0, 405.0], [34.0, 9.0, 48.0]),
        tube(8.0, &[[72.0, -76.0, 432.0], [128.0, -40.0, 448.0]]),
    ];
    parts.extend(pair("scapula", BONE - 60.0, 1.5, scapula));
    let clavicle = tube(8.0, &[[20.0, 60.0, 450.0], [75.0, 52.0, 460.0], [132.0, 4.0, 462.0]]);
    parts.extend(pair("clavicula", BONE + 40.0, 1.5, vec![clavicle]));
    parts.push(part("sternum", BONE - 100.0, 1.0, vec![block([0.0, 86.0, 378.0], [19.0, 8.0, 58.0])]));
    if full {
        let humerus = vec![
            ellipsoid([146.0, -8.0, 440.0], [19.0, 19.0, 19.0]),
            tube(12.0, &[[146.0, -8.0, 440.0], [148.0, -4.0, 345.0]]),
        ];
        parts.extend(pair("humerus", BONE + 70.0, 1.0, humerus));
        let arch = |height: f64| tube(6.0, &[[20.0, 86.0, 352.0 + height], [62.0, 78.0, 330.0 + height]]);
        let mut cartilages: Vec<Shape> = vec![arch(0.0), arch(28.0), arch(56.0)];
        cartilages.extend(pair("", 0.0, 0.0, cartilages.clone())[1].shapes.clone());
        parts.push(part("costal_cartilages", 120.0, 1.0, cartilages));
        let face = ellipsoid([0.0, 68.0, 612.0], [36.0, 28.0, 30.0]);
        parts.push(part("skull", 700.0, 1.0, vec![ellipsoid([0.0, 15.0, 657.0], [75.0, 92.0, 66.0]), face]));
        parts.push(part("brain", 36.0, 0.5, vec![ellipsoid([0.0, 12.0, 660.0], [66.0, 82.0, 57.0])]));
    }
    parts
}

/// Lumbar vertebrae are structures of every preset; the others are scenery below `full`.
fn vertebrae(full: bool) -> Vec<Part> {
    let column = |name: String, y: f64, z: f64, radii: [f64; 3], labelled: bool| {
        let [width, depth, height] = radii;
        let arch = block([0.0, y - depth - 9.0, z - 2.0], [width * 0.8, 11.0, height * 0.7]);
        Part { labelled, ..part(&name, BONE, 0.0, vec![block([0.0, y, z], radii), arch]) }
    };
    let mut parts: Vec<Part> = (1..=5)
        .map(|level| {
            let z = 130.0 + 26.0 * f64::from(5 - level);
            column(format!("vertebrae_L{level}"), -58.0, z, [22.0, 16.0, 13.0], true)
        })
        .collect();
    parts.extend((1..=12).map(|level| {
        column(format!("vertebrae_T{level}"), -58.0, thoracic(level), [17.0, 14.0, 10.1], full)
    }));
    if full {
        parts.push(column("vertebrae_S1".to_owned(), -56.0, 108.0, [24.0, 16.0, 9.0], true));
        parts.extend((1..=7).map(|level| {
            let rise = f64::from(7 - level);
            let y = -52.0 + 4.0 * rise;
            column(format!("vertebrae_C{level}"), y, 498.0 + 15.0 * rise, [14.0, 11.0, 7.5], true)
        }));
    }
    parts
}

/// Height of a thoracic vertebra's middle, T12 lowest.
fn thoracic(level: u32) -> f64 {
    258.0 + 20.2 * f64::from(12_u32.saturating_sub(level))
}

/// Ribs: scenery below `full`. Each runs from its vertebra around the chest and falls toward the front.
fn ribs(full: bool) -> Vec<Part> {
    const WIDTHS: [f64; 12] =
        [64.0, 92.0, 112.0, 124.0, 130.0, 134.0, 136.0, 136.0, 135.0, 132.0, 126.0, 116.0];
    const REACH: [f64; 12] = [2.3, 2.4, 2.45, 2.45, 2.45, 2.4, 2.3, 2.1, 1.9, 1.7, 1.35, 1.0];
    const STEPS: u32 = 14;
    let mut parts = Vec::new();
    for (level, (width, reach)) in (1_u32..).zip(WIDTHS.into_iter().zip(REACH)) {
        let depth = 62.0 + 0.17 * width;
        let path: Vec<[f64; 3]> = (0..=STEPS)
            .map(|step| {
                let angle = 0.22 + (reach - 0.22) * f64::from(step) / f64::from(STEPS);
                [width * angle.sin(), 4.0 - depth * angle.cos(), thoracic(level) - 16.0 * angle]
            })
            .collect();
        for mut side in pair("rib", BONE - 40.0, 0.0, vec![tube(5.0, &path)]) {
            side.name = format!("{}_{level}", side.name);
            side.labelled = full;
            parts.push(side);
        }
    }
    parts
}

fn lungs() -> Vec<Part> {
    let lobe = |name: &str, value: f64, centre, radii| part(name, value, 2.5, vec![ellipsoid(centre, radii)]);
    vec![
        lobe("lung_lower_lobe_right", -800.0, [76.0, -28.0, 350.0], [54.0, 52.0, 78.0]),
        lobe("lung_lower_lobe_left", -800.0, [-78.0, -28.0, 352.0], [50.0, 52.0, 76.0]),
        lobe("lung_upper_lobe_right", -850.0, [70.0, 14.0, 412.0], [52.0, 56.0, 58.0]),
        lobe("lung_upper_lobe_left", -850.0, [-72.0, 18.0, 402.0], [50.0, 58.0, 66.0]),
        lobe("lung_middle_lobe_right", -830.0, [80.0, 44.0, 352.0], [42.0, 36.0, 34.0]),
    ]
}

fn abdomen() -> Vec<Part> {
    let colon = [
        [94.0, 15.0, 95.0],
        [106.0, 4.0, 150.0],
        [100.0, 14.0, 200.0],
        [58.0, 62.0, 208.0],
        [0.0, 74.0, 196.0],
        [-62.0, 60.0, 212.0],
        [-112.0, 0.0, 232.0],
        [-110.0, -10.0, 150.0],
        [-92.0, 4.0, 102.0],
        [-40.0, 8.0, 84.0],
        [0.0, -34.0, 66.0],
        [0.0, -46.0, 26.0],
    ];
    let duodenum =
        [[28.0, 42.0, 236.0], [44.0, 16.0, 225.0], [42.0, 4.0, 192.0], [6.0, -12.0, 184.0], [-22.0, 2.0, 196.0]];
    let pancreas = [[30.0, 18.0, 222.0], [0.0, 24.0, 238.0], [-45.0, 2.0, 248.0], [-80.0, -18.0, 258.0]];
    vec![
        part(
            "liver",
            108.0,
            3.0,
            vec![
                ellipsoid([64.0, 8.0, 282.0], [84.0, 76.0, 60.0]),
                ellipsoid([-4.0, 50.0, 290.0], [60.0, 36.0, 34.0]),
            ],
        ),
        part("spleen", 132.0, 4.0, vec![ellipsoid([-108.0, -36.0, 276.0], [27.0, 40.0, 46.0])]),
        part(
            "stomach",
            26.0,
            4.0,
            vec![
                ellipsoid([-62.0, 26.0, 290.0], [38.0, 44.0, 42.0]),
                tube(20.0, &[[-52.0, 40.0, 262.0], [0.0, 50.0, 232.0]]),
            ],
        ),
        part(
            "small_bowel",
            38.0,
            4.0,
            vec![
                ellipsoid([8.0, 42.0, 145.0], [66.0, 42.0, 44.0]),
                ellipsoid([-14.0, 34.0, 102.0], [58.0, 36.0, 28.0]),
            ],
        ),
        part("colon", 16.0, 2.0, vec![tube(19.0, &colon)]),
        part("heart", 145.0, 3.0, vec![ellipsoid([-18.0, 34.0, 346.0], [56.0, 48.0, 50.0])]),
        part("kidney_right", 185.0, 4.0, vec![ellipsoid([66.0, -46.0, 206.0], [27.0, 24.0, 48.0])]),
        part("kidney_left", 185.0, 4.0, vec![ellipsoid([-66.0, -46.0, 222.0], [27.0, 24.0, 48.0])]),
        part("urinary_bladder", 6.0, 3.0, vec![ellipsoid([0.0, 36.0, 50.0], [38.0, 32.0, 28.0])]),
        part("prostate", 46.0, 1.5, vec![ellipsoid([0.0, 20.0, 17.0], [20.0, 16.0, 13.0])]),
        part("duodenum", 42.0, 2.0, vec![tube(12.0, &duodenum)]),
        part("pancreas", 92.0, 2.0, vec![tube(13.0, &pancreas)]),
        part("gallbladder", 10.0, 3.0, vec![ellipsoid([56.0, 60.0, 236.0], [15.0, 19.0, 25.0])]),
        part("adrenal_gland_right", 64.0, 1.5, vec![ellipsoid([44.0, -40.0, 264.0], [9.0, 13.0, 12.0])]),
        part("adrenal_gland_left", 64.0, 1.5, vec![ellipsoid([-46.0, -38.0, 276.0], [9.0, 14.0, 12.0])]),
    ]
}

fn cysts() -> Vec<Part> {
    vec![
        part("kidney_cyst_right", 4.0, 1.5, vec![ellipsoid([88.0, -48.0, 226.0], [11.0, 11.0, 11.0])]),
        part("kidney_cyst_left", 4.0, 1.5, vec![ellipsoid([-90.0, -48.0, 242.0], [12.0, 12.0, 12.0])]),
    ]
}

fn vessels(full: bool) -> Vec<Part> {
    let aorta = [
        [6.0, 34.0, 386.0],
        [4.0, 24.0, 424.0],
        [-16.0, -12.0, 426.0],
        [-22.0, -32.0, 400.0],
        [-18.0, -32.0, 250.0],
        [-6.0, -28.0, 150.0],
    ];
    let cava = [[22.0, -26.0, 146.0], [25.0, -24.0, 262.0], [20.0, 4.0, 318.0], [12.0, 16.0, 336.0]];
    let mut parts = vec![
        part("aorta", 205.0, 1.5, vec![tube(13.0, &aorta)]),
        part("inferior_vena_cava", 165.0, 1.5, vec![tube(12.0, &cava)]),
    ];
    if full {
        parts.extend(great_vessels());
    }
    parts
}

fn great_vessels() -> Vec<Part> {
    const ARTERY: f64 = 210.0;
    const VEIN: f64 = 170.0;
    let line = |name: &str, value: f64, radius: f64, path: &[[f64; 3]]| part(name, value, 0.5, vec![tube(radius, path)]);
    let mut parts = Vec::new();
    let iliac = [[9.0, -26.0, 140.0], [32.0, -16.0, 110.0], [56.0, 22.0, 62.0]];
    parts.extend(pair("iliac_artery", ARTERY, 0.5, vec![tube(7.0, &iliac)]));
    let iliac = [[22.0, -34.0, 132.0], [38.0, -30.0, 104.0], [50.0, 4.0, 58.0]];
    parts.extend(pair("iliac_vena", VEIN, 0.5, vec![tube(8.0, &iliac)]));
    let portal = [[40.0, 4.0, 268.0], [14.0, 4.0, 246.0], [-42.0, -8.0, 254.0], [-86.0, -28.0, 270.0]];
    parts.push(line("portal_vein_and_splenic_vein", VEIN + 10.0, 7.0, &portal));
    parts.push(line("pulmonary_vein", 190.0, 8.0, &[[-46.0, -6.0, 370.0], [0.0, -2.0, 372.0], [46.0, -6.0, 370.0]]));
    parts.push(line("superior_vena_cava", VEIN, 9.0, &[[24.0, 22.0, 436.0], [25.0, 18.0, 388.0]]));
    let veins = [[40.0, 24.0, 474.0], [24.0, 26.0, 446.0]];
    parts.push(line("brachiocephalic_vein_right", VEIN, 6.0, &veins));
    let veins = [[-46.0, 26.0, 472.0], [14.0, 36.0, 446.0]];
    parts.push(line("brachiocephalic_vein_left", VEIN, 6.0, &veins));
    parts.push(line("brachiocephalic_trunk", ARTERY, 7.0, &[[6.0, 16.0, 440.0], [22.0, 6.0, 470.0]]));
    let subclavian = [[36.0, -2.0, 478.0], [62.0, 14.0, 480.0], [108.0, 0.0, 472.0]];
    parts.push(line("subclavian_artery_right", ARTERY, 6.0, &subclavian));
    let subclavian = [[-18.0, -12.0, 444.0], [-34.0, -4.0, 476.0], [-108.0, 0.0, 472.0]];
    parts.push(line("subclavian_artery_left", ARTERY, 6.0, &subclavian));
    let carotid = [[28.0, 6.0, 484.0], [34.0, 4.0, 560.0]];
    parts.push(line("common_carotid_artery_right", ARTERY, 5.0, &carotid));
    let carotid = [[-12.0, 4.0, 444.0], [-28.0, 8.0, 484.0], [-34.0, 4.0, 560.0]];
    parts.push(line("common_carotid_artery_left", ARTERY, 5.0, &carotid));
    parts.push(part("atrial_appendage_left", 175.0, 0.5, vec![ellipsoid([-50.0, 20.0, 382.0], [12.0, 14.0, 12.0])]));
    parts
}

fn midline(full: bool) -> Vec<Part> {
    let gullet = [[-2.0, -26.0, 505.0], [2.0, -22.0, 400.0], [-8.0, -10.0, 330.0], [-30.0, 8.0, 306.0]];
    let cord_top = if full { 600.0 } else { 520.0 };
    let cord = [[0.0, -79.0, 235.0], [0.0, -79.0, 480.0], [0.0, if full { -50.0 } else { -74.0 }, cord_top]];
    let mut parts = vec![
        part("esophagus", 34.0, 1.0, vec![tube(8.0, &gullet)]),
        part(
            "trachea",
            -960.0,
            1.0,
            vec![
                tube(8.5, &[[0.0, -2.0, 520.0], [2.0, -6.0, 428.0]]),
                tube(7.0, &[[38.0, -12.0, 406.0], [2.0, -6.0, 428.0], [-38.0, -12.0, 404.0]]),
            ],
        ),
        part("spinal_cord", 48.0, 0.0, vec![tube(6.5, &cord)]),
    ];
    if full {
        let lobe = |side: f64| ellipsoid([side * 17.0, 8.0, 512.0], [9.0, 10.0, 20.0]);
        parts.push(part("thyroid_gland", 130.0, 1.0, vec![lobe(1.0), lobe(-1.0)]));
    }
    parts
}
