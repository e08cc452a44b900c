"""Every header guards itself, and every source includes its own header first, so that the header stands on its own."""

from layers import includes


def check(tree):
    names = set(tree.files)
    for name in tree.files:
        if not name.startswith(("src/", "tests/", "bench/")):
            continue
        if name.endswith(".h"):
            if not any(line.strip() == "#pragma once" for line in tree.text(name).splitlines()[:12]):
                yield f"{name}: no #pragma once at its top"
        elif name.endswith(".cc") and name.removesuffix(".cc") + ".h" in names:
            own = name.removesuffix(".cc") + ".h"
            first = next((include for _, include in includes(tree.text(name))), "none")
            # Sources are included from src/, tests from tests/ or the root.
            if not f"/{own}".endswith(f"/{first}"):
                yield f'{name}: its first include is not its own header, "{own}"'
