"""Data that version 2 of DVC added: status, checkout, push and pull beside DVC 3."""

import hashlib
import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.dvc_process import Dvc
from tests.rooms import folders

from cauce.errors import Conflict, Damaged, Unsupported
from cauce.kernel import digest, dos2unix, workspace
from cauce.kernel.packs import table

DATA = {"a.txt": b"one\r\ntwo\r\n", "sub/b.bin": b"\0\r\n\r\n", "c.txt": b"plain\n"}


def legacy(data):
    """Give the sum that DVC 2 would."""
    return digest.of(data, "md5-dos2unix").partition(":")[2]


def old(root, name, data):
    """Lay out what DVC 2 leaves: `X.dvc` without `hash`, objects at the top of the cache."""
    cache = root / ".dvc" / "cache"

    def store(blob, suffix=""):
        md5 = legacy(blob)
        place = folders.write(cache / md5[:2] / (md5[2:] + suffix), {"": blob})
        place.chmod(0o444)
        return md5 + suffix

    rows = [{"md5": store(blob), "relpath": path} for path, blob in sorted(data.items())]
    md5 = store(json.dumps(rows, sort_keys=True).encode(), ".dir")
    text = f"outs:\n- md5: {md5}\n  size: 3\n  nfiles: {len(data)}\n  path: {name}\n"
    (root / f"{name}.dvc").write_text(text)
    return folders.write(root / name, data)


@pytest.fixture
def ws(tmp_path, monkeypatch):
    """A project without git."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "person"))
    root = tmp_path / "p"
    root.mkdir()
    monkeypatch.chdir(root)
    (root / "cauce.toml").write_text('project = "test"\n')
    with workspace.open_local(root, agent="user:test") as opened:
        opened.data.init()
        yield opened


def test_lines_of_text_count_the_same_however_they_end():
    assert legacy(b"a\r\nb\r\n") == legacy(b"a\nb\n") == hashlib.md5(b"a\nb\n").hexdigest()
    assert legacy(b"\0a\r\n") == hashlib.md5(b"\0a\r\n").hexdigest()
    assert legacy(b"") == hashlib.md5(b"").hexdigest()


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode), st.lists(st.integers(1, 50))
)
def test_a_sum_ignores_how_the_bytes_came(data, cuts):
    state = dos2unix.Dos2Unix()
    rest = data
    for cut in cuts:
        state.update(rest[:cut])
        rest = rest[cut:]
    state.update(rest)
    assert state.hexdigest() == legacy(data)


def test_each_block_is_text_or_not_by_itself():
    text, binary = b"t" * (dos2unix.BLOCK - 2) + b"\r\n", b"\0" + b"y\r\n" * 100
    assert legacy(text + binary) == hashlib.md5(text[:-2] + b"\n" + binary).hexdigest()


def test_data_of_version_2_are_clean_restored_and_never_lost(ws):
    place = old(ws.folder, "data", DATA)
    (out,) = ws.data.status()
    assert (out.state, out.unchanged, out.missing) == ("unchanged", 3, 0)
    shutil.rmtree(place)
    ws.data.checkout()
    assert folders.read(place) == DATA
    (place / "a.txt").write_bytes(b"mine")
    assert ws.data.status()[0].modified == 1
    with pytest.raises(Conflict):
        ws.data.checkout()
    ws.data.checkout(force=True)
    assert folders.read(place) == DATA


def test_data_of_version_2_stay_what_they_are_until_they_change(ws):
    place = old(ws.folder, "data", DATA)
    text = (ws.folder / "data.dvc").read_text()
    ws.data.add(place)
    assert (ws.folder / "data.dvc").read_text() == text
    (place / "new").write_bytes(b"more\r\n")
    ws.data.add(place)
    assert (ws.folder / "data.dvc").read_text().endswith("  path: data\n  hash: md5\n")


def test_line_ends_alone_are_no_change_in_data_of_version_2(ws):
    place = old(ws.folder, "data", DATA)
    (place / "a.txt").write_bytes(b"one\ntwo\n")
    assert ws.data.status()[0].state == "unchanged"


def test_a_damaged_object_of_version_2_is_not_restored(ws):
    place = old(ws.folder, "data", DATA)
    md5 = legacy(DATA["c.txt"])
    object_ = ws.folder / ".dvc" / "cache" / md5[:2] / md5[2:]
    object_.chmod(0o644)
    object_.write_bytes(b"other")
    (place / "c.txt").unlink()
    with pytest.raises(Damaged):
        ws.data.checkout()
    assert not (place / "c.txt").exists()


def test_packs_refuse_objects_of_version_2_instead_of_taking_them_for_others(ws):
    with pytest.raises(Unsupported, match="version 2 of DVC"):
        table.key(f"md5-dos2unix:{'0' * 32}")


@pytest.fixture(scope="module")
def dvc(tmp_path_factory):
    """One DVC for the tests that ask it."""
    found = Dvc(tmp_path_factory.mktemp("home"))
    yield found
    found.close()


@pytest.mark.peer
def test_dvc_pulls_what_we_pushed_and_we_pull_what_it_pushed(dvc, ws, tmp_path):
    root = ws.folder
    place = old(root, "data", DATA)
    new = folders.write(root / "new", {"x": b"1\r\n"})
    ws.data.add(new)
    ws.data.remote_add("near", str(tmp_path / "near"), default=True)
    ws.data.remote_add("other", str(tmp_path / "other"))
    ws.data.push()
    dvc(root, "push", "-q", "-r", "other")
    assert folders.read(tmp_path / "near").keys() == folders.read(tmp_path / "other").keys()
    for remote, pull in (("near", "dvc"), ("other", "cauce")):
        shutil.rmtree(root / ".dvc" / "cache")
        shutil.rmtree(place)
        shutil.rmtree(new)
        if pull == "dvc":
            dvc(root, "pull", "-q", "-r", remote)
        else:
            ws.data.pull(remote=remote)
        assert folders.read(place) == DATA
        assert folders.read(new) == {"x": b"1\r\n"}
        assert {it.state for it in ws.data.status()} == {"unchanged"}
        assert dvc(root, "status", "--json").strip() == "{}"
    assert "hash" not in (root / "data.dvc").read_text()
    (place / "new").write_bytes(b"more\r\n")
    ws.data.add(place)
    assert (root / "data.dvc").read_text().endswith("  path: data\n  hash: md5\n")
    assert dvc(root, "status", "--json").strip() == "{}"
