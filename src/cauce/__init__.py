"""Cauce: one thread from raw data to watched production.

`import cauce` loads no third-party module; names below load when they are first used.
"""

TYPE_CHECKING = False  # known to type checkers by its name; `typing` would double our import

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cauce.faces.client import open
    from cauce.rooms.track.sdk import run

__all__ = ["__version__", "open", "run"]

_LAZY = {"open": "cauce.faces.client", "run": "cauce.rooms.track.sdk"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'cauce' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
