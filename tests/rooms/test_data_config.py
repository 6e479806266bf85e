"""`.dvc/config` written: comments stay, DVC's bytes otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cauce.adapters.formats import dvc
from cauce.adapters.formats.dvc import config, editing
from cauce.errors import Invalid

SECTIONS = ("core", "cache", 'remote "near"', 'remote "far away"', 'db "main"', 'remote "a.b"')
VALUES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)
VALUES = VALUES.filter(lambda it: "'''" not in it and "%(" not in it)
OPTIONS = st.text("abcdefgh_", min_size=1, max_size=6)

WRITTEN = """\
# who: the data team

[core]
    remote = far   # the big one
    autostage = true

# on the disk in the cellar
['remote "far"']
    url = ../store
    # ask Ada
    jobs = 4

['db "x"']
    url = y
"""


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Keep this machine's own config away."""
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "system"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "person"))


@pytest.fixture
def root(tmp_path):
    """A project."""
    folder = tmp_path / "p"
    folder.mkdir()
    dvc.create(folder, scm=True)
    return folder


def document(text=WRITTEN):
    return editing.Document(text, ".dvc/config")


def test_an_option_changes_in_its_line_and_keeps_its_comment():
    changed = document()
    changed.set("core", "remote", "near")
    assert changed.text() == WRITTEN.replace("= far ", "= near ")


def test_a_new_option_goes_behind_the_others_of_its_section():
    changed = document()
    changed.set('remote "far"', "verify", "true")
    assert changed.text() == WRITTEN.replace("    jobs = 4\n", "    jobs = 4\n    verify = true\n")


def test_new_sections_come_where_dvc_puts_them_and_spacing_is_kept():
    changed = document()
    changed.set("cache", "type", "hardlink,symlink")
    changed.set('remote "near"', "url", "/mnt/near")
    assert changed.text() == WRITTEN.replace(
        "# on the disk", '[cache]\n    type = "hardlink,symlink"\n\n# on the disk'
    ).replace("['db", "['remote \"near\"']\n    url = /mnt/near\n\n['db")


def test_a_section_goes_with_the_comment_above_it():
    changed = document()
    changed.drop('remote "far"')
    assert "cellar" not in changed.text()
    assert changed.values() == {
        "core": {"remote": "far", "autostage": "true"},
        'db "x"': {"url": "y"},
    }


def test_the_last_option_takes_its_section_along():
    changed = document("[core]\n    remote = a\n[cache]\n    dir = b\n")
    assert changed.unset("core", "remote")
    assert changed.text() == "[cache]\n    dir = b\n"
    assert not changed.unset("core", "remote")


@given(
    st.lists(
        st.tuples(st.sampled_from(SECTIONS), OPTIONS, st.none() | VALUES), min_size=1, max_size=12
    )
)
def test_edits_give_what_edits_of_a_plain_mapping_give(edits):
    changed = document("")
    wanted = {}
    for section, option, value in edits:
        if value is None:
            changed.unset(section, option)
            wanted.get(section, {}).pop(option, None)
        else:
            changed.set(section, option, value)
            wanted.setdefault(section, {})[option] = value
    assert changed.values() == {section: options for section, options in wanted.items() if options}


@given(VALUES)
def test_a_value_is_read_as_it_was_quoted(value):
    assert config.value_of(config.quoted(value)) == value


@pytest.mark.parametrize("value", ["a\nb", "%(home)s", "x '''y\"", "\x00"])
def test_a_value_that_dvc_would_read_otherwise_is_refused(value):
    with pytest.raises(Invalid):
        document().set("core", "remote", value)


@pytest.mark.parametrize(
    ("section", "option", "value", "why"),
    [
        ("core", "remotr", "x", "did you mean remote"),
        ("core", "autostage", "1", "not true or false"),
        ("nonsense", "x", "1", "no section"),
        ("cache", "type", "hardlink,foo", "'foo' is none of"),
        ("cache", "shared", "all", "none of group"),
        ('remote "far"', "region", "eu", "no option 'region'"),
        ('remote "far"', "jobs", "0", "1 or more"),
        ("parsing", "bool", "true", "store_true"),
    ],
)
def test_what_dvc_does_not_know_is_not_written(root, section, option, value, why):
    (root / ".dvc" / "config").write_text(WRITTEN)
    with pytest.raises(Invalid, match=why), editing.edit(root, "repo") as changed:
        changed.set(section, option, value)
    assert (root / ".dvc" / "config").read_text() == WRITTEN


def test_an_unknown_option_is_named_with_its_file_and_line(root):
    (root / ".dvc" / "config").write_text("[core]\n    remote = far\n    remot = far\n")
    with pytest.raises(Invalid, match=r"\.dvc/config:3: \[core\] remot: there is no option"):
        dvc.load(root)


def test_a_remotes_options_are_those_of_its_scheme_in_whatever_level_its_url_is(root):
    (root / ".dvc" / "config").write_text("['remote \"x\"']\n    url = s3://bucket/a\n")
    (root / ".dvc" / "config.local").write_text("['remote \"x\"']\n    secret_access_key = k\n")
    assert dvc.load(root)['remote "x"'] == {"url": "s3://bucket/a", "secret_access_key": "k"}
    with pytest.raises(Invalid, match="keyfile"), editing.edit(root, "local") as changed:
        changed.set('remote "x"', "keyfile", "k")


def test_remotes_have_absolute_paths(root, tmp_path):
    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = NEAR\n"
        "['remote \"near\"']\n    url = ../../store\n    jobs = 3\n"
        "['remote \"ssh\"']\n    url = ssh://host/a\n    keyfile = key\n"
        "['remote \"home\"']\n    url = ~/x\n"
    )
    default, found = dvc.remotes(root)
    assert default == "near"
    assert found["near"] == {"url": str(tmp_path / "store"), "jobs": "3"}
    assert found["ssh"] == {"url": "ssh://host/a", "keyfile": str(root / ".dvc" / "key")}
    assert "~" not in found["home"]["url"]


def test_a_relative_path_is_stored_relative_to_the_config_file(root, monkeypatch, tmp_path):
    (root / "sub").mkdir()
    monkeypatch.chdir(root / "sub")
    section = 'remote "x"'
    for value, wanted in {
        "../../store": "../../store",
        "here": "../sub/here",
        "/abs": "/abs",
        "~/x": "~/x",
        "s3://b/c": "s3://b/c",
    }.items():
        assert editing.stored(root, "repo", section, "url", value) == wanted
    assert editing.stored(root, "repo", section, "region", "here") == "here"
    assert editing.stored(root, "global", "cache", "dir", "here") == "../p/sub/here"


def test_a_broken_file_is_left_alone(root):
    (root / ".dvc" / "config").write_text("[core\n")
    with pytest.raises(Invalid, match=":1:"), editing.edit(root, "repo") as changed:
        changed.set("core", "remote", "x")
    assert (root / ".dvc" / "config").read_text() == "[core\n"
