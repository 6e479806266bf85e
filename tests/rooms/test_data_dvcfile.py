"""`.dvc` files with imports, annotations and files in buckets; stages of `dvc.yaml`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.rooms import folders

from cauce.adapters.formats import dvc
from cauce.errors import Conflict, Invalid

PLAIN = st.text(st.characters(exclude_categories=("C",)), max_size=8)
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


def test_files_in_a_bucket_that_keeps_versions_are_read(tmp_path):
    known = put(
        tmp_path,
        "d.dvc",
        "outs:\n- hash: md5\n  path: d\n  files:\n"
        f"  - relpath: a/b\n    md5: {MD5}\n    size: 3\n"
        "    cloud:\n      far:\n        etag: e\n        version_id: v\n",
    )
    (out,) = known.outs
    (file,) = out.files
    assert (out.folder, out.md5, out.legacy) == (True, "", False)
    assert (file.path, file.size, file.cloud) == (
        "a/b",
        3,
        {"far": {"etag": "e", "version_id": "v"}},
    )


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", ".", "a/.git/b"])
def test_a_file_in_a_bucket_does_not_leave_its_folder(path, tmp_path):
    with pytest.raises(Invalid, match=r"leaves the project|tool's own folder"):
        put(tmp_path, "d.dvc", f"outs:\n- path: d\n  files:\n  - relpath: {path}\n    md5: {MD5}\n")


def test_a_file_in_a_bucket_occurs_once(tmp_path):
    row = f"  - relpath: a\n    md5: {MD5}\n"
    with pytest.raises(Invalid, match=r"d\.dvc:6:5: 'a' occurs twice"):
        put(
            tmp_path,
            "d.dvc",
            f"outs:\n- path: d\n  files:\n{row}{row}",
        )


def test_annotations_and_settings_are_read(tmp_path):
    known = put(
        tmp_path,
        "d.dvc",
        f"desc: all\nmeta: {{a: 1, b: yes}}\nouts:\n- md5: {MD5}\n  hash: md5\n  path: d\n"
        "  desc: scans\n  type: dataset\n  labels: [x, 1]\n  meta: {n: 1.5, t: true, s: '1'}\n"
        "  cache: false\n  persist: true\n  remote: far\n  push: false\n",
    )
    (out,) = known.outs
    assert (known.desc, known.meta) == ("all", {"a": 1, "b": "yes"})
    assert (out.desc, out.type, out.labels) == ("scans", "dataset", ("x", "1"))
    assert out.meta == {"n": 1.5, "t": True, "s": "1"}
    assert (out.cache, out.persist, out.remote, out.push) == (False, True, "far", False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("outs:\n- path: [\n", "x.dvc:3:1 is not valid YAML"),
        ("outs:\n- path: a\n   b: c\n", "x.dvc:3:5 is not valid YAML"),
        ("deps:\n- md5: 1\n", "x.dvc:2:3: a dependency has no path"),
        ("deps:\n- path: a\n  repo: {rev: b}\nouts: []\n", "x.dvc:3:9: a repository has no url"),
        ("deps:\n- path: a\n  repo:\n    ulr: b\n", "x.dvc:4:5: unknown key 'ulr'"),
        ("outs:\n- path: a\n  cloud: {r: {tag: 1}}\n", "x.dvc:3:15: unknown key 'tag'"),
        ("outs:\n- path: a\n  cache: never\n", "x.dvc:3:10: 'never' is not true or false"),
        ("meta: " + "[" * 120 + "]" * 120 + "\n", "nested deeper"),
    ],
)
def test_a_broken_file_is_refused_with_line_and_column(text, why, tmp_path):
    with pytest.raises(Invalid) as caught:
        put(tmp_path, "x.dvc", text)
    assert why in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner),
        max_leaves=8,
    )
)
def test_values_are_read_by_the_rules_of_yaml_1_2(value):
    from cauce.adapters.formats.dvc import nodes

    assert nodes.value(nodes.compose(json.dumps(value, ensure_ascii=False), "x")) == value


@pytest.mark.parametrize(
    ("word", "value"),
    [("yes", "yes"), ("on", "on"), ("~", None), ("1e3", 1000.0), ("010", 10), ("0x1", "0x1")],
)
def test_a_plain_word_is_what_yaml_1_2_says(word, value):
    from cauce.adapters.formats.dvc import nodes

    assert nodes.scalar(word) == value


# stages


def pipeline(root, text, lock="", **others):
    """Write a `dvc.yaml` and read it."""
    folders.write(root, {name: body.encode() for name, body in others.items()})
    if lock:
        (root / "dvc.lock").write_text(lock)
    return put(root, "dvc.yaml", text)


def test_a_stage_that_never_ran_has_outputs_without_sums(tmp_path):
    known = pipeline(tmp_path, "stages:\n  a:\n    cmd: x\n    outs: [out, d/e]\n")
    assert [(out.path, out.md5, out.stage) for out in known.outs] == [
        ("out", "", "a"),
        ("d/e", "", "a"),
    ]


def test_a_lock_of_version_1_and_without_hash_is_legacy(tmp_path):
    lock = f"a:\n  cmd: x\n  outs:\n  - path: out\n    md5: {MD5}\n    size: 3\n"
    (out,) = pipeline(tmp_path, "stages:\n  a:\n    cmd: x\n    outs: [out]\n", lock).outs
    assert (out.md5, out.legacy, out.algorithm) == (MD5, True, "md5-dos2unix")


def test_a_working_folder_may_be_a_template(tmp_path):
    lock = (
        f"schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: out\n"
        f"      hash: md5\n      md5: {MD5}\n"
    )
    text = "vars: [conf.json]\nstages:\n  a:\n    wdir: ${at}/in\n    cmd: x\n    outs: [out]\n"
    (out,) = pipeline(tmp_path, text, lock, **{"conf.json": '{"at": "sub"}'}).outs
    assert (out.path, out.md5) == ("sub/in/out", MD5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stages:\n  a:\n    cmd: x\n    out: [y]\n", "dvc.yaml:4:5: unknown key 'out'"),
        ("stages:\n  a:\n    outs: [y]\n", "the stage has no cmd"),
        ("stages:\n  a:\n    cmd: x\n    outs: [../y]\n", "leaves the project"),
        ("stages:\n  a:\n    cmd: x\n    outs: ['${z}']\n", "${z} has no value"),
        ("stages:\n  a:\n    cmd: x\n    outs: y\n", "outs must be a list"),
        ("vars: [no.yaml]\nstages:\n  a:\n    cmd: ${x}\n    outs: [y]\n", "there is no no.yaml"),
        (
            "stages:\n  a:\n    cmd: x\n    outs: [y]\n  b:\n    cmd: x\n    outs: [y]\n",
            "y is made by a too",
        ),
        ("stage: {}\n", "dvc.yaml:1:1: unknown key 'stage'"),
    ],
)
def test_a_broken_pipeline_is_refused_with_its_place(text, why, tmp_path):
    with pytest.raises(Invalid) as caught:
        pipeline(tmp_path, text)
    assert why in str(caught.value)


def test_what_a_stage_makes_is_not_searched_for_files(tmp_path):
    pipeline(tmp_path, "stages:\n  a:\n    cmd: x\n    outs: [made]\n")
    folders.write(tmp_path, {"made/x.dvc": b"", "other/y.dvc": b""})
    found = [path.relative_to(tmp_path).as_posix() for path in dvc.find(tmp_path)]
    assert found == ["dvc.yaml", "other/y.dvc"]


def test_a_loop_of_links_is_passed_over(tmp_path):
    folders.write(tmp_path, {"a/x.dvc": b""})
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "self.dvc").symlink_to(tmp_path / "self.dvc")
    assert [path.name for path in dvc.find(tmp_path)] == ["x.dvc"]


def test_a_million_files_in_a_list_are_read_and_checked():
    rows = [{"md5": f"{number:032x}", "relpath": f"{number:06}"} for number in range(1_000_000)]
    data = json.dumps(rows).encode()
    del rows
    assert len(dvc.parse(data)) == 1_000_000


# .gitignore


@pytest.mark.parametrize("name", ["plain", "[a] !b*c?#", "back\\slash", "blank ", "two  ", "é"])
def test_a_line_that_was_written_is_taken_out_again(name, tmp_path):
    folders.git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.pyc\n/other\n")
    place = folders.write(tmp_path / name, {"x": b"1"})
    dvc.hide(tmp_path, place)
    assert name not in folders.git(tmp_path, "status", "--short", "-z")
    assert dvc.unhide(tmp_path, place) == tmp_path / ".gitignore"
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n/other\n"
    assert dvc.unhide(tmp_path, place) is None


def test_a_file_without_lines_goes(tmp_path):
    folders.git(tmp_path, "init", "-q")
    place = folders.write(tmp_path / "data", {"x": b"1"})
    dvc.hide(tmp_path, place)
    dvc.unhide(tmp_path, place)
    assert not (tmp_path / ".gitignore").exists()


@given(
    name=st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,70}", fullmatch=True).filter(
        lambda it: it != "x.dvc"
    ),
    sizes=st.lists(st.none() | st.integers(0, 10**12), min_size=4, max_size=4),
    isexec=st.booleans(),
)
def test_the_quick_writer_gives_the_bytes_of_the_thorough_one(
    name, sizes, isexec, tmp_path_factory
):
    from cauce.adapters.formats.dvc import writing

    root = tmp_path_factory.mktemp("project")
    path = root / "x.dvc"
    outs = [
        dvc.Output(path=name, md5=MD5, size=size, nfiles=nfiles, isexec=isexec and turn > 0)
        for turn, (size, nfiles) in enumerate(zip(sizes[:2], sizes[2:], strict=True))
    ]
    for out in outs:
        dvc.write(root, path, out)
    quick = path.read_text()
    path.unlink()
    writing.save(path, {"outs": [{**writing.sums(outs[0]), "path": name}]})
    writing.accept(root, path, outs[1])
    assert path.read_text() == quick
