"""Finds a Java on this machine for an engine."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable

from sandbox.engines.errors import EngineMissingError


def find_java(accepts: Callable[[int], bool], next_step: str) -> str:
    """The Java program of JAVA_HOME, or else of the PATH, if its major version is accepted.

    Raises `EngineMissingError`, whose message ends with `next_step`.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if not java:
        raise EngineMissingError(f"there is no Java {'in JAVA_HOME' if home else 'on the PATH'}. {next_step}")
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', done.stderr)
    if done.returncode or not version or not accepts(int(version.group(1))):
        raise EngineMissingError(f"{java} is Java {version.group(1) if version else 'unknown'}. {next_step}")
    return java


def require_compiler(java: str, next_step: str) -> None:
    """Raises `EngineMissingError` if this Java has no compiler; the message ends with `next_step`."""
    modules = subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
    if "jdk.compiler" not in modules:
        raise EngineMissingError(f"{java} is a runtime without a compiler. {next_step}")
