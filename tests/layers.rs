//! Imports within the app point one way, and the core is pure. Reads the sources as text: comments, texts and test modules
//! do not count. What the packages below `crates` may name, Cargo enforces.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The packages that the app shows as modules of its own.
const PACKAGES: &[&str] = &["bridge", "sandbox"];

/// Each module of the app, and those it may name. What is not here may not exist.
const ALLOWED: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("telemetry", &["bridge"]),
    ("config", &["bridge"]),
    ("store", &["bridge"]),
    ("engine", &["bridge", "store", "telemetry"]),
    ("slack", &["bridge", "engine", "wire", "config"]),
    // Of the settings the credential only.
    ("zendesk", &["bridge", "engine", "wire", "config"]),
    ("http", &["bridge", "engine", "slack", "zendesk", "store", "telemetry"]),
    ("cli", &["bridge", "wire", "telemetry", "config", "store", "engine", "slack", "zendesk", "http", "sandbox"]),
];

/// What a pure module does not say.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "reqwest",
    "sqlx",
    "SystemTime",
    "Instant",
    "fastrand",
    "std::fs",
    "std::net",
    "tracing",
];

#[test]
fn every_module_names_only_those_to_its_left() {
    let mut found = BTreeSet::new();
    for (module, depth, path, text) in sources("src") {
        let allowed = ALLOWED.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} is of no known module", path.display()));
        for named in names(&text, depth) {
            let known = PACKAGES.contains(&named.as_str()) || ALLOWED.iter().any(|(name, _)| *name == named);
            assert!(
                named == module || known && allowed.contains(&named.as_str()),
                "{} names crate::{named}, which {module} may not",
                path.display()
            );
        }
        if module == "zendesk" {
            let of_config = text.matches("config::").count();
            assert_eq!(of_config, text.matches("config::ZendeskCredential").count(), "{}", path.display());
        }
        found.insert(module);
    }
    assert_eq!(found, ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn the_core_is_pure() {
    for (_, _, path, text) in sources("crates/bridge/src") {
        assert_eq!(said(&text, IMPURE), Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn the_scanner_sees_what_it_should() {
    let sample = r##"
        //! [`crate::cli`] and async
        use crate::store::{Commit, StoreError};
        use crate::{http, engine::{Engine, queue::Job}, wire as w};
        /* crate::config /* nested */ await */
        const C: &[char] = &['"', '\'', '\\']; fn f<'a>(_: &'a str) -> &'static str { "crate::slack \" tokio" }
        const R: &str = r#"crate::zendesk " sqlx"#;
        fn g() { super::super::telemetry::start_log(); super::neighbour::f(); let asynchronous = std::fs::read("x"); }
        #[cfg(test)]
        mod tests { use crate::sandbox; fn g() { { Instant::now() } } }
        fn after() { crate::bridge::handle(); }
        #[cfg(test)]
        mod more;
    "##;
    let text = code(sample);
    let expected = ["bridge", "engine", "http", "store", "telemetry", "wire"];
    assert_eq!(names(&text, 2), expected.map(str::to_owned).into());
    assert_eq!(names(&text, 3), ["bridge", "engine", "http", "store", "wire"].map(str::to_owned).into());
    assert_eq!(said(&text, IMPURE), ["std::fs"]);
    assert_eq!(said(&code("async fn f() { g().await }"), IMPURE), ["async", "await"]);
}

/// Module, depth of its path below the crate, file and code of every source in a folder but the roots and test modules.
fn sources(folder: &str) -> Vec<(String, usize, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path.strip_prefix(&root).unwrap().with_extension("");
            let mut parts: Vec<&str> = inner.iter().map(|part| part.to_str().unwrap()).collect();
            parts.pop_if(|last| *last == "mod");
            let is_root = matches!(parts.as_slice(), ["lib" | "main"]);
            if path.extension().is_some_and(|e| e == "rs") && !is_root && parts.last() != Some(&"tests") {
                sources.push((
                    parts[0].to_owned(),
                    parts.len(),
                    path.clone(),
                    code(&std::fs::read_to_string(&path).unwrap()),
                ));
            }
        }
    }
    assert!(sources.len() > 30, "the sources are not where they should be");
    sources
}

/// Rust without comments, texts and `#[cfg(test)]` items.
fn code(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut text = String::new();
    let mut i = 0;
    while i < chars.len() {
        let word_before = text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
        match (chars[i], at(i + 1)) {
            ('/', '/') => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            ('r', '"' | '#') if !word_before && at(i + 1 + hashes) == '"' => {
                let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
                i += hashes + 2;
                while i < chars.len() && !chars[i..].starts_with(&end) {
                    i += 1;
                }
                i += end.len();
            }
            ('"', _) => {
                i += 1;
                while i < chars.len() && chars[i] != '"' {
                    i += if chars[i] == '\\' { 2 } else { 1 };
                }
                i += 1;
            }
            ('\'', '\\') => i += 3 + chars[i + 3..].iter().take_while(|c| **c != '\'').count() + 1,
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (c, _) => {
                text.push(c);
                i += 1;
            }
        }
    }
    while let Some(from) = text.find("#[cfg(test)]") {
        let mut depth = 0;
        let end = text[from..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && (c == '}' || c == ';')
        });
        text.replace_range(from..end.map_or(text.len(), |end| from + end + 1), "");
    }
    text
}

/// The top-level modules that some code names, where `depth` is that of its own module.
fn names(text: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (from, _) in text.match_indices(&prefix) {
            let longer = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == ':';
            if text[..from].ends_with(longer) {
                continue;
            }
            let rest = &text[from + prefix.len()..];
            let Some(group) = rest.strip_prefix('{') else {
                found.insert(word(rest));
                continue;
            };
            let mut depth = 1;
            let mut begins = true;
            for (i, c) in group.char_indices() {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if depth == 0 {
                    break;
                }
                if depth == 1 && begins && !c.is_whitespace() {
                    found.insert(word(&group[i..]));
                }
                begins = depth == 1 && (c == ',' || begins && c.is_whitespace());
            }
        }
    }
    found.remove("");
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Those of `words` that stand in some code as whole words.
fn said<'a>(text: &str, words: &[&'a str]) -> Vec<&'a str> {
    let inner = |c: char| c.is_alphanumeric() || c == '_';
    let stands = |word: &str| {
        text.match_indices(word)
            .any(|(from, _)| !text[..from].ends_with(inner) && !text[from + word.len()..].starts_with(inner))
    };
    words.iter().copied().filter(|word| stands(word)).collect()
}
