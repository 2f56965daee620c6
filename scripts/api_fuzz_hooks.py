"""What schemathesis cannot know of a running server (see `api-fuzz`): who it is, what there is, and which maps the server has.

It is a guest wherever a player is asked for, the operator wherever the operator is. What it needs to get past the doors is put into its
questions just before they are asked, in place of the numbers and codes that it has made up; one in eight keeps those. Questions that are meant
to be wrong stay wrong. All answers are counted, so that `api_fuzz_tally.py` can tell which operations were never more than refused.
"""

import atexit
import itertools
import json
import os
import struct
from collections import Counter, defaultdict

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from api_fuzz_world import HOOK, World

WORLD = World()
BEARERS = {"player": WORLD.me["secret"], "operator": WORLD.operator}
NUMBERS = itertools.count()
# By operation: how often which status was answered.
TALLY = defaultdict(Counter)
# By path: the last version seen of what is there.
ETAGS = {}


def as_guest(case, guest):
    """Asks as another guest, if as anybody."""
    if case.headers.get("Authorization") == f"Bearer {WORLD.me['secret']}":
        case.headers["Authorization"] = f"Bearer {guest['secret']}"


def member(case):
    room, player = WORLD.member()
    as_guest(case, WORLD.warden)
    return {"room": room, "player": player}


def ward(case):
    room = WORLD.ward()
    as_guest(case, WORLD.warden)
    return {"room": room}


def proposal(case, *wanted):
    ticket, guest = WORLD.proposal(wanted)
    as_guest(case, guest)
    return {"ticket": ticket}


def party(case, code):
    as_guest(case, WORLD.partisan)
    return {"code": code}


# What leads somewhere, by path and, where that is not the same for all of them, by method.
LIVE = {
    "/docs/{file}": lambda case: {"file": "index.html"},
    "/join/{code}": lambda case: {"code": WORLD.code()},
    "/play/{file}": lambda case: {"file": "part.js"},
    "/v1/console/rooms/{room}": lambda case: {"room": WORLD.spare_room()},
    "/v1/console/rooms/{room}/members/{player}": member,
    "/v1/files/{sha256}": lambda case: {"sha256": WORLD.sha256},
    "/v1/invites/{code}": lambda case: {"code": WORLD.code()},
    "/v1/invites/{code}/seats": lambda case: {"code": WORLD.code()},
    "/v1/link/http/{link}": lambda case: {"link": WORLD.link["link"]},
    "/v1/matches/{match}": lambda case: {"match": WORLD.match()},
    "/v1/parties/{code}": lambda case: party(case, WORLD.party(WORLD.partisan)),
    "/v1/parties/{code}/members": lambda case: party(case, WORLD.other_party()),
    "/v1/parties/{code}/members/me": lambda case: party(case, WORLD.party(WORLD.partisan)),
    "/v1/players/{player}": lambda case: {"player": WORLD.me["player"]},
    "/v1/players/me/weather/doors": lambda case: WORLD.weather(),
    "/v1/players/{player}/matches": lambda case: {"player": WORLD.me["player"]},
    "/v1/rooms/{room}": lambda case: {"room": WORLD.own_room()},
    "/v1/rooms/{room}/invite": lambda case: {"room": WORLD.own_room()},
    "/v1/rooms/{room}/members": lambda case: {"room": WORLD.own_room()},
    "/v1/rooms/{room}/members/{player}": member,
    "/v1/rooms/{room}/seats": lambda case: {"room": WORLD.own_room()},
    "/v1/rooms/{room}/start": ward,
    "/v1/sessions/{session}/endpoints": lambda case: {"session": WORLD.session},
    "/v1/tickets/{ticket}": lambda case: {"ticket": WORLD.ticket()},
    "/v1/tickets/{ticket}/accept": lambda case: proposal(case, "proposed"),
    "/v1/tickets/{ticket}/decline": lambda case: proposal(case, "proposed", "declined"),
    "/v1/webhooks/{webhook}": lambda case: {"webhook": WORLD.webhook()},
    "/v1/webhooks/{webhook}/deliveries": lambda case: {"webhook": WORLD.webhook()},
    "/v1/webhooks/{webhook}/test": lambda case: {"webhook": WORLD.webhook()},
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Says what is true of this server alone."""
    schemas = raw_schema["components"]["schemas"]
    for name in ["NewRoom", "RoomChange", "QuickJoin"]:
        schemas[name]["properties"]["map"] = {"enum": [*WORLD.maps, None]}
    schemas["NewTicket"]["properties"]["party"] = {"type": "null"}
    schemas["WeatherOrder"]["properties"]["weather"] = {"type": "string", "enum": ["calm", "bad", "delay=40,loss=5,seed=7"]}
    schemas["NewDoor"]["properties"]["wire"] = {"type": "string", "enum": ["websocket", "http", "webtransport"]}
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


def asked(case):
    """Returns the operation, or none for a method that the path does not have."""
    method = case.operation.method.upper()
    return f"{method} {case.operation.path}" if case.method.upper() == method else None


def is_wrong(case, location):
    return case.meta is not None and case.meta.is_negative_at(location)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts into the question what leads somewhere."""
    number = next(NUMBERS)
    # A key that was used before would rightly be refused.
    if key := (case.headers or {}).get("Idempotency-Key"):
        case.headers["Idempotency-Key"] = f"{key}{number}"
    operation = asked(case)
    if operation is None:
        return
    if operation == "POST /v1/rooms":
        as_guest(case, WORLD.builder)
    if operation == "POST /v1/tickets":
        as_guest(case, WORLD.applicant)
    live = LIVE.get(case.operation.path)
    if live and number % 8 and not is_wrong(case, ParameterLocation.PATH):
        case.path_parameters = {**case.path_parameters, **live(case)}
    if operation == "GET /v1/link/http/{link}":
        case.query = {"seen": 0, "wait": 0}
    if operation == "POST /v1/link/http/{link}":
        # The first body of a link, without frames.
        kwargs["data"] = struct.pack("<II", 1, 1)
        case.headers["Content-Type"] = "application/octet-stream"
    # That waits, a second is as good as 25.
    if (case.query or {}).get("wait") and case.headers.get("If-None-Match") and not is_wrong(case, ParameterLocation.QUERY):
        case.query = {**case.query, "wait": 1}
    tagged = any(parameter.name == "If-None-Match" for parameter in case.operation.headers)
    if tagged and number % 4 == 0 and "wait" not in (case.query or {}) and not is_wrong(case, ParameterLocation.HEADER):
        if tag := ETAGS.get(case.formatted_path):
            case.headers["If-None-Match"] = tag


@schemathesis.hook
def after_call(context, case, response):
    """Counts the answer, and takes back what would be in the way of the next question."""
    operation = asked(case)
    if operation is None:
        return
    TALLY[operation][response.status_code] += 1
    if tag := response.headers.get("etag"):
        ETAGS[case.formatted_path] = tag[0]
    if response.status_code != 201:
        return
    if operation == "POST /v1/rooms":
        WORLD.call("DELETE", f"/v1/rooms/{response.json()['id']}", None, WORLD.builder)
    if operation == "POST /v1/tickets":
        WORLD.call("DELETE", f"/v1/tickets/{response.json()['id']}", None, WORLD.applicant)
    if operation == "POST /v1/webhooks":
        WORLD.call("DELETE", f"/v1/webhooks/{response.json()['id']}", None, WORLD.operator)


@atexit.register
def write_tally():
    with open(os.environ["TALLY_FILE"], "w") as file:
        json.dump(TALLY, file)


# Asked for each request: which bearer it is depends on the operation.
@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Shows the bearer that the operation asks for, if it asks for any."""

    def get(self, case, context):
        for scheme in case.operation.definition.raw.get("security", []):
            for name in scheme:
                if name == "link":
                    return WORLD.open_link()["bearer"]
                if name in BEARERS:
                    return BEARERS[name]
        return None

    def set(self, case, data, context):
        if data:
            case.headers["Authorization"] = f"Bearer {data}"
