"""zenpy against the sandbox; tests/clients.rs runs it and says in SANDBOX where all is.

zenpy knows no side conversations: those are asked for over its own session.
"""

import json
import os
import urllib.request

sandbox = json.loads(os.environ["SANDBOX"])
base = sandbox["base"]
os.environ["ZENPY_FORCE_SCHEME"], os.environ["ZENPY_FORCE_NETLOC"] = f"{base}/zendesk".split("://")

import requests
from zenpy import Zenpy
from zenpy.lib.api_objects import Comment, Ticket, Trigger, Webhook
from zenpy.lib.exception import APIException, RecordNotFoundException

API = f"{base}/zendesk/api/v2"


def client(token):
    return Zenpy(subdomain="sandbox", oauth_token=token, disable_cache=True)


def session(token):
    made = requests.Session()
    made.headers["Authorization"] = f"Bearer {token}"
    return made


agent, admin = client(sandbox["agents"]["Marta Figueiredo"]), client(sandbox["agents"]["Wanjiru Kamau"])


def refused(call, status, kind=APIException, /, **arguments):
    try:
        call(**arguments)
    except kind as refusal:
        assert refusal.response.status_code == status, refusal.response.text
        return refusal
    raise AssertionError(f"{status} was expected")


def fault(**rule):
    body = json.dumps([{"vendor": "zendesk", "times": 1, **rule}]).encode()
    urllib.request.urlopen(f"{base}/sandbox/faults", data=body, timeout=10).read()


def the_apps_own_user():
    asked = {"grant_type": "client_credentials", "client_id": sandbox["client_id"], "scope": "read write"}
    answer = requests.post(f"{base}/zendesk/oauth/tokens", json={**asked, "client_secret": sandbox["client_secret"]})
    token = answer.json()["access_token"]
    me = client(token).users.me()
    assert (me.role, me.email) == ("admin", "sidethread@acme.example")
    refused(lambda: client("nonsense").tickets(id=1), 401)
    wrong = requests.post(f"{base}/zendesk/oauth/tokens", json={**asked, "client_secret": "wrong"})
    assert wrong.status_code == 401 and wrong.json()["error"] == "invalid_client", wrong.text
    return token


def people():
    me = agent.users.me()
    assert (me.name, me.role) == ("Marta Figueiredo", "agent")
    assert agent.users(id=me.id).email == "marta@acme.example"
    everybody = {user.email: user.id for user in agent.users()}
    assert len(everybody) > 10
    some = list(everybody.values())[:3]
    assert sorted(user.id for user in agent.users(ids=some)) == sorted(some)
    [found] = agent.users.search(query="email:tanaka@kissaten-audio.example")
    assert found.name == "Haruka Tanaka" and found.locale == "ja"
    assert "Billing" in [group.name for group in agent.groups()]
    assert "Fontaine Optique" in [organization.name for organization in agent.organizations()]
    assert len(list(agent.brands())) == 1
    refused(agent.users, 404, RecordNotFoundException, id=1)


def tickets():
    made = agent.tickets.create(Ticket(subject="Étiqueteuse en panne", description="Rien ne sort", tags=["zenpy"]))
    one = made.ticket
    assert (one.status, one.tags) == ("new", ["zenpy"]) and made.audit.events[0]["body"] == "Rien ne sort"
    other = agent.tickets.create(Ticket(subject="The same again", description="Nothing comes out")).ticket
    one.comment, one.status = Comment(body="Internal", public=False), "open"
    assert agent.tickets.update(one).ticket.status == "open"
    comments = [(comment.body, comment.public) for comment in agent.tickets.comments(ticket=one.id)]
    assert comments == [("Rien ne sort", True), ("Internal", False)]
    audits = list(agent.tickets.audits(ticket=one.id))
    assert "status" in [event.get("field_name") for event in audits[1].events]
    assert sorted(ticket.id for ticket in agent.tickets()) == sorted([one.id, other.id])
    assert len(list(agent.tickets(ids=[one.id, other.id]))) == 2
    assert sorted(agent.tickets.add_tags(one.id, ["second"])) == ["second", "zenpy"]
    assert [hit.id for hit in agent.search("étiqueteuse tags:second", type="ticket")] == [one.id]

    job = agent.tickets.merge(one, other, target_comment="Merged", source_comment="See there")
    job = agent.job_status(id=job.id)
    assert job.status == "completed", job.to_dict()
    assert agent.tickets(id=other.id).status == "closed"
    late = agent.tickets(id=other.id)
    late.comment = Comment(body="late")
    assert "RecordInvalid" in refused(lambda: agent.tickets.update(late), 422).response.text
    agent.tickets.delete(other)
    refused(agent.tickets, 404, RecordNotFoundException, id=other.id)
    assert other.id in [ticket.id for ticket in agent.tickets.deleted()]
    agent.tickets.restore(other.id)
    assert agent.tickets(id=other.id).id == other.id
    return one.id


def side_conversations(ticket, token):
    http, app = session(sandbox["agents"]["Marta Figueiredo"]), session(token)
    at = f"{API}/tickets/{ticket}/side_conversations"
    upload = {"file": ("n.txt", "Grüße".encode(), "text/plain")}
    file = http.post(f"{API}/tickets/side_conversations/attachments.json", files=upload)
    assert file.status_code == 201 and file.json()["size"] == 7, file.text
    message = {"subject": "Où est le colis ?", "body": "Bonjour", "attachment_ids": [file.json()["id"]]}
    message["to"] = [{"email": "entrepot@transports-mercier.example"}]
    made = http.post(at, json={"message": message})
    assert made.status_code == 201, made.text
    one = made.json()["side_conversation"]["id"]
    reply = {"body": "And now?", "external_ids": {"mark": "7"}, "to": message["to"]}
    assert app.post(f"{at}/{one}/reply", json={"message": reply}).json()["side_conversation"]["id"] == one
    http.put(f"{at}/{one}", json={"side_conversation": {"state": "closed"}}).raise_for_status()
    events = http.get(f"{at}/{one}/events.json").json()["events"]
    assert [event["type"] for event in events] == ["create", "reply", "update"]
    assert events[1]["message"]["external_ids"] == {"mark": "7"}
    assert http.get(events[0]["message"]["attachments"][0]["content_url"]).content == "Grüße".encode()
    listed = http.get(f"{at}.json?include=side_conversation_events").json()
    assert listed["side_conversations"][0]["state"] == "closed" and len(listed["events"]) == 3
    fed, url = [], f"{API}/tickets/side_conversations/events.json?start_time=0"
    while url:
        page = app.get(url).json()
        fed += [event["type"] for event in page["events"]]
        url = page["next_page"]
    assert fed == ["create", "reply", "update"]
    assert http.get(f"{at}/00000000-0000-0000-0000-000000000000").status_code == 404


def rules():
    hook = {"name": "Mine", "endpoint": f"{base}/elsewhere", "http_method": "POST", "request_format": "json"}
    new = Webhook(status="active", subscriptions=["conditional_ticket_events"], **hook)
    made = admin.webhooks.create(new)
    assert "Mine" in [one.name for one in admin.webhooks.list()]
    assert admin.webhooks.show_secret(made).secret
    assert admin.webhooks.test(made, {"payload": "{}"}).status_code == 404
    assert list(admin.webhooks.invocations(made)) == []
    action = {"field": "notification_webhook", "value": [made.id, '{"id": "{{ticket.id}}"}']}
    conditions = {"all": [], "any": [{"field": "status", "operator": "changed"}]}
    trigger = admin.triggers.create(Trigger(title="Mine too", actions=[action], conditions=conditions))
    assert trigger.id in [one.id for one in admin.triggers()]
    trigger.active = False
    assert admin.triggers.update(trigger).active is False
    refused(lambda: admin.webhooks.delete(made), 400)
    admin.triggers.delete(trigger)
    admin.webhooks.delete(made)
    refused(lambda: admin.webhooks(id=made.id), 404)
    refused(lambda: agent.webhooks.create(new), 403)


def limits(ticket):
    # zenpy waits as long as it is told, and asks again.
    fault(call="GET tickets/{id}", fault="rate_limited", retry_after=1)
    assert agent.tickets(id=ticket).id == ticket
    fault(call="GET tickets/{id}", fault="status", status=503)
    refused(agent.tickets, 503, requests.HTTPError, id=ticket)
    fault(call="GET tickets/{id}", fault="token_revoked")
    refused(agent.tickets, 401, id=ticket)


token = the_apps_own_user()
people()
ticket = tickets()
side_conversations(ticket, token)
rules()
limits(ticket)
print("all is well")
