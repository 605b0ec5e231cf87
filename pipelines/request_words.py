"""What a request's fields take, in words: for refusals, menus and documentation."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError

from .errors import InvalidRequest


def one_sentence(request: type[BaseModel], error: ValidationError) -> InvalidRequest:
    """Words pydantic's first complaint as one sentence: field, value, way out."""
    first = error.errors(include_url=False)[0]
    parameter = str(first["loc"][0]) if first["loc"] else "request"
    kind, context, value = first["type"], first.get("ctx", {}), first.get("input")
    if kind == "value_error":
        sentence = str(context["error"])
        named = sentence.split(" ", 1)[0]
        return InvalidRequest(named if named in request.model_fields else parameter, sentence)
    if kind == "missing":
        return InvalidRequest(parameter, f"{parameter} is missing; give one.")
    if kind == "extra_forbidden":
        known = ", ".join(sorted(request.model_fields))
        return InvalidRequest(parameter, f"{parameter} is not a field of {request.__name__}; it has {known}.")
    if kind == "string_too_long":
        most = context["max_length"]
        return InvalidRequest(parameter, f"{parameter} has {len(str(value)):,} characters; give at most {most:,}.")
    shown = repr(value) if len(repr(value)) <= 60 else f"{type(value).__name__} of length {len(repr(value))}"
    return InvalidRequest(parameter, f"{parameter} is {shown}; it must be {describe_limits(request, parameter)}.")


def describe_limits(request: type[BaseModel], parameter: str) -> str:
    """Says in words what a field takes, from the one place that defines it ("a whole number from 1 to 150")."""
    bounds = limits(request, parameter)
    schema = request.model_fields[parameter].annotation
    whole = schema is int or "int" in str(schema)
    if schema is bool:
        return "true or false"
    if getattr(schema, "__origin__", None) is Literal:
        return f"one of {', '.join(get_args(schema))}"
    if "minimum" not in bounds and "maximum" not in bounds:
        return f"text of at most {bounds['maxLength']} characters" if "maxLength" in bounds else "text"
    words = f"a {'whole ' if whole else ''}number from {bounds['minimum']:g} to {_most(bounds['maximum'])}"
    return words + (f", a multiple of {bounds['multipleOf']:g}" if "multipleOf" in bounds else "")


def _most(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def limits(request: type[BaseModel], parameter: str) -> dict[str, float]:
    """The numeric limits of a field: ``minimum``, ``maximum``, ``multipleOf``, ``maxLength`` where they exist."""
    names = {"ge": "minimum", "le": "maximum", "multiple_of": "multipleOf", "max_length": "maxLength"}
    found: dict[str, float] = {}
    pending: list[Any] = list(request.model_fields[parameter].metadata)
    annotation = request.model_fields[parameter].annotation
    for part in getattr(annotation, "__args__", ()):
        for extra in getattr(part, "__metadata__", ()):
            pending += extra.metadata if hasattr(extra, "metadata") else [extra]
    for item in pending:
        for name, key in names.items():
            if getattr(item, name, None) is not None:
                found[key] = getattr(item, name)
    return found
