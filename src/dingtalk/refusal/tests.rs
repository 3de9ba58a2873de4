//! The three shapes of refusal, and what each code asks of us.

use super::*;

/// How a login decides.
fn decided(status: u16, body: &str) -> String {
    let fault = read::<Wrapped<u8>>(status, body.as_bytes(), &["s3cret"]).unwrap_err();
    let error = DingTalkError::from(fault);
    let text = format!("{error}");
    assert!(text.chars().count() < 500 && !text.contains("s3cret"), "{text}");
    format!("{error:?}").split([' ', '{']).next().unwrap().to_owned()
}

/// Status, body, and what the login is told.
const TABLE: [(u16, &str, &str); 42] = [
    (
        200,
        r#"{"errcode":40096,"errmsg":"不合法的appKey或appSecret"}"#,
        "AppToken",
    ),
    (200, r#"{"errcode":40014,"errmsg":"不合法的access_token"}"#, "AppToken"),
    (
        200,
        r#"{"errcode":60121,"errmsg":"找不到该用户","request_id":"15rjqd2xxxxx"}"#,
        "NotFound",
    ),
    (200, r#"{"errcode":60003,"errmsg":"部门不存在"}"#, "NotFound"),
    (
        200,
        r#"{"errcode":40078,"errmsg":"不存在的临时授权码"}"#,
        "CodeRejected",
    ),
    (
        200,
        r#"{"errcode":"40078","errmsg":"nonexistent temp auth code"}"#,
        "CodeRejected",
    ),
    (200, r#"{"errcode":40079,"errmsg":"x"}"#, "OutsideRange"),
    (200, r#"{"errcode":50002,"errmsg":"x","result":null}"#, "OutsideRange"),
    (200, r#"{"errcode":-1,"errmsg":"系统繁忙"}"#, "Unavailable"),
    (200, r#"{"errcode":33012,"errmsg":"x"}"#, "Other"),
    (
        200,
        r#"{"errcode":22,"sub_msg":"不合法ApiName","errmsg":"Invalid method"}"#,
        "Other",
    ),
    (200, r#"{"errcode":404,"errmsg":"请求的URI地址不存在"}"#, "Other"),
    (
        200,
        r#"{"errcode":88,"sub_code":"40014","sub_msg":"s3cret"}"#,
        "AppToken",
    ),
    (
        200,
        r#"{"errcode":88,"sub_code":"60011","sub_msg":"[qyapi_get_member]"}"#,
        "Permission",
    ),
    (200, r#"{"errcode":88,"sub_code":"60020","sub_msg":"ip"}"#, "AppToken"),
    (200, r#"{"errcode":88,"sub_code":"90018","sub_msg":"qps"}"#, "Throttled"),
    (200, r#"{"errcode":88,"sub_code":90002,"sub_msg":"qps"}"#, "Throttled"),
    (200, r#"{"errcode":88,"sub_code":"isv.what","sub_msg":"x"}"#, "Other"),
    (200, r#"{"errcode":88}"#, "Other"),
    (200, r#"{"errcode":90020,"errmsg":"month"}"#, "Throttled"),
    (
        400,
        r#"{"code":"InvalidAuthentication","requestid":"0","message":"不合法的access_token"}"#,
        "AppToken",
    ),
    (
        401,
        r#"{"code":"InvalidAuthentication","requestid":"0","message":"x"}"#,
        "AppToken",
    ),
    (
        400,
        r#"{"code":"invalidClientIdOrSecret","message":"无效的clientId或者clientSecret"}"#,
        "AppToken",
    ),
    (
        403,
        r#"{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","message":"x","accessdenieddetail":{"requiredScopes":["Contact.User.Read"]}}"#,
        "Permission",
    ),
    (
        403,
        r#"{"code":"Forbidden.AccessDenied.IpNotInWhiteList","message":"x"}"#,
        "AppToken",
    ),
    (
        403,
        r#"{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"x"}"#,
        "Throttled",
    ),
    (
        403,
        r#"{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"x"}"#,
        "Throttled",
    ),
    (429, "", "Throttled"),
    (429, r#"{"code":"systemBusy"}"#, "Throttled"),
    (500, r#"{"code":"unknownError"}"#, "Unavailable"),
    (500, r#"{"code":"never.heard.of"}"#, "Unavailable"),
    (
        400,
        r#"{"code":"Missingbody","message":"body is mandatory for this action"}"#,
        "Other",
    ),
    (502, "<html>bad gateway</html>", "Unavailable"),
    (200, "<html>banned</html>", "Unavailable"),
    (
        200,
        r#"{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"xxx"}"#,
        "Unavailable",
    ),
    (200, r#"{"errcode":0,"errmsg":"ok"}"#, "Unavailable"),
    (200, r#"{"errcode":0,"result":"not a number"}"#, "Unavailable"),
    (302, "", "Unavailable"),
    (200, "", "Unavailable"),
    (200, "[]", "Unavailable"),
    (200, "null", "Unavailable"),
    (200, "{\"errcode\":0,\"result\":\u{0}", "Unavailable"),
];

#[test]
fn every_shape_is_understood() {
    for (status, body, expected) in TABLE {
        assert_eq!(decided(status, body), expected, "{status} {body}");
    }
}

#[test]
fn a_success_is_read_and_only_a_success() {
    assert_eq!(
        read::<Wrapped<u8>>(200, br#"{"errcode":0,"errmsg":"ok","result":7,"new":{}}"#, &[])
            .unwrap()
            .result,
        7
    );
    assert!(read::<Wrapped<u8>>(200, br#"{"errcode":60121,"errmsg":"x","result":7}"#, &[]).is_err());
    assert!(read::<Wrapped<u8>>(500, br#"{"errcode":0,"errmsg":"ok","result":7}"#, &[]).is_err());
}

#[test]
fn the_words_of_the_platform_are_bounded_and_name_what_is_missing() {
    let endless = format!(
        r#"{{"errcode":88,"sub_code":"60011","sub_msg":"[scope_x]\n{}"}}"#,
        "长".repeat(9000)
    );
    let error = DingTalkError::from(read::<Wrapped<u8>>(200, endless.as_bytes(), &[]).unwrap_err());
    let text = error.to_string();
    assert!(
        text.contains("[scope_x]") && text.chars().count() < 500 && !text.contains('\n'),
        "{text}"
    );
    let new = br#"{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied","message":"m","accessdenieddetail":{"requiredScopes":["Contact.User.Read"]}}"#;
    let error = DingTalkError::from(read::<Wrapped<u8>>(403, new, &[]).unwrap_err());
    assert!(error.to_string().contains("Contact.User.Read"), "{error}");
}

#[test]
fn what_stood_in_an_unreadable_success_is_not_told() {
    let body = r#"{"errcode":0,"result":"张三"}"#;
    let error = DingTalkError::from(read::<Wrapped<u8>>(200, body.as_bytes(), &[]).unwrap_err());
    assert!(!format!("{error:?}").contains('张'), "{error:?}");
}
