"""Jenkins: a declarative `Jenkinsfile`.

Every branch is checked. Training, the gate and promotion run on the branch `main`, one build at a
time, with the credentials `cauce-catalog` and `cauce-objects` (secret texts). Only steps of a bare
Jenkins are used; the agent needs Python with its venv module, and git.
"""

from collections.abc import Sequence

from cauce.adapters.ci.quoting import command
from cauce.kernel.generator import Facts

PATH = "Jenkinsfile"


def files(facts: Facts) -> dict[str, str]:
    """Give the pipeline's text by its path."""
    body = _HEAD
    install = [
        f"python{facts.python} -m venv .venv",
        f'.venv/bin/python -m pip install "cauce[all]=={facts.cauce}"',
        "if [ -f requirements.txt ]; then .venv/bin/python -m pip install -r requirements.txt; fi",
    ]
    body += _stage("install", install)
    body += _stage("check", _lines([("flow", "ls"), ("data", "status")]))
    if facts.train:
        body += _stage("train", _lines(facts.train), shared=True)
    if facts.train and facts.promote:
        body += _stage("promote", _lines(facts.promote), shared=True)
    return {PATH: body + "    }\n}\n"}


_HEAD = """\
pipeline {
    agent any
    options {
        disableConcurrentBuilds()
        timeout(time: 90, unit: 'MINUTES')
        buildDiscarder(logRotator(numToKeepStr: '50'))
    }
    parameters {
        choice(
            name: 'REASON',
            choices: ['manual', 'new-data', 'new-labels', 'drift', 'better-model', 'faster-model'],
            description: 'Why this build was started'
        )
    }
    stages {
"""

_SHARED = """\
            when { branch 'main' }
            environment {
                CAUCE_CATALOG = credentials('cauce-catalog')
                CAUCE_OBJECTS = credentials('cauce-objects')
            }
"""


def _stage(name: str, lines: Sequence[str], *, shared: bool = False) -> str:
    steps = "".join(f"                sh {_text(line)}\n" for line in lines)
    return (
        f"        stage('{name}') {{\n"
        + (_SHARED if shared else "")
        + f"            steps {{\n{steps}            }}\n        }}\n"
    )


def _lines(steps: Sequence[Sequence[str]]) -> list[str]:
    """Write commands of cauce with the environment's programs first on the path."""
    return [f'PATH="$PWD/.venv/bin:$PATH" {command(step)}' for step in steps]


def _text(text: str) -> str:
    """Write a Groovy string without interpolation."""
    plain = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "")
    return f"'{plain}'"
