"""What `models` prints: a line a version, a table a measurement."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import ago, columns, short, size
from cauce.faces.text import scalar
from cauce.rooms.models.entities import (
    Comparison,
    Evaluation,
    Export,
    Measured,
    ModelDetail,
    ModelSummary,
    ModelVersion,
    Parity,
    Pulled,
    Side,
    Variant,
)


@renders("models.ls")
def ls(found: Sequence[ModelSummary]) -> Iterator[str]:
    """One model a line."""
    if not found:
        yield "no models: cauce models register latest --name NAME"
        return
    body = [
        (
            item.name,
            item.versions,
            _label(item.latest),
            _label(item.champion) if item.champion else "-",
            _share((item.champion or item.latest).accuracy),
            ago(item.updated),
        )
        for item in found
    ]
    head = ("model", "versions", "latest", "champion", "accuracy", "changed")
    yield from columns(head, body, right="versions accuracy")


@renders("models.versions")
def versions(found: Sequence[ModelVersion]) -> Iterator[str]:
    """One version a line."""
    body = [
        (
            _label(item),
            ", ".join(item.aliases),
            _share(item.accuracy),
            size(item.size),
            item.framework,
            ago(item.created),
            short(item.id),
        )
        for item in found
    ]
    head = ("version", "aliases", "accuracy", "size", "made with", "registered", "id")
    yield from columns(head, body, right="accuracy size")


@renders("models.register")
@renders("models.promote")
def version(found: ModelVersion) -> Iterator[str]:
    """The version with its aliases."""
    aliases = f" ({', '.join(found.aliases)})" if found.aliases else ""
    yield scalar(f"{_label(found)}{aliases}  {size(found.size)}  {short(found.id)}")


@renders("models.export")
def export(found: Export) -> Iterator[str]:
    """Where it is and how well it repeats the native model."""
    yield scalar(f"ONNX, {size(found.size)}  {short(found.id)}")
    yield from _parity(found.parity)


@renders("models.optimise")
def optimise(found: Variant) -> Iterator[str]:
    """What was kept, then a line a recipe."""
    yield scalar(
        f"{found.name}@{found.number}-{found.precision}: {found.chosen.recipe}, "
        f"{size(found.base.size)} -> {size(found.chosen.size)}"
    )
    yield from _measured(found.tried, found.chosen)
    yield f"calibrated with {found.calibration} training images, judged by {found.rows} test images"


@renders("models.evaluate")
def evaluate(found: Evaluation) -> Iterator[str]:
    """The accuracy with its interval, then a line a class."""
    yield scalar(
        f"{found.model} on {found.dataset}, {found.split}: {found.accuracy:.2%} of {found.n} "
        f"(95 % {found.low:.2%} to {found.high:.2%})"
    )
    body = [
        (item.label, item.count, f"{item.recall:.1%}", f"{item.precision:.1%}")
        for item in found.classes
    ]
    yield from columns(
        ("class", "rows", "recall", "precision"), body, right="rows recall precision"
    )


@renders("models.compare")
def compare(found: Comparison) -> Iterator[str]:
    """The verdict, why, and both sides."""
    yield scalar(f"{found.verdict}: {'; '.join(found.reasons)}")
    sides = [("candidate", found.candidate)]
    if found.champion is not None:
        sides.append(("champion", found.champion))
    body = [(role, *_side(side)) for role, side in sides]
    head = ("", "model", "accuracy", "size", "p50", "p95")
    yield from columns(head, body, right="accuracy size p50 p95")
    if found.champion is not None:
        yield (
            f"on {found.n} rows: only the candidate is right on {found.gained}, only the champion "
            f"on {found.lost} (McNemar p = {found.p_value:.3g})"
        )


@renders("models.show")
def show(found: ModelDetail) -> Iterator[str]:
    """The card, then what was made of it and measured since."""
    yield from version(found.version)
    yield ""
    yield from (scalar(line) for line in found.card.partition("---\n\n")[2].splitlines())
    for variant in found.variants:
        yield ""
        yield from optimise(variant)
    for evaluation in found.evaluations[:3]:
        yield ""
        yield from evaluate(evaluation)
    for comparison in found.comparisons[:3]:
        yield ""
        yield from compare(comparison)


@renders("models.pull")
def pull(found: Pulled) -> Iterator[str]:
    """Where the files are."""
    yield scalar(f"{len(found.files)} files, {size(found.size)}, in {found.target}")
    yield from (scalar(f"  {path}") for path in found.files)


def _label(item: ModelVersion) -> str:
    return f"{item.name}@{item.number}{'-' if item.variant else ''}{item.variant}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _side(side: Side) -> tuple[str, str, str, str, str]:
    timed = side.p50 > 0
    return (
        side.model,
        f"{side.accuracy:.2%}",
        size(side.size),
        f"{side.p50 * 1000:.0f} us" if timed else "-",
        f"{side.p95 * 1000:.0f} us" if timed else "-",
    )


def _measured(tried: Sequence[Measured], chosen: Measured) -> Iterator[str]:
    body = [
        (
            ("* " if item.recipe == chosen.recipe else "  ") + item.recipe,
            size(item.size),
            f"{item.accuracy:.2%}",
            f"{item.agreement:.2%}",
            f"{item.p50 * 1000:.0f} us",
            f"{item.p95 * 1000:.0f} us",
            f"{item.throughput:,.0f}/s",
        )
        for item in tried
        if not item.error
    ]
    head = ("  recipe", "size", "accuracy", "agrees", "p50", "p95", "rows")
    yield from columns(head, body, right="size accuracy agrees p50 p95 rows")
    yield from (scalar(f"  {item.recipe}: {item.error}") for item in tried if item.error)


def _parity(found: Parity) -> Iterator[str]:
    verdict = "repeats" if found.passed else "does NOT repeat"
    yield (
        f"{verdict} the native model on {found.rows} real rows: "
        f"largest difference {_number(found.recorded)} from the recorded outputs, "
        f"{_number(found.reloaded)} from the model loaded again, allowed {found.tolerance:g}; "
        f"labels equal on {found.labels:.1%}"
    )


def _number(value: float | None) -> str:
    return "not comparable" if value is None else f"{value:.2g}"
