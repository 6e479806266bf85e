"""Refs and their moves as text."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, when
from cauce.kernel.entities import Ref, RefMove


@renders("refs.ls")
def ls(refs: Sequence[Ref]) -> Iterator[str]:
    """One ref a line."""
    if not refs:
        yield "no refs"
        return
    body = [(ref.kind, f"{ref.name}@{ref.tag}", short(ref.target), when(ref.moved)) for ref in refs]
    yield from columns(("kind", "ref", "version", "moved"), body)


@renders("refs.history")
def history(moves: Sequence[RefMove]) -> Iterator[str]:
    """One move a line, newest first."""
    if not moves:
        yield "no moves"
        return
    body = [
        (
            when(move.at),
            f"{move.name}@{move.tag}",
            short(move.old) if move.old else "-",
            short(move.new) if move.new else "-",
            move.agent,
            move.message,
        )
        for move in moves
    ]
    yield from columns(("when", "ref", "from", "to", "agent", "message"), body)
