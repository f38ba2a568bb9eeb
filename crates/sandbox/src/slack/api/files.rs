//! `files.*`, the address that takes an upload's bytes, and the one that gives a file.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::FakeSlack;
use super::super::blocks;
use super::super::files::Started;
use super::super::timeline::object;
use super::super::world::Workspace;
use super::args::Args;
use super::{Answer, Caller, Fail, bearer, with_faults};
use crate::multipart;

/// The name of the step that has no method: taking the bytes.
pub const UPLOAD: &str = "upload_url";
/// The name of a download.
pub const DOWNLOAD: &str = "url_private";
/// Slack takes a gigabyte; nobody needs that here.
const LARGEST: usize = 128 << 20;
const ALT_TEXT_MOST: usize = 1_000;
const CHANNELS_MOST: usize = 100;

pub fn router() -> Router<FakeSlack> {
    Router::new()
        .route("/slack/upload/v1/{upload}", post(upload))
        .route("/slack/files-pri/{file}/{*name}", get(download))
        .layer(DefaultBodyLimit::max(LARGEST))
}

pub fn get_upload_url(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let length = args.needed("length")?.parse::<usize>().ok();
    let length = length.filter(|length| *length > 0).ok_or("missing_argument")?;
    if length > LARGEST {
        return Err("file_upload_size_restricted".into());
    }
    let alt_text = args.text("alt_txt").filter(|text| !text.is_empty());
    if alt_text.as_ref().is_some_and(|text| text.chars().count() > ALT_TEXT_MOST) {
        return Err("alt_txt_too_large".into());
    }
    let (file, name, user) = (workspace.new_id("F"), args.needed("filename")?, caller.user.clone());
    let upload = workspace.letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40);
    let url = format!("{}/slack/upload/v1/{upload}", workspace.options.base_url.trim_end_matches('/'));
    let started = Started { file: file.clone(), user, name, length, alt_text, received: None };
    workspace.shelf.started.insert(upload, started);
    Ok(object(json!({"upload_url": url, "file_id": file})))
}

pub fn complete_upload(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let files = args.json("files").map_err(|()| "invalid_arguments")?;
    let files: Vec<Value> = files.and_then(|files| files.as_array().cloned()).unwrap_or_default();
    if files.is_empty() {
        return Err(Fail::missing(&["files"]));
    }
    let given = args.json("blocks").map_err(|()| "invalid_blocks")?;
    if let Some(given) = &given {
        blocks::check(given).map_err(|complaints| Fail::with_messages("invalid_blocks", &complaints))?;
        // <https://github.com/slackapi/python-slack-sdk/issues/1756>
        if given.as_array().into_iter().flatten().any(|block| block["type"] == "markdown") {
            return Err("internal_error".into());
        }
    }
    let uploads = files.iter().map(|file| workspace.received(caller, file)).collect::<Result<Vec<_>, _>>()?;
    let places = workspace.places_to_share(caller, args)?;
    let root = match (args.text("thread_ts"), places.as_slice()) {
        (Some(ts), [one]) => Some(workspace.root_of(one, &ts)?),
        _ => None,
    };
    let mut shown = Vec::new();
    let mut ids = Vec::new();
    for (upload, title) in uploads {
        let Some(started) = workspace.shelf.started.remove(&upload) else { continue };
        let (id, title) = (started.file.clone(), title.unwrap_or_else(|| started.name.clone()));
        if let Some(content) = started.received {
            workspace.shelve(&id, &started.user, &started.name, started.alt_text, content);
        }
        if let Some(Value::Object(file)) = workspace.files.get_mut(&id) {
            file.insert("title".into(), title.clone().into());
        }
        shown.push(json!({"id": id, "title": title}));
        ids.push(id);
    }
    let comment = args.text("initial_comment").unwrap_or_default();
    for channel in places {
        let mut fields = match caller.is_app {
            true => workspace.apps_fields(&comment),
            false => workspace.persons_fields(&caller.user, &comment),
        };
        if let Some(given) = given.clone().filter(|_| comment.is_empty()) {
            let dressed = workspace.world.dress_blocks(given);
            fields.insert("blocks".into(), dressed);
        }
        workspace.share_later(ids.clone(), caller.user.clone(), channel, root, fields);
    }
    Ok(object(json!({ "files": shown })))
}

pub fn info(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let file = workspace.files.get(&args.needed("file")?).cloned().ok_or("file_not_found")?;
    if file["mode"] == "tombstone" {
        return Err("file_deleted".into());
    }
    if workspace.shelf.contents.contains_key(file["id"].as_str().unwrap_or_default())
        && !workspace.sees_file(&caller.user, &file)
    {
        return Err("file_not_found".into());
    }
    Ok(object(json!({"file": file, "comments": [], "response_metadata": {"next_cursor": ""}})))
}

pub fn delete(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let id = args.needed("file")?;
    let file = workspace.files.get(&id).ok_or("file_not_found")?;
    if file["mode"] == "tombstone" {
        return Err("file_deleted".into());
    }
    if file["user"] != caller.user.as_str() {
        return Err("cant_delete_file".into());
    }
    workspace.files.insert(id.clone(), json!({"id": id, "mode": "tombstone"}));
    workspace.shelf.contents.remove(&id);
    Ok(object(json!({})))
}

impl Workspace<'_> {
    /// The upload that an entry of `files` names, once its bytes are there, and its title.
    fn received(&self, caller: &Caller, file: &Value) -> Result<(String, Option<String>), Fail> {
        let id = file.get("id").and_then(Value::as_str).unwrap_or_default();
        let started = self.shelf.started.iter().find(|(_, started)| started.file == id && started.user == caller.user);
        let (upload, _) = started.filter(|(_, started)| started.received.is_some()).ok_or("file_not_found")?;
        let title = file.get("title").and_then(Value::as_str).filter(|title| !title.is_empty());
        Ok((upload.clone(), title.map(String::from)))
    }

    fn places_to_share(&self, caller: &Caller, args: &Args) -> Result<Vec<String>, Fail> {
        let several = args.text("channels").unwrap_or_default();
        let mut named: Vec<String> = several.split(',').map(|one| one.trim().to_owned()).collect();
        named.extend(args.text("channel_id"));
        named.retain(|one| !one.is_empty());
        if named.len() > CHANNELS_MOST {
            return Err("channels_limit_exceeded".into());
        }
        for channel in &named {
            self.may_write(&caller.user, channel)?;
        }
        Ok(named)
    }
}

async fn upload(
    State(slack): State<FakeSlack>,
    Path(upload): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    slack.log_call(UPLOAD);
    let work = || {
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (mimetype, bytes) = match first_part(given, &body) {
            Some((mimetype, bytes)) => (mimetype, bytes),
            None => (given.to_owned(), body),
        };
        let plain = mimetype.is_empty() || mimetype.starts_with("application/x-www-form-urlencoded");
        let mimetype = if plain { "application/octet-stream" } else { mimetype.as_str() };
        let (status, text) = match slack.receive(&upload, mimetype, bytes) {
            Ok(said) => (200, said),
            Err((status, why)) => (status, why.to_owned()),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        response
    };
    with_faults(&slack, UPLOAD, work).await
}

/// Whoever may not have the file gets a page to log in, with status 200.
async fn download(
    State(slack): State<FakeSlack>,
    Path((file, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    slack.log_call(DOWNLOAD);
    let work = || {
        let workspace = slack.workspace();
        let id = file.split_once('-').map_or("", |(_, id)| id);
        let caller = bearer(&headers).and_then(|token| workspace.caller_of(&token).ok());
        let caller = caller.filter(|caller| caller.may("files:read"));
        let seen = caller.zip(workspace.files.get(id)).filter(|(caller, file)| workspace.sees_file(&caller.user, file));
        let Some(content) = seen.and_then(|_| workspace.shelf.contents.get(id)) else {
            let domain = &workspace.options.team_domain;
            return page(format!("<!DOCTYPE html><html><title>{domain} | Slack</title><p>Sign in to continue</html>"));
        };
        let mut response = Response::new(Body::from(content.bytes.clone()));
        let kind = HeaderValue::from_str(&content.mimetype)
            .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        // Whatever somebody uploaded, a browser that opens it here runs none of it.
        let policy = HeaderValue::from_static("default-src 'none'; sandbox");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    };
    with_faults(&slack, DOWNLOAD, work).await
}

fn page(html: String) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The first part of a form: its type and its bytes.
fn first_part(content_type: &str, body: &Bytes) -> Option<(String, Bytes)> {
    let parts = multipart::parts(body, &multipart::boundary(content_type)?)?;
    let first = parts.into_iter().next()?;
    Some((first.content_type.unwrap_or_default(), first.bytes))
}
