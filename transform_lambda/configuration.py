"""The function's settings, read once from its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from transform_lambda.flatten import DEFAULT_MAX_DEPTH, DEFAULT_SETTINGS, RowSettings, settings_columns

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_STREAM_NAME: Final = r"[A-Za-z0-9_.-]{0,64}"  # Firehose API Reference, DeliveryStreamName; empty for none


class ConfigurationError(ValueError):
    """An environment variable has an invalid value. The message names the variable."""


def row_settings(environment: Mapping[str, str]) -> RowSettings:
    """The settings that shape rows, read from the function's environment variables.

    `FLATTEN_MAX_DEPTH` (1 to 32), `KEEP_WHOLE` and `EXCLUDE_ATTRIBUTES` (attributes, separated by commas) and
    `KEEP_IMAGES` (true or false). Absent or empty means the default.

    :raises ConfigurationError: a value is invalid; the message names the variable and the valid values
    """
    depth = environment.get("FLATTEN_MAX_DEPTH") or str(DEFAULT_MAX_DEPTH)
    if depth not in map(str, range(1, DEFAULT_MAX_DEPTH + 1)):
        raise ConfigurationError(
            f"FLATTEN_MAX_DEPTH must be a whole number from 1 to {DEFAULT_MAX_DEPTH}: {depth!r}"
        )
    keep_images = environment.get("KEEP_IMAGES") or "false"
    if keep_images not in {"true", "false"}:
        raise ConfigurationError(f"KEEP_IMAGES must be true or false: {keep_images!r}")
    return RowSettings(
        int(depth),
        _columns(environment, "KEEP_WHOLE"),
        _columns(environment, "EXCLUDE_ATTRIBUTES"),
        keep_images == "true",
    )


def _columns(environment: Mapping[str, str], variable: str) -> frozenset[str]:
    try:
        return settings_columns((environment.get(variable) or "").split(","))
    except ValueError as error:
        raise ConfigurationError(f"{variable} must name attributes: {error}") from None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The operator's settings, with the defaults of the template."""

    rows: RowSettings = DEFAULT_SETTINGS
    log_level: str = "INFO"
    event_stream_name: str = ""  # the delivery stream that puts each change under its own day, if any

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read `LOG_LEVEL`, `EVENT_STREAM_NAME` and the settings that `row_settings` reads.

        Absent or empty means the default.

        :raises ConfigurationError: a value is invalid; the message names the variable and the valid values
        """
        level = environment.get("LOG_LEVEL") or "INFO"
        if level not in LOG_LEVELS:
            raise ConfigurationError(f"LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}: {level!r}")
        stream = environment.get("EVENT_STREAM_NAME") or ""
        if not re.fullmatch(_STREAM_NAME, stream):
            raise ConfigurationError(f"EVENT_STREAM_NAME must be a delivery stream's name: {stream!r}")
        return cls(row_settings(environment), level, stream)

    def logs(self, level: str) -> bool:
        """Whether the function writes log lines of this level."""
        return LOG_LEVELS.index(level) >= LOG_LEVELS.index(self.log_level)
