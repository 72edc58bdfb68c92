"""JSON that somebody else may have written: read strictly, so that what uses it may rely on every type and number."""

import json
import math
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError


def parsed(text: bytes) -> Any:
    """What a JSON text holds. Raises ValueError, or RecursionError for one that is nested without end.

    What is no finite number is refused: JSON knows none, and no mean could hold it.
    """
    return json.loads(text.decode("utf-8"), parse_float=finite, parse_constant=finite)


def finite(written: str) -> float:
    """The number. Raises ValueError where it is none, or infinite."""
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written}: not a finite number")
    return value


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
