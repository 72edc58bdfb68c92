"""What can be found wrong or odd with caption data."""

from enum import StrEnum

NOWHERE = "no split"


class Kind(StrEnum):
    """Every kind there is."""

    MISSING = "image missing"
    DAMAGED = "image damaged"
    SMALL = "image too small"
    SILENT = "image without caption"
    TWO_SPLITS = "name in two splits"
    NO_SPLIT = "image in no split"
    NO_IMAGE = "captions without image"
    SAME = "image twice"
    LEAK = "image in two splits"
    EMPTY = "caption empty"
    WORDLESS = "caption without letters"
    SHORT = "caption too short"
    LONG = "caption too long"
    AGAIN = "caption twice"
