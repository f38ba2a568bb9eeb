//! What Slack checks in blocks: <https://docs.slack.dev/reference/block-kit/blocks>.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const BLOCKS: &[&str] = &[
    "actions",
    "alert",
    "card",
    "carousel",
    "container",
    "context",
    "context_actions",
    "data_table",
    "divider",
    "file",
    "header",
    "image",
    "input",
    "markdown",
    "plan",
    "rich_text",
    "section",
    "table",
    "task_card",
    "video",
];

/// The text objects of what cannot be formatted: titles, labels, buttons, and the options of menus.
const PLAIN: &[&str] = &["plain_text"];
/// Those of everything else, among it radio buttons and checkboxes.
const ANY: &[&str] = &["plain_text", "mrkdwn"];

/// What is wrong with blocks: sentences that end in a JSON pointer.
pub type Complaints = Vec<String>;

/// Checks the blocks of a message.
///
/// # Errors
/// Every complaint, in order.
pub fn check(blocks: &Value) -> Result<(), Complaints> {
    let mut checker = Checker::default();
    checker.blocks("/blocks", blocks, 50);
    if checker.complaints.is_empty() { Ok(()) } else { Err(checker.complaints) }
}

/// Checks a view of a kind, `modal` or `home`.
///
/// # Errors
/// Every complaint, in order.
pub fn check_view(view: &Value, kind: &str) -> Result<(), Complaints> {
    let mut checker = Checker::default();
    if view.get("type").and_then(Value::as_str) != Some(kind) {
        checker.complain("/view/type", &format!("must be one of {kind}"));
    }
    checker.blocks("/view/blocks", view.get("blocks").unwrap_or(&Value::Null), 100);
    checker.string("/view", view, "private_metadata", 3000, false);
    checker.string("/view", view, "callback_id", 255, false);
    checker.string("/view", view, "external_id", 255, false);
    if kind == "modal" {
        checker.text("/view/title", view.get("title"), 24, PLAIN);
        for name in ["submit", "close"] {
            if let Some(text) = view.get(name).filter(|text| !text.is_null()) {
                checker.text(&format!("/view/{name}"), Some(text), 24, PLAIN);
            }
        }
        let blocks = view.get("blocks").and_then(Value::as_array).into_iter().flatten();
        let asks = blocks.filter_map(|block| block.get("type")).any(|kind| kind == "input");
        if asks && view.get("submit").is_none_or(Value::is_null) {
            checker.complain("/view/submit", "is required when blocks contain an input block");
        }
    }
    if checker.complaints.is_empty() { Ok(()) } else { Err(checker.complaints) }
}

/// Checks what an app suggests for a menu: `options`, or `option_groups`.
///
/// # Errors
/// Every complaint, in order.
pub fn check_suggestions(said: &Value) -> Result<(), Complaints> {
    let mut checker = Checker::default();
    checker.options_or_groups("", said);
    if checker.complaints.is_empty() { Ok(()) } else { Err(checker.complaints) }
}

/// Fills in what Slack fills in: text objects get their defaults.
pub fn dress(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(dress),
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            if kind == "rich_text" {
                return;
            }
            if kind == "plain_text" && !fields.contains_key("emoji") {
                fields.insert("emoji".into(), json!(true));
            } else if kind == "mrkdwn" && !fields.contains_key("verbatim") {
                fields.insert("verbatim".into(), json!(false));
            }
            fields.values_mut().for_each(dress);
        }
        _ => {}
    }
}

#[derive(Default)]
struct Checker {
    complaints: Complaints,
}

impl Checker {
    fn complain(&mut self, path: &str, what: &str) {
        self.complaints.push(format!("{what} [json-pointer:{path}]"));
    }

    fn blocks(&mut self, path: &str, blocks: &Value, most: usize) {
        let Some(list) = blocks.as_array() else { return self.complain(path, "must provide an array") };
        if list.len() > most {
            self.complain(path, &format!("no more than {most} items allowed"));
        }
        let mut ids = BTreeSet::new();
        let mut markdown = 0;
        for (at, block) in list.iter().enumerate() {
            let here = format!("{path}/{at}");
            if let Some(id) = block.get("block_id").and_then(Value::as_str)
                && !id.is_empty()
                && !ids.insert(id)
            {
                self.complain(&format!("{here}/block_id"), "`block_id` already exists");
            }
            if block.get("type").and_then(Value::as_str) == Some("markdown") {
                markdown += block.get("text").and_then(Value::as_str).map_or(0, |text| text.chars().count());
            }
            self.block(&here, block);
        }
        if markdown > 12_000 {
            self.complain(path, "must be less than 12001 characters");
        }
    }

    fn block(&mut self, path: &str, block: &Value) {
        let Some(kind) = block.get("type").and_then(Value::as_str) else {
            return self.complain(path, "missing required field: type");
        };
        if !BLOCKS.contains(&kind) {
            return self.complain(&format!("{path}/type"), &format!("unsupported type: {kind}"));
        }
        self.string(path, block, "block_id", 255, false);
        match kind {
            "section" => self.section(path, block),
            "header" => self.text(&format!("{path}/text"), block.get("text"), 150, PLAIN),
            "context" => {
                self.items(&format!("{path}/elements"), block.get("elements"), 10, |checker, path, element| {
                    match element.get("type").and_then(Value::as_str) {
                        Some("image") => checker.image(path, element),
                        _ => checker.text(path, Some(element), 3000, ANY),
                    }
                });
            }
            "actions" => {
                let mut seen = BTreeSet::new();
                let path = format!("{path}/elements");
                self.items(&path, block.get("elements"), 25, |checker, path, element| {
                    checker.element(path, element);
                    let id = element.get("action_id").and_then(Value::as_str).unwrap_or_default();
                    if !id.is_empty() && !seen.insert(id.to_owned()) {
                        checker.complain(&format!("{path}/action_id"), "`action_id` already exists");
                    }
                });
            }
            "image" => self.image(path, block),
            "input" => {
                self.text(&format!("{path}/label"), block.get("label"), 2000, PLAIN);
                if let Some(hint) = block.get("hint").filter(|hint| !hint.is_null()) {
                    self.text(&format!("{path}/hint"), Some(hint), 2000, PLAIN);
                }
                match block.get("element") {
                    Some(element) => self.element(&format!("{path}/element"), element),
                    None => self.complain(path, "missing required field: element"),
                }
            }
            "markdown" => self.string(path, block, "text", 12_000, true),
            "rich_text" => self.items(&format!("{path}/elements"), block.get("elements"), 1000, Self::rich),
            "table" => self.items(&format!("{path}/rows"), block.get("rows"), 100, |checker, path, row| {
                checker.items(path, Some(row), 20, |_, _, _| {});
            }),
            _ => {}
        }
    }

    fn section(&mut self, path: &str, block: &Value) {
        let (text, fields) = (block.get("text"), block.get("fields"));
        if text.is_none() && fields.is_none() {
            return self.complain(path, "either text or fields must be provided");
        }
        if text.is_some() {
            self.text(&format!("{path}/text"), text, 3000, ANY);
        }
        if fields.is_some() {
            self.items(&format!("{path}/fields"), fields, 10, |checker, path, field| {
                checker.text(path, Some(field), 2000, ANY);
            });
        }
        if let Some(accessory) = block.get("accessory") {
            let path = format!("{path}/accessory");
            match accessory.get("type").and_then(Value::as_str) {
                Some("image") => self.image(&path, accessory),
                _ => self.element(&path, accessory),
            }
        }
    }

    fn element(&mut self, path: &str, element: &Value) {
        self.string(path, element, "action_id", 255, false);
        match element.get("type").and_then(Value::as_str) {
            None => self.complain(path, "missing required field: type"),
            Some("button") => {
                self.text(&format!("{path}/text"), element.get("text"), 75, PLAIN);
                self.string(path, element, "value", 2000, false);
                self.string(path, element, "url", 3000, false);
                let style = element.get("style").and_then(Value::as_str);
                if style.is_some_and(|style| style != "primary" && style != "danger") {
                    self.complain(&format!("{path}/style"), "must be one of primary, danger");
                }
            }
            Some("overflow") => self.options(&format!("{path}/options"), element.get("options"), 5, PLAIN),
            Some("radio_buttons" | "checkboxes") => {
                self.options(&format!("{path}/options"), element.get("options"), 10, ANY);
            }
            Some("static_select" | "multi_static_select") => self.options_or_groups(path, element),
            Some("external_select" | "multi_external_select") => {
                for (field, least) in [("min_query_length", 0), ("max_selected_items", 1)] {
                    let given = element.get(field).filter(|given| !given.is_null());
                    if given.is_some_and(|given| given.as_i64().is_none_or(|given| given < least)) {
                        self.complain(&format!("{path}/{field}"), &format!("must be a number from {least}"));
                    }
                }
                for option in element.get("initial_option").into_iter().chain(list(element, "initial_options")) {
                    self.option(&format!("{path}/initial_option"), option, PLAIN);
                }
            }
            Some("plain_text_input") => {
                if element.get("max_length").and_then(Value::as_i64).is_some_and(|most| !(1..=3000).contains(&most)) {
                    self.complain(&format!("{path}/max_length"), "must be between 1 and 3000");
                }
            }
            Some(_) => {}
        }
        if let Some(placeholder) = element.get("placeholder").filter(|text| !text.is_null()) {
            self.text(&format!("{path}/placeholder"), Some(placeholder), 150, PLAIN);
        }
    }

    fn options_or_groups(&mut self, path: &str, of: &Value) {
        match (of.get("options"), of.get("option_groups")) {
            (Some(options), None) => self.options(&format!("{path}/options"), Some(options), 100, PLAIN),
            (None, Some(groups)) => {
                self.items(&format!("{path}/option_groups"), Some(groups), 100, |checker, path, group| {
                    checker.text(&format!("{path}/label"), group.get("label"), 75, PLAIN);
                    checker.options(&format!("{path}/options"), group.get("options"), 100, PLAIN);
                });
            }
            _ => self.complain(path, "either options or option_groups must be provided"),
        }
    }

    fn options(&mut self, path: &str, options: Option<&Value>, most: usize, kinds: &[&str]) {
        self.items(path, options, most, |checker, path, option| checker.option(path, option, kinds));
    }

    fn option(&mut self, path: &str, option: &Value, kinds: &[&str]) {
        self.text(&format!("{path}/text"), option.get("text"), 75, kinds);
        self.string(path, option, "value", 150, true);
        if let Some(description) = option.get("description").filter(|text| !text.is_null()) {
            self.text(&format!("{path}/description"), Some(description), 75, kinds);
        }
    }

    fn image(&mut self, path: &str, image: &Value) {
        self.string(path, image, "alt_text", 2000, true);
        if image.get("image_url").is_none() && image.get("slack_file").is_none() {
            self.complain(path, "missing required field: image_url");
        }
        self.string(path, image, "image_url", 3000, false);
    }

    fn rich(&mut self, path: &str, element: &Value) {
        match element.get("type").and_then(Value::as_str) {
            Some("rich_text_list") => {
                let style = element.get("style").and_then(Value::as_str);
                if !matches!(style, Some("bullet" | "ordered")) {
                    self.complain(&format!("{path}/style"), "must be one of bullet, ordered");
                }
                self.items(&format!("{path}/elements"), element.get("elements"), 1000, |checker, path, item| {
                    checker.inlines(path, item);
                });
            }
            Some("rich_text_section" | "rich_text_quote" | "rich_text_preformatted") => self.inlines(path, element),
            Some(kind) => self.complain(&format!("{path}/type"), &format!("unsupported type: {kind}")),
            None => self.complain(path, "missing required field: type"),
        }
    }

    fn inlines(&mut self, path: &str, section: &Value) {
        let path = format!("{path}/elements");
        let Some(elements) = section.get("elements").and_then(Value::as_array) else {
            return self.complain(&path, "missing required field: elements");
        };
        for (at, element) in elements.iter().enumerate() {
            let path = format!("{path}/{at}");
            let needed = match element.get("type").and_then(Value::as_str) {
                Some("text") => "text",
                Some("link") => "url",
                Some("user") => "user_id",
                Some("channel") => "channel_id",
                Some("usergroup") => "usergroup_id",
                Some("emoji") => "name",
                Some("broadcast") => "range",
                Some("team" | "date" | "color" | "message_mention") => continue,
                Some(kind) => {
                    self.complain(&format!("{path}/type"), &format!("unsupported type: {kind}"));
                    continue;
                }
                None => {
                    self.complain(&path, "missing required field: type");
                    continue;
                }
            };
            self.string(&path, element, needed, 40_000, true);
        }
    }

    fn items(&mut self, path: &str, list: Option<&Value>, most: usize, mut each: impl FnMut(&mut Self, &str, &Value)) {
        let Some(list) = list.and_then(Value::as_array) else {
            return self.complain(path, "must provide an array");
        };
        if list.len() > most {
            self.complain(path, &format!("no more than {most} items allowed"));
        }
        for (at, item) in list.iter().enumerate() {
            each(self, &format!("{path}/{at}"), item);
        }
    }

    fn text(&mut self, path: &str, text: Option<&Value>, most: usize, kinds: &[&str]) {
        let Some(text) = text.filter(|text| text.is_object()) else {
            return self.complain(path, "must provide an object");
        };
        if !text.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind)) {
            self.complain(&format!("{path}/type"), &format!("must be one of {}", kinds.join(", ")));
        }
        self.string(path, text, "text", most, true);
    }

    fn string(&mut self, path: &str, of: &Value, field: &str, most: usize, needed: bool) {
        let here = format!("{path}/{field}");
        match of.get(field) {
            None | Some(Value::Null) if needed => self.complain(path, &format!("missing required field: {field}")),
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                if text.is_empty() && needed {
                    self.complain(&here, "must be more than 0 characters");
                }
                if text.chars().count() > most {
                    self.complain(&here, &format!("must be less than {} characters", most + 1));
                }
            }
            Some(_) => self.complain(&here, "must provide a string"),
        }
    }
}

fn list<'a>(of: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    of.get(field).and_then(Value::as_array).into_iter().flatten()
}
