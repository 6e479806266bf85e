"""Streams: append-only telemetry outside the catalogue, compacted into columns.

Appending needs msgspec only; numpy and pyarrow load when a series is read or a stream compacted.
"""

from cauce.kernel.telemetry.layout import KeySummary
from cauce.kernel.telemetry.streams import Streams
from cauce.kernel.telemetry.writers import PointWriter, StreamWriter

__all__ = ["KeySummary", "PointWriter", "StreamWriter", "Streams"]
