"""What the demo works on: real scans written as files, and worse ones for production."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from cauce.kernel import plugins, progress

TEST = 500
"""Scans held out."""
LABELLED = 600
"""Scans with labels at the start; of the thin class only `THIN`."""
THIN = 6
FIELD = 400
"""Worsened scans that production sends before the model is trained again."""
LATER = 150
"""Worsened scans that production sends afterwards; nobody has seen them."""


class Material(Struct, frozen=True, kw_only=True):
    """Where the files are and what they truly show.

    Attributes:
        thin: The class that has few labels at the start.
        held: Held-out files, clean, a third of which production sends first.
        field: Worsened files, outside the data set, as a worse scanner sends them.
        later: More of them, for the time after.
        truth: File name -> class, for every file; what an annotator sees by looking.
        counts: Files by part: `train`, `test`, `unlabelled`.
    """

    thin: str
    held: list[Path]
    field: list[Path]
    later: list[Path]
    truth: dict[str, str]
    counts: dict[str, int]


def write(root: Path, seed: int) -> Material:
    """Write all 1,797 scans below `digits/` and the worsened ones below `field/CLASS/`.

    Args:
        root: Project folder.
        seed: Decides the split, the thin class and how the scans are worsened.
    """
    import numpy as np  # late: only the demo needs it

    sample = plugins.load("samples", "digits")
    images, digits = sample.scans()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    thin = int(rng.integers(10))
    parts = _split(order, digits, thin, rng)
    truth: dict[str, str] = {}
    placed: dict[str, list[Path]] = {part: [] for part in parts}
    rows = [(part, int(index)) for part, indices in parts.items() for index in indices]
    for part, index in progress.track(rows, "writing scans", len(rows)):
        name, label = f"scan-{index:04}.png", str(digits[index])
        folder = root / "digits" / part
        folder = folder if part == "unlabelled" else folder / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(sample.png(images[index]))
        truth[name] = label
        placed[part].append(folder / name)
    field = root / "field"
    field.mkdir(exist_ok=True)
    sent = []
    for index in rng.permutation(parts["unlabelled"])[: FIELD + LATER]:
        path = field / str(digits[index]) / f"field-{int(index):04}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.png(sample.worsen(images[index], rng)))
        truth[path.name] = str(digits[index])
        sent.append(path)
    return Material(
        thin=str(thin),
        held=placed["test"],
        field=sent[:FIELD],
        later=sent[FIELD:],
        truth=truth,
        counts={part: len(paths) for part, paths in placed.items()},
    )


def _split(order: Any, digits: Any, thin: int, rng: Any) -> dict[str, list[int]]:
    """Split scans into test, labelled training scans (one class thin) and unlabelled ones."""
    parts: dict[str, list[int]] = {
        "test": [int(index) for index in order[:TEST]],
        "train": [],
        "unlabelled": [],
    }
    thin_kept = 0
    share = LABELLED / (len(order) - TEST)
    for index in map(int, order[TEST:]):
        if digits[index] == thin:
            keep = thin_kept < THIN
            thin_kept += keep
        else:
            keep = len(parts["train"]) < LABELLED and rng.random() < share * 1.15
        parts["train" if keep else "unlabelled"].append(index)
    return parts
