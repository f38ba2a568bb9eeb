//! The two ways in which Zendesk cuts a list into pages.

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, Ask};

const LARGEST: usize = 100;

/// What stands beside the rows of an offset page.
#[derive(Serialize)]
pub(super) struct Beside {
    count: usize,
    next_page: Option<String>,
    previous_page: Option<String>,
}

/// Which of so many rows the asker's `page` and `per_page` mean.
pub(super) fn cut(ask: &Ask, base_url: &str, rows: usize) -> Result<(Beside, std::ops::Range<usize>), Answer> {
    let size = number(ask, "per_page").unwrap_or(LARGEST).clamp(1, LARGEST);
    let page = number(ask, "page").unwrap_or(1).max(1);
    // Beyond 100 pages or 10,000 rows the offset pages answer 400.
    if page > 100 {
        return Err(Answer::bad_request("InvalidPaginationDepth", "Number of pages exceeds the limit"));
    }
    let start = ((page - 1) * size).min(rows);
    let end = (start + size).min(rows);
    let to = |page: usize| address(ask, base_url, &["page"], &[("page", page.to_string())]);
    let (next_page, previous_page) = ((end < rows).then(|| to(page + 1)), (page > 1).then(|| to(page - 1)));
    Ok((Beside { count: rows, next_page, previous_page }, start..end))
}

/// `page` and `per_page`, with `count`, `next_page` and `previous_page`.
pub(super) fn by_offset<T>(
    ask: &Ask,
    base_url: &str,
    name: &str,
    rows: &[T],
    show: impl Fn(&T) -> Value,
) -> Result<(Value, std::ops::Range<usize>), Answer> {
    let (beside, meant) = cut(ask, base_url, rows.len())?;
    let shown: Vec<Value> = rows[meant.clone()].iter().map(show).collect();
    let mut body = json!(beside);
    body[name] = Value::Array(shown);
    Ok((body, meant))
}

/// `page[size]` and `page[after]` when the caller asks so, offset pages else.
pub(super) fn by_cursor<T>(
    ask: &Ask,
    base_url: &str,
    name: &str,
    rows: &[T],
    show: impl Fn(&T) -> Value,
) -> Result<(Value, std::ops::Range<usize>), Answer> {
    let wants = ["page[size]", "page[after]", "page[before]"].iter().any(|key| ask.query(key).is_some());
    if !wants {
        return by_offset(ask, base_url, name, rows, show);
    }
    let size = number(ask, "page[size]").unwrap_or(LARGEST);
    if !(1..=LARGEST).contains(&size) {
        return Err(Answer::bad_request("InvalidPaginationParameter", "page[size] must be between 1 and 100"));
    }
    let cursor = |key: &str| -> Result<Option<usize>, Answer> {
        let Some(text) = ask.query(key) else { return Ok(None) };
        let place = text.strip_prefix("at-").and_then(|place| place.parse::<usize>().ok());
        place.map(Some).ok_or_else(|| Answer::bad_request("InvalidPaginationParameter", &format!("{key} is not valid")))
    };
    let (start, end) = match (cursor("page[after]")?, cursor("page[before]")?) {
        (None, Some(before)) => (before.min(rows.len()).saturating_sub(size), before.min(rows.len())),
        (after, _) => {
            let start = after.unwrap_or(0).min(rows.len());
            (start, start.saturating_add(size).min(rows.len()))
        }
    };
    let shown: Vec<Value> = rows[start..end].iter().map(show).collect();
    // Recorded answers have `links.next` although there is no more: only an empty page leads nowhere, and that is
    // where clients stop that follow links.
    let (mut meta, mut links) = (json!({"has_more": end < rows.len()}), json!({}));
    for (cursor, link, key, place) in
        [("after_cursor", "next", "page[after]", end), ("before_cursor", "prev", "page[before]", start)]
    {
        let cursor_there = (!shown.is_empty()).then(|| format!("at-{place}"));
        let keys = ["page[after]", "page[before]", "page[size]"];
        let to = |at: &String| address(ask, base_url, &keys, &[(key, at.clone()), ("page[size]", size.to_string())]);
        links[link] = json!(cursor_there.as_ref().map(to));
        meta[cursor] = json!(cursor_there);
    }
    let mut body = json!({});
    (body[name], body["meta"], body["links"]) = (Value::Array(shown), meta, links);
    Ok((body, start..end))
}

fn number(ask: &Ask, name: &str) -> Option<usize> {
    ask.query(name)?.parse().ok()
}

fn address(ask: &Ask, base_url: &str, drop: &[&str], add: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(ask.query.iter().filter(|(key, _)| !drop.contains(&key.as_str())));
    query.extend_pairs(add);
    format!("{base_url}/api/v2/{}.json?{}", ask.path, query.finish())
}
