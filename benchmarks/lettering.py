"""Words drawn into pictures, in whatever script, within the room that they have."""

from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
WIDE = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")  # fonts of many scripts


@cache
def font(size: int) -> Font:
    """The first of the fonts of many scripts that this machine has, else Pillow's own; `size` in pixels."""
    for name in WIDE:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def legible(text: str) -> str:
    """The text with a dot for every character that cannot be drawn in a line (line ends, control characters)."""
    return "".join(character if character.isprintable() else "·" for character in text)


def fitted(text: str, letters: Font, width: int) -> str:
    """As much of the text as `width` pixels hold, with an ellipsis where something is left out."""
    text = legible(text)
    if letters.getlength(text) <= width:
        return text
    # Longer than any line: measuring it whole again and again would take long.
    text = text[: width + 1]
    while text and letters.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
