"""What the documents say is true: their code runs, their links lead somewhere, their commands exist."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import json
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
import yaml

from reconcilekit import Client, Context, Manager, ManagerHealth, Reconciler, RunReport, Scope, testing
from reconcilekit.runtime.live import LiveReader
from reconcilekit.runtime.options import ControllerStatistics
from reconcilekit.testing import ApiServer, Fault, Faults, RequestRecord
from reconcilekit.testing.apiserver.wire.endpoint import Endpoint

ROOT = Path(__file__).parents[2]

WITH_CODE = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
DOCUMENTS = [*WITH_CODE, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

SHELLS = {"sh", "console"}
LANGUAGES = {"python", "yaml", "json", "toml", "text", *SHELLS}
"""What a block may call itself: a misspelt language must not take a block out of these tests."""

TIME_LIMIT = 200
"""Seconds for all blocks of one file."""

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[^\n`]*)$")
NOT_RUN = re.compile(r"^ *<!-- not run: (?P<reason>\S.*) -->$")
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(
    r"\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)|^\[[^\]]+\]: (?P<reference>\S+)|<img[^>]*\bsrc=\"(?P<image>[^\"]+)\"",
    re.MULTILINE,
)
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)(?: +#+)?$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")

RUNNER = """
import asyncio, inspect, json, sys, types
name, blocks = json.load(sys.stdin)
runner = sys.modules["__main__"]  # kept alive: it is the code that runs here
sys.modules["__main__"] = types.ModuleType("__main__")
namespace = vars(sys.modules["__main__"])
for code in blocks:
    exec(compile(code, name, "exec", dont_inherit=True), namespace)
for test in [value for key, value in namespace.items() if key.startswith("test_") and callable(value)]:
    result = test()
    if inspect.iscoroutine(result):
        asyncio.run(result)
"""
"""Runs the blocks in one namespace; a block that shows a test is there to be called like one."""


@attrs.frozen
class Block:
    """A fenced block, and the line above it."""

    language: str
    code: str
    line: int
    before: str

    @property
    def is_run(self) -> bool:
        return NOT_RUN.match(self.before) is None

    @property
    def placed(self) -> str:
        """The code on the lines it has in its file, so that a traceback points there."""
        return "\n" * self.line + self.code


def blocks(text: str) -> Iterator[Block]:
    lines = iter(enumerate(text.splitlines(), start=1))
    before = ""
    for number, line in lines:
        if fence := FENCE.match(line):
            yield Block(fence["language"].strip(), up_to_fence(fence["ticks"], lines), number, before)
        if line.strip():
            before = line


def up_to_fence(ticks: str, lines: Iterator[tuple[int, str]]) -> str:
    """The lines up to the closing fence, without the indentation that a list gave them; the fence is consumed."""
    closing = re.compile(rf" *{ticks}`*\s*")
    code = itertools.takewhile(lambda line: not closing.fullmatch(line), (line for _, line in lines))
    return textwrap.dedent("\n".join(code)) + "\n"


def prose(text: str) -> str:
    """The text without its code, where a bracket is no link and a hash no heading."""
    for block in re.findall(r"^ *```.*?^ *```+ *$", text, re.MULTILINE | re.DOTALL):
        text = text.replace(block, "")
    return text


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them: a repeated heading gets a number."""
    found: set[str] = set()
    for heading in HEADING.finditer(prose(text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading["text"]).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        names = itertools.chain([slug], (f"{slug}-{number}" for number in itertools.count(1)))
        found.add(next(name for name in names if name not in found))
    return found


def named(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def of(language: str | set[str], document: Path) -> list[Block]:
    wanted = {language} if isinstance(language, str) else language
    return [block for block in blocks(document.read_text("utf-8")) if block.language in wanted]


def commands(document: Path) -> Iterator[str]:
    """The command lines of the shell blocks, without prompts, comments and output."""
    for block in of(SHELLS, document):
        for line in block.code.replace("\\\n", " ").splitlines():
            is_typed = block.language == "sh" or line.startswith("$ ")
            if is_typed and not line.startswith("#"):
                yield line.removeprefix("$ ")


@pytest.mark.parametrize("document", WITH_CODE, ids=named)
def test_python_blocks_run(document: Path, tmp_path: Path) -> None:
    code = of("python", document)
    for block in code:
        compile(block.placed, named(document), "exec", dont_inherit=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER],
        input=json.dumps([named(document), [block.placed for block in code if block.is_run]]),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_blocks_name_a_language(document: Path) -> None:
    assert [block for block in blocks(document.read_text("utf-8")) if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_data_blocks_parse(document: Path) -> None:
    for block in of("yaml", document):
        assert list(yaml.safe_load_all(block.code))
    for block in of("json", document):
        json.loads(block.code)
    for block in of("toml", document):
        tomllib.loads(block.code)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_exist(document: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = document.read_text("utf-8")
    typed = [*commands(document), *re.findall(r"`([^`\n]+)`", prose(text))]
    for command in typed:
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets, f"{command!r}: the Makefile has no target {target!r}"
        for module in re.findall(r"\bpython3? -m ((?:reconcilekit|examples|benchmarks)[\w.]*)", command):
            assert importlib.util.find_spec(module), f"{command!r}: there is no module {module}"
        for extras in re.findall(r"(?:kube-reconcilekit|'\.)\[([\w,-]+)\]", command):
            missing = set(extras.split(",")) - set(project["optional-dependencies"])
            assert not missing, f"{command!r}: pyproject.toml has no extra {missing}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    text = INLINE_CODE.sub("", prose(document.read_text("utf-8")))
    for link in LINK.finditer(text):
        target = link["target"] or link["reference"] or link["image"]
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.exists(), f"{target}: there is no {place}"
        assert place.is_relative_to(ROOT), f"{target} leads out of the project"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place.read_text("utf-8")), (
                f"{target}: no heading of {named(place)} has that anchor"
            )


NAME = re.compile(r"reconcilekit(?:\.\w+)+")
PATH = re.compile(r"(?:tests|docs|examples|benchmarks|reconcilekit)/[\w./-]*")


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_names_exist(document: Path) -> None:
    """Every dotted name of the library that the prose or a block mentions."""
    for name in set(NAME.findall(document.read_text("utf-8"))):
        pkgutil.resolve_name(name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_paths_exist(document: Path) -> None:
    """Every path of the project that stands as code in the prose, such as the tests that show a claim."""
    code = re.findall(r"`([^`\n]+)`", prose(document.read_text("utf-8")))
    missing = [path for path in code if PATH.fullmatch(path) and not (ROOT / path).exists()]
    assert missing == []


def options(function: Callable[..., object]) -> set[str]:
    return {name for name in inspect.signature(function).parameters if name != "self"}


def members(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def test_the_reference_has_the_whole_surface() -> None:
    """Each stands as code, alone or as in `ctx.get(...)`: a new option without a line there is found here."""
    code = "\n".join(re.findall(r"`([^`\n]+)`", prose((ROOT / "docs/reference.md").read_text("utf-8"))))
    declared = members(Reconciler) | set(Reconciler.__annotations__)
    said_of_context = {f"ctx.{name}" for name in members(Context) | {"key", "now", "log"}}
    reads = {f"ctx.live.{name}" for name in members(LiveReader)} - {"ctx.live.count"}
    of_manager = members(Manager) | options(Manager.__init__) | options(Manager.add)
    fields = {
        field.name for cls in (ManagerHealth, ControllerStatistics, RunReport, Scope) for field in attrs.fields(cls)
    }
    names = (declared - {"declared"}) | said_of_context | reads | of_manager | fields

    assert sorted(name for name in names if not re.search(rf"(?<![\w.]){name}\b", code)) == []


def test_the_reference_of_what_tests_use_has_the_whole_surface() -> None:
    code = "\n".join(re.findall(r"`([^`\n]+)`", prose((ROOT / "docs/apiserver-reference.md").read_text("utf-8"))))
    of_server = members(ApiServer) | options(ApiServer.__init__) | {"access", "faults", "requests"}
    of_client = members(Client) | options(Client.__init__) | options(Client.list_page) | options(Client.delete)
    fields = {
        field.name
        for cls in (Fault, RequestRecord, Endpoint)
        for field in attrs.fields(cls)
        if not field.name.startswith("_")
    }
    of_faults = members(Faults) - {"strike"} | {"log", "calls", "hits"}
    names = of_server | of_client | of_faults | (fields - {"certificate_authority"}) | set(testing.__all__)

    assert sorted(name for name in names if not re.search(rf"(?<![\w.]){name}\b", code)) == []


SAMPLE = """\
# One title, `coded`

```python
first = 1
```

<!-- not run: needs a cluster -->

```python
second = 2
```

1. In a list:

   ```sh
   make test  # all
   ```

## Same
## Same
"""


def test_blocks_are_found_with_their_lines_and_marks() -> None:
    found = list(blocks(SAMPLE))

    assert [(block.language, block.code, block.line, block.is_run) for block in found] == [
        ("python", "first = 1\n", 3, True),
        ("python", "second = 2\n", 9, False),
        ("sh", "make test  # all\n", 15, True),
    ]


def test_anchors_are_those_of_github() -> None:
    assert anchors(SAMPLE) == {"one-title-coded", "same", "same-1"}
