"""What the plugin raises: one sentence for the artist."""


class RelumixError(Exception):
    """Relighting cannot go on; the text says what was got, what was expected and what to do."""


class CancelledError(RelumixError):
    """The artist asked to stop. What is finished is kept."""
