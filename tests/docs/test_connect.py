"""docs/connect.md and the example of dbt name the outputs, defaults and prefixes that the templates have."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from scripts.stacks import STACKS
from tests.policies import guard
from tests.templates.resolver import load_template

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "connect.md").read_text(encoding="utf-8")
LAKE = load_template(STACKS["consumer"].template)
DBT = load_template(ROOT / "examples" / "dbt" / "stack.yaml")
PROFILE = (ROOT / "examples" / "dbt" / "profiles.yml").read_text(encoding="utf-8")
RESULTS = {"Fn::Sub": "s3://${ResultsBucket}/results/"}


def test_every_name_in_italics_is_an_output_or_a_parameter() -> None:
    """A reader looks it up in the stack."""
    names = set(re.findall(r"(?<!\*)\*([A-Z]\w+)\*(?!\*)", PAGE))
    known = {
        name for template in (LAKE, DBT) for part in ("Outputs", "Parameters") for name in template[part]
    }
    assert len(names) > 8
    assert names - known == set()


def test_every_output_that_a_command_reads_is_one_of_its_stack() -> None:
    """An unknown output prints nothing, and the next command fails for another reason."""
    read = re.findall(r"--stack-name ([\w-]+) --query \"Stacks\[0\]\.Outputs\[\?OutputKey=='(\w+)'", PAGE)
    outputs = {"ddb-lake-consumer": LAKE["Outputs"], "ddb-lake-dbt": DBT["Outputs"]}
    assert len(read) > 4
    assert [(stack, name) for stack, name in read if name not in outputs[stack]] == []


def test_the_page_shows_the_defaults_of_the_lake() -> None:
    """In its table of settings and in the connection strings of both drivers."""
    table = dict(re.findall(r"^\| [^|]+ \| \*(\w+)\* \| `([^`]+)` \|$", PAGE, re.MULTILINE))
    workgroup, database = (LAKE["Parameters"][name]["Default"] for name in ("WorkgroupName", "DatabaseName"))
    assert table == {"WorkgroupName": workgroup, "DatabaseName": database}
    assert f"WorkGroup={workgroup};Database={database};" in PAGE
    assert f"Workgroup={workgroup};Schema={database};" in PAGE


def test_the_lakes_workgroup_sets_location_and_key_as_the_page_says() -> None:
    """The client's own settings are overridden."""
    configuration = LAKE["Resources"]["Workgroup"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["ResultConfiguration"]["OutputLocation"] == RESULTS
    assert "S3OutputLocation=s3://RESULTS_BUCKET/results/" in PAGE


def test_dbts_profile_has_the_defaults_of_its_stack() -> None:
    """Without variables dbt finds the database and the workgroup that the stack creates."""
    defaults = dict(re.findall(r"env_var\('DBT_(\w+)', '([^']+)'\)", PROFILE))
    names = {"DATABASE_NAME": "DatabaseName", "WORKGROUP_NAME": "WorkgroupName"}
    assert defaults == {variable: DBT["Parameters"][name]["Default"] for variable, name in names.items()}
    assert not {DBT["Parameters"][name]["Default"] for name in names.values()} & {
        LAKE["Parameters"][name]["Default"] for name in names.values()
    }


def _statement(sid: str) -> dict[str, Any]:
    statements = DBT["Resources"]["DbtPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (found,) = [statement for statement in statements if statement["Sid"] == sid]
    return dict(found)


def test_dbts_models_do_not_expire_and_its_results_do() -> None:
    """The profile writes both below the prefixes that the policy allows; the rule deletes only results."""
    used = dict(
        re.findall(r"(s3_\w+_dir): \"s3://\{\{ env_var\('DBT_BUCKET_NAME'\) \}\}/([\w/]+)\"", PROFILE)
    )
    assert used == {"s3_staging_dir": "results/", "s3_data_dir": "tables/"}
    allowed = [each["Fn::Sub"] for each in _statement("KeepsItsObjects")["Resource"]]
    assert sorted(allowed) == sorted(f"${{DbtBucket.Arn}}/{prefix}*" for prefix in used.values())
    rules = DBT["Resources"]["DbtBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == ["results/"]


def test_dbts_workgroup_lets_dbt_choose_where_tables_are() -> None:
    """Otherwise Athena writes them below the results, which expire (Athena user guide, "CTAS queries")."""
    configuration = DBT["Resources"]["DbtWorkgroup"]["Properties"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is False


def test_the_example_breaks_only_the_house_rules_that_it_must() -> None:
    """Its key is the lake's, a parameter. Its workgroup must not override locations. dbt can build again what
    its bucket loses.
    """
    guard.require()
    its_own = {"BUCKETS_HAVE_THEIR_KEY", "QUERY_RESULTS_HAVE_THEIR_KEY", "BUCKETS_KEEP_VERSIONS"}
    assert guard.broken(DBT) == its_own
