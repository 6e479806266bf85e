"""`.dvc` files with imports, annotations and files in buckets; stages of `dvc.yaml`."""

import pytest
from msgspec.structs import replace

from cauce.adapters.formats import dvc
from cauce.errors import Conflict

MD5 = "0123456789abcdef0123456789abcdef"

# what an unmodified DVC 3 wrote
IMPORT = """\
md5: a4a3c4e4b39131cd6de030aecd0a0643
frozen: true
deps:
- path: f.txt
  repo:
    url: ../q
    rev: master
    rev_lock: 691cdd534f36f8735695a023435db098b03d1560
outs:
- md5: 9a8ad92c50cae39aa2c5604fd0ab6d8c
  size: 2
  hash: md5
  path: f.txt
"""
IMPORT_FOLDER = """\
md5: a583c9b8728e3c7c9442f02b3bd672a8
frozen: true
deps:
- md5: ab0866b02d21b0b028115a3b3194126d.dir
  size: 2
  nfiles: 1
  hash: md5
  path: ../ud
outs:
- md5: ab0866b02d21b0b028115a3b3194126d.dir
  size: 2
  nfiles: 1
  hash: md5
  path: ud
"""
NOT_DOWNLOADED = """\
md5: e3f813eba283ddda7599e1650922e0d3
frozen: true
deps:
- md5: 20be803fa76256ebff5a3090a351dce6
  size: 4
  hash: md5
  path: ../u.txt
outs:
- hash: md5
  path: n.txt
"""
WRITTEN = {"f.txt.dvc": IMPORT, "ud.dvc": IMPORT_FOLDER, "n.txt.dvc": NOT_DOWNLOADED}


def put(root, name, text):
    """Write a file of the project and read it as DVC's."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return dvc.read(root, path)


@pytest.mark.parametrize("name", WRITTEN)
def test_an_import_is_written_with_the_bytes_that_dvc_gives_it(name, tmp_path):
    known = put(tmp_path, name, WRITTEN[name])
    (tmp_path / name).unlink()
    dvc.write_import(tmp_path, tmp_path / name, known)
    assert (tmp_path / name).read_text() == WRITTEN[name]


def test_an_import_tells_where_it_comes_from(tmp_path):
    known = put(tmp_path, "f.txt.dvc", IMPORT)
    (dep,) = known.deps
    assert (known.imported, known.frozen) == (True, True)
    assert (dep.path, dep.repo.url, dep.repo.rev) == ("f.txt", "../q", "master")
    assert dep.repo.rev_lock == "691cdd534f36f8735695a023435db098b03d1560"


def test_an_import_that_is_updated_keeps_comments_annotations_and_order(tmp_path):
    text = IMPORT.replace("deps:", "# of the other team\ndeps:").replace(
        "  path: f.txt\n", "  path: f.txt\n  desc: scans # real\n  labels: [a, b]\n", 2
    )
    text = text.replace("  desc: scans # real\n  labels: [a, b]\n", "", 1)
    known = put(tmp_path, "f.txt.dvc", text)
    (dep,), (out,) = known.deps, known.outs
    newer = replace(
        known,
        deps=(replace(dep, repo=replace(dep.repo, rev="", rev_lock="f" * 40)),),
        outs=(replace(out, md5=MD5, size=3),),
    )
    dvc.write_import(tmp_path, tmp_path / "f.txt.dvc", newer)
    written = (tmp_path / "f.txt.dvc").read_text()
    sum_ = dvc.read(tmp_path, tmp_path / "f.txt.dvc").md5
    wanted = (
        text.replace("    rev: master\n", "")
        .replace("691cdd534f36f8735695a023435db098b03d1560", "f" * 40)
        .replace("9a8ad92c50cae39aa2c5604fd0ab6d8c", MD5)
        .replace("size: 2", "size: 3")
        .replace("a4a3c4e4b39131cd6de030aecd0a0643", sum_)
    )
    assert written == wanted
    assert sum_ != "a4a3c4e4b39131cd6de030aecd0a0643"


def test_an_import_that_is_thawed_loses_the_key_and_keeps_its_sum(tmp_path):
    known = put(tmp_path, "f.txt.dvc", IMPORT)
    dvc.write_import(tmp_path, tmp_path / "f.txt.dvc", replace(known, frozen=False))
    assert (tmp_path / "f.txt.dvc").read_text() == IMPORT.replace("frozen: true\n", "")


def test_an_import_does_not_take_the_file_of_other_data(tmp_path):
    put(tmp_path, "x.dvc", f"outs:\n- md5: {MD5}\n  hash: md5\n  path: y\n")
    known = put(tmp_path, "f.txt.dvc", IMPORT)
    with pytest.raises(Conflict, match="names y"):
        dvc.write_import(tmp_path, tmp_path / "x.dvc", replace(known, path="x.dvc"))
