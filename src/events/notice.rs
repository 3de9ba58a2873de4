//! What an event says: its type, and who or what is to be read again because of it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::event::Arrival;
use crate::dingtalk::ids::{DepartmentId, UserId};

/// An event of our own: nobody listened for a while.
pub(super) const GAP: &str = "stream_gap";
/// An event that concerns more than so many people or departments concerns the company.
const MOST_OBJECTS: usize = 1000;
/// Longest name of an event type; the platform's are half as long.
const LONGEST_TYPE: usize = 64;

/// The events that concern our directory (dingtalk-api, section 9.6): name, and where it says whom.
const OURS: [(&str, Names); 14] = [
    ("user_add_org", Names::People("userid")),
    ("user_modify_org", Names::People("userid")),
    ("user_leave_org", Names::People("userid")),
    ("user_active_org", Names::People("userid")),
    ("org_admin_add", Names::People("userid")),
    ("org_admin_remove", Names::People("userid")),
    ("label_user_change", Names::People("useridlist")),
    ("org_dept_create", Names::Departments),
    ("org_dept_modify", Names::Departments),
    ("org_dept_remove", Names::Departments),
    ("org_change", Names::TheCompany),
    ("label_conf_add", Names::TheCompany),
    ("label_conf_modify", Names::TheCompany),
    ("label_conf_del", Names::TheCompany),
];

/// What an event of a type names.
#[derive(Debug, Clone, Copy)]
enum Names {
    /// Userids, in this field.
    People(&'static str),
    /// Departments.
    Departments,
    /// Nobody by themselves.
    TheCompany,
}

/// What is to be read again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A member of the company, or one who was.
    Employee(UserId),
    /// A department.
    Department(DepartmentId),
    /// Everything.
    Company,
}

impl Object {
    /// The key under which it is stored.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Employee(userid) => format!("user:{userid}"),
            Self::Department(id) => format!("dept:{id}"),
            Self::Company => "company".to_owned(),
        }
    }

    /// The object of a stored key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        match key.split_once(':') {
            Some(("user", userid)) => UserId::new(userid).ok().map(Self::Employee),
            Some(("dept", id)) => id.parse().ok().map(|id| Self::Department(DepartmentId(id))),
            None if key == "company" => Some(Self::Company),
            _ => None,
        }
    }
}

/// The names under which a subscription asks for the events that concern us.
#[must_use]
pub fn subscribed_types() -> Vec<&'static str> {
    OURS.iter().map(|(name, _)| *name).collect()
}

/// An event as it came in, by whichever way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The platform's name of the event.
    pub event_type: String,
    /// What is to be read again; nothing for an event that does not concern us.
    pub objects: BTreeSet<Object>,
    /// The same for every delivery of the same event.
    identity: String,
}

impl Notice {
    /// Reads the message of a callback. `sealed_as` tells apart what bears neither id nor time.
    #[must_use]
    pub fn from_callback(text: &str, sealed_as: &str) -> Option<Self> {
        let fields = Fields::read(text)?;
        let event_type = fields.text("eventtype")?;
        Some(Self::new(&event_type, &fields, None, sealed_as))
    }

    /// Reads an event of Stream mode: its headers, and the text of its data.
    #[must_use]
    pub fn from_stream(event_type: &str, event_id: Option<String>, data: &str, message_id: &str) -> Self {
        let fields = Fields::read(data).unwrap_or_default();
        Self::new(event_type, &fields, event_id, message_id)
    }

    /// Reads an entry of the platform's list of failed callbacks (dingtalk-api, section 9.1).
    #[must_use]
    pub fn from_failed_list(entry: &Value) -> Option<Self> {
        let outer = Fields::of(entry.as_object()?);
        let event_type = outer.text("call_back_tag")?;
        let inner = outer.0.get(&event_type.to_lowercase()).and_then(Value::as_object)?;
        let mut fields = Fields::of(inner);
        for wrapper in ["callbackdata", "rolelabelchange", "bpmscallbackdata"] {
            if let Some(Value::Object(wrapped)) = fields.0.remove(wrapper) {
                fields.0.extend(Fields::of(&wrapped).0);
            }
        }
        if let Some(time) = outer.0.get("event_time") {
            fields.0.entry("timestamp").or_insert_with(|| time.clone());
        }
        Some(Self::new(&event_type, &fields, None, &entry.to_string()))
    }

    /// Something that is not the platform's: we were deaf for a while, until the moment of `identity`.
    #[must_use]
    pub fn of_gap(identity: String) -> Self {
        Self {
            event_type: GAP.to_owned(),
            objects: BTreeSet::from([Object::Company]),
            identity,
        }
    }

    fn new(event_type: &str, fields: &Fields, event_id: Option<String>, otherwise: &str) -> Self {
        let event_type: String = event_type
            .chars()
            .filter(char::is_ascii_graphic)
            .take(LONGEST_TYPE)
            .collect();
        let names = OURS
            .iter()
            .find(|(name, _)| *name == event_type)
            .map(|(_, names)| *names);
        let mut objects: BTreeSet<Object> = match names {
            Some(Names::People(field)) => fields
                .list(field)
                .filter_map(|userid| UserId::new(userid).ok().map(Object::Employee))
                .collect(),
            Some(Names::Departments) => fields
                .list("deptid")
                .filter_map(|id| id.parse().ok().map(|id| Object::Department(DepartmentId(id))))
                .collect(),
            Some(Names::TheCompany) => BTreeSet::from([Object::Company]),
            None => BTreeSet::new(),
        };
        if objects.len() > MOST_OBJECTS || (objects.is_empty() && names.is_some()) {
            objects = BTreeSet::from([Object::Company]);
        }
        let id = event_id.or_else(|| fields.text("eventid"));
        let time = ["timestamp", "eventtime"].iter().find_map(|name| fields.text(name));
        let identity = match (id, time) {
            (Some(id), _) => format!("id {id}"),
            (None, Some(time)) => {
                let keys: Vec<String> = objects.iter().map(Object::key).collect();
                format!("at {time} {}", keys.join(" "))
            }
            (None, None) => format!("as {otherwise}"),
        };
        Self {
            event_type,
            objects,
            identity,
        }
    }

    /// What is to be stored of it: a row for each object.
    pub(super) fn arrivals(&self, corp_id: &str) -> impl Iterator<Item = Arrival> {
        self.objects.iter().map(move |object| {
            let object = object.key();
            let mut digest = Sha256::new();
            for part in [corp_id, &self.event_type, &self.identity, &object] {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
            Arrival {
                dedupe_key: URL_SAFE_NO_PAD.encode(digest.finalize()),
                object,
                event_type: self.event_type.clone(),
            }
        })
    }
}

/// The fields of a message by their names in lower case: two spellings are on the wire.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn read(text: &str) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        Some(Self::of(&fields))
    }

    fn of(fields: &Map<String, Value>) -> Self {
        let lower = fields.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        Self(lower.collect())
    }

    /// A text or number.
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(plain)
    }

    /// Texts or numbers, one or many.
    fn list(&self, name: &str) -> impl Iterator<Item = String> {
        let values = match self.0.get(name) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        values.iter().filter_map(plain)
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;
    use serde_json::json;

    use super::{Notice, Object};
    use crate::dingtalk::ids::{DepartmentId, UserId};

    fn keys(notice: &Notice) -> Vec<String> {
        notice.objects.iter().map(Object::key).collect()
    }

    fn dedupe_keys(notice: &Notice) -> Vec<String> {
        notice.arrivals("ding1").map(|arrival| arrival.dedupe_key).collect()
    }

    #[test]
    fn both_spellings_say_the_same() {
        let old = r#"{"CorpId":"ding1","EventType":"user_modify_org","UserId":["manager5091"],"OptStaffId":"manager5091","TimeStamp":"1623060875680"}"#;
        let new = r#"{"EventType":"user_modify_org","EventTime":1623060875680,"CorpId":"ding1","timeStamp":1623060875680,"userId":"manager5091"}"#;
        let [old, new] = [old, new].map(|text| Notice::from_callback(text, "").unwrap());
        assert_eq!(keys(&old), ["user:manager5091"]);
        assert_eq!(old, new);
    }

    #[test]
    fn an_event_is_known_again_by_its_id_alone() {
        let first = json!({"EventType": "user_leave_org", "eventId": "c7c7", "timeStamp": "1", "userId": ["a", "b"]});
        let again = json!({"EventType": "user_leave_org", "eventId": "c7c7", "timeStamp": "2", "userId": ["b", "a"]});
        let other = json!({"EventType": "user_leave_org", "eventId": "c7c8", "timeStamp": "1", "userId": ["a", "b"]});
        let [first, again, other] =
            [first, again, other].map(|event| dedupe_keys(&Notice::from_callback(&event.to_string(), "").unwrap()));
        assert_eq!(first.len(), 2);
        assert_eq!(first, again);
        assert!(first.iter().all(|key| !other.contains(key)));
        let by_stream = Notice::from_stream(
            "user_leave_org",
            Some("c7c7".to_owned()),
            r#"{"timeStamp":"3","userId":["a","b"]}"#,
            "m1",
        );
        assert_eq!(dedupe_keys(&by_stream), first);
    }

    #[test]
    fn what_bears_neither_id_nor_time_is_told_apart_by_its_envelope() {
        let [one, other] = ["e1", "e2"]
            .map(|sealed_as| dedupe_keys(&Notice::from_callback(r#"{"EventType":"org_change"}"#, sealed_as).unwrap()));
        assert_eq!(one.len(), 1);
        assert_ne!(one, other);
    }

    #[test]
    fn departments_come_as_numbers_and_as_text() {
        let notice = json!({"EventType": "org_dept_modify", "DeptId": [100, "200", "x", null], "TimeStamp": "1"});
        let notice = Notice::from_callback(&notice.to_string(), "").unwrap();
        assert_eq!(keys(&notice), ["dept:100", "dept:200"]);
    }

    #[test]
    fn an_event_of_ours_that_names_nobody_has_everything_read() {
        let notice = Notice::from_callback(r#"{"EventType":"user_add_org","TimeStamp":1}"#, "").unwrap();
        assert_eq!(keys(&notice), ["company"]);
        let many: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
        let notice = json!({"EventType": "user_add_org", "TimeStamp": 1, "UserId": many});
        assert_eq!(
            keys(&Notice::from_callback(&notice.to_string(), "").unwrap()),
            ["company"]
        );
    }

    #[test]
    fn events_that_do_not_concern_us_name_nothing() {
        for event_type in ["check_in", "bpms_task_change", "chat_quit", "用户"] {
            let notice = json!({"EventType": event_type, "UserId": ["a"]});
            let notice = Notice::from_callback(&notice.to_string(), "").unwrap();
            assert_eq!(keys(&notice), [""; 0], "{event_type}");
        }
        assert_eq!(Notice::from_callback("[]", ""), None);
        assert_eq!(Notice::from_callback(r#"{"EventType":{}}"#, ""), None);
    }

    #[test]
    fn the_failed_list_is_read_in_each_of_its_forms() {
        let entries = [
            (
                json!({"call_back_tag": "user_add_org", "event_time": 1_606_126_433_000_u64,
                       "user_add_org": {"corpid": "ding1", "userid": ["u1", "u2"]}}),
                vec!["user:u1", "user:u2"],
            ),
            (
                json!({"call_back_tag": "label_user_change", "event_time": 1,
                       "label_user_change": {"corpid": "ding1", "roleLabelChange": {"UserIdList": ["u3"]}}}),
                vec!["user:u3"],
            ),
            (
                json!({"call_back_tag": "org_dept_create", "event_time": 1,
                       "org_dept_create": {"callbackData": {"deptId": [7]}, "corpid": "ding1"}}),
                vec!["dept:7"],
            ),
        ];
        for (entry, objects) in entries {
            assert_eq!(keys(&Notice::from_failed_list(&entry).unwrap()), objects, "{entry}");
        }
        let pushed = json!({"EventType": "user_add_org", "TimeStamp": "1606126433000", "UserId": ["u1"]});
        let failed = json!({"call_back_tag": "user_add_org", "event_time": 1_606_126_433_000_u64,
                            "user_add_org": {"corpid": "ding1", "userid": ["u1"]}});
        assert_eq!(
            dedupe_keys(&Notice::from_callback(&pushed.to_string(), "").unwrap()),
            dedupe_keys(&Notice::from_failed_list(&failed).unwrap())
        );
    }

    #[test]
    fn keys_lead_back_to_their_objects() {
        let objects = [
            Object::Employee(UserId::new("a:b").unwrap()),
            Object::Department(DepartmentId(-1)),
            Object::Company,
        ];
        for object in objects {
            assert_eq!(Object::of_key(&object.key()), Some(object));
        }
        assert_eq!(Object::of_key("dept:x"), None);
        assert_eq!(Object::of_key("companies"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text: String, event_type: String, userid: String) {
            let _ = Notice::from_callback(&text, "");
            let odd = json!({"EventType": event_type, "UserId": [userid], "eventId": text});
            if let Some(notice) = Notice::from_callback(&odd.to_string(), "") {
                assert!(notice.event_type.len() <= 64 && notice.arrivals("c").all(|row| row.object.len() <= 160));
            }
        }
    }
}
