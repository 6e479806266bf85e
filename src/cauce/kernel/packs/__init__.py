"""Many small objects in one file, big files in chunks: the forms of docs/format.md.

Bytes to values and back, and nothing else. `cauce.adapters.stores.packed` is the store, the server
takes and gives packs over HTTP.
"""
