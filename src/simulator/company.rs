//! The simulated company: the same people in the same departments at every start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A department as the simulator keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Department {
    pub(super) dept_id: i64,
    pub(super) name: String,
    pub(super) parent_id: Option<i64>,
}

/// A person as the simulator keeps them; absent fields are absent on the wire.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) userid: String,
    pub(super) name: String,
    pub(super) dept_id_list: Vec<i64>,
    pub(super) unionid: Option<String>,
    pub(super) title: Option<String>,
    pub(super) avatar: Option<String>,
    pub(super) mobile: Option<String>,
    /// Marked in `dept_position_list`.
    pub(super) main: Option<i64>,
    #[serde(default)]
    pub(super) leader: bool,
}

/// Everybody and every department.
#[derive(Debug, Default)]
pub(super) struct Company {
    pub(super) departments: BTreeMap<i64, Department>,
    pub(super) people: BTreeMap<String, Person>,
}

const SURNAMES: [&str; 20] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴", "徐", "孙", "马", "朱", "胡", "郭", "何", "林", "罗",
    "欧阳",
];
const GIVEN: [&str; 24] = [
    "伟", "芳", "娜", "秀英", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超",
    "秀兰", "霞", "平", "刚", "桂英", "文博",
];
const TITLES: [&str; 8] = [
    "工程师",
    "产品经理",
    "设计师",
    "会计",
    "销售代表",
    "客服专员",
    "测试工程师",
    "部门主管",
];
const BRANCHES: [(i64, &str); 5] = [
    (10, "重庆分公司"),
    (20, "上海分公司"),
    (30, "北京分公司"),
    (40, "深圳研究院"),
    (50, "集团总部"),
];
const UNITS: [(&str, [&str; 2]); 3] = [
    ("技术中心", ["平台部", "应用部"]),
    ("市场中心", ["品牌部", "渠道部"]),
    ("职能中心", ["人力资源部", "财务部"]),
];

impl Company {
    /// 41 departments on five levels and `people` people; `manager01` leads 单点登录小队.
    pub(super) fn new(people: usize) -> Self {
        let mut company = Self::default();
        company.department(1, "永昌集团", None);
        for (branch, name) in BRANCHES {
            company.department(branch, name, Some(1));
            for (unit, (name, parts)) in (0_i64..).zip(UNITS) {
                if branch != 10 && unit == 2 {
                    continue;
                }
                let unit = branch * 10 + unit;
                company.department(unit, name, Some(branch));
                for (part, name) in (1_i64..).zip(parts) {
                    company.department(unit * 100 + part, name, Some(unit));
                }
            }
        }
        company.department(100_000, "单点登录小队", Some(100));
        company.department(1_000_001, "前端组", Some(100_000));
        let homes: Vec<i64> = company.departments.keys().copied().filter(|id| *id >= 100).collect();
        company.person("manager01", "张三", vec![100_000], Some("总经理"), true);
        for number in 1..people.max(1) {
            let pick = |list: &[&'static str], step: usize| list.get(number * step % list.len()).copied().unwrap_or("");
            let name = format!("{}{}", pick(&SURNAMES, 7), pick(&GIVEN, 5));
            let home = if number < 5 {
                100_000
            } else {
                homes.get(number * 11 % homes.len()).copied().unwrap_or(1)
            };
            let mut departments = if number % 50 == 49 { vec![1] } else { vec![home] };
            if number % 9 == 8 {
                departments.push(homes.get(number * 13 % homes.len()).copied().unwrap_or(10));
                departments.dedup();
            }
            let title = (number % 7 != 6).then(|| pick(&TITLES, 3));
            company.person(&format!("user{number:05}"), &name, departments, title, number % 20 == 0);
        }
        company
    }

    fn department(&mut self, dept_id: i64, name: &str, parent_id: Option<i64>) {
        self.departments.insert(
            dept_id,
            Department {
                dept_id,
                name: name.to_owned(),
                parent_id,
            },
        );
    }

    fn person(&mut self, userid: &str, name: &str, departments: Vec<i64>, title: Option<&str>, leader: bool) {
        let number = self.people.len();
        let person = Person {
            userid: userid.to_owned(),
            name: name.to_owned(),
            unionid: Some(format!("union{userid}iE")),
            title: title.map(str::to_owned),
            avatar: None,
            mobile: (number % 5 != 4).then(|| format!("139{number:08}")),
            main: if departments.len() > 1 && number.is_multiple_of(2) {
                departments.last().copied()
            } else {
                None
            },
            dept_id_list: departments,
            leader,
        };
        self.people.insert(userid.to_owned(), person);
    }
}

impl Person {
    /// The `result` of `user/get` (dingtalk-api, section 4.1).
    pub(super) fn shown(&self) -> Value {
        let mut shown = json!({
            "userid": self.userid, "name": self.name, "active": true, "admin": false, "boss": false, "senior": false,
            "real_authed": true, "hide_mobile": self.mobile.is_none(), "exclusive_account": false,
            "dept_id_list": self.dept_id_list,
            "dept_order_list": self.dept_id_list.iter()
                .map(|id| json!({"dept_id": id, "order": 179_997_318_850_453_160_i64})).collect::<Vec<_>>(),
            "leader_in_dept": self.dept_id_list.iter()
                .map(|id| json!({"dept_id": id, "leader": self.leader})).collect::<Vec<_>>(),
            "union_emp_ext": {},
        });
        if let Some(fields) = shown.as_object_mut() {
            let optional = [
                ("unionid", &self.unionid),
                ("title", &self.title),
                ("avatar", &self.avatar),
                ("mobile", &self.mobile),
            ];
            for (name, value) in optional {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), json!(value));
                }
            }
            if let Some(main) = self.main {
                let positions = self
                    .dept_id_list
                    .iter()
                    .map(|id| json!({"dept_id": id, "is_main": *id == main}))
                    .collect();
                fields.insert("dept_position_list".to_owned(), Value::Array(positions));
            }
        }
        shown
    }
}
