"""Every room says what it is (its README.md or that of the folder above), and every fuzz target has seeds."""


def check(tree):
    names = set(tree.files)
    for name in tree.files:
        folder = name.rpartition("/")[0]
        if name.startswith("src/") and name.endswith("/CMakeLists.txt"):
            above = folder.rpartition("/")[0]
            if not names & {f"{folder}/README.md", f"{above}/README.md"}:
                yield f"{folder}: a room without a README.md"
        if name.startswith("tests/fuzz/") and name.endswith("_fuzz.cc"):
            corpus = "tests/fuzz/corpus/" + name.rsplit("/", 1)[-1].removesuffix("_fuzz.cc") + "/"
            if not any(other.startswith(corpus) for other in names):
                yield f"{name}: no seeds in {corpus}"
