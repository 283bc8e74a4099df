// Lago's client for JavaScript against a running daemon: URL, a key that defines, and one that only reads.
"use strict";

const { deepStrictEqual: equal, notStrictEqual, match, fail } = require("node:assert");
const { Client, getLagoError } = require("lago-javascript-client");

const CODE = "storage.eu/gb";

/** Status and body of the error that a call throws, as the client makes it. */
async function refused(call) {
  let answer;
  try {
    answer = await call();
  } catch (error) {
    return [error.status, await getLagoError(error)];
  }
  return fail(`answered ${JSON.stringify(answer.data)}`);
}

function metric(code, others = {}) {
  return {
    billable_metric: { name: "Storage", code, aggregation_type: "sum_agg", field_name: "gb", recurring: false, ...others },
  };
}

async function oneIsCreatedFoundUpdatedAndDeleted(metrics) {
  const filters = [
    { key: "region", values: ["us", "eu"] },
    { key: "cloud", values: ["aws"] },
  ];
  const fields = {
    description: "GB",
    expression: "ceil(event.properties.mb / 1000)",
    rounding_function: "round",
    rounding_precision: 2,
    filters,
  };
  const made = (await metrics.createBillableMetric(metric(CODE, fields))).data.billable_metric;
  const { lago_id: id, created_at: createdAt, ...told } = made;
  match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  equal(told, {
    ...metric(CODE, fields).billable_metric,
    filters: [
      { key: "cloud", values: ["aws"] },
      { key: "region", values: ["eu", "us"] },
    ],
    weighted_interval: null,
    group: {},
    active_subscriptions_count: 0,
    draft_invoices_count: 0,
    plans_count: 0,
  });
  console.log("created", CODE, id);

  equal((await metrics.findBillableMetric(CODE)).data.billable_metric, made);
  console.log("found", CODE);

  const change = { billable_metric: { name: "Disk", filters: [{ key: "region", values: ["eu"] }] } };
  const changed = (await metrics.updateBillableMetric(CODE, change)).data.billable_metric;
  equal(changed, { ...made, ...change.billable_metric });
  equal((await metrics.findBillableMetric(CODE)).data.billable_metric, changed);
  console.log("updated", CODE);

  equal((await metrics.destroyBillableMetric(CODE)).data.billable_metric, changed);
  equal((await refused(() => metrics.findBillableMetric(CODE)))[0], 404);
  const again = (await metrics.createBillableMetric(metric(CODE))).data.billable_metric;
  notStrictEqual(again.lago_id, id);
  equal(again.filters, []);
  await metrics.destroyBillableMetric(CODE);
  console.log("deleted", CODE);
}

async function listsHavePages(metrics) {
  for (let number = 0; number < 5; number += 1) {
    await metrics.createBillableMetric(metric(`m${number}`));
  }
  const seen = [];
  for (const [page, before, after] of [[1, null, 2], [2, 1, 3], [3, 2, null]]) {
    const { data } = await metrics.findAllBillableMetrics({ page, per_page: 2 });
    const meta = { current_page: page, next_page: after, prev_page: before, total_pages: 3, total_count: 5 };
    equal(data.meta, meta);
    seen.push(...data.billable_metrics.map((found) => found.code));
  }
  equal(seen, ["m4", "m3", "m2", "m1", "m0"]);
  equal((await metrics.findAllBillableMetrics()).data.billable_metrics.length, 5);
  for (const code of seen) {
    await metrics.destroyBillableMetric(code);
  }
  equal((await metrics.findAllBillableMetrics()).data.billable_metrics, []);
  console.log("listed 5 on 3 pages");
}

async function expressionsAreEvaluated(metrics) {
  const asked = (expression, properties) =>
    metrics.evaluateBillableMetricExpression({ expression, event: { code: "c", timestamp: 1772352000, properties } });
  const value = async (expression, properties) => (await asked(expression, properties)).data.expression_result.value;
  equal(await value("event.properties.n * 2 + 1", { n: 10 }), "21.0");
  equal(await value("concat(event.properties.x, 't')", { x: "1.23" }), "1.23t");
  const details = async (expression) => {
    const [status, error] = await refused(() => asked(expression, {}));
    return [status, error.error_details];
  };
  equal(await details(""), [422, { expression: ["value_is_mandatory"] }]);
  equal(await details("1 +"), [422, { expression: ["invalid_expression"] }]);
  equal(await details("event.properties.none + 1"), [422, { event: ["invalid_event"] }]);
  console.log("evaluated expressions");
}

async function errorsAreTold(baseUrl, metrics, reader) {
  await metrics.createBillableMetric(metric("taken"));
  const bare = { billable_metric: { code: "taken", aggregation_type: "sum_agg" } };
  let [status, error] = await refused(() => metrics.createBillableMetric(bare));
  const { error_details: details, ...others } = error;
  equal([status, others], [422, { status: 422, error: "Unprocessable entity", code: "validation_errors" }]);
  equal(
    { ...details },
    { code: ["value_already_exists"], name: ["value_is_mandatory"], field_name: ["value_is_mandatory"] },
  );
  const wrong = { billable_metric: { aggregation_type: "no_agg" } };
  [status, error] = await refused(() => metrics.updateBillableMetric("taken", wrong));
  equal([status, error.error_details], [422, { aggregation_type: ["value_is_invalid"] }]);
  [status, error] = await refused(() => metrics.createBillableMetric({}));
  equal([status, error], [400, { status: 400, error: "Bad Request" }]);
  const custom = metric("custom", { aggregation_type: "custom_agg" });
  [status, error] = await refused(() => metrics.createBillableMetric(custom));
  equal([status, error.code], [403, "feature_unavailable"]);
  console.log("refused with 400, 403 and 422");

  const missing = [404, { status: 404, error: "Not Found", code: "billable_metric_not_found" }];
  equal(await refused(() => metrics.findBillableMetric("none")), missing);
  equal(await refused(() => metrics.destroyBillableMetric("none")), missing);
  equal(await refused(() => metrics.updateBillableMetric("none", { billable_metric: { name: "n" } })), missing);
  const stranger = Client("none", { baseUrl }).billableMetrics;
  equal(await refused(() => stranger.findBillableMetric("taken")), [401, { status: 401, error: "Unauthorized" }]);
  equal((await reader.findBillableMetric("taken")).data.billable_metric.code, "taken");
  equal((await refused(() => reader.destroyBillableMetric("taken")))[0], 403);
  await metrics.destroyBillableMetric("taken");
  console.log("refused with 401, 403 and 404");
}

async function main() {
  const [url, definer, reader] = process.argv.slice(2);
  const baseUrl = `${url}/api/v1`;
  const metrics = Client(definer, { baseUrl }).billableMetrics;
  await oneIsCreatedFoundUpdatedAndDeleted(metrics);
  await listsHavePages(metrics);
  await expressionsAreEvaluated(metrics);
  await errorsAreTold(baseUrl, metrics, Client(reader, { baseUrl }).billableMetrics);
  console.log("all is well");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
