"""Texts of a project put safely into YAML files and shell lines."""

import re
import shlex
from collections.abc import Sequence

from cauce.errors import Invalid

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@=+,-]*( [A-Za-z0-9_./@=+,-]+)*\Z")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def scalar(text: str) -> str:
    """Write a text as a YAML scalar: plain where nobody could read it otherwise, else quoted."""
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    """Write one character of a double-quoted scalar; JSON's surrogate pairs are not YAML."""
    if char in '"\\':
        return f"\\{char}"
    if " " <= char <= "~":
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"


def command(arguments: Sequence[str]) -> str:
    """Write a command of cauce as a shell line.

    Raises:
        Invalid: An argument is not valid Unicode, so that no file could hold it.
    """
    line = shlex.join(["cauce", *arguments])
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"the command {line!r} is not valid Unicode: {error}") from error
    return line
