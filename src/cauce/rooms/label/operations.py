"""Operations of `label`: questions about data, answered by people."""

from cauce.errors import Invalid
from cauce.kernel import ids, manifest
from cauce.kernel.entities import Digest
from cauce.kernel.operation import operation
from cauce.kernel.workspace import Workspace
from cauce.rooms.label import publishing, sampling, tasks
from cauce.rooms.label.entities import (
    AnnotationVersion,
    Project,
    ProjectSummary,
    SampleReport,
    State,
    Task,
)
from cauce.rooms.label.tasks import Item


@operation(
    "label.create",
    role="writer",
    examples=("cauce label create unsure --dataset digits --classes 0 1 2 3 4 5 6 7 8 9",),
)
def create(
    ws: Workspace,
    name: str,
    *,
    dataset: str,
    classes: list[str],
    prefix: str = "unlabelled/",
    question: str = "",
) -> Project:
    """Ask for a class for each item in a folder of a data set.

    Args:
        name: Project, and the annotation set that it publishes.
        dataset: `name@version` or bare name.
        classes: What annotators may answer.
        prefix: Folder of the data set; what lies below it becomes tasks, each item once.
        question: What annotators are asked.

    Raises:
        Conflict: There is a project of that name.
        Invalid: A class is empty, doubled, or cannot name a folder.
    """
    ids.check_name("labelling project", name)
    _check_classes(classes)
    version = ws.find("dataset", dataset)
    items: dict[str, Item] = {}
    for entry in ws.manifest(version.id).entries:
        if entry.path.startswith(prefix):
            items.setdefault(
                entry.digest,
                Item(
                    item=entry.digest,
                    size=entry.size,
                    path=entry.path,
                    origin=version.id,
                    source=version.id,
                ),
            )
    project = Project(
        name=name,
        dataset=_numbered(ws, version.id) or dataset,
        version=version.id,
        prefix=prefix,
        question=question or "Which class is it?",
        classes=tuple(classes),
        created=ws.now(),
        agent=ws.agent,
    )
    tasks.create(ws, project, list(items.values()))
    return project


def _numbered(ws: Workspace, id: Digest) -> str:
    """Give the `name@number` of a version, empty when it has none."""
    refs = [ref for ref in ws.catalog.refs_to([id]) if ref.kind == "dataset"]
    return next((f"{ref.name}@{ref.tag}" for ref in refs if ref.tag[1:].isdigit()), "")


def _check_classes(classes: list[str]) -> None:
    if not classes:
        raise Invalid("a project needs classes", hint="--classes cat dog")
    for label in classes:
        if "/" in label or len(label) > 200 or classes.count(label) > 1:
            raise Invalid(
                f"{label[:100]!r} cannot be a class", hint="a short name without '/', each once"
            )
        manifest.check_path(label)


@operation("label.ls", examples=("cauce label ls",))
def ls(ws: Workspace) -> list[ProjectSummary]:
    """List the labelling projects, newest first, and how far each is."""
    return [_summary(ws, project) for project in tasks.projects(ws)]


@operation("label.show", examples=("cauce label show unsure",))
def show(ws: Workspace, project: str) -> ProjectSummary:
    """Look at a labelling project: what is asked, what is done.

    Args:
        project: Name of the project.
    """
    return _summary(ws, tasks.project(ws, project))


def _summary(ws: Workspace, project: Project) -> ProjectSummary:
    counts, labels = tasks.counts(ws, project.name)
    return ProjectSummary(
        name=project.name,
        question=project.question,
        classes=project.classes,
        dataset=project.dataset,
        version=project.version,
        created=project.created,
        counts=counts,
        labels={label: labels.get(label, 0) for label in project.classes},
        published=publishing.newest(ws, project.name),
    )


@operation("label.tasks", examples=("cauce label tasks unsure --state waiting",))
def list_tasks(
    ws: Workspace, project: str, *, state: State | None = None, after: str = "", limit: int = 100
) -> list[Task]:
    """List tasks of a project, in the order in which they were made.

    Args:
        project: Name of the project.
        state: Only these; a lease that ran out counts as waiting.
        after: Id of the last task of the page before.
        limit: Tasks at most.
    """
    tasks.project(ws, project)
    return tasks.listed(ws, project, state=state, after=after, limit=limit)


@operation(
    "label.sample",
    role="writer",
    examples=("cauce label sample unsure --deployment prod --limit 50",),
)
def sample(ws: Workspace, project: str, *, deployment: str, limit: int = 30) -> SampleReport:
    """Make tasks of the recent predictions that a model was least sure of, each once.

    Args:
        project: Name of the project.
        deployment: Deployment whose predictions are looked at.
        limit: New tasks at most.

    Notes:
        Looks at the last 1,000 predictions, or 20 times the limit when that is more.
    """
    return sampling.sample(ws, project, deployment, max(0, limit))


@operation("label.next", role="writer", examples=("cauce label next unsure --annotator ana",))
def next_task(ws: Workspace, project: str, *, annotator: str = "") -> Task | None:
    """Take the next task for ten minutes: the least sure guess first; None when none waits.

    Args:
        project: Name of the project.
        annotator: Who labels; whoever asks when not given. They get back a task they hold.
    """
    tasks.project(ws, project)
    return tasks.lease(ws, project, tasks.annotator_of(ws, annotator))


@operation(
    "label.submit",
    role="writer",
    examples=("cauce label submit 01m88zb3d65vtrb34xe4ghzb3j --label 7",),
)
def submit(
    ws: Workspace, task: str, *, label: str, annotator: str = "", seconds: float = 0.0
) -> Task:
    """Label a task; a second label corrects the first, which stays in the task's history.

    Args:
        task: Id of the task.
        label: One of the project's classes.
        annotator: Who labels; whoever asks when not given.
        seconds: How long it took.

    Raises:
        Conflict: Somebody else holds the task.
    """
    name = tasks.annotator_of(ws, annotator)
    return tasks.answer(ws, task, label=label, annotator=name, seconds=seconds)


@operation(
    "label.skip",
    role="writer",
    examples=('cauce label skip 01m88zb3d65vtrb34xe4ghzb3j --reason "too dark"',),
)
def skip(ws: Workspace, task: str, *, reason: str = "") -> Task:
    """Put a task aside: nobody gets it any more, and it is in no annotation set.

    Args:
        task: Id of the task.
        reason: Why.
    """
    found = tasks.read(ws, task)
    name = found.annotator or ws.agent
    return tasks.answer(ws, task, label=None, annotator=name, seconds=0.0, reason=reason)


@operation("label.publish", role="writer", examples=("cauce label publish unsure",))
def publish(ws: Workspace, project: str, *, message: str = "") -> AnnotationVersion:
    """Publish the labels of a project as the next version of its annotation set.

    Args:
        project: Name of the project.
        message: Why there is a new version.

    Returns:
        The version; `main` points at it now. Without new labels it is the same as before.

    Raises:
        Invalid: Nothing is labelled yet.
    """
    return publishing.release(ws, project, message)
