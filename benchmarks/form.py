"""Whether a JSON text has the form of a dataclass: what reads it later may then rely on every type."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


@cache
def reader(kind: Any) -> Any:
    """What reads a JSON text strictly: no word is taken for a number, nor a number for a word."""
    return TypeAdapter(kind)


def misfit(kind: Any, text: bytes) -> str | None:
    """The first place where the text is not of the kind, and what is wrong there; None where it is of the kind."""
    try:
        reader(kind).validate_json(text, strict=True)
    except ValidationError as error:
        (first, *_) = error.errors()
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else str(first["msg"])
    return None
