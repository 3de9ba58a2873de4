//! The lists of the address book and the searches in it, new and old: pages, departments, people.

use reqwest::Method;
use serde_json::{Value, json};

use super::platform::{Platform, said, text};

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
    while pages < 10 {
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
