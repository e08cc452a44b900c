"""src/layers.txt is obeyed: every include of every room is one that the table allows."""

import re
from pathlib import PurePosixPath

_INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))')


class Table:
    """The parsed table: named sets of words, and the words of each room."""

    def __init__(self, text):
        self.sets, self.rooms, self.problems = {}, {}, []
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            match = re.fullmatch(r"(set|room) (\S+): (.+)", line)
            if not match:
                self.problems.append(f"src/layers.txt:{number}: neither a set nor a room")
                continue
            kind, name, words = match.groups()
            (self.sets if kind == "set" else self.rooms).setdefault(name, []).extend(words.split())

    def words(self, room):
        for word in self.rooms[room]:
            yield from self.sets.get(word[1:], []) if word.startswith("@") else [word]

    def room_of(self, path):
        """(The table's name, the real folder) of the room that holds a file below src/, or (None, None)."""
        parts = PurePosixPath(path).parts[:-1]
        for length in range(len(parts), 0, -1):
            folder = "/".join(parts[:length])
            starred = "/".join([*parts[: length - 1], "*"])
            for name in (folder, starred):
                if name in self.rooms:
                    return name, folder
        return None, None

    def allows(self, room, folder, include):
        return any(_matches(word, folder, include) for word in self.words(room))


def _matches(word, folder, include):
    if word == "*":
        return True
    if include.startswith("<"):
        return word in ("<*>", include) or (word.endswith("/>") and include.startswith(word[:-1]))
    if word.startswith("<"):
        return False
    room = folder if word == "." else word
    return include.startswith(room + "/")


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = _INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2)


def check(tree):
    table = Table(tree.text("src/layers.txt"))
    yield from table.problems
    for name in tree.files:
        if not (name.startswith("src/") and name.endswith((".h", ".cc"))):
            continue
        room, folder = table.room_of(name.removeprefix("src/"))
        if room is None:
            yield f"{name}: its room is not in src/layers.txt"
            continue
        for number, include in includes(tree.text(name)):
            if not table.allows(room, folder, include):
                yield f"{name}:{number}: {room} may not include {include}"
