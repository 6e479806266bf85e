import importlib.util
import subprocess
import sys

import pytest

from cauce.errors import MissingExtra, NotFound
from cauce.kernel import plugins


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package of somebody else's that brings a store and a broken one."""
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cauce.stores]\nftp = theirs_store:open_store\nfile = theirs_store:open_store\n"
        "broken = theirs_store:absent\n"
    )
    (tmp_path / "theirs_store.py").write_text("def open_store(url, root, settings): return url\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("theirs_store", None)


def test_everything_that_ships_is_there():
    missing = [
        target
        for group in plugins.SHIPPED.values()
        for target, _ in group.values()
        if importlib.util.find_spec(target.partition(":")[0]) is None
    ]
    assert missing == []


def test_a_store_of_ours_is_loaded_by_its_name():
    assert plugins.load("stores", "memory").__name__ == "open_store"


def test_an_installed_adapter_is_found_and_ours_win(installed):
    assert plugins.load("stores", "ftp")("ftp://x", None, None) == "ftp://x"
    assert plugins.load("stores", "file").__module__ == "cauce.adapters.stores.local"
    assert {"ftp", "file", "memory"} <= set(plugins.names("stores"))


def test_an_unknown_name_is_refused_with_those_known():
    with pytest.raises(NotFound, match="no adapter 'gopher' in stores") as caught:
        plugins.load("stores", "gopher")
    assert "memory" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        plugins.load("nothing", "x")
    assert "none" in caught.value.hint


@pytest.mark.parametrize(("extra", "hint"), [("onnx", "cauce[onnx]"), ("", "absent_package")])
def test_a_missing_package_names_what_to_install(tmp_path, monkeypatch, extra, hint):
    (tmp_path / "adapter_without.py").write_text("import absent_package.inner\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(plugins.SHIPPED["stores"], "without", ("adapter_without:x", extra))
    with pytest.raises(MissingExtra, match="absent_package") as caught:
        plugins.load("stores", "without")
    assert hint in caught.value.hint
    assert "inner" not in caught.value.message


def test_an_adapter_that_lacks_a_part_of_ours_is_a_fault_not_a_missing_extra(tmp_path, monkeypatch):
    (tmp_path / "adapter_broken.py").write_text("import cauce.kernel.absent\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(plugins.SHIPPED["stores"], "broken", ("adapter_broken", "onnx"))
    with pytest.raises(ModuleNotFoundError, match=r"cauce\.kernel\.absent"):
        plugins.load("stores", "broken")


def test_naming_adapters_imports_none():
    code = (
        "import sys; from cauce.kernel import plugins; plugins.names('stores');"
        "print([m for m in sys.modules if m.startswith(('cauce.adapters', 'obstore'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
