"""Watches what the APIs answer: every answer of every test is as ``/api/openapi.json`` promises it."""

import copy
import re
from functools import cache
from typing import Any

from flask import Flask, Response, request
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from idp.openapi.views import read_document


class PromiseBroken(Exception):
    """An answer is not what the document says."""


def watch_promises(app: Flask) -> Flask:
    """Let the application fail when it answers otherwise than promised, and return it."""
    app.after_request(_check)
    return app


def documented_path(rule: str) -> str:
    """Return the path of a route as the document writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def _check(answer: Response) -> Response:
    rule = request.url_rule
    if rule is None or not rule.rule.startswith("/api/") or request.method in {"HEAD", "OPTIONS"}:
        return answer
    operation = read_document()["paths"].get(documented_path(rule.rule), {}).get(request.method.lower())
    if operation is None:
        return answer  # tests/specs/test_openapi.py names what the document lacks
    status, where = str(answer.status_code), f"{request.method} {rule.rule} {answer.status_code}"
    if status == "304":
        return answer
    if answer.status_code < 400 and status not in operation["responses"]:
        raise PromiseBroken(f"{where} is not in the document")
    promised = _resolved(operation["responses"].get(status) or operation["responses"]["default"])
    schema = promised["content"].get(answer.mimetype)
    if schema is None:
        raise PromiseBroken(f"{where} is {answer.mimetype}")
    if answer.mimetype.endswith("json"):
        found = sorted(_validator(_key(schema["schema"])).iter_errors(answer.get_json()), key=str)
        if found:
            raise PromiseBroken(f"{where}: {found[0].json_path}: {found[0].message}")
    return answer


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = read_document()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _key(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "#/components/schemas/Anything"))


@cache
def _validator(reference: str) -> Draft202012Validator:
    document = {**copy.deepcopy(read_document()), "$id": "urn:api"}
    document["components"]["schemas"].setdefault("Anything", {})
    registry = Registry().with_resource("urn:api", Resource(document, DRAFT202012))
    return Draft202012Validator(
        {"$ref": f"urn:api{reference}"}, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
