"""The backfill job: nothing is written until everything is verified, and every run continues the last one."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable

import pytest

from glue.jobs.backfill import arguments
from glue.jobs.backfill.errors import JobError
from glue.jobs.backfill.job import Result
from glue.jobs.backfill.storage import Storage
from glue.jobs.backfill.tasks import Outcome, Task, Work
from repair.backfill import Source, objects_of_file
from repair.exports.manifest import ION
from repair.exports.records import items
from scripts.core.backfilling import glue_job
from tests.unit.backfill.scene import TIME, Death, Scene, given
from tests.unit.repair.exports import EXPORT_ID, ION_ITEM, ITEM, SCHEMA, Export, item, json_lines
from transform_lambda.flatten import RowSettings


def exported() -> Export:
    """Four data files: of ten items, of none, of one item of all types, of two items."""
    plain = json_lines({"Item": item(number)} for number in range(10))
    rich = json_lines([{"Item": ITEM}])
    return Export.of([plain, b"", rich, json_lines({"Item": item(number)} for number in (20, 21))])


@pytest.fixture
def scene() -> Scene:
    return Scene(exported())


def local(export: Export) -> dict[str, bytes]:
    """The objects of the local engine (scripts/core/backfilling/local.py) for the same export."""
    manifest = export.manifest()
    source = arguments.read(given()).source
    return {
        part.key: part.body
        for file in manifest.files
        for part in objects_of_file(items(export.open(file.key), file, manifest, SCHEMA), file, source)
    }


def test_the_objects_are_those_of_the_local_engine(scene: Scene) -> None:
    """The same names and the same bytes, for all types, 38 digits and empty files."""
    result = scene.run()
    assert result == Result(rows=13, objects=3, files=3, finished_before=0)
    assert scene.lake == local(scene.export)


def test_an_export_in_ion_gives_the_same_rows() -> None:
    """Whatever the format of the export."""
    scene = Scene(Export.of([b"$ion_1_0 {Item:" + ION_ITEM.encode() + b"}\n"], form=ION))
    scene.run()
    as_json = Scene(Export.of([json_lines([{"Item": ITEM}])]))
    as_json.run()
    assert [gzip.decompress(body) for body in scene.lake.values()] == [
        gzip.decompress(body) for body in as_json.lake.values()
    ]


def test_a_second_run_reads_and_writes_no_data_file(scene: Scene) -> None:
    """Every file is in the lake."""
    scene.run()
    before = dict(scene.lake)
    assert scene.run() == Result(rows=0, objects=0, files=0, finished_before=3)
    assert (scene.opened, scene.puts, scene.lake) == ([], 0, before)


@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_run_that_was_killed_is_continued(scene: Scene, write: int) -> None:
    """The next run converts the files that are missing, and no other."""
    scene.dies_at = write
    with pytest.raises(Death):
        scene.run()
    scene.dies_at = 0
    result = scene.run()
    assert (result.finished_before, result.files) == (write - 1, 4 - write)
    assert scene.lake == local(scene.export)


def _truncate(export: Export) -> None:
    key = export.keys()[0]
    export.objects[key] = export.objects[key][:-9]


def _another_byte(export: Export) -> None:
    key = export.keys()[0]
    export.objects[key] = export.objects[key][:-1] + b"x"


def _another_count(export: Export) -> None:
    def change(entries: list[dict[str, int]]) -> None:
        entries[0]["itemCount"] += 1
        entries[3]["itemCount"] -= 1

    export.edit_files(change)


def _missing(export: Export) -> None:
    del export.objects[export.keys()[0]]


def _surplus(export: Export) -> None:
    export.objects[export.keys()[0] + "2.json.gz"] = b""


def _without_checksum(export: Export) -> None:
    del export.objects[f"{export.keys()[0].partition('data/')[0]}manifest-files.md5"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_truncate, r"TruncatedFile: \S*file0\.json\.gz ends in the middle.*Next: Copy the object again"),
        (_another_byte, r"Checksum: the MD5 of \S*file0\.json\.gz"),
        (_another_count, r"Count: \S*file0\.json\.gz has 10 items.*; Count: \S*file3\.json\.gz has 2 items"),
        (_missing, r"MissingFile: \S*file0\.json\.gz of 4 data files do not exist"),
        (_surplus, r"SurplusFile: \S*file0\.json\.gz2\.json\.gz"),
        (_without_checksum, r"IncompleteExport: \S*manifest-files\.json has no checksum file"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_export_is_refused_by_name_and_writes_nothing(
    scene: Scene, damage: Callable[[Export], None], reason: str
) -> None:
    """Also when only one of several files is wrong."""
    damage(scene.export)
    with pytest.raises(JobError, match=reason):
        scene.run()
    assert (scene.lake, scene.puts) == ({}, 0)


def test_an_item_of_another_table_is_refused(scene: Scene) -> None:
    """Its key has another type. The message names the attribute and no value."""
    with pytest.raises(
        JobError, match=r"KeySchema: \S*file\d\.json\.gz, line 1: the key attribute pk"
    ) as caught:
        scene.run(key_schema='[["pk", "N"]]')
    assert "item-0" not in str(caught.value)
    assert scene.lake == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"source_id": "01795166100000-00000000"},
        {"source_table": "payments"},
        {"time": "2026-11-20T09:15:03.000000Z"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_arguments_of_another_export_are_refused(scene: Scene, changed: dict[str, str]) -> None:
    """Rows with another id or time would be counted twice."""
    with pytest.raises(
        JobError, match=f"is of export {EXPORT_ID} of table orders at {TIME}, and the arguments"
    ):
        scene.run(**changed)
    assert scene.lake == {}


def test_an_incremental_export_is_refused() -> None:
    """It has changes, not items."""
    scene = Scene(Export.of([b""], kind="INCREMENTAL_EXPORT"))
    with pytest.raises(JobError, match="is of an incremental export"):
        scene.run()


def test_a_file_that_changes_during_the_run_is_refused(scene: Scene) -> None:
    """It was verified with other bytes. The files that are converted stay: they were verified."""
    put = scene.put

    def swap(part: object) -> None:
        key = scene.export.keys()[3]
        scene.export.objects[key] = gzip.compress(json_lines([{"Item": item(99)}]), mtime=0)
        put(part)  # type: ignore[arg-type]

    scene.put = swap  # type: ignore[method-assign]
    with pytest.raises(JobError, match=r"Changed: \S*file3\.json\.gz has changed since the run began"):
        scene.run()
    assert all(b"item-00099" not in gzip.decompress(body) for body in scene.lake.values())


def test_many_refused_files_are_counted_in_the_error_and_listed_in_the_log() -> None:
    """The error stays readable."""
    export = Export.of([json_lines([{"Item": item(number)}]) for number in range(12)])
    for key in list(export.objects):
        if "/data/" in key:
            export.objects[key] = export.objects[key][:-9]
    scene = Scene(export)
    with pytest.raises(JobError, match="and 2 more"):
        scene.run()
    assert sum("TruncatedFile" in line for line in scene.log) == 12


def test_the_log_has_counts_and_no_item(scene: Scene) -> None:
    """Nothing of an item reaches the log."""
    scene.run()
    assert scene.log == [
        "3 files with 13 items to convert, 0 files finished before",
        "13 items verified",
        "13 rows written in 3 objects",
    ]


def test_the_verbs_arguments_are_read_as_they_are_written() -> None:
    """Settings, key schema and origin arrive unchanged (scripts/core/backfilling/glue_job.py)."""
    settings = RowSettings(5, frozenset({"address", "a_b"}), frozenset({"ssn"}), keep_images=True)
    source = Source(EXPORT_ID, TIME, "orders", settings)
    schema = (("pk", "S"), ("sk", "N"))
    written = glue_job.arguments(exported().manifest(), schema, source, "lake")
    words = [text for name, value in written.items() for text in (name, value)]
    read = arguments.read(
        [*words, "--export-bucket", "e", "--lake-region", "eu-west-1", "--JOB_RUN_ID", "jr_1"]
    )
    assert (read.source, read.schema, read.lake_bucket) == (source, schema, "lake")
    assert read.manifest == f"exports/AWSDynamoDB/{EXPORT_ID}/manifest-summary.json"


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": "{"},
        {"settings": "[]"},
        {"settings": '{"max_depth": 32}'},
        {"settings": '{"max_depth": true, "keep_whole": [], "exclude": [], "keep_images": false}'},
        {"settings": '{"max_depth": 1, "keep_whole": [], "exclude": [], "keep_images": false, "new": 1}'},
        {"key_schema": "pk"},
        {"key_schema": "[]"},
        {"key_schema": '[["pk", "BOOL"]]'},
        {"key_schema": '[["pk"]]'},
        {"key_schema": '[["pk", "S"], ["sk", "N"], ["x", "S"]]'},
    ],
    ids=lambda changed: "".join(next(iter(changed.items()))),
)
def test_arguments_that_cannot_be_read_are_refused(changed: dict[str, str]) -> None:
    """With a clear reason, before anything is read."""
    with pytest.raises(JobError, match=r"Next: Start the run with `python -m scripts\.backfill`"):
        arguments.read(given(**changed))


def test_work_tasks_and_outcomes_travel_between_processes() -> None:
    """Spark pickles them; the work of a run does not carry every data file of the export."""
    manifest = exported().manifest()
    storage = Storage("exports", "lake", "eu-west-1")
    source = arguments.read(given()).source
    for sent in (Work(manifest, SCHEMA, source, storage), Task(manifest.files[0], "tag"), Outcome(1, 1)):
        assert pickle.loads(pickle.dumps(sent)) == sent  # noqa: S301  our own bytes


def test_the_work_of_a_task_has_no_data_files(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export may have tens of thousands, and each task would carry them all."""
    sent: list[object] = []
    each = scene.each

    def kept(function, values):  # type: ignore[no-untyped-def]
        sent.extend(function.args)
        return each(function, values)

    monkeypatch.setattr(scene, "each", kept)
    scene.run()
    assert [work.manifest.files for work in sent if isinstance(work, Work)] == [(), ()]
