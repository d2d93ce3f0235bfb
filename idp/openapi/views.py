"""``GET /api/openapi.json``: what the APIs take and answer."""

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, Response, jsonify, request

from idp.settings import Settings
from idp.web import current_settings

OPENAPI = Blueprint("openapi", __name__)
_SOURCE = Path(__file__).parent / "openapi.yaml"
_KEPT_SECONDS = 3600


@cache
def read_document() -> dict[str, Any]:
    """Read the document as it is written, for no installation in particular."""
    document: dict[str, Any] = yaml.safe_load(_SOURCE.read_text(encoding="utf-8"))
    return document


def document_for(settings: Settings) -> dict[str, Any]:
    """Return the document with the addresses of this installation."""
    document = copy.deepcopy(read_document())
    document["servers"] = [{"url": settings.issuer}]
    document["info"]["title"] = f"{settings.brand_name} API"
    for flow in document["components"]["securitySchemes"]["oauth2"]["flows"].values():
        for name in ("authorizationUrl", "tokenUrl"):
            if name in flow:
                flow[name] = f"{settings.issuer}{flow[name]}"
    return document


@OPENAPI.get("/api/openapi.json")
def show_document() -> Response:
    """Answer with the document; it is nobody's secret, and the same for everybody."""
    response = jsonify(document_for(current_settings()))
    response.cache_control.public, response.cache_control.max_age = True, _KEPT_SECONDS
    response.add_etag()
    response.make_conditional(request)
    return response
