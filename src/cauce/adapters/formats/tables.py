"""Tables in files: CSV, TSV, JSON lines and Parquet, read by pyarrow.

Rows of a CSV file that have another number of cells than its head are left out and counted.
"""

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.json as pc_json
import pyarrow.parquet as pq
from msgspec import Struct
from numpy.typing import NDArray

from cauce.errors import Invalid

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
_MAX_BYTES = 1 << 30
_MAX_UNPACKED = 4 << 30


_FEW = 50
"""Different texts up to which a column is one of categories, however few rows it has."""


class Column(Struct, frozen=True):
    """One column, without what is missing.

    Attributes:
        type: `time` is in seconds since 1970; `text` in characters.
        values: `(n,)` float64, or texts for categories.
        missing: Rows without a value.
    """

    name: str
    type: Literal["numeric", "time", "text", "categorical", "empty"]
    values: "NDArray[np.float64] | list[str]"
    missing: int


class Skipped:
    """Counts the rows of a CSV file that cannot be read."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, _row: Any) -> str:
        """Count a row and say what pyarrow shall do with it."""
        self.rows += 1
        return "skip"


def read(data: bytes, path: str, *, texts: bool = False) -> tuple[Any, int]:
    """Read a table.

    Args:
        data: Bytes of the file.
        path: Its name; the suffix says what it is.
        texts: Take every cell of a CSV file for a text, as it was written.

    Returns:
        A `pyarrow.Table`, and how many rows were left out.

    Raises:
        Invalid: It is no such file, or too large to be looked into.
    """
    if len(data) > _MAX_BYTES:
        raise Invalid(f"the table has more than {_MAX_BYTES >> 20} MiB")
    skipped = Skipped()
    try:
        if path.endswith(".parquet"):
            file = pq.ParquetFile(io.BytesIO(data))
            groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
            if sum(group.total_byte_size for group in groups) > _MAX_UNPACKED:
                raise Invalid(f"the table unpacks to more than {_MAX_UNPACKED >> 30} GiB")
            return file.read(), 0
        if path.endswith((".jsonl", ".ndjson")):
            return pc_json.read_json(io.BytesIO(data)), 0
        return _csv(data, "\t" if path.endswith(".tsv") else ",", skipped, texts), skipped.rows
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, Invalid):
            raise
        raise Invalid(f"not a table that can be read: {_line(error)}") from error


def texts(data: bytes, path: str) -> dict[str, list[str]]:
    """Read a table's columns as texts; what is missing is the empty text."""
    table, _ = read(data, path, texts=True)
    found: dict[str, list[str]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        found.setdefault(name, ["" if it is None else str(it) for it in column.to_pylist()])
    return found


def columns(table: Any) -> Iterator[Column]:
    """Give a table's columns as numbers or categories; nested ones are passed over.

    Texts with many different values are measured by their number of characters.
    """
    names: set[str] = set()
    for name, chunked in zip(table.column_names, table.columns, strict=True):
        if name in names:
            continue
        names.add(name)
        column, tp = chunked, chunked.type
        if pa.types.is_dictionary(tp):
            column, tp = chunked.cast(tp.value_type), tp.value_type
        missing = column.null_count
        if pa.types.is_null(tp):
            yield Column(name, "empty", np.empty(0), missing)
        elif pa.types.is_boolean(tp):
            texts = ["true" if it else "false" for it in column.drop_null().to_pylist()]
            yield Column(name, "categorical", texts, missing)
        elif pa.types.is_integer(tp) or pa.types.is_floating(tp) or pa.types.is_decimal(tp):
            yield Column(name, "numeric", _floats(column.cast(pa.float64(), safe=False)), missing)
        elif pa.types.is_timestamp(tp) or pa.types.is_date(tp):
            at = column.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False)
            yield Column(name, "time", _floats(at) / 1e6, missing)
        elif pa.types.is_string(tp) or pa.types.is_large_string(tp):
            yield _texts(name, column, missing)


def rows(table: Any) -> "tuple[list[str], Counter[str]]":
    """Give the names of a table's plain columns, and each of its rows as one text with its count.

    Names are sorted, so that the order of columns makes no difference.
    """
    names = sorted(
        field.name
        for field in table.schema
        if table.column_names.count(field.name) == 1 and not pa.types.is_nested(field.type)
    )
    if not names:
        return [], Counter()
    texts = [table[name].cast(pa.string()).fill_null("\x00") for name in names]
    return names, Counter(pc.binary_join_element_wise(*texts, "\x1f").to_pylist())


def _texts(name: str, column: Any, missing: int) -> Column:
    """Take texts as categories when each occurs often, else by their length."""
    there = column.drop_null()
    kinds = pc.count_distinct(there).as_py()
    if kinds <= max(_FEW, len(there) // 20):
        return Column(name, "categorical", there.to_pylist(), missing)
    return Column(name, "text", _floats(pc.utf8_length(there).cast(pa.float64())), missing)


def _floats(column: Any) -> "NDArray[np.float64]":
    found: NDArray[np.float64] = np.asarray(column.drop_null().to_numpy(), np.float64)
    return found


def _csv(data: bytes, delimiter: str, skipped: Skipped, texts: bool) -> Any:
    parse = pc_csv.ParseOptions(
        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skipped
    )
    options = pc_csv.ConvertOptions(strings_can_be_null=not texts)
    if texts:
        with pc_csv.open_csv(io.BytesIO(data), parse_options=parse) as stream:
            names = stream.schema.names
        skipped.rows = 0
        options = pc_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        )
    return pc_csv.read_csv(io.BytesIO(data), parse_options=parse, convert_options=options)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
