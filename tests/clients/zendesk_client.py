"""Calls the fake Zendesk as clients in the wild do: plain HTTP, and zenpy where it is installed.

Usage: zendesk_client.py BASE_URL TICKET_ID SIDE_CONVERSATION_ID
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request

BASE, TICKET, CONVERSATION = sys.argv[1], int(sys.argv[2]), sys.argv[3]
EMAIL, TOKEN = "bridge@example.com", "sandbox-api-token"


def call(method, path, body=None, content_type="application/json", auth=True):
    url = path if path.startswith("http") else f"{BASE}/api/v2/{path}"
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("Content-Type", content_type)
    if auth:
        basic = base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def done(method, path, body=None, status=200, **options):
    got, _, raw = call(method, path, body, **options)
    assert got == status, (method, path, got, raw)
    return json.loads(raw)


def stdlib():
    me = done("GET", "users/me.json")["user"]
    assert me["role"] == "admin" and me["email"] == EMAIL
    assert done("GET", "users/me.json", auth=False) == {"user": {"name": "Anonymous user"}}
    done("GET", "tickets.json", status=401, auth=False)
    done("GET", "tickets/1.json", status=404)

    boundary = "xyz"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="n.txt"\r\nContent-Type: text/plain\r\n\r\n'
    form = head.encode() + b"hello\r\n" + f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    file = done("POST", "tickets/side_conversations/attachments.json", form, 201, content_type=kind)
    assert file["size"] == 5, file

    at = f"tickets/{TICKET}/side_conversations/{CONVERSATION}"
    message = {"body": "From Python", "to": [{"email": "someone@example.org"}], "attachment_ids": [file["id"]]}
    replied = done("POST", f"{at}/reply.json", {"message": message})
    assert replied["side_conversation"]["id"] == CONVERSATION
    events = done("GET", f"{at}/events.json")["events"]
    assert [event["type"] for event in events] == ["create", "reply"]
    attachment = events[1]["message"]["attachments"][0]
    assert call("GET", attachment["content_url"])[2] == b"hello"
    done("PUT", f"{at}.json", {"side_conversation": {"state": "closed"}})

    seen, url = {}, "tickets/side_conversations/events.json?start_time=0"
    while url:
        page = done("GET", url)
        seen.update((event["id"], event["type"]) for event in page["events"])
        url = page["next_page"]
    assert sorted(seen.values()) == ["create", "reply", "update"], seen

    listed = done("GET", f"tickets/{TICKET}/side_conversations.json?include=side_conversation_events")
    assert listed["side_conversations"][0]["state"] == "closed" and len(listed["events"]) == 3
    print("stdlib: ok")


def zenpy_client():
    try:
        from zenpy import Zenpy
        from zenpy.lib.api_objects import Comment, Ticket
    except ImportError as missing:
        print(f"zenpy: SKIPPED, {missing}")
        return

    os.environ["ZENPY_FORCE_SCHEME"], os.environ["ZENPY_FORCE_NETLOC"] = BASE.split("://")
    client = Zenpy(subdomain="sandbox", email=EMAIL, token=TOKEN, disable_cache=True)
    me = client.users.me()
    assert me.email == EMAIL
    ticket = client.tickets(id=TICKET)
    assert ticket.requester.name == "Customer"
    assert TICKET in [one.id for one in client.tickets()]
    ticket.comment = Comment(body="From zenpy", public=False)
    audit = client.tickets.update(ticket)
    assert audit.audit.events[0]["body"] == "From zenpy"
    comments = [comment.body for comment in client.tickets.comments(ticket=TICKET)]
    assert comments[-1] == "From zenpy", comments
    assert [audit for audit in client.tickets.audits(ticket=TICKET)]
    made = client.tickets.create(Ticket(subject="New", description="Made by zenpy"))
    assert made.ticket.status == "new"
    assert [user.name for user in client.users(ids=[me.id])] == ["Bridge"]
    assert [user.email for user in client.users.search(query="email:customer@example.com")] == ["customer@example.com"]
    assert [group.name for group in client.groups()] == ["Support"]
    print("zenpy: ok")


stdlib()
zenpy_client()
