"""Lago's client for Python of the first generation of its API against a running daemon: URL, a key that defines, and one
that only reads."""

import sys
import time

from lago_python_client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import BillableMetric, BillableMetricGroup
from pydantic import ValidationError

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


def metric(code, **others):
    return BillableMetric(name="Storage", code=code, aggregation_type="sum_agg", field_name="gb", **others)


def one_is_created_found_updated_and_deleted(metrics):
    regions = BillableMetricGroup(key="region", values=["us", "eu"])
    made = metrics.create(metric(CODE, description="GB", group=regions))
    equal((made.code, made.name, made.description), (CODE, "Storage", "GB"))
    equal((made.aggregation_type, made.field_name), ("sum_agg", "gb"))
    equal((made.group.key, made.group.values), ("region", ["us", "eu"]))
    equal((made.active_subscriptions_count, made.draft_invoices_count, made.plans_count), (0, 0, 0))
    time.strptime(made.created_at, "%Y-%m-%dT%H:%M:%SZ")
    print("created", made.code, made.lago_id)

    equal(metrics.find(CODE), made)
    print("found", CODE)

    clouds = BillableMetricGroup(key="cloud", values=["aws"])
    changed = metrics.update(BillableMetric(name="Disk", group=clouds), CODE)
    equal((changed.lago_id, changed.name, changed.description), (made.lago_id, "Disk", "GB"))
    equal((changed.group.key, changed.group.values), ("cloud", ["aws"]))
    equal(metrics.find(CODE), changed)
    print("updated", CODE)

    equal(metrics.destroy(CODE), changed)
    equal(refused(lambda: metrics.find(CODE)).status_code, 404)
    again = metrics.create(metric(CODE))
    assert again.lago_id != made.lago_id
    equal((again.group.key, again.group.values), (None, None))
    metrics.destroy(CODE)
    print("deleted", CODE)


def groups_have_two_dimensions(client):
    metrics = client.billable_metrics()
    values = [
        {"name": "aws", "key": "region", "values": ["eu", "us"]},
        {"name": "own", "key": "rack", "values": ["r1"]},
    ]
    made = metrics.create(metric("compute", group=BillableMetricGroup(key="cloud", values=values)))
    equal((made.group.key, made.group.values), ("cloud", values))
    equal(metrics.find("compute"), made)
    answer = client.groups().find_all("compute", {"page": 1, "per_page": 2})
    equal([(group.key, group.value) for group in answer["groups"]], [("aws", "eu"), ("aws", "us")])
    equal((answer["meta"]["total_count"], answer["meta"]["next_page"]), (3, 2))
    answer = client.groups().find_all("compute", {"page": 2, "per_page": 2})
    equal([(group.key, group.value) for group in answer["groups"]], [("own", "r1")])
    print("created and listed groups of two dimensions")

    # A group of one dimension has no key above it. This client demands one, and does so of Lago too.
    metrics.update(BillableMetric(group=BillableMetricGroup(key="region", values=["eu"])), "compute")
    try:
        client.groups().find_all("compute")
    except ValidationError as error:
        equal([fault["loc"] for fault in error.errors()], [("key",)])
    else:
        raise AssertionError("a group without a key was read")
    metrics.destroy("compute")
    print("listed groups of one dimension, which this client cannot read")


def first_aggregations_are_known(metrics):
    for kind in ("recurring_count_agg", "unique_count_agg", "max_agg", "count_agg"):
        field = None if kind == "count_agg" else "user"
        made = metrics.create(BillableMetric(name=kind, code=kind, aggregation_type=kind, field_name=field))
        equal((made.aggregation_type, made.field_name), (kind, field))
        metrics.destroy(kind)
    print("created a metric of each other aggregation")


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
    deep = [{"name": "a", "key": "b", "values": [{"name": "c", "key": "d", "values": ["e"]}]}]
    error = refused(lambda: metrics.create(metric("deep", group=BillableMetricGroup(key="k", values=deep))))
    equal((error.status_code, error.response["error_details"]), (422, {"group": ["value_is_invalid"]}))
    error = refused(lambda: metrics.update(BillableMetric(), "taken"))
    equal((error.status_code, error.response), (400, {"status": 400, "error": "Bad Request"}))
    print("refused with 400 and 422")

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
    client = Client(api_key=definer, api_url=url)
    metrics = client.billable_metrics()
    one_is_created_found_updated_and_deleted(metrics)
    groups_have_two_dimensions(client)
    first_aggregations_are_known(metrics)
    lists_have_pages(metrics)
    assert not hasattr(metrics, "evaluate_expression"), "this generation knows no expressions"
    errors_are_told(url, metrics, Client(api_key=reader, api_url=url).billable_metrics())
    print("all is well")


main()
