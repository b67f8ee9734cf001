"""The one registry of the stacks: what packages, deploys, removes, tries or documents them reads it.

A new option stack is one template in templates/options/ and one entry here. `KINDS` is in launch order: a
stack comes after those whose outputs it takes. `takes` is the contract between stacks: the outputs that one
hands to the other. An output that is not in it is never taken over, whatever it is called.
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
    """A file that `deploy` builds and uploads: its folder in the artifact bucket, and what builds it."""

    name: str
    folder: str
    build: Builder


@dataclass(frozen=True)
class AccountRule:
    """An output of the other stack names the one account that a stack can be deployed to.

    `mismatch` and `way_out` are messages about another account: {stack} is the other stack, {expected} the
    account of the rule, {account} the one that would be deployed to.
    """

    output: str
    mismatch: str
    way_out: str


@dataclass(frozen=True)
class NextStep:
    """What a user does after the first launch, if the stack has the outputs that the text names.

    Besides outputs the text may name {stack}, {profile}, {region}, {profile_and_region} and
    {outputs_profile}: options as they were given, or nothing.
    """

    text: str
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StackKind:
    """A kind of stack.

    `account` is the side it belongs to, `producer` or `consumer`, which the README uses as profile names;
    None: the account of the stack whose outputs it takes. `outputs_of` are the kinds whose outputs fill its
    parameters, whichever of them is there, and `takes` the outputs that do, each the parameter of its name.
    `artifacts` maps a template parameter, the artifact's key in the
    bucket, to what builds it. `other_account` is the parameter that names the other account. `unites` are
    the kinds that this one is in one stack.
    """

    name: str
    template: Path
    stack_name: str
    account: str | None
    account_rule: AccountRule
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    outputs_of: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    other_account: str | None = None
    unites: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()

    @property
    def is_option(self) -> bool:
        """Whether it is an add-on beside another stack."""
        return self.template.parent.name == "options"


TRANSFORM = Artifact("transform", "functions", builders.build_transform)
CATALOG = Artifact("catalog", "functions", builders.build_catalog)
JOB_SCRIPT = Artifact("compact_days", "jobs", builders.build_job_script)
JOB_LIBRARY = Artifact("compaction", "jobs", builders.build_job_library)

# The account that the lake admits: nothing could be delivered from another one.
ADMITTED = AccountRule(
    "AdmittedAccountId",
    "stack {stack} admits account {expected}, and this would deploy to {account}: nothing could be delivered",
    "Deploy with a --profile of account {expected}, or give the other stack "
    "ProducerAccountId={account} first.",
)
# The account that holds the lake, where its options belong.
HOLDER = AccountRule(
    "ConsumerAccountId",
    "stack {stack} holds its lake in account {expected}, and this would deploy to {account}",
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
        name="columnar",
        template=TEMPLATES / "options" / "columnar.yaml",
        stack_name="ddb-lake-columnar",
        account=None,
        account_rule=HOLDER,
        artifacts={"JobScriptKey": JOB_SCRIPT, "JobLibraryKey": JOB_LIBRARY},
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
)

STACKS: Mapping[str, StackKind] = {kind.name: kind for kind in KINDS}
# Whatever a template, a changed copy too, may ask for: parameter → what builds it.
ARTIFACTS: dict[str, Artifact] = {
    name: artifact for kind in KINDS for name, artifact in kind.artifacts.items()
}


def version_parameter(name: str) -> str:
    """The parameter that names the version of the object whose key the parameter `name` is.

    A template has it where the resource can be told a version: a function's code can, a Glue job's script
    cannot.
    """
    return f"{name.removesuffix('Key')}Version"
