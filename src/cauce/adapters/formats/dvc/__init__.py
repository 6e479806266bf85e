"""DVC's files: `.dvc`, `.dir`, `.dvc/config`, `.dvcignore`, `.gitignore`, and its lock.

Written from the format as an unmodified DVC 3 reads and writes it (docs/data.md). Loaded by
`plugins.load("formats", "dvc")`; packages for YAML and patterns load when first needed.
"""

from cauce.adapters.formats.dvc.config import cache_dir

__all__ = ["cache_dir"]
