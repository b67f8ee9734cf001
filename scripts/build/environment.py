"""Create a virtual environment from a hash-pinned lock: `python3 scripts/build/environment.py LOCK FOLDER`.

uv installs the packages of the lock, ten times as fast as pip; where uv cannot, pip does. Both check every
hash and accept wheels only, from the indexes in pip's configuration. The environment contains these packages
and pip.

This runs before an environment exists. So it needs only the standard library, and syntax that an older Python
can read, so that it can report an old version.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV_LOCK = ROOT / "requirements" / "uv.lock"
OLDEST_PYTHON = (3, 11)
HASHED_WHEELS = ["--require-hashes", "--only-binary", ":all:"]

# uv reads neither pip.conf nor PIP_* (docs.astral.sh/uv/pip/compatibility, "Configuration files and
# environment variables"), so it receives pip's settings: pip's name, uv's variable, the separator of uv's
# lists, and other variables with which a user may have configured uv already.
SETTINGS = (
    ("index-url", "UV_DEFAULT_INDEX", " ", ("UV_INDEX_URL",)),
    ("extra-index-url", "UV_INDEX", " ", ("UV_EXTRA_INDEX_URL",)),
    ("find-links", "UV_FIND_LINKS", ",", ()),
    ("no-index", "UV_NO_INDEX", " ", ()),
    ("trusted-host", "UV_INSECURE_HOST", " ", ()),
    ("proxy", "ALL_PROXY", " ", ("all_proxy", "HTTPS_PROXY", "https_proxy")),
    ("timeout", "UV_HTTP_TIMEOUT", " ", ("UV_REQUEST_TIMEOUT",)),
    ("client-cert", "SSL_CLIENT_CERT", " ", ()),
    ("cert", "SSL_CERT_FILE", " ", ("SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")),
)
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # pip uses them through requests
UV_DEFAULTS = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # all indexes equal, as in pip; safe because hashes are pinned
    "UV_PYTHON_DOWNLOADS": "never",
}


class EnvironmentFailure(Exception):
    """The environment cannot be created. The text has the reason, and after `next:` what to do."""


def pip_settings(listed: str) -> dict[str, str]:
    """Read `pip config list`. The environment overrides the section `install`, which overrides `global`."""
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(section):
                found[name[len(section) :]] = str(ast.literal_eval(value))
    return found


def uv_variables(settings: dict[str, str], environ: dict[str, str]) -> dict[str, str]:
    """The environment that gives pip's settings to uv. The user's own settings for uv stay."""
    bundles = [environ[name] for name in CA_BUNDLES if environ.get(name)]
    wanted = {"cert": bundles[0], **settings} if bundles else settings
    variables = {
        variable: separator.join(wanted[name].split())
        for name, variable, separator, others in SETTINGS
        if wanted.get(name) and not any(environ.get(other) for other in others)
    }
    if environ.get("PYTHONDONTWRITEBYTECODE"):
        variables["UV_COMPILE_BYTECODE"] = "1"
    return {**UV_DEFAULTS, **variables, **environ}


def _run(command: list[str], environ: dict[str, str] | None = None) -> str | None:
    """Run a command; None if it succeeded, else its last error line, or its last line that is not empty."""
    try:
        done = subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        return str(error)
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"exit code {done.returncode}"])[-1] if done.returncode else None


def install_with_uv(uv: Path, python: Path, lock: Path, environ: dict[str, str]) -> str | None:
    """Install a lock with uv; None if it succeeded, else the reason."""
    # Python compiles each module at its first import, if it may write the file. Compiling all of them here
    # takes longer than the rest (twenty seconds of processor time).
    # --quiet also suppresses uv's warning that it copies files because the cache is on another file system.
    command = [str(uv), "pip", "install", "--quiet", "--python", str(python), *HASHED_WHEELS]
    return _run([*command, "-r", str(lock)], environ)


def install(python: Path, lock: Path, scratch: Path) -> None:
    """Install a lock with uv, or with pip if uv cannot. Raises EnvironmentFailure."""
    pip = [str(python), "-m", "pip"]
    pip_install = [*pip, "install", "--quiet", "--disable-pip-version-check", *HASHED_WHEELS]
    refused = _run([*pip_install, "--target", str(scratch), "-r", str(UV_LOCK)])
    if refused is None:
        listed = subprocess.run(
            [*pip, "config", "list"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        environ = uv_variables(pip_settings(listed), dict(os.environ))
        refused = install_with_uv(scratch / "bin" / "uv", python, lock, environ)
    if refused is not None:
        print(f"uv cannot install here ({refused}); using pip, which takes a minute or two", flush=True)
        if subprocess.run([*pip_install, "-r", str(lock)], check=False).returncode:
            raise EnvironmentFailure(
                f"pip could not install {lock}\nnext: check the network and pip's index (`pip config list`)"
            )


def _aws_command(folder: Path) -> None:
    """Rewrite awscli's command, because its first line cannot contain a folder with a space."""
    aws = folder / "bin" / "aws"
    if aws.exists():
        aws.unlink()  # do not write into it: uv may have linked a file of its cache
        aws.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m awscli "$@"\n')
        aws.chmod(0o755)


def make(lock: Path, folder: Path) -> None:
    """Create the environment again in `folder`; the file `.ready` in it means that it is complete.

    Raises EnvironmentFailure.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise EnvironmentFailure(
            f"ddb-lake needs Python 3.11 or newer, and this is {sys.version.split()[0]}\n"
            "next: name a newer one: make PYTHON=python3.12"
        )
    if folder.is_symlink():
        raise EnvironmentFailure(f"{folder} is a link; its target would be emptied\nnext: rm {folder}")
    print(f"creating {folder} from {lock}", flush=True)
    start = time.monotonic()
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=False).returncode:
        raise EnvironmentFailure(
            f"{sys.executable} -m venv failed\nnext: install venv (Debian, Ubuntu: apt install python3-venv)"
        )
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=folder) as scratch:
        install(folder / "bin" / "python", lock, Path(scratch))
    _aws_command(folder.resolve())
    (folder / ".ready").touch()
    print(f"created {folder} in {time.monotonic() - start:.0f} s", flush=True)


def main(arguments: list[str]) -> int:
    """Create the environment for the arguments: a lock and a folder."""
    lock, folder = arguments
    try:
        make(Path(lock), Path(folder))
    except EnvironmentFailure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
