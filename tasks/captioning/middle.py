"""What an encoder that crops sees of a picture."""

import PIL.Image
import PIL.ImageOps

from attnbench.tasks.captioning.picture import Picture


class Middle(Picture):
    """The largest square in the middle of a picture."""

    def open(self) -> PIL.Image.Image:
        """The square. Raises DataError where the picture cannot be decoded."""
        image = super().open()
        side = min(image.size)
        return PIL.ImageOps.fit(image, (side, side))
