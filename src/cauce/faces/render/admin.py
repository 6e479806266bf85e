"""Care of a project as text."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import ago, columns, size
from cauce.faces.text import scalar
from cauce.kernel.auth import NewToken, Token
from cauce.kernel.check import CheckReport
from cauce.kernel.gc import GcReport
from cauce.kernel.operations import CompactReport, SettingValue


@renders("admin.check")
def check(report: CheckReport) -> Iterator[str]:
    """Faults first, then what was looked at."""
    for problem in report.problems:
        yield f"wrong: {scalar(problem)}"
    counts = f"{report.versions} versions, {report.refs} refs, {report.objects} objects"
    if report.unreachable:
        counts += f" ({report.unreachable} unreachable)"
    yield f"{'whole' if report.ok else 'NOT whole'}: {counts}"


@renders("admin.gc")
def gc(report: GcReport) -> Iterator[str]:
    """What went or would go, what stays."""
    verb = "removed" if report.applied else "would remove"
    yield f"{verb} {report.count} objects, {size(report.bytes)}"
    young = f", {report.young} of them unreachable but young" if report.young else ""
    yield f"kept {report.kept} objects{young}"
    if report.count and not report.applied:
        yield "nothing was changed; `cauce admin gc --apply` removes them"


@renders("admin.compact")
def compact(report: CompactReport) -> Iterator[str]:
    """What became of the segments."""
    yield f"{report.segments} segments of {report.streams} streams became columns"
    if report.segments:
        yield f"{report.records} records, {size(report.before)} -> {size(report.after)}"


@renders("admin.settings")
def settings(values: Sequence[SettingValue]) -> Iterator[str]:
    """One setting a line."""
    body = [(item.key, _value(item.value), item.source) for item in values]
    yield from columns(("setting", "value", "from"), body)


def _value(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@renders("admin.token_add")
def token_add(token: NewToken) -> Iterator[str]:
    """The secret, and that it is not shown again."""
    yield f"token of {scalar(token.name)}, {token.role}; shown this once:"
    yield token.secret


@renders("admin.token_ls")
def token_ls(tokens: Sequence[Token]) -> Iterator[str]:
    """One token a line."""
    if not tokens:
        yield "no tokens"
        return
    body = [(item.name, item.role, ago(item.created), ago(item.used) or "never") for item in tokens]
    yield from columns(("name", "role", "created", "used"), body)
