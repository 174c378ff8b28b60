"""A friend service as protocol.md section 13 asks for it, in memory: service.py [--key KEY]. It says where it listens and serves until it is killed.

POST /control {"delay_ms": 0, "status": null, "lag": null} makes it slow, makes it answer each request with a status, or makes it answer fetches with an
older list: what a test wants to see the server bear."""
import argparse
import hashlib
import http.server
import json
import secrets
import struct
import threading
import time
import unicodedata
import urllib.parse

LEASE_S = 30
AGAIN_S = 1
LOG_MAX = 1_000


def lp(text):
    """Length-prefixed, as the canonical form has it."""
    data = unicodedata.normalize("NFC", text).encode()
    return struct.pack(">I", len(data)) + data


class Lists:
    """All lists. `wants` and `lets` are what one user says of another; everything else follows from them, and one lock guards it all."""

    def __init__(self):
        self.changed = threading.Condition()
        self.cards, self.wants, self.lets, self.declined, self.blocks = {}, set(), set(), set(), {}
        self.marks, self.logs, self.homes, self.held, self.old = {}, {}, {}, {}, {}

    def mark(self, owner):
        return self.marks.setdefault(owner, [secrets.randbits(63) | 1, 0])

    def says(self, owner, user):
        """A person, as the wire has one."""
        card = self.cards.get((owner, user))
        wants, lets = (owner, user) in self.wants, (owner, user) in self.lets
        wanted, let = (user, owner) in self.wants, (user, owner) in self.lets
        person = {"user": user, "sub": None, "asked": False, "approved": False, "alias": None, "groups": [],
                  "blocked": user in self.blocks.get(owner, ()), "asks": wanted and not lets and (user, owner) not in self.declined}
        if card is not None:
            sub = ["none", "to", "from", "both"][(wants and let) + 2 * (lets and wanted)]
            person |= {"sub": sub, "asked": wants and not let, "approved": lets and not wanted, **card}
        return person

    def people(self, owner):
        users = {user for one, user in self.cards if one == owner} | {one for one, other in self.wants if other == owner}
        users |= self.blocks.get(owner, set())
        said = [self.says(owner, user) for user in sorted(users, key=str.encode)]
        return [person for person in said if person["sub"] is not None or person["blocked"] or person["asks"]]

    def tags(self, owner, people):
        friends = [person for person in people if person["sub"] is not None]
        form = b"roster-fp/1\0" + lp(owner) + struct.pack(">I", len(friends))
        for person in friends:
            flags = person["asked"] | person["approved"] << 1
            form += lp(person["user"]) + lp(person["alias"] or "") + bytes([["none", "to", "from", "both"].index(person["sub"]), flags])
            form += struct.pack(">I", len(person["groups"])) + b"".join(map(lp, person["groups"]))
        blocked = [person["user"] for person in people if person["blocked"]]
        blocks = b"block-fp/1\0" + lp(owner) + struct.pack(">I", len(blocked)) + b"".join(map(lp, blocked))
        text = self.text(owner)
        return tuple(f"{text}.{hashlib.md5(part).hexdigest()}" for part in (form, blocks))

    def text(self, owner):
        epoch, rev = self.mark(owner)
        return f"{epoch:016x}.{rev}"

    def full(self, owner):
        people = self.people(owner)
        tag, blocks_tag = self.tags(owner, people)
        return {"tag": tag, "blocks_tag": blocks_tag, "from": None, "people": people}

    def since(self, owner, have):
        """What is new for one who has this tag or mark."""
        whole, (epoch, rev) = self.full(owner), self.mark(owner)
        parts = (have or "").split(".")
        if len(parts) < 2 or int(parts[0], 16) != epoch or int(parts[1]) > rev:
            return whole
        had = int(parts[1])
        if had == rev and (len(parts) == 2 or have == whole["tag"]):
            return whole | {"from": rev, "people": []}
        log = self.logs.get(owner, [])
        if had == rev or had < rev - len(log):
            return whole
        touched = set().union(*log[len(log) - (rev - had):])
        return whole | {"from": had, "people": [self.says(owner, user) for user in sorted(touched, key=str.encode)]}

    def touch(self, owner, before):
        """Counts a change, if there is one."""
        after = {person["user"]: person for person in self.people(owner)}
        users = {user for user in before.keys() | after.keys() if before.get(user) != after.get(user)}
        if users:
            self.old[owner] = self.held.get(owner)
            self.mark(owner)[1] += 1
            self.logs[owner] = (self.logs.get(owner, []) + [users])[-LOG_MAX:]
            self.held[owner] = self.full(owner)
            self.changed.notify_all()

    def edit(self, owner, edit, user, value):
        """None, or why not; what a user says of another moves both lists."""
        if user == owner:
            return "bad_name", "user: is the owner"
        both = [(one, {person["user"]: person for person in self.people(one)}) for one in (owner, user)]
        mine, theirs, card = (owner, user), (user, owner), self.cards.get((owner, user))
        if edit in ("alias", "groups") and card is None:
            return "no_friend", f"user: {user} is not on the list"
        if edit == "accept" and not self.says(owner, user)["asks"] and mine not in self.wants & self.lets:
            return "no_request", f"user: {user} has not asked"
        if edit in ("ask", "accept"):
            self.cards.setdefault(mine, {"alias": None, "groups": []})
            self.wants.add(mine), self.lets.add(mine), self.declined.discard(mine)
        elif edit == "decline":
            self.declined.add(theirs), self.wants.discard(theirs)
        elif edit == "remove":
            self.cards.pop(mine, None)
            self.wants -= {mine, theirs}
            self.lets -= {mine, theirs}
        elif edit == "approve":
            if value:
                self.cards.setdefault(mine, {"alias": None, "groups": []})
                self.lets.add(mine)
            else:
                self.lets.discard(mine), self.wants.discard(theirs)
        elif edit == "alias":
            card["alias"] = value and unicodedata.normalize("NFC", value)
        elif edit == "groups":
            card["groups"] = sorted({unicodedata.normalize("NFC", group) for group in value}, key=str.encode)
        elif edit == "block":
            self.blocks.setdefault(owner, set()).add(user)
            if self.says(owner, user)["asks"]:
                self.wants.discard(theirs)
        elif edit == "unblock":
            self.blocks.get(owner, set()).discard(user)
        else:
            return "bad_field", f"edit: {edit} is none"
        if user in self.blocks and owner in self.blocks[user] and (user, owner) not in self.lets:
            self.wants.discard(mine)
        for one, before in both:
            self.touch(one, before)
        return None

    def lease(self, home):
        """The home's lease, for so long from now; a new one if there is none any more."""
        now, held = time.monotonic(), self.homes.get(home)
        if held is None or held["until"] < now:
            held = self.homes[home] = {"lease": secrets.randbits(48), "has": {}, "fetch": {}, "pushed": {}}
        held["until"] = now + LEASE_S
        return held

    def stale(self, home):
        """What the home must not serve any more, and was not told just now."""
        now, held = time.monotonic(), self.homes[home]
        late = [(owner, self.text(owner)) for owner, mark in held["has"].items() if mark != self.text(owner)]
        told = lambda owner, text: held["pushed"].get((owner, text), now - AGAIN_S) + AGAIN_S > now
        late = [(owner, text) for owner, text in late if not told(owner, text)]
        held["pushed"] = {key: at for key, at in held["pushed"].items() if at + AGAIN_S > now} | dict.fromkeys(late, now)
        return late

    def behind(self, owner, text):
        """Whether some home may still serve what was before."""
        now = time.monotonic()
        return any(held["until"] > now and held["has"].get(owner, text) != text for held in self.homes.values())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lists, key, control = Lists(), None, {"delay_ms": 0, "status": None, "lag": None}

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_request(self, body):
        path, _, query = self.path.partition("?")
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/")]
        if parts == ["control"]:
            self.control.update(body)
            return self.answer(200, {})
        if self.key and self.headers["Authorization"] != f"Bearer {self.key}":
            return self.answer(401, {"code": "unauthorized", "what": "Authorization: is not the key"})
        time.sleep(self.control["delay_ms"] / 1000)
        if self.control["status"]:
            return self.answer(self.control["status"], {"code": "unavailable", "what": "as it was told"})
        match [self.command, *parts]:
            case ["GET", "rosters", owner]:
                self.get(owner, dict(urllib.parse.parse_qsl(query)))
            case ["POST", "rosters", owner, "edits"]:
                self.edit(owner, body)
            case ["POST", "homes", home]:
                self.home(home, body)
            case _:
                self.answer(404, {"code": "bad_message", "what": f"{self.command} {path}: there is no such thing"})

    def get(self, owner, asked):
        with self.lists.changed:
            if "home" not in asked:
                return self.answer(200, self.lists.since(owner, asked.get("have")))
            held = self.lists.lease(asked["home"])
            now, epoch = self.lists.text(owner), self.lists.mark(owner)[0]
            lagging = self.control["lag"] and self.lists.old.get(owner)
            said = lagging or self.lists.since(owner, asked.get("have") if asked.get("have") == now else None)
            least = asked.get("at_least", "0.0").split(".")
            if lagging and int(least[0], 16) == epoch and int(said["tag"].split(".")[1]) < int(least[1]):
                return self.answer(409, {"code": "unavailable", "what": "not so far yet"})
            held["has"].setdefault(owner, ".".join(said["tag"].split(".")[:2]))
            held["fetch"][owner] = max(int(asked["fetch"]), held["fetch"].get(owner, 0))
        self.answer(200, said | {"lease": held["lease"]})

    def edit(self, owner, body):
        with self.lists.changed:
            why = self.lists.edit(owner, body.get("edit"), body.get("user"), body.get("value"))
            if why:
                return self.answer(409, {"code": why[0], "what": why[1]})
            text = self.lists.text(owner)
            revoking = body["edit"] in ("remove", "block") or body["edit"] == "approve" and not body["value"]
            # The asking home hears of it with the answer; others must have heard before.
            deadline = time.monotonic() + LEASE_S
            while revoking and self.lists.behind(owner, text) and time.monotonic() < deadline:
                self.lists.changed.wait(AGAIN_S)
        self.answer(200, {"mark": text})

    def home(self, home, body):
        with self.lists.changed:
            held, deadline = self.lists.lease(home), time.monotonic() + body["wait_ms"] / 1000
            for owner, mark in body["acknowledged"]:
                if owner in held["has"]:
                    held["has"][owner] = mark
            for owner, fetch in body["released"]:
                if held["fetch"].get(owner, fetch) <= fetch:
                    held["has"].pop(owner, None)
            self.lists.changed.notify_all()
            stale = self.lists.stale(home)
            while not stale and time.monotonic() < deadline:
                self.lists.changed.wait(min(AGAIN_S, max(deadline - time.monotonic(), 0)))
                stale = self.lists.stale(home)
            lease = self.lists.lease(home)["lease"]
        self.answer(200, {"lease": lease, "stale": stale})

    def do_GET(self):
        self.handle_request({})

    def do_POST(self):
        self.handle_request(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_):
        pass

    def handle(self):
        """Whoever goes in the midst of a question is no fault of ours."""
        try:
            super().handle()
        except ConnectionError:
            pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--key")
    Handler.key = parser.parse_args().key
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
