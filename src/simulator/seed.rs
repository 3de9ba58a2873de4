//! How the company begins: the same people in the same departments at every start.

use super::company::Company;
use super::department::{Department, ROOT};
use super::person::{Person, Role};

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
/// The departments below are enough for so many people.
const FIRST_PEOPLE: usize = 300;
/// Beyond those, a team for so many.
const TEAM: usize = 20;
/// Numbers of the teams begin here.
const FIRST_TEAM: i64 = 10_000_000;
/// Midnight of 2018-01-01 in China, in milliseconds.
const FIRST_HIRED_MS: i64 = 1_514_736_000_000;
const DAY_MS: i64 = 86_400_000;
/// The place of a member among others; it goes down from here.
const FIRST_ORDER: i64 = 179_997_318_850_453_160;

/// 41 departments on five levels and `people` people, of whom `manager01` leads 单点登录小队; more departments where
/// there are more than 300 people; and two who work elsewhere.
pub(super) fn company(people: usize) -> Company {
    let mut company = Company::default();
    department(&mut company, ROOT, "永昌集团", None);
    for (branch, name) in BRANCHES {
        department(&mut company, branch, name, Some(ROOT));
        for (unit, (name, parts)) in (0_i64..).zip(UNITS) {
            if branch != 10 && unit == 2 {
                continue;
            }
            let unit = branch * 10 + unit;
            department(&mut company, unit, name, Some(branch));
            for (part, name) in (1_i64..).zip(parts) {
                department(&mut company, unit * 100 + part, name, Some(unit));
            }
        }
    }
    company.put_department(Department {
        dept_id: 100_000,
        name: "单点登录小队".to_owned(),
        parent_id: Some(100),
        code: Some("SSO".to_owned()),
        dept_manager_userid_list: vec!["manager01".to_owned()],
        ..Department::default()
    });
    department(&mut company, 1_000_001, "前端组", Some(100_000));
    let mut homes: Vec<i64> = company
        .departments()
        .map(|department| department.dept_id)
        .filter(|id| *id >= 100)
        .collect();
    let teams: Vec<i64> = (FIRST_TEAM..)
        .take(people.saturating_sub(FIRST_PEOPLE) / TEAM)
        .collect();
    for (number, (dept_id, parent)) in teams.iter().zip(homes.iter().cycle()).enumerate() {
        department(&mut company, *dept_id, &format!("第{}小组", number + 1), Some(*parent));
    }
    homes.extend(teams);
    for number in 0..people.max(1) {
        company.put_person(person(number, &homes));
    }
    for (userid, name) in [("outsider01", "钱多多"), ("outsider02", "孔令一")] {
        company.put_outsider(Person {
            userid: userid.to_owned(),
            name: name.to_owned(),
            unionid: Some(format!("union{userid}iE")),
            title: Some("其他企业".to_owned()),
            active: true,
            ..Person::default()
        });
    }
    company
}

fn department(company: &mut Company, dept_id: i64, name: &str, parent_id: Option<i64>) {
    company.put_department(Department {
        dept_id,
        name: name.to_owned(),
        parent_id,
        ..Department::default()
    });
}

fn pick(list: &[&'static str], at: usize) -> &'static str {
    list.get(at % list.len()).copied().unwrap_or_default()
}

/// The person of a number; 0 is `manager01`. Not everybody has everything, as in life.
fn person(number: usize, homes: &[i64]) -> Person {
    let place = i64::try_from(number).unwrap_or_default();
    let home = |step: usize| homes.get(number * step % homes.len()).copied();
    let userid = match number {
        0 => "manager01".to_owned(),
        _ => format!("user{number:05}"),
    };
    let mut departments = if number < 5 {
        vec![100_000]
    } else if number % 50 == 49 {
        vec![ROOT]
    } else {
        vec![home(11).unwrap_or(ROOT)]
    };
    if number % 9 == 8 {
        departments.push(home(13).unwrap_or(10));
        departments.dedup();
    }
    let hidden = number % 5 == 4;
    Person {
        name: match number {
            0 => "张三".to_owned(),
            _ => format!("{}{}", pick(&SURNAMES, number * 7), pick(&GIVEN, number * 5)),
        },
        unionid: Some(format!("union{userid}iE")),
        title: match number {
            0 => Some("总经理".to_owned()),
            _ => (number % 7 != 6).then(|| pick(&TITLES, number * 3).to_owned()),
        },
        // Whoever keeps the default picture has an empty text here, or nothing.
        avatar: match number % 3 {
            0 => Some(format!("/_/avatars/{userid}.svg")),
            1 => Some(String::new()),
            _ => None,
        },
        mobile: (!hidden).then(|| format!("139{number:08}")),
        hide_mobile: hidden,
        telephone: number.is_multiple_of(2).then(String::new),
        job_number: (number % 4 != 3).then(|| format!("YC{number:05}")),
        email: match number % 3 {
            0 => Some(format!("{userid}@mail.example")),
            1 => Some(String::new()),
            _ => None,
        },
        org_email: number.is_multiple_of(2).then(|| format!("{userid}@corp.example")),
        work_place: (number % 3 == 1).then(|| "重庆市渝北区".to_owned()),
        remark: number.is_multiple_of(2).then(String::new),
        extension: Some(if number.is_multiple_of(10) {
            r#"{"爱好":"旅游","工位":"A/12"}"#.to_owned()
        } else {
            "{}".to_owned()
        }),
        hired_date: (number % 6 != 5).then(|| FIRST_HIRED_MS + place % 2000 * DAY_MS),
        create_time: Some(format!("2024-07-{:02}T07:05:43.000Z", number % 28 + 1)),
        manager_userid: (number > 0 && number % 8 != 7).then(|| match number {
            1..=4 => "manager01".to_owned(),
            _ => format!("user{:05}", number / 20 + 1),
        }),
        active: true,
        boss: number == 0,
        senior: number == 0,
        sys_level: match number {
            0 => 1,
            1 => 2,
            _ => 0,
        },
        leader: number.is_multiple_of(20),
        main: if departments.len() > 1 && number.is_multiple_of(2) {
            departments.last().copied()
        } else {
            None
        },
        order: FIRST_ORDER - place * 512,
        role_list: roles(number),
        dept_id_list: departments,
        userid,
    }
}

fn roles(number: usize) -> Vec<Role> {
    let role = |id: i64, name: &str, group: &str| Role {
        id,
        name: name.to_owned(),
        group_name: group.to_owned(),
    };
    match number {
        0 => vec![role(4_065_312_368, "主管理员", "默认")],
        1 => vec![role(4_065_312_369, "子管理员", "默认")],
        _ if number.is_multiple_of(20) => vec![role(4_065_312_381, "主管", "职务")],
        _ => Vec::new(),
    }
}
