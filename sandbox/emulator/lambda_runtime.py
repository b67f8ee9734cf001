"""The modules that a Lambda function can import: its zip, the standard library and boto3.

AWS fact: the Python runtimes contain boto3 and its dependencies (Lambda developer guide, "Runtime-included
SDK versions"); everything else must be in the zip. MiniStack runs a function with the interpreter that runs
MiniStack, so a package that is missing in the zip would be imported from the virtual environment.
"""

import os
from importlib.util import find_spec
from pathlib import Path

RUNTIME_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
_SITECUSTOMIZE = '''"""Remove the virtual environment's packages; this folder has the runtime's."""

import sys

sys.path[:] = [folder for folder in sys.path if not folder.endswith(("site-packages", "dist-packages"))]
'''


def install(folder: Path) -> None:
    """Make `folder` the only import path outside a function's zip."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    for package in RUNTIME_PACKAGES:
        found = find_spec(package)
        if found is None or found.origin is None:
            raise RuntimeError(f"{package} is not installed: run make venv")
        source = Path(found.origin)
        target = source.parent if source.name == "__init__.py" else source
        (folder / target.name).symlink_to(target)
    os.environ["PYTHONPATH"] = str(folder)  # inherited by the functions' processes
