//! What is sent, and what comes back.

use domain::ids::ChargeId;
use domain::ports::Bill;
use domain::provider_charge::Verdict;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the provider is to do. Each is safe to send again.
#[derive(Debug, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Charge, once for this id.
    Authorise(BillBody),
    /// Say what became of it.
    Ask { payment_id: Uuid },
    /// Give back what was charged, and never charge for this id again.
    GiveBack(BillBody),
}

#[derive(Debug, Serialize)]
pub(crate) struct BillBody {
    payment_id: Uuid,
    user_id: Uuid,
    /// None for a top-up.
    reservation_id: Option<Uuid>,
    /// In minor units.
    amount: i64,
    /// ISO 4217.
    currency: String,
}

impl From<&Bill> for BillBody {
    fn from(bill: &Bill) -> Self {
        Self {
            payment_id: bill.charge_id.into(),
            user_id: bill.user_id.into(),
            reservation_id: bill.reservation_id.map(Into::into),
            amount: bill.amount.into(),
            currency: bill.currency.to_string(),
        }
    }
}

impl Request {
    pub(crate) fn ask(id: ChargeId) -> Self {
        Self::Ask { payment_id: id.into() }
    }
}

/// What the provider says. What else it says is not looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    payment_id: Uuid,
    state: State,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Unknown,
    Pending,
    Charged,
    Declined,
    Returned,
}

impl Answer {
    /// What it says of that payment; nothing when it is about another.
    pub(crate) fn about(self, id: ChargeId) -> Option<Verdict> {
        (ChargeId::from(self.payment_id) == id).then(|| match self.state {
            State::Unknown => Verdict::Unknown,
            State::Pending => Verdict::Pending,
            State::Charged => Verdict::Charged,
            State::Declined => Verdict::declined(self.reason.as_deref()),
            State::Returned => Verdict::Returned,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::money::Amount;
    use serde_json::{Value, json};

    use super::*;

    fn schemas() -> Value {
        let document = include_str!("../../../docs/payment-provider.openapi.json");
        let document: Value = serde_json::from_str(document).unwrap();
        document["components"]["schemas"].clone()
    }

    fn names(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    fn texts(list: &Value) -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_sent_is_what_the_document_says() {
        let id = Uuid::from_u128(1);
        let bill = Bill {
            charge_id: id.into(),
            user_id: id.into(),
            reservation_id: Some(id.into()),
            amount: Amount::new(1).unwrap(),
            currency: "KRW".parse().unwrap(),
        };
        let schemas = schemas();
        for (schema, request) in [
            ("Authorise", Request::Authorise((&bill).into())),
            ("Ask", Request::ask(id.into())),
            ("GiveBack", Request::GiveBack((&bill).into())),
        ] {
            let sent = serde_json::to_value(request).unwrap();
            let schema = &schemas[schema];
            assert_eq!(names(&sent), names(&schema["properties"]));
            assert_eq!(names(&sent), texts(&schema["required"]));
            assert_eq!(sent["action"], schema["properties"]["action"]["const"]);
        }
    }

    #[test]
    fn every_state_of_the_document_is_understood_and_no_other() {
        let id = Uuid::from_u128(1);
        let read = |state: &str| {
            serde_json::from_value::<Answer>(json!({ "payment_id": id, "state": state }))
        };
        let states = texts(&schemas()["Answer"]["properties"]["state"]["enum"]);
        assert_eq!(states.len(), 5);
        for state in &states {
            assert!(read(state).is_ok(), "{state}");
        }
        assert!(read("perhaps").is_err());
    }
}
