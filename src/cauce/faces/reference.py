"""The reference pages and the index of the command line, written from the operations."""

import json
import keyword
from collections.abc import Sequence

from cauce.faces import command, words
from cauce.faces.groups import GROUPS
from cauce.kernel import operation
from cauce.kernel.config import SETTINGS, VARIABLES
from cauce.kernel.operation import Operation, Parameter

SETTINGS_HEAD = """\
# Settings

A flag comes before the environment, that before `cauce.toml`, that before `[tool.cauce]` in
`pyproject.toml`, that before the default. In `cauce.toml` a dotted key is a table:

    catalog = "postgresql://user@host/cauce"

    [server]
    port = 8080

An unknown key is an error that names the nearest known one. `cauce admin settings` prints what
holds in a project and where each value came from. `[flow.NAME]` tables are described in
[Flow](flow.md); `layout` of `[remote.NAME]` in [Packs and chunks](packs.md).

| setting | default | variable | what it does |
| --- | --- | --- | --- |"""

NOTE = "Written by scripts/reference from the code; change that."


def index(operations: Sequence[Operation]) -> str:
    """Write `cauce/faces/index.py`."""
    verbs: dict[str, dict[str, str]] = {group: {} for group in GROUPS}
    options: dict[str, str] = {}
    for op in operations:
        verb = op.verb.replace("_", "-")
        verbs[op.group][verb] = op.doc["summary"].rstrip(".")
        options[f"{op.group}.{verb}"] = " ".join(flags(op))
    return "\n".join(
        (
            f'"""Verbs, summaries and options for help and completion. {NOTE}"""',
            "",
            "# ruff: noqa: E501",
            "VERBS: dict[str, dict[str, str]] = " + literal(verbs),
            '"""Group -> verb -> summary."""',
            "",
            "OPTIONS: dict[str, str] = " + literal(options),
            '"""`group.verb` -> options."""',
            "",
        )
    )


def literal(value: object, indent: str = "") -> str:
    """Write dicts of text as the formatter would."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if not value:
        return "{}"
    inner = indent + "    "
    rows = [f"{inner}{json.dumps(key)}: {literal(item, inner)}," for key, item in value.items()]
    return "\n".join(("{", *rows, indent + "}"))


def flags(op: Operation) -> list[str]:
    """Give the options of an operation as they are written."""
    found = []
    for parameter in op.parameters:
        if parameter.positional:
            continue
        name = command.option(parameter)
        found.append(name)
        if words.plain(parameter.type) is bool:
            found.append(f"--no-{name[2:]}")
    return found


def pages(operations: Sequence[Operation]) -> dict[str, str]:
    """Write the reference pages: file name -> text."""
    found = {"index.md": contents(operations)}
    for group in GROUPS:
        own = [op for op in operations if op.group == group]
        found[f"{group}.md"] = "\n".join(
            (
                f"<!-- {NOTE} -->",
                f"# `cauce {group}`",
                "",
                f"{GROUPS[group][0].upper()}{GROUPS[group][1:]}.",
                "",
                *(line for op in own for line in section(op)),
            )
        )
    return found


def settings() -> str:
    """Write docs/settings.md."""
    rows = []
    for one in SETTINGS:
        default = json.dumps(one.default) if isinstance(one.default, bool | str) else one.default
        variable = "CAUCE_" + one.key.replace(".", "__").upper()
        shown = "" if variable in VARIABLES else f"`{variable}`"
        rows.append(f"| `{one.key}` | `{default}` | {shown} | {one.help} |")
    return "\n".join((f"<!-- {NOTE} -->", SETTINGS_HEAD, *rows, ""))


def contents(operations: Sequence[Operation]) -> str:
    """Write the first page: every verb with its line."""
    lines = [
        f"<!-- {NOTE} -->",
        "# Reference",
        "",
        "Each verb is a command, a method of the Python client and, unless it needs local files,",
        "an endpoint. See [the command line](../cli.md) and [HTTP](../http.md).",
    ]
    for group, line in GROUPS.items():
        lines += ["", f"## [{group}]({group}.md)", "", f"{line[0].upper()}{line[1:]}.", ""]
        lines += [
            f"- [`{op.name}`]({group}.md#{anchor(op)}): {op.doc['summary']}"
            for op in operations
            if op.group == group
        ]
    return "\n".join((*lines, ""))


def anchor(op: Operation) -> str:
    """Give the anchor of an operation's heading."""
    return op.name.replace(".", "")


def section(op: Operation) -> list[str]:
    """Write one operation."""
    lines = [f"## `{op.name}`", "", op.doc["summary"], ""]
    if op.doc["body"]:
        lines += [op.doc["body"], ""]
    lines += ["```text", usage(op), "```", ""]
    if op.parameters:
        lines += ["| argument | type | default | |", "|---|---|---|---|"]
        lines += [argument_row(one, op.short.get(one.name, "")) for one in op.parameters]
        lines.append("")
    for title in ("Returns", "Notes"):
        if op.doc.get(title):
            lines += [f"**{title}.** {op.doc[title]}", ""]
    raised = operation.argument_lines(op.doc.get("Raises", ""))
    if raised:
        lines += ["**Raises.**", ""]
        lines += [f"- `{name}`: {why}" for name, why in raised.items()] + [""]
    lines += [f"**Python.** `ws.{python_name(op)}({python_arguments(op)})`", ""]
    where = "local: needs files of this machine, so it has no endpoint"
    endpoint = f"**HTTP.** `POST /api/v1/{op.name}`, role {op.role}."
    lines += [f"**HTTP.** {where}." if op.local else endpoint, ""]
    if op.examples:
        lines += ["```text", *(f"$ {line}" for line in command.examples(op)), "```", ""]
    return lines


def usage(op: Operation) -> str:
    """Write the usage line."""
    parts = [f"cauce {op.group} {op.verb.replace('_', '-')}"]
    for parameter in op.parameters:
        tp = words.plain(parameter.type)
        many = words.item_of(tp) is not None
        if parameter.positional:
            word = parameter.name.replace("_", "-") + ("…" if many else "")
        elif tp is bool:
            word = f"--[no-]{command.option(parameter)[2:]}"
        else:
            value = "KEY=VALUE…" if words.value_of(tp) is not None else parameter.name.upper()
            word = f"{command.option(parameter)} {value}{'…' if many else ''}"
        parts.append(word if parameter.required else f"[{word}]")
    return " ".join(parts)


def argument_row(parameter: Parameter, letter: str = "") -> str:
    """Write one row of the table of arguments."""
    tp = words.type_name(parameter.type).replace("|", "\\|")
    default = "required" if parameter.required else f"`{parameter.default!r}`"
    text = parameter.help.replace("|", "\\|")
    if letter:
        text += f" Short: `-{letter}`."
    return f"| `{parameter.name}` | {tp} | {default} | {text} |"


def python_name(op: Operation) -> str:
    """Write an operation's name as Python takes it."""
    return f"{op.name}_" if keyword.iskeyword(op.verb) else op.name


def python_arguments(op: Operation) -> str:
    """Write the arguments that must be given, the way Python does."""
    return ", ".join(
        item.name if item.positional else f"{item.name}=…"
        for item in op.parameters
        if item.required
    )
