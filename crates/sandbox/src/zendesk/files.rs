//! Attachments of side-conversation messages: the upload and the download.

use bytes::Bytes;
use serde_json::json;

use super::answer::{Answer, Ask, Content, Outcome};
use super::world::{File, World};
use crate::multipart::{self, Part};

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

/// The first part of a form that is a file, or is called one.
fn first_file(content_type: &str, body: &Bytes) -> Option<File> {
    let parts = multipart::parts(body, &multipart::boundary(content_type)?)?;
    parts.into_iter().find_map(|Part { name, file, content_type, bytes }| {
        let name = file.or_else(|| (name == "file").then_some(name)).filter(|name| !name.is_empty())?;
        let content_type = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
        Some(File { name, content_type, size: size(&bytes), bytes })
    })
}

/// Width and height of a picture; only PNG is read.
pub(super) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return None;
    }
    let number = |range| bytes.get(range).and_then(|four: &[u8]| four.try_into().ok()).map(u32::from_be_bytes);
    Some((number(16..20)?, number(20..24)?))
}
