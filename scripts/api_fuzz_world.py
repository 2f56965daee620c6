"""What there has to be on the server before a question of `api-fuzz` can be answered with more than 404: guests, rooms with somebody in them,
tickets, parties, webhooks, links, a finished match. Everything is looked at before it is used, and made anew if a question has ended it.
"""

import base64
import itertools
import os
import socket
import struct
import time

import requests
from urllib3.util.retry import Retry

URL = os.environ["LOBBY_URL"]
# Nobody listens there.
HOOK = "http://127.0.0.1:9/"
# So many tickets at once are a match at once.
PLAYERS_OF_A_MATCH = 8


class World:
    def __init__(self):
        self.http = requests.Session()
        # The server ends connections after a while, whatever is on its way.
        self.http.mount("http://", requests.adapters.HTTPAdapter(max_retries=Retry(3, allowed_methods=None)))
        self.numbers = itertools.count(1)
        self.protocol = self.get("/healthz")["protocol"]
        with open(os.environ["OPERATOR_TOKEN_FILE"]) as file:
            self.operator = file.read().strip()
        files = self.get("/v1/files")["files"]
        self.maps = [file["name"].split("/")[1].removesuffix(".map") for file in files if file["name"].startswith("maps/")]
        self.sha256 = files[0]["sha256"]
        # Each does one thing, so that none is in another's way: nobody may lead two rooms, or wait with two tickets.
        self.me, self.builder, self.landlord, self.warden = (self.guest() for _ in range(4))
        self.applicant, self.partisan, self.founder = (self.guest() for _ in range(3))
        self.crowd = [(self.guest(), None) for _ in range(PLAYERS_OF_A_MATCH)]
        self.session = self.post("/v1/rooms/1/seats", {}, self.me)["session"]
        self.led = {}
        self.kept = {}
        self.play()

    # Calls.

    def call(self, method, path, body=None, bearer=None):
        """Asks as `bearer`, which is a guest, a bearer itself or nobody. Waits where the server asks for patience."""
        secret = bearer["secret"] if isinstance(bearer, dict) else bearer
        head = {"Authorization": f"Bearer {secret}"} if secret else {}
        for _ in range(40):
            answer = self.http.request(method, URL + path, json=body, headers=head, timeout=10)
            if answer.status_code not in (429, 503):
                return answer
            time.sleep(0.25)
        return answer

    def get(self, path, bearer=None):
        answer = self.call("GET", path, None, bearer)
        return answer.json() if answer.ok else None

    def post(self, path, body=None, bearer=None):
        answer = self.call("POST", path, body, bearer)
        assert answer.ok, f"POST {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def once(self, name, path, make, bearer):
        """Returns what is kept as `name` if it is still there, by `path`; else makes it."""
        kept = self.kept.get(name)
        if kept is None or self.get(path(kept), bearer) is None:
            kept = self.kept[name] = make()
        return kept

    # What there is.

    def guest(self):
        return self.post("/v1/guests", {"name": f"Fuzzer {next(self.numbers)}"})

    def room(self, leader, **wish):
        """Returns the room that `leader` leads, as the list shows it."""
        number = self.led.get(leader["player"])
        found = number and self.get(f"/v1/rooms/{number}", leader)
        if not found:
            answer = self.call("POST", "/v1/rooms", wish, leader)
            if answer.status_code == 409:
                # They lead one that we have lost sight of.
                self.call("DELETE", answer.headers["Location"], None, leader)
                answer = self.call("POST", "/v1/rooms", wish, leader)
            found = answer.json()
            self.led[leader["player"]] = found["id"]
        return found

    def weather(self):
        """Orders some, so that a door can be opened through it. No number in the path is asked for."""
        self.call("PUT", "/v1/players/me/weather", {"weather": "calm"}, self.me)
        return {}

    def own_room(self):
        return self.room(self.me, private=True, password="abc", name="Mine")["id"]

    def spare_room(self):
        return self.room(self.landlord)["id"]

    def code(self):
        return self.get(f"/v1/rooms/{self.own_room()}/invite", self.me)["code"]

    def sit_down(self, guest, room, leader):
        """Takes a seat in `room` over `tcp` (docs/PROTOCOL.md, 4.5 and 7) and waits until its leader sees it. The seat outlives the link.

        Questions with numbers that were made up may close the room at any moment."""
        grant = self.post(f"/v1/rooms/{room}/seats", {}, guest)
        proof = base64.urlsafe_b64decode(grant["proof"] + "==")
        length = bytes([len(proof)]) if len(proof) < 251 else b"\xfb" + struct.pack("<H", len(proof))
        hello = b"\x01XWIR" + struct.pack("<H", self.protocol) + b"\x00" + length + proof
        host, port = grant["endpoints"]["tcp"]["addr"].rsplit(":", 1)
        link = socket.create_connection((host.strip("[]"), int(port)), 5)
        link.sendall(b"CWT1\x00" + struct.pack("<IB", len(hello) + 1, 0) + hello)
        for _ in range(200):
            inside = self.get(f"/v1/rooms/{room}/members", leader)
            if inside is None or any(member["player"] == guest["player"] for member in inside["members"]):
                break
            time.sleep(0.01)
        return link

    def ward(self):
        """Returns a room in which the warden sits and leads. They are somebody new when their seat is lost: the room has another host then."""
        room = self.room(self.warden, seats=64, bots=1, name="Ward")
        inside = self.get(f"/v1/rooms/{room['id']}/members", self.warden)
        if not inside or not any(member["player"] == self.warden["player"] for member in inside["members"]):
            self.warden = self.guest()
            room = self.room(self.warden, seats=64, bots=1, name="Ward")
            self.sit_down(self.warden, room["id"], self.warden).close()
        return room["id"]

    def member(self):
        """Returns a room that the warden leads, and somebody new in it."""
        room, guest = self.ward(), self.guest()
        self.sit_down(guest, room, self.warden).close()
        return room, guest["player"]

    def play(self):
        """Begins a match of one person and a bot; it is over ten seconds later."""
        player = self.guest()
        room = self.room(player, bots=1, match_seconds=10, name="Short")["id"]
        self.pilot = self.sit_down(player, room, player)
        self.call("POST", f"/v1/rooms/{room}/start", None, player)
        self.began = time.monotonic()

    def match(self):
        while not (found := self.get("/v1/matches?limit=1")["matches"]) and time.monotonic() - self.began < 30:
            time.sleep(0.5)
        return found[0]["id"] if found else 1

    def ticket(self):
        make = lambda: self.ask_for_match(self.me)
        return self.once("ticket", lambda id: f"/v1/tickets/{id}", make, self.me)

    def ask_for_match(self, guest):
        answer = self.call("POST", "/v1/tickets", {"bots": False}, guest)
        return int(answer.headers["Location"].rsplit("/", 1)[1])

    def proposal(self, wanted):
        """Returns a ticket whose state is among `wanted`, and whose it is."""
        for attempt in range(20):
            for guest, ticket in self.crowd:
                found = ticket and self.get(f"/v1/tickets/{ticket}", guest)
                if found and found["state"]["is"] in wanted:
                    return ticket, guest
            # Soon after they have all asked anew, they are put together.
            if attempt % 5 == 0:
                for guest, ticket in self.crowd:
                    self.call("DELETE", f"/v1/tickets/{ticket}", None, guest)
                self.crowd = [(guest, self.ask_for_match(guest)) for guest, _ in self.crowd]
            time.sleep(0.15)
        raise AssertionError("nobody was put together")

    def party(self, leader):
        make = lambda: self.post("/v1/parties", None, leader)["code"]
        return self.once(f"party {leader['player']}", lambda code: f"/v1/parties/{code}", make, leader)

    def other_party(self):
        """Returns a party that the partisan is not in."""
        code = self.party(self.founder)
        self.call("DELETE", f"/v1/parties/{code}/members/me", None, self.partisan)
        return code

    def webhook(self):
        make = lambda: self.post("/v1/webhooks", {"url": HOOK, "events": ["room.closed"]}, self.operator)["id"]
        return self.once("webhook", lambda id: f"/v1/webhooks/{id}", make, self.operator)

    def open_link(self):
        """Opens a link over `http`. It lives for some seconds only, because nobody says hello on it."""
        self.link = self.post("/v1/link/http")
        return self.link
