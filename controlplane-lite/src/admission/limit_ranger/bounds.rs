//! Minimum, maximum and ratio of one limit against what is asked for.

use serde_json::Value;

use super::amount;
use crate::admission::text;
use crate::quantity::Quantity;
use crate::quantity::pod::{Amounts, amounts};

/// Compares usage with one bound; the complaint if it is not kept.
type Check = fn(&Usage, &Bound<'_>) -> Option<String>;

/// What is asked for; claims know no limits.
pub(super) struct Usage {
    pub(super) requests: Amounts,
    pub(super) limits: Option<Amounts>,
}

impl Usage {
    pub(super) fn of(resources: Option<&Value>) -> Self {
        Self {
            requests: amounts(resources, "requests"),
            limits: Some(amounts(resources, "limits")),
        }
    }

    /// Adds a complaint for each bound of `limit` that is not kept.
    pub(super) fn check(&self, limit: &Value, found: &mut Vec<String>) {
        let kind = text(limit, "type");
        let checks: [(&str, Check); 3] = [
            ("min", Self::minimum),
            ("max", Self::maximum),
            ("maxLimitRequestRatio", Self::ratio),
        ];
        for (field, check) in checks {
            for (name, value) in amounts(Some(limit), field) {
                found.extend(check(
                    self,
                    &Bound {
                        kind,
                        name: &name,
                        value,
                    },
                ));
            }
        }
    }

    fn request(&self, name: &str) -> Option<Quantity> {
        amount(&self.requests, name)
    }

    fn limit(&self, name: &str) -> Option<Quantity> {
        self.limits.as_ref().and_then(|limits| amount(limits, name))
    }

    fn minimum(&self, bound: &Bound<'_>) -> Option<String> {
        let Bound { kind, name, value } = bound;
        let head = format!("minimum {name} usage per {kind} is {value}");
        let Some(request) = self.request(name) else {
            return Some(format!("{head}.  No request is specified"));
        };
        if request < *value {
            return Some(format!("{head}, but request is {request}"));
        }
        let limit = self.limit(name).filter(|limit| limit < value)?;
        Some(format!("{head}, but limit is {limit}"))
    }

    fn maximum(&self, bound: &Bound<'_>) -> Option<String> {
        let Bound { kind, name, value } = bound;
        let head = format!("maximum {name} usage per {kind} is {value}");
        if self.limits.is_some() {
            match self.limit(name) {
                None => return Some(format!("{head}.  No limit is specified")),
                Some(limit) if limit > *value => return Some(format!("{head}, but limit is {limit}")),
                Some(_) => {}
            }
        } else if self.request(name).is_none() {
            return Some(format!("{head}.  No request is specified"));
        }
        let request = self.request(name).filter(|request| request > value)?;
        Some(format!("{head}, but request is {request}"))
    }

    fn ratio(&self, bound: &Bound<'_>) -> Option<String> {
        let Bound { kind, name, value } = bound;
        let head = format!("{name} max limit to request ratio per {kind} is {value}");
        let Some(request) = self.request(name).filter(|request| !request.is_zero()) else {
            return Some(format!("{head}, but no request is specified or request is 0"));
        };
        let Some(limit) = self.limit(name).filter(|limit| !limit.is_zero()) else {
            return Some(format!("{head}, but no limit is specified or limit is 0"));
        };
        // Thousandths tell small amounts of CPU apart; both sides are scaled alike.
        let provided = ratio_of(&limit, &request);
        let allowed = ratio_of(value, &Quantity::units(1));
        (provided > allowed).then(|| format!("{head}, but provided ratio is {provided:.6}"))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a ratio is shown with six digits")]
fn ratio_of(upper: &Quantity, lower: &Quantity) -> f64 {
    upper.milli_value() as f64 / lower.milli_value() as f64
}

struct Bound<'a> {
    kind: &'a str,
    name: &'a str,
    value: Quantity,
}
