"""Metric points as columns: an Arrow file with a record batch a key, and its downsamples beside."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cauce.errors import Damaged
from cauce.kernel.telemetry import series
from cauce.kernel.telemetry.layout import Columns, KeyRows
from cauce.kernel.telemetry.series import Buckets, Marked, Points

_SCHEMA = pa.schema(
    [
        ("key", pa.dictionary(pa.int32(), pa.string())),
        ("step", pa.int64()),
        ("value", pa.float64()),
        ("at", pa.float64()),
        ("segment", pa.dictionary(pa.int32(), pa.string())),
        ("index", pa.int64()),
    ]
)
_LEVELS = pa.schema(
    [
        ("step", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("at", pa.float64()),
    ]
)


def write(path: Path, segments: Sequence[str], keys: dict[str, Marked]) -> None:
    """Write the points of each key as one record batch."""
    names = pa.array(list(keys), pa.string())
    known = pa.array(segments, pa.string())
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
        for number, marked in enumerate(keys.values()):
            count = len(marked.indexes)
            writer.write_batch(
                pa.record_batch(
                    [
                        _dictionary(np.full(count, number, np.int32), names),
                        pa.array(marked.points.steps),
                        pa.array(marked.points.values),
                        pa.array(marked.points.times),
                        _dictionary(marked.segments.astype(np.int32), known),
                        pa.array(marked.indexes),
                    ],
                    schema=_SCHEMA,
                )
            )


def _dictionary(numbers: Any, words: Any) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array(numbers), words)


def write_levels(path: Path, keys: dict[str, Marked]) -> tuple[KeyRows, ...]:
    """Write the downsamples of each key and give their places; no file when none has any."""
    rows: list[KeyRows] = []
    batches: list[Any] = []
    for key, marked in keys.items():
        levels = series.pyramid(marked.points)
        rows.append(KeyRows(key, series.summarise(marked.points), len(batches), len(levels)))
        batches += [pa.record_batch([pa.array(c) for c in b], schema=_LEVELS) for b in levels]
    if batches:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _LEVELS) as writer:
            for batch in batches:
                writer.write_batch(batch)
    return tuple(rows)


def read(place: Path, columns: Columns, number: int) -> Points:
    """Map the points of one key, in order, without copying them."""
    batch = _batch(place / columns.file, number)
    return Points._make(_numpy(batch, name) for name in ("step", "value", "at"))


def read_marked(place: Path, columns: Columns, number: int, segments: dict[str, int]) -> Marked:
    """Read the points of one key with where each was written.

    Args:
        place: Folder of the stream.
        columns: The file.
        number: Of the key in it.
        segments: Id to its number among all segments.
    """
    batch = _batch(place / columns.file, number)
    coded = batch.column(batch.schema.get_field_index("segment"))
    renumber = np.array([segments[word] for word in coded.dictionary.to_pylist()], np.int64)
    return Marked(
        Points._make(_numpy(batch, name) for name in ("step", "value", "at")),
        renumber[coded.indices.to_numpy()],
        _numpy(batch, "index"),
    )


def read_levels(place: Path, columns: Columns, key: KeyRows) -> list[Buckets]:
    """Map the downsamples of one key, finest first."""
    numbers: Iterable[int] = range(key.level, key.level + key.levels)
    return [
        Buckets._make(_numpy(batch, name) for name in _LEVELS.names)
        for batch in (_batch(place / columns.levels_file, number) for number in numbers)
    ]


def _batch(path: Path, number: int) -> Any:
    """Map one record batch; a missing file is `FileNotFoundError`, another fault `Damaged`."""
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(number)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, IndexError, ValueError) as error:
        raise Damaged(f"{path} is not a file of points: {error}") from error


def _numpy(batch: Any, name: str) -> Any:
    return batch.column(batch.schema.get_field_index(name)).to_numpy()
