"""What the pages name exists: paths, modules, identifiers, parameters with their values, and messages.

Pages are README.md, CONTRIBUTING.md, docs/*.md and the comments of params.yaml, dvc.yaml, prefect.yaml, Makefile,
pyproject.toml and presets/. For paths and modules, the docstrings and comments of the packages count too.
"""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scans.errors import UserError
from stages.params.table import rows
from stages.params.tree import Params, check

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES = ("flows", "stages", "model", "renderers", "scans")
MARKDOWN = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
PAGES = [
    *MARKDOWN,
    *(PROJECT / name for name in ("params.yaml", "dvc.yaml", "prefect.yaml", "Makefile", "pyproject.toml")),
    *sorted((PROJECT / "presets").glob("*.yaml")),
]
SOURCES = sorted(path for package in PACKAGES for path in (PROJECT / package).rglob("*.py"))
FOLDERS = (*PACKAGES, "benchmarks", "docs", "presets", "rigs", "tests")

PATH = re.compile(rf"(?<![\w/.~-])(?:{'|'.join(FOLDERS)})/[\w./*-]*\w")
MODULE = re.compile(rf"(?<![\w/.-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
DOTTED = re.compile(r"[a-z]\w*(?:\.[a-z]\w*)+")

# Files that the pages tell the reader to make.
YOURS = {"rigs/mine.json"}
# Messages that are not ours, and whose they are.
FOREIGN = {
    "Unable to acquire lock": "DVC",
    "'./dvc.lock' validation failed": "DVC",
    "ensurepip is not available": "Python's venv",
    "is busy, it is being blocked by": "DVC",
    "Unable to read RWLock-file": "DVC",
    "database is locked": "SQLite",
}
HOLE = "\0"  # stands for a value in a message
MOST_WORDS_IN_A_HOLE = 6


def pages(*, with_sources: bool = False) -> list[Path]:
    return [*PAGES, *SOURCES] if with_sources else PAGES


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("page", pages(with_sources=True), ids=name_of)
def test_paths_exist(page: Path) -> None:
    found = {path.rstrip(".") for path in PATH.findall(page.read_text(encoding="utf-8"))} - YOURS
    # A word before a slash may be prose ("scans/…"), so without a suffix a folder or a module of that name will do.
    missing = [
        path for path in found if not any(PROJECT.glob(path)) and ("." in path or not any(PROJECT.glob(f"{path}.py")))
    ]
    assert not missing


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


@pytest.mark.parametrize("page", pages(with_sources=True), ids=name_of)
def test_modules_and_what_is_in_them_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".py":  # imports are mypy's to check
        text = "\n".join(CODE_SPAN.findall(text))
    assert not [name for name in MODULE.findall(text) if not _module_has(name)]


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_imports_in_code_blocks_work(page: Path) -> None:
    for line in page.read_text(encoding="utf-8").splitlines():
        if re.match(r"    from \w[\w.]* import ", line):
            module, _, names = line.strip().removeprefix("from ").partition(" import ")
            if module.split(".")[0] in PACKAGES:
                assert not [name for name in names.split(", ") if not _module_has(f"{module}.{name}")], line


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_identifiers_occur_in_the_code(page: Path) -> None:
    """What is set as code and looks like a name: `snake_case`, `CamelCase`, `CONSTANT_CASE`, or that of a preset."""
    spans = CODE_SPAN.findall(page.read_text(encoding="utf-8"))
    names = {span for span in spans if IDENTIFIER.fullmatch(span) and ("_" in span or re.search("[a-z][A-Z]", span))}
    names -= {path.stem for path in (PROJECT / "presets").glob("*.yaml")}
    assert not {name for name in names if name not in _words() and not name.startswith(("view_", "OMP_", "PREFECT_"))}


@pytest.mark.parametrize("page", MARKDOWN, ids=name_of)
def test_parameters_exist(page: Path) -> None:
    """`render.image_size`, `prepare.surface: poisson`, and with a value also by the end of the key: `rig: ring`."""
    wrong = []
    text = page.read_text(encoding="utf-8")
    for span in set(CODE_SPAN.findall(text)) - set(messages(text)):
        key, separator, value = span.partition(": ")
        if not DOTTED.fullmatch(key) and not (separator and IDENTIFIER.fullmatch(key)):
            continue
        first = key.split(".")[0]
        if first in _sections() and "." in key:
            wrong += [span] if key not in _keys() and not any(each.startswith(f"{key}.") for each in _keys()) else []
        if separator and (keys := [each for each in _keys() if f".{each}".endswith(f".{key}")]):
            wrong += [] if any(_accepts(each, value) for each in keys) else [span]
        elif separator and key not in _words():
            wrong.append(span)
    assert not wrong


def test_what_the_changelog_says_of_renamed_things_exists() -> None:
    """The second column of the tables `… was | is`."""
    missing = []
    for line in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        for name in CODE_SPAN.findall(line.split("|")[2]) if line.startswith("| ") else ():
            key = name.split(": ")[0]
            known = (
                key in _words() or (PROJECT / key).exists() or any(f"{each}.".startswith(f"{key}.") for each in _keys())
            )
            missing += [] if known or key.startswith("artifacts/") else [name]
    assert not missing


def test_messages_are_those_of_the_code() -> None:
    """The first column of every table of messages."""
    unknown = []
    for page in MARKDOWN:
        for message in messages(page.read_text(encoding="utf-8")):
            parts = [part for part in re.split("[…;]", message) if re.search(r"\w", part)]
            if message not in FOREIGN and not all(map(_is_printed, parts)):
                unknown.append(f"{page.name}: {message}")
    assert not unknown


def test_a_message_is_found_with_its_values_filled_in_and_no_other() -> None:
    template = f"{HOLE}: view {HOLE} is there twice, see {HOLE}. Take one away"
    assert covers(template, "view 3 is there twice")
    assert covers(template, "view 3 is there twice, see view_03.png")
    assert not covers(template, "view 3 is missing")
    assert not covers(template, "anything else at all")
    assert not covers(f"{HOLE}: {HOLE}", "wrong checksum")


def messages(text: str) -> list[str]:
    """The code spans in the first column of the tables whose head is `message` or `what you see`."""
    found: list[str] = []
    in_table = False
    for line in text.splitlines():
        if not line.startswith("|"):
            in_table = False
        elif re.match(r"\| (message|what you see) \|", line):
            in_table = True
        elif in_table:
            found += CODE_SPAN.findall(line.split("|")[1])
    # Commands and names of programs, parameters and files are checked elsewhere.
    return [each for each in found if " " in each or each.isalpha()]


def covers(template: str, message: str) -> bool:
    """Whether the message is a part of what the template can print: at least half of its words are the template's."""
    printed, words = template.split(), message.split()

    def most_literal(word: int, at: int) -> int:
        """Words of `words[word:]` that `printed[at:]` has literally; below 0 where they don't fit."""
        if word == len(words):
            return 0
        if at == len(printed):
            return -len(words)
        if HOLE in printed[at]:
            swallowed = range(min(MOST_WORDS_IN_A_HOLE, len(words) - word) + 1)
            return max(most_literal(word + count, at + 1) for count in swallowed)
        if words[word].strip(".,;:") != printed[at].strip(".,;:"):
            return -len(words)
        return 1 + most_literal(word + 1, at + 1)

    return 2 * max((most_literal(0, at) for at in range(len(printed))), default=0) >= len(words)


def _is_printed(message: str) -> bool:
    return any(covers(template, message) for template in _templates())


@cache
def _templates() -> tuple[str, ...]:
    """Every string of the packages, with HOLE for what an f-string puts in."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values]
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return tuple(dict.fromkeys(found))


def _module_has(dotted: str) -> bool:
    """Whether a dotted name is a module of ours, or a name that one defines or imports."""
    *parts, last = dotted.split(".")
    if _is_module(dotted):
        return True
    module = ".".join(parts)
    if _is_module(module):
        return last in _names_in(module)
    return len(parts) > 1 and _module_has(module)  # an attribute of a class


def _is_module(dotted: str) -> bool:
    path = PROJECT.joinpath(*dotted.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@cache
def _names_in(module: str) -> frozenset[str]:
    spec = find_spec(module)
    assert spec is not None
    if spec.origin is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return frozenset(names)


@cache
def _words() -> frozenset[str]:
    """Every word of the code, of the parameters and of the pipeline's files."""
    files = [*SOURCES, *(PROJECT / "tests").rglob("*.py"), *PROJECT.glob("*.yaml"), PROJECT / "pyproject.toml"]
    files = [path for path in files if path != Path(__file__)]
    return frozenset(word for path in files for word in IDENTIFIER.findall(path.read_text(encoding="utf-8")))


def _sections() -> list[str]:
    return list(Params.model_fields)


@cache
def _keys() -> dict[str, Any]:
    """Defaults by dotted key; of a list of sections, the keys within these too."""
    keys = {key: value for key, value, *_ in rows(Params(), Params())}
    for key, value in list(keys.items()):
        for section in value if isinstance(value, tuple) else ():
            if isinstance(section, BaseModel):
                keys |= {f"{key}.{name}": default for name, default in section}
    return keys


def _accepts(key: str, value: str) -> bool:
    try:
        plain: Any = YAML(typ="safe", pure=True).load(value)
    except YAMLError:
        return False
    if isinstance(_keys().get(key.rpartition(".")[0]), tuple):
        return isinstance(plain, int | float)
    for part in reversed(key.split(".")):
        plain = {part: plain}
    try:
        check(plain, "")
    except UserError as error:  # only the value's own fault counts, not what it says beside other values
        return f"{key}: " not in str(error)
    return True
