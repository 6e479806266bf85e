"""Hypothesis strategies for the nouns of the kernel, harmless and hostile."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cauce.errors import Invalid
from cauce.kernel import manifest as manifests
from cauce.kernel.digest import ALGORITHMS
from cauce.kernel.entities import Commit, Digest, Edge, Entry, Manifest, Move, Point, Run, RunId

_HEX = "0123456789abcdef"


def texts(*, least: int = 0, most: int = 20) -> SearchStrategy[str]:
    """Any text that UTF-8 can write, control characters and emoji included."""
    return st.text(st.characters(codec="utf-8"), min_size=least, max_size=most)


def digests(algorithm: str | None = None) -> SearchStrategy[Digest]:
    """Well-formed digests; those of md5 sometimes name a directory."""

    def build(name: str) -> SearchStrategy[Digest]:
        count = ALGORITHMS[name]
        ending = st.sampled_from(["", ".dir"]) if name == "md5" else st.just("")
        digits = st.text(_HEX, min_size=count, max_size=count)
        return st.builds(lambda text, end: Digest(f"{name}:{text}{end}"), digits, ending)

    return build(algorithm) if algorithm else st.sampled_from(list(ALGORITHMS)).flatmap(build)


def parts() -> SearchStrategy[str]:
    """Names of files or folders that are safe."""
    allowed = st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/\\"
    )
    return st.text(allowed, min_size=1, max_size=12).filter(lambda part: part not in {".", ".."})


def paths() -> SearchStrategy[str]:
    """Safe relative paths, awkward ones among them."""
    awkward = st.sampled_from(
        [
            "b 1",
            "b-1",
            "b.txt",
            "b/10",
            "b/2",
            "...",
            "a/.b",
            "é",
            "e\u0301",
            "日/本",
            "😀",
            "-rf",
            "~",
        ]
    )
    return st.one_of(st.lists(parts(), min_size=1, max_size=4).map("/".join), awkward)


def unsafe_paths() -> SearchStrategy[str]:
    """Paths that must never be written below a root."""
    bad = st.sampled_from(["", ".", "..", "a\\b", "a\0b", "a\nb", "\x7f", "\x85", "\ud800"])
    placed = st.builds(
        lambda before, part, after: "/".join([*before, part, *after]),
        st.lists(parts(), max_size=2),
        bad,
        st.lists(parts(), max_size=2),
    )
    known = st.sampled_from(
        ["/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "a/", "./a", "C:\\x", "a" * 4097]
    )
    return st.one_of(placed, known)


def entries() -> SearchStrategy[Entry]:
    """One entry of a manifest."""
    return st.builds(Entry, path=paths(), digest=digests(), size=st.integers(0, 2**50))


def manifests_of(kind: SearchStrategy[str] | None = None) -> SearchStrategy[Manifest]:
    """Manifests that can be written."""
    return st.builds(
        Manifest,
        kind=kind or st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True),
        entries=st.lists(entries(), max_size=8, unique_by=lambda item: item.path).map(tuple),
        labels=st.dictionaries(texts(), texts(), max_size=4),
    ).filter(_writable)


def _writable(manifest: Manifest) -> bool:
    try:
        manifests.dump(manifest)
    except Invalid:  # a file and a folder of one name
        return False
    return True


def runs() -> SearchStrategy[Run]:
    """Runs with parameters and metrics of every type."""
    scalar = st.one_of(texts(), st.integers(-(2**53), 2**53), st.booleans(), st.none())
    return st.builds(
        Run,
        id=st.text(_HEX, min_size=26, max_size=26).map(RunId),
        kind=st.sampled_from(["train", "add", "export"]),
        name=texts(),
        agent=texts(),
        started=st.floats(0, 4e9),
        params=st.dictionaries(texts(least=1), scalar, max_size=3),
        metrics=st.dictionaries(texts(least=1), st.floats(allow_nan=False), max_size=3),
    )


def commits() -> SearchStrategy[Commit]:
    """Transactions that are whole in themselves: versions, runs, edges between them, refs."""

    @st.composite
    def build(draw: st.DrawFn) -> Commit:
        trees = draw(st.lists(manifests_of(), min_size=1, max_size=3, unique_by=manifests.version))
        rows = [manifests.describe(tree, draw(texts(least=1))) for tree in trees]
        done = draw(st.lists(runs(), max_size=2, unique_by=lambda run: run.id))
        edges = [
            Edge(run=run.id, direction=draw(st.sampled_from(["used", "generated"])), version=row.id)
            for run in done
            for row in rows
        ]
        moves = [Move(kind=row.kind, name=row.name, tag="main", target=row.id) for row in rows]
        unique = {(move.kind, move.name): move for move in moves}
        return Commit(
            versions=tuple(rows),
            runs=tuple(done),
            edges=tuple(edges),
            moves=tuple(unique.values()),
            agent="user:test",
            message=draw(texts()),
        )

    return build()


def points() -> SearchStrategy[Point]:
    """Metric points, not-a-number and infinities among them."""
    return st.builds(
        Point,
        key=texts(least=1),
        value=st.floats(),
        step=st.integers(0, 2**53),
        at=st.floats(0, 4e9),
    )
