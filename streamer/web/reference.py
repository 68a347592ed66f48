"""The page at ``/docs``: every route with its bodies, from the OpenAPI description. It loads nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}code{background:#eee;padding:0 .2em}"
)


def reference_page(description: Mapping[str, Any]) -> str:
    """HTML for people; programs read ``/openapi.json``."""
    title = escape(description["info"]["title"])
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>",
        f"<h1>{title}</h1><p>{escape(description['info']['description'])} ",
        "Each request needs <code>Authorization: Bearer TOKEN</code>. ",
        "For programs: <a href=/openapi.json>/openapi.json</a>.</p>",
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2>{method.upper()} {escape(path)}</h2><p>{escape(operation['description'])}</p>")
            parts += [f"<p>{line}</p>" for line in _bodies(operation, description)]
            refusals = ", ".join(status for status in operation["responses"] if status >= "4")
            parts.append(f"<p>Refused with {refusals}, and <code>detail</code> says why.</p>")
    return "".join(parts)


def _bodies(operation: Mapping[str, Any], description: Mapping[str, Any]) -> list[str]:
    """One line for each form that the body may have."""
    if "requestBody" not in operation:
        return []
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    lines = []
    for form in schema.get("anyOf", [schema]):
        model = description["components"]["schemas"][form["$ref"].rpartition("/")[2]]
        values = {name: _example(property_) for name, property_ in model["properties"].items()}
        choices = [word for property_ in model["properties"].values() for word in property_.get("enum", ())]
        lines.append(f"<code>{escape(json.dumps(values))}</code> {escape(model['description'])}")
        if choices:
            lines.append("One of " + ", ".join(f"<code>{escape(word)}</code>" for word in choices))
    return lines


def _example(property_: Mapping[str, Any]) -> object:
    if "enum" in property_:
        return property_["enum"][0]
    if "examples" in property_:
        return property_["examples"][0]
    return True if property_["type"] == "boolean" else 0
