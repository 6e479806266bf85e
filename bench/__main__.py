"""`python -m bench NAME`: run the benchmarks of one capability, in the order of their names."""

import importlib
import itertools
import pkgutil
import sys
from pathlib import Path


def main() -> int:
    """Run every module of the folder `bench/NAME`, or only those named after it.

    Words from the first that starts with a dash belong to the modules.
    """
    name, *words = sys.argv[1:]
    only = list(itertools.takewhile(lambda word: not word.startswith("-"), words))
    folder = Path(__file__).parent / name
    if not folder.is_dir():
        sys.stderr.write(f"error: no benchmark {name!r}\n")
        return 3
    found = [item.name for item in pkgutil.iter_modules([str(folder)])]
    for module in found:
        if not only or module in only:
            sys.stdout.write(f"\n== {name}.{module}\n")
            sys.stdout.flush()
            importlib.import_module(f"bench.{name}.{module}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
