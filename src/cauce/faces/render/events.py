"""Events as text."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, when
from cauce.kernel.entities import Event


@renders("events.ls")
def ls(events: Sequence[Event]) -> Iterator[str]:
    """One event a line."""
    if not events:
        yield "no events"
        return
    body = [
        (event.seq, when(event.at), event.kind, event.subject, event.agent, _detail(event))
        for event in events
    ]
    yield from columns(("seq", "when", "kind", "subject", "agent", ""), body, right="seq")


def _detail(event: Event) -> str:
    """Say the part of the data that a person looks for."""
    data = event.data
    if event.kind == "ref.moved":
        old, new = data.get("old"), data.get("new")
        path = f"{short(old) if old else 'new'} -> {short(new) if new else 'gone'}"
        return f"{path}  {data.get('message', '')}".rstrip()
    if event.kind == "version.added":
        return short(str(data.get("version", "")))
    words = (str(data[key]) for key in ("status", "outcome", "state") if data.get(key))
    return " ".join(words)
