//! The other side: a fake Slack and a fake Zendesk.
