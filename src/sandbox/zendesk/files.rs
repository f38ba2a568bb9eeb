//! Attachments of side-conversation messages: the upload and the download.

use bytes::Bytes;
use serde_json::json;

use super::answer::{Answer, Ask, Content, Outcome};
use super::world::{File, World};

/// The largest file in bytes; the limit of side conversations is not documented, this one is the tickets'.
const LARGEST: usize = 50 << 20;

pub(super) fn upload(world: &mut World, ask: &Ask) -> Outcome {
    let part = first_file(ask.header("content-type").unwrap_or(""), &ask.body)
        .ok_or_else(|| Answer::bad_request("InvalidAttachment", "A multipart field named file is required"))?;
    if part.bytes.len() > LARGEST {
        return Err(Answer::record_invalid("file", "File: is too large"));
    }
    let id = format!("s3-{}", world.uuid(ask.now));
    let shown = json!({
        "id": id, "name": part.name, "content_type": part.content_type, "size": part.bytes.len(),
        "width": part.size.map(|(width, _)| width), "height": part.size.map(|(_, height)| height),
    });
    world.files.insert(id, part);
    let wrapped = world.options.unconfirmed.attachment_wrapped;
    Ok(Answer::json(201, if wrapped { json!({ "attachment": shown }) } else { shown }))
}

pub(super) fn download(world: &mut World, ask: &Ask) -> Outcome {
    let conversation = world.conversation_on(ask.number(0), ask.text(1))?;
    let id = ask.text(2);
    let mut messages = conversation.events.iter().filter_map(|place| world.events.get(*place)?.message.as_ref());
    if !messages.any(|message| message.attachments.iter().any(|one| one == id)) {
        return Err(Answer::not_found());
    }
    let file = world.files.get(id).ok_or_else(Answer::not_found)?;
    let body = Content::File { content_type: file.content_type.clone(), bytes: file.bytes.clone() };
    Ok(Answer { status: 200, headers: Vec::new(), body })
}

/// The first part of a multipart body that is a file.
fn first_file(content_type: &str, body: &Bytes) -> Option<File> {
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        return None;
    }
    let (_, boundary) = content_type.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    if boundary.is_empty() {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut place = find(body, delimiter.as_bytes(), 0)? + delimiter.len();
    while body.get(place..place + 2) == Some(b"\r\n") {
        let headers_end = find(body, b"\r\n\r\n", place)?;
        let headers = String::from_utf8_lossy(&body[place..headers_end]).into_owned();
        let start = headers_end + 4;
        let end = find(body, format!("\r\n{delimiter}").as_bytes(), start)?;
        if let Some(name) = file_name(&headers) {
            let bytes = body.slice(start..end);
            let content_type = header(&headers, "content-type").unwrap_or("application/octet-stream").to_owned();
            return Some(File { name, content_type, size: size(&bytes), bytes });
        }
        place = end + 2 + delimiter.len();
    }
    None
}

fn file_name(headers: &str) -> Option<String> {
    let disposition = header(headers, "content-disposition")?;
    let parameter = |name: &str| {
        disposition.split(';').map(str::trim).find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    parameter("filename").or_else(|| (parameter("name")? == "file").then(|| "file".to_owned()))
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let first = *wanted.first()?;
    let mut place = from;
    while let Some(found) = body.get(place..)?.iter().position(|byte| *byte == first) {
        let start = place + found;
        if body.get(start..start + wanted.len()) == Some(wanted) {
            return Some(start);
        }
        place = start + 1;
    }
    None
}

/// Width and height of a picture; only PNG is read.
pub(super) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    let number = |range| bytes.get(range).and_then(|four: &[u8]| four.try_into().ok()).map(u32::from_be_bytes);
    Some((number(16..20)?, number(20..24)?))
}
