//! What the APIs of other systems cannot say and configuration does: how tenants are called there, and what metrics that
//! are made there begin with.

use std::collections::BTreeMap;

use crate::dialect::Defaults;

/// What configuration says of other systems' APIs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Dialects {
    /// Of metrics that are made by Lago's calls.
    pub lago: Defaults,
    /// Whose words Lago's refusals have.
    pub lago_errors: LagoErrors,
    /// Of metrics that are made by Maple's calls.
    pub maple: Defaults,
    /// Of metrics that are made by Zenskar's calls.
    pub zenskar: Defaults,
    /// The topic of each of Zenskar's datasources.
    pub zenskar_datasources: BTreeMap<String, String>,
}

/// Whose words Lago's refusals have.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum LagoErrors {
    /// Those that its pages print.
    #[default]
    Documented,
    /// Those that its servers print.
    Server,
}

/// How one tenant is called elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TenantNames {
    /// Here.
    pub tenant: String,
    /// As `organization_id` of Lago's events.
    pub lago_organization: Option<String>,
    /// As `company_id` in Maple's paths.
    pub maple_company: Option<String>,
    /// As Zenskar's header `organisation`.
    pub zenskar_organisation: Option<String>,
}

/// How tenants are called elsewhere: one that nothing is said of has the same name everywhere.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tenants(pub Vec<TenantNames>);

impl Tenants {
    /// The tenant that Maple calls so.
    #[must_use]
    pub fn of_company(&self, company: &str) -> String {
        self.of(company, |names| names.maple_company.as_deref())
    }

    /// What Maple calls a tenant.
    #[must_use]
    pub fn company(&self, tenant: &str) -> String {
        self.foreign(tenant, |names| names.maple_company.as_deref())
    }

    /// The tenant that Zenskar calls so.
    #[must_use]
    pub fn of_organisation(&self, organisation: &str) -> String {
        self.of(organisation, |names| names.zenskar_organisation.as_deref())
    }

    /// What Zenskar calls a tenant.
    #[must_use]
    pub fn organisation(&self, tenant: &str) -> String {
        self.foreign(tenant, |names| names.zenskar_organisation.as_deref())
    }

    /// The tenants that Lago's events call otherwise, by the name there.
    #[must_use]
    pub fn organizations(&self) -> BTreeMap<String, String> {
        let named =
            |names: &TenantNames| Some((names.lago_organization.clone()?, names.tenant.clone()));
        self.0.iter().filter_map(named).collect()
    }

    fn of(&self, name: &str, foreign: impl Fn(&TenantNames) -> Option<&str>) -> String {
        let known = self.0.iter().find(|names| foreign(names) == Some(name));
        known.map_or(name, |names| names.tenant.as_str()).to_owned()
    }

    fn foreign(&self, tenant: &str, foreign: impl Fn(&TenantNames) -> Option<&str>) -> String {
        let known = self.0.iter().find(|names| names.tenant == tenant);
        known.and_then(foreign).unwrap_or(tenant).to_owned()
    }
}
