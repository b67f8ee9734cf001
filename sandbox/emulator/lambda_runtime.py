"""What a Lambda function can import: its own zip, the standard library, boto3, and nothing more.

AWS fact: the Python runtimes carry boto3 with what it depends on (Lambda developer guide, "Runtime-included
SDK versions"); everything else must be in the zip. MiniStack runs a function with the interpreter that runs
MiniStack, so without this a package that is missing in the zip would be found in the virtual environment.
"""

import os
from importlib.util import find_spec
from pathlib import Path

RUNTIME_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
_SITECUSTOMIZE = '''"""Take the virtual environment's packages away; this folder holds the runtime's."""

import sys

sys.path[:] = [folder for folder in sys.path if not folder.endswith(("site-packages", "dist-packages"))]
'''


def install(folder: Path) -> None:
    """Make `folder` the only place outside a function's zip that its interpreter imports from."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    for package in RUNTIME_PACKAGES:
        found = find_spec(package)
        if found is None or found.origin is None:
            raise RuntimeError(f"{package} is not installed: run make venv")
        source = Path(found.origin)
        target = source.parent if source.name == "__init__.py" else source
        (folder / target.name).symlink_to(target)
    os.environ["PYTHONPATH"] = str(folder)  # inherited by the processes that functions run in
