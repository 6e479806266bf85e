"""The comparison's arithmetic: what counts as a class that got worse."""

import pytest

from cauce.kernel.entities import Digest
from cauce.rooms.models.comparison import pair
from cauce.rooms.models.entities import Sample

DIGEST = Digest("sha256:" + "0" * 64)


def answers(classes, wrong, rows=50):
    """Fifty rows a class; the first `wrong[label]` of a class are wrong."""
    return [
        Sample(
            path=f"test/{label}/{row}.png",
            digest=DIGEST,
            truth=label,
            label="other" if row < wrong.get(label, 0) else label,
            confidence=1.0,
        )
        for label in classes
        for row in range(rows)
    ]


def worse(classes, lost):
    paired = pair(answers(classes, {"a": lost}), answers(classes, {}), max_drop=0.005)
    return [change.label for change in paired.classes if change.worse]


@pytest.mark.parametrize(("classes", "enough"), [("a", 5), ("ab", 6), ("abcdefghij", 8)])
def test_the_more_classes_the_more_a_loss_must_show(classes, enough):
    assert worse(classes, enough - 1) == []
    assert worse(classes, enough) == ["a"]
