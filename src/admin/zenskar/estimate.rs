//! What an aggregate comes to for a customer from one date to another, by the totals so far.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use super::aggregates::own;
use super::answer::{Refused, refusal, shown};
use super::filter::truth;
use super::request::{Faults, Organisation, Query, fault};
use crate::admin::access::Caller;
use crate::admin::gather::{self, Sender};
use crate::admin::router::{Parameters, Shared};
use crate::admin::{Refusal, UsageAsk};
use crate::dialect::Json;
use crate::dialect::zenskar::Detail;
use crate::format::UsagePage;
use crate::registry::{Estimated, Range, RangeEdge, RangeFault, named_id};

/// How many totals an estimate is made of at most.
const TOTALS_MAX: usize = 10_000;
/// How many pages it takes at most to find them.
const PAGES_MAX: usize = 100;

/// What is asked for.
struct Ask {
    aggregate: String,
    customer: String,
    start_date: String,
    end_date: String,
}

/// Totals so far, added up over whole periods.
pub(in crate::admin) async fn estimates(
    State(shared): State<Shared>,
    caller: Caller,
    sender: Sender,
    organisation: Organisation,
    parameters: Parameters,
) -> Response<Body> {
    let estimated = async {
        let mut faults = Faults::default();
        let tenant = organisation.tenant(&shared, &caller, &mut faults)?;
        let (ask, unknown) = Ask::read(Query::of(parameters, &mut faults), &mut faults);
        let (tenant, ask) = faults.finish(tenant.zip(ask))?;
        let (code, range) = ask.range(&shared, &tenant)?;
        let (totals, page) = ask.totals((&shared, &sender), (&tenant, &code), range).await?;
        let estimated = range.estimate(&totals).map_err(|fault| Refused::Failed(fault.0))?;
        let told = |name: &String| format!("unknown parameter `{name}` is not read");
        let mut warnings: Vec<String> = unknown.iter().map(told).collect();
        warnings.extend(lacking(&page));
        Ok((ask.answer(&shared, &tenant, &estimated, &page), warnings))
    };
    match estimated.await {
        Ok((estimate, warnings)) => shown(estimate, &warnings),
        Err(refused) => refusal(refused),
    }
}

impl Ask {
    /// What is asked for, and the parameters that mean nothing here.
    fn read(mut query: Query, faults: &mut Faults) -> (Option<Self>, Vec<String>) {
        let aggregate = query.required_id("aggregate_id", faults);
        let customer = query.required("customer_id", faults);
        let start_date = query.required("start_date", faults);
        let end_date = query.required("end_date", faults);
        // There is a single one in any case.
        if let Some(text) = query.optional("get_single") {
            faults.take("query", truth("get_single", &text).map_err(|fault| vec![fault]));
        }
        let dates = start_date.zip(end_date);
        let ask = aggregate.zip(customer).zip(dates);
        let ask = ask.map(|((aggregate, customer), (start_date, end_date))| Ask {
            aggregate,
            customer,
            start_date,
            end_date,
        });
        (ask, query.rest().into_iter().map(|(name, _)| name).collect())
    }

    /// The code of the metric, and the whole periods that are meant.
    fn range(&self, shared: &Shared, tenant: &str) -> Result<(String, Range), Refused> {
        let registry = shared.shown.catalogue.registry();
        let code = own(&registry, tenant, &self.aggregate)?.code.clone();
        let dates = (self.start_date.as_str(), self.end_date.as_str());
        let range = registry.range((tenant, &code), &self.customer, dates);
        let range = range.ok_or(Refused::NotFound)?.map_err(|faults| {
            let told = faults.iter().map(|RangeFault { edge, message }| match edge {
                RangeEdge::Start => refused("start_date", message),
                RangeEdge::End => refused("end_date", message),
            });
            Refused::Faults(told.collect())
        })?;
        Ok((code, range))
    }

    /// The totals of these periods, and the page that says what of them is lacking, or the last one.
    async fn totals(
        &self,
        (shared, sender): (&Shared, &Sender),
        (tenant, code): (&str, &str),
        range: Range,
    ) -> Result<(Vec<String>, UsagePage), Refused> {
        let mut ask = UsageAsk {
            tenant: tenant.to_owned(),
            metric: code.to_owned(),
            generation: None,
            customer: Some(self.customer.clone()),
            from: Some(range.span.start),
            to: Some(range.span.end),
            group: Vec::new(),
            limit: TOTALS_MAX,
            cursor: None,
        };
        let (mut totals, mut lacking) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = gather::page(shared, sender, ask.clone()).await.map_err(of_page)?;
            totals.extend(page.totals().map(str::to_owned));
            ask.cursor = page.next.as_ref().map(ToString::to_string);
            if totals.len() > TOTALS_MAX {
                break;
            }
            let page = lacking.take().unwrap_or(page);
            if ask.cursor.is_none() {
                return Ok((totals, page));
            }
            lacking = Some(page).filter(|page| !page.is_complete());
        }
        let message = format!(
            "more than {TOTALS_MAX} totals lie between: ask for a shorter time, or /v1/usage page by page"
        );
        Err(Refused::Faults(vec![refused("end_date", &message)]))
    }

    fn answer(
        &self,
        shared: &Shared,
        tenant: &str,
        estimated: &[Estimated],
        page: &UsagePage,
    ) -> String {
        let Ask { aggregate, customer, start_date, end_date } = self;
        let name = [tenant, aggregate, customer, start_date, end_date].join("\n");
        let text = |text: &str| Json::text(text).to_string();
        let fields: Vec<String> = estimated.iter().map(|one| field(one).to_string()).collect();
        let asked = [
            ("id", text(&named_id(&name))),
            ("organisation_id", text(&shared.shown.tenants.organisation(tenant))),
            ("aggregate_id", text(aggregate)),
            ("customer_id", text(customer)),
            ("start_date", text(start_date)),
            ("end_date", text(end_date)),
            ("value", format!(r#"{{"fields":[{}]}}"#, fields.join(","))),
        ];
        let times = [
            ("as_of", page.as_of()),
            ("created_at", text(&(shared.shown.now)().to_string())),
            ("updated_at", "null".to_owned()),
            ("deleted_at", "null".to_owned()),
        ];
        let members = asked.into_iter().chain(page.lacks()).chain(times);
        let members = members.map(|(key, value)| format!("{}:{value}", text(key)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// A date that has no estimate.
fn refused(parameter: &str, message: &str) -> Detail {
    Detail::new("query", &fault(parameter, "value_error", message.to_owned()))
}

fn of_page(refusal: Refusal) -> Refused {
    match refusal {
        // It went meanwhile.
        Refusal::NotFound(_) => Refused::NotFound,
        Refusal::Faults(faults) => Refused::Failed(format!("{faults:?}")),
        Refusal::NoJson(text) | Refusal::Failed(text) => Refused::Failed(text),
        Refusal::TooLarge => Refused::TooLarge,
    }
}

/// What an amount is without, for whoever does not look at `complete`.
fn lacking(page: &UsagePage) -> Vec<String> {
    let missing = (!page.missing.is_empty())
        .then(|| format!("not the whole amount: {} was not looked at", page.missing));
    let forgotten = page
        .has_forgotten
        .then(|| "not the whole amount: some of its periods may be forgotten".to_owned());
    missing.into_iter().chain(forgotten).collect()
}

/// One group; of several columns the dimension has each by its name.
fn field(estimated: &Estimated) -> Json {
    let Estimated { group, quantity } = estimated;
    let number = quantity.clone().map_or(Json::Null, Json::Number);
    let mut members = vec![("quantity".to_owned(), number)];
    let value = |value: &Option<String>| Json::optional(value.as_deref());
    let dimension = match &group[..] {
        [] => None,
        [(_, only)] => Some(value(only)),
        several => {
            let columns = several.iter().map(|(column, found)| (column.clone(), value(found)));
            Some(Json::Object(columns.collect()))
        }
    };
    members.extend(dimension.map(|dimension| ("dimension".to_owned(), dimension)));
    Json::Object(members)
}
