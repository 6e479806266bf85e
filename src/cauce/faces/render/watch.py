"""What `watch` prints: the verdict first, then a line a column."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, when
from cauce.rooms.watch.entities import ColumnDrift, DriftReport, Profile, Quality


@renders("watch.reference")
def reference(profile: Profile) -> Iterator[str]:
    """What was counted, and on which rows."""
    yield f"profile/{profile.name}@reference is {short(profile.id)}"
    yield f"inputs of {profile.split}/, outputs on {profile.outputs}/ of {short(profile.data)}"
    body = [(item.name, item.source, item.rows, item.what) for item in profile.columns]
    yield from columns(("column", "of", "rows", "what it is"), body, right="rows")


@renders("watch.check")
def check(report: DriftReport) -> Iterator[str]:
    """The verdict, then a line a column."""
    moved = sum(item.drifted for item in report.inputs)
    yield (
        f"{report.name} {report.outcome}: {moved} of {len(report.inputs)} columns moved, "
        f"{report.rows} predictions {_window(report)}"
    )
    head = ("column", "verdict", "D", "p", "PSI", "median was", "is now")
    body = [
        (
            item.name,
            item.verdict,
            f"{item.distance:.3f}",
            _chance(item.p),
            f"{item.psi:.3f}",
            _median(item.reference_median),
            _median(item.median),
        )
        for item in report.inputs
    ]
    yield from columns(head, body, right="D p PSI")
    if report.quality is not None:
        yield _quality(report.quality)
    if report.foreign:
        yield (
            f"{report.foreign} predictions are of another deployment version than the "
            "reference; only their inputs count"
        )
    if report.malformed:
        yield f"{report.malformed} records could not be read and are left out"
    yield f"run {report.run}"


@renders("watch.show")
def show(report: DriftReport) -> Iterator[str]:
    """As `check`."""
    return check(report)


@renders("watch.reports")
def reports(found: Sequence[DriftReport]) -> Iterator[str]:
    """One check a line."""
    if not found:
        yield "no checks yet: cauce watch check NAME"
        return
    body = [
        (
            when(report.at),
            report.outcome,
            report.rows,
            report.fault or ", ".join(_moved(report.inputs)) or "-",
            f"{report.quality.accuracy:.1%}" if report.quality else "",
            report.run,
        )
        for report in found
    ]
    yield from columns(("when", "outcome", "rows", "moved", "accuracy", "run"), body, right="rows")


def _moved(inputs: Sequence[ColumnDrift]) -> list[str]:
    return [item.name for item in inputs if item.drifted]


def _window(report: DriftReport) -> str:
    return f"up to {when(report.end)}" if not report.start else f"since {when(report.start)}"


def _chance(p: float) -> str:
    return "< 1e-9" if p < 1e-9 else f"{p:.2g}"


def _median(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _quality(found: Quality) -> str:
    return (
        f"accuracy {found.accuracy:.1%} (95 %: {found.low:.1%} to {found.high:.1%}) on the "
        f"{found.labelled} of {found.total} predictions with feedback"
    )
