"""Upkeep of a DVC repository: remotes, config, ignored paths, moves, removals, commits."""

import pytest
from tests.rooms import folders

from cauce.errors import CauceError, Conflict, Invalid, NotFound
from cauce.kernel import workspace

DATA = {"a": b"one", "sub/b": b"two"}
PIPELINE = """\
stages:
  prep:
    cmd: make it
    outs:
    - out/prepared
    - plain.txt:
        cache: false
"""
LOCK = """\
schema: '2.0'
stages:
  prep:
    cmd: make it
    outs:
    - path: out/prepared
      hash: md5
      md5: 7e55db001d319a94b0b713529a756623
      size: 3
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project in a git repository, this machine's own DVC config kept away."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "person"))
    folder = tmp_path / "p"
    folder.mkdir()
    folders.git(folder, "init", "-q")
    (folder / "cauce.toml").write_text('project = "test"\n')
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def ws(root):
    """Its workspace."""
    with workspace.open_local(root, agent="user:test") as opened:
        opened.data.init()
        yield opened


def config(root, name="config"):
    return (root / ".dvc" / name).read_text()


def test_the_first_remote_is_written_as_dvc_writes_it(ws, root):
    made = ws.data.remote_add("STORE", "../store", default=True)
    assert (made.name, made.url, made.default) == ("store", str(root.parent / "store"), True)
    assert config(root) == (
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
    )


def test_a_remote_is_not_overwritten_unasked(ws, root):
    ws.data.remote_add("near", "/a")
    ws.data.remote_modify("near", ("jobs", "3"))
    before = config(root)
    with pytest.raises(Conflict, match="near exists"):
        ws.data.remote_add("near", "/b")
    assert config(root) == before
    ws.data.remote_add("near", "/b", force=True)
    assert config(root) == "['remote \"near\"']\n    url = /b\n"


def test_secrets_go_to_the_file_that_git_does_not_see(ws, root):
    ws.data.remote_add("far", "s3://bucket/x")
    ws.data.remote_modify("far", ("secret_access_key", "k"), local=True)
    assert "secret" not in config(root)
    assert config(root, "config.local") == "['remote \"far\"']\n    secret_access_key = k\n"
    assert [row.level for row in ws.data.remote_modify("far", ("region", "eu"))] == [
        "repo",
        "repo",
        "local",
    ]


def test_a_default_follows_a_renamed_remote_and_goes_with_a_removed_one(ws, root):
    ws.data.remote_add("a", "/a", default=True)
    ws.data.remote_default("a", local=True)
    ws.data.remote_rename("a", "b")
    assert ws.data.remote_default()[0].name == "b"
    assert config(root, "config.local") == "[core]\n    remote = b\n"
    assert ws.data.remote_remove("b") == []
    assert config(root) == config(root, "config.local") == ""
    with pytest.raises(NotFound, match="no default remote"):
        ws.data.remote_default()


@pytest.mark.parametrize("act", ["modify", "default", "remove", "rename"])
def test_a_remote_that_is_not_there_is_named_with_those_that_are(ws, act):
    ws.data.remote_add("near", "/a")
    arguments = {"modify": (("url", "x"),), "rename": ("y",)}.get(act, ())
    with pytest.raises(NotFound) as caught:
        getattr(ws.data, f"remote_{act}")("nope", *arguments)
    assert "near" in caught.value.hint


def test_an_option_is_read_set_and_unset(ws, root):
    assert ws.data.config("core.autostage", "true").shown == "nothing"
    (option,) = ws.data.config("core.autostage").options
    assert (option.value, option.level, option.file) == (
        "true",
        "repo",
        str(root / ".dvc" / "config"),
    )
    ws.data.config("core.autostage", unset=True)
    assert config(root) == ""
    with pytest.raises(NotFound, match="not set"):
        ws.data.config("core.autostage")
    with pytest.raises(NotFound, match="not set in the repo config"):
        ws.data.config("core.autostage", unset=True)


def test_the_stronger_level_is_what_counts(ws):
    ws.data.config("core.remote", "a", global_=True)
    ws.data.config("core.remote", "b")
    ws.data.config("core.remote", "c", local=True)
    assert ws.data.config("core.remote").options[0].value == "c"
    assert ws.data.config("core.remote", global_=True).options[0].value == "a"
    assert [it.value for it in ws.data.config().options] == ["c"]
    with pytest.raises(Invalid, match="at once"):
        ws.data.config("core.remote", global_=True, local=True)


@pytest.mark.parametrize("name", ["core", "", ".", "a.b.c", "core."])
def test_a_name_that_is_none_of_an_option_is_refused(ws, name):
    with pytest.raises(Invalid, match="no name of an option"):
        ws.data.config(name, "x")


def test_a_cache_that_is_moved_is_used_at_once(ws, root, tmp_path):
    place = folders.write(root / "digits", DATA)
    found = ws.data.cache_dir("../shared")
    assert found.path == str(tmp_path / "shared")
    ws.data.add(place)
    assert (tmp_path / "shared" / "files" / "md5").is_dir()
    assert ws.data.cache_dir(unset=True).path == str(root / ".dvc" / "cache")


def test_ignored_paths_are_told_with_file_line_and_pattern(ws, root):
    (root / ".dvcignore").write_text("# ours\n*.log\n!keep.log\n  build/\n")
    folders.write(root, {"sub/.dvcignore": b"!b.log\n", "build/x": b"1"})
    found = ws.data.check_ignore(("a.log", "keep.log", "sub/b.log", "build/x", "none", ".git/x"))
    assert [(it.path, it.file, it.line, it.pattern) for it in found] == [
        ("a.log", ".dvcignore", 2, "*.log"),
        ("build/x", ".dvcignore", 4, "build/"),
        (".git/x", "", 0, ".git"),
    ]
    more = ws.data.check_ignore(("sub/b.log", "none"), details=True, non_matching=True)
    assert [(it.path, it.ignored, it.file) for it in more] == [
        ("sub/b.log", False, "sub/.dvcignore"),
        ("none", False, ""),
    ]
    with pytest.raises(CauceError, match="none of these") as caught:
        ws.data.check_ignore(("keep.log",))
    assert caught.value.exit_code == 1


def test_moved_data_take_their_file_their_version_and_their_ignored_line_along(ws, root):
    place = folders.write(root / "digits", DATA)
    ws.data.add(place)
    file = root / "digits.dvc"
    file.write_text("# ours\n" + file.read_text() + "  desc: scans\n")
    (root / "sub").mkdir()
    done = ws.data.move(place, root / "sub")
    assert (done.old, done.new, done.version) == ("digits", "sub/digits", "digits@v2")
    assert not file.exists()
    text = (root / "sub" / "digits.dvc").read_text()
    assert text.startswith("# ours\n")
    assert text.endswith("  path: digits\n  desc: scans\n")
    assert "digits" not in (root / ".gitignore").read_text()
    assert (root / "sub" / ".gitignore").read_text() == "/digits\n"
    assert folders.read(root / "sub" / "digits") == DATA
    assert ws.data.status()[0].state == "unchanged"


def test_data_move_up_into_the_project_itself(ws, root):
    place = folders.write(root / "sub" / "digits", DATA)
    ws.data.add(place)
    assert ws.data.move(place, root).new == "digits"
    assert folders.read(root / "digits") == DATA


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("taken", Conflict),
        ("nowhere/x", NotFound),
        ("digits/in", Invalid),
        ("skipped", Conflict),
        (".git/x", Invalid),
        ("../out", Invalid),
    ],
)
def test_data_do_not_move_where_they_cannot_stay(ws, root, target, kind):
    place = folders.write(root / "digits", DATA)
    ws.data.add(place)
    (root / "taken").write_text("mine")
    (root / ".dvcignore").write_text("skipped\n")
    with pytest.raises(kind):
        ws.data.move(place, root / target)
    assert folders.read(place) == DATA
    assert (root / "digits.dvc").exists()


def test_removed_data_stay_and_no_checkout_touches_them(ws, root):
    place = folders.write(root / "[a] digits", DATA)
    ws.data.add(place)
    assert ws.data.remove((place,))[0].kept
    assert not (root / "[a] digits.dvc").exists()
    assert (root / ".gitignore").read_text() == "/.cauce\n"
    ws.data.checkout()
    assert folders.read(place) == DATA


def test_removing_the_files_too_spares_what_is_in_no_version(ws, root):
    place = folders.write(root / "digits", DATA)
    ws.data.add(place)
    (place / "new").write_text("unsaved")
    with pytest.raises(Conflict, match="in no version"):
        ws.data.remove((place,), outs=True)
    assert (place / "new").exists()
    assert (root / "digits.dvc").exists()
    ws.data.remove((place,), outs=True, force=True)
    assert not place.exists()


def test_a_commit_takes_the_work_tree_as_it_is(ws, root):
    place = folders.write(root / "digits", DATA)
    ws.data.add(place)
    (place / "a").write_text("other")
    (done,) = ws.data.commit((place,), message="as it is")
    assert (done.changed, done.version) == (True, "digits@v2")
    assert ws.data.status()[0].state == "unchanged"
    assert not ws.data.commit()[0].changed


def test_a_commit_takes_an_import_and_keeps_its_source(ws, root):
    (root / "x.txt").write_text("mine")
    (root / "x.txt.dvc").write_text(
        "md5: a\nfrozen: true\ndeps:\n- etag: abc\n  size: 4\n  hash: md5\n  path: s3://b/x.txt\n"
        "outs:\n- hash: md5\n  path: x.txt\n"
    )
    ws.data.commit((root / "x.txt",))
    text = (root / "x.txt.dvc").read_text()
    assert "- etag: abc\n  size: 4\n  hash: md5\n  path: s3://b/x.txt\n" in text
    assert ws.data.status()[0].state == "unchanged"


def test_what_stages_make_is_tracked_restored_and_committed(ws, root):
    folders.write(root, {"dvc.yaml": PIPELINE.encode(), "dvc.lock": LOCK.encode()})
    place = folders.write(root / "out" / "prepared", {"": b"foo"})
    (done,) = ws.data.commit((place,))
    assert (done.file, done.version) == ("dvc.yaml", "")
    written = (root / "dvc.lock").read_text()
    assert written == LOCK.replace("7e55db001d319a94b0b713529a756623", done.md5)
    place.unlink()
    ws.data.checkout((place,))
    assert place.read_bytes() == b"foo"
    with pytest.raises(Conflict, match="made by stage prep"):
        ws.data.remove((place,))


@pytest.mark.parametrize("place", ["out/prepared", "out"])
def test_what_a_stage_makes_is_not_added_beside_it(ws, root, place):
    folders.write(root, {"dvc.yaml": PIPELINE.encode(), "out/prepared": b"foo"})
    with pytest.raises(Conflict, match="made by stage prep"):
        ws.data.add(root / place)
    assert not list(root.rglob("out*.dvc"))


def test_the_report_of_versions_names_cache_and_remotes(ws, root):
    ws.data.remote_add("far", "s3://bucket/x")
    found = ws.data.version()
    assert (found.root, found.remotes, found.git) == (str(root), ["s3"], True)
    assert found.cache_types == ["reflink", "copy"]


def test_outputs_that_are_not_cached_or_never_ran_are_left_alone_by_a_checkout(ws, root):
    folders.write(root, {"dvc.yaml": PIPELINE.encode()})
    place = folders.write(root / "out" / "prepared", {"": b"foo"})
    plain = folders.write(root / "plain.txt", {"": b"foo"})
    copy = folders.write(root / "copy", {"": b"foo"})
    ws.data.add(copy)  # the bytes are stored: nothing but the rule keeps the others
    ws.data.checkout()
    assert place.exists()
    assert plain.exists()
    assert {it.path: it.missing for it in ws.data.status()} == {
        "copy": 0,
        "out/prepared": 0,
        "plain.txt": 0,
    }


def test_git_takes_what_changed_where_the_config_says_so(ws, root):
    place = folders.write(root / "digits", DATA)
    ws.data.add(place)
    folders.git(root, "add", "-A")
    ws.data.config("core.autostage", "true")
    other = folders.write(root / "other", DATA)
    ws.data.add(other, name="other")
    assert "other.dvc" in folders.git(root, "diff", "--cached", "--name-only").split()
    ws.data.move(place, root / "numbers")
    staged = folders.git(root, "diff", "--cached", "--name-only").split()
    assert "numbers.dvc" in staged
    assert "digits.dvc" not in staged
    assert "/numbers" in folders.git(root, "show", ":.gitignore")


@pytest.mark.parametrize("other", ["digits", "digits/sub", "digits/sub/b"])
def test_two_files_that_name_the_same_data_are_a_conflict(ws, root, other):
    ws.data.add(folders.write(root / "digits", DATA))
    folders.write(root, {"sub/x.dvc": f"wdir: ..\nouts:\n- path: {other}\n".encode()})
    with pytest.raises(Conflict, match=r"digits\.dvc.*overlap|x\.dvc.*overlap"):
        ws.data.status()
