"""What schemathesis cannot know of a running server (see `api-fuzz`): who it is, what there is, and which maps the server has.

It is a guest wherever a player is asked for, the operator wherever the operator is. What it needs to get past the doors (a room that it
leads, a party, a ticket, a webhook) is made here and offered as examples in the document that it reads.
"""

import itertools
import json
import os
import urllib.request

import schemathesis

URL = os.environ["LOBBY_URL"]
# Nobody listens there.
HOOK = "http://127.0.0.1:9/"


def ask(path, body=None, bearer=None):
    head = {"Content-Type": "application/json"}
    if bearer:
        head["Authorization"] = f"Bearer {bearer}"
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(URL + path, data, head)))


def known():
    """Returns the bearers, and values that lead somewhere by the names of their parameters."""
    me = ask("/v1/guests", {"name": "Fuzzer"})
    player = me["secret"]
    with open(os.environ["OPERATOR_TOKEN_FILE"]) as file:
        operator = file.read().strip()
    room = ask("/v1/rooms", {"private": True, "password": "abc"}, player)
    files = ask("/v1/files")["files"]
    maps = [file["name"].split("/")[1].removesuffix(".map") for file in files if file["name"].startswith("maps/")]
    webhook = ask("/v1/webhooks", {"url": HOOK, "events": ["room.closed"]}, operator)
    ticket = ask("/v1/tickets", {"bots": False}, player)
    party = ask("/v1/parties", {}, player)
    return {"player": player, "operator": operator}, maps, {
        # The server's own stays whatever is asked; the other one can be closed.
        "room": [1, room["id"]],
        "player": [me["player"]],
        "ticket": [ticket["id"]],
        "webhook": [webhook["id"]],
        "session": [ask("/v1/rooms/1/seats", {}, player)["session"]],
        "sha256": [files[0]["sha256"]],
        "file": ["index.html"],
        "code": [room["invite"]["code"], party["code"]],
    }


BEARERS, MAPS, KNOWN = known()
NUMBERS = itertools.count()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says what is true of this server alone."""
    for path, item in raw_schema["paths"].items():
        for operation in item.values():
            for parameter in operation.get("parameters", []):
                values = KNOWN.get(parameter["name"], [])
                # Nobody but us is there, and nobody can send themselves away.
                if parameter["in"] != "path" or not values or "/members/{player}" in path:
                    continue
                values = values[::-1] if "/parties/" in path else values
                parameter["examples"] = {f"known{at}": {"value": value} for at, value in enumerate(values)}
    schemas = raw_schema["components"]["schemas"]
    for name in ["NewRoom", "RoomChange", "QuickJoin"]:
        schemas[name]["properties"]["map"] = {"enum": [*MAPS, None]}
    schemas["NewTicket"]["properties"]["party"] = {"type": "null"}
    schemas["NewWebhook"]["properties"]["url"] = {"type": "string", "enum": [HOOK]}


def whole(value):
    """JSON Schema counts 7.0 among the integers; the server does not."""
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes every key a new one, or the second request with the same would rightly be refused."""
    key = (case.headers or {}).get("Idempotency-Key")
    if key:
        case.headers["Idempotency-Key"] = f"{key}{next(NUMBERS)}"


# Asked for each request: which bearer it is depends on the operation.
@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Shows the bearer that the operation asks for, if it asks for any."""

    def get(self, case, context):
        for scheme in case.operation.definition.raw.get("security", []):
            for name in scheme:
                if name in BEARERS:
                    return BEARERS[name]
        return None

    def set(self, case, data, context):
        if data:
            case.headers["Authorization"] = f"Bearer {data}"
