"""Each row of a table of promises names the tests that keep it, in a comment that readers of the page do not see; they exist."""

import re

PAGES = ("docs/durability.md", "docs/interop.md")
_NOTE = re.compile(r"<!--(.*?)-->")
_CC = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)")
_JS = re.compile(r"\btest\(\s*'(\w+\.\w+)'")
_SEPARATOR = re.compile(r"^\|[\s:|-]+\|$")


def _tests(tree):
    names = set()
    for name in tree.files:
        if not name.startswith("tests/"):
            continue
        if name.endswith("_test.cc"):
            names.update(f"{suite}.{test}" for suite, test in _CC.findall(tree.text(name)))
        elif name.endswith(".test.mjs"):
            names.update(_JS.findall(tree.text(name)))
    return names


def _rows(text):
    """Line numbers and lines of the rows of tables, heads left out."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        head = number < len(lines) and _SEPARATOR.match(lines[number])
        if line.startswith("|") and not head and not _SEPARATOR.match(line):
            yield number, line


def check(tree):
    tests = _tests(tree)
    for page in PAGES:
        if page not in tree.files:
            continue
        for number, row in _rows(tree.text(page)):
            note = _NOTE.search(row)
            if not note:
                yield f"{page}:{number}: a promise without the name of its test: {row[:60]}"
                continue
            for name in note.group(1).split():
                if name not in tests:
                    yield f"{page}:{number}: there is no test {name}"
