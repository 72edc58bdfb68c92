"""Questions as SQuAD's JSON has them, before anything is checked."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from attnbench.tasks.source import DataError

Kind = TypeVar("Kind")
NAMES = {dict: "an object", list: "a list", str: "a string", int: "a whole number"}


class Entry(NamedTuple):
    """A question, and where it comes from. `article` and `paragraph` are no other article's and paragraph's."""

    place: str  # what messages call the file
    name: str  # its id
    article: str
    paragraph: str
    document: str
    question: str
    answers: list[tuple[str, int]]  # text, and the offset of its first character in the document


def parsed(path: Path) -> Any:
    """What a JSON file holds, gzipped or not. Raises DataError."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=unique)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not JSON (not UTF-8)") from None
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, cut short or damaged ({error}); fetch the file again") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises DataError where a key is there twice, of which others would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{twice!r} is there twice in one object; remove one")
    return found


def entries(path: Path) -> Iterator[Entry]:
    """The questions of a file in SQuAD's form. Raises DataError, naming file and place, where it has another."""
    data = part(parsed(path), "data", list, str(path))
    for number, article in enumerate(data):
        where = f"{path}: data[{number}]"
        for index, paragraph in enumerate(part(article, "paragraphs", list, where)):
            there = f"{where}.paragraphs[{index}]"
            context = part(paragraph, "context", str, there)
            for position, asked in enumerate(part(paragraph, "qas", list, there)):
                at = f"{there}.qas[{position}]"
                name = str(part(asked, "id", str, at))
                answers = [
                    (part(one, "text", str, f"{at} ({name})"), part(one, "answer_start", int, f"{at} ({name})"))
                    for one in part(asked, "answers", list, f"{at} ({name})")
                ]
                question = part(asked, "question", str, f"{at} ({name})")
                home = f"{path.name} {number}"
                yield Entry(str(path), name, home, f"{home} {index}", context, question, answers)


def part(of: Any, key: str, kind: type[Kind], where: str) -> Kind:
    """`of[key]`. Raises DataError, naming where, unless it is there and of its kind."""
    if not isinstance(of, dict):
        raise DataError(f"{where}: {str(of)[:40]!r}: must be an object with {key}")
    value = of.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        found = f"is {str(value)[:40]!r}" if key in of else f"is missing; there are {', '.join(of) or 'no keys'}"
        raise DataError(f"{where}: {key} {found}; must be {NAMES[kind]}")
    return value
