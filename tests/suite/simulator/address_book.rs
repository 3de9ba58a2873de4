//! A person of the address book: fields, permissions and the visible range.

use std::time::Duration;

use serde_json::json;

use super::platform::Platform;

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
async fn a_visible_range_may_be_there_from_the_start_and_end_later() {
    let platform = Platform::with(|options| options.visible_departments = vec![20]).await;
    let get = || platform.topapi("/topapi/v2/user/get", json!({"userid": "manager01"}));
    assert_eq!(get().await["errcode"], 50002);
    platform.post("/_/visible-range", &json!({})).await;
    assert_eq!(get().await["errcode"], 0);
    let range = json!({"appKey": "dingsecond", "departments": [30]});
    platform.post("/_/visible-range", &range).await;
    assert_eq!(get().await["errcode"], 0, "the range of another app is its own");
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
