"""AWS::CloudWatch::Alarm on an expression of several metrics, which MiniStack rejects.

AWS fact: an alarm names either one metric or, in `Metrics`, queries of which one returns data (CloudFormation
template reference, "AWS::CloudWatch::Alarm"). Such an alarm is stored and described. No alarm in the
sandbox changes its state, because nothing publishes the services' metrics.
"""

from typing import Any

from sandbox.emulator.resource_types import Properties, handler_seam

RECORD = handler_seam("_cw_metric_alarm_record", "4565fcede1ebf266")
SEAMS = (RECORD,)
_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def _typed(query: Properties) -> Properties:
    """A metric query with typed numbers and booleans; a template can have them as text."""
    typed = dict(query)
    if "ReturnData" in typed:
        typed["ReturnData"] = str(typed["ReturnData"]).lower() == "true"
    if "MetricStat" in typed:
        typed["MetricStat"] = {**typed["MetricStat"], "Period": int(typed["MetricStat"]["Period"])}
    return typed


def install() -> None:
    """Accept alarms with `Metrics`."""
    record = RECORD.check()

    def alarm_record(name: str, properties: Properties) -> Any:
        queries = properties.get("Metrics")
        if not queries:
            return record(name, properties)
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**plain, "MetricName": "-", "Namespace": "-"})
        for member in _ONE_METRIC:
            alarm.pop(member, None)
        return {**alarm, "Metrics": [_typed(query) for query in queries]}

    RECORD.replace(alarm_record)
