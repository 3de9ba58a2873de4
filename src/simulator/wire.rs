//! Gives an answer the form of its family: the one place that knows the three error shapes (dingtalk-api, section 0).

use std::io;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::call::Family;
use super::grants::random;

/// An answer before it takes the form of its family.
pub(super) enum Said {
    /// Payload at top level.
    Flat(Value),
    /// Payload in `result` (`/topapi`).
    Result(Box<RawValue>),
    /// A refusal by the API itself.
    Refused(i64, &'static str),
    /// A refusal at the gate: wrapped in 88 on `/topapi`.
    Gate(i64, String),
    /// A refusal of the new family: status, code, text.
    New(u16, String, String),
    /// The new family's refusal of an app without the permission.
    Forbidden(String, &'static str),
    /// An answer in XML, for a caller that has not asked for JSON.
    Xml(String),
    /// No such path.
    Unknown,
}

impl Said {
    /// A payload in `result`.
    pub(super) fn result(payload: &impl Serialize) -> Self {
        serde_json::value::to_raw_value(payload).map_or(Self::Refused(-1, "系统繁忙"), Self::Result)
    }

    /// A refusal of the new family.
    pub(super) fn new_family(status: u16, code: &str, text: &str) -> Self {
        Self::New(status, code.to_owned(), text.to_owned())
    }
}

/// The text of a refusal for want of a permission; it links to where an administrator grants it.
pub(super) fn permission_text(app_key: &str, scope: &str) -> String {
    format!(
        "应用尚未开通所需的权限：[{scope}]，点击链接申请并开通即可：https://open-dev.dingtalk.com/appscope/apply?content={app_key}%23{scope}"
    )
}

/// The answer with its status.
pub(super) fn answer(family: Family, path: &str, said: Said, cut: bool) -> HttpResponse {
    let kind = match said {
        Said::Xml(_) => "application/xml",
        _ => "application/json",
    };
    let (status, text) = shaped(family, path, said);
    let text = if cut {
        let half = text.len() / 2;
        text.into_iter().take(half).collect()
    } else {
        text
    };
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::OK))
        .content_type(kind)
        .body(text)
}

#[derive(Serialize)]
struct Wrapped<'a> {
    errcode: i64,
    errmsg: &'a str,
    result: &'a RawValue,
    request_id: String,
}

fn shaped(family: Family, path: &str, said: Said) -> (u16, Vec<u8>) {
    let (status, mut body) = match said {
        Said::Xml(text) => return (200, text.into_bytes()),
        Said::Flat(payload) if family == Family::New => return (200, payload.to_string().into_bytes()),
        Said::Flat(payload) => {
            let mut body = Map::from_iter([("errcode".to_owned(), json!(0)), ("errmsg".to_owned(), json!("ok"))]);
            if let Value::Object(payload) = payload {
                body.extend(payload);
            }
            (200, Value::Object(body))
        }
        Said::Result(result) => {
            let wrapped = Wrapped {
                errcode: 0,
                errmsg: "ok",
                result: &result,
                request_id: random(),
            };
            return (200, escaped(&wrapped));
        }
        Said::Refused(code, text) => (200, json!({"errcode": code, "errmsg": text})),
        Said::Gate(code, text) if family == Family::Topapi => (
            200,
            json!({
                "errcode": 88, "sub_code": code.to_string(), "sub_msg": text,
                "errmsg": format!("ding talk error[subcode={code},submsg={text}]"),
            }),
        ),
        Said::Gate(code, text) => (200, json!({"errcode": code, "errmsg": text})),
        Said::New(status, code, text) => {
            let body = json!({"code": code, "requestid": long_id(), "message": text});
            return (status, body.to_string().into_bytes());
        }
        Said::Forbidden(app_key, scope) => {
            let body = json!({
                "code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "requestid": long_id(),
                "message": permission_text(&app_key, scope), "accessdenieddetail": {"requiredScopes": [scope]},
            });
            return (403, body.to_string().into_bytes());
        }
        Said::Unknown if family == Family::Topapi => {
            let name = path.trim_start_matches("/topapi/").replace('/', ".");
            let text = format!("不合法ApiName，ApiName = dingtalk.oapi.{name}");
            (
                200,
                json!({"errcode": 22, "sub_msg": text, "errmsg": format!("Invalid method[submsg={text}]")}),
            )
        }
        Said::Unknown => (200, json!({"errcode": 404, "errmsg": "请求的URI地址不存在"})),
    };
    if family == Family::Topapi
        && let Some(fields) = body.as_object_mut()
    {
        fields.insert("request_id".to_owned(), json!(random()));
    }
    (status, escaped(&body))
}

/// The new family's request ids: upper case, with dashes.
fn long_id() -> String {
    uuid::Uuid::new_v4().to_string().to_uppercase()
}

/// JSON as the old family writes it: with `\/` for every slash.
fn escaped(body: &impl Serialize) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, EscapedSlashes);
    // Writing into memory fails for no payload that the simulator has.
    let _ = body.serialize(&mut serializer);
    text
}

struct EscapedSlashes;

impl EscapedSlashes {
    fn write<W: io::Write + ?Sized>(writer: &mut W, text: &str) -> io::Result<()> {
        let mut pieces = text.split('/');
        writer.write_all(pieces.next().unwrap_or_default().as_bytes())?;
        for piece in pieces {
            writer.write_all(b"\\/")?;
            writer.write_all(piece.as_bytes())?;
        }
        Ok(())
    }
}

impl Formatter for EscapedSlashes {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        Self::write(writer, fragment)
    }

    /// A payload that is text already: in JSON a slash stands in strings alone.
    fn write_raw_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        Self::write(writer, fragment)
    }
}
