"""What moved between two versions: found, named in words, kept with the new version."""

import io

import numpy as np
import pytest
from tests.rooms import folders

from cauce.errors import Invalid
from cauce.faces.render import renderer

PIL = pytest.importorskip("PIL.Image")
ROWS = 60


def png(seed, low, high):
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(low, high, (16, 16, 3), np.uint8)
    PIL.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pictures(start, low, high):
    return {f"train/{n % 2}/{start + n}.png": png(start + n, low, high) for n in range(ROWS)}


def versions(ws, first, second):
    """Make two versions of one data set."""
    for files in (first, second):
        place = folders.write(ws.folder / "photos", files)
        ws.data.add(place)
    return ws.data.shift("photos@v1", "photos@v2")


def moved(found):
    return {(it.group, it.name) for it in found.columns if it.difference.verdict == "drifted"}


def test_brighter_pictures_are_found_and_said_in_words(ws):
    found = versions(ws, pictures(0, 0, 120), pictures(0, 130, 256))
    assert found.outcome == "drifted"
    assert ("pictures", "brightness") in moved(found)
    assert ("files", "class") not in moved(found)
    [said] = [it.words for it in found.columns if it.name == "brightness"]
    assert said.startswith("brightness rose: middle")


def test_versions_of_the_same_kind_are_steady(ws):
    found = versions(ws, pictures(0, 0, 256), pictures(0, 0, 256) | pictures(1000, 0, 256))
    assert found.outcome == "steady"
    assert moved(found) == set()


def test_a_class_that_grew_is_named(ws):
    first = pictures(0, 0, 256)
    more = {f"train/1/more-{n}.png": png(2000 + n, 0, 256) for n in range(4 * ROWS)}
    found = versions(ws, first, first | more)
    [said] = [it.words for it in found.columns if (it.group, it.name) == ("files", "class")]
    assert said in {"class: 0 fell from 50.0% to 10.0%", "class: 1 rose from 50.0% to 90.0%"}


def test_a_column_that_came_is_named(ws):
    table = "\n".join(["age,city", *(f"{20 + n % 40},oslo" for n in range(ROWS))])
    wider = "\n".join(["age,city,pay", *(f"{20 + n % 40},oslo,{n}" for n in range(ROWS))])
    found = versions(ws, {"people.csv": table.encode()}, {"people.csv": wider.encode()})
    assert found.only_new == ("people.csv:pay",)
    assert found.only_old == ()


def test_asking_again_gives_the_report_that_was_kept_beside_the_new_version(ws):
    found = versions(ws, pictures(0, 0, 120), pictures(0, 130, 256))
    assert ws.data.shift("photos@v1", "photos@v2") == found
    used = {edge.role: edge.version for edge in ws.catalog.edges(run=found.run)}
    assert used["data"] == found.data
    assert used["reference"] == found.reference
    assert used["report"] == found.report
    assert len(ws.catalog.runs("data-shift")) == 1


def test_an_unknown_split_is_refused_with_those_that_there_are(ws):
    versions(ws, pictures(0, 0, 256), pictures(0, 0, 200))
    with pytest.raises(Invalid, match="no split 'dev'") as caught:
        ws.data.shift("photos@v1", "photos@v2", split="dev")
    assert "train" in caught.value.hint


def test_a_person_reads_the_verdict_first(ws):
    found = versions(ws, pictures(0, 0, 120), pictures(0, 130, 256))
    lines = list(renderer("data.shift")(found))
    assert lines[0].startswith("photos@v1 -> photos@v2: drifted, ")
    assert any("brightness rose" in line for line in lines[1:5])
