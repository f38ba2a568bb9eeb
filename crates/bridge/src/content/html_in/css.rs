//! What a `style` attribute changes in what a reader sees: hidden text, kept white space, weight.

use super::super::html_token::Tag;
use super::position::Raised;

/// How an element departs from what stands around it; none where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Css {
    /// Not shown, whatever stands within.
    pub(super) hidden: bool,
    /// `visibility`, which an inner element may turn on again.
    pub(super) invisible: Option<bool>,
    /// A letter of no size, which an inner element may make larger: layouts of mail do.
    pub(super) tiny: Option<bool>,
    pub(super) space: Option<Space>,
    pub(super) bold: Option<bool>,
    pub(super) italic: Option<bool>,
    pub(super) strike: Option<bool>,
    /// How the items of a list are counted.
    pub(super) count: Option<Count>,
    /// Whether it stands above or below its line, or on it.
    pub(super) raised: Option<Option<Raised>>,
}

/// What becomes of white space: <https://www.w3.org/TR/css-text-3/#white-space-property>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Space {
    /// Runs of it are one space.
    #[default]
    Collapses,
    /// Lines stay, other white space collapses.
    KeepsLines,
    /// All of it stays.
    Stays,
}

/// How items are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Count {
    /// 1, 2, 3.
    #[default]
    Decimal,
    /// a, b, c.
    LowerLetters,
    /// A, B, C.
    UpperLetters,
    /// i, ii, iii.
    LowerRoman,
    /// I, II, III.
    UpperRoman,
}

/// Reads what a tag's attributes say of its looks.
pub(super) fn read(tag: &Tag) -> Css {
    let hidden = tag.attribute("hidden").is_some_and(|hidden| !hidden.eq_ignore_ascii_case("until-found"));
    let mut css = Css { hidden, ..Css::default() };
    let Some(style) = tag.attribute("style") else { return css };
    let mut clipped = false;
    let mut flat = false;
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value = value.trim().to_ascii_lowercase();
        let value = value.trim_end_matches("!important").trim();
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => css.hidden |= value == "none",
            "visibility" => css.invisible = Some(matches!(value, "hidden" | "collapse")),
            "mso-hide" => css.hidden |= value == "all",
            "opacity" => css.hidden |= is_zero(value),
            "max-height" => css.hidden |= is_zero(value),
            "height" => flat |= is_zero(value),
            "overflow" | "overflow-y" => clipped |= value.starts_with("hidden"),
            "font-size" => css.tiny = size(value).or(css.tiny),
            "white-space" | "white-space-collapse" => css.space = space(value),
            "font-weight" => css.bold = weight(value),
            "font-style" => css.italic = Some(value.starts_with("italic") || value.starts_with("oblique")),
            "text-decoration" | "text-decoration-line" if value.contains("line-through") => css.strike = Some(true),
            "vertical-align" => css.raised = raised(value),
            "list-style" | "list-style-type" => css.count = value.split_whitespace().find_map(count).or(css.count),
            _ => {}
        }
    }
    css.hidden |= clipped && flat;
    css
}

/// How a list's `type` attribute counts its items; its letters are one of the few values in HTML whose case matters.
pub(super) fn count_of_type(kind: &str) -> Option<Count> {
    match kind.trim() {
        "1" => Some(Count::Decimal),
        "a" => Some(Count::LowerLetters),
        "A" => Some(Count::UpperLetters),
        "i" => Some(Count::LowerRoman),
        "I" => Some(Count::UpperRoman),
        _ => None,
    }
}

fn count(value: &str) -> Option<Count> {
    match value {
        "decimal" => Some(Count::Decimal),
        "lower-alpha" | "lower-latin" => Some(Count::LowerLetters),
        "upper-alpha" | "upper-latin" => Some(Count::UpperLetters),
        "lower-roman" => Some(Count::LowerRoman),
        "upper-roman" => Some(Count::UpperRoman),
        _ => None,
    }
}

fn number(value: &str) -> Option<f64> {
    let end = value.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(value.len());
    value[..end].parse().ok()
}

fn is_zero(value: &str) -> bool {
    number(value) == Some(0.0)
}

/// Whether letters have no size; none where that depends on what stands around.
fn size(value: &str) -> Option<bool> {
    match number(value) {
        Some(0.0) => Some(true),
        // A share of nothing is nothing.
        Some(_) if value.ends_with('%') || (value.ends_with("em") && !value.ends_with("rem")) => None,
        Some(_) => Some(false),
        None if matches!(value, "inherit" | "smaller" | "larger" | "unset") => None,
        None => Some(false),
    }
}

fn space(value: &str) -> Option<Space> {
    match value.split_whitespace().next()? {
        "pre" | "pre-wrap" | "break-spaces" | "preserve" => Some(Space::Stays),
        "pre-line" | "preserve-breaks" => Some(Space::KeepsLines),
        "normal" | "nowrap" | "collapse" => Some(Space::Collapses),
        _ => None,
    }
}

fn raised(value: &str) -> Option<Option<Raised>> {
    match value {
        "super" => Some(Some(Raised::Up)),
        "sub" => Some(Some(Raised::Down)),
        _ => None,
    }
}

fn weight(value: &str) -> Option<bool> {
    match value {
        "bold" | "bolder" => Some(true),
        "normal" | "lighter" => Some(false),
        other => number(other).map(|weight| weight >= 600.0),
    }
}
