"""An upgrade of MiniStack that changes a patched function stops here, with the function's name."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import sandbox
from sandbox.emulator import change_records
from sandbox.emulator.seam import Seam, SeamMovedError, source_digest


def seams() -> Iterator[tuple[str, Seam]]:
    """Every seam that a module of the sandbox declares."""
    for found in pkgutil.walk_packages(sandbox.__path__, "sandbox."):
        if not found.name.endswith("__main__"):
            for seam in getattr(import_module(found.name), "SEAMS", ()):
                yield found.name, seam


@pytest.mark.parametrize(
    ("module", "seam"), [pytest.param(name, seam, id=f"{name}-{seam.name}") for name, seam in seams()]
)
def test_patched_function_has_the_expected_source(module: str, seam: Seam) -> None:
    """The digest of its source is the one in the module."""
    assert source_digest(seam.current()) == seam.digest, module


def test_changed_function_raises_an_error_with_its_name() -> None:
    """The message contains the function and the new digest."""
    moved = Seam("services.dynamodb", "_set_item", "0" * 16)

    with pytest.raises(SeamMovedError, match=rf"_set_item.*{change_records.SET_ITEM.digest}"):
        moved.replace(lambda: None)


def test_removed_function_raises_an_error_with_its_name() -> None:
    """A function that no longer exists raises an error too."""
    with pytest.raises(SeamMovedError, match=r"no function services\.dynamodb\._no_such"):
        Seam("services.dynamodb", "_no_such", "").check()
