"""The API as a client uses it: accounts, their logins, and things that ids can name."""
import itertools
import json
import threading
import time
import uuid
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

PASSWORD = "correct horse battery staple"
_number = itertools.count(1)


class _From(HTTPAdapter):
    """Connects from another address of loopback: passwords are limited per network."""

    def init_poolmanager(self, *args, **kwargs):
        number = next(_number)
        address = f"127.{1 + number // 65536 % 250}.{number // 256 % 256}.{1 + number % 250}"
        super().init_poolmanager(*args, source_address=(address, 0), **kwargs)


class Account:
    """A login that is taken up again when it has ended."""

    def __init__(self, url, email):
        self.url, self.email = url, email
        self.lock = threading.Lock()
        self.register()
        self.login()

    def register(self):
        body = {"email": self.email, "password": PASSWORD, "full_name": self.email}
        self._secret("/auth/register", body, 201)

    def login(self):
        body = {"email": self.email, "password": PASSWORD}
        answer = self._secret("/auth/login", body, 200)
        self.token, self.id = answer["access_token"], answer["user"]["id"]
        # `rj1.<session>.<n>.<mac>`
        self.session = answer["refresh_token"].split(".")[1]
        # An access token lives for ten minutes.
        self.fresh_until = time.monotonic() + 480

    def _secret(self, path, body, status):
        for _ in range(20):
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", _From())
                answer = session.post(f"{self.url}/api/v1{path}", json=body, timeout=60)
            if answer.status_code != 429:
                break
            # Passwords of one account are limited too.
            time.sleep(int(answer.headers["retry-after"]))
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def bearer(self):
        with self.lock:
            if time.monotonic() > self.fresh_until:
                self.login()
            return f"Bearer {self.token}"

    def ended(self, bearer):
        """The server no longer takes this token."""
        with self.lock:
            if bearer == f"Bearer {self.token}":
                self.fresh_until = 0

    def call(self, method, path, body=None, status=None, headers=None):
        answer = requests.request(
            method,
            f"{self.url}/api/v1{path}",
            json=body,
            headers={"authorization": self.bearer(), **(headers or {})},
            timeout=60,
        )
        assert status in (None, answer.status_code), f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    # What the segments before a path's parameters name.

    def conversations(self):
        body = {"title": "Made for a request"}
        made = self.call("POST", "/chat/conversations", body, 201)
        return {"conversation_id": made["conversation_id"]}

    def messages(self):
        ids = self.conversations()
        sent = self.call("POST", "/chat/messages", {**ids, "content": "[[script: tokens=2]]"}, 200)
        return {**ids, "message_id": sent["ai_message"]["id"]}

    def queued(self):
        """A message that waits behind a run which ends by itself when its model has stalled."""
        prefer = {"prefer": "respond-async"}
        held = {"content": "[[script: tokens=2 gate=never@1]]"}
        ids = {"conversation_id": self.call("POST", "/chat/messages", held, 202, prefer)["conversation_id"]}
        body = {**ids, "content": "[[script: tokens=2]]", "on_busy": "enqueue"}
        sent = self.call("POST", "/chat/messages", body, 202, prefer)
        return {**ids, "message_id": sent["user_message"]["id"]}

    def runs(self):
        sent = self.call("POST", "/chat/messages", {"content": "[[script: tokens=2]]"}, 200)
        return {"run_id": sent["run_id"], "conversation_id": sent["conversation_id"]}

    def approvals(self):
        content = "[[script: tool=order tokens=2]]"
        sent = self.call("POST", "/chat/messages", {"content": content}, 200)
        waiting = self.call("GET", "/chat/approvals", status=200)["approvals"]
        mine = [one for one in waiting if one["run_id"] == sent["run_id"]]
        return {"id": mine[0]["approval_id"], "arguments_hash": mine[0]["arguments_hash"]}

    def calls(self):
        content = "[[script: tool=doubt tokens=2]]"
        sent = self.call("POST", "/chat/messages", {"content": content}, 200)
        unknown = self.call("GET", "/chat/calls", status=200)["calls"]
        mine = [one for one in unknown if one["run_id"] == sent["run_id"]]
        return {"call_id": mine[0]["call_id"]}

    def permissions(self):
        asked = self.approvals()
        body = {"decision": "approve", "arguments_hash": asked["arguments_hash"], "scope": "conversation"}
        approved = self.call("POST", f"/chat/approvals/{asked['id']}", body, 200)
        return {"conversation_id": approved["conversation_id"], "tool_name": approved["tool_name"]}

    def todos(self):
        return {"id": self.call("POST", "/todos", {"title": "Made for a request"}, 201)["id"]}

    def users(self):
        email = f"{uuid.uuid4()}@example.org"
        body = {"email": email, "password": PASSWORD, "full_name": "Made for a request"}
        return {"id": self.call("POST", "/admin/users", body, 201)["id"]}


def no_proxy(url):
    assert urlsplit(url).hostname == "127.0.0.1"
    requests.Session.trust_env = False


def documented(url):
    answer = requests.get(f"{url}/openapi.json", timeout=60)
    return json.loads(answer.text)
