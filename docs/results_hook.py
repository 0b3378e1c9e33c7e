"""Gives the site the pictures of `benchmarks/results`, to which pages refer as they lie in the repository."""

import re
from pathlib import Path

from mkdocs.structure.files import File

RESULTS = "benchmarks/results"


def on_files(files, config):
    """Add the results to the files of the site."""
    for path in sorted((Path(config.config_file_path).parent / RESULTS).glob("*.png")):
        files.append(File.generated(config, f"{RESULTS}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, **_):
    """Let links out of `docs` lead to where the site has these files."""
    return re.sub(rf"(?:\.\./)+{RESULTS}/", "../" * page.file.src_uri.count("/") + f"{RESULTS}/", markdown)
