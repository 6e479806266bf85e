"""What tests of packs share: a place that counts, and damage."""

from collections.abc import Callable, Iterator

from cauce.adapters.stores.packed import PackedStore
from cauce.adapters.stores.packed.blobs import Blob, MemoryBlobs
from cauce.kernel.entities import Digest
from cauce.testing.store_suite import Damage


class Counted(MemoryBlobs):
    """A place in memory that counts requests and bytes.

    Attributes:
        requests: `put KEY`, `get KEY`, `range KEY`, `list FOLDER`.
        sent: Bytes.
        received: Bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.sent = self.received = 0

    def put(self, key: str, data: bytes) -> None:
        self.requests.append(f"put {key}")
        self.sent += len(data)
        super().put(key, data)

    def get(self, key: str) -> bytes:
        self.requests.append(f"get {key}")
        data = super().get(key)
        self.received += len(data)
        return data

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self.requests.append(f"range {key}")
        data = MemoryBlobs.get(self, key)[start : start + length]
        self.received += len(data)
        return data

    def list(self, folder: str) -> Iterator[Blob]:
        self.requests.append(f"list {folder}")
        return super().list(folder)

    def reset(self) -> None:
        """Begin to count anew."""
        self.requests.clear()
        self.sent = self.received = 0

    def names(self, folder: str) -> set[str]:
        """Name the blobs of a folder."""
        return {key.partition("/")[2] for key in self.blobs if key.startswith(f"{folder}/")}

    def age(self, seconds: float, *folders: str) -> None:
        """Make blobs older."""
        for key, (data, modified) in list(self.blobs.items()):
            if key.partition("/")[0] in folders:
                self.blobs[key] = (data, modified - seconds)


def damage_pack(store: PackedStore, change: Callable[[str, int], None]) -> Damage:
    """Change the first byte of an object, by what changes a byte of a blob."""

    def damage(name: Digest) -> None:
        place = store._reader.find(name)
        change(f"data/{place.pack}", place.offset)

    return damage


def turned(data: bytes, offset: int) -> bytes:
    """Give bytes with one of them changed."""
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
