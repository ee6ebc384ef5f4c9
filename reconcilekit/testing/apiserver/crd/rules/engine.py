"""CEL by `cel-expr-python`, Google's own: its environments, and its errors in the real server's words."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from reconcilekit.testing.apiserver.crd.rules import functions, missing
from reconcilekit.testing.apiserver.status import INSTALL_EXTRA

if TYPE_CHECKING:
    from cel_expr_python import cel

_EXTENSIONS: Final = """
extensions:
- name: two-var-comprehensions
- name: sets
- name: lists
- name: strings
  version: 2
- name: optional
- name: bindings
"""

_STANDARD: Final = """
name: checker
stdlib:
  exclude_functions:
  - name: _<_
  - name: _<=_
  - name: _>_
  - name: _>=_
"""

_CHECKER: Final = f"{_STANDARD}{_EXTENSIONS}"
_PLAIN_CHECKER: Final = _CHECKER.replace("- name: bindings\n", "")
_RUNTIME: Final = f"name: runtime\n{_EXTENSIONS}"
_BIND: Final = re.compile(r"\bcel\s*\.\s*bind\s*\(")

_WORDS: Final = (
    (re.compile(r'NOT_FOUND: Key not found in map : "(.*)"', re.DOTALL), r"no such key: \1"),
    (re.compile(r"NOT_FOUND: Key not found in map : "), "no such key: "),
    (re.compile(r"INVALID_ARGUMENT: divide by zero"), "division by zero"),
    (re.compile(r"UNKNOWN: Index error: index=(-?\d+) size=\d+"), r"index out of bounds: \1"),
    (re.compile(r"UNKNOWN: No matching overloads found : .*", re.DOTALL), "no such overload"),
    (re.compile(r"INVALID_ARGUMENT: Applying SELECT to non-message type"), "no such overload"),
    (re.compile(r"^[A-Z_]+: "), ""),
    (re.compile(r"^cannot convert string to (int|uint|double)$"), r"type conversion error from 'string' to '\1'"),
    (re.compile(r"^Type conversion error from"), "type conversion error from"),
    (
        re.compile(r"^String to (Duration|Timestamp) conversion failed$"),
        r"type conversion error from 'string' to 'google.protobuf.\1'",
    ),
    (
        re.compile(r'^Duration "[^"]*" (?:above|below) (?:maximum|minimum) allowed duration .*'),
        "type conversion error from 'string' to 'google.protobuf.Duration'",
    ),
    (re.compile(r"^(?:int64|double) out of uint64 range$"), "unsigned integer overflow"),
    (re.compile(r"^(?:uint64|double) out of int64 range$"), "integer overflow"),
    (re.compile(r"^malformed UTF-8 bytes$"), "invalid UTF-8 in bytes, cannot convert to string"),
    (re.compile(r"^invalid regular expression: (.*)", re.DOTALL), lambda found: _pattern_error(found[1])),
)

_PATTERN_ERRORS: Final = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
}
"""How Go words what is wrong with a pattern, where its library and RE2 differ."""


def _pattern_error(text: str) -> str:
    what, mark, where = text.partition(": ")
    return f"error parsing regexp: {_PATTERN_ERRORS.get(what, what)}{mark}`{where}`"


class EngineMissingError(RuntimeError):
    """The library that runs rules isn't installed."""


class ExpressionError(ValueError):
    """An expression that isn't right; its text is worded as the real server's compiler words it."""


def load() -> None:
    """Have the library there.

    Raises:
        EngineMissingError: it isn't installed.
    """
    try:
        import cel_expr_python.cel  # noqa: F401  # whether it is there is all that is asked
        import google.protobuf.descriptor_pool  # noqa: F401  # the checker needs it
    except ImportError as error:
        raise EngineMissingError(
            f"this server runs CEL rules by cel-expr-python and protobuf; {INSTALL_EXTRA}"
        ) from error


@functools.cache
def runtime() -> cel.Env:
    """Where rules run, untyped."""
    from cel_expr_python import cel

    config = cel.NewEnvConfigFromYaml(_RUNTIME)
    return cel.NewEnv(config=config, functions=functions.runtime_functions())


def checker(pool: object, variables: dict[str, cel.Type]) -> cel.Env:
    """Where rules are checked, with the types of their variables."""
    from cel_expr_python import cel

    declared = [*functions.checker_functions(), *functions.comparison_functions()]
    config = cel.NewEnvConfigFromYaml(_CHECKER)
    return cel.NewEnv(descriptor_pool=pool, config=config, functions=declared, variables=variables)


@functools.cache
def plain_checker() -> cel.Env:
    """Where rules are checked without what this server binds their variables by."""
    from cel_expr_python import cel

    declared = [*functions.checker_functions(), *functions.comparison_functions()]
    config = cel.NewEnvConfigFromYaml(_PLAIN_CHECKER)
    return cel.NewEnv(config=config, functions=declared, variables={"self": cel.Type.DYN, "oldSelf": cel.Type.DYN})


def binds(source: str) -> bool:
    """Whether an expression gives names to values, which rules can't."""
    return _BIND.search(without_strings(source)) is not None


def parsed(source: str) -> cel.Expression:
    """An expression, ready to run.

    Raises:
        ExpressionError: its syntax isn't right.
    """
    try:
        program = runtime().compile(missing.for_runtime(with_optionals(source)), disable_check=True)
        return missing.with_insertions(program, runtime())
    except RuntimeError as error:
        raise ExpressionError(missing.without_aliases(compile_message(str(error), lines_before=0))) from error


def evaluated(program: cel.Expression, activation: dict[str, Any]) -> tuple[str, object]:
    """The type of what a program comes to, and that; "ERROR" and the library's message where it fails."""
    try:
        result = program.eval(data=activation)
    except RuntimeError as error:
        # Most of what goes wrong is a result, too; this is left, such as a key that a map has twice.
        return "ERROR", error
    return result.type().name(), result.value()


def without_strings(source: str) -> str:
    """An expression whose literal texts are empty."""
    return re.sub(r"'(\\.|[^'\\])*'|\"(\\.|[^\"\\])*\"", "''", source)


def error_at(source: str, place: int, told: str) -> str:
    """An error as the real server's compiler shows it, at a character of the source."""
    before = source[:place]
    line, column = before.count("\n"), place - (before.rfind("\n") + 1)
    return f"ERROR: <input>:{line + 1}:{column + 1}: {told}\n | {source.splitlines()[line]}\n | {'.' * column}^"


def compile_message(text: str, *, lines_before: int) -> str:
    """A compiler's message as the real server words it, for an expression that stood `lines_before` lines down."""
    text = text.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
    text = re.sub(r"<input>:(\d+):", lambda found: f"<input>:{int(found[1]) - lines_before}:", text)
    text = re.sub(r"undefined field '([^']*)' not found in struct '[^']*'", r"undefined field '\1'", text)
    text = text.replace("cannot be the range of a comprehension", "cannot be range of a comprehension")
    text = re.sub(r"expression of (type '.*') cannot be the operand of a select operation", _UNSELECTABLE, text)
    text = text.replace("*error*", "!error!")
    told = re.split(r"\n(?=(?:ERROR|WARNING): <input>)", text.replace("null_type", "null"))
    errors = [_of_root(_of_member(error)) for error in told if not error.startswith("WARNING")]
    return "\n".join(sorted(errors, key=_place))


_PLACE: Final = re.compile(r"ERROR: <input>:(\d+):(\d+)")
_UNSELECTABLE: Final = r"\1 does not support field selection"
_UNDECLARED: Final = re.compile(
    r"ERROR: <input>:(\d+):(\d+): undeclared reference to '(?P<name>\w+(?:\.\w+)+)'(?P<rest>.*\n) \| (?P<line>.*)\n"
)
_OVERLOAD: Final = re.compile(r"(no matching overload for '(\w+)' applied to ')\((.*)\)'\n \| (.*)\n")


def _place(error: str) -> tuple[int, int]:
    found = _PLACE.match(error)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _of_member(error: str) -> str:
    """The error with the types of a call on a value in the order that Go has them in: what it is called on first."""
    found = _OVERLOAD.search(error)
    if found is None or not found[4][: _place(error)[1] - 1].endswith(f".{found[2]}"):
        return error
    target, _, rest = _split_first(found[3])
    return f"{error[: found.start()]}{found[1]}{target}.({rest})'\n | {found[4]}\n{error[found.end() :]}"


def _of_root(error: str) -> str:
    """The error of an unknown name with something selected of it, told of the name, as Go does."""
    found = _UNDECLARED.match(error)
    if found is None:
        return error
    line, column = found["line"], int(found[2]) - 1
    root, *_ = found["name"].split(".")
    prefix = found["name"].rpartition(".")[0]
    start = column - len(prefix) if line[:column].endswith(prefix) else line.find(root, column)
    if start < 0:
        return error
    told = f"ERROR: <input>:{found[1]}:{start + 1}: undeclared reference to '{root}'{found['rest']}"
    return f"{told} | {line}\n | {'.' * start}^"


def _split_first(types: str) -> tuple[str, str, str]:
    depth = 0
    for i, char in enumerate(types):
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            return types[:i], ",", types[i + 2 :]
    return types, "", ""


def failure_message(text: str) -> str:
    """What went wrong while a rule ran, as the real server words it."""
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return text


def with_optionals(source: str) -> str:
    """The source with what Python can't answer with, an optional, made of the list that it can."""
    for name in (".validate", "format.named"):
        start = source.find(f"{name}(")
        while start >= 0:
            end = _closing(source, start + len(name))
            source = f"{source[:end]}[?0]{source[end:]}"
            start = source.find(f"{name}(", start + 1)
    return source


def _closing(source: str, start: int) -> int:
    """Behind the parenthesis that closes the one at `start`."""
    depth, quote, i = 0, "", start
    while i < len(source):
        char = source[i]
        if quote:
            i += char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            depth += (char == "(") - (char == ")")
            if depth == 0:
                return i + 1
        i += 1
    return len(source)
