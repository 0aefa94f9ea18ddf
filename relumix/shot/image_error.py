"""The error of an image file that cannot be read or written."""


class ImageError(Exception):
    """An image cannot be read or written. The text is one line without the file's name."""
