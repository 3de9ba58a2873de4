//! The address book: fields, pages, permissions and the visible range.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::platform::{Platform, said, text};

#[tokio::test]
async fn a_profile_has_the_fields_and_types_of_the_wire() {
    let platform = Platform::start().await;
    let token = platform.token().await;
    let path = format!("/topapi/v2/user/get?access_token={token}");
    let said = platform.post(&path, &json!({"userid": "manager01"})).await;
    assert!(
        said.text.contains(r#""avatar":"http:\/\/127.0.0.1:"#),
        "slashes are escaped: {}",
        said.text
    );
    assert!(said.body["request_id"].is_string());
    let mut result = said.body["result"].clone();
    result["avatar"] = json!("…");
    insta::assert_json_snapshot!(result, @r#"
    {
      "active": true,
      "admin": true,
      "avatar": "…",
      "boss": true,
      "create_time": "2024-07-01T07:05:43.000Z",
      "dept_id_list": [
        100000
      ],
      "dept_order_list": [
        {
          "dept_id": 100000,
          "order": 179997318850453160
        }
      ],
      "email": "manager01@mail.example",
      "exclusive_account": false,
      "extension": "{\"爱好\":\"旅游\",\"工位\":\"A/12\"}",
      "hide_mobile": false,
      "hired_date": 1514736000000,
      "job_number": "YC00000",
      "leader_in_dept": [
        {
          "dept_id": 100000,
          "leader": true
        }
      ],
      "mobile": "13900000000",
      "name": "张三",
      "org_email": "manager01@corp.example",
      "real_authed": true,
      "remark": "",
      "role_list": [
        {
          "group_name": "默认",
          "id": 4065312368,
          "name": "主管理员"
        }
      ],
      "senior": true,
      "state_code": "86",
      "telephone": "",
      "title": "总经理",
      "union_emp_ext": {},
      "unionid": "unionmanager01iE",
      "userid": "manager01"
    }
    "#);
    let bare = platform.post(&path, &json!({"userid": "user00014"})).await.body["result"].clone();
    assert_eq!(bare["hide_mobile"], json!(true));
    for absent in ["mobile", "state_code", "avatar", "email", "role_list"] {
        assert!(bare.get(absent).is_none(), "{absent} is absent, not null: {bare}");
    }
    assert_eq!(
        platform.post(&path, &json!({"userid": "nobody"})).await.body["errcode"],
        60121
    );
    assert_eq!(
        platform.post(&path, &json!({"userid": "x".repeat(65)})).await.body["errcode"],
        33012
    );
    assert_eq!(platform.post(&path, &json!({})).await.body["errcode"], 400_002);
}

#[tokio::test]
async fn a_permission_that_is_missing_takes_fields_or_the_whole_call() {
    let platform = Platform::start().await;
    let path = "/topapi/v2/user/get";
    let manager = json!({"userid": "manager01"});
    platform
        .post("/_/permissions", &json!({"fieldMobile": false, "fieldEmail": false}))
        .await;
    let shown = platform.topapi(path, manager.clone()).await["result"].clone();
    for gone in [
        "mobile",
        "state_code",
        "email",
        "org_email",
        "work_place",
        "remark",
        "extension",
    ] {
        assert!(shown.get(gone).is_none(), "{gone}: {shown}");
    }
    let fields = platform.old("/auth/scopes").await["auth_user_field"].clone();
    assert!(!fields.to_string().contains("mobile"), "{fields}");
    platform
        .post("/_/permissions", &json!({"qyapi_get_member": false}))
        .await;
    let refused = platform.topapi(path, manager.clone()).await;
    assert_eq!(
        (&refused["errcode"], &refused["sub_code"]),
        (&json!(88), &json!("60011"))
    );
    assert_eq!(
        refused["sub_msg"],
        "应用尚未开通所需的权限：[qyapi_get_member]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content=dingdemoappkey%23qyapi_get_member"
    );
    platform
        .post(
            "/_/permissions",
            &json!({"qyapi_get_member": true, "fieldMobile": true}),
        )
        .await;
    assert_eq!(platform.topapi(path, manager).await["result"]["mobile"], "13900000000");
    assert_eq!(
        platform.post("/_/permissions", &json!({"nothing": true})).await.status,
        400
    );
}

#[tokio::test]
async fn outside_of_the_visible_range_nothing_is_seen() {
    let platform = Platform::start().await;
    platform
        .post(
            "/_/visible-range",
            &json!({"departments": [100_000], "userids": ["user00007"]}),
        )
        .await;
    let get = |userid: &str| platform.topapi("/topapi/v2/user/get", json!({"userid": userid}));
    assert_eq!(get("manager01").await["errcode"], 0);
    assert_eq!(get("user00007").await["errcode"], 0);
    assert_eq!(get("user00049").await["errcode"], 50002);
    for (path, dept_id, code) in [
        ("/topapi/v2/department/get", 1_000_001, 0),
        ("/topapi/v2/department/get", 100, 50004),
        ("/topapi/v2/department/listsub", 1, 50004),
        ("/topapi/v2/department/get", 999, 60003),
    ] {
        assert_eq!(
            platform.topapi(path, json!({"dept_id": dept_id})).await["errcode"],
            code,
            "{path} {dept_id}"
        );
    }
    let list = json!({"dept_id": 20, "cursor": 0, "size": 10});
    assert_eq!(platform.topapi("/topapi/v2/user/list", list).await["errcode"], 50004);
    let code = platform.auth_code("user00049").await;
    let refused = platform
        .topapi("/topapi/v2/user/getuserinfo", json!({"code": code}))
        .await;
    assert_eq!(refused["errcode"], 40079);
    let scopes = platform.old("/auth/scopes").await["auth_org_scopes"].clone();
    assert_eq!(scopes, json!({"authed_user": ["user00007"], "authed_dept": [100_000]}));
    let union = platform
        .topapi("/topapi/user/getbyunionid", json!({"unionid": "unionuser00049iE"}))
        .await;
    assert_eq!(union["errcode"], 60121);
}

#[tokio::test]
async fn members_come_page_by_page_and_the_last_page_names_no_cursor() {
    let platform = Platform::with(|options| options.people = 700).await;
    platform
        .post(
            "/_/departments",
            &json!({"dept_id": 7, "name": "大部门", "parent_id": 1}),
        )
        .await;
    for number in 1..=230 {
        let path = format!("/_/employees/user{number:05}/move");
        assert_eq!(platform.post(&path, &json!({"dept_id_list": [7]})).await.status, 204);
    }
    let mut cursor = json!(0);
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = platform
            .topapi(
                "/topapi/v2/user/list",
                json!({"dept_id": 7, "cursor": cursor, "size": 100}),
            )
            .await;
        let result = page["result"].clone();
        seen.extend(
            result["list"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| text(&one["userid"])),
        );
        pages += 1;
        if result["has_more"] == json!(false) {
            assert!(result.get("next_cursor").is_none(), "{result}");
            break;
        }
        cursor = result["next_cursor"].clone();
    }
    assert_eq!((pages, seen.len()), (3, 230));
    let item = platform
        .topapi("/topapi/v2/user/list", json!({"dept_id": 7, "cursor": 0, "size": 1}))
        .await["result"]["list"][0]
        .clone();
    assert!(
        item["dept_order"].is_i64() && item["leader"].is_boolean() && item.get("dept_order_list").is_none(),
        "{item}"
    );
    for (path, body, code) in [
        (
            "/topapi/v2/user/list",
            json!({"dept_id": 7, "cursor": 0, "size": 101}),
            40035,
        ),
        ("/topapi/v2/user/list", json!({"dept_id": 7, "size": 10}), 40035),
        (
            "/topapi/user/listsimple",
            json!({"dept_id": 7, "cursor": -1, "size": 10}),
            40068,
        ),
        (
            "/topapi/user/listsimple",
            json!({"dept_id": 7, "cursor": 0, "size": 0}),
            40069,
        ),
        ("/topapi/user/listid", json!({"dept_id": 999}), 60003),
    ] {
        assert_eq!(
            platform.topapi(path, body.clone()).await["errcode"],
            code,
            "{path} {body}"
        );
    }
    let simple = platform
        .topapi(
            "/topapi/user/listsimple",
            json!({"dept_id": 7, "cursor": 229, "size": 10}),
        )
        .await;
    assert_eq!(simple["result"]["list"].as_array().map(Vec::len), Some(1));
    let backwards = json!({"dept_id": 7, "cursor": 0, "size": 1, "order_field": "entry_desc"});
    let backwards = platform.topapi("/topapi/user/listsimple", backwards).await;
    assert_eq!(backwards["result"]["list"][0]["userid"], "user00230");
    let ids = platform.topapi("/topapi/user/listid", json!({"dept_id": 7})).await;
    assert_eq!(ids["result"]["userid_list"].as_array().map(Vec::len), Some(230));
    assert_eq!(
        platform
            .topapi("/topapi/user/count", json!({"only_active": true}))
            .await["result"]["count"],
        700
    );
}

#[tokio::test]
async fn departments_are_walked_up_and_down() {
    let platform = Platform::start().await;
    let root = platform
        .topapi("/topapi/v2/department/get", json!({"dept_id": 1}))
        .await["result"]
        .clone();
    assert!(root.get("parent_id").is_none() && root["name"] == "永昌集团", "{root}");
    let squad = platform
        .topapi("/topapi/v2/department/get", json!({"dept_id": "100000"}))
        .await["result"]
        .clone();
    assert_eq!(
        (&squad["parent_id"], &squad["dept_manager_userid_list"]),
        (&json!(100), &json!(["manager01"]))
    );
    let below = platform.topapi("/topapi/v2/department/listsub", json!({})).await["result"].clone();
    assert_eq!(below.as_array().map(Vec::len), Some(5));
    assert_eq!(
        below[0],
        json!({"dept_id": 10, "name": "重庆分公司", "parent_id": 1, "create_dept_group": true, "auto_add_user": true})
    );
    let ids = platform
        .topapi("/topapi/v2/department/listsubid", json!({"dept_id": 1}))
        .await;
    assert_eq!(ids["result"]["dept_id_list"], json!([10, 20, 30, 40, 50]));
    let up = platform
        .topapi("/topapi/v2/department/listparentbydept", json!({"dept_id": 1_000_001}))
        .await;
    assert_eq!(up["result"]["parent_id_list"], json!([1_000_001, 100_000, 100, 10, 1]));
    platform
        .post("/_/employees/user00001/move", &json!({"dept_id_list": [100_000, 20]}))
        .await;
    let ways = platform
        .topapi("/topapi/v2/department/listparentbyuser", json!({"userid": "user00001"}))
        .await;
    assert_eq!(
        ways["result"]["parent_list"],
        json!([{"parent_dept_id_list": [100_000, 100, 10, 1]}, {"parent_dept_id_list": [20, 1]}])
    );
    let circle = [(901, 902), (902, 901)];
    for (dept_id, parent_id) in circle {
        platform
            .post(
                "/_/departments",
                &json!({"dept_id": dept_id, "name": "圈", "parent_id": parent_id}),
            )
            .await;
    }
    let round = platform
        .topapi("/topapi/v2/department/listparentbydept", json!({"dept_id": 901}))
        .await;
    assert_eq!(round["result"]["parent_id_list"], json!([901, 902]));
}

#[tokio::test]
async fn people_are_found_by_mobile_by_name_and_as_administrators() {
    let platform = Platform::start().await;
    let by_mobile = |mobile: &str| platform.topapi("/topapi/v2/user/getbymobile", json!({"mobile": mobile}));
    assert_eq!(by_mobile("13900000001").await["result"], json!({"userid": "user00001"}));
    assert_eq!(by_mobile("13999999999").await["errcode"], 60121);
    assert_eq!(by_mobile("call me").await["errcode"], 40104);
    let admins = platform.topapi("/topapi/user/listadmin", json!({})).await["result"].clone();
    assert_eq!(
        admins,
        json!([{"userid": "manager01", "sys_level": 1}, {"userid": "user00001", "sys_level": 2}])
    );
    let token = platform.token().await;
    let search = |body: Value| {
        let request = platform.request(Method::POST, "/v1.0/contact/users/search").json(&body);
        said(request.header("x-acs-dingtalk-access-token", token.clone()))
    };
    let found = search(json!({"queryWord": "张三", "offset": 0, "size": 10, "fullMatchField": 1})).await;
    assert_eq!(
        found.body,
        json!({"hasMore": false, "totalCount": 1, "list": ["manager01"]})
    );
    let many = search(json!({"queryWord": "王", "offset": 0, "size": 2})).await;
    assert_eq!(
        (&many.body["hasMore"], many.body["list"].as_array().map(Vec::len)),
        (&json!(true), Some(2))
    );
    assert_eq!(
        search(json!({"offset": 0, "size": 2})).await.body["code"],
        "MissingqueryWord"
    );
}

#[tokio::test]
async fn the_old_address_book_answers_flat_and_in_its_own_notation() {
    let platform = Platform::start().await;
    let user = platform.old("/user/get?userid=manager01").await;
    assert_eq!(user["orderInDepts"], "{100000:179997318850453160}");
    assert_eq!(user["isLeaderInDepts"], "{100000:true}");
    assert_eq!(
        (&user["extattr"]["爱好"], &user["isAdmin"]),
        (&json!("旅游"), &json!(true))
    );
    assert!(
        user.get("result").is_none() && user.get("request_id").is_none(),
        "{user}"
    );
    let code = platform.auth_code("manager01").await;
    let info = platform.old(&format!("/user/getuserinfo?code={code}")).await;
    assert_eq!((&info["userid"], &info["sys_level"]), (&json!("manager01"), &json!(1)));
    assert!(info.get("unionid").is_none());
    assert_eq!(
        platform.old(&format!("/user/getuserinfo?code={code}")).await["errcode"],
        40078
    );
    assert_eq!(
        platform.old("/user/getUseridByUnionid?unionid=unionmanager01iE").await["userid"],
        "manager01"
    );
    assert_eq!(
        platform.old("/user/get_by_mobile?mobile=13900000000").await["userid"],
        "manager01"
    );
    let page = platform
        .old("/user/simplelist?department_id=100000&offset=0&size=2")
        .await;
    assert_eq!(
        (&page["hasMore"], &page["userlist"][0]),
        (&json!(true), &json!({"userid": "manager01", "name": "张三"}))
    );
    assert_eq!(platform.old("/user/getDeptMember?deptId=1000001").await["errcode"], 0);
    assert_eq!(
        platform.old("/user/get_org_user_count?onlyActive=1").await["count"],
        300
    );
    let department = platform.old("/department/get?id=100000").await;
    assert_eq!(
        (&department["parentid"], &department["deptManagerUseridList"]),
        (&json!(100), &json!("manager01"))
    );
    let all = platform.old("/department/list?id=1&fetch_child=true").await;
    assert_eq!(all["department"].as_array().map(Vec::len), Some(40));
    assert_eq!(
        platform.old("/department/list_ids?id=1").await["sub_dept_id_list"],
        json!([10, 20, 30, 40, 50])
    );
    let up = platform.old("/department/list_parent_depts?userId=manager01").await;
    assert_eq!(up["department"], json!([[100_000, 100, 10, 1]]));
    let up = platform.old("/department/list_parent_depts_by_dept?id=100").await;
    assert_eq!(up["parentIds"], json!([100, 10, 1]));
}

#[tokio::test]
async fn a_company_of_a_hundred_thousand_is_answered_at_once() {
    let platform = Platform::with(|options| options.people = 100_000).await;
    let overview = platform.get("/_/company").await.body;
    assert_eq!(overview["people"], 100_000);
    let departments = overview["departments"].as_u64().unwrap_or_default();
    assert!((4_900..5_200).contains(&departments), "{departments}");
    let begin = std::time::Instant::now();
    for number in (1..100_000).step_by(500) {
        let userid = format!("user{number:05}");
        assert_eq!(
            platform.topapi("/topapi/v2/user/get", json!({"userid": userid})).await["errcode"],
            0
        );
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
