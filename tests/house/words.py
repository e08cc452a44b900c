"""Words that the repository does not hold: paths of one machine, notes of unfinished work, hosts of package registries."""

import re

_TEXT = (".h", ".cc", ".py", ".js", ".mjs", ".ts", ".sh", ".cmake", ".md", ".txt", ".toml", ".json", ".schema", ".service")
_EXEMPT = ("tests/fuzz/corpus/", "tests/golden/", "LICENSE")
_FORBIDDEN = {
    "a path of one machine": re.compile(r"(?:^|[^\w.$}])/(?:work|root|home)/"),
    "unfinished work": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|DISABLED" r"_\w+)\b"),
    "a registry's host": re.compile(r"registry\.npm" r"js\.org|files\.python" r"hosted\.org"),
}


def _is_text(name):
    base = name.rsplit("/", 1)[-1]
    return name.endswith(_TEXT) or "." not in base or base.startswith(".")


def check(tree):
    for name in tree.files:
        if name.startswith(_EXEMPT) or not _is_text(name):
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for what, pattern in _FORBIDDEN.items():
                if pattern.search(line):
                    yield f"{name}:{number}: {what}: {line.strip()[:100]}"
