"""Make a virtual environment from a hash-pinned lock: `python3 scripts/build/environment.py LOCK FOLDER`.

uv installs what the lock names, ten times as fast as pip; pip does where uv cannot. Both check every hash and
take wheels only, from the indexes that pip is set to. The environment holds what the lock names and pip.

This runs before there is an environment: it needs the standard library alone, and syntax that an older Python
reads, so that it can say that it is too old.
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
# environment variables"), so it is given pip's settings: pip's name, uv's variable, the separator of uv's
# lists, and the other variables by which a user may have told uv already.
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
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # pip trusts them by way of requests
UV_DEFAULTS = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # pip's way, every index alike; safe, since hashes are pinned
    "UV_PYTHON_DOWNLOADS": "never",
}


class EnvironmentFailure(Exception):
    """The environment cannot be made; the text says why, and after `next:` what to do."""


def pip_settings(listed: str) -> dict[str, str]:
    """Read `pip config list`: the environment goes before the section `install`, and that before `global`."""
    found: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in listed.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(section):
                found[name[len(section) :]] = str(ast.literal_eval(value))
    return found


def uv_variables(settings: dict[str, str], environ: dict[str, str]) -> dict[str, str]:
    """The environment that has uv do as pip is set to; what the user told uv already stays."""
    bundles = [environ[name] for name in CA_BUNDLES if environ.get(name)]
    wanted = {"cert": bundles[0], **settings} if bundles else settings
    told = {
        variable: separator.join(wanted[name].split())
        for name, variable, separator, others in SETTINGS
        if wanted.get(name) and not any(environ.get(other) for other in others)
    }
    if environ.get("PYTHONDONTWRITEBYTECODE"):
        told["UV_COMPILE_BYTECODE"] = "1"
    return {**UV_DEFAULTS, **told, **environ}


def _run(command: list[str], environ: dict[str, str] | None = None) -> str | None:
    """Run a command; None when it succeeded, else the last line it wrote that says something."""
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
    """Install a lock with uv; None when it is done, else why not."""
    # Python compiles the modules that are used when they are used, where it may write them; compiling all of
    # them here takes longer than the rest (twenty seconds of a processor).
    # --quiet also keeps uv from warning when the cache is on another file system and it has to copy.
    command = [str(uv), "pip", "install", "--quiet", "--python", str(python), *HASHED_WHEELS]
    return _run([*command, "-r", str(lock)], environ)


def install(python: Path, lock: Path, scratch: Path) -> None:
    """Install a lock with uv, or with pip where uv cannot. Raises EnvironmentFailure."""
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
        print(f"uv cannot install here ({refused}); pip does it, a minute or two", flush=True)
        if subprocess.run([*pip_install, "-r", str(lock)], check=False).returncode:
            raise EnvironmentFailure(
                f"pip could not install {lock}\nnext: check the network and pip's index (`pip config list`)"
            )


def _aws_command(folder: Path) -> None:
    """Write awscli's command anew: its first line cannot name a folder with a space."""
    aws = folder / "bin" / "aws"
    if aws.exists():
        aws.unlink()  # never write through: uv links files of its cache
        aws.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m awscli "$@"\n')
        aws.chmod(0o755)


def make(lock: Path, folder: Path) -> None:
    """Make the environment anew in `folder`; `.ready` is in it when it is whole.

    Raises EnvironmentFailure.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise EnvironmentFailure(
            f"ddb-lake needs Python 3.11 or newer, this is {sys.version.split()[0]}\n"
            "next: name a newer one, as in make PYTHON=python3.12"
        )
    if folder.is_symlink():
        raise EnvironmentFailure(
            f"{folder} is a link, and what it leads to would be emptied\nnext: rm {folder}"
        )
    print(f"making {folder} from {lock}", flush=True)
    start = time.monotonic()
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=False).returncode:
        raise EnvironmentFailure(
            f"{sys.executable} -m venv failed\nnext: install venv (Debian, Ubuntu: apt install python3-venv)"
        )
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=folder) as scratch:
        install(folder / "bin" / "python", lock, Path(scratch))
    _aws_command(folder.resolve())
    (folder / ".ready").touch()
    print(f"made {folder} in {time.monotonic() - start:.0f} s", flush=True)


def main(arguments: list[str]) -> int:
    """Make the environment that the command line names: a lock and a folder."""
    lock, folder = arguments
    try:
        make(Path(lock), Path(folder))
    except EnvironmentFailure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
