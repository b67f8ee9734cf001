"""Crawls and runs of the catalog function on the shipped stack: in any order, repeated, and interrupted."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox import accounts
from sandbox.errors import SandboxError
from sandbox.launches import plan_launches
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.commands import run_module
from tests.sandbox.crawls import crawl, idle, wait_for_column
from tests.sandbox.lake import AthenaError, Lake
from tests.sandbox.roles import account_root, credential_environment, refused_roles, trust_policy
from tests.sandbox.rows import item_lines
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox

# The values of one attribute over the days: a number, a text, a map, and then no value.
DRIFT: list[dict[str, Any]] = [{"N": "1"}, {"S": "one"}, {"M": {"deep": {"N": "1"}}}, {}]


class Account:
    """The consumer account: its lake, its crawler, its catalog function."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.lake, self.sandbox = Lake(sandbox), sandbox
        session = sandbox.session("consumer")
        self.glue: Any = session.client("glue")
        self._functions: Any = session.client("lambda")
        self.crawler = sandbox.outputs["CrawlerName"]
        found = session.client("cloudformation").describe_stack_resource(
            StackName="ddb-lake-consumer", LogicalResourceId="CatalogFunction"
        )
        self._function = found["StackResourceDetail"]["PhysicalResourceId"]
        self.attributes: set[str] = set()
        self.days = 0
        self.types: set[str] = set()

    def write(self) -> None:
        """A day of objects with a new attribute, and with one whose type changes every day."""
        day = f"2026-11-{1 + self.days:02d}"
        new = f"new_{self.days}"
        item = {"pk": {"S": f"item-{self.days}"}, new: {"S": "x"}, "Mixed.Case": {"BOOL": True}}
        value = DRIFT[self.days % len(DRIFT)]
        self.lake.put(item_lines(item | ({"shape": value} if value else {})), day)
        self.attributes |= {"pk", new, "mixed_case"}
        self.attributes |= {"shape__deep"} if "M" in value else {"shape"} if value else set()
        self.days += 1

    def crawl(self) -> None:
        """From its start to its end."""
        crawl(self.glue, self.crawler)
        with contextlib.suppress(ClientError):  # the table does not exist before the first crawl has ended
            table = self.glue.get_table(DatabaseName=self.lake.database, Name="crawled_data")["Table"]
            types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
            self.types.add(types.get("shape", ""))

    def crawl_twice(self) -> None:
        """One crawl right after another."""
        self.crawl()
        self.crawl()

    def cut_off(self) -> None:
        """A crawl that is stopped while it works."""
        with contextlib.suppress(ClientError):
            self.glue.start_crawler(Name=self.crawler)
        with contextlib.suppress(ClientError):  # it may have been faster
            self.glue.stop_crawler(Name=self.crawler)
        wait_until(lambda: idle(self.glue, self.crawler), "the crawler's end", 60)

    def _tell(self, state: str) -> dict[str, Any]:
        """The function's answer to the crawler's event."""
        event = {
            "source": "aws.glue",
            "detail-type": "Glue Crawler State Change",
            "detail": {"crawlerName": self.crawler, "state": state},
        }
        payload = json.dumps(event).encode()
        answer: dict[str, Any] = self._functions.invoke(FunctionName=self._function, Payload=payload)
        return answer

    def declare(self) -> None:
        """The function, called after a successful crawl."""
        answer = self._tell("Succeeded")
        assert "FunctionError" not in answer, answer["Payload"].read()

    def declare_at_once(self) -> None:
        """Two runs at a time."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: self.declare(), range(2)))

    def fail(self) -> None:
        """A crawl that failed is an error of the function, which its alarm counts."""
        answer = self._tell("Failed")
        assert "aws glue get-crawler shows the reason" in answer["Payload"].read().decode()

    def update(self, template: Path | None = None, **parameters: str) -> None:
        """The consumer stack deployed again. Raises SandboxError with the output of `scripts.deploy`."""
        settings = [f"{name}={value}" for name, value in parameters.items()]
        templates = {"consumer": template} if template else {}
        plan = plan_launches("consumer", parameters={"consumer": settings}, templates=templates)
        self.sandbox.launch(plan)

    def definition(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The table `changes`: its definition without columns and versions, and its columns."""
        table = self.glue.get_table(DatabaseName=self.lake.database, Name="changes")["Table"]
        columns = table["StorageDescriptor"].pop("Columns")
        for name in ("VersionId", "UpdateTime"):
            table.pop(name, None)
        return table, columns


ACTIONS = (
    Account.write,
    Account.crawl,
    Account.crawl_twice,
    Account.cut_off,
    Account.declare,
    Account.declare_at_once,
    Account.fail,
)


@pytest.fixture
def account() -> Iterator[Account]:
    """A separate consumer stack, because the test counts the columns of its table."""
    with Sandbox(speed=60) as sandbox:
        sandbox.launch(plan_launches("consumer"))
        yield Account(sandbox)
        assert refused_roles(sandbox) == []


def test_changes_gains_exactly_the_new_attributes_in_any_order_of_events(account: Account) -> None:
    """After each step the definition has only new columns at its end, all of them `string`.

    The crawler's own table drifts meanwhile, and its types appear in no query.
    """
    rest, first = account.definition()
    steps = random.Random(20261120).sample(ACTIONS * 2, k=2 * len(ACTIONS))  # noqa: S311  one order of many
    for step in [*steps, Account.write, Account.crawl, Account.write, Account.crawl, Account.declare]:
        _, before = account.definition()
        step(account)
        now, columns = account.definition()
        assert now == rest, step.__name__
        assert columns[: len(before)] == before, step.__name__
        gained = columns[len(first) :]
        assert {column["Type"] for column in gained} <= {"string"}
        assert len({column["Name"] for column in columns}) == len(columns)
        assert {column["Name"] for column in gained} <= account.attributes
    assert {column["Name"] for column in gained} == account.attributes
    assert len(account.types) > 1, "the crawler's table did not drift: this test shows nothing"
    _, rows = account.lake.query("SELECT DISTINCT shape, shape__deep FROM changes WHERE dt < '2026-12-01'")
    assert {tuple(row) for row in rows} == {("1", None), ("one", None), (None, "1"), (None, None)}


BREAKS = """
  Breaks:
    Type: AWS::Glue::Database
    DependsOn: ChangesTable
    Properties: {CatalogId: !Ref AWS::AccountId, DatabaseInput: {Name: !Ref LakeDatabase}}

"""


def test_columns_survive_every_update_of_the_stack(account: Account, tmp_path: Path) -> None:
    """An update of the definition declares them again, and so does a crawl after one that was rolled back.

    CloudFormation returns the table to the template's columns, and may not call the function then.
    """
    account.write()
    account.crawl()
    account.declare()
    _, crawled = account.definition()
    account.update(FirstDay="2026-03-01", ItemColumns="named")
    table, declared = account.definition()
    assert table["Parameters"]["projection.dt.range"] == "2026-03-01,NOW+1DAY"
    assert declared == [*crawled, {"Name": "named", "Type": "string"}]

    shipped = (REPOSITORY / "templates" / "consumer.yaml").read_text(encoding="utf-8")
    (broken := tmp_path / "broken.yaml").write_text(shipped.replace("\nOutputs:\n", f"{BREAKS}Outputs:\n"))
    with pytest.raises(SandboxError, match="identifier 'ddb_lake' already exists") as failure:
        account.update(broken, FirstDay="2026-02-01")
    assert f"aws glue start-crawler --region us-east-1 --name {account.crawler}" in str(failure.value)
    now, left = account.definition()
    assert now == table
    assert left != declared, "no column went: this test shows nothing"

    account.crawl()
    wait_until(lambda: account.definition()[1] == declared, "the columns")


def keeper_of_columns(sandbox: Sandbox) -> dict[str, str]:
    """The environment of a user with the policy templates/deployer/columns.json and no other."""
    session = sandbox.session("consumer")
    iam = session.client("iam")
    trust = trust_policy(account_root(accounts.PROFILES["consumer"]))
    arn = iam.create_role(RoleName="keeper", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = (REPOSITORY / "templates" / "deployer" / "columns.json").read_text(encoding="utf-8")
    iam.put_role_policy(RoleName="keeper", PolicyName="columns", PolicyDocument=policy)
    taken: Any = session.client("sts").assume_role(RoleArn=arn, RoleSessionName="anna")
    environment = {name: text for name, text in sandbox.environment().items() if name != "AWS_PROFILE"}
    return environment | {
        **credential_environment(taken["Credentials"]),
        "AWS_DEFAULT_REGION": accounts.REGION,
        "AWS_ENDPOINT_URL": sandbox.endpoint,
        "AWS_CA_BUNDLE": str(sandbox.folder / "ca.pem"),
    }


JUNK = {f"sku_{number:02}" for number in range(12)}


def test_flood_of_attributes_is_limited_and_forgotten_columns_stay_away(account: Account) -> None:
    """An item whose attribute names are data adds columns at each crawl, until its names are forgotten.

    Then no crawl, no update of the table and no ItemColumns declares them again, and queries still work.
    Views with such a column work again when they are created again. A remembered name is a column again
    after the next crawl.
    """
    lake, name = account.lake, f"t{random.randrange(10**9)}"  # noqa: S311

    keeper = keeper_of_columns(account.sandbox)

    def forget(*arguments: str) -> dict[str, Any]:
        command = ("scripts.forget_columns", *arguments, "--output", "json")
        ran = run_module(account.sandbox, *command, environment=keeper)
        assert ran.returncode == 0, ran.stderr
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def make_views() -> None:
        ran = run_module(account.sandbox, "scripts.views", "orders", "--name", name, "--profile", "consumer")
        assert ran.returncode == 0, ran.stderr

    def columns() -> set[str]:
        return {column["Name"] for column in account.definition()[1]}

    def crawled(column: str) -> set[str]:
        """The columns after a crawl that finds another attribute."""
        lake.put(item_lines({"pk": {"S": column}, column: {"S": "x"}}), "2026-11-20", f"{column}.gz")
        account.crawl()
        wait_for_column(account.glue, lake.database, column)
        return columns()

    account.update(MaxNewColumnsPerCrawl="5")
    item = {"pk": {"S": "1"}, "prices": {"M": {sku: {"N": "1"} for sku in JUNK}}, "status": {"S": "new"}}
    lake.put(item_lines(item), "2026-11-20")
    junk = {f"prices__{sku}" for sku in JUNK}
    assert len(crawled("total") & junk) == 2  # and pk, status, total
    assert len(crawled("paid") & junk) == 6
    make_views()

    waiting = forget("--list")["waiting"]
    assert waiting == [{"beginning": "prices__sku_*", "columns": 6, "waiting": 6}]
    answer = forget("prices__*", "--yes")
    (act,) = forget("--list")["forgotten"]
    assert (act["names"], act["by"].split(":")[-1]) == (["prices__*"], "assumed-role/keeper/anna")
    assert (len(answer["columns"]), answer["views"]) == (6, [f"current_{name}", f"history_{name}"])
    assert not columns() & junk
    assert lake.query("SELECT status FROM changes WHERE status IS NOT NULL")[1] == [["new"]]
    with pytest.raises(AthenaError):
        lake.query(f"SELECT * FROM current_{name}")
    make_views()
    assert lake.query(f"SELECT status FROM current_{name} WHERE pk = '1'")[1] == [["new"]]

    assert not crawled("fresh") & junk
    account.update(FirstDay="2026-03-01", ItemColumns="prices__sku_01,named")
    assert "named" in columns()
    assert not columns() & junk
    forget("--remember", "prices__*")
    assert not columns() & junk
    assert junk <= crawled("later") | crawled("latest")
