"""The filter language: what it means, where it is wrong, and that counts are exact."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cauce.errors import Invalid, NotFound
from cauce.kernel import ids
from cauce.kernel.entities import Commit, Edge, Run, RunId
from cauce.rooms.track import filter as filters
from cauce.rooms.track import operations as track

RUN = {
    "id": "01abc",
    "name": "tidal-weir-42",
    "status": "finished",
    "experiment": "sweep 1",
    "started": 1_700_000_000.0,
    "ended": None,
    "seconds": None,
    "params": {"lr": 0.01, "opt": "adam", "on": True, "n": 3, "text3": "3", "none": None},
    "metrics": {"val/acc": 0.91, "nan": math.nan, "top 5": 0.99, "lr": 0.5},
    "tags": {"x": "y", "a.b": "c"},
    "data": {0},
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("  ", True),
        ("val/acc > 0.9", True),
        ("val/acc>0.9", True),
        ("val/acc <= 0.9", False),
        ("val/acc > 0.9 and params.lr < 0.02 and status = finished and name ~ WEIR", True),
        ("status = failed or val/acc > 0.9", True),
        ("status = failed or val/acc > 0.9 and params.n = 4", False),
        ("(status = failed or val/acc > 0.9) and params.n = 3", True),
        ("not status = failed", True),
        ("not (status = finished and params.n = 3)", False),
        ("NOT status = failed AND val/acc > 0.9", True),
        ('metrics."top 5" >= 0.99', True),
        ('"top 5" >= 0.99', True),
        ("lr = 0.5", True),  # a metric before a parameter of the same name
        ("params.lr = 1e-2", True),
        ("opt = adam", True),
        ("params.opt != sgd", True),
        ("params.missing = 1", False),
        ("params.missing != 1", True),
        ("params.missing > 1", False),
        ("params.none = 0", False),
        ("params.on = true", True),
        ("params.on = 1", False),
        ("params.n = 3.0", True),
        ("params.text3 = 3", True),
        ("params.text3 > 2", False),
        ("nan > 0", False),
        ("nan = nan", False),
        ("tags.x = y", True),
        ("tags.a.b = c", True),
        ("tags.x ~ Y", True),
        ("tags.none ~ y", False),
        ("tags.none !~ y", True),
        ('experiment = "sweep 1"', True),
        ("experiment = 'sweep 1'", True),
        ("started > 2023-11-01 and started < 2023-12-01T10:00", True),
        ("ended > 0", False),
        ("seconds < 10", False),
        ("data = digits@v3", True),
        ("data != digits@v3", False),
        ("name = tidal-weir-42", True),
        ("params.n = -3", False),
        ('tags.x = "\\y"', True),
    ],
)
def test_a_filter_means_what_it_says(text, passes):
    assert filters.parse(text).test(RUN) is passes


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("val/acc", 8, "one of = != < <= > >= ~ !~ expected after 'val/acc'"),
        ("val/acc >", 10, "a value expected after '>'"),
        ("val/acc > > 2", 11, "a value expected"),
        ("> 2", 1, "a field expected"),
        ("a = 1 b = 2", 7, "'and' or 'or' expected before 'b'"),
        ("a = 1 and", 10, "ends too early"),
        ("(a = 1", 7, "')' expected"),
        ("a = 1)", 6, "'and' or 'or' expected"),
        ("a = 'open", 5, "is not understood"),
        ("data > digits@v1", 6, "= and != only"),
        ("params. = 3", 1, "names nothing"),
        ("not", 4, "ends too early"),
        ("a = (1)", 5, "a value expected"),
        ("(" * 200, 101, "nested more than"),
        ("not " * 200, 401, "nested more than"),
    ],
)
def test_a_mistake_is_named_with_its_column(text, column, says):
    with pytest.raises(Invalid) as caught:
        filters.parse(text)
    assert f"column {column}: " in caught.value.message
    assert says in caught.value.message


@given(st.text(max_size=60) | st.text("ab.()=<>~!\"' andort1", max_size=40))
@settings(max_examples=500, deadline=None)
def test_any_text_is_a_filter_or_a_mistake(text):
    said = ""
    try:
        passes = filters.parse(text).test(RUN)
    except Invalid as error:
        said = error.message
    assert "column" in said if said else passes in {True, False}


fields = st.sampled_from(["val/acc", "params.n", "status", "tags.x", "params.missing"])
comparisons = st.builds(
    lambda field, sign, value: f"{field} {sign} {value}",
    fields,
    st.sampled_from(["=", "!=", "<", ">", "~"]),
    st.sampled_from(["0.9", "3", "finished", "y"]),
)
trees = st.recursive(
    comparisons.map(lambda text: ("is", text)),
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


def written(tree):
    kind, inner = tree
    if kind == "is":
        return inner
    if kind == "not":
        return f"not ({written(inner)})"
    return "(" + f" {kind} ".join(written(one) for one in inner) + ")"


def meant(tree):
    kind, inner = tree
    if kind == "is":
        return filters.parse(inner).test(RUN)
    if kind == "not":
        return not meant(inner)
    return (all if kind == "and" else any)([meant(one) for one in inner])


@given(trees)
@settings(max_examples=200, deadline=None)
def test_and_or_not_and_parentheses_are_logic(tree):
    assert filters.parse(written(tree)).test(RUN) is meant(tree)


@pytest.fixture
def many(ws):
    """Runs of which some were better, some failed, and some used data."""
    rng = random.Random(7)
    runs = []
    for n in range(300):
        ended = 2000.0 + n if n % 10 else None
        runs.append(
            Run(
                id=RunId(ids.new_id()),
                kind="train",
                name=f"run-{n}",
                status=("finished" if n % 3 else "failed") if ended else "running",
                started=1000.0 + n,
                ended=ended,
                group="a" if n % 2 else "b",
                params={"lr": rng.random(), "n": n},
                metrics={"acc": rng.random() if n % 7 else math.nan} if n % 5 else {},
            )
        )
    other = Run(id=RunId(ids.new_id()), kind="add", name="other", started=1.0)
    ws.catalog.commit(Commit(runs=(*runs, other)))
    return runs


def everything(ws, **arguments):
    """All pages, with the total that each of them says."""
    found, totals, before = [], set(), ""
    while True:
        page = track.ls(ws, before=before, limit=17, **arguments)
        found += page.runs
        totals.add(page.total)
        before = page.next
        if not before:
            assert totals == {len(found)}
            return found


@pytest.mark.parametrize(
    "text",
    ["", "acc > 0.5", "acc > 0.5 and params.lr < 0.3", "name ~ 7 or status = running",
     "not (acc < 2)", "seconds >= 1000", "params.n < 0"],
)  # fmt: skip
@pytest.mark.parametrize("sort", ["-started", "started", "acc", "-params.lr", "name"])
def test_pages_hold_every_run_once_in_order(ws, many, text, sort):
    found = everything(ws, filter=text, sort=sort)
    test = filters.parse(text).test
    wanted = []
    for run in many:
        facts = {name: getattr(run, name) for name in ("name", "status", "params", "metrics")}
        facts["seconds"] = None if run.ended is None else run.ended - run.started
        if test(facts):
            wanted.append(run)
    assert {run.id for run in found} == {run.id for run in wanted}
    if sort == "acc":
        values = [run.metrics.get("acc", math.nan) for run in found]
        values = values[: sum(not math.isnan(v) for v in values)]
        assert values == sorted(values)
        assert not any(map(math.isnan, values))
    elif sort == "-params.lr":
        assert [r.id for r in found] == [
            r.id for r in sorted(wanted, key=lambda r: -r.params["lr"])
        ]
    elif sort.endswith("started"):
        key = -1 if sort.startswith("-") else 1
        wanted.sort(key=lambda r: key * r.started)
        assert [r.id for r in found] == [r.id for r in wanted]
    else:
        assert [r.name for r in found] == sorted(r.name for r in wanted)


def test_columns_narrow_the_list_with_and_without_a_filter(ws, many):
    for text in ("", "params.n >= 0"):
        assert track.ls(ws, filter=text, experiment="a").total == 150
        assert track.ls(ws, filter=text, status="running").total == 30
        assert track.ls(ws, filter=text, experiment="b", status="failed").total == sum(
            run.group == "b" and run.status == "failed" for run in many
        )
    assert track.ls(ws, kind="add").total == 1
    assert track.ls(ws, kind="").total == 301


def test_runs_are_found_by_the_data_they_used(ws, many):
    from tests.rooms.test_track import dataset

    version = dataset(ws)
    edges = [Edge(run=run.id, direction="used", version=version.id) for run in many[:5]]
    made = Edge(run=many[9].id, direction="generated", version=version.id)
    ws.catalog.commit(Commit(edges=(*edges, made)))
    found = track.ls(ws, filter="data = digits@main")
    assert {run.id for run in found.runs} == {run.id for run in many[:5]}
    assert track.ls(ws, filter=f"data = {version.id} and params.n > 2").total == 2
    assert track.ls(ws, filter="data != digits").total == 295
    with pytest.raises(NotFound):
        track.ls(ws, filter="data = nothing@here")


@pytest.mark.parametrize(
    "arguments",
    [{"sort": ""}, {"sort": "a b"}, {"sort": "params."}, {"sort": "-"}, {"limit": 0}],
)
def test_an_unusable_order_or_page_is_refused(ws, many, arguments):
    with pytest.raises(Invalid):
        track.ls(ws, **arguments)


@pytest.mark.parametrize("text", ["", "params.n > 0"])
def test_a_page_after_an_unknown_run_is_refused(ws, many, text):
    with pytest.raises(NotFound):
        track.ls(ws, filter=text, before="nobody")


def test_counts_over_thousands_of_runs_are_exact(ws):
    rng = random.Random(1)
    runs = [
        Run(
            id=RunId(ids.new_id()),
            kind="train",
            name=ids.readable(str(n)),
            status="finished",
            started=float(n),
            ended=n + 5.0,
            params={"lr": rng.random(), "seed": n},
            metrics={"val/acc": rng.random()},
            tags={"x": "y"},
        )
        for n in range(3000)
    ]
    for start in range(0, len(runs), 500):
        ws.catalog.commit(Commit(runs=tuple(runs[start : start + 500])))
    text = "val/acc > 0.9 and params.lr < 0.1 and status = finished and tags.x = y"
    wanted = {run.id for run in runs if run.metrics["val/acc"] > 0.9 and run.params["lr"] < 0.1}
    found = track.ls(ws, filter=text)
    assert found.total == len(wanted)
    assert {run.id for run in found.runs} == wanted
