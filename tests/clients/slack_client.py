"""Slack's own Python client against the fake: slack_client.py BASE_URL BOT_TOKEN PERSON_TOKEN."""

import sys

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    SectionBlock,
)
from slack_sdk.models.metadata import Metadata
from slack_sdk.webhook import WebhookClient

base, bot_token, person_token = sys.argv[1:4]
bot = WebClient(token=bot_token, base_url=f"{base}/slack/api/")
person = WebClient(token=person_token, base_url=f"{base}/slack/api/")


def refused(call, code, /, **arguments):
    try:
        call(**arguments)
    except SlackApiError as refusal:
        assert refusal.response["error"] == code, (code, refusal.response.data)
        return refusal.response
    raise AssertionError(f"{code} was expected")


me = bot.auth_test()
assert me["user_id"].startswith("U") and me["bot_id"].startswith("B") and me["url"].startswith("https://")
assert "chat:write" in me.headers["x-oauth-scopes"]
ann = person.auth_test()
assert "bot_id" not in ann.data
assert bot.api_test(foo="bar")["args"] == {"foo": "bar"}
refused(bot.api_test, "my_error", error="my_error")
refused(WebClient(token="xoxb-wrong", base_url=f"{base}/slack/api/").auth_test, "invalid_auth")
assert bot.team_info()["team"]["id"] == me["team_id"]
assert bot.bots_info(bot=me["bot_id"])["bot"]["user_id"] == me["user_id"]

channels = [channel for page in bot.conversations_list(limit=1) for channel in page["channels"]]
channel = next(channel["id"] for channel in channels if channel["name"] == "support")
assert bot.conversations_info(channel=channel, include_num_members=True)["channel"]["num_members"] == 3
members = [member for page in bot.conversations_members(channel=channel, limit=2) for member in page["members"]]
assert set(members) >= {me["user_id"], ann["user_id"]}
assert [found["id"] for found in bot.users_conversations()["channels"]] == [channel]
joined = bot.conversations_join(channel=channel)
assert joined["warning"] == "already_in_channel"

user = bot.users_info(user=ann["user_id"])["user"]
assert bot.users_lookupByEmail(email=user["profile"]["email"])["user"]["id"] == user["id"]
everybody = [member["id"] for page in bot.users_list(limit=2) for member in page["members"]]
assert user["id"] in everybody and len(everybody) == len(set(everybody))
refused(bot.users_info, "user_not_found", user="U0NOBODY")
refused(bot.users_lookupByEmail, "users_not_found", email="nobody@nowhere.example")

root = person.chat_postMessage(channel=channel, text="The *printer* is down <@" + me["user_id"] + ">")
assert root["message"]["user"] == ann["user_id"] and root["message"]["blocks"][0]["type"] == "rich_text"
blocks = [
    HeaderBlock(text="Side conversation"),
    SectionBlock(text=MarkdownTextObject(text="From *Zoe*")),
    ContextBlock(elements=[MarkdownTextObject(text="ticket 12")]),
    ActionsBlock(elements=[ButtonElement(text="Mark as done", action_id="done", value="12", style="primary")]),
]
card = bot.chat_postMessage(
    channel=channel,
    thread_ts=root["ts"],
    text="card",
    blocks=blocks,
    metadata=Metadata(event_type="mark", event_payload={"k": "1"}),
)
assert card["message"]["bot_id"] == me["bot_id"] and card["message"]["thread_ts"] == root["ts"]
for number in range(5):
    bot.chat_postMessage(channel=channel, thread_ts=root["ts"], text=f"reply {number}")
seen = []
for page in bot.conversations_replies(channel=channel, ts=root["ts"], limit=2, include_all_metadata=True):
    assert page["messages"][0]["ts"] == root["ts"]
    seen += page["messages"][1:]
assert len(seen) == 6 and seen[0]["metadata"]["event_payload"] == {"k": "1"}
plain = bot.conversations_history(channel=channel)
assert plain["messages"][0]["reply_count"] == 6

changed = bot.chat_update(channel=channel, ts=card["ts"], text="new text")
assert changed["text"] == "new text" and changed["message"]["edited"]["user"] == me["bot_id"]
refused(bot.chat_update, "cant_update_message", channel=channel, ts=root["ts"], text="x")
refused(bot.chat_update, "message_not_found", channel=channel, ts="1.000000", text="x")
link = bot.chat_getPermalink(channel=channel, message_ts=card["ts"])["permalink"]
assert link.endswith(f"?thread_ts={root['ts']}&cid={channel}")
bot.reactions_add(channel=channel, timestamp=root["ts"], name="eyes")
refused(bot.reactions_add, "already_reacted", channel=channel, timestamp=root["ts"], name="eyes")
assert bot.chat_postEphemeral(channel=channel, user=ann["user_id"], text="psst")["message_ts"]
assert bot.chat_delete(channel=channel, ts=card["ts"])["ts"] == card["ts"]
tombstone = person.chat_delete(channel=channel, ts=root["ts"])
assert tombstone["ok"]
kept = bot.conversations_replies(channel=channel, ts=root["ts"])["messages"]
assert kept[0]["subtype"] == "tombstone" and len(kept) == 6

direct = bot.conversations_open(users=[ann["user_id"]], return_im=True)
assert direct["channel"]["is_im"] and direct["channel"]["user"] == ann["user_id"]
refused(bot.chat_postMessage, "channel_not_found", channel="C0NOBODY", text="x")
long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
answer = refused(bot.chat_postMessage, "invalid_blocks", channel=channel, text="x", blocks=long)
assert "json-pointer:/blocks/0/text/text" in answer["response_metadata"]["messages"][0]
refused(bot.api_call, "unknown_method", api_method="chat.nonsense")
refused(bot.api_call, "invalid_arguments", api_method="users.info", json={"user": ann["user_id"]})

gone = WebhookClient(f"{base}/slack/response/nonsense").send(text="x")
assert gone.status_code == 404 and "expired_url" in gone.body
print("all is well")
