"""What a command costs before it has anything to do: us beside DVC, seconds of CPU."""

import sys
import tempfile
from pathlib import Path
from statistics import median

from bench import measure, versioners

ROUNDS = 7


def main() -> None:
    bare = _least([sys.executable, "-I", "-c", ""], Path.cwd(), {})
    print(f"  {'bare Python':34}{bare * 1e3:8.0f} ms")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        ours = versioners.Cauce(Path(folder) / "cauce")
        theirs = versioners.Dvc(Path(folder) / "dvc")
        for title, words, goal in (
            ("--version", ["--version"], 1 / 4),
            ("status of an empty repository", ["status"], 1 / 8),
        ):
            start = ours.command[:-1] if words[0] == "--version" else ours.command
            one = _least([*start, *words], ours.project, ours.env)
            other = _least([*theirs.command, *words], theirs.project, theirs.env)
            verdict = "<=" if one <= goal * other else ">"
            print(
                f"  {title:34}{one * 1e3:8.0f} ms   dvc {other * 1e3:6.0f} ms"
                f"   {one / other:.3f} {verdict} {goal:.3f}"
            )


def _least(words: list[str], cwd: Path, env: versioners.Mapping[str, str]) -> float:
    return median(measure.cost(words, cwd=cwd, env=env or None).cpu for _ in range(ROUNDS))


if __name__ == "__main__":
    main()
