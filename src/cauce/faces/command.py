"""One verb on the command line: its parser, its help and its run, derived from the operation."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NoReturn, get_args, get_origin

from cauce.errors import CauceError, Invalid, NotFound
from cauce.faces import words
from cauce.faces.cli import EXIT_CODES, Options, enter, table, unknown, write
from cauce.kernel import operation
from cauce.kernel.operation import Operation, Parameter


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are our errors."""

    def error(self, message: str) -> NoReturn:
        """Raise `Invalid` instead of printing the usage."""
        raise Invalid(message, hint=f"see `{self.prog} --help`")


def main(group: str, verb: str, argv: list[str], options: Options) -> int:
    """Run `cauce GROUP VERB …`."""
    found, rest = spelled(group, [verb, *argv])
    if found is None:
        return family(group, verb, asked=bool(rest))
    arguments = parse(found, rest, options)
    result = run(found, arguments, options)
    show(found, result, options)
    return 0


def find(group: str, verb: str) -> Operation:
    """Find the operation; the command line writes `_` as `-`."""
    try:
        return operation.find(f"{group}.{verb.replace('-', '_')}")
    except NotFound:
        names = {op.verb.replace("_", "-") for op in operation.registered(group)}
        unknown(verb, sorted(names), f"verb of {group}", f"cauce {group} --help")


def spelled(group: str, argv: Sequence[str]) -> tuple[Operation | None, list[str]]:
    """Find the verb that words begin with; its dashes may be blanks, `remote add`.

    Returns:
        The operation and the words behind it; None where only the first words of several verbs
        were given (with `--help`, if that was asked for).
    """
    from cauce.faces.index import VERBS

    verb, rest = argv[0], list(argv[1:])
    if verb in VERBS.get(group, {}):  # without importing all of the group
        return find(group, verb), rest
    known = sorted(op.verb.replace("_", "-") for op in operation.of(group))
    while verb not in known and any(name.startswith(f"{verb}-") for name in known):
        if not rest or rest[0] in ("-h", "--help"):
            return None, rest[:1]
        if not any(f"{name}-".startswith(f"{verb}-{rest[0]}-") for name in known):
            inner = [name.removeprefix(f"{verb}-") for name in known if name.startswith(f"{verb}-")]
            words_ = verb.replace("-", " ")
            unknown(rest[0], inner, f"verb of {group} {words_}", f"cauce {group} {words_} --help")
        verb = f"{verb}-{rest.pop(0)}"
    return find(group, verb), rest


def family(group: str, verb: str, *, asked: bool) -> int:
    """Tell what may follow the first words of several verbs."""
    rows = {
        name.replace("_", " "): op.doc["summary"].rstrip(".")
        for op in sorted(operation.of(group), key=lambda op: op.name)
        if (name := op.verb).startswith(f"{verb.replace('-', '_')}_")
    }
    lines = (f"usage: cauce {group} {verb} … [arguments]", "", "verbs:", *table(rows))
    text = "\n".join((*lines, "", f"See `cauce {group} VERB --help` for arguments and examples."))
    if asked:
        print(text)
        return 0
    write(text)
    return 2


def option(parameter: Parameter) -> str:
    """Write a parameter as the command line does."""
    return "--" + parameter.name.rstrip("_").replace("_", "-")


def trailing(op: Operation) -> Parameter | None:
    """Find the positional list that takes everything after `--`."""
    last = [item for item in op.parameters if item.positional][-1:]
    return last[0] if last and words.item_of(words.plain(last[0].type)) is not None else None


def parser(op: Operation) -> Parser:
    """Build the parser of an operation."""
    made = Parser(
        prog=f"cauce {op.group} {op.verb.replace('_', '-')}",
        description=description(op),
        epilog=epilog(op),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
        conflict_handler="resolve",
    )
    common = made.add_argument_group("common options")
    common.add_argument("--json", action="store_true", dest="_json", help="print JSON")
    common.add_argument(
        "-C", "--project", dest="_folder", metavar="DIR", help="act as if started in DIR"
    )
    common.add_argument("--url", dest="_url", metavar="URL", help="work with a server")
    common.add_argument("-h", "--help", action="help", help="print this help")
    for parameter in op.parameters:
        add(made, parameter, op.short.get(parameter.name, ""))
    return made


def description(op: Operation) -> str:
    """Write what stands above the arguments in the help."""
    parts = [op.doc["summary"], op.doc["body"], op.doc.get("Returns", "")]
    if parts[2]:
        parts[2] = f"prints: {parts[2]}"
    return "\n\n".join(part for part in parts if part)


def epilog(op: Operation) -> str:
    """Write what stands below the arguments in the help: examples and exit codes."""
    lines = []
    if op.examples:
        lines += ["examples:", *(f"  $ {line}" for line in examples(op)), ""]
    lines.append("exit codes:")
    lines.extend(f"  {code:>3}  {text}" for code, text in exit_codes(op).items())
    return "\n".join(lines)


def examples(op: Operation) -> list[str]:
    """Give the examples of an operation as whole command lines."""
    return [line if line.startswith("cauce ") else f"cauce {line}" for line in op.examples]


def exit_codes(op: Operation) -> dict[int, str]:
    """Give the exit codes of an operation: those that any command has and those it raises."""
    raised = operation.argument_lines(op.doc.get("Raises", ""))
    codes = {0: EXIT_CODES[0], 1: EXIT_CODES[1], 2: EXIT_CODES[2]}
    from cauce import errors

    for name, why in raised.items():
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, CauceError):
            codes[kind.exit_code] = why
    return dict(sorted(codes.items()))


def add(made: argparse.ArgumentParser, parameter: Parameter, letter: str = "") -> None:
    """Add one parameter; what is not given stays away from the result."""
    tp = words.plain(parameter.type)
    details: dict[str, Any] = {"help": help_line(parameter), "default": argparse.SUPPRESS}
    item, value = words.item_of(tp), words.value_of(tp)
    if tp is bool and not parameter.positional:
        details["action"] = argparse.BooleanOptionalAction
    elif item is not None:
        details |= {"type": words.reader(item), "nargs": "*"}
    elif value is not None:
        details |= {"nargs": "+", "metavar": "KEY=VALUE"}
    else:
        details["type"] = words.reader(tp)
    if get_origin(tp) is Literal:
        details["metavar"] = "{" + ",".join(map(str, get_args(tp))) + "}"
    if parameter.positional:
        details.setdefault("metavar", parameter.name.replace("_", "-"))
        if item is None and not parameter.required:
            details |= {"nargs": "?", "default": None}  # argparse would read SUPPRESS as a word
        made.add_argument(parameter.name, **details)
        return
    if item is not None or value is not None:
        details |= {"action": "extend", "nargs": "+"}
    if "action" not in details or details["action"] == "extend":
        details.setdefault("metavar", parameter.name.upper())
    flags = [f"-{letter}", option(parameter)] if letter else [option(parameter)]
    made.add_argument(*flags, dest=parameter.name, required=parameter.required, **details)


def help_line(parameter: Parameter) -> str:
    """Write a parameter's line, with its default when it says something."""
    text = parameter.help
    if not parameter.required and parameter.default not in (None, "", (), [], {}, False):
        text += f" (default: {words.shown(parameter.default)})"
    return text.replace("%", "%%")


def parse(op: Operation, argv: list[str], options: Options) -> dict[str, Any]:
    """Read the words after the verb into the operation's arguments."""
    rest: list[str] = []
    last = trailing(op)
    if last is not None and "--" in argv:
        cut = argv.index("--")
        argv, rest = argv[:cut], argv[cut + 1 :]
    made = parser(op)
    given, extra = made.parse_known_args(argv)
    if extra:
        hint = f"see `{made.prog} --help`"
        if last is not None:
            hint = f"write `--` before the {last.name}; {hint}"
        raise Invalid(f"unknown words: {' '.join(extra)}", hint=hint)
    values = {name: value for name, value in vars(given).items() if value is not None}
    options.json = values.pop("_json", False) or options.json
    options.url = values.pop("_url", "") or options.url
    folder = values.pop("_folder", None)
    if folder is not None:
        enter(folder)
    for parameter in op.parameters:
        finish(parameter, values, rest if parameter is last else [], made.prog)
    return values


def finish(parameter: Parameter, values: dict[str, Any], rest: list[str], prog: str) -> None:
    """Give a parameter's words the form that the operation expects."""
    tp = words.plain(parameter.type)
    value, item = words.value_of(tp), words.item_of(tp)
    if value is not None and parameter.name in values:
        values[parameter.name] = words.pairs(values[parameter.name], value, option(parameter))
    if item is None:
        return
    read = words.reader(item)
    try:
        found = [*values.get(parameter.name, ()), *(read(word) for word in rest)]
    except argparse.ArgumentTypeError as error:
        raise Invalid(f"{parameter.name}: {error}", hint=f"see `{prog} --help`") from error
    if found:
        values[parameter.name] = tuple(found) if get_origin(tp) is tuple else found
    elif parameter.required:
        raise Invalid(f"{parameter.name} is missing", hint=f"see `{prog} --help`")
    else:
        values.pop(parameter.name, None)


def run(op: Operation, arguments: dict[str, Any], options: Options) -> Any:
    """Open the workspace and call the operation."""
    from cauce.faces import bar, client

    with client.here(options.url) as ws, bar.shown():
        return ws.call(op.name, **arguments)


def show(op: Operation, result: Any, options: Options) -> None:
    """Print a result: JSON, the operation's own form, or plain text."""
    if options.json:
        from cauce.kernel import wire

        sys.stdout.flush()
        sys.stdout.buffer.write(wire.pretty(result) + b"\n")
        return
    for line in readable(op, result):
        print(line)


def readable(op: Operation, result: Any) -> Iterator[str]:
    """Give the lines that a person reads."""
    from cauce.faces import render, text

    drawn = render.renderer(op.name)
    found: Iterable[str] = text.lines(result) if drawn is None else drawn(result)
    yield from found
