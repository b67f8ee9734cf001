"""The registry of the stacks. Packaging, deploying, removing, the sandbox and the docs read it.

A new option stack is one template in templates/options/ and one entry here. `KINDS` is in launch order: a
stack comes after the stacks whose outputs it takes. `takes` is the contract between stacks: the outputs that
one passes to the other. No other output is passed on, whatever its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.build import builders
from scripts.build.builders import Builder

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


@dataclass(frozen=True)
class Artifact:
    """A file that `deploy` builds and uploads: its folder in the artifact bucket, and its builder."""

    name: str
    folder: str
    build: Builder


@dataclass(frozen=True)
class AccountRule:
    """An output of the other stack names the only account that a stack can be deployed to.

    `mismatch` and `way_out` are the messages for a wrong account. {stack} is the other stack, {expected} the
    account of the rule, {account} the account of the deployment.
    """

    output: str
    mismatch: str
    way_out: str


@dataclass(frozen=True)
class NextStep:
    """A step after the first launch, shown if the stack has the outputs in the text.

    The text may also contain {stack}, {profile}, {region}, {profile_and_region} and {outputs_profile}: the
    options of the command, or nothing.
    """

    text: str
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackKind:
    """A kind of stack.

    - `account`: its side, `producer` or `consumer`, which are the README's profile names. None means the
      account of the stack whose outputs it takes.
    - `outputs_of`: the kinds whose outputs fill its parameters; one of them must exist.
    - `takes`: these outputs, each for the parameter of the same name.
    - `beside`: kinds of its own account whose outputs it takes as well; one of them must exist there.
    - `takes_beside`: these outputs of that stack, each for the parameter of the same name.
    - `artifacts`: the parameter of an artifact's key in the bucket → what builds the artifact.
    - `other_account`: the parameter that names the other account.
    - `unites`: the kinds that it contains as one stack.
    - `guide`: its page in docs/, if that does not have the kind's name.
    """

    name: str
    template: Path
    stack_name: str
    account: str | None
    account_rule: AccountRule
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    outputs_of: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    takes_beside: tuple[str, ...] = ()
    other_account: str | None = None
    unites: tuple[str, ...] = ()
    guide: str = ""
    next_steps: tuple[NextStep, ...] = ()

    @property
    def is_option(self) -> bool:
        """Whether it is an add-on to another stack."""
        return self.template.parent.name == "options"


TRANSFORM = Artifact("transform", "functions", builders.build_transform)
CATALOG = Artifact("catalog", "functions", builders.build_catalog)
SETTLE_SCRIPT = Artifact("settle_changes", "jobs", builders.build_settle_script)
SETTLE_LIBRARY = Artifact("settle", "jobs", builders.build_settle_library)
BACKFILL_SCRIPT = Artifact("backfill_export", "jobs", builders.build_backfill_script)
BACKFILL_LIBRARY = Artifact("backfill", "jobs", builders.build_backfill_library)
SQL_SCRIPT = Artifact("run_sql", "jobs", builders.build_sql_script)
SQL_LIBRARY = Artifact("sql_to_table", "jobs", builders.build_sql_library)
BACKFILL_WHEELS = Artifact("backfill_wheels", "jobs", builders.build_backfill_wheels)

# The lake accepts deliveries from this account only.
ADMITTED = AccountRule(
    "AdmittedAccountId",
    "stack {stack} accepts deliveries from account {expected} only, and this command deploys to {account}",
    "Deploy with a --profile of account {expected}, or first update the other stack with "
    "ProducerAccountId={account}.",
)
# The account of the lake, which its options must be deployed to.
HOLDER = AccountRule(
    "ConsumerAccountId",
    "the lake of stack {stack} is in account {expected}, and this command deploys to {account}",
    "Deploy with a --profile of account {expected}.",
)
# The export bucket accepts exports from this account only.
EXPORTER = AccountRule(
    "ExportAccountId",
    "stack {stack} accepts exports from account {expected} only, and this command deploys to {account}",
    "Deploy with a --profile of account {expected}.",
)

PUT_ITEMS = (
    NextStep("{EnableStreamingCommand}{profile}", ("EnableStreamingCommand",)),
    NextStep("python -m scripts.put_items {SourceTableName}{profile_and_region}", ("SourceTableName",)),
)

KINDS: Sequence[StackKind] = (
    StackKind(
        name="consumer",
        template=TEMPLATES / "consumer.yaml",
        stack_name="ddb-lake-consumer",
        account="consumer",
        account_rule=ADMITTED,
        artifacts={"CatalogArtifactKey": CATALOG},
        other_account="ProducerAccountId",
        next_steps=(
            NextStep(
                "python -m scripts.deploy producer --profile PROFILE_OF_THE_OTHER_ACCOUNT{region} "
                "--outputs-of {stack}{outputs_profile}"
            ),
        ),
    ),
    StackKind(
        name="producer",
        template=TEMPLATES / "producer.yaml",
        stack_name="ddb-lake-producer",
        account="producer",
        account_rule=ADMITTED,
        artifacts={"TransformArtifactKey": TRANSFORM},
        outputs_of=("consumer",),
        takes=(
            "ConsumerAccountId",
            "LakeBucketName",
            "LakeKeyArn",
            "DeliveryRoleName",
            "DeliveryRolePath",
            "DeliveryStreamName",
        ),
        other_account="ConsumerAccountId",
        next_steps=PUT_ITEMS,
    ),
    StackKind(
        name="single-account",
        template=TEMPLATES / "single-account.yaml",
        stack_name="ddb-lake",
        account="producer",
        account_rule=ADMITTED,
        artifacts={"CatalogArtifactKey": CATALOG, "TransformArtifactKey": TRANSFORM},
        unites=("consumer", "producer"),
        next_steps=PUT_ITEMS,
    ),
    StackKind(
        name="tables",
        template=TEMPLATES / "options" / "tables.yaml",
        stack_name="ddb-lake-tables",
        guide="settled-tables.md",
        account=None,
        account_rule=HOLDER,
        artifacts={"SettleScriptKey": SETTLE_SCRIPT, "SettleLibraryKey": SETTLE_LIBRARY},
        outputs_of=("consumer", "single-account"),
        takes=(
            "LakeBucketName",
            "LakeKeyArn",
            "DatabaseName",
            "WorkgroupName",
            "ResultsBucketName",
            "CatalogFunctionArn",
            "LogGroupPrefix",
            "CatalogKeyArn",
            "LakeFormationGrants",
        ),
        next_steps=(
            NextStep("{SettleNowCommand}{profile}", ("SettleNowCommand",)),
            NextStep("python -m scripts.views --all{profile_and_region}"),
        ),
    ),
    StackKind(
        name="backfill",
        template=TEMPLATES / "options" / "backfill.yaml",
        stack_name="ddb-lake-backfill",
        account=None,
        account_rule=HOLDER,
        artifacts={
            "BackfillScriptKey": BACKFILL_SCRIPT,
            "BackfillLibraryKey": BACKFILL_LIBRARY,
            "BackfillWheelsKey": BACKFILL_WHEELS,
        },
        outputs_of=("consumer", "single-account"),
        takes=("AdmittedAccountId", "LakeBucketName", "LakeKeyArn", "LogGroupPrefix", "RepairRoleName"),
        next_steps=(
            NextStep(
                "python -m scripts.deploy export --profile PROFILE_OF_THE_TABLE{region} "
                "--outputs-of {stack}{outputs_profile}"
            ),
        ),
    ),
    StackKind(
        name="spark-sql",
        template=TEMPLATES / "options" / "spark-sql.yaml",
        stack_name="ddb-lake-spark-sql",
        guide="spark.md",
        account=None,
        account_rule=HOLDER,
        artifacts={"SqlScriptKey": SQL_SCRIPT, "SqlLibraryKey": SQL_LIBRARY},
        outputs_of=("consumer", "single-account"),
        takes=(
            "LakeBucketName",
            "LakeKeyArn",
            "DatabaseName",
            "ChangesTableName",
            "LogGroupPrefix",
            "CatalogKeyArn",
            "LakeFormationGrants",
        ),
    ),
    StackKind(
        name="export",
        template=TEMPLATES / "options" / "export.yaml",
        stack_name="ddb-lake-export",
        account="producer",
        account_rule=EXPORTER,
        outputs_of=("backfill",),
        takes=(
            "ExportAccountId",
            "ExportBucketAccountId",
            "ExportBucketName",
            "ExportKeyArn",
            "ExportPrefix",
            "ExportRoleName",
            "ExportRolePath",
        ),
        beside=("producer", "single-account"),
        takes_beside=("SourceTableName",),
    ),
)

STACKS: Mapping[str, StackKind] = {kind.name: kind for kind in KINDS}
# All artifacts that a template (also a changed copy) may need: parameter → what builds it.
ARTIFACTS: dict[str, Artifact] = {
    name: artifact for kind in KINDS for name, artifact in kind.artifacts.items()
}


def version_parameter(name: str) -> str:
    """The parameter for the version of the object whose key is the parameter `name`.

    A template has it where the resource accepts a version: a function's code does, a Glue job's script does
    not.
    """
    return f"{name.removesuffix('Key')}Version"
