"""Each row of a table of promises names the tests that keep it, in a comment that readers of the page do not see; they exist."""

import re

# Pages, and the one section of them that promises (none: every table does).
PAGES = {"docs/durability.md": None, "docs/interop.md": None, "docs/compatibility/sqs.md": "## The rules"}
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


def _rows(text, section):
    """Line numbers and lines of the rows of tables, heads left out."""
    lines = text.splitlines()
    inside = section is None
    for number, line in enumerate(lines, 1):
        if section is not None and line.startswith("## "):
            inside = line == section
        if not inside:
            continue
        head = number < len(lines) and _SEPARATOR.match(lines[number])
        if line.startswith("|") and not head and not _SEPARATOR.match(line):
            yield number, line


def check(tree):
    tests = _tests(tree)
    for page, section in PAGES.items():
        if page not in tree.files:
            continue
        rows = list(_rows(tree.text(page), section))
        if not rows:
            yield f"{page}:1: no promises under {section or 'any head'}"
        for number, row in rows:
            note = _NOTE.search(row)
            if not note:
                yield f"{page}:{number}: a promise without the name of its test: {row[:60]}"
                continue
            for name in note.group(1).split():
                if name not in tests:
                    yield f"{page}:{number}: there is no test {name}"
