//! Boxes in replies of models that write locations as tokens: PaliGemma's own form and RadGrounder's.

/// Bins of RadGrounder along each side. Its encoder gives 0 to 512, both included: the far edge has a bin of its own.
const RADGROUNDER_BINS: u32 = 512;
/// Bins of PaliGemma along each side, 0 to 1023.
const PALIGEMMA_BINS: u32 = 1024;
/// Numbers of a box.
const CORNERS: usize = 4;

/// Which coordinate comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CornerOrder {
    /// x of the near corner, its y, x of the far corner, its y: RadGrounder's published code.
    #[default]
    XFirst,
    /// y first: RadGrounder's paper, and PaliGemma.
    YFirst,
}

/// A box that a reply names.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatedBox {
    /// Least x, least y, greatest x, greatest y as written, in fractions of the picture's width and height; a model may
    /// write a far corner in front of the near one.
    pub bounds: [f64; CORNERS],
    /// Number of the segment class, where the form has one.
    pub segment: Option<u32>,
    /// What is in the box, lower case, without spaces around.
    pub keyword: String,
}

/// What a reply says in boxes and in words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Located {
    /// Boxes in order.
    pub boxes: Vec<LocatedBox>,
    /// Marks of boxes that could not be read: numbers missing, or outside the bins.
    pub unreadable: usize,
    /// The reply without the marks.
    pub text: String,
}

/// Reads RadGrounder's replies: `<p bbox=<loc0100><loc0040><loc0200><loc0180> id=<seg005>>liver</p>`, case aside, within
/// a line.
pub fn read_radgrounder(reply: &str, order: CornerOrder) -> Located {
    const OPEN: &str = "<p bbox=";
    const CLOSE: &str = "</p>";
    let mut located = Located::default();
    let mut rest = reply;
    while let Some(at) = find(rest, OPEN) {
        located.text.push_str(&without(&rest[..at], CLOSE));
        let line = rest[at..].lines().next().unwrap_or_default();
        match radgrounder_mark(&line[OPEN.len()..], order) {
            Some((bounds, segment, length)) => {
                let inside = &line[OPEN.len() + length..];
                match (find(inside, CLOSE), bounds) {
                    (Some(end), Some(bounds)) => {
                        let keyword = inside[..end].trim().to_lowercase();
                        located.boxes.push(LocatedBox { bounds, segment, keyword });
                    }
                    _ => located.unreadable += 1,
                }
                rest = &rest[at + OPEN.len() + length..];
            }
            None => {
                located.unreadable += 1;
                located.text.push_str(&line[..OPEN.len()]);
                rest = &rest[at + OPEN.len()..];
            }
        }
    }
    located.text.push_str(&without(rest, CLOSE));
    located
}

/// Reads PaliGemma's replies to `detect`: `<loc0512><loc0100><loc1023><loc0400> liver ; ...`, y first.
pub fn read_paligemma(reply: &str) -> Located {
    let mut located = Located::default();
    let mut words: Vec<&str> = Vec::new();
    for part in reply.split(';').map(str::trim) {
        let mut numbers = Vec::new();
        let mut rest = part;
        while let Some((number, behind)) = token(rest, "<loc") {
            numbers.push(number);
            rest = behind;
        }
        while let Some((_, behind)) = token(rest, "<seg") {
            rest = behind;
        }
        match bounds(&numbers, PALIGEMMA_BINS, CornerOrder::YFirst) {
            Some(bounds) => {
                let keyword = rest.trim().to_lowercase();
                located.boxes.push(LocatedBox { bounds, segment: None, keyword });
            }
            None => located.unreadable += usize::from(!numbers.is_empty()),
        }
        words.push(rest.trim());
    }
    located.text = words.join(" ; ");
    located
}

/// Numbers, segment and length of a mark behind its opening; no bounds where one lies outside the bins. `None` for what
/// is no mark.
#[allow(clippy::type_complexity, reason = "used once, beside its definition")]
fn radgrounder_mark(mark: &str, order: CornerOrder) -> Option<(Option<[f64; CORNERS]>, Option<u32>, usize)> {
    let mut numbers = Vec::with_capacity(CORNERS);
    let mut rest = mark;
    while let Some((number, behind)) = token(rest, "<loc") {
        numbers.push(number);
        rest = behind;
    }
    let (segment, behind) = token(behind(rest, " id=")?, "<seg")?;
    let behind = behind.strip_prefix('>')?;
    Some((bounds(&numbers, RADGROUNDER_BINS, order), segment, mark.len() - behind.len()))
}

/// Four numbers as fractions; none may lie beyond the bins. PaliGemma's last bin is one below their number.
fn bounds(numbers: &[Option<u32>], bins: u32, order: CornerOrder) -> Option<[f64; CORNERS]> {
    let numbers: Option<Vec<u32>> = numbers.iter().copied().collect();
    let numbers = <[u32; CORNERS]>::try_from(numbers?).ok()?;
    if numbers.iter().any(|number| *number > bins) {
        return None;
    }
    let [a, b, c, d] = numbers.map(|number| f64::from(number) / f64::from(bins));
    Some(match order {
        CornerOrder::XFirst => [a, b, c, d],
        CornerOrder::YFirst => [b, a, d, c],
    })
}

/// A token such as `<loc0123>` in front of a text, and what is behind it; no number where it is too large to be one.
fn token<'t>(text: &'t str, name: &str) -> Option<(Option<u32>, &'t str)> {
    let behind = behind(text, name)?;
    let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return None;
    }
    let rest = behind[digits..].strip_prefix('>')?;
    Some((behind[..digits].parse().ok(), rest))
}

/// What is behind a word in front of a text, case aside.
fn behind<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let front = text.as_bytes().get(..word.len())?;
    if front.eq_ignore_ascii_case(word.as_bytes()) { text.get(word.len()..) } else { None }
}

/// Where a word first stands, case aside. The word is plain ASCII, so the place is between characters.
fn find(text: &str, word: &str) -> Option<usize> {
    text.as_bytes().windows(word.len()).position(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

fn without(text: &str, word: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, word) {
        out.push_str(&rest[..at]);
        rest = &rest[at + word.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPLY: &str = "There is <p bbox=<loc0128><loc0000><loc0512><loc0256> id=<seg005>>Liver </p> beside the \
                         <P BBOX=<loc0000><loc0064><loc0128><loc0128> id=<seg001>>spleen</p>.";

    #[test]
    fn radgrounder_boxes_have_512_bins_and_the_far_edge_its_own() {
        let located = read_radgrounder(REPLY, CornerOrder::XFirst);
        assert_eq!(located.unreadable, 0);
        let found: Vec<_> =
            located.boxes.iter().map(|one| (one.keyword.as_str(), one.segment, one.bounds)).collect();
        assert_eq!(
            found,
            [("liver", Some(5), [0.25, 0.0, 1.0, 0.5]), ("spleen", Some(1), [0.0, 0.125, 0.25, 0.25]),]
        );
        assert_eq!(located.text, "There is Liver  beside the spleen.");
    }

    #[test]
    fn the_order_of_the_paper_exchanges_the_axes() {
        let located = read_radgrounder(REPLY, CornerOrder::YFirst);
        assert_eq!(located.boxes[0].bounds, [0.0, 0.25, 0.5, 1.0]);
    }

    #[test]
    fn marks_that_cannot_be_read_are_counted() {
        for damaged in [
            "<p bbox=<loc0128><loc0000><loc0512> id=<seg005>>liver</p>",
            "<p bbox=<loc0128><loc0000><loc0512><loc0513> id=<seg005>>liver</p>",
            "<p bbox=<loc0128><loc0000><loc0512><loc0256> id=<seg005>>liver",
            "<p bbox=<loc0128><loc0000><loc0512><loc0256> id=<seg005>>li\nver</p>",
            "<p bbox=<loc99999999999><loc0000><loc0512><loc0256> id=<seg005>>liver</p>",
            "<p bbox=liver</p>",
        ] {
            let located = read_radgrounder(damaged, CornerOrder::XFirst);
            assert_eq!((located.boxes.len(), located.unreadable), (0, 1), "{damaged}");
        }
        assert_eq!(read_radgrounder("The liver.", CornerOrder::XFirst).unreadable, 0);
    }

    #[test]
    fn paligemma_boxes_have_1024_bins_and_y_first() {
        let located =
            read_paligemma("<loc0256><loc0000><loc0512><loc0128> left kidney ; <loc0001><loc0002> liver");
        assert_eq!(located.unreadable, 1);
        let [kidney] = located.boxes.as_slice() else { panic!("{located:?}") };
        assert_eq!((kidney.keyword.as_str(), kidney.bounds), ("left kidney", [0.0, 0.25, 0.125, 0.5]));
        assert_eq!(located.text, "left kidney ; liver");
    }

    proptest! {
        #[test]
        fn no_reply_breaks_the_reading(
            reply in "(<p bbox=|<loc0001>|<loc9>|<seg1>>|<seg| id=|</p>|>|;|\\PC|\n){0,30}"
        ) {
            let _ = (read_radgrounder(&reply, CornerOrder::XFirst), read_paligemma(&reply));
        }
    }
}
