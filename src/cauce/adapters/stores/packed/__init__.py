"""Objects in packs, big ones in chunks, in a folder or a bucket: `layout = "packs"` of a remote.

docs/format.md, "Packs and chunks", says what lies where and why it is safe.
"""

from cauce.adapters.stores.packed.store import PackedStore, open_store

__all__ = ["PackedStore", "open_store"]
