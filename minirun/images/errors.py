"""What can be wrong with an image. The message says which image, what was found, and what helps."""

from __future__ import annotations

from ..errors import MinirunError


class ImageError(MinirunError):
    """An image can't be used as asked."""
