"""Errors for users: one sentence each, with what was got, what was expected and what to do."""


class RelumixError(Exception):
    """Base of every error that is the input's fault, not the program's. Its text is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


class InputError(RelumixError):
    """The job cannot be done as asked: nothing of it starts, or all of it stops. The command exits with 2."""


class FrameError(RelumixError):
    """One frame cannot be done; the others go on. The command exits with 3."""

    def __init__(self, frame: int, message: str) -> None:
        super().__init__(message)
        self.frame = frame


class LostFrameError(FrameError):
    """A frame of a movie cannot be decoded; reason: why, as the end of a sentence."""

    def __init__(self, frame: int, movie: str, reason: str) -> None:
        super().__init__(frame, f"frame {frame} of {movie} cannot be decoded: {reason}")
        self.reason = reason
