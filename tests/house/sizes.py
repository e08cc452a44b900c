"""No hand-written file grows beyond 800 lines; from 500 on it is named, because two rooms may live in it."""

LINES_MAX = 800
LINES_NAMED = 500
_CODE = (".h", ".cc", ".py", ".js", ".mjs", ".ts", ".sh", ".cmake")
_PROGRAMS = ("scripts/", ".ci/", "examples/", "tests/")


def _is_code(tree, name):
    if name.endswith(_CODE):
        return True
    return name.startswith(_PROGRAMS) and "." not in name.rsplit("/", 1)[-1] and tree.text(name).startswith("#!")


def _long_files(tree, limit):
    for name in tree.files:
        if _is_code(tree, name) and not tree.is_generated(name):
            lines = tree.text(name).count("\n")
            if lines > limit:
                yield name, lines


def check(tree):
    for name, lines in _long_files(tree, LINES_MAX):
        yield f"{name}: {lines} lines; no hand-written file has more than {LINES_MAX}"


def warnings(tree):
    for name, lines in _long_files(tree, LINES_NAMED):
        yield f"{name}: {lines} lines (two rooms in one?)"
