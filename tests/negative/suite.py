"""Cases, their counts and their randomness."""

import contextlib
import random as standard_random
import sys
import time
import traceback


class Suite:
    def __init__(self, seed):
        self.seed = seed
        self.passed = self.failed = self.skipped = 0

    def random(self, name, seed):
        """A stream of its own for each attack, so that one alone repeats as it was in the whole run."""
        return standard_random.Random(f"{seed} {name}")

    @contextlib.contextmanager
    def case(self, title):
        begin = time.monotonic()
        try:
            yield
        except Skip as reason:
            self.skipped += 1
            print(f"skip {title}: {reason}")
        except Exception as error:  # a case that breaks in an unforeseen way has failed, and the next one still runs
            self.failed += 1
            print(f"FAIL {title}\n  {error!r}"[:4000])
            frames = traceback.extract_tb(sys.exc_info()[2])
            print("".join(f"  at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}: {frame.line}\n" for frame in frames[1:]), end="")
        else:
            self.passed += 1
            taken = time.monotonic() - begin
            print(f"ok   {title}" + (f" ({taken:.1f} s)" if taken > 1 else ""))
        sys.stdout.flush()

    def note(self, text):
        print(f"note: {text}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0


class Skip(Exception):
    """What the case needs is not there; says what."""
