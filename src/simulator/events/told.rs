//! An event as the platform tells it: the spellings of the callback, of the stream and of the failed list.

use serde_json::{Map, Value, json};

use crate::simulator::change::Event;
use crate::simulator::grants::random;

/// What happened.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) kind: String,
    /// Milliseconds since 1970; no two events have the same.
    pub(super) born_ms: i64,
    /// What it says, in the newer spelling.
    pub(super) fields: Map<String, Value>,
}

/// Which of the two generations of payloads the callback has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Spelling {
    /// `UserId`, `TimeStamp`, and no id.
    Old,
    /// `userId`, `timeStamp`, `eventId`.
    #[default]
    New,
}

impl Told {
    pub(super) fn new(kind: &str, born_ms: i64, fields: Map<String, Value>) -> Self {
        Self {
            id: random(),
            kind: kind.to_owned(),
            born_ms,
            fields,
        }
    }

    /// A change of the company.
    pub(super) fn of_change(event: &Event, born_ms: i64) -> Self {
        let mut fields = Map::new();
        if !event.userids.is_empty() {
            fields.insert("userId".to_owned(), json!(event.userids));
            fields.insert("optStaffId".to_owned(), json!("manager01"));
        }
        if !event.dept_ids.is_empty() {
            fields.insert("deptId".to_owned(), json!(event.dept_ids));
        }
        Self::new(event.kind, born_ms, fields)
    }

    /// The message of a callback.
    pub(super) fn in_callback(&self, spelling: Spelling, corp_id: &str) -> Value {
        let mut message = match spelling {
            Spelling::Old => Map::from_iter([
                ("CorpId".to_owned(), json!(corp_id)),
                ("TimeStamp".to_owned(), json!(self.born_ms.to_string())),
            ]),
            Spelling::New => Map::from_iter([
                ("CorpId".to_owned(), json!(corp_id)),
                ("EventTime".to_owned(), json!(self.born_ms)),
                ("BizId".to_owned(), json!(self.id.chars().rev().collect::<String>())),
                ("eventId".to_owned(), json!(self.id)),
                ("timeStamp".to_owned(), json!(self.born_ms.to_string())),
            ]),
        };
        message.insert("EventType".to_owned(), json!(self.kind));
        message.extend(self.spelled(spelling));
        Value::Object(message)
    }

    /// The data of a frame of the stream.
    pub(super) fn in_stream(&self) -> Value {
        let mut data = self.fields.clone();
        data.insert("eventId".to_owned(), json!(self.id));
        data.insert("timeStamp".to_owned(), json!(self.born_ms.to_string()));
        Value::Object(data)
    }

    /// The entry of the failed list.
    pub(super) fn in_failed_list(&self, corp_id: &str) -> Value {
        let mut inner = Map::from_iter([("corpid".to_owned(), json!(corp_id))]);
        let wrapper = match self.kind.split('_').next() {
            Some("user") => None,
            Some("bpms") => Some("bpmsCallBackData"),
            Some("label") => Some("roleLabelChange"),
            _ => Some("callbackData"),
        };
        match wrapper {
            Some(wrapper) => {
                inner.insert(wrapper.to_owned(), Value::Object(self.spelled(Spelling::Old)));
            }
            None => inner.extend(
                self.fields
                    .iter()
                    .map(|(name, value)| (name.to_lowercase(), value.clone())),
            ),
        }
        let mut entry = Map::from_iter([
            ("call_back_tag".to_owned(), json!(self.kind)),
            ("event_time".to_owned(), json!(self.born_ms)),
        ]);
        entry.insert(self.kind.clone(), Value::Object(inner));
        Value::Object(entry)
    }

    /// The older spelling writes a capital in front of what names an id; approvals never did.
    fn spelled(&self, spelling: Spelling) -> Map<String, Value> {
        if spelling == Spelling::New || self.kind.starts_with("bpms_") {
            return self.fields.clone();
        }
        let capital = |name: &String| {
            let mut letters = name.chars();
            match letters.next() {
                Some(first) if name.contains("Id") => format!("{}{}", first.to_uppercase(), letters.as_str()),
                _ => name.clone(),
            }
        };
        self.fields
            .iter()
            .map(|(name, value)| (capital(name), value.clone()))
            .collect()
    }
}
