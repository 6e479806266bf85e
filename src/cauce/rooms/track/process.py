"""The process behind a run, told apart from every later one with the same number."""

import os
import socket
from pathlib import Path

import msgspec
from msgspec import Struct

TAG = "cauce.process"
"""Tag of a run that holds its process as JSON."""


class Process(Struct, frozen=True):
    """A process of some machine.

    Attributes:
        host: Name of the machine, and its own id where it has one.
        boot: Since which start of the machine.
        space: Process namespace, as containers have their own.
        pid: Number.
        started: Clock ticks between the machine's start and the process's.
    """

    host: str
    boot: str
    space: str
    pid: int
    started: str


def current() -> Process:
    """Describe this process."""
    pid = os.getpid()
    return Process(_host(), _boot(), _space(), pid, started(pid))


def tag() -> dict[str, str]:
    """Give the tag that makes this process the one behind a run."""
    return {TAG: msgspec.json.encode(current()).decode()}


def gone(text: str) -> bool:
    """Tell whether the process in a tag has certainly ended, as seen from this machine."""
    try:
        process = msgspec.json.decode(text, type=Process)
    except msgspec.DecodeError:
        return False
    if process.host != _host():
        return False
    if process.boot != _boot():
        return True
    if process.space != _space():
        return False
    return started(process.pid) != process.started


def started(pid: int) -> str:
    """Read when a process was started; empty when there is none, or it has ended unreaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The name in parentheses may hold anything; what follows its last one is in columns.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _host() -> str:
    return f"{socket.gethostname()} {_read('/etc/machine-id')[:8]}".strip()


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
