"""Adapters by name: a table of what ships, entry points `cauce.<group>` for others.

Nothing is imported until it is asked for; a missing package names the extra that brings it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cauce.errors import MissingExtra, NotFound

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

SHIPPED: dict[str, dict[str, tuple[str, str]]] = {
    "catalogs": {
        "sqlite": ("cauce.adapters.catalogs.sqlite:open_catalog", ""),
        "postgresql": ("cauce.adapters.catalogs.postgres:open_catalog", "postgres"),
        "http": ("cauce.adapters.catalogs.http:open_catalog", ""),
        "https": ("cauce.adapters.catalogs.http:open_catalog", ""),
    },
    "stores": {
        "file": ("cauce.adapters.stores.local:open_store", ""),
        "memory": ("cauce.adapters.stores.memory:open_store", ""),
        "s3": ("cauce.adapters.stores.blobs:open_store", ""),
        "gs": ("cauce.adapters.stores.blobs:open_store", ""),
        "gcs": ("cauce.adapters.stores.blobs:open_store", ""),
        "azure": ("cauce.adapters.stores.blobs:open_store", ""),
        "az": ("cauce.adapters.stores.blobs:open_store", ""),
        "web": ("cauce.adapters.stores.web:open_store", ""),
        "ssh": ("cauce.adapters.stores.ssh:open_store", "ssh"),
        "versioned": ("cauce.adapters.stores.versioned:open_store", ""),
        "packed": ("cauce.adapters.stores.packed:open_store", ""),
        "http": ("cauce.adapters.stores.http:open_store", ""),
        "https": ("cauce.adapters.stores.http:open_store", ""),
    },
    "formats": {
        "dvc": ("cauce.adapters.formats.dvc", ""),
        "lfs": ("cauce.adapters.formats.lfs", ""),
        "image": ("cauce.adapters.formats.image", "images"),
        "pictures": ("cauce.adapters.formats.pictures", "images"),
        "tables": ("cauce.adapters.formats.tables", ""),
        "thumbnail": ("cauce.adapters.formats.thumbnail", "images"),
    },
    "samples": {"digits": ("cauce.adapters.samples.digits", "demo")},
    "frameworks": {"sklearn": ("cauce.adapters.frameworks.sklearn", "sklearn")},
    "runtimes": {"onnxruntime": ("cauce.adapters.runtimes.onnxruntime", "onnx")},
    "detectors": {"histogram": ("cauce.adapters.detectors.histogram", "")},
    "executors": {"local": ("cauce.adapters.executors.local", "")},
    "ci": {
        "github": ("cauce.adapters.ci.github", ""),
        "gitlab": ("cauce.adapters.ci.gitlab", ""),
        "jenkins": ("cauce.adapters.ci.jenkins", ""),
    },
    "targets": {"docker": ("cauce.adapters.targets.docker", "")},
}
"""Group -> name -> (module or module:attribute, extra that brings its packages)."""


def _points(group: str, name: str | None = None) -> "EntryPoints":
    """Read the installed entry points of a group."""
    from importlib.metadata import entry_points  # late: costs as much as the rest of a command

    found = entry_points(group=f"cauce.{group}")
    return found if name is None else found.select(name=name)


def names(group: str) -> list[str]:
    """List the adapters of a group, shipped and installed."""
    found = {point.name for point in _points(group)}
    return sorted(found | set(SHIPPED.get(group, {})))


def load(group: str, name: str) -> Any:
    """Import an adapter: a module, or the attribute that the table names.

    Raises:
        NotFound: No adapter has that name.
        MissingExtra: A package that it needs is not installed.
    """
    shipped = SHIPPED.get(group, {}).get(name)
    if shipped is None:
        for point in _points(group, name):
            return point.load()
        raise NotFound(
            f"no adapter {name!r} in {group}", hint=f"known: {', '.join(names(group)) or 'none'}"
        )
    target, extra = shipped
    module, _, attribute = target.partition(":")
    try:
        loaded = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] == "cauce":
            raise
        package = (error.name or str(error)).partition(".")[0]
        raise MissingExtra(
            f"{group}/{name} needs the package {package}",
            hint=f"pip install 'cauce[{extra}]'" if extra else f"pip install {package}",
        ) from error
    return getattr(loaded, attribute) if attribute else loaded
