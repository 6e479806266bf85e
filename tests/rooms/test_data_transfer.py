"""Between the cache and remotes in folders: push, fetch, pull, and how remotes are found."""

import shutil

import pytest
from tests.rooms import folders

from cauce.adapters.stores.local import LocalStore
from cauce.errors import Damaged, Invalid, NotFound, Unsupported
from cauce.kernel import digest
from cauce.rooms.data.transfer import remotes

DATA = {"train/1/a.png": b"one", "train/2/b c.png": b"two", "é/日本.png": b"three", "empty": b""}


def configure(ws, text):
    """Write `.dvc/config` of a project that has data already."""
    (ws.folder / ".dvc" / "config").write_text(text)


@pytest.fixture
def far(ws, tmp_path):
    """A project with a data set and a default remote; gives the remote's folder."""
    place = folders.write(ws.folder / "digits", DATA)
    folders.write(ws.folder / "one.bin", {"": b"by itself"})
    ws.data.add(place)
    ws.data.add(ws.folder / "one.bin")
    configure(ws, "[core]\n    remote = far\n['remote \"far\"']\n    url = ../../far\n")
    return tmp_path / "far"


def forget(ws):
    """Lose the cache and the data, as a fresh clone has neither."""
    shutil.rmtree(ws.folder / ".dvc" / "cache")
    shutil.rmtree(ws.folder / "digits")
    (ws.folder / "one.bin").unlink()


def test_what_is_pushed_comes_back_by_pull(ws, far):
    (sent,) = ws.data.push()
    assert (sent.remote, sent.objects, sent.present) == ("far", 6, 0)
    forget(ws)
    report = ws.data.pull()
    assert [one.objects for one in report.fetched] == [6]
    assert folders.read(ws.folder / "digits") == DATA
    assert (ws.folder / "one.bin").read_bytes() == b"by itself"


def test_a_remote_holds_the_cache_and_nothing_else(ws, far):
    ws.data.push()
    cache = ws.folder / ".dvc" / "cache"
    assert folders.read(far) == folders.read(cache)
    assert {path.name for path in far.iterdir()} == {"files"}
    assert {path.stat().st_mode & 0o777 for path in far.rglob("*") if path.is_file()} == {0o444}


def test_a_second_push_sends_nothing_and_a_second_fetch_brings_nothing(ws, far):
    ws.data.push()
    (again,) = ws.data.push()
    assert (again.objects, again.bytes, again.present) == (0, 0, 2)
    (back,) = ws.data.fetch()
    assert (back.objects, back.present) == (0, 6)


def test_only_what_is_new_is_sent(ws, far):
    ws.data.push()
    folders.write(ws.folder / "digits", {"train/1/a.png": b"ONE"})
    ws.data.add(ws.folder / "digits")
    (sent,) = ws.data.push((ws.folder / "digits",))
    assert (sent.objects, sent.outs) == (2, 1)


def test_a_list_does_not_reach_the_remote_before_its_files(ws, far):
    cache = LocalStore(ws.folder / ".dvc" / "cache")
    gone = digest.of(b"two", "md5")
    cache.delete([gone])
    with pytest.raises(NotFound, match=r"1 objects are neither here nor in far.*digits/train/2"):
        ws.data.push()
    there = {info.digest for info in LocalStore(far).list()}
    assert not any(name.endswith(".dir") for name in there)
    assert digest.of(b"one", "md5") in there


def test_what_the_remote_lacks_is_named_and_the_rest_is_fetched(ws, far):
    ws.data.push()
    forget(ws)
    LocalStore(far).delete([digest.of(b"two", "md5")])
    with pytest.raises(NotFound, match=r"first that of digits/train/2/b c\.png"):
        ws.data.pull()
    assert not (ws.folder / "digits").exists()
    (left,) = [path for path in DATA if DATA[path] == b"two"]
    here = {info.digest for info in LocalStore(ws.folder / ".dvc" / "cache").list()}
    assert {digest.of(data, "md5") for path, data in DATA.items() if path != left} <= here


def test_a_damaged_object_of_the_remote_never_gets_its_name(ws, far):
    ws.data.push()
    forget(ws)
    bad = digest.of(b"three", "md5")
    file = LocalStore(far).path(bad)
    file.chmod(0o644)
    file.write_bytes(b"thr33")
    file.chmod(0o444)
    with pytest.raises(Damaged, match=f"digits/é/日本.png: the object {bad}"):
        ws.data.fetch()
    assert not LocalStore(ws.folder / ".dvc" / "cache").has([bad])


def test_a_file_in_a_tracked_folder_is_fetched_alone(ws, far):
    ws.data.push()
    forget(ws)
    (brought,) = ws.data.fetch((ws.folder / "digits" / "train" / "1",))
    assert brought.objects == 2  # the list and the file
    assert digest.of(b"one", "md5") in {it.digest for it in ws.objects.list("md5")}


def test_without_a_remote_the_names_that_exist_are_said(ws, far):
    with pytest.raises(NotFound, match="no remote 'near'") as caught:
        ws.data.push(remote="near")
    assert caught.value.hint == "known: far"
    configure(ws, "['remote \"far\"']\n    url = ../../far\n")
    with pytest.raises(NotFound, match="no default remote"):
        ws.data.push()
    configure(ws, "")
    with pytest.raises(NotFound, match="no default remote") as caught:
        ws.data.push()
    assert "remote add" in caught.value.hint


def test_levels_of_the_config_are_merged_and_paths_belong_to_their_file(ws, far, monkeypatch):
    home = ws.folder.parent / "home"
    folders.write(home, {"config": b"['remote \"far\"']\n    url = shared\n    jobs = 3\n"})
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home))
    found = remotes.find(ws)
    assert (found.url, found.jobs) == (str(far), 3)
    (ws.folder / ".dvc" / "config.local").write_text("['remote \"far\"']\n    url = /elsewhere\n")
    assert remotes.find(ws).url == "/elsewhere"


def test_a_remote_may_be_a_part_of_another(ws, far):
    configure(
        ws,
        "[core]\n    remote = PART\n"
        "['remote \"s\"']\n    url = s3://bucket/x\n    region = eu-west-1\n    jobs = 2\n"
        "['remote \"part\"']\n    url = remote://s/deep/er\n    jobs = 5\n",
    )
    found = remotes.find(ws)
    assert (found.name, found.url, found.jobs) == ("part", "s3://bucket/x/deep/er", 5)
    assert found.options["region"] == "eu-west-1"


def test_remotes_that_lead_in_a_circle_or_nowhere_are_refused(ws, far):
    configure(ws, "['remote \"a\"']\n url = remote://b/x\n['remote \"b\"']\n url = remote://a/y\n")
    with pytest.raises(Invalid, match="a -> b -> a"):
        remotes.find(ws, "a")
    configure(ws, "['remote \"a\"']\n url = remote://b/x\n")
    with pytest.raises(NotFound, match="no remote 'b', which remote a refers to"):
        remotes.find(ws, "a")


@pytest.mark.parametrize("url", ["hdfs://h/x", "gdrive://x", "oss://b/x"])
def test_a_kind_of_remote_that_is_not_spoken_is_said(ws, far, url):
    configure(ws, f"['remote \"a\"']\n    url = {url}\n")
    with pytest.raises(Unsupported, match="is not spoken here"):
        ws.data.push(remote="a")


def test_an_option_that_would_be_passed_over_is_refused(ws, far):
    configure(ws, "['remote \"a\"']\n    url = s3://b/x\n    acl = public-read\n")
    with pytest.raises(Unsupported, match="option acl"):
        remotes.open_remote(ws, "a")


def test_cauce_toml_knows_the_layout_of_a_remote_only(ws, far):
    ws.settings.free["remote"] = {"far": {"layout": "zip"}}
    with pytest.raises(Invalid, match="layout = 'zip'"):
        remotes.find(ws)
    ws.settings.free["remote"] = {"far": {"url": "x"}}
    with pytest.raises(Invalid, match="knows `layout` only"):
        remotes.find(ws)


def test_what_a_branch_names_is_pushed_with_it(ws, far):
    folders.git(ws.folder, "init", "-q", "-b", "main")
    (ws.folder / ".gitignore").write_text("/digits\n/one.bin\n/.cauce\n")
    folders.git(ws.folder, "add", "-A")
    folders.git(ws.folder, "commit", "-qm", "one")
    folders.git(ws.folder, "branch", "old")
    folders.write(ws.folder / "digits", {"train/1/a.png": b"ONE"})
    ws.data.add(ws.folder / "digits")
    folders.git(ws.folder, "commit", "-qam", "two")
    ws.data.push()
    assert digest.of(b"one", "md5") not in {it.digest for it in LocalStore(far).list()}
    ws.data.push(all_branches=True)
    assert {it.digest for it in LocalStore(far).list()} == {
        it.digest for it in ws.objects.list("md5")
    }


def test_a_remote_is_compared_without_moving_anything(ws, far):
    rows = ws.data.remote_status()
    assert {row.path for row in rows} == {"digits", "one.bin", *(f"digits/{p}" for p in DATA)}
    assert {row.state for row in rows} == {"new"}
    assert not far.exists()
    ws.data.push()
    assert ws.data.remote_status() == []
    cache = LocalStore(ws.folder / ".dvc" / "cache")
    cache.delete([digest.of(b"one", "md5"), digest.of(b"two", "md5")])
    LocalStore(far).delete([digest.of(b"two", "md5")])
    states = {row.path: row.state for row in ws.data.remote_status((ws.folder / "digits",))}
    assert states == {"digits/train/1/a.png": "deleted", "digits/train/2/b c.png": "missing"}


def test_status_tells_of_the_remote_when_it_is_asked_to(ws, far):
    assert {out.cloud for out in ws.data.status()} == {()}
    states = {row.state for out in ws.data.status(cloud=True) for row in out.cloud}
    assert states == {"new"}
    ws.data.push((ws.folder / "digits",))
    rows = {out.path: [row.path for row in out.cloud] for out in ws.data.status(remote="far")}
    assert rows == {"digits": [], "one.bin": ["one.bin"]}


def test_what_is_added_to_a_remote_is_not_in_the_cache(ws, far):
    place = folders.write(ws.folder / "big", {"a": b"A", "b/c": b"C"})
    before = folders.read(ws.folder / ".dvc" / "cache")
    version = ws.data.add(place, to_remote=True)
    assert (version.number, version.count) == ("v1", 2)
    assert folders.read(ws.folder / ".dvc" / "cache") == before
    assert digest.of(b"C", "md5") in {it.digest for it in LocalStore(far).list()}
    shutil.rmtree(place)
    ws.data.pull((place,))
    assert folders.read(place) == {"a": b"A", "b/c": b"C"}


def test_imports_that_were_never_downloaded_and_outputs_kept_at_home_do_not_stop_a_push(ws, far):
    (ws.folder / "taken.dvc").write_text(
        "md5: 6a0bb9eb1f1e4bd6ae3f6dd2d4f8a7d1\nfrozen: true\ndeps:\n- path: x\n  repo:\n"
        "    url: /elsewhere\n    rev_lock: 0123456789012345678901234567890123456789\n"
        "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 3\n  hash: md5\n  path: taken\n"
    )
    with (ws.folder / "one.bin.dvc").open("a") as file:
        file.write("  push: false\n")
    assert ws.data.push()[0].objects == 5
    assert digest.of(b"by itself", "md5") not in {it.digest for it in LocalStore(far).list()}
