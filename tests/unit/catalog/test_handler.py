"""The catalog function's triggers: the crawler's event and the stack's custom resource."""

import http.server
import itertools
import json
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from catalog_lambda import response
from catalog_lambda.catalog import DENIALS, CatalogError
from catalog_lambda.handler import CrawlFailedError, DeclarationPostponedError, Settings, handler
from tests.unit.catalog.fakes import FakeGlue, table

ENVIRONMENT = {
    "DATABASE_NAME": "lake",
    "TABLE_NAME": "changes",
    "CRAWLED_TABLE_PREFIX": "crawled_",
    "CRAWLER_NAME": "crawler",
    "MAX_NEW_COLUMNS_PER_CRAWL": "200",
}


class Context:
    """Lambda's context, as far as the function asks it."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's settings."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> FakeGlue:
    """A catalog with `changes` and a crawled table."""
    fake = FakeGlue(
        table("changes", ["change_id"]),
        table("crawled_data", ["change_id", "pk", "year"], Parameters={"UPDATED_BY_CRAWLER": "crawler"}),
    )
    monkeypatch.setattr("catalog_lambda.catalog.boto3.client", lambda _service: fake)
    return fake


class Endpoint:
    """What CloudFormation's ResponseURL heard."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.content_types: list[str | None] = []
        self.failures = 0
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if endpoint.failures:
                    endpoint.failures -= 1
                    self.send_error(503)
                    return
                endpoint.answers.append(json.loads(body))
                endpoint.content_types.append(self.headers["Content-Type"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/answer?signature=x"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A web server that stands for CloudFormation."""
    made = Endpoint()
    threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def request(endpoint: Endpoint, kind: str = "Create", **properties: Any) -> dict[str, Any]:
    """CloudFormation's request for the custom resource."""
    return {
        "RequestType": kind,
        "ResponseURL": endpoint.url,
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "DeclaredColumns",
        "ResourceType": "Custom::DeclaredColumns",
        "ResourceProperties": {
            "ServiceToken": "arn",
            "DatabaseName": "lake",
            "TableName": "changes",
            "CrawledTablePrefix": "crawled_",
            "ItemColumns": [""],
            **properties,
        },
    }


def crawled(state: str = "Succeeded", crawler: str = "crawler") -> dict[str, Any]:
    """The crawler's event."""
    return {
        "source": "aws.glue",
        "detail-type": "Glue Crawler State Change",
        "detail": {"crawlerName": crawler, "state": state},
    }


def test_the_crawlers_success_declares_what_it_found(glue: FakeGlue) -> None:
    """New names appear on `changes`; what is there already stays."""
    assert handler(crawled(), Context())["added"] == 2
    assert glue.columns() == ["change_id", "pk", "year"]


@pytest.mark.parametrize(
    "event",
    [
        crawled(state="Started"),
        crawled(crawler="another"),
        crawled(state="Failed", crawler="another"),
        {"source": "aws.s3"},
        {},
    ],
)
def test_a_foreign_event_changes_nothing(glue: FakeGlue, event: dict[str, Any]) -> None:
    """Only our crawler's end counts."""
    assert handler(event, Context()) == {"added": 0}
    assert glue.updates == 0


def test_a_crawl_that_failed_is_an_error_and_declares_nothing(
    glue: FakeGlue, capsys: pytest.CaptureFixture[str]
) -> None:
    """The function's errors are what the alarm counts, and its log names the crawler."""
    with pytest.raises(CrawlFailedError, match="aws glue get-crawler says why"):
        handler(crawled(state="Failed"), Context())
    assert glue.updates == 0
    assert logged(capsys) == {
        "message": "the crawl failed",
        "level": "ERROR",
        "trigger": "crawler",
        "crawler": "crawler",
    }


def not_started(crawler: str = "crawler") -> dict[str, Any]:
    """Glue's event of a schedule that could not start the crawler: it has no state."""
    return {
        "source": "aws.glue",
        "detail-type": "Glue Scheduled Crawler Invocation Failure",
        "detail": {
            "customerId": "2",
            "crawlerName": crawler,
            "errorMessage": "Service is unable to assume it",
        },
    }


def test_a_crawl_that_could_not_start_is_an_error_and_declares_nothing(
    glue: FakeGlue, capsys: pytest.CaptureFixture[str]
) -> None:
    """No state follows it, so it is the only sign that new attributes are not looked for."""
    with pytest.raises(CrawlFailedError, match=r"could not start it.*: Service is unable to assume it"):
        handler(not_started(), Context())
    assert glue.updates == 0
    assert logged(capsys) == {
        "message": "the crawl did not start",
        "level": "ERROR",
        "trigger": "crawler",
        "crawler": "crawler",
    }


def test_another_crawler_that_could_not_start_is_left_alone(glue: FakeGlue) -> None:
    """Only ours rings."""
    assert handler(not_started("another"), Context()) == {"added": 0}
    assert glue.updates == 0


def test_creating_the_stack_declares_its_item_columns(glue: FakeGlue, endpoint: Endpoint) -> None:
    """ItemColumns and everything already crawled."""
    handler(request(endpoint, ItemColumns=["title", "year"]), Context())
    assert glue.columns() == ["change_id", "title", "year", "pk"]
    assert endpoint.answers == [
        {
            "Status": "SUCCESS",
            "Reason": "see the function's log",
            "PhysicalResourceId": "lake.changes",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "DeclaredColumns",
            "Data": {"Added": "3"},
        }
    ]


def test_the_answer_carries_no_content_type(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The signed URL was made without one; urllib's own would break the signature."""
    handler(request(endpoint), Context())
    assert endpoint.content_types in ([""], [None])


def test_an_update_brings_back_what_the_new_definition_dropped(glue: FakeGlue, endpoint: Endpoint) -> None:
    """A stack update sets the template's columns; the earlier version knows the others."""
    glue.replace("changes", ["change_id", "by_hand"])
    glue.replace("changes", ["change_id"])
    handler({**request(endpoint, "Update"), "PhysicalResourceId": "what-it-was"}, Context())
    assert glue.columns() == ["change_id", "by_hand", "pk", "year"]
    assert endpoint.answers[0]["Status"] == "SUCCESS"
    # under another id CloudFormation would take it for another resource, and delete the first
    assert endpoint.answers[0]["PhysicalResourceId"] == "what-it-was"


def test_deleting_the_stack_leaves_the_table_alone(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The columns go with the table, not before it; the answer is SUCCESS even without a catalog."""
    glue.tables.clear()
    handler({**request(endpoint, "Delete"), "PhysicalResourceId": "what-it-was"}, Context())
    assert [answer["Status"] for answer in endpoint.answers] == ["SUCCESS"]
    assert endpoint.answers[0]["PhysicalResourceId"] == "what-it-was"


def test_a_failure_is_answered_with_its_reason(glue: FakeGlue, endpoint: Endpoint) -> None:
    """An unanswered custom resource keeps the stack hanging."""
    del glue.tables["changes"]
    handler(request(endpoint), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "lake.changes: launch the consumer stack again" in endpoint.answers[0]["Reason"]


def test_an_unforeseen_failure_is_answered_with_its_class(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack's events show it whole; the log only its class, since a message may name users' data."""

    def broken(**_: str) -> None:
        raise KeyError("no such member")

    monkeypatch.setattr(glue, "get_table", broken)
    handler(request(endpoint), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert endpoint.answers[0]["Reason"] == "KeyError: 'no such member'"
    assert logged(capsys) == {
        "message": "failed",
        "level": "ERROR",
        "trigger": "stack",
        "error": "KeyError",
    }


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize("refused", [*itertools.product(["GetTable", "UpdateTable"], sorted(DENIALS))])
def test_a_shut_catalog_fails_no_stack_and_rings_the_alarm(
    glue: FakeGlue,
    endpoint: Endpoint,
    capsys: pytest.CaptureFixture[str],
    refused: tuple[str, str],
    kind: str,
) -> None:
    """A rollback would take away the role one is about to grant, and be refused in its turn."""
    call, code = refused
    glue.refuses = {call: code}
    with pytest.raises(DeclarationPostponedError, match="then start the crawler"):
        handler(request(endpoint, kind, ItemColumns=["title"]), Context())
    (answer,) = endpoint.answers
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"Added": "0"})
    assert f"not authorized to perform: {call}" in answer["Reason"]
    assert logged(capsys) == {
        "message": "the catalog is shut",
        "level": "ERROR",
        "trigger": "stack",
        "error": "ClientError",
    }
    assert glue.columns() == ["change_id"]


def test_lambdas_retry_declares_once_the_catalog_is_open(glue: FakeGlue, endpoint: Endpoint) -> None:
    """Lambda sends the same request again; an answer to a URL that has heard one does no harm."""
    glue.refuses = {"GetTable": "AccessDeniedException"}
    with pytest.raises(DeclarationPostponedError):
        handler(request(endpoint, ItemColumns=["title"]), Context())
    glue.refuses = {}
    handler(request(endpoint, ItemColumns=["title"]), Context())
    assert glue.columns() == ["change_id", "title", "pk", "year"]
    assert [answer["Data"] for answer in endpoint.answers] == [{"Added": "0"}, {"Added": "3"}]


def test_another_error_of_the_catalog_still_fails_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """Only what somebody has to grant is postponed."""
    glue.refuses = {"GetTable": "InternalServiceException"}
    handler(request(endpoint), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"


def test_the_crawlers_end_declares_what_the_stack_could_not(glue: FakeGlue) -> None:
    """The rule hands ItemColumns over with the event: text with commas, empty where there are none."""
    handler({**crawled(), "itemColumns": "title,info__rating"}, Context())
    assert glue.columns() == ["change_id", "title", "info__rating", "pk", "year"]
    assert handler({**crawled(), "itemColumns": ""}, Context())["added"] == 0


def test_a_shut_catalog_at_the_crawlers_end_is_an_error(glue: FakeGlue) -> None:
    """The alarm counts it, as any other."""
    glue.refuses = {"GetTable": "AccessDeniedException"}
    with pytest.raises(ClientError, match="AccessDeniedException"):
        handler(crawled(), Context())


def test_the_custom_resources_properties_come_first() -> None:
    """The stack names what it made; the environment may still be that of the definition before."""
    properties = {"DatabaseName": "d", "TableName": "t", "CrawledTablePrefix": "p", "CrawlerName": "c"}
    assert Settings.read(ENVIRONMENT, {**properties, "MaxNewColumnsPerCrawl": "7"}) == Settings(
        "d", "t", "p", "c", 7
    )
    assert Settings.read(ENVIRONMENT, {}) == Settings("lake", "changes", "crawled_", "crawler", 200)


@pytest.mark.parametrize("text", ["many", "-1", "2.5", "²"])
def test_a_number_that_is_none_is_answered(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The reason names the setting and what it is."""
    monkeypatch.setenv("MAX_NEW_COLUMNS_PER_CRAWL", text)
    handler(request(endpoint), Context())
    assert f"MaxNewColumnsPerCrawl is no whole number: {text}" in endpoint.answers[0]["Reason"]


def test_a_missing_setting_is_answered_with_its_name(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the variable."""
    monkeypatch.delenv("CRAWLER_NAME")
    handler(request(endpoint), Context())
    assert "CRAWLER_NAME" in endpoint.answers[0]["Reason"]


def test_a_column_the_user_asked_for_in_vain_fails_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """A name from ItemColumns that cannot be a column is told, not dropped."""
    handler(request(endpoint, ItemColumns=["title", "Info.Rating"]), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "Info.Rating" in endpoint.answers[0]["Reason"]


def test_what_a_crawl_found_in_vain_does_not_fail_the_stack(
    glue: FakeGlue, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody asked for it, and nobody could launch a stack over a foreign file: the log counts it."""
    glue.tables["crawled_data"]["StorageDescriptor"]["Columns"].append({"Name": "Odd Name", "Type": "string"})
    handler(request(endpoint, ItemColumns=["title"]), Context())
    assert endpoint.answers[0]["Status"] == "SUCCESS"
    line = logged(capsys)
    assert (line["level"], line["refused"], line["undeclared"]) == ("WARNING", 1, 1)


def test_item_columns_that_do_not_fit_fail_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The table's definition is full: the user hears how many columns did not fit."""
    glue.limit = 3
    handler(request(endpoint, ItemColumns=[f"c{n}" for n in range(9)]), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "7 of ItemColumns" in endpoint.answers[0]["Reason"]


def test_running_out_of_time_is_answered_before_the_end(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock answers FAILED, and the work's own answer afterwards is not sent."""
    slow = glue.get_table

    def get_table(**arguments: str) -> dict[str, Any]:
        time.sleep(0.5)
        return slow(**arguments)

    monkeypatch.setattr(glue, "get_table", get_table)
    handler(request(endpoint), Context(milliseconds=5_050))
    assert [answer["Status"] for answer in endpoint.answers] == ["FAILED"]
    assert "ran out of time" in endpoint.answers[0]["Reason"]


def test_the_second_answer_waits_until_the_first_is_out(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda freezes the clock's thread, and an answer half sent, as soon as the handler returns."""
    under_way, put = threading.Event(), response._put

    def slowly(url: str, body: bytes) -> None:
        under_way.set()
        time.sleep(0.2)
        put(url, body)

    monkeypatch.setattr(response, "_put", slowly)
    responder = response.Responder(request(endpoint), "id")
    clock = threading.Thread(target=responder.answer, args=("FAILED",))
    clock.start()
    under_way.wait()
    responder.answer("SUCCESS")
    assert [answer["Status"] for answer in endpoint.answers] == ["FAILED"]
    clock.join()


def test_an_answer_that_is_not_heard_is_sent_again(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A passing fault on the way to CloudFormation does not hang the stack."""
    monkeypatch.setattr("catalog_lambda.response.time.sleep", lambda _seconds: None)
    endpoint.failures = 2
    handler(request(endpoint), Context())
    assert [answer["Status"] for answer in endpoint.answers] == ["SUCCESS"]


def test_an_answer_nobody_hears_is_an_error(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function's alarm is then all that tells why the stack hangs; the pauses grow."""
    pauses: list[float] = []
    monkeypatch.setattr("catalog_lambda.response.time.sleep", pauses.append)
    endpoint.failures = 10
    with pytest.raises(OSError, match="503"):
        response.Responder(request(endpoint), "id").answer("SUCCESS")
    assert endpoint.failures == 10 - response.ATTEMPTS
    assert pauses == [1.0, 2.0, 4.0]


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The function's one line."""
    (line,) = capsys.readouterr().out.splitlines()
    return dict(json.loads(line))


def test_the_log_holds_counts_and_no_names(glue: FakeGlue, capsys: pytest.CaptureFixture[str]) -> None:
    """Attribute names come from users' data."""
    handler(crawled(), Context())
    assert logged(capsys) == {
        "message": "declared",
        "level": "INFO",
        "trigger": "crawler",
        "added": 2,
        "known": 1,
        "forgotten": 0,
        "undeclared": 0,
        "waiting": 0,
        "refused": 0,
        "left_out": 0,
    }


def test_a_flood_of_names_is_declared_in_parts_and_counted(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One part a crawl; ItemColumns do not count, and the line's `undeclared` is what the alarm reads."""
    monkeypatch.setenv("MAX_NEW_COLUMNS_PER_CRAWL", "5")
    columns = glue.tables["crawled_data"]["StorageDescriptor"]["Columns"]
    columns += [{"Name": f"junk_{number}", "Type": "string"} for number in range(9)]
    event = {**crawled(), "itemColumns": "title,info__rating"}
    handler(event, Context())
    line = logged(capsys)
    assert (line["added"], line["waiting"], line["undeclared"], line["level"]) == (7, 6, 6, "WARNING")
    assert {"title", "info__rating", "pk", "year"} <= set(glue.columns())
    assert [handler(event, Context())["waiting"] for _ in range(2)] == [1, 0]


def test_what_glue_says_of_a_definition_is_not_logged(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda logs what is raised, and Glue quotes values that it finds wrong: names of attributes."""

    def refusing(**_: Any) -> None:
        message = "Value 'alice@example.com' at 'tableInput.storageDescriptor.columns.9' failed"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "UpdateTable")

    monkeypatch.setattr(glue, "update_table", refusing)
    with pytest.raises(CatalogError, match="UpdateTable was refused: ValidationException") as raised:
        handler(crawled(), Context())
    shown = "".join(traceback.format_exception(raised.value)) + capsys.readouterr().out
    assert "alice" not in shown
