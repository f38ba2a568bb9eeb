//! The pages for people agree with the code, with the example settings and with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sidethread::config::{self, Config};

const EXAMPLE: &str = include_str!("../sidethread.example.toml");
const SETTINGS: &str = include_str!("../docs/settings.md");

/// The least that is accepted, each line a required setting.
const LEAST: &[&str] = &[
    "server.public_url=https://bridge.example.com",
    "slack.bot_token=xoxb-1-x",
    "slack.signing_secret=x",
    "zendesk.url=https://acme.zendesk.com",
    "zendesk.client_id=sidethread",
    "zendesk.client_secret=x",
    "zendesk.webhook_secret=x",
];
const ROUTE: &[(&str, &str)] =
    &[("name", "\"logistics\""), ("recipients", "[\"l@acme.example\"]"), ("channel", "\"#logistics\"")];

/// A row of the settings tables.
struct Row {
    key: String,
    default: String,
}

fn rows() -> Vec<Row> {
    let lines = SETTINGS.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [key, default, what] = cells[..] else { panic!("{line}") };
            assert!(!what.is_empty(), "{key} is not explained");
            Row { key: key.trim_matches('`').to_owned(), default: default.to_owned() }
        })
        .collect()
}

/// The settings that the least ones give, without `leave` and with `set`.
fn settings(leave: &str, set: Option<(&str, &str)>) -> Result<String, String> {
    let mut route: Vec<(&str, &str)> = ROUTE.to_vec();
    let mut env: Vec<(String, String)> = Vec::new();
    let variable = |key: &str| format!("SIDETHREAD__{}", key.replace('.', "__").to_uppercase());
    for line in LEAST {
        let (key, value) = line.split_once('=').unwrap();
        env.push((variable(key), value.to_owned()));
    }
    env.retain(|(name, _)| *name != variable(leave));
    let of_routes = leave.strip_prefix("routes.");
    route.retain(|(key, _)| Some(*key) != of_routes);
    let value;
    if let Some((key, text)) = set {
        match key.strip_prefix("routes.") {
            Some(key) => {
                value = if text == "true" || text == "false" { text.to_owned() } else { format!("{text:?}") };
                route.push((key, &value));
            }
            None => {
                let items = text.trim_start_matches('[').trim_end_matches(']').replace('"', "");
                env.push((variable(key), items));
            }
        }
    }
    let route: String = route.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let read = Config::parse("s.toml", &format!("[[routes]]\n{route}"), env);
    read.map(|config| format!("{config:?}")).map_err(|errors| errors.to_string())
}

#[test]
fn the_settings_tables_name_every_key_once() {
    let told: Vec<String> = rows().into_iter().map(|row| row.key).collect();
    let unique: BTreeSet<&String> = told.iter().collect();
    assert_eq!(unique.len(), told.len(), "a key stands there twice");
    let read: Vec<String> = config::keys().map(|(key, _)| key).collect();
    let read: BTreeSet<&String> = read.iter().collect();
    assert_eq!(unique, read);
}

#[test]
fn the_settings_tables_tell_what_holds_without_a_key() {
    let secrets: BTreeSet<String> = config::keys().filter(|(_, secret)| *secret).map(|(key, _)| key).collect();
    let without = settings("", None).unwrap();
    for Row { key, default } in rows() {
        assert_eq!(default.ends_with("secret"), secrets.contains(&key), "{key} is a secret or is none");
        match default.trim_end_matches(", secret") {
            "required" => {
                let refused = settings(&key, None).expect_err(&key);
                assert!(refused.contains(&key.replace("routes.", "routes[1].")), "{key}: {refused}");
            }
            "one credential" => assert!(key.starts_with("zendesk."), "{key}"),
            "none" => assert!(!LEAST.iter().any(|line| line.starts_with(&format!("{key}="))), "{key}"),
            default => {
                let value = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
                let value = value.unwrap_or_else(|| panic!("{key}: {default}"));
                assert_eq!(settings("", Some((&key, value))).as_ref(), Ok(&without), "{key}");
            }
        }
    }
}

#[test]
fn the_example_names_every_key() {
    // A key that is commented out stands there too, for whoever needs it.
    let mut section = String::new();
    let mut shown = BTreeSet::new();
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ").trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            shown.insert(format!("{section}.{key}"));
        }
    }
    let read: BTreeSet<String> = config::keys().map(|(key, _)| key).collect();
    assert_eq!(shown, read);
}

#[test]
fn each_scope_is_explained() {
    let page = include_str!("../docs/install.md");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let told: Vec<&str> =
        rows.flat_map(|row| row[1..].split('|').next().unwrap().split('`').skip(1).step_by(2)).collect();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(sorted, sidethread::cli::manifest::BOT_SCOPES);
}

#[test]
fn every_link_leads_somewhere() {
    let pages: BTreeMap<PathBuf, String> = pages();
    let mut broken = Vec::new();
    for (path, text) in &pages {
        for target in links(text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target.as_str(), None), |(f, a)| (f, Some(a)));
            let leads = match file {
                "" => path.clone(),
                file => normal(&path.parent().unwrap().join(file)),
            };
            if !root().join(&leads).exists() {
                broken.push(format!("{}: {target} does not exist", path.display()));
            } else if let Some(anchor) = anchor
                && !pages.get(&leads).is_some_and(|page| anchors(page).contains(anchor))
            {
                broken.push(format!("{}: {target} has no such heading", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let pages = pages();
    let mut reached = BTreeSet::from([PathBuf::from("README.md")]);
    let mut queue = vec![PathBuf::from("README.md")];
    while let Some(path) = queue.pop() {
        for target in links(&pages[&path]) {
            let file = target.split('#').next().unwrap_or_default();
            let leads = normal(&path.parent().unwrap().join(file));
            if pages.contains_key(&leads) && reached.insert(leads.clone()) {
                queue.push(leads);
            }
        }
    }
    let all: BTreeSet<PathBuf> = pages.into_keys().collect();
    assert_eq!(reached, all);
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let roots = ["src/", "crates/", "tests/", "benches/", "migrations/", "docs/", ".ci/", "deploy/"];
    let mut missing = Vec::new();
    for (path, text) in pages() {
        let outside_fences: String = text.split("```").step_by(2).collect();
        for code in outside_fences.split('`').skip(1).step_by(2) {
            let named = roots.iter().any(|root| code.starts_with(root));
            if named && !code.contains(['*', '<', ' ', '…']) && !root().join(code).exists() {
                missing.push(format!("{}: {code}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readme_is_short() {
    let words = std::fs::read_to_string(root().join("README.md")).unwrap().split_whitespace().count();
    assert!(words <= 920, "the README has {words} words; the pages in docs have room");
}

#[test]
fn the_link_check_sees_links_and_headings() {
    let page = "# A page\n[one](b.md#x) `[no](c)` ![two](d.png)\n```\n[no](e)\n```\n## What it's *for*, `now`\n";
    assert_eq!(links(page), ["b.md#x", "d.png"]);
    assert_eq!(anchors(page), BTreeSet::from(["a-page".to_owned(), "what-its-for-now".to_owned()]));
    assert_eq!(normal(Path::new("docs/../README.md")), PathBuf::from("README.md"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown page, by its path from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    for folder in ["", "docs"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(pages.len() > 7);
    pages
}

/// The lines of a page outside its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Where the links and pictures of a page lead.
fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page) {
        let outside_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for after in outside_code.split("](").skip(1) {
            found.extend(after.split_once(')').map(|(target, _)| target.to_owned()));
        }
    }
    found
}

/// The anchors that GitHub gives the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let kept = line.trim_start_matches('#').trim().to_lowercase();
            let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.into_iter().collect()
}
