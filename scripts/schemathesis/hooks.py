"""Two users for Schemathesis: who calls, real ids in place of most generated ones, and the check that
what belongs to one is nothing to the other."""
import os
import random
import re
import uuid

import requests
import schemathesis
from api import PASSWORD, Account, documented, no_proxy

URL = os.environ["SCHEMATHESIS_URL"]
no_proxy(URL)

ADMIN = Account(URL, "admin@example.org")
OWNER = Account(URL, "owner@example.org")
OTHER = Account(URL, "other@example.org")
KEPT = {ADMIN.id, OWNER.id, OTHER.id}

# These end the login or the account that they are called with: each call has one of its own.
ENDING = {"logout", "logout_all", "delete_me", "change_password", "end_session"}
# Their decision uses the approval, or the call of unknown outcome, up.
USED_UP = {"decide_approval", "decide_call"}

# What they are for is a message that waits.
QUEUED = {"change_queued_message", "remove_queued_message"}

NAMES = {
    operation["operationId"]
    for item in documented(URL)["paths"].values()
    for operation in item.values()
}


def is_one_of(case_or_operation, *names):
    """By operation id. One that the document does not have would silently never match."""
    assert NAMES.issuperset(names), f"no such operation: {set(names) - NAMES}"
    operation = getattr(case_or_operation, "operation", case_or_operation)
    return operation.definition.raw["operationId"] in names


def is_admins(operation):
    return operation.path.startswith("/api/v1/admin/")


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.value == "positive"


@schemathesis.auth(refresh_interval=None)
class Login:
    def get(self, case, context):
        return (ADMIN if is_admins(context.operation) else OWNER).bearer()

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = data


_things = {}


_spare = []


def spare():
    """An account that may end; the same one until it has."""
    if not _spare:
        _spare.append(Account(URL, f"{uuid.uuid4()}@example.org"))
    return _spare[0]


def ending(case):
    """Calls by the spare account what would end the login of an account that is needed."""
    if is_one_of(case, *ENDING) and (case.headers or {}).get("Authorization") == OWNER.bearer():
        case.headers["Authorization"] = spare().bearer()


def thing(account, kind, fresh):
    """Ids of a thing of the account; the same again unless the request uses it up."""
    if fresh:
        return getattr(account, kind)()
    key = (account.email, kind)
    if key not in _things:
        _things[key] = getattr(account, kind)()
    return _things[key]


def kinds(path):
    segments = path.split("/")
    return [before for before, name in zip(segments, segments[1:]) if name.startswith("{")]


@schemathesis.hook
def filter_query(context, query):
    """What is sent as an empty value counts as absent: nothing is wrong with such a request. Only a
    text may be empty."""
    parameters = context.operation.definition.raw.get("parameters", [])
    texts = {p["name"] for p in parameters if p["in"] == "query" and "string" in p["schema"]["type"]}
    return not any(
        value in ({}, []) or value == "" and name not in texts for name, value in (query or {}).items()
    )


@schemathesis.hook
def before_call(context, case, kwargs):
    protect(case)
    ending(case)
    # A request that is to be refused keeps what is wrong with it.
    if not is_positive(case):
        return
    dice = random.Random(case.id)
    # Links bring ids of their own.
    if case.meta.phase.name.value != "stateful":
        own_ids(case, dice)
    believable_body(case, dice)
    # At most one of them may be given, which a list of parameters can't say.
    if is_one_of(case, "list_messages") and case.query:
        given = [name for name in ("before", "after", "around") if name in case.query]
        for name in given[1:]:
            del case.query[name]


def protect(case):
    """The accounts of this run are not disabled by it."""
    if is_one_of(case, "change_user") and case.path_parameters:
        if str(case.path_parameters.get("id")) in {str(id) for id in KEPT}:
            case.path_parameters["id"] = thing(ADMIN, "users", False)["id"]


def own_ids(case, dice):
    wanted = kinds(case.operation.path)
    chance = dice.random()
    if not wanted or chance < 0.2:
        return
    kind = wanted[-1]
    if is_one_of(case, *QUEUED):
        kind = "queued"
    if kind == "sessions":
        case.path_parameters["id"] = spare().session
        return
    account = OTHER if chance < 0.35 else ADMIN if kind == "users" else OWNER
    if account is OTHER and kind == "users":
        return
    fresh = case.method == "DELETE" or is_one_of(case, *USED_UP)
    ids = thing(account, kind, fresh)
    for name in case.path_parameters:
        if name in ids:
            case.path_parameters[name] = ids[name]
    if "arguments_hash" in ids and isinstance(case.body, dict):
        case.body["arguments_hash"] = ids["arguments_hash"]


def believable_body(case, dice):
    """What no schema can say: names that exist on this server."""
    body = case.body
    if not isinstance(body, dict):
        return
    if body.get("model") is not None:
        body["model"] = dice.choice(["openai/scripted", None])
    if body.get("time_zone") is not None:
        body["time_zone"] = dice.choice(["UTC", "Europe/Vienna", "America/St_Johns"])
    # Only an approval reaches further than its call.
    if is_one_of(case, "decide_approval") and body.get("decision") == "deny":
        body.pop("scope", None)
    if is_one_of(case, "delete_me"):
        body["password"] = PASSWORD
    if is_one_of(case, "change_password"):
        body["current_password"] = PASSWORD
    # A link may have brought them.
    linked = case.meta.phase.name.value == "stateful"
    if is_one_of(case, "send_message") and not linked and dice.random() < 0.5:
        body.pop("parent_id", None)
        body.pop("conversation_id", None)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 401:
        bearer = (response.request.headers or {}).get("Authorization")
        for account in (ADMIN, OWNER, OTHER):
            account.ended(bearer)
        if _spare and bearer == _spare[0].bearer():
            _spare.clear()
    elif response.status_code < 300 and is_one_of(case, *ENDING):
        _spare.clear()


def as_other(response):
    """The same request by the other user."""
    sent = response.request
    headers = {**sent.headers, "Authorization": OTHER.bearer()}
    with requests.Session() as session:
        session.trust_env = False
        prepared = requests.Request(sent.method, sent.url, headers=headers, data=sent.body)
        with session.send(prepared.prepare(), stream=True, timeout=60) as answer:
            return answer.status_code


@schemathesis.check
def nothing_of_somebody_else(ctx, response, case):
    """What was found under an id by its owner is not there for the other user."""
    wanted = kinds(case.operation.path)
    if not wanted or is_admins(case.operation) or not 200 <= response.status_code < 300:
        return
    assert as_other(response) == 404, "the other user was not told 404"


@schemathesis.check
def every_refusal_is_a_problem(ctx, response, case):
    if response.status_code < 400 or case.method == "HEAD":
        return
    # What is no HTTP is refused below the routes (docs/protocol.md).
    if response.status_code in (400, 414, 431) and not response.content:
        assert response.headers["connection"] == ["close"]
        assert "x-request-id" not in response.headers
        return
    problem = response.json()
    assert problem["status"] == response.status_code
    assert re.fullmatch("[a-z_]+", problem["code"])
    assert [problem["request_id"]] == response.headers["x-request-id"]
