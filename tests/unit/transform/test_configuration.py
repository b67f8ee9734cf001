"""Settings are read from the environment, once."""

import dataclasses

import pytest

from transform_lambda.configuration import Configuration, ConfigurationError
from transform_lambda.flatten import RowSettings


def test_the_default_settings_are_the_templates() -> None:
    """The function can be imported and works without any environment variable."""
    assert Configuration.from_environment({}) == Configuration(RowSettings(max_depth=32), "INFO")
    empty = dict.fromkeys(
        [
            "FLATTEN_MAX_DEPTH",
            "KEEP_WHOLE",
            "EXCLUDE_ATTRIBUTES",
            "KEEP_IMAGES",
            "LOG_LEVEL",
            "EVENT_STREAM_NAME",
        ],
        "",
    )
    assert Configuration.from_environment(empty) == Configuration()


def test_settings_are_read() -> None:
    """The function reads only these variables."""
    environment = {
        "FLATTEN_MAX_DEPTH": "3",
        "KEEP_WHOLE": "Scores, customer__scores ,",
        "EXCLUDE_ATTRIBUTES": "SSN,customer__e-mail,dt",
        "KEEP_IMAGES": "true",
        "LOG_LEVEL": "WARNING",
        "EVENT_STREAM_NAME": "lake-event",
        "AWS_REGION": "us-east-1",
    }
    assert Configuration.from_environment(environment) == Configuration(
        RowSettings(
            3,
            frozenset({"scores", "customer__scores"}),
            frozenset({"ssn", "customer__e_mail", "attribute_dt"}),
            keep_images=True,
        ),
        "WARNING",
        "lake-event",
    )


@pytest.mark.parametrize("depth", [1, 2, 31, 32])
@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_every_documented_value_is_accepted(depth: int, level: str) -> None:
    """Both ends of the range, and every level."""
    environment = {"FLATTEN_MAX_DEPTH": str(depth), "LOG_LEVEL": level}
    assert Configuration.from_environment(environment) == Configuration(RowSettings(depth), level)


@pytest.mark.parametrize("value", ["0", "33", "-1", "1.5", "x", " 1", "٣", "1" * 5_000])
def test_bad_depth_names_its_variable(value: str) -> None:
    """The message states the valid values."""
    with pytest.raises(ConfigurationError, match="FLATTEN_MAX_DEPTH must be a whole number from 1 to 32"):
        Configuration.from_environment({"FLATTEN_MAX_DEPTH": value})


@pytest.mark.parametrize("value", ["True", "yes", "1"])
def test_bad_keep_images_names_its_variable(value: str) -> None:
    """The message states the valid values."""
    with pytest.raises(ConfigurationError, match="KEEP_IMAGES must be true or false"):
        Configuration.from_environment({"KEEP_IMAGES": value})


@pytest.mark.parametrize("variable", ["KEEP_WHOLE", "EXCLUDE_ATTRIBUTES"])
def test_name_longer_than_a_column_names_its_variable(variable: str) -> None:
    """Otherwise the setting would exclude nothing, without a warning."""
    with pytest.raises(ConfigurationError, match=f"{variable} must name attributes: a name is longer"):
        Configuration.from_environment({variable: "pk," + "x" * 256})


@pytest.mark.parametrize("value", ["info", "TRACE", "1"])
def test_bad_log_level_names_its_variable(value: str) -> None:
    """The message states the valid values."""
    with pytest.raises(ConfigurationError, match="LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR"):
        Configuration.from_environment({"LOG_LEVEL": value})


@pytest.mark.parametrize("value", ["a/b", "x" * 65, "é", "a b"])
def test_bad_stream_name_names_its_variable(value: str) -> None:
    """The message states the valid values."""
    with pytest.raises(ConfigurationError, match="EVENT_STREAM_NAME must be a delivery stream's name"):
        Configuration.from_environment({"EVENT_STREAM_NAME": value})


def test_configuration_is_frozen() -> None:
    """It is read once and does not change later."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Configuration().log_level = "DEBUG"  # type: ignore[misc]  # the tested assignment
