"""Labelling as text."""

from collections.abc import Iterator, Sequence

from cauce.faces.render import renders
from cauce.faces.render.cells import columns, short, when
from cauce.faces.text import scalar
from cauce.rooms.label.entities import (
    AnnotationVersion,
    Project,
    ProjectSummary,
    SampleReport,
    Task,
)


@renders("label.create")
def create(project: Project) -> Iterator[str]:
    """What is asked, and how to begin."""
    yield f"{project.name}: {scalar(project.question)} {' | '.join(map(scalar, project.classes))}"
    yield f"items of {scalar(project.dataset)} below {scalar(project.prefix) or '/'}"
    yield f"begin with `cauce label next {project.name}`"


@renders("label.ls")
def ls(projects: Sequence[ProjectSummary]) -> Iterator[str]:
    """One project a line."""
    if not projects:
        yield "no labelling projects; `cauce label create` makes one"
        return
    body = [
        (
            it.name,
            it.dataset,
            it.counts.waiting + it.counts.leased,
            it.counts.done,
            it.counts.skipped,
            it.published or "-",
        )
        for it in projects
    ]
    head = ("project", "data set", "open", "done", "skipped", "published")
    yield from columns(head, body, right="open done skipped")


@renders("label.show")
def show(project: ProjectSummary) -> Iterator[str]:
    """The question, the counts, the labels."""
    counts = project.counts
    yield f"{project.name}: {scalar(project.question)}"
    yield f"items of {scalar(project.dataset)}; published: {project.published or 'nothing yet'}"
    yield (
        f"{counts.waiting} waiting, {counts.leased} with annotators, {counts.done} done, "
        f"{counts.skipped} skipped"
    )
    yield from columns(("class", "items"), list(project.labels.items()), right="items")


@renders("label.tasks")
def tasks(found: Sequence[Task]) -> Iterator[str]:
    """One task a line."""
    if not found:
        yield "no tasks"
        return
    body = [(it.id, it.state, it.label or "", _guess(it), it.annotator, it.path) for it in found]
    yield from columns(("task", "state", "label", "guess", "annotator", "item"), body)


def _guess(task: Task) -> str:
    if task.guess is None:
        return ""
    return task.guess if task.confidence is None else f"{task.guess} ({task.confidence:.0%})"


@renders("label.next")
def next_task(task: Task | None) -> Iterator[str]:
    """The task and how to answer it."""
    if task is None:
        yield "nothing waits"
        return
    guess = _guess(task)
    yield f"{scalar(task.path)}{f', guess {scalar(guess)}' if guess else ''}"
    yield f"yours until {when(task.lease_until)}"
    yield f"`cauce label submit {task.id} --label …` or `cauce label skip {task.id}`"


@renders("label.submit")
def submit(task: Task) -> Iterator[str]:
    """What was said by whom."""
    yield f"{scalar(task.path)} is {scalar(task.label)}, says {scalar(task.annotator)}"


@renders("label.skip")
def skip(task: Task) -> Iterator[str]:
    """What was put aside."""
    yield f"{scalar(task.path)} is skipped"


@renders("label.sample")
def sample(report: SampleReport) -> Iterator[str]:
    """How many tasks were made of how many predictions."""
    yield f"{report.made} tasks of {report.looked} predictions of {scalar(report.deployment)}"
    if report.known:
        yield f"{report.known} were tasks already"
    if report.unusable:
        yield f"{report.unusable} could not be read as images"


@renders("label.publish")
def publish(version: AnnotationVersion) -> Iterator[str]:
    """The version and its labels."""
    by = ", ".join(map(scalar, version.annotators))
    yield f"{version.name}@{version.number}  {version.count} labels by {by}  {short(version.id)}"
    yield from columns(("class", "items"), list(version.labels.items()), right="items")
