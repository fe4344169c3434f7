"""Why nobody sees what becomes of a request of a model."""

from __future__ import annotations

BESIDE = (
    "code of your own asks {} by another client than this one, and nobody reaches that host from here; what it does"
    " then, only a run shows, in which an endpoint answers in that place"
)


class Unseen(Exception):
    """What becomes of a request is not seen. The message is the reason, for a person."""


class PassedBy(Unseen):
    """A model asked without the client that it shows."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__(
            f"a request goes past the client that is there before, and only a run shows through which: {error}"
        )


class Ended(Exception):
    """A request that a deadline ends which no setting tells of: that of the layer of this name, if it is known."""
