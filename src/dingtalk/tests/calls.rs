//! Calls: what is read of their answers, what is sent again, and what never is.

use super::error::CodeSpent;
use super::*;

const CODE: &str = "/oapi/topapi/v2/user/getuserinfo";
const USER: &str = "/oapi/topapi/v2/user/get";

/// A platform that gives tokens and otherwise answers as told.
async fn platform(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Platform, DingTalk) {
    let platform = Platform::start(move |asked, before| {
        if asked.path.ends_with("/accessToken") {
            token("tok-en", 7200)
        } else {
            script(before)
        }
    })
    .await;
    let clock = Clock::default();
    let dingtalk = client(&platform, in_process(&clock).await, clock);
    (platform, dingtalk)
}

fn userid() -> UserId {
    UserId::new("manager01").unwrap()
}

fn busy() -> Reply {
    old(r#"{"errcode":-1,"errmsg":"系统繁忙"}"#)
}

fn throttled() -> Reply {
    old(r#"{"errcode":88,"sub_code":"90018","sub_msg":"您的服务器调用钉钉开放平台的请求总次数超过 20 次"}"#)
}

fn spent(error: &DingTalkError) -> Option<CodeSpent> {
    match error {
        DingTalkError::Unavailable { code_spent, .. } => Some(*code_spent),
        _ => None,
    }
}

#[tokio::test]
async fn a_code_becomes_a_user() {
    let (platform, dingtalk) = platform(|_| user()).await;
    let user = dingtalk.user_by_auth_code("default", &code()).await.unwrap();
    assert_eq!(
        (user.userid.as_str(), user.unionid.unwrap().as_str()),
        ("manager01", "u1")
    );
    let asked = platform.asked(CODE);
    assert_eq!(
        (asked[0].token.as_deref(), asked[0].body.as_str()),
        (Some("tok-en"), r#"{"code":"code-of-the-tests"}"#)
    );
    assert_eq!(
        dingtalk.user_by_auth_code("nobody", &code()).await.unwrap_err(),
        DingTalkError::UnknownApp
    );
}

#[tokio::test]
async fn a_code_is_never_sent_twice_when_it_may_have_been_redeemed() {
    let faults: [(&str, Reply); 7] = [
        ("broken connection", Reply::HangUp),
        ("time-out", Reply::Silence),
        ("busy", busy()),
        (
            "500",
            Reply::json(500, r#"{"code":"unknownError","message":"x"}"#.to_owned()),
        ),
        ("html", Reply::json(200, "<html>banned</html>".to_owned())),
        (
            "ban",
            old(r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"xxx"}"#),
        ),
        ("half an answer", old(r#"{"errcode":0,"errmsg":"ok","result":{}}"#)),
    ];
    for (name, fault) in faults {
        let (platform, dingtalk) = platform(move |_| fault.clone()).await;
        let error = dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
        assert_eq!(spent(&error), Some(CodeSpent::Maybe), "{name}: {error:?}");
        assert_eq!(platform.count(CODE), 1, "{name}");
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("tok-en") && !text.contains("code-of-the-tests"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_code_is_sent_once_even_when_a_kept_connection_breaks_under_it() {
    // The first answer leaves a connection in the pool; the second request on it is read, and then the line is cut.
    let (platform, dingtalk) = platform(|before| if before == 0 { user() } else { Reply::HangUp }).await;
    dingtalk.user_by_auth_code("default", &code()).await.unwrap();
    let error = dingtalk
        .user_by_auth_code("default", &AuthCode::new("second").unwrap())
        .await
        .unwrap_err();
    assert_eq!(spent(&error), Some(CodeSpent::Maybe));
    assert_eq!(
        platform
            .asked(CODE)
            .iter()
            .filter(|asked| asked.body.contains("second"))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_code_that_the_gate_turned_away_is_sent_again_with_a_fresh_token() {
    let (platform, dingtalk) = platform(|before| if before == 0 { bad_token() } else { user() }).await;
    dingtalk.user_by_auth_code("default", &code()).await.unwrap();
    assert_eq!(platform.count(CODE), 2);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_leaves_the_code_unspent() {
    let (platform, _) = platform(|_| user()).await;
    let nowhere = url::Url::parse("http://127.0.0.1:1").unwrap();
    for (oapi_url, api_url) in [
        (nowhere.clone(), platform.url("/api")),
        (platform.url("/oapi"), nowhere),
    ] {
        let settings = config::dingtalk::DingTalk {
            oapi_url,
            api_url,
            ..settings(&platform)
        };
        let clock = Clock::default();
        let dingtalk = DingTalk::new(&settings, &apps("dingkey"), None, clock).unwrap();
        let error = dingtalk.user_by_auth_code("default", &code()).await.unwrap_err();
        assert_eq!(spent(&error), Some(CodeSpent::No), "{error:?}");
    }
    assert_eq!(platform.count(CODE), 0);
}

#[tokio::test]
async fn throttling_is_waited_out_once() {
    let (platform, dingtalk) = platform(|before| if before == 0 { throttled() } else { user() }).await;
    let began = std::time::Instant::now();
    dingtalk.user_by_auth_code("default", &code()).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(platform.count(CODE), 2);
}

#[tokio::test]
async fn a_read_is_repeated_twice_at_most() {
    for fault in [
        busy(),
        Reply::HangUp,
        Reply::json(503, r#"{"code":"serviceBusy"}"#.to_owned()),
    ] {
        let twice = fault.clone();
        let (once_more, dingtalk) = platform(move |before| if before < 2 { twice.clone() } else { user() }).await;
        assert_eq!(
            dingtalk.employee_profile("default", &userid()).await.unwrap().userid,
            userid()
        );
        assert_eq!(once_more.count(USER), 3);
        let (given_up, dingtalk) = platform(move |_| fault.clone()).await;
        let error = dingtalk.employee_profile("default", &userid()).await.unwrap_err();
        assert!(matches!(error, DingTalkError::Unavailable { .. }), "{error:?}");
        assert_eq!(given_up.count(USER), 3);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (platform, dingtalk) = platform(|_| old(&" ".repeat(5 * 1024 * 1024))).await;
    let error = dingtalk.employee_profile("default", &userid()).await.unwrap_err();
    assert!(
        matches!(&error, DingTalkError::Unavailable { detail, .. } if detail.contains("more than")),
        "{error:?}"
    );
    assert_eq!(platform.count(USER), 1);
}

#[tokio::test]
async fn a_profile_is_read_as_the_wire_has_it() {
    let (_platform, dingtalk) = platform(|_| {
        old(r#"{"errcode":0,"errmsg":"ok","request_id":"16k7xxxx","result":{
            "userid":"manager01","unionid":"z21H","name":"张三","avatar":"https:\/\/static.example\/x.jpg","title":"总经理",
            "mobile":"18500000000","hide_mobile":false,"email":"","active":true,"hired_date":1597573616828,
            "dept_id_list":[1,"919684607",null],"dept_order_list":[{"dept_id":1,"order":179997318850453160}],
            "leader_in_dept":[{"dept_id":919684607,"leader":true},{"dept_id":1,"leader":"false"}],
            "dept_position_list":[{"dept_id":1,"is_main":false},{"dept_id":919684607,"is_main":true}],
            "role_list":[{"id":4065312368,"name":"主管理员","group_name":"默认"}],"union_emp_ext":{}}}"#)
    })
    .await;
    let user = dingtalk.employee_profile("default", &userid()).await.unwrap();
    assert_eq!(
        (user.name.as_deref(), user.title.as_deref()),
        (Some("张三"), Some("总经理"))
    );
    assert_eq!(user.avatar.as_deref(), Some("https://static.example/x.jpg"));
    assert_eq!(user.dept_id_list, [DepartmentId::ROOT, DepartmentId(919_684_607)]);
    assert_eq!(user.main_department(), Some(DepartmentId(919_684_607)));
    assert!(user.leads(DepartmentId(919_684_607)) && !user.leads(DepartmentId::ROOT));
}

#[tokio::test]
async fn a_profile_may_lack_or_misstate_everything_but_the_userid() {
    let strange = r#"{"errcode":0,"result":{"userid":"manager01","unionid":"","name":null,"avatar":{},"title":[1],
        "active":"true","dept_id_list":"[2,3]","leader_in_dept":{"dept_id":"2","leader":"true"},"dept_position_list":null}}"#;
    let bare = r#"{"errcode":0,"result":{"userid":"manager01"}}"#;
    for body in [strange, bare] {
        let (_platform, dingtalk) = platform(move |_| old(body)).await;
        let user = dingtalk.employee_profile("default", &userid()).await.unwrap();
        assert_eq!(
            (user.name.clone(), user.unionid.clone(), user.main_department()),
            (None, None, None)
        );
        assert_eq!(user.leads(DepartmentId(2)), body == strange);
    }
}

#[tokio::test]
async fn departments_parents_members_and_scopes_are_read() {
    let platform = Platform::start(|asked, _| match asked.path.rsplit('/').next().unwrap() {
        "accessToken" => token("t", 7200),
        "get" => old(r#"{"errcode":0,"result":{"dept_id":1,"name":"永昌集团","order":0}}"#),
        "listsub" => old(r#"{"errcode":0,"result":[{"dept_id":2,"name":"研发","parent_id":1,"auto_add_user":true}]}"#),
        "list" => {
            old(r#"{"errcode":0,"result":{"has_more":true,"next_cursor":10,"list":[{"userid":"a","dept_order":1}]}}"#)
        }
        _ => old(r#"{"errcode":0,"auth_user_field":["name"],"auth_org_scopes":{"authed_user":[],"authed_dept":[1]}}"#),
    })
    .await;
    let clock = Clock::default();
    let dingtalk = client(&platform, in_process(&clock).await, clock);
    let root = dingtalk.department("default", DepartmentId::ROOT).await.unwrap();
    assert_eq!(
        (root.id, root.name.as_str(), root.parent_id),
        (DepartmentId::ROOT, "永昌集团", None)
    );
    let subs = dingtalk.sub_departments("default", DepartmentId::ROOT).await.unwrap();
    assert_eq!(
        (subs[0].id, subs[0].parent_id),
        (DepartmentId(2), Some(DepartmentId::ROOT))
    );
    let page = dingtalk
        .department_members("default", DepartmentId::ROOT, 0)
        .await
        .unwrap();
    assert_eq!((page.list.len(), page.has_more, page.next_cursor), (1, true, Some(10)));
    let scopes = dingtalk.auth_scopes("default").await.unwrap();
    assert_eq!(scopes.auth_org_scopes.authed_dept, [DepartmentId::ROOT]);
}
