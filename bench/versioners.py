"""Tools that version data, each driven as its users do: us, DVC, Git LFS, Oxen, the floor."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import measure
from bench.measure import Cost

DVC_PINS = ("dvc==3.67.1", "pathspec==0.12.1")
OXEN_PINS = ("oxenai==0.65.1",)

CONFIG = """[core]
    no_scm = True
    remote = near
    analytics = false
['remote "near"']
    url = ../../remote
[cache]
    type = {link}
"""


class Tool:
    """A tool on a project of its own; what it cannot do, it has no command for.

    The work tree is the folder `set` of `root/project`.
    """

    name = ""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = root / "project"
        self.remote = root / "remote"
        shutil.rmtree(root, ignore_errors=True)
        self.project.mkdir(parents=True)
        self.remote.mkdir()

    def commands(self, step: str) -> list[list[str]]:
        """Give the commands of a step, in order; none when the tool cannot do it."""
        raise NotImplementedError

    def set_link(self, kind: str) -> None:
        """Choose how files come to the work tree: `copy` or `hardlink`."""

    def drop_cache(self) -> None:
        """Remove what is stored beside the work tree."""

    @property
    def env(self) -> Mapping[str, str]:
        own = {"DVC_SITE_CACHE_DIR": str(self.root / "site"), "HOME": str(self.root)}
        own["PYTHONPYCACHEPREFIX"] = str(self.root / "bytecode")  # as where it was installed
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        return {**kept, **own}

    def measure(self, step: str) -> Cost | None:
        found = self.commands(step)
        if not found:
            return None
        costs = [measure.cost(words, cwd=self.project, env=self.env) for words in found]
        return sum(costs[1:], costs[0])

    def calls(self, step: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for words in self.commands(step):
            for name, count in measure.calls(words, cwd=self.project, env=self.env).items():
                found[name] = found.get(name, 0) + count
        return found

    def run(self, *words: str) -> None:
        measure.cost(words, cwd=self.project, env=self.env)


class Cauce(Tool):
    name = "cauce"
    command = (sys.executable, "-m", "cauce", "data")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (self.project / "cauce.toml").touch()
        self.set_link("copy")
        self.run(*self.command, "init")
        for verb in ("add", "checkout", "push", "pull"):  # their bytecode is made once
            self.run(*self.command, verb, "--help")

    def set_link(self, kind: str) -> None:
        (self.project / ".dvc").mkdir(exist_ok=True)
        (self.project / ".dvc" / "config").write_text(CONFIG.format(link=kind))

    def drop_cache(self) -> None:
        shutil.rmtree(self.project / ".dvc" / "cache")

    def commands(self, step: str) -> list[list[str]]:
        words = {
            "add": [["add", "set"]],
            "status": [["status"]],
            "checkout": [["checkout"]],
            "link": [["checkout"]],
            "push": [["push"]],
            "pull": [["pull"]],
            "update": [["add", "set"], ["push"]],
        }[step]
        if not all(self.has(word[0]) for word in words):
            return []
        return [[*self.command, *word] for word in words]

    def has(self, verb: str) -> bool:
        """Tell whether the command exists yet."""
        from cauce.kernel import operation

        return verb in {item.verb for item in operation.every() if item.group == "data"}


class Dvc(Cauce):
    name = "dvc"

    def __init__(self, root: Path) -> None:
        from tests.peers import peer

        self.command = (str(peer("dvc", DVC_PINS).parent / "dvc"),)
        Tool.__init__(self, root)
        self.run(*self.command, "init", "--no-scm", "-q")
        self.set_link("copy")

    def has(self, verb: str) -> bool:  # noqa: ARG002
        return True


class Lfs(Tool):
    name = "git-lfs"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for words in (
            ["init", "-q", "-b", "main"],
            ["config", "user.name", "bench"],
            ["config", "user.email", "bench@example.org"],
            ["lfs", "install", "--local"],
            ["init", "-q", "--bare", str(self.remote)],
            ["remote", "add", "origin", str(self.remote)],
            ["lfs", "track", "set/**"],
        ):
            self.run("git", *words)

    def drop_cache(self) -> None:
        shutil.rmtree(self.project / ".git" / "lfs" / "objects")

    def commands(self, step: str) -> list[list[str]]:
        push = [["push", "-q", "origin", "main"]]
        found: Mapping[str, Sequence[Sequence[str]]] = {
            "add": [["add", "."], ["commit", "-q", "-m", "x"]],
            "status": [["status", "--short"]],
            "checkout": [["checkout", "-q", "--", "set"]],
            "push": push,
            "pull": [["lfs", "fetch", "origin", "main"], ["checkout", "-q", "--", "set"]],
            "update": [["add", "."], ["commit", "-q", "-m", "y"], *push],
        }
        return [["git", *words] for words in found.get(step, ())]


class Oxen(Tool):
    """Its command line is not on PyPI, its library is; a remote needs its own server."""

    name = "oxen"

    def __init__(self, root: Path) -> None:
        from tests.peers import peer

        super().__init__(root)
        self.python = str(peer("oxen", OXEN_PINS))
        self.run(self.python, "-c", "import oxen.user as u; u.config_user('b', 'b@example.org')")
        self.run(self.python, "-c", "import oxen; oxen.Repo('.').init()")

    def commands(self, step: str) -> list[list[str]]:
        words = {
            "add": "r.add('set'); r.commit('x')",
            "status": "r.status()",
            "checkout": "r.restore('set')",
        }
        if step not in words:
            return []
        return [[self.python, "-c", f"import oxen; r = oxen.Repo('.'); {words[step]}"]]


class Floor(Tool):
    name = "floor"

    def drop_cache(self) -> None:
        shutil.rmtree(self.project / "cache")

    def commands(self, step: str) -> list[list[str]]:
        script = str(Path(__file__).with_name("floors.py"))
        steps = ["add", "push"] if step == "update" else [step]
        return [[sys.executable, "-I", script, name, "."] for name in steps]


def every() -> dict[str, Callable[[Path], Tool]]:
    """List the tools that are here: name -> what opens one on a fresh project."""
    found: dict[str, Callable[[Path], Tool]] = {"cauce": Cauce, "dvc": Dvc}
    if shutil.which("git-lfs"):
        found["git-lfs"] = Lfs
    return {**found, "oxen": Oxen, "floor": Floor}


def failure(error: subprocess.CalledProcessError) -> str:
    """Say in one line why a command failed."""
    lines = str(error.output).strip().splitlines() or ["no message"]
    return f"{' '.join(map(str, error.cmd))[-60:]}: {lines[-1][:120]}"
