"""Lago's client for Python, the newest, against a running daemon: URL, a key that defines, and one that only reads."""

import sys
import time

from lago_python_client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import BillableMetric, BillableMetricFilter, BillableMetricFilters
from lago_python_client.models.billable_metric import (
    BillableMetricEvaluateExpression,
    BillableMetricEvaluateExpressionEvent,
    BillableMetricEvaluateExpressionResponse,
)
from lago_python_client.services.json import to_json
from lago_python_client.services.request import make_headers, make_url, send_post_request
from lago_python_client.services.response import get_response_data, prepare_object_response

CODE = "storage.eu/gb"


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(call):
    """The error that a call raises, as the client makes it."""
    try:
        answer = call()
    except LagoApiError as error:
        return error
    raise AssertionError(f"answered {answer!r}")


def filters(**values):
    listed = [BillableMetricFilter(key=key, values=found) for key, found in values.items()]
    return BillableMetricFilters(__root__=listed)


def pairs(metric):
    return [(filter.key, filter.values) for filter in metric.filters.__root__]


def metric(code, **others):
    return BillableMetric(name="Storage", code=code, aggregation_type="sum_agg", field_name="gb", **others)


def one_is_created_found_updated_and_deleted(metrics):
    made = metrics.create(
        metric(
            CODE,
            description="GB",
            recurring=False,
            expression="ceil(event.properties.mb / 1000)",
            rounding_function="round",
            rounding_precision=2,
            filters=filters(region=["us", "eu"], cloud=["aws"]),
        )
    )
    equal((made.code, made.name, made.description), (CODE, "Storage", "GB"))
    equal((made.aggregation_type, made.field_name, made.recurring), ("sum_agg", "gb", False))
    equal(made.expression, "ceil(event.properties.mb / 1000)")
    equal((made.rounding_function, made.rounding_precision), ("round", 2))
    equal(pairs(made), [("cloud", ["aws"]), ("region", ["eu", "us"])])
    equal(made.weighted_interval, None)
    time.strptime(made.created_at, "%Y-%m-%dT%H:%M:%SZ")
    print("created", made.code, made.lago_id)

    equal(metrics.find(CODE), made)
    print("found", CODE)

    changed = metrics.update(BillableMetric(name="Disk", filters=filters(region=["eu"])), CODE)
    equal((changed.lago_id, changed.name, changed.description), (made.lago_id, "Disk", "GB"))
    equal(pairs(changed), [("region", ["eu"])])
    equal(metrics.find(CODE), changed)
    print("updated", CODE)

    equal(metrics.destroy(CODE), changed)
    equal(refused(lambda: metrics.find(CODE)).status_code, 404)
    again = metrics.create(metric(CODE))
    assert again.lago_id != made.lago_id
    equal(pairs(again), [])
    metrics.destroy(CODE)
    print("deleted", CODE)


def kinds_are_told(metrics):
    weighted = metrics.create(
        BillableMetric(name="W", code="w", aggregation_type="weighted_sum_agg", field_name="x", recurring=True)
    )
    equal((weighted.weighted_interval, weighted.recurring), ("seconds", True))
    count = metrics.create(BillableMetric(name="C", code="c", aggregation_type="count_agg"))
    equal((count.field_name, count.expression, count.rounding_function), (None, None, None))
    for code in ("w", "c"):
        metrics.destroy(code)
    print("created a weighted sum and a count")


def lists_have_pages(metrics):
    for number in range(5):
        metrics.create(metric(f"m{number}"))
    seen = []
    for page, (before, after) in {1: (None, 2), 2: (1, 3), 3: (2, None)}.items():
        answer = metrics.find_all({"page": page, "per_page": 2})
        meta = {"current_page": page, "next_page": after, "prev_page": before, "total_pages": 3, "total_count": 5}
        equal(answer["meta"], meta)
        seen += [found.code for found in answer["billable_metrics"]]
    equal(seen, ["m4", "m3", "m2", "m1", "m0"])
    equal(len(metrics.find_all()["billable_metrics"]), 5)
    for code in seen:
        metrics.destroy(code)
    equal(metrics.find_all()["billable_metrics"], [])
    print("listed 5 on 3 pages")


def evaluated(metrics, expression, properties):
    """What `evaluate_expression` means to do: this version's sends no body, so the client's own pieces send it here."""
    event = BillableMetricEvaluateExpressionEvent(code="c", timestamp=1772352000, properties=properties)
    body = BillableMetricEvaluateExpression(expression=expression, event=event)
    answer = send_post_request(
        make_url(origin=metrics.base_url, path_parts=(metrics.API_RESOURCE, "evaluate_expression")),
        content=to_json(body.dict()),
        headers=make_headers(api_key=metrics.api_key),
    )
    data = get_response_data(response=answer, key="expression_result")
    return prepare_object_response(response_model=BillableMetricEvaluateExpressionResponse, data=data).value


def expressions_are_evaluated(metrics):
    equal(evaluated(metrics, "event.properties.n * 2 + 1", {"n": 10}), "21.0")
    equal(evaluated(metrics, "concat(event.properties.x, 't')", {"x": "1.23"}), "1.23t")
    error = refused(lambda: evaluated(metrics, "1 +", {}))
    equal((error.status_code, error.response["error_details"]), (422, {"expression": ["invalid_expression"]}))
    error = refused(lambda: evaluated(metrics, "event.properties.none + 1", {}))
    equal((error.status_code, error.response["error_details"]), (422, {"event": ["invalid_event"]}))
    print("evaluated expressions")

    # The method itself, which sends nothing: Lago misses an expression, and so do we.
    event = BillableMetricEvaluateExpressionEvent(code="c", timestamp=1772352000, properties={})
    body = BillableMetricEvaluateExpression(expression="1 + 1", event=event)
    error = refused(lambda: metrics.evaluate_expression(body))
    equal((error.status_code, error.response["error_details"]), (422, {"expression": ["value_is_mandatory"]}))
    print("evaluate_expression, which sends no body, misses the expression")


def errors_are_told(url, metrics, reader):
    metrics.create(metric("taken"))
    error = refused(lambda: metrics.create(BillableMetric(code="taken", aggregation_type="sum_agg")))
    equal(error.status_code, 422)
    equal((error.response["code"], error.response["error"]), ("validation_errors", "Unprocessable entity"))
    details = {
        "code": ["value_already_exists"],
        "name": ["value_is_mandatory"],
        "field_name": ["value_is_mandatory"],
    }
    equal(error.response["error_details"], details)
    error = refused(lambda: metrics.update(BillableMetric(aggregation_type="no_agg"), "taken"))
    equal((error.status_code, error.response["error_details"]), (422, {"aggregation_type": ["value_is_invalid"]}))
    error = refused(lambda: metrics.create(BillableMetric()))
    equal((error.status_code, error.response), (400, {"status": 400, "error": "Bad Request"}))
    error = refused(lambda: metrics.create(BillableMetric(name="n", code="n", aggregation_type="custom_agg")))
    equal((error.status_code, error.response["code"]), (403, "feature_unavailable"))
    print("refused with 400, 403 and 422")

    missing = {"status": 404, "error": "Not Found", "code": "billable_metric_not_found"}
    for call in (metrics.find, metrics.destroy, lambda code: metrics.update(BillableMetric(name="n"), code)):
        error = refused(lambda: call("none"))
        equal((error.status_code, error.response, error.detail), (404, missing, "Not Found"))
    error = refused(lambda: Client(api_key="none", api_url=url).billable_metrics().find("taken"))
    unauthorized = {"status": 401, "error": "Unauthorized"}
    equal((error.status_code, error.response, error.detail), (401, unauthorized, "Unauthorized"))
    equal(reader.find("taken").code, "taken")
    equal(refused(lambda: reader.destroy("taken")).status_code, 403)
    metrics.destroy("taken")
    print("refused with 401, 403 and 404")


def main():
    url, definer, reader = sys.argv[1:]
    metrics = Client(api_key=definer, api_url=url).billable_metrics()
    one_is_created_found_updated_and_deleted(metrics)
    kinds_are_told(metrics)
    lists_have_pages(metrics)
    expressions_are_evaluated(metrics)
    errors_are_told(url, metrics, Client(api_key=reader, api_url=url).billable_metrics())
    print("all is well")


main()
