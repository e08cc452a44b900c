"""Every room says what it is (README.md), and every fuzz target has seeds to start from."""


def check(tree):
    names = set(tree.files)
    for name in tree.files:
        folder = name.rpartition("/")[0]
        if name.startswith("src/") and name.endswith("/CMakeLists.txt") and f"{folder}/README.md" not in names:
            yield f"{folder}: a room without a README.md"
        if name.startswith("tests/fuzz/") and name.endswith("_fuzz.cc"):
            corpus = "tests/fuzz/corpus/" + name.rsplit("/", 1)[-1].removesuffix("_fuzz.cc") + "/"
            if not any(other.startswith(corpus) for other in names):
                yield f"{name}: no seeds in {corpus}"
