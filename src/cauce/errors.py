"""The errors that Cauce raises: one sentence of what is wrong, one hint to act on.

Each class fixes its exit code (command line) and status (HTTP), and is also the built-in that
fits, so that `except ValueError` or `except LookupError` works.
"""


class CauceError(Exception):
    """Something went wrong that a person can understand.

    Attributes:
        hint: What to do next, or empty.
        exit_code: Exit code of the command line.
        status: HTTP status of the server.
    """

    exit_code = 1
    status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Invalid(CauceError, ValueError):
    """An input has the wrong form or value."""

    exit_code = 2
    status = 422


class NotFound(CauceError, LookupError):
    """The thing named does not exist."""

    exit_code = 3
    status = 404


class Conflict(CauceError, RuntimeError):
    """Somebody else was first, or the thing is in another state; look again and retry."""

    exit_code = 4
    status = 409


class Denied(CauceError, PermissionError):
    """The caller is not allowed to do this."""

    exit_code = 5
    status = 403


class GateFailed(CauceError, RuntimeError):
    """A gate was asked for and its checks did not pass."""

    exit_code = 6
    status = 409


class MissingExtra(CauceError, ImportError):
    """A package is needed that is not installed; the hint says which extra brings it."""

    exit_code = 7
    status = 501


class Damaged(CauceError, OSError):
    """Stored bytes are not what their name says."""

    exit_code = 8
    status = 500


class Unavailable(CauceError, ConnectionError):
    """A server, store or database does not answer."""

    exit_code = 9
    status = 503


class Unsupported(CauceError, RuntimeError):
    """The data was written by a later version, or in a form that is not spoken here."""

    exit_code = 10
    status = 501


class Unwritable(CauceError, OSError):
    """A place that must be written is full or read-only; nothing there is half-written."""

    exit_code = 11
    status = 507
