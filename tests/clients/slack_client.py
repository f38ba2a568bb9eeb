"""Slack's own client for Python against the sandbox; tests/clients.rs runs it and says in SANDBOX where all is."""

import json
import os
import time
import urllib.parse
import urllib.request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    PlainTextInputElement,
    SectionBlock,
)
from slack_sdk.models.metadata import Metadata
from slack_sdk.models.views import View
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook import WebhookClient

sandbox = json.loads(os.environ["SANDBOX"])
base, people, channels, stage = (sandbox[name] for name in ("base", "people", "channels", "stage"))
support, marta = channels["support-engineering"], people["marta"]


def client(token, at=base, **more):
    return WebClient(token=token, base_url=f"{at}/slack/api/", **more)


bot, person = client(sandbox["bot"]), client(marta["token"])


def refused(call, code, /, **arguments):
    try:
        call(**arguments)
    except SlackApiError as refusal:
        assert refusal.response["error"] == code, (code, refusal.response.data)
        return refusal.response
    raise AssertionError(f"{code} was expected")


def post(url, body):
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def who_is_who():
    me = bot.auth_test()
    assert me["user_id"].startswith("U") and me["bot_id"].startswith("B") and me["url"].startswith("https://")
    assert "chat:write" in me.headers["x-oauth-scopes"]
    assert "bot_id" not in person.auth_test().data
    assert bot.api_test(foo="bar")["args"] == {"foo": "bar"}
    refused(bot.api_test, "my_error", error="my_error")
    refused(client("xoxb-wrong").auth_test, "invalid_auth")
    assert bot.team_info()["team"]["id"] == me["team_id"]
    assert bot.bots_info(bot=me["bot_id"])["bot"]["user_id"] == me["user_id"]
    user = bot.users_info(user=marta["id"])["user"]
    assert bot.users_lookupByEmail(email=user["profile"]["email"])["user"]["id"] == user["id"]
    everybody = [member["id"] for page in bot.users_list(limit=3) for member in page["members"]]
    assert user["id"] in everybody and len(everybody) == len(set(everybody))
    refused(bot.users_info, "user_not_found", user="U0NOBODY")
    refused(bot.users_lookupByEmail, "users_not_found", email="nobody@nowhere.example")
    refused(bot.api_call, "unknown_method", api_method="chat.nonsense")
    refused(bot.api_call, "invalid_arguments", api_method="users.info", json={"user": marta["id"]})
    return me


def places(me):
    listed = [channel for page in bot.conversations_list(limit=2) for channel in page["channels"]]
    assert next(channel["id"] for channel in listed if channel["name"] == "support-engineering") == support
    number = bot.conversations_info(channel=support, include_num_members=True)["channel"]["num_members"]
    members = [one for page in bot.conversations_members(channel=support, limit=2) for one in page["members"]]
    assert len(members) == number and {me["user_id"], marta["id"]} <= set(members)
    assert support in [found["id"] for found in bot.users_conversations()["channels"]]
    assert bot.conversations_join(channel=support)["warning"] == "already_in_channel"
    direct = bot.conversations_open(users=[marta["id"]], return_im=True)
    assert direct["channel"]["is_im"] and direct["channel"]["user"] == marta["id"]
    refused(bot.chat_postMessage, "channel_not_found", channel="C0NOBODY", text="x")
    refused(bot.chat_postMessage, "channel_not_found", channel=channels["vip-escalations"], text="x")


def messages(me):
    root = person.chat_postMessage(channel=support, text=f"The *printer* is down <@{me['user_id']}>")
    assert root["message"]["user"] == marta["id"] and root["message"]["blocks"][0]["type"] == "rich_text"
    card = bot.chat_postMessage(
        channel=support,
        thread_ts=root["ts"],
        text="card",
        blocks=[
            HeaderBlock(text="Side conversation"),
            SectionBlock(text=MarkdownTextObject(text="From *Zoé*")),
            ContextBlock(elements=[MarkdownTextObject(text="ticket 12")]),
            ActionsBlock(elements=[ButtonElement(text="Mark as done", action_id="done", value="12", style="primary")]),
        ],
        metadata=Metadata(event_type="mark", event_payload={"k": "1"}),
    )
    assert card["message"]["bot_id"] == me["bot_id"] and card["message"]["thread_ts"] == root["ts"]
    for number in range(5):
        bot.chat_postMessage(channel=support, thread_ts=root["ts"], text=f"reply {number}")
    seen = []
    for page in bot.conversations_replies(channel=support, ts=root["ts"], limit=2, include_all_metadata=True):
        assert page["messages"][0]["ts"] == root["ts"]
        seen += page["messages"][1:]
    assert len(seen) == 6 and seen[0]["metadata"]["event_payload"] == {"k": "1"}
    assert bot.conversations_history(channel=support)["messages"][0]["reply_count"] == 6

    changed = bot.chat_update(channel=support, ts=card["ts"], text="new text")
    assert changed["text"] == "new text" and changed["message"]["edited"]["user"] == me["bot_id"]
    refused(bot.chat_update, "cant_update_message", channel=support, ts=root["ts"], text="x")
    refused(bot.chat_update, "message_not_found", channel=support, ts="1.000000", text="x")
    link = bot.chat_getPermalink(channel=support, message_ts=card["ts"])["permalink"]
    assert link.endswith(f"?thread_ts={root['ts']}&cid={support}")
    bot.reactions_add(channel=support, timestamp=root["ts"], name="eyes")
    refused(bot.reactions_add, "already_reacted", channel=support, timestamp=root["ts"], name="eyes")
    [reaction] = bot.reactions_get(channel=support, timestamp=root["ts"])["message"]["reactions"]
    assert reaction == {"name": "eyes", "count": 1, "users": [me["user_id"]]}
    bot.reactions_remove(channel=support, timestamp=root["ts"], name="eyes")
    assert bot.chat_postEphemeral(channel=support, user=marta["id"], text="psst")["message_ts"]
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    answer = refused(bot.chat_postMessage, "invalid_blocks", channel=support, text="x", blocks=long)
    assert "json-pointer:/blocks/0/text/text" in answer["response_metadata"]["messages"][0]
    assert bot.chat_delete(channel=support, ts=card["ts"])["ts"] == card["ts"]
    assert person.chat_delete(channel=support, ts=root["ts"])["ok"]
    kept = bot.conversations_replies(channel=support, ts=root["ts"])["messages"]
    assert kept[0]["subtype"] == "tombstone" and len(kept) == 6


def files():
    root = person.chat_postMessage(channel=support, text="Here they come")["ts"]
    uploads = [{"content": b"\x00\x01\xff\r\n--", "filename": "a.bin"}, {"content": "ąę", "filename": "b.txt"}]
    done = bot.files_upload_v2(channel=support, thread_ts=root, initial_comment="Two files", file_uploads=uploads)
    first, second = (file["id"] for file in done["files"])
    file = bot.files_info(file=first)["file"]
    assert (file["name"], file["size"]) == ("a.bin", 7), file
    request = urllib.request.Request(file["url_private_download"], headers={"authorization": f"Bearer {bot.token}"})
    assert urllib.request.urlopen(request, timeout=10).read() == b"\x00\x01\xff\r\n--"
    stranger = urllib.request.urlopen(file["url_private_download"], timeout=10)
    assert stranger.headers["content-type"].startswith("text/html")
    shared = []
    while not shared:
        replies = bot.conversations_replies(channel=support, ts=root)["messages"]
        shared = [message for message in replies if len(message.get("files", [])) == 2]
        time.sleep(0.05)
    assert shared[0]["text"] == "Two files"
    assert bot.files_delete(file=second)["ok"]
    refused(bot.files_info, "file_deleted", file=second)


def limits():
    fault = {"vendor": "slack", "call": "users.info", "fault": "rate_limited", "retry_after": 1, "times": 1}
    post(f"{base}/sandbox/faults", [fault])
    answer = refused(bot.users_info, "ratelimited", user=marta["id"])
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "1"
    post(f"{base}/sandbox/faults", [fault])
    patient = client(sandbox["bot"], retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)])
    began = time.monotonic()
    assert patient.users_info(user=marta["id"])["ok"] and time.monotonic() - began >= 1


def act(**asked):
    """Somebody acts in the firm of the test, and the app reads what Slack sends it."""
    told = post(f"{stage['base']}/act", asked)
    assert told["error"] is None, told
    verifier = SignatureVerifier(stage["signing_secret"])
    payloads = []
    for sent in told["sent"]:
        assert verifier.is_valid_request(sent["body"], sent["headers"]), sent
        if sent["headers"]["content-type"] == "application/json":
            payloads.append(json.loads(sent["body"]))
            continue
        form = dict(urllib.parse.parse_qsl(sent["body"], keep_blank_values=True))
        payloads.append(json.loads(form["payload"]) if "payload" in form else form)
    return told, payloads


def modal(title):
    field = InputBlock(block_id="why", label="Why", element=PlainTextInputElement(action_id="text"))
    return View(type="modal", title=title, submit="Send", blocks=[field])


def as_the_app():
    app, wanjiru = client(stage["bot"], stage["base"]), people["wanjiru"]["id"]
    command = {"act": "command", "user": wanjiru, "channel": support, "name": "/side-convo", "text": "help"}
    _, [first] = act(**command)
    opened = app.views_open(trigger_id=first["trigger_id"], view=modal("Ask"))["view"]
    refused(app.views_open, "exchanged_trigger_id", trigger_id=first["trigger_id"], view=modal("Ask"))
    _, [second] = act(**command)
    pushed = app.views_push(trigger_id=second["trigger_id"], view=modal("Sure?"))["view"]
    assert pushed["previous_view_id"] == opened["id"]
    updated = app.views_update(view_id=pushed["id"], hash=pushed["hash"], view=modal("Really?"))["view"]
    assert updated["title"]["text"] == "Really?"
    refused(app.views_update, "hash_conflict", view_id=pushed["id"], hash=pushed["hash"], view=modal("x"))
    values = {"why": {"text": {"type": "plain_text_input", "value": "Because"}}}
    told, [submitted] = act(act="submit", user=wanjiru, values=values, answer={"response_action": "clear"})
    assert submitted["view"]["state"]["values"] == values and told["modals"] == []
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    assert app.views_publish(user_id=wanjiru, view=home)["view"]["type"] == "home"

    said = WebhookClient(second["response_url"]).send(text="Only to you")
    assert (said.status_code, said.body) == (200, "ok")
    actions = ActionsBlock(elements=[ButtonElement(text="Done", action_id="done", value="1")])
    card = app.chat_postMessage(channel=support, text="card", blocks=[actions])
    told, payloads = act(act="press", user=wanjiru, channel=support, ts=card["ts"], name="done")
    assert told["ephemerals"][-1]["text"] == "Only to you"
    [pressed] = [payload for payload in payloads if payload["type"] == "block_actions"]
    assert pressed["actions"][0]["value"] == "1"
    assert WebhookClient(pressed["response_url"]).send(text="done", replace_original=True).status_code == 200
    assert app.conversations_history(channel=support, limit=1)["messages"][0]["text"] == "done"
    gone = WebhookClient(f"{stage['base']}/slack/response/nonsense").send(text="x")
    assert gone.status_code == 404 and "expired_url" in gone.body


post(f"{base}/sandbox/limits", {"limits": "off"})
me = who_is_who()
places(me)
messages(me)
files()
limits()
as_the_app()
print("all is well")
