"""Config, imports, moves and stages: an unmodified DVC and we change one another's files."""

import contextlib
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.protocols.dvc_process import Dvc
from tests.rooms import folders

from cauce.adapters.formats import dvc as format
from cauce.errors import CauceError
from cauce.kernel import workspace

pytestmark = pytest.mark.peer

few = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

NAMES = st.sampled_from(["a", "B", "far away", "x.y"])
URLS = st.sampled_from(
    ["../store", "/mnt/x", "s3://bucket/a", "ssh://h/p", "~/x", "https://h/a#b", "a, b", "it's"]
)
OPTIONS = st.sampled_from(
    [
        ("core.autostage", "true"),
        ("core.autostage", "1"),
        ("core.remote", "a"),
        ("cache.type", "hardlink,symlink"),
        ("cache.type", "nothing"),
        ("cache.dir", "../cache"),
        ("core.nonsense", "x"),
        ("remote.a.jobs", "4"),
        ("remote.a.region", "eu 'x'"),
        ("remote.a.keyfile", "key"),
        ("db.x.url", "y"),
        ("hydra.enabled", "TRUE"),
        ("parsing.list", "append"),
    ]
)
EDITS = st.one_of(
    st.tuples(st.just("add"), NAMES, URLS, st.booleans(), st.booleans()),
    st.tuples(st.just("remove"), NAMES),
    # DVC stores a new name in capitals as it is, and then does not find it: we do not.
    st.tuples(st.just("rename"), NAMES, NAMES.map(str.lower)),
    st.tuples(st.just("default"), NAMES),
    st.tuples(st.just("modify"), NAMES, st.sampled_from(["jobs", "region", "verify"])),
    st.tuples(st.just("set"), OPTIONS),
    st.tuples(st.just("unset"), OPTIONS),
)


@pytest.fixture(scope="module")
def dvc(tmp_path_factory):
    """One DVC for all tests of this file."""
    found = Dvc(tmp_path_factory.mktemp("home"))
    yield found
    found.close()


@pytest.fixture(autouse=True)
def alone(tmp_path_factory, monkeypatch):
    """Keep this machine's own DVC config away from ours."""
    none = tmp_path_factory.mktemp("none")
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(none / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(none / "person"))


def project(dvc, root, *, git=True):
    """Make a project with DVC and open it with ours."""
    root.mkdir(parents=True)
    (root / "cauce.toml").write_text('project = "test"\n')
    if git:
        folders.git(root, "init", "-q")
    dvc(root, "init", "-q", *(() if git else ("--no-scm",)))
    return workspace.open_local(root, agent="user:test")


def theirs(dvc, root, edit):
    """Do an edit with DVC; tells whether it was taken."""
    verb, *rest = edit
    match verb:
        case "add":
            name, url, default, force = rest
            words = ["remote", "add", name, url, *["-d"][: int(default)], *["-f"][: int(force)]]
        case "modify":
            words = ["remote", "modify", rest[0], rest[1], "true" if rest[1] == "verify" else "3"]
        case "set":
            words = ["config", *rest[0]]
        case "unset":
            words = ["config", "-u", rest[0][0]]
        case _:
            words = ["remote", verb, *rest]
    before = (root / ".dvc" / "config").read_text()
    dvc(root, *words, code=None)
    return (root / ".dvc" / "config").read_text() != before


def ours(ws, edit):
    """Do an edit with ours."""
    verb, *rest = edit
    match verb:
        case "add":
            name, url, default, force = rest
            ws.data.remote_add(name, url, default=default, force=force)
        case "modify":
            ws.data.remote_modify(rest[0], (rest[1], "true" if rest[1] == "verify" else "3"))
        case "set":
            ws.data.config(*rest[0])
        case "unset":
            ws.data.config(rest[0][0], unset=True)
        case _:
            getattr(ws.data, f"remote_{verb}")(*rest)


@few
@given(edits=st.lists(EDITS, min_size=1, max_size=8))
def test_edits_of_a_config_give_the_bytes_of_dvc(dvc, edits, tmp_path_factory, monkeypatch):
    base = tmp_path_factory.mktemp("pair")
    with project(dvc, base / "theirs", git=False), project(dvc, base / "ours", git=False) as ws:
        for edit in edits:
            theirs(dvc, base / "theirs", edit)
            monkeypatch.chdir(ws.folder)
            with contextlib.suppress(CauceError):
                ours(ws, edit)
            mine = (base / "ours" / ".dvc" / "config").read_text()
            assert mine == (base / "theirs" / ".dvc" / "config").read_text(), edit


def test_imports_of_dvc_are_written_again_with_the_same_bytes(dvc, tmp_path):
    with project(dvc, tmp_path / "source") as source:
        folders.git(source.folder, "config", "user.email", "a@b.c")
        folders.git(source.folder, "config", "user.name", "a")
        folders.write(source.folder / "d", {"a": b"1", "sub/b": b"2"})
        folders.write(source.folder / "f.txt", {"": b"3"})
        dvc(source.folder, "add", "-q", "d", "f.txt")
        folders.git(source.folder, "add", "-A")
        folders.git(source.folder, "commit", "-qm", "one")
    folders.write(tmp_path / "plain", {"x": b"4"})
    folders.write(tmp_path / "one.txt", {"": b"5"})
    with project(dvc, tmp_path / "p") as ws:
        for words in (
            ("import", "../source", "d"),
            ("import", "../source", "f.txt", "--rev", "HEAD"),
            ("import-url", "../plain"),
            ("import-url", "../one.txt"),
            ("import-url", "../one.txt", "later.txt", "--no-download"),
        ):
            dvc(ws.folder, words[0], "-q", *words[1:])
        found = sorted(ws.folder.glob("*.dvc"))
        assert len([path for path in found if path.is_file()]) == 5
        for path in found:
            if path.is_file():
                text = path.read_text()
                known = format.read(ws.folder, path)
                assert known.imported
                format.write_import(ws.folder, path, known)
                assert path.read_text() == text
                path.unlink()
                format.write_import(ws.folder, path, known)
                assert path.read_text() == text


def test_a_moved_folder_is_clean_for_dvc_and_has_its_bytes(dvc, tmp_path, monkeypatch):
    texts = []
    for tool in ("theirs", "ours"):
        with project(dvc, tmp_path / tool) as ws:
            root = ws.folder
            folders.write(root / "digits", {"a": b"1"})
            folders.write(root / "sub" / "keep", {"": b""})
            dvc(root, "add", "-q", "digits")
            with (root / "digits.dvc").open("a") as file:
                file.write("  desc: scans\n")  # a comment is lost on DVC's way, not on ours
            if tool == "theirs":
                dvc(root, "move", "digits", "sub/numbers")
            else:
                monkeypatch.chdir(root)
                ws.data.move(root / "digits", root / "sub" / "numbers")
                assert dvc(root, "status", "--json").strip() == "{}"
            ignored = (root / ".gitignore").read_text() if (root / ".gitignore").exists() else ""
            texts.append(
                (
                    (root / "sub" / "numbers.dvc").read_text(),
                    (root / "sub" / ".gitignore").read_text(),
                    ignored,
                )
            )
    assert texts[0] == texts[1]


def test_a_path_that_we_removed_is_unknown_to_dvc(dvc, tmp_path, monkeypatch):
    with project(dvc, tmp_path / "p") as ws:
        place = folders.write(ws.folder / "digits", {"a": b"1"})
        dvc(ws.folder, "add", "-q", "digits")
        monkeypatch.chdir(ws.folder)
        ws.data.remove((place,))
        assert dvc(ws.folder, "status", "--json").strip() == "{}"
        assert dvc(ws.folder, "ls", ".", "--dvc-only", "--json").strip() in {"", "[]"}


def test_both_say_why_a_path_is_ignored_in_the_same_words(dvc, tmp_path, monkeypatch):
    from cauce.faces.render import data_repository

    with project(dvc, tmp_path / "p") as ws:
        root = ws.folder
        (root / ".dvcignore").write_text("*.log\n!keep.log\n  build/\n\n# c\n/top\n**/deep/x?\n")
        folders.write(
            root, {"sub/.dvcignore": b"!b.log\n*.txt\n", "build/y": b"", "sub/build/z": b""}
        )
        monkeypatch.chdir(root)
        paths = (
            "a.log keep.log sub/b.log sub/a.txt build build/y sub/build/z top q/deep/xy .git none"
        )
        said = dvc(root, "check-ignore", "-d", *paths.split())
        found = ws.data.check_ignore(tuple(paths.split()), details=True)
        assert "\n".join(data_repository.check_ignore(found)) == said.strip()


def test_what_stages_made_is_seen_restored_and_committed_by_both(dvc, tmp_path, monkeypatch):
    with project(dvc, tmp_path / "p") as ws:
        root = ws.folder
        monkeypatch.chdir(root)
        (root / "params.yaml").write_text("name: made\nways: [a, b]\n")
        (root / "dvc.yaml").write_text(
            "vars:\n- deep: {er: 7}\n"
            "stages:\n"
            "  prep:\n    cmd: mkdir -p ${name} && echo ${deep.er} > ${name}/x && echo m > m.txt\n"
            "    outs:\n    - ${name}\n    metrics:\n    - m.txt:\n        cache: false\n"
            "  each:\n    foreach: ${ways}\n    do:\n      cmd: echo ${item} > ${item}.txt\n"
            "      outs:\n      - ${item}.txt\n"
            "  grid:\n    matrix:\n      q: [1, 2]\n    wdir: .\n"
            "    cmd: echo ${item.q} > grid${item.q}\n    outs:\n    - grid${item.q}:\n"
            "        desc: a cell\n"
        )
        dvc(root, "repro", "-q")
        found = {it.path: it.state for it in ws.data.status()}
        wanted = ["a.txt", "b.txt", "grid1", "grid2", "m.txt", "made"]
        assert found == dict.fromkeys(wanted, "unchanged")
        shutil.rmtree(root / "made")
        (root / "b.txt").unlink()
        ws.data.checkout()
        assert dvc(root, "status", "--json").strip() == "{}"
        (root / "a.txt").write_text("by hand\n")
        ws.data.commit((root / "a.txt",))
        mine = (root / "dvc.lock").read_text()
        assert dvc(root, "status", "--json").strip() == "{}"
        dvc(root, "commit", "-f", "-q")
        assert (root / "dvc.lock").read_text() == mine


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x3000, exclude_categories=("C",)))
TEXT = TEXT.map(str.strip).filter(bool)
NOTES = st.fixed_dictionaries(
    {},
    optional={
        "desc": TEXT,
        "type": st.sampled_from(["model", "dataset"]),
        "labels": st.lists(TEXT, min_size=1, max_size=3),
        "meta": st.dictionaries(
            st.from_regex(r"[a-z]{1,8}", fullmatch=True),
            st.recursive(
                st.integers(-5, 10**6) | st.booleans() | TEXT,
                lambda inner: st.lists(inner, min_size=1, max_size=2),
                max_leaves=3,
            ),
            min_size=1,
            max_size=3,
        ),
        "remote": st.just("far"),
        "push": st.just(False),
        "persist": st.just(True),
    },
)


@few
@given(notes=NOTES, top=NOTES.map(lambda it: {k: it[k] for k in ("desc", "meta") if k in it}))
def test_annotations_live_through_an_add_of_either_with_the_same_bytes(
    dvc, notes, top, tmp_path_factory
):
    from cauce.adapters.formats.dvc import writing

    base = tmp_path_factory.mktemp("pair")
    with project(dvc, base / "theirs", git=False), project(dvc, base / "ours", git=False) as ws:
        for root in (base / "theirs", ws.folder):
            folders.write(root / "data", {"a": b"1"})
            dvc(root, "add", "-q", "data")
            body = writing.load(root / "data.dvc")
            body["outs"][0].update(notes)
            body.update(top)
            writing.save(root / "data.dvc", body)
            folders.write(root / "data", {"b": b"2"})
        dvc(base / "theirs", "add", "-q", "data")
        ws.data.add(ws.folder / "data")
        mine = (ws.folder / "data.dvc").read_text()
        assert mine == (base / "theirs" / "data.dvc").read_text()
        known = format.read(ws.folder, ws.folder / "data.dvc")
        assert known.outs[0].labels == tuple(notes.get("labels", ()))
        assert known.outs[0].meta == notes.get("meta")
        assert known.desc == top.get("desc", "")


def test_the_size_goes_with_a_granular_add_and_comes_back_with_a_full_one(dvc, tmp_path):
    with project(dvc, tmp_path / "p") as ws:
        root = ws.folder
        folders.write(root / "d", {"a": b"1", "b": b"22"})
        dvc(root, "add", "-q", "d")
        file = root / "d.dvc"
        for change in ({"a": b"111"}, {"c": b"4"}):
            before = file.read_text()
            folders.write(root / "d", change)
            dvc(root, "add", "-q", f"d/{next(iter(change))}")
            theirs = file.read_text()
            (out,) = format.read(root, file).outs
            file.write_text(before)
            format.write(root, file, out)
            assert file.read_text() == theirs
        assert "size" not in theirs
        dvc(root, "add", "-q", "d")
        full = file.read_text()
        (out,) = format.read(root, file).outs
        file.write_text(theirs)
        format.write(root, file, out)
        assert file.read_text() == full
        assert full.endswith("  path: d\n  size: 6\n")
