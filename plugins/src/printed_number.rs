//! Numbers, ranges and limits as options print them: "4.2 cm", "3.1 to below 5.0 cm", "below 2 mm", "30 % or more".

/// What a number measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// mm.
    Length,
    /// cm\u{b3}.
    Volume,
    /// Per cent.
    Percent,
    /// Voxels, or coordinates in them.
    Voxels,
    /// No unit.
    Bare,
}

/// One option as numbers, in the base unit of its dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Printed {
    /// Lower end; minus infinity where it is open.
    pub low: f64,
    /// Upper end, outside; equal to `low` for a single number, infinity where it is open.
    pub high: f64,
    /// What is measured.
    pub dimension: Dimension,
}

impl Printed {
    /// Whether this is one number.
    pub fn is_number(&self) -> bool {
        self.low == self.high
    }

    /// Where it stands among others: ranges by their lower end.
    pub fn rank(&self) -> f64 {
        self.low
    }

    /// Whether a value falls inside a range.
    pub fn holds(&self, value: f64) -> bool {
        self.low <= value && value < self.high
    }
}

/// Longest option that is looked at, in bytes.
const MOST_BYTES: usize = 200;

/// Reads an option that is one number or one range; `None` for anything else.
pub fn read(option: &str) -> Option<Printed> {
    let text = option.trim().trim_end_matches('.');
    if text.len() > MOST_BYTES {
        return None;
    }
    // "below 2 mm (touching)"
    let text = text.split(" (").next().unwrap_or(text).trim();
    let open = |low, high, dimension| Some(Printed { low, high, dimension });
    if let Some(rest) = ["below ", "less than ", "under "].iter().find_map(|lead| text.strip_prefix(lead)) {
        let (high, dimension) = number(rest)?;
        return open(f64::NEG_INFINITY, high, dimension);
    }
    if let Some(rest) = text.strip_suffix(" or more") {
        let (low, dimension) = number(rest)?;
        return open(low, f64::INFINITY, dimension);
    }
    if let Some(rest) =
        ["more than ", "above ", "over ", "at least "].iter().find_map(|lead| text.strip_prefix(lead))
    {
        let (low, dimension) = number(rest)?;
        return open(low, f64::INFINITY, dimension);
    }
    let separators = [" to below ", " to ", "\u{2013}", " - "];
    // A bare hyphen is a sign at the front, and a dash behind a digit.
    let hyphen = || {
        let at = text.find('-').filter(|at| text[..*at].ends_with(|c: char| c.is_ascii_digit()))?;
        Some((&text[..at], &text[at + 1..]))
    };
    if let Some((low, high)) = separators.iter().find_map(|between| text.split_once(between)).or_else(hyphen)
    {
        let (high, dimension) = number(high)?;
        let (mut low, own) = number(low)?;
        // "3 to below 5 cm": the unit stands once, at the end.
        if own == Dimension::Bare {
            low *= factor(unit_of(text)?).map_or(1.0, |(factor, _)| factor);
        } else if own != dimension {
            return None;
        }
        return (low < high).then_some(Printed { low, high, dimension });
    }
    let (value, dimension) = number(text)?;
    Some(Printed { low: value, high: value, dimension })
}

/// Every option read, where all are and measure the same.
pub fn read_all(options: &[String]) -> Option<Vec<Printed>> {
    let read: Vec<Printed> = options.iter().map(|option| self::read(option)).collect::<Option<_>>()?;
    read.iter().all(|one| one.dimension == read[0].dimension).then_some(read)
}

/// `4.2 cm` in mm.
pub fn number(text: &str) -> Option<(f64, Dimension)> {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let value: f64 = text.get(..end)?.parse().ok().filter(|value: &f64| value.is_finite())?;
    let unit = text.get(end..)?.trim();
    let (factor, dimension) = if unit.is_empty() { (1.0, Dimension::Bare) } else { factor(unit)? };
    Some((value * factor, dimension))
}

fn unit_of(text: &str) -> Option<&str> {
    text.rsplit(|c: char| c.is_ascii_digit()).next().map(str::trim)
}

fn factor(unit: &str) -> Option<(f64, Dimension)> {
    Some(match unit.trim().to_lowercase().as_str() {
        "mm" => (1.0, Dimension::Length),
        "cm" => (10.0, Dimension::Length),
        "m" => (1000.0, Dimension::Length),
        "cm3" | "cm^3" | "cm\u{b3}" | "ml" | "cc" => (1.0, Dimension::Volume),
        "mm3" | "mm^3" | "mm\u{b3}" => (1e-3, Dimension::Volume),
        "l" => (1e3, Dimension::Volume),
        "%" | "percent" => (1.0, Dimension::Percent),
        "voxel" | "voxels" => (1.0, Dimension::Voxels),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_in_base_units() {
        let of = |text: &str| read(text).map(|printed| (printed.low, printed.high, printed.dimension));
        assert_eq!(of("4.5 cm"), Some((45.0, 45.0, Dimension::Length)));
        assert_eq!(of("104.72"), Some((104.72, 104.72, Dimension::Bare)));
        assert_eq!(of("3 to below 5 cm"), Some((30.0, 50.0, Dimension::Length)));
        assert_eq!(of("500\u{2013}700 cm\u{b3}"), Some((500.0, 700.0, Dimension::Volume)));
        assert_eq!(of("below 2 mm (touching)"), Some((f64::NEG_INFINITY, 2.0, Dimension::Length)));
        assert_eq!(of("30 % or more"), Some((30.0, f64::INFINITY, Dimension::Percent)));
        for none in ["the liver", "", "superior and anterior", "3 x 4 x 5 cm", "7 to 5 cm", "4 apples"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
