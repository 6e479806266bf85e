"""A Dockerfile for the model server, and what its build must not see.

Two stages, so that pip and its caches stay behind; a user without rights; a health check by the
protocol's own readiness. The project's catalogue and objects are mounted or named by settings,
never copied: an image holds no data and no secret.
"""

import json

from cauce.kernel.generator import Facts, one_line

PORT = 8080


def files(facts: Facts) -> dict[str, str]:
    """Give the text of Dockerfile and .dockerignore."""
    return {
        "Dockerfile": _DOCKERFILE.format(
            python=facts.python,
            cauce=facts.cauce,
            title=_label(one_line(facts.project)),
            health=json.dumps(["python", "-c", _HEALTH]),
            command=json.dumps(_serve(facts.deployment)),
            port=PORT,
        ),
        ".dockerignore": _IGNORE,
    }


_HEALTH = (
    "from urllib.request import urlopen; "
    f"urlopen('http://127.0.0.1:{PORT}/v2/health/ready', timeout=2)"
)


def _serve(deployment: str) -> list[str]:
    """Give the server's command; in a container every address is the container's own."""
    return ["cauce", "serve", "run", deployment, "--host", "0.0.0.0", "--port", str(PORT)]  # noqa: S104


_DOCKERFILE = """\
# Serves a deployment of this project. It listens for others, so it wants a token to exist:
#   cauce admin token-add server --role reader
#   docker build -t model-server .
#   docker run --user "$(id -u)" -p {port}:{port} -v "$PWD/.cauce:/project/.cauce" model-server
# or, with a shared catalogue and store, -e CAUCE_CATALOG=... -e CAUCE_OBJECTS=... instead of -v.
FROM python:{python}-slim-bookworm AS build
RUN python -m venv /venv \\
    && /venv/bin/pip install --no-cache-dir "cauce[onnx,images,postgres]=={cauce}"

FROM python:{python}-slim-bookworm
LABEL org.opencontainers.image.title={title}
ENV PATH=/venv/bin:$PATH \\
    PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin server \\
    && mkdir /project && chown 10001 /project
COPY --from=build /venv /venv
WORKDIR /project
COPY --chown=10001 cauce.toml ./
USER 10001
EXPOSE {port}
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \\
    CMD {health}
CMD {command}
"""

_IGNORE = """\
# The image takes cauce.toml only; all else stays out of the build.
*
!cauce.toml
"""


def _label(text: str) -> str:
    """Write a text as a Dockerfile's quoted word: no variable, no end of the word."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{plain}"'
