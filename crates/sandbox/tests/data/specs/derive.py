"""Derives what tests/fakes/spec.rs checks from the vendors' published descriptions: derive.py FOLDER > vendors.json

What is kept is facts only: the names and types of fields, and the codes of errors; no prose and no examples. FOLDER holds

- slack-method-reference.json.gz and slack-common-errors.json.gz: docs.slack.dev as JSON, from
  https://github.com/slack-ruby/slack-api-ref at f4837c0cb6dba1b1122ce66a5b69195ce47213f8 (MIT)
- zendesk.openapi.json.gz: Zendesk's OpenAPI description of its Support and Webhooks APIs, with the paths of side
  conversations written down from https://developer.zendesk.com (pages side_conversation, side_conversation_event)
"""

import gzip
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])

SLACK = """api.test auth.test bots.info chat.delete chat.getPermalink chat.postEphemeral chat.postMessage chat.update
conversations.history conversations.info conversations.join conversations.list conversations.members conversations.open
conversations.replies emoji.list files.completeUploadExternal files.delete files.getUploadURLExternal files.info
reactions.add reactions.get reactions.remove team.info usergroups.list users.conversations users.info users.list users.lookupByEmail
views.open views.publish views.push views.update""".split()

# The sandbox's name of a call, and the path that describes it.
ZENDESK = {
    "GET users/me": "/api/v2/users/me",
    "GET users": "/api/v2/users",
    "GET users/show_many": "/api/v2/users/show_many",
    "GET users/search": "/api/v2/users/search",
    "GET users/{id}": "/api/v2/users/{user_id}",
    "GET groups": "/api/v2/groups",
    "GET groups/{id}": "/api/v2/groups/{group_id}",
    "GET organizations": "/api/v2/organizations",
    "GET organizations/{id}": "/api/v2/organizations/{organization_id}",
    "GET brands": "/api/v2/brands",
    "GET account/settings": "/api/v2/account/settings",
    "GET tickets": "/api/v2/tickets",
    "GET tickets/show_many": "/api/v2/tickets/show_many",
    "GET tickets/{id}": "/api/v2/tickets/{ticket_id}",
    "GET tickets/{id}/comments": "/api/v2/tickets/{ticket_id}/comments",
    "GET tickets/{id}/audits": "/api/v2/tickets/{ticket_id}/audits",
    "GET tickets/{id}/side_conversations": "/api/v2/tickets/{ticket_id}/side_conversations",
    "GET tickets/{id}/side_conversations/{id}": "/api/v2/tickets/{ticket_id}/side_conversations/{side_conversation_id}",
    "GET …/events": "/api/v2/tickets/{ticket_id}/side_conversations/{side_conversation_id}/events",
    "GET side_conversations/events": "/api/v2/tickets/side_conversations/events",
    "GET search": "/api/v2/search",
    "GET triggers": "/api/v2/triggers",
    "GET triggers/{id}": "/api/v2/triggers/{trigger_id}",
    "GET triggers/definitions": "/api/v2/triggers/definitions",
    "GET webhooks": "/api/v2/webhooks",
    "GET webhooks/{id}": "/api/v2/webhooks/{webhook_id}",
    "GET webhooks/{id}/signing_secret": "/api/v2/webhooks/{webhook_id}/signing_secret",
    "GET webhooks/{id}/invocations": "/api/v2/webhooks/{webhook_id}/invocations",
    "GET macros": "/api/v2/macros",
    "GET macros/{id}": "/api/v2/macros/{macro_id}",
    "GET deleted_tickets": "/api/v2/deleted_tickets",
}


def load(name):
    with gzip.open(folder / name) as file:
        return json.load(file)


def kind(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def of_example(value, path, found):
    """The types at each path of an example."""
    found.setdefault(path, set()).add(kind(value))
    if isinstance(value, dict):
        for name, inner in value.items():
            of_example(inner, f"{path}.{name}", found)
    elif isinstance(value, list):
        for inner in value:
            of_example(inner, f"{path}[]", found)


def slack():
    reference = load("slack-method-reference.json.gz")
    common = load("slack-common-errors.json.gz")
    errors = sorted(code for group in common.values() for code in group["errors"])
    methods = {}
    for name in SLACK:
        method = reference[name]
        found = {}
        for label, example in method.get("examples", {}).items():
            example = example.get("example", example) if isinstance(example, dict) else example
            if isinstance(example, dict) and example.get("ok") is True:
                of_example(example, "", found)
        found.pop("", None)
        methods[name] = {
            "errors": sorted(method.get("errors", {})),
            "types": {path: sorted(kinds) for path, kinds in sorted(found.items())},
        }
    return {"common_errors": errors, "methods": methods}


def zendesk():
    spec = load("zendesk.openapi.json.gz")

    def resolved(schema):
        while "$ref" in schema:
            place = spec
            for part in schema["$ref"].split("/")[1:]:
                place = place[part]
            schema = place
        return schema

    names = {"integer": "number", "number": "number", "string": "string", "boolean": "boolean", "array": "array",
             "object": "object"}

    def walk(schema, path, found, depth):
        schema = resolved(schema)
        options = schema.get("oneOf", []) + schema.get("anyOf", [])
        for part in options + schema.get("allOf", []):
            walk(part, path, found, depth)
        kinds = found.setdefault(path, set())
        if "type" in schema:
            kinds.add(names[schema["type"]])
        elif not options and not schema.get("allOf") and "properties" not in schema:
            kinds.add("any")
        if schema.get("nullable"):
            kinds.add("null")
        if depth == 0:
            return
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{path}.{name}", found, depth - 1)
        if "items" in schema:
            walk(schema["items"], f"{path}[]", found, depth - 1)

    calls = {}
    for call, path in ZENDESK.items():
        operation = spec["paths"][path]["get"]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        found = {}
        walk(schema, "", found, 5)
        found.pop("", None)
        calls[call] = {path: sorted(kinds) for path, kinds in sorted(found.items()) if kinds and "any" not in kinds}
    return calls


json.dump({"slack": slack(), "zendesk": zendesk()}, sys.stdout, indent=0, ensure_ascii=False, sort_keys=True)
print()
