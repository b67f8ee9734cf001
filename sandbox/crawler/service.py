"""Glue's crawlers for the emulator: StartCrawler runs a crawl, whose end is an event for rules.

AWS facts
- A crawler has only the permissions of its role, for the data and for the Data Catalog (Glue developer
  guide, "Crawler prerequisites"). This one therefore calls the public APIs with the role's credentials.
- READY → RUNNING → STOPPING → READY; LastCrawl has the status SUCCEEDED, CANCELLED or FAILED, with its
  message (Glue API reference, "Crawler", "LastCrawlInfo"). A stopped crawler is READY only after it has
  stopped.
- It reads its security configuration with that role too: the roles of AWS's own solutions have
  glue:GetSecurityConfiguration (Data Solutions Framework, Solutions Constructs) [unverified].
- With a security configuration it logs to /aws-glue/crawlers-role/ROLE-CONFIGURATION, the role with its path,
  as LastCrawl of public crawlers shows [unverified]; otherwise to /aws-glue/crawlers.
- Start and end are events of `aws.glue`, `Glue Crawler State Change`, states Started, Succeeded and Failed
  (EventBridge user guide, "AWS Glue events").
- Schedules do not run here: start the crawler by hand.

MiniStack's crawler waits five seconds and does nothing.
"""

import contextvars
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.crawler.crawl import Crawl, CrawlStopped, Result
from sandbox.crawler.settings import CrawlError, Settings
from sandbox.emulator.glue_events import emit
from sandbox.emulator.seam import Seam
from sandbox.roles import Roles, role_arn
from sandbox.running import RunningSandbox

START_CRAWLER = Seam("services.glue", "_start_crawler", "442900d0f05382e8")
STOP_CRAWLER = Seam("services.glue", "_stop_crawler", "7b221352da8b039d")
SEAMS = (START_CRAWLER, STOP_CRAWLER)

SERVICE_PRINCIPAL = "glue.amazonaws.com"
SESSION_NAME = "AWS-Crawler"
LOG_GROUP = "/aws-glue/crawlers"
EVENT = "Glue Crawler State Change"
LOG_FILE = "emulator.log"  # of the process that crawls

log = logging.getLogger("crawler")


def log_group(crawler: Mapping[str, Any]) -> str:
    """The log group of the crawler."""
    security = crawler.get("CrawlerSecurityConfiguration")
    if not security:
        return LOG_GROUP
    return f"{LOG_GROUP}-role/{crawler['Role'].rpartition(':role/')[2]}-{security}"


def event_detail(name: str, account: str, state: str, result: Result, seconds: float) -> dict[str, str]:
    """The detail of a state change, in the form that the EventBridge user guide shows."""
    detail = {
        "accountId": account,
        "cloudWatchLogLink": (
            "https://console.aws.amazon.com/cloudwatch/home?region=us-east-1"
            f"#logEventViewer:group={LOG_GROUP};stream={name}"
        ),
        "crawlerName": name,
        "message": f"Crawler {state}",
        "state": state,
    }
    if state == "Started":
        return {**detail, "startTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if state == "Failed":
        return detail
    return {
        **detail,
        "completionDate": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "partitionsCreated": str(result.partitions_created),
        "partitionsDeleted": "0",
        "partitionsUpdated": str(result.partitions_updated),
        "runningTime (sec)": str(round(seconds)),
        "tablesCreated": str(result.tables_created),
        "tablesDeleted": "0",
        "tablesUpdated": str(result.tables_updated),
        "warningMessage": "N/A",
    }


def run(
    sandbox: RunningSandbox, account: str, crawler: Mapping[str, Any], stopped: Callable[[], bool]
) -> Result:
    """Crawl with the role's credentials. Raises CrawlError, CrawlStopped, ClientError or BotoCoreError."""
    settings = Settings.of(crawler)
    arn = f"arn:aws:glue:{sandbox.region}:{account}:crawler/{settings.name}"
    roles = Roles(sandbox, account, SERVICE_PRINCIPAL, SESSION_NAME, arn)
    role = role_arn(crawler["Role"], account)
    glue = roles.client(role, "glue")
    if security := crawler.get("CrawlerSecurityConfiguration"):
        glue.get_security_configuration(Name=security)
    return Crawl(settings, roles.client(role, "s3"), glue, stopped).run()


def crawled(account: str, crawler: Mapping[str, Any], stopped: Callable[[], bool]) -> tuple[str, str, Result]:
    """Run the crawl; the outcome, its message, and the changes."""
    try:
        sandbox = RunningSandbox.read(Path(os.environ["SANDBOX_STATE"]))
        return "Succeeded", "", run(sandbox, account, crawler, stopped)
    except CrawlStopped:
        return "Cancelled", "", Result()
    except (CrawlError, ClientError, BotoCoreError) as error:
        log.warning("crawler %s failed: %s", crawler["Name"], error)
        return "Failed", str(error), Result()
    except Exception:  # otherwise the crawler would be RUNNING for ever, without a message
        log.exception("crawler %s failed: this is a defect of the sandbox", crawler["Name"])
        return "Failed", f"a defect of the sandbox: {LOG_FILE} in its state folder has it", Result()


def last_crawl(
    name: str, outcome: str, message: str, started: float, group: str = LOG_GROUP
) -> dict[str, Any]:
    """LastCrawl in GetCrawler's answer; it has a message only if there is one."""
    return {
        "Status": outcome.upper(),
        "LogGroup": group,
        "LogStream": name,
        "MessagePrefix": str(uuid.uuid4()),
        "StartTime": started,
        **({"ErrorMessage": message} if message else {}),
    }


def install() -> None:
    """Replace MiniStack's StartCrawler and StopCrawler."""
    from ministack.core.responses import error_response_json, get_account_id, json_response  # noqa: PLC0415
    from ministack.services import glue  # noqa: PLC0415

    START_CRAWLER.check()
    STOP_CRAWLER.check()
    stops: dict[tuple[str, str], threading.Event] = {}  # (account, crawler) → the request to stop its run
    turn = threading.Lock()  # a crawl that has ended cannot be stopped

    def crawl(name: str, stop: threading.Event, started: float) -> None:
        account = get_account_id()
        crawler = glue._crawlers[name]
        outcome, message, result = crawled(account, crawler, stop.is_set)
        if glue._crawlers.get(name) is not crawler:
            return  # deleted meanwhile
        seconds = time.time() - started
        crawler["LastCrawl"] = last_crawl(name, outcome, message, started, log_group(crawler))
        crawler["CrawlElapsedTime"] = int(seconds * 1000)
        with turn:
            crawler["State"] = "READY"
        if outcome != "Cancelled":  # no page of AWS documents an event for it
            emit(EVENT, event_detail(name, account, outcome, result, seconds))

    def start_crawler(data: dict[str, Any]) -> Any:
        name = str(data.get("Name"))
        crawler = glue._crawlers.get(name)
        if crawler is None:
            return error_response_json("EntityNotFoundException", f"Crawler {name} not found", 400)
        if crawler["State"] != "READY":
            return error_response_json(
                "CrawlerRunningException", f"Crawler with name {name} has already started", 400
            )
        started = time.time()
        stop = stops[get_account_id(), name] = threading.Event()
        crawler.update(State="RUNNING", CrawlElapsedTime=0)
        emit(EVENT, event_detail(name, get_account_id(), "Started", Result(), 0))
        # A new thread does not have the request's account: it gets a copy of the request's context.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(crawl, name, stop, started), daemon=True).start()
        return json_response({})

    def stop_crawler(data: dict[str, Any]) -> Any:
        name = str(data.get("Name"))
        crawler = glue._crawlers.get(name)
        if crawler is None:
            return error_response_json("EntityNotFoundException", f"Crawler {name} not found", 400)
        with turn:
            state = crawler["State"]
            crawler["State"] = "STOPPING" if state == "RUNNING" else state
        if state != "RUNNING":
            code = "CrawlerStoppingException" if state == "STOPPING" else "CrawlerNotRunningException"
            return error_response_json(code, f"Crawler with name {name} is {state}, not RUNNING", 400)
        stops[get_account_id(), name].set()
        return json_response({})

    START_CRAWLER.replace(start_crawler)
    STOP_CRAWLER.replace(stop_crawler)
