"""A workspace finds versions by what people write."""

import pytest

from cauce.errors import NotFound
from cauce.kernel.entities import Commit, Manifest, Move


@pytest.fixture
def version(ws):
    found = ws.put_manifest(Manifest(kind="dataset"), "digits")
    move = Move(kind="dataset", name="digits", tag="main", target=found.id)
    ws.catalog.commit(Commit(versions=(found,), moves=(move,), agent="user:test"))
    return found


@pytest.mark.parametrize("spec", ["digits", "digits@main", None])
def test_a_version_is_found_by_name_tag_and_id(ws, version, spec):
    assert ws.find("dataset", spec or version.id).id == version.id


def test_the_id_of_another_kind_is_not_found_and_says_what_it_is(ws, version):
    with pytest.raises(NotFound, match="is no model") as caught:
        ws.find("model", version.id)
    assert caught.value.hint == "it is a dataset: digits"
