"""Verbs, summaries and options for help and completion. Written by scripts/reference from the operations; change those."""

# ruff: noqa: E501
VERBS: dict[str, dict[str, str]] = {
    "data": {},
    "label": {},
    "track": {},
    "models": {},
    "serve": {},
    "watch": {},
    "flow": {},
    "ship": {},
    "lineage": {},
    "events": {},
    "jobs": {},
    "refs": {},
    "admin": {},
}
"""Group -> verb -> summary."""

OPTIONS: dict[str, str] = {}
"""`group.verb` -> options."""
