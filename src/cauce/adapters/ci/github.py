"""GitHub Actions: `.github/workflows/cauce.yml`.

Pull requests are checked without secrets. Training, the gate and promotion run on the default
branch only, one at a time, where the secrets name a catalogue and a store that last.
"""

from collections.abc import Sequence

from cauce.adapters.ci.quoting import command, scalar
from cauce.kernel.generator import Facts, one_line

PATH = ".github/workflows/cauce.yml"

# Pinned to commits: a tag can be moved to other code, a commit cannot.
_CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
_PYTHON = "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0"


def files(facts: Facts) -> dict[str, str]:
    """Give the workflow's text by its path."""
    body = _HEAD.format(name=_name(facts.project)) + _check(facts)
    if facts.train:
        body += _job(
            facts,
            "train",
            "check",
            "needs.check.outputs.shared == 'true' &&"
            " github.ref_name == github.event.repository.default_branch",
            facts.train,
            60,
        )
    if facts.train and facts.promote:
        body += _job(facts, "promote", "train", "", facts.promote, 15)
    return {PATH: body}


_HEAD = """\
name: {name}
run-name: ${{{{ inputs.reason || github.event_name }}}}

on:
  push:
    branches: [main, master]
    paths: ["**.dvc", "**.py", dvc.lock, config.yaml, cauce.toml, requirements.txt]
  pull_request:
  schedule:
    - cron: "17 4 * * 1"
  workflow_dispatch:
    inputs:
      reason:
        description: Why this run was started
        type: choice
        default: manual
        options: [manual, new-data, new-labels, drift, better-model, faster-model]

permissions:
  contents: read

concurrency:
  group: ${{{{ github.workflow }}}}-${{{{ github.ref }}}}
  cancel-in-progress: false

jobs:
"""

_SETUP = """\
      - uses: {checkout}
        with:
          persist-credentials: false
      - uses: {setup}
        with:
          python-version: "{python}"
      - name: Install
        run: |
          python -m pip install "cauce[all]=={version}"
          if [ -f requirements.txt ]; then python -m pip install -r requirements.txt; fi
"""

_SECRETS = """\
    env:
      CAUCE_CATALOG: ${{ secrets.CAUCE_CATALOG }}
      CAUCE_OBJECTS: ${{ secrets.CAUCE_OBJECTS }}
      AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}
      AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
"""

_SHARED = """\
      - name: See whether a shared catalogue is set up
        id: shared
        env:
          CATALOG: ${{ secrets.CAUCE_CATALOG }}
          OBJECTS: ${{ secrets.CAUCE_OBJECTS }}
        run: |
          if [ -n "$CATALOG" ] && [ -n "$OBJECTS" ]; then
            echo "shared=true" >> "$GITHUB_OUTPUT"
          else
            echo "shared=false" >> "$GITHUB_OUTPUT"
            echo "::notice::Set the secrets CAUCE_CATALOG and CAUCE_OBJECTS to train here."
          fi
"""


def _check(facts: Facts) -> str:
    return (
        "  check:\n"
        "    runs-on: ubuntu-latest\n"
        "    timeout-minutes: 15\n"
        "    outputs:\n"
        "      shared: ${{ steps.shared.outputs.shared }}\n"
        "    steps:\n" + _setup(facts) + _steps([("flow", "ls"), ("data", "status")]) + _SHARED
    )


def _job(
    facts: Facts,
    name: str,
    needs: str,
    condition: str,
    steps: Sequence[Sequence[str]],
    minutes: int,
) -> str:
    return (
        f"\n  {name}:\n"
        f"    needs: {needs}\n"
        + (f"    if: {condition}\n" if condition else "")
        + "    runs-on: ubuntu-latest\n"
        f"    timeout-minutes: {minutes}\n"
        "    concurrency:\n"
        f"      group: cauce-{name}\n"
        "      cancel-in-progress: false\n"
        + _SECRETS
        + "    steps:\n"
        + _setup(facts)
        + _steps(steps)
    )


def _setup(facts: Facts) -> str:
    return _SETUP.format(
        checkout=_CHECKOUT, setup=_PYTHON, python=facts.python, version=facts.cauce
    )


def _steps(steps: Sequence[Sequence[str]]) -> str:
    return "".join(f"      - run: {_text(command(step))}\n" for step in steps)


def _name(project: str) -> str:
    """Write a name, where GitHub takes no expression at all, not even a quoted one."""
    return scalar(f"{one_line(project)}: cauce".replace("${{", "$ {{"))


def _text(text: str) -> str:
    """Write a text that GitHub takes as it is: `${{` would be an expression."""
    return scalar(text.replace("${{", "${{ '${{' }}"))
