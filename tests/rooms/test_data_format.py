"""DVC's files as bytes: golden files, properties, and files that somebody made to harm us."""

import contextlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rooms import folders

from cauce.adapters.formats import dvc
from cauce.adapters.formats.dvc import config
from cauce.errors import CauceError, Conflict, Damaged, Invalid, Unsupported

MD5 = "0123456789abcdef0123456789abcdef"
SAFE = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\"), min_size=1, max_size=8
).filter(lambda part: part not in {".", ".."})
PATHS = st.lists(SAFE, min_size=1, max_size=4).map("/".join)
SUMS = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def trees(draw):
    """Path -> md5, without a path that is both a file and a folder."""
    found: dict[str, str] = {}
    for path in draw(st.lists(PATHS, max_size=12, unique=True)):
        if not any(
            f"{path}/".startswith(f"{it}/") or f"{it}/".startswith(f"{path}/") for it in found
        ):
            found[path] = draw(SUMS)
    return found


# .dir objects


@given(trees())
def test_a_dir_object_is_read_as_it_was_written(tree):
    assert dvc.parse(dvc.dump(tree)) == tree


@given(trees(), st.randoms())
def test_the_bytes_of_a_dir_object_ignore_the_order_of_its_files(tree, random):
    shuffled = list(tree.items())
    random.shuffle(shuffled)
    assert dvc.dump(dict(shuffled)) == dvc.dump(tree)


@given(trees())
def test_paths_of_a_dir_object_are_in_the_order_of_their_utf8_bytes(tree):
    paths = [row["relpath"].encode() for row in json.loads(dvc.dump(tree))]
    assert paths == sorted(paths)


def test_dir_objects_have_the_bytes_that_dvc_gives_them():
    for golden in folders.GOLDEN.glob("*.dir"):
        data = golden.read_bytes()
        assert dvc.dump(dvc.parse(data)) == data
        assert dvc.name(data) == f"md5:{golden.name}"


def test_a_dir_object_of_another_tool_may_have_other_spacing_and_keys():
    data = b'[\n {"relpath":"a/b","md5":"%s","size":3}\n]' % MD5.encode()
    assert dvc.parse(data) == {"a/b": MD5}


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "a//b",
        "",
        ".",
        "..",
        "a/.",
        "a\\..\\b",
        "a\x00b",
        "a\nb",
    ],
)
def test_a_dir_object_with_a_path_that_leaves_its_folder_is_refused(path):
    with pytest.raises(Damaged, match="safe relative path"):
        dvc.parse(json.dumps([{"md5": MD5, "relpath": path}]).encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        "[1]",
        '[{"md5": 5, "relpath": "a"}]',
        '[{"md5": "zz", "relpath": "a"}]',
        '[{"relpath": "a"}]',
        f'[{{"md5": "{MD5}"}}]',
        f'[{{"md5": "{MD5}", "relpath": "a"}}',
        f'[{{"md5": "{MD5}", "relpath": "a"}}, {{"md5": "{MD5}", "relpath": "a"}}]',
        f'[{{"md5": "{MD5}", "relpath": "a"}}, {{"md5": "{MD5}", "relpath": "a/b"}}]',
        f'[{{"md5": "{MD5}", "relpath": "\\ud800"}}]',
        "[" * 100_000,
    ],
)
def test_a_malformed_dir_object_is_damaged(text):
    with pytest.raises(Damaged):
        dvc.parse(text.encode())


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_of_dir_objects_fail_otherwise(data):
    with contextlib.suppress(Damaged):
        dvc.parse(data)


# .dvc files


def output(path="data", **values):
    return dvc.Output(path=path, **{"md5": MD5, "size": 3, **values})


@given(
    name=SAFE.filter(
        lambda it: not it.endswith(".dvc") and it not in {".dvc", ".git", ".hg", ".cauce"}
    ),
    md5=SUMS,
    size=st.none() | st.integers(0, 2**60),
    nfiles=st.none() | st.integers(0, 10**6),
    isexec=st.booleans(),
)
def test_a_dvc_file_is_read_as_it_was_written(name, md5, size, nfiles, isexec, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    if nfiles is not None:
        md5, isexec = f"{md5}.dir", False
    written = dvc.Output(path=name, md5=md5, size=size, nfiles=nfiles, isexec=isexec)
    dvc.write(root, root / f"{name}.dvc", written)
    assert dvc.read(root, root / f"{name}.dvc").outs == (written,)


def test_writing_over_a_dvc_file_keeps_comments_order_and_what_others_wrote(tmp_path):
    file = tmp_path / "data.dvc"
    file.write_text(
        "# who looks after this: us\n"
        "outs:\n"
        "- path: data   # moved in May\n"
        "  desc: 'our digits'\n"
        "  hash: md5\n"
        "  remote: far\n"
        f"  md5: {'f' * 32}.dir\n"
        "  size: 1\n"
        "  nfiles: 7\n"
        "  push: false\n"
        "meta:\n"
        "  owner: {team: data}  # as agreed\n"
    )
    dvc.write(tmp_path, file, output(isexec=True))
    assert file.read_text() == (
        "# who looks after this: us\n"
        "outs:\n"
        "- path: data   # moved in May\n"
        "  desc: 'our digits'\n"
        "  hash: md5\n"
        "  remote: far\n"
        f"  md5: {MD5}\n"
        "  size: 3\n"
        "  push: false\n"
        "  isexec: true\n"
        "meta:\n"
        "  owner: {team: data}  # as agreed\n"
    )


def test_a_file_of_version_2_is_told_apart_and_rewritten_as_version_3(tmp_path):
    file = tmp_path / "data.dvc"
    file.write_text(f"outs:\n- md5: {MD5}\n  size: 3\n  path: data\n")
    assert dvc.read(tmp_path, file).outs[0].legacy
    dvc.write(tmp_path, file, output())
    assert file.read_text() == f"outs:\n- md5: {MD5}\n  size: 3\n  path: data\n  hash: md5\n"


def test_an_import_is_not_overwritten(tmp_path):
    file = tmp_path / "data.dvc"
    text = f"frozen: true\ndeps:\n- path: ../far\nouts:\n- md5: {MD5}\n  hash: md5\n  path: data\n"
    file.write_text(text)
    with pytest.raises(Conflict, match="import"):
        dvc.write(tmp_path, file, output(md5="f" * 32))
    assert file.read_text() == text


def test_a_dvc_file_keeps_its_mode_when_it_is_written_again(tmp_path):
    file = tmp_path / "data.dvc"
    dvc.write(tmp_path, file, output())
    file.chmod(0o640)
    dvc.write(tmp_path, file, output(size=4))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [it.name for it in tmp_path.iterdir()] == ["data.dvc"]


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", ".", "..", "", "a/../..", ".git/hooks", "x/.dvc/y"]
)
def test_an_output_that_leaves_the_project_is_refused(path, tmp_path):
    file = tmp_path / "data.dvc"
    file.write_text(f"outs:\n- md5: {MD5}\n  hash: md5\n  path: {json.dumps(path)}\n")
    with pytest.raises(Invalid, match=r"leaves the project|tool's own folder"):
        dvc.read(tmp_path, file)


@pytest.mark.parametrize("wdir", ["..", "/", "../..", "sub/../.."])
def test_a_working_folder_that_leaves_the_project_is_refused(wdir, tmp_path):
    file = tmp_path / "data.dvc"
    file.write_text(f"wdir: {wdir}\nouts:\n- md5: {MD5}\n  hash: md5\n  path: x\n")
    with pytest.raises(Invalid, match="leaves the project"):
        dvc.read(tmp_path, file)


def test_an_output_that_leaves_the_project_through_a_link_is_refused(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "data.dvc").write_text(f"outs:\n- md5: {MD5}\n  hash: md5\n  path: out/x\n")
    with pytest.raises(Invalid, match="through a link"):
        dvc.read(root, root / "data.dvc")


def test_a_path_relative_to_the_dvc_file_and_its_working_folder_is_found(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    file = tmp_path / "a" / "b" / "x.dvc"
    file.write_text(f"wdir: ..\nouts:\n- md5: {MD5}\n  hash: md5\n  path: x\n")
    assert dvc.read(tmp_path, file).outs[0].path == "a/x"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"outs:\n- md5: {MD5}\n  sise: 3\n  path: x\n", "data.dvc:3:3: unknown key 'sise'"),
        ("stages:\n  a: 1\n", "data.dvc:1:1: unknown key 'stages'"),
        ("outs:\n- path: x\n  path: y\n", "data.dvc:3:3: 'path' occurs twice"),
        ("outs: 5\n", "data.dvc:1:7: a list must be here"),
        ("- 1\n", "data.dvc:1:1: a mapping must be here"),
        ("outs:\n- md5: [1]\n  path: x\n", "data.dvc:2:8: a text must be here"),
        ("outs:\n- md5: nonsense\n  path: x\n", "not an md5 sum"),
        ("outs:\n- size: -1\n  path: x\n", "not a whole number"),
        ("outs:\n- size: 1e3\n  path: x\n", "not a whole number"),
        ("outs:\n- isexec: maybe\n  path: x\n", "not true or false"),
        (f"outs:\n- md5: {MD5}\n", "has no path"),
        ("outs: [\n", "not valid YAML"),
        ("a: &a [*a]\n", "unknown key"),
        ("%YAML 9.9\n---\nouts: []\n", "not valid YAML"),
        ("outs: []\n---\nouts: []\n", "not valid YAML"),
        ("!!python/object/apply:os.system [echo]\n", "a mapping must be here"),
    ],
)
def test_a_malformed_dvc_file_is_refused_with_its_place(text, place, tmp_path):
    file = tmp_path / "data.dvc"
    file.write_text(text)
    with pytest.raises(Invalid) as caught:
        dvc.read(tmp_path, file)
    assert place in str(caught.value)


@given(data=st.binary(max_size=120))
def test_no_bytes_make_the_reader_of_dvc_files_fail_otherwise(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "x.dvc").write_bytes(data)
    with contextlib.suppress(CauceError):
        dvc.read(root, root / "x.dvc")


def test_an_empty_dvc_file_names_nothing(tmp_path):
    (tmp_path / "x.dvc").write_text("")
    assert dvc.read(tmp_path, tmp_path / "x.dvc").outs == ()


# .dvc/config


@given(
    st.dictionaries(
        st.sampled_from(["core", "cache", 'remote "near"', 'remote "far away"']),
        st.dictionaries(
            st.text("abcdefgh_", min_size=1, max_size=8),
            st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20).filter(
                lambda it: not ("'" in it and '"' in it)
            ),
            min_size=1,
            max_size=3,
        ),
    )
)
def test_a_config_is_read_as_it_was_written(values):
    assert config.parse(config.dump(values)) == values


def test_a_config_as_people_write_it_is_read():
    text = (
        "\ufeff# ours\n[Core]\n  Remote = far   # the big one\nautostage=true\n\n"
        "['remote \"far\"']\n    url = s3://bucket/a#as DVC reads it\n"
        '[remote "near"]\nurl = "../a, b"\n'
    )
    assert config.parse(text) == {
        "core": {"remote": "far", "autostage": "true"},
        'remote "far"': {"url": "s3://bucket/a"},
        'remote "near"': {"url": "../a, b"},
    }


@pytest.mark.parametrize("text", ["key = 1\n", "[a\n", "[a]\nnonsense\n", "[a]\n= 3\n"])
def test_a_malformed_config_is_refused_with_its_line(text):
    with pytest.raises(Invalid, match=r"\.dvc/config:\d: "):
        config.parse(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", ".dvc/cache"),
        ("[cache]\n    dir = ../shared\n", "shared"),
        ("[cache]\n    dir = mine\n", ".dvc/mine"),
        ("[cache]\n    dir = /big/disk\n", "/big/disk"),
    ],
)
def test_the_cache_lies_where_the_config_says(text, where, tmp_path, monkeypatch):
    for name in ("DVC_SYSTEM_CONFIG_DIR", "DVC_GLOBAL_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text(text)
    assert dvc.cache_dir(tmp_path) == tmp_path / where


def test_the_local_config_wins_over_the_projects_and_that_over_the_persons(tmp_path, monkeypatch):
    person = tmp_path / "person"
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    person.mkdir()
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(person))
    (person / "config").write_text("[cache]\ndir = a\ntype = copy\n[core]\nremote = one\n")
    assert dvc.cache_dir(root) == person / "a"
    (root / ".dvc" / "config").write_text("[cache]\ndir = b\n[core]\nremote = two\n")
    (root / ".dvc" / "config.local").write_text("[core]\nremote = three\n")
    assert dvc.cache_dir(root) == root / ".dvc" / "b"
    assert dvc.load(root)["core"]["remote"] == "three"
    assert dvc.load(root)["cache"]["type"] == "copy"


@pytest.mark.parametrize(("scm", "name"), [(True, "config"), (False, "config-no-scm")])
def test_a_new_project_has_the_files_that_dvc_makes(scm, name, tmp_path):
    golden = folders.GOLDEN / "init"
    dvc.create(tmp_path, scm=scm)
    assert (tmp_path / ".dvc" / "config").read_bytes() == (golden / name).read_bytes()
    assert (tmp_path / ".dvcignore").read_bytes() == (golden / "dvcignore").read_bytes()
    assert (tmp_path / ".dvc" / ".gitignore").exists() is scm
    if scm:
        made = (tmp_path / ".dvc" / ".gitignore").read_bytes()
        assert made == (golden / "gitignore").read_bytes()


def test_making_a_project_again_changes_nothing(tmp_path):
    dvc.create(tmp_path, scm=True)
    (tmp_path / ".dvc" / "config").write_text("[core]\n    remote = far\n")
    assert dvc.create(tmp_path, scm=True) == []
    assert dvc.load(tmp_path)["core"]["remote"] == "far"


# .dvcignore and .gitignore


@pytest.mark.parametrize(
    ("patterns", "path", "folder", "ignored"),
    [
        ("*.tmp", "a/b.tmp", False, True),
        ("*.tmp\n!keep.tmp", "keep.tmp", False, False),
        ("/top", "top", False, True),
        ("/top", "a/top", False, False),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("**/x", "a/b/x", False, True),
        ("  *.log  ", "a.log", False, True),
        ("# *.log", "a.log", False, False),
        ("", ".git", True, True),
        ("", "a/.dvc", True, True),
        ("", "x.dvc", False, False),
    ],
)
def test_dvcignore_means_what_gitignore_means(patterns, path, folder, ignored, tmp_path):
    (tmp_path / ".dvcignore").write_text(patterns)
    assert dvc.Ignore(tmp_path)(path, folder=folder) is ignored


def test_a_deeper_dvcignore_wins_below_its_folder(tmp_path):
    folders.write(tmp_path, {".dvcignore": b"*.log\n", "a/.dvcignore": b"!keep.log\n/b\n"})
    ignored = dvc.Ignore(tmp_path)
    assert not ignored("a/keep.log", folder=False)
    assert ignored("keep.log", folder=False)
    assert ignored("a/b", folder=True)
    assert not ignored("b", folder=True)


def test_dvc_files_are_found_but_not_in_data_ignored_folders_or_other_projects(tmp_path):
    folders.write(
        tmp_path,
        {
            "b.dvc": b"",
            "data.dvc": b"",
            "data/inner.dvc": b"",
            "sub/c.dvc": b"",
            "skip/d.dvc": b"",
            ".dvcignore": b"skip/\n",
            ".git/e.dvc": b"",
            "other/.dvc/config": b"",
            "other/f.dvc": b"",
        },
    )
    found = [path.relative_to(tmp_path).as_posix() for path in dvc.find(tmp_path)]
    assert found == ["b.dvc", "data.dvc", "sub/c.dvc"]


def test_hidden_data_are_really_ignored_by_git_and_named_once(tmp_path):
    folders.git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.pyc")
    for name in ("plain", "[a] !b*c?#", "back\\slash", "with blank"):
        place = folders.write(tmp_path / name, {"x": b"1"})
        assert dvc.hide(tmp_path, place) == tmp_path / ".gitignore"
        assert dvc.hide(tmp_path, place) is None
    assert folders.git(tmp_path, "status", "--short") == "?? .gitignore\n"
    assert (tmp_path / ".gitignore").read_text().startswith("*.pyc\n/plain\n")


def test_without_git_nothing_is_hidden(tmp_path):
    place = folders.write(tmp_path / "data", {"x": b"1"})
    assert dvc.hide(tmp_path, place) is None
    assert not (tmp_path / ".gitignore").exists()


# the lock

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
file.truncate(0); file.write(" 4711\\n"); file.flush()
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_waits_for_its_holder_and_then_gives_up_with_its_name(tmp_path):
    path = tmp_path / ".dvc" / "tmp" / "lock"
    path.parent.mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        holder.stdout.readline()
        with pytest.raises(Conflict, match="4711"), dvc.locked(tmp_path, seconds=0.1):
            pass
        holder.stdin.close()
        with dvc.locked(tmp_path, seconds=5):
            assert path.read_text() == f" {os.getpid()}\n"


def test_the_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), dvc.locked(tmp_path):
        raise KeyError
    with dvc.locked(tmp_path, seconds=0):
        pass


def test_the_other_kind_of_lock_is_refused(tmp_path):
    folders.write(tmp_path, {".dvc/config": b"[core]\nhardlink_lock = true\n"})
    with pytest.raises(Unsupported), dvc.locked(tmp_path):
        pass


def test_the_format_is_loaded_without_its_heavy_packages():
    code = (
        "import sys; from cauce.adapters.formats import dvc;"
        "print([name for name in ('yaml', 'ruamel.yaml', 'pathspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_folder_where_a_dvc_file_should_be_is_refused(tmp_path):
    (tmp_path / "x.dvc").mkdir()
    with pytest.raises(Invalid, match="cannot be read"):
        dvc.read(tmp_path, Path(tmp_path / "x.dvc"))
