"""The language of `cauce track ls --filter`: comparisons joined by and, or, not and parentheses.

    val/acc > 0.9 and params.lr < 0.01 and status = finished and name ~ weir

A field is one of `FIELDS`, `params.NAME`, `metrics.NAME`, `tags.NAME`, `data`, or a bare name: a
metric, or else a parameter, of that name. Names with blanks or signs go in quotes:
`metrics."top 5"`. A value is a number, true, false, a date (2026-01-31), a word or quoted text.
`~` finds text inside text, without regard to case. What a run lacks is equal to nothing.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

from cauce.errors import Invalid

FIELDS = (
    "id", "name", "kind", "status", "agent", "experiment", "parent", "outcome", "error",
    "started", "ended", "seconds",
)  # fmt: skip
"""Plain facts of a run that a filter can name."""

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~", "!~")

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<operator><=|>=|!=|!~|==|[=<>~])
    | (?P<sign>[()])
    | (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<word>(?:[^\s()=<>!~"']|(?<=\.)"(?:[^"\\]|\\.)*")+)
    )""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?Z?")
_WORDS: dict[str, bool] = {"true": True, "false": False}
_DEEPEST = 100
_LONGEST = 10_000

Row = Mapping[str, Any]
"""A run's facts: `FIELDS`, and `params`, `metrics`, `tags`, `data` (version ids) as mappings."""

Test = Callable[[Row], bool]


class Filter(NamedTuple):
    """A filter ready to use.

    Attributes:
        test: Tells whether a run passes.
        needs: Names of the facts that it looks at.
        data: Specs of data sets that it names; `test` wants their version ids in `row["data"]`.
    """

    test: Test
    needs: frozenset[str]
    data: tuple[str, ...]


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def parse(text: str) -> Filter:
    """Read a filter; an empty one passes everything.

    Raises:
        Invalid: It is not a filter; the message names the column, counted from 1.
    """
    if len(text) > _LONGEST:
        raise Invalid(f"the filter has {len(text)} characters", hint=f"at most {_LONGEST}")
    parser = _Parser(text)
    test = parser.whole()
    return Filter(test, frozenset(parser.needs), tuple(parser.data))


def field(text: str) -> tuple[frozenset[str], Callable[[Row], Any]]:
    """Read one field, as a list is sorted by: the facts it needs, and how to get its value."""
    parser = _Parser(text)
    read = parser.field()
    return frozenset(parser.needs), read


class _Parser:
    """Recursive descent: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.needs: set[str] = set()
        self.data: list[str] = []
        self._tokens = list(self._split(text))
        self._at = 0
        self._depth = 0

    def _split(self, text: str) -> "list[_Token]":
        found: list[_Token] = []
        at = 0
        while text[at:].strip():
            match = _TOKENS.match(text, at)
            if match is None or match.lastgroup is None:
                column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
                self._fail(f"{text[column - 1]!r} is not understood", column)
            kind = match.lastgroup
            found.append(_Token(kind, match[kind], match.start(kind) + 1))
            at = match.end()
        return found

    def _fail(self, what: str, column: int) -> NoReturn:
        raise Invalid(
            f"filter, column {column}: {what}",
            hint='write it like: val/acc > 0.9 and params.lr < 0.01 and name ~ "weir"',
        )

    @property
    def _token(self) -> _Token:
        if self._at < len(self._tokens):
            return self._tokens[self._at]
        return _Token("end", "", len(self.text) + 1)

    def _take(self) -> _Token:
        token = self._token
        self._at += 1
        return token

    def _said(self, word: str) -> bool:
        """Take a keyword if it is next."""
        token = self._token
        if token.kind == "word" and token.text.lower() == word:
            self._at += 1
            return True
        return False

    def whole(self) -> Test:
        """Read the whole text."""
        if not self._tokens:
            return lambda _: True
        test = self._either()
        if self._token.kind != "end":
            self._fail(f"'and' or 'or' expected before {self._token.text!r}", self._token.column)
        return test

    def field(self) -> Callable[[Row], Any]:
        """Read one field and nothing more."""
        token = self._take()
        if token.kind not in {"word", "quoted"} or self._token.kind != "end":
            self._fail("one field expected", token.column)
        return self._reader(token)

    def _either(self) -> Test:
        tests = [self._both()]
        while self._said("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        costs = [self._cost()]
        tests = [self._one()]
        while self._said("and"):
            costs.append(self._cost())
            tests.append(self._one())
        order = sorted(range(len(tests)), key=costs.__getitem__)
        tests = [tests[number] for number in order]  # what is a column decides before JSON is read
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _cost(self) -> bool:
        """Tell whether what comes next looks further than at plain columns."""
        return self._token.kind != "word" or self._token.text not in FIELDS

    def _one(self) -> Test:
        token = self._token
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} deep", token.column)
        try:
            if self._said("not"):
                inner = self._one()
                return lambda row: not inner(row)
            if token.kind == "sign" and token.text == "(":
                self._take()
                group = self._either()
                closing = self._take()
                if closing.text != ")" or closing.kind != "sign":
                    self._fail("')' expected", closing.column)
                return group
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Test:
        field = self._take()
        if field.kind not in {"word", "quoted"}:
            self._fail("a field expected" if field.text else "the filter ends too early",
                       field.column)  # fmt: skip
        sign = self._take()
        if sign.kind != "operator":
            self._fail(f"one of {' '.join(OPERATORS)} expected after {field.text!r}", sign.column)
        value = self._take()
        if value.kind not in {"word", "quoted"}:
            self._fail(f"a value expected after {sign.text!r}", value.column)
        operator = "=" if sign.text == "==" else sign.text
        if field.kind == "word" and field.text == "data":
            return self._uses(operator, sign, value)
        read = self._reader(field)
        wanted = _unquote(value.text) if value.kind == "quoted" else _value(value.text)
        if operator in {"~", "!~"}:
            wanted = _unquote(value.text) if value.kind == "quoted" else value.text
        return _compare(read, operator, wanted)

    def _uses(self, operator: str, sign: _Token, value: _Token) -> Test:
        """Compare what data a run used; only equality means something."""
        if operator not in {"=", "!="}:
            self._fail(f"data can be compared by = and != only, not by {sign.text}", sign.column)
        self.needs.add("data")
        number = len(self.data)
        self.data.append(_unquote(value.text) if value.kind == "quoted" else value.text)
        wanted = operator == "="
        return lambda row: (number in row["data"]) is wanted

    def _reader(self, field: _Token) -> Callable[[Row], Any]:
        """Find out what a field means."""
        name = field.text
        if field.kind == "word":
            group, dot, rest = name.partition(".")
            if dot and group in {"params", "metrics", "tags"}:
                key = _unquote(rest) if rest.startswith('"') else rest
                if not key:
                    self._fail(f"{name!r} names nothing", field.column)
                self.needs.add(group)
                return lambda row: row[group].get(key)
            if name in FIELDS:
                self.needs.add(name)
                return lambda row: row[name]
        key = _unquote(name) if field.kind == "quoted" else name
        self.needs |= {"metrics", "params"}

        def bare(row: Row) -> Any:
            found = row["metrics"].get(key)
            return row["params"].get(key) if found is None else found

        return bare


def _compare(read: Callable[[Row], Any], operator: str, wanted: Any) -> Test:
    """Make the test of one comparison; what cannot be compared does not pass."""
    if operator in {"~", "!~"}:
        part = str(wanted).casefold()
        inside = operator == "~"

        def contains(row: Row) -> bool:
            value = read(row)
            return (value is not None and part in _text(value).casefold()) is inside

        return contains
    if operator in {"=", "!="}:
        equal = operator == "="
        return lambda row: _same(read(row), wanted) is equal
    order: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    before = order[operator]
    number = _number(wanted)

    def ordered(row: Row) -> bool:
        value = read(row)
        if value is None:
            return False
        given = _number(value)
        if number is not None and given is not None:
            return before(given, number)
        return isinstance(value, str) and isinstance(wanted, str) and before(value, wanted)

    return ordered


def _same(value: Any, wanted: Any) -> bool:
    """Compare by value: 3 is 3.0, true is not 1, and text that looks like a number is text."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted or (isinstance(value, str) and value == _text(wanted))
    if isinstance(value, str):
        return value == (wanted.text if isinstance(wanted, _Number) else wanted)
    if value is None:
        return False
    number = _number(wanted)
    return number is not None and bool(value == number)


class _Number(float):
    """A number as it was written, so that it can equal a text too."""

    text: str


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _value(word: str) -> Any:
    """Read an unquoted value."""
    lower = word.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    date = _date(word)
    if date is not None:
        return date
    try:
        number = _Number(word)
    except ValueError:
        return word
    number.text = word
    return number


def _date(word: str) -> "_Number | None":
    """Read a date as seconds since 1970-01-01 UTC."""
    if not _DATE.fullmatch(word):
        return None
    try:
        at = datetime.fromisoformat(word.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    number = _Number(at)
    number.text = word
    return number


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
