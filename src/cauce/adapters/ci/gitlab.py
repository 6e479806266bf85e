"""GitLab CI/CD: `.gitlab-ci.yml`.

Merge requests are checked. Training, the gate and promotion run on the default branch, one at a
time, where the project's variables CAUCE_CATALOG and CAUCE_OBJECTS are set (masked, protected).
"""

from collections.abc import Sequence

from cauce.adapters.ci.quoting import command, scalar
from cauce.kernel.generator import Facts, one_line

PATH = ".gitlab-ci.yml"


def files(facts: Facts) -> dict[str, str]:
    """Give the pipeline's text by its path."""
    stages = ["check", *(["train"] if facts.train else [])]
    if facts.train and facts.promote:
        stages.append("promote")
    body = _HEAD.format(
        name=scalar(_plain(f"{one_line(facts.project)}: cauce")),
        stages=", ".join(stages),
        python=facts.python,
        version=facts.cauce,
    )
    body += _job("check", "15m", [("flow", "ls"), ("data", "status")])
    if "train" in stages:
        body += _job("train", "1h", facts.train) + _ONLY
    if "promote" in stages:
        body += _job("promote", "15m", facts.promote) + _ONLY
    return {PATH: body}


_HEAD = """\
workflow:
  name: {name}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH && $CI_OPEN_MERGE_REQUESTS
      when: never
    - if: $CI_COMMIT_BRANCH

stages: [{stages}]

variables:
  REASON:
    value: manual
    options: [manual, new-data, new-labels, drift, better-model, faster-model]
    description: Why this pipeline was started
  PIP_CACHE_DIR: $CI_PROJECT_DIR/.cache/pip

default:
  image: python:{python}-slim-bookworm
  retry:
    max: 1
    when: [runner_system_failure, stuck_or_timeout_failure]
  cache:
    key: pip-{python}
    paths: [.cache/pip]
  before_script:
    - apt-get update -qq && apt-get install -y -qq --no-install-recommends git
    - python -m pip install "cauce[all]=={version}"
    - if [ -f requirements.txt ]; then python -m pip install -r requirements.txt; fi
"""

_ONLY = """\
  resource_group: cauce
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CAUCE_CATALOG && $CAUCE_OBJECTS
"""


def _job(name: str, timeout: str, steps: Sequence[Sequence[str]]) -> str:
    lines = "".join(f"    - {scalar(command(step))}\n" for step in steps)
    return f"\n{name}:\n  stage: {name}\n  timeout: {timeout}\n  script:\n{lines}"


def _plain(text: str) -> str:
    """Keep GitLab from reading `$NAME` in a pipeline's name as a variable."""
    return text.replace("$", "$$")
