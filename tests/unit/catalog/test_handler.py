"""The catalog function's triggers: the crawler's event, the custom resource, the settle job's names."""

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
from catalog_lambda.handler import CrawlFailedError, DeclarationPostponedError, EventError, Settings, handler
from tests.unit.catalog.fakes import FakeGlue, table

ENVIRONMENT = {
    "DATABASE_NAME": "lake",
    "TABLE_NAME": "changes",
    "CRAWLED_TABLE_PREFIX": "crawled_",
    "CRAWLER_NAME": "crawler",
    "MAX_NEW_COLUMNS_PER_CRAWL": "200",
}


class Context:
    """The part of Lambda's context that the function uses."""

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
    """The answers that CloudFormation's ResponseURL received."""

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
    """A web server in place of CloudFormation."""
    running = Endpoint()
    threading.Thread(target=running.server.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.server.shutdown()
    running.server.server_close()


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


def test_a_successful_crawl_declares_the_names_it_found(glue: FakeGlue) -> None:
    """New names become columns of `changes`; existing columns stay."""
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
    """Only the end of the stack's own crawler counts."""
    assert handler(event, Context()) == {"added": 0}
    assert glue.updates == 0


def test_a_failed_crawl_raises_an_error_and_declares_nothing(
    glue: FakeGlue, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alarm counts the function's errors, and the log names the crawler."""
    with pytest.raises(CrawlFailedError, match="aws glue get-crawler shows the reason"):
        handler(crawled(state="Failed"), Context())
    assert glue.updates == 0
    assert logged(capsys) == {
        "message": "the crawl failed",
        "level": "ERROR",
        "trigger": "crawler",
        "crawler": "crawler",
    }


def not_started(crawler: str = "crawler") -> dict[str, Any]:
    """Glue's event when a schedule could not start the crawler. It has no state."""
    return {
        "source": "aws.glue",
        "detail-type": "Glue Scheduled Crawler Invocation Failure",
        "detail": {
            "customerId": "2",
            "crawlerName": crawler,
            "errorMessage": "Service is unable to assume it",
        },
    }


def test_a_crawl_that_could_not_start_raises_an_error_and_declares_nothing(
    glue: FakeGlue, capsys: pytest.CaptureFixture[str]
) -> None:
    """No other event follows, so only this one shows that no crawl looks for new attributes."""
    with pytest.raises(
        CrawlFailedError, match=r"could not start the crawler.*: Service is unable to assume it"
    ):
        handler(not_started(), Context())
    assert glue.updates == 0
    assert logged(capsys) == {
        "message": "the crawl did not start",
        "level": "ERROR",
        "trigger": "crawler",
        "crawler": "crawler",
    }


def test_another_crawler_that_could_not_start_is_ignored(glue: FakeGlue) -> None:
    """Only the stack's own crawler sets off the alarm."""
    assert handler(not_started("another"), Context()) == {"added": 0}
    assert glue.updates == 0


def test_creating_the_stack_declares_its_item_columns(glue: FakeGlue, endpoint: Endpoint) -> None:
    """It also declares the names that were crawled before."""
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


def test_the_answer_has_no_content_type(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The URL was signed without one; urllib's own would break the signature."""
    handler(request(endpoint), Context())
    assert endpoint.content_types in ([""], [None])


def test_an_update_restores_columns_that_the_new_definition_dropped(
    glue: FakeGlue, endpoint: Endpoint
) -> None:
    """A stack update sets the template's columns; the earlier version has the others."""
    glue.replace("changes", ["change_id", "by_hand"])
    glue.replace("changes", ["change_id"])
    handler({**request(endpoint, "Update"), "PhysicalResourceId": "what-it-was"}, Context())
    assert glue.columns() == ["change_id", "by_hand", "pk", "year"]
    assert endpoint.answers[0]["Status"] == "SUCCESS"
    # With another id, CloudFormation would see a new resource and delete the first one.
    assert endpoint.answers[0]["PhysicalResourceId"] == "what-it-was"


def test_deleting_the_stack_does_not_change_the_table(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The columns are deleted with the table, not before. The answer is SUCCESS even without a catalog."""
    glue.tables.clear()
    handler({**request(endpoint, "Delete"), "PhysicalResourceId": "what-it-was"}, Context())
    assert [answer["Status"] for answer in endpoint.answers] == ["SUCCESS"]
    assert endpoint.answers[0]["PhysicalResourceId"] == "what-it-was"


def test_a_failure_is_answered_with_its_reason(glue: FakeGlue, endpoint: Endpoint) -> None:
    """Without an answer the stack hangs."""
    del glue.tables["changes"]
    handler(request(endpoint), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "lake.changes: launch the consumer stack again" in endpoint.answers[0]["Reason"]


def test_an_unexpected_error_is_answered_with_its_class(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stack's events show the whole error. The log has only the class: a message may have users' data."""

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
def test_denied_access_does_not_fail_the_stack_and_sets_off_the_alarm(
    glue: FakeGlue,
    endpoint: Endpoint,
    capsys: pytest.CaptureFixture[str],
    refused: tuple[str, str],
    kind: str,
) -> None:
    """A rollback would remove the role that needs the grant, and would be denied itself."""
    call, code = refused
    glue.refuses = {call: code}
    with pytest.raises(DeclarationPostponedError, match="then start the crawler"):
        handler(request(endpoint, kind, ItemColumns=["title"]), Context())
    (answer,) = endpoint.answers
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {"Added": "0"})
    assert f"not authorized to perform: {call}" in answer["Reason"]
    assert logged(capsys) == {
        "message": "access to the catalog was denied",
        "level": "ERROR",
        "trigger": "stack",
        "error": "ClientError",
    }
    assert glue.columns() == ["change_id"]


def test_lambdas_retry_declares_the_columns_once_access_is_granted(
    glue: FakeGlue, endpoint: Endpoint
) -> None:
    """Lambda sends the same request again. A second answer to the same URL does no harm."""
    glue.refuses = {"GetTable": "AccessDeniedException"}
    with pytest.raises(DeclarationPostponedError):
        handler(request(endpoint, ItemColumns=["title"]), Context())
    glue.refuses = {}
    handler(request(endpoint, ItemColumns=["title"]), Context())
    assert glue.columns() == ["change_id", "title", "pk", "year"]
    assert [answer["Data"] for answer in endpoint.answers] == [{"Added": "0"}, {"Added": "3"}]


def test_another_error_of_the_catalog_still_fails_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """Only denied access is postponed."""
    glue.refuses = {"GetTable": "InternalServiceException"}
    handler(request(endpoint), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"


def test_the_end_of_a_crawl_declares_the_postponed_item_columns(glue: FakeGlue) -> None:
    """The rule adds ItemColumns to the event, separated by commas; the text is empty without any."""
    handler({**crawled(), "itemColumns": "title,info__rating"}, Context())
    assert glue.columns() == ["change_id", "title", "info__rating", "pk", "year"]
    assert handler({**crawled(), "itemColumns": ""}, Context())["added"] == 0


def test_denied_access_at_the_end_of_a_crawl_raises_an_error(glue: FakeGlue) -> None:
    """The alarm counts it like any other error."""
    glue.refuses = {"GetTable": "AccessDeniedException"}
    with pytest.raises(ClientError, match="AccessDeniedException"):
        handler(crawled(), Context())


def test_the_custom_resources_properties_override_the_environment() -> None:
    """The properties are those of the new stack; the environment may still be the previous one."""
    properties = {"DatabaseName": "d", "TableName": "t", "CrawledTablePrefix": "p", "CrawlerName": "c"}
    assert Settings.read(ENVIRONMENT, {**properties, "MaxNewColumnsPerCrawl": "7"}) == Settings(
        "d", "t", "p", "c", 7
    )
    assert Settings.read(ENVIRONMENT, {}) == Settings("lake", "changes", "crawled_", "crawler", 200)


@pytest.mark.parametrize("text", ["many", "-1", "2.5", "²"])
def test_an_invalid_number_is_answered_with_its_setting(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The reason contains the setting's name and its value."""
    monkeypatch.setenv("MAX_NEW_COLUMNS_PER_CRAWL", text)
    handler(request(endpoint), Context())
    assert f"MaxNewColumnsPerCrawl is not a whole number: {text}" in endpoint.answers[0]["Reason"]


def test_a_missing_setting_is_answered_with_its_name(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason names the variable."""
    monkeypatch.delenv("CRAWLER_NAME")
    handler(request(endpoint), Context())
    assert "CRAWLER_NAME" in endpoint.answers[0]["Reason"]


def test_an_invalid_name_in_item_columns_fails_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The name is reported, not dropped."""
    handler(request(endpoint, ItemColumns=["title", "Info.Rating"]), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "Info.Rating" in endpoint.answers[0]["Reason"]


def test_an_invalid_name_from_a_crawl_does_not_fail_the_stack(
    glue: FakeGlue, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a foreign file would prevent every launch. The log counts the name."""
    glue.tables["crawled_data"]["StorageDescriptor"]["Columns"].append({"Name": "Odd Name", "Type": "string"})
    handler(request(endpoint, ItemColumns=["title"]), Context())
    assert endpoint.answers[0]["Status"] == "SUCCESS"
    line = logged(capsys)
    assert (line["level"], line["refused"], line["undeclared"]) == ("WARNING", 1, 1)


def test_item_columns_that_do_not_fit_fail_the_stack(glue: FakeGlue, endpoint: Endpoint) -> None:
    """The table's definition is full, and the message states how many columns did not fit."""
    glue.limit = 3
    handler(request(endpoint, ItemColumns=[f"c{n}" for n in range(9)]), Context())
    assert endpoint.answers[0]["Status"] == "FAILED"
    assert "7 of ItemColumns" in endpoint.answers[0]["Reason"]


def test_a_timeout_is_answered_before_lambda_stops_the_function(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer answers FAILED, and the later answer of the work is not sent."""
    slow = glue.get_table

    def get_table(**arguments: str) -> dict[str, Any]:
        time.sleep(0.5)
        return slow(**arguments)

    monkeypatch.setattr(glue, "get_table", get_table)
    handler(request(endpoint), Context(milliseconds=5_050))
    assert [answer["Status"] for answer in endpoint.answers] == ["FAILED"]
    assert "ran out of time" in endpoint.answers[0]["Reason"]


def test_the_second_answer_waits_until_the_first_is_sent(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda freezes the timer's thread when the handler returns, even in the middle of an answer."""
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


def test_an_answer_that_is_not_received_is_sent_again(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack does not hang because of a short network fault."""
    monkeypatch.setattr("catalog_lambda.response.time.sleep", lambda _seconds: None)
    endpoint.failures = 2
    handler(request(endpoint), Context())
    assert [answer["Status"] for answer in endpoint.answers] == ["SUCCESS"]


def test_an_answer_that_is_never_received_raises_an_error(
    glue: FakeGlue, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the function's alarm then shows why the stack hangs. The pauses grow."""
    pauses: list[float] = []
    monkeypatch.setattr("catalog_lambda.response.time.sleep", pauses.append)
    endpoint.failures = 10
    with pytest.raises(OSError, match="503"):
        response.Responder(request(endpoint), "id").answer("SUCCESS")
    assert endpoint.failures == 10 - response.ATTEMPTS
    assert pauses == [1.0, 2.0, 4.0]


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The function's only log line."""
    (line,) = capsys.readouterr().out.splitlines()
    return dict(json.loads(line))


def test_the_log_contains_counts_and_no_names(glue: FakeGlue, capsys: pytest.CaptureFixture[str]) -> None:
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
    """One part per crawl. ItemColumns do not count. The alarm reads `undeclared` from the log line."""
    monkeypatch.setenv("MAX_NEW_COLUMNS_PER_CRAWL", "5")
    columns = glue.tables["crawled_data"]["StorageDescriptor"]["Columns"]
    columns += [{"Name": f"junk_{number}", "Type": "string"} for number in range(9)]
    event = {**crawled(), "itemColumns": "title,info__rating"}
    handler(event, Context())
    line = logged(capsys)
    assert (line["added"], line["waiting"], line["undeclared"], line["level"]) == (7, 6, 6, "WARNING")
    assert {"title", "info__rating", "pk", "year"} <= set(glue.columns())
    assert [handler(event, Context())["waiting"] for _ in range(2)] == [1, 0]


def test_glues_message_about_a_definition_is_not_logged(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda logs the raised error, and Glue's message quotes invalid values, here attribute names."""

    def refusing(**_: Any) -> None:
        message = "Value 'alice@example.com' at 'tableInput.storageDescriptor.columns.9' failed"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "UpdateTable")

    monkeypatch.setattr(glue, "update_table", refusing)
    with pytest.raises(CatalogError, match="UpdateTable failed: ValidationException") as raised:
        handler(crawled(), Context())
    shown = "".join(traceback.format_exception(raised.value)) + capsys.readouterr().out
    assert "alice" not in shown


def settled(*columns: str) -> dict[str, Any]:
    """The settle job's event."""
    return {"source": "ddb-lake.settle", "columns": [*columns]}


def test_names_of_the_settle_job_become_columns(glue: FakeGlue, capsys: pytest.CaptureFixture[str]) -> None:
    """As after a crawl: new names are appended, known ones counted, and the log has numbers only."""
    answer = handler(settled("note", "change_id", "tags__0"), Context())
    assert (answer["added"], answer["known"]) == (2, 1)
    assert glue.columns() == ["change_id", "note", "tags__0"]
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["trigger"], line["added"]) == ("declared", "settle", 2)
    assert "note" not in json.dumps(line)


def test_the_settle_jobs_names_need_no_crawl(glue: FakeGlue) -> None:
    """The crawler's names wait for the crawler: the job knows its own rows and no others."""
    handler(settled("note"), Context())
    assert glue.columns() == ["change_id", "note"]


def test_names_of_the_settle_job_have_the_limit_of_a_crawl(
    glue: FakeGlue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of names is declared in parts, and the answer counts those that wait."""
    monkeypatch.setenv("MAX_NEW_COLUMNS_PER_CRAWL", "3")
    first = handler(settled(*(f"prices__sku{number}" for number in range(8))), Context())
    assert (first["added"], first["waiting"], first["undeclared"]) == (3, 5, 5)
    assert len(glue.columns()) == 4


def test_the_settle_job_does_not_bring_a_forgotten_name_back(glue: FakeGlue) -> None:
    """Whatever the source of a name: somebody decided to forget it."""
    record = [{"names": ["junk", "prices__*"], "at": "2026-11-27T10:00:00Z", "by": "arn"}]
    glue.tables["forgotten_columns"] = table(
        "forgotten_columns", [], Parameters={"forgotten": json.dumps(record)}
    )
    answer = handler(settled("junk", "prices__a", "note"), Context())
    assert (answer["added"], answer["forgotten"]) == (1, 2)
    assert glue.columns() == ["change_id", "note"]


def test_a_name_of_the_settle_job_that_cannot_be_a_column_is_counted(glue: FakeGlue) -> None:
    """It is refused, and the others are declared."""
    answer = handler(settled("Upper", "_file", "x" * 256, "note"), Context())
    assert (answer["added"], answer["refused"]) == (1, 3)
    assert glue.columns() == ["change_id", "note"]


@pytest.mark.parametrize("columns", [None, "note", {"note": 1}, [1], ["note", None]])
def test_another_form_of_the_settle_jobs_event_is_refused(glue: FakeGlue, columns: object) -> None:
    """Each part would be a name of one letter, or nothing: the error says what to deploy."""
    with pytest.raises(EventError, match="deploy the option stack tables and the lake's stack"):
        handler({"source": "ddb-lake.settle", "columns": columns}, Context())
    assert glue.columns() == ["change_id"]


def test_an_error_during_the_settle_jobs_call_quotes_no_name(glue: FakeGlue) -> None:
    """Glue's messages may quote names, which are users' data; a denial keeps its message."""
    glue.refuses["UpdateTable"] = "InternalServiceException"
    with pytest.raises(CatalogError, match="UpdateTable failed: InternalServiceException") as failure:
        handler(settled("note"), Context())
    assert "not authorized" not in str(failure.value)
    glue.refuses["UpdateTable"] = "AccessDeniedException"
    with pytest.raises(ClientError, match="not authorized"):
        handler(settled("note"), Context())
