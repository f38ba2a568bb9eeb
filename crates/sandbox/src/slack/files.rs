//! Files: what was uploaded, where it was shared, and who may have it.
//!
//! An upload takes three steps, and the last is answered before the message stands: the share lands a moment later,
//! as Slack's does (<https://github.com/slackapi/bolt-js/issues/2115>).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FakeSlack;
use super::show;
use super::timeline::{Draft, object};
use super::world::{Fields, Key, Kind, Workspace};

/// How long after its completion an upload is shared.
const SHARED_AFTER_MS: i64 = 300;

/// Everything about files but what their objects show.
#[derive(Default, Serialize, Deserialize)]
pub struct Shelf {
    /// Uploads that are not completed, by the last part of their address.
    pub started: BTreeMap<String, Started>,
    /// What is in the files, by id.
    pub contents: BTreeMap<String, Content>,
    /// Completed uploads that are not shared yet, in order.
    pub sharing: Vec<Sharing>,
}

/// An upload between its first and its last step.
#[derive(Serialize, Deserialize)]
pub struct Started {
    pub file: String,
    pub user: String,
    pub name: String,
    pub length: usize,
    pub alt_text: Option<String>,
    pub received: Option<Content>,
}

/// What is in a file.
#[derive(Clone, Serialize, Deserialize)]
pub struct Content {
    pub mimetype: String,
    #[serde(with = "crate::kept::base64")]
    pub bytes: Bytes,
}

/// A message that files will be shared in.
#[derive(Serialize, Deserialize)]
pub struct Sharing {
    pub due: i64,
    pub files: Vec<String>,
    pub user: String,
    pub channel: String,
    pub root: Option<Key>,
    /// The message, less its files.
    pub fields: Fields,
}

impl FakeSlack {
    /// Stores a file that somebody may then write a message with; its object, for [`Say::files`](super::Say).
    pub fn put_file(&self, user: &str, name: &str, mimetype: &str, bytes: &[u8]) -> Value {
        let mut workspace = self.workspace();
        let id = workspace.new_id("F");
        let content = Content { mimetype: mimetype.to_owned(), bytes: Bytes::copy_from_slice(bytes) };
        workspace.shelve(&id, user, name, None, content)
    }

    /// What is in a file.
    pub fn file_bytes(&self, id: &str) -> Option<Vec<u8>> {
        Some(self.workspace().shelf.contents.get(id)?.bytes.to_vec())
    }

    /// Takes the bytes of an upload; the text that answers them.
    ///
    /// # Errors
    /// The HTTP status and the text that answers them.
    pub fn receive(&self, upload: &str, mimetype: &str, bytes: Bytes) -> Result<String, (u16, &'static str)> {
        let mut workspace = self.workspace();
        let started = workspace.shelf.started.get_mut(upload).ok_or((404, "This upload is not known or over."))?;
        // What Slack answers to another length is not documented.
        if bytes.len() != started.length {
            return Err((400, "The length is another than was announced."));
        }
        let said = format!("OK - {}", bytes.len());
        started.received = Some(Content { mimetype: mimetype.to_owned(), bytes });
        Ok(said)
    }
}

impl Workspace<'_> {
    /// Makes a file's object and keeps both.
    pub fn shelve(&mut self, id: &str, user: &str, name: &str, alt_text: Option<String>, content: Content) -> Value {
        let more = json!({
            "id": id, "name": name, "title": name, "mimetype": content.mimetype, "size": content.bytes.len(),
        });
        let mut file = self.file_object(user, false, object(more));
        if let Some(alt_text) = alt_text {
            file.insert("alt_txt".into(), alt_text.into());
        }
        self.shelf.contents.insert(id.to_owned(), content);
        self.files.insert(id.to_owned(), Value::Object(file.clone()));
        Value::Object(file)
    }

    /// A file object as Slack shows it, with what is given in place of what is usual.
    pub fn file_object(&mut self, user: &str, public: bool, given: Fields) -> Fields {
        let text = |field: &str| given.get(field).and_then(Value::as_str).map(String::from);
        let id = text("id").unwrap_or_else(|| self.new_id("F"));
        let name = text("name").unwrap_or_else(|| "file.txt".to_owned());
        let kind = name.rsplit_once('.').map_or("text", |(_, ending)| ending).to_lowercase();
        let now = self.now.div_euclid(1000);
        let team = self.team_of(user);
        let (domain, base) = (&self.options.team_domain, self.options.base_url.trim_end_matches('/'));
        let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let encoded = encoded.replace('+', "%20");
        let path = format!("{base}/slack/files-pri/{team}-{id}");
        let mut whole = object(json!({
            "id": id, "created": now, "timestamp": now, "name": name, "title": name,
            "mimetype": "application/octet-stream", "filetype": kind, "pretty_type": kind.to_uppercase(),
            "user": user, "user_team": team, "editable": false, "size": 0, "mode": "hosted",
            "is_external": false, "external_type": "", "is_public": public, "public_url_shared": false,
            "display_as_bot": false, "username": "", "url_private": format!("{path}/{encoded}"),
            "url_private_download": format!("{path}/download/{encoded}"), "media_display_type": "unknown",
            "permalink": format!("https://{domain}.slack.com/files/{user}/{id}/{encoded}"),
            "permalink_public": format!("https://slack-files.com/{team}-{id}-0000000000"),
            "has_rich_preview": false, "file_access": "visible",
        }));
        whole.extend(given);
        whole
    }

    /// Shares what is due; every look at the workspace begins with it.
    pub fn share_what_is_due(&mut self) {
        while let Some(at) = self.shelf.sharing.iter().position(|sharing| sharing.due <= self.now) {
            let sharing = self.shelf.sharing.remove(at);
            self.share(sharing);
        }
    }

    /// When the next share falls due.
    pub fn next_share(&self) -> Option<i64> {
        self.shelf.sharing.iter().map(|sharing| sharing.due).min()
    }

    pub fn share_later(
        &mut self,
        files: Vec<String>,
        user: String,
        channel: String,
        root: Option<Key>,
        fields: Fields,
    ) {
        let due = self.now.saturating_add(SHARED_AFTER_MS);
        self.shelf.sharing.push(Sharing { due, files, user, channel, root, fields });
    }

    fn share(&mut self, sharing: Sharing) {
        let Sharing { files, user, channel, root, mut fields, .. } = sharing;
        let objects: Vec<Value> = files.iter().filter_map(|id| self.files.get(id).cloned()).collect();
        fields.extend(object(json!({
            "files": objects, "upload": false, "display_as_bot": false, "subtype": "file_share",
        })));
        let draft = Draft { channel: channel.clone(), root, author: user.clone(), broadcast: false, fields };
        // A channel that went away since takes no share, and nobody is told, as with Slack.
        let Ok(key) = self.post(draft) else { return };
        self.note_shares(&files, &user, &channel, key, root);
    }

    /// Writes into the files where they were shared, and tells the app.
    pub fn note_shares(&mut self, files: &[String], user: &str, channel: &str, key: Key, root: Option<Key>) {
        let Ok(place) = self.channel(channel) else { return };
        let (public, name) = (place.kind == Kind::Public, place.name.clone());
        let side = if public { "public" } else { "private" };
        for id in files {
            let mut share = json!({
                "ts": show::ts(key), "channel_name": name, "team_id": self.options.team_id, "share_user_id": user,
                "source": "UNKNOWN", "reply_users": [], "reply_users_count": 0, "reply_count": 0,
            });
            if let Some(root) = root {
                share["thread_ts"] = show::ts(root).into();
            }
            let Some(Value::Object(file)) = self.files.get_mut(id) else { continue };
            if public {
                file.insert("is_public".into(), true.into());
            }
            let list = if public { "channels" } else { "groups" };
            if let Value::Array(list) = file.entry(list).or_insert_with(|| json!([])) {
                list.push(channel.into());
            }
            let shares = file.entry("shares").or_insert_with(|| json!({}));
            match &mut shares[side][channel] {
                Value::Array(known) => known.push(share),
                none => *none = json!([share]),
            }
            let event = json!({
                "type": "file_shared", "file_id": id, "user_id": user, "file": {"id": id}, "channel_id": channel,
                "event_ts": show::ts(self.next_key()),
            });
            if self.app_is_in(channel) {
                self.tell("file_shared", &["files:read"], Some(channel), object(event));
            }
        }
    }

    /// Whether somebody may see a file: their own, or one that stands in a conversation they may read.
    pub fn sees_file(&self, user: &str, file: &Value) -> bool {
        let owner = file.get("user").and_then(Value::as_str) == Some(user);
        let shares = file.get("shares").and_then(Value::as_object);
        let channels = shares.into_iter().flat_map(|sides| sides.values()).filter_map(Value::as_object);
        let shared = channels
            .flat_map(|channels| channels.keys())
            .any(|channel| self.channel(channel).is_ok_and(|place| place.kind == Kind::Public || place.has(user)));
        owner || shared
    }
}
