//! The old API by which a company registers where events are pushed (dingtalk-api, section 9.1).

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::callback::{SignedAs, Subscription, client, post};
use super::envelope;
use super::told::Spelling;
use crate::simulator::call::Call;
use crate::simulator::grants::AppIndex;
use crate::simulator::misbehaviour;
use crate::simulator::state::{Shared, State, lock};
use crate::simulator::wire::Said;

/// The events that may be subscribed to.
const TYPES: [&str; 24] = [
    "user_add_org",
    "user_modify_org",
    "user_leave_org",
    "user_active_org",
    "org_admin_add",
    "org_admin_remove",
    "org_dept_create",
    "org_dept_modify",
    "org_dept_remove",
    "org_remove",
    "org_change",
    "label_user_change",
    "label_conf_add",
    "label_conf_del",
    "label_conf_modify",
    "chat_add_member",
    "chat_remove_member",
    "chat_quit",
    "chat_update_owner",
    "chat_update_title",
    "chat_disband",
    "check_in",
    "bpms_task_change",
    "bpms_instance_change",
];

const ALREADY: Said = Said::Refused(71006, "回调地址已经存在");
const NOT_THERE: Said = Said::Refused(71007, "回调地址不存在");

/// `register_call_back` and `update_call_back`: the address is asked to open and seal before it is taken.
pub(in crate::simulator) async fn register(request: HttpRequest, body: Bytes, state: Shared) -> HttpResponse {
    let work = async || {
        let call = Call::new(&request, &body);
        let again = call.path.ends_with("update_call_back");
        let (corp_id, now) = {
            let state = lock(&state);
            (state.corp_id.clone(), state.clock.unix_millis().to_string())
        };
        let subscription = match asked(&state, &call, again) {
            Ok(subscription) => subscription,
            Err(refused) => return refused,
        };
        match check(&subscription, &corp_id, &now).await {
            Ok(()) => {
                lock(&state).outbox.pushes.subscription = Some(subscription);
                Said::Flat(json!({}))
            }
            Err(code) => Said::Refused(code, "回调地址校验失败"),
        }
    };
    misbehaviour::answered(&request, &state, work).await
}

async fn check(subscription: &Subscription, corp_id: &str, now: &str) -> Result<(), i64> {
    let message = json!({"EventType": "check_url", "TimeStamp": now});
    let client = client().map_err(|_no_client| 71012)?;
    post(&client, subscription, corp_id, &message).await
}

fn asked(state: &Shared, call: &Call<'_>, again: bool) -> Result<Subscription, Said> {
    let state = lock(state);
    let now = state.now();
    if *call.method != actix_web::http::Method::POST {
        return Err(Said::Refused(43002, "需要POST请求"));
    }
    let token = call.old_token().unwrap_or_default();
    if state.grants.app(token, now).is_none() {
        return Err(Said::Gate(40014, "不合法的access_token".to_owned()));
    }
    let there = state
        .outbox
        .pushes
        .subscription
        .as_ref()
        .is_some_and(|known| known.by_api);
    match (there, again) {
        (true, false) => return Err(ALREADY),
        (false, true) => return Err(NOT_THERE),
        _ => {}
    }
    let text = |name: &str, code: i64| {
        call.text(name)
            .map(str::to_owned)
            .ok_or(Said::Refused(code, "参数错误"))
    };
    let types: Vec<String> = call.texts("call_back_tag");
    if types.is_empty() {
        return Err(Said::Refused(400_050, "回调类型为空"));
    }
    if types.iter().any(|name| !TYPES.contains(&name.as_str())) {
        return Err(Said::Refused(71008, "回调类型不存在"));
    }
    let (token, aes_key) = (text("token", 400_051)?, text("aes_key", 400_052)?);
    if aes_key.len() != 43 || envelope::key(&aes_key).is_none() {
        return Err(Said::Refused(400_053, "aes_key长度必须是43"));
    }
    let url = text("url", 400_054)?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Said::Refused(71011, "回调地址不合法"));
    }
    Ok(Subscription {
        url,
        token,
        aes_key,
        owner_key: Some(state.corp_id.clone()),
        signed_as: SignedAs::Signature,
        nonce_length: Some(8),
        spelling: Spelling::Old,
        types: types.into_iter().collect(),
        by_api: true,
    })
}

/// `get_call_back`.
pub(in crate::simulator) fn show(state: &mut State, _: AppIndex, _: &Call<'_>) -> Said {
    match registered(state) {
        Some(known) => Said::Flat(json!({
            "call_back_tag": known.types, "token": known.token, "aes_key": known.aes_key, "url": known.url,
        })),
        None => NOT_THERE,
    }
}

/// `delete_call_back`.
pub(in crate::simulator) fn remove(state: &mut State, _: AppIndex, _: &Call<'_>) -> Said {
    if registered(state).is_none() {
        return NOT_THERE;
    }
    state.outbox.pushes.subscription = None;
    Said::Flat(json!({}))
}

/// `get_call_back_failed_result`: each entry is answered once.
pub(in crate::simulator) fn failed(state: &mut State, _: AppIndex, _: &Call<'_>) -> Said {
    let now_ms = state.clock.unix_millis();
    let (entries, more) = state.outbox.pushes.take_failed(&state.corp_id, now_ms);
    Said::Flat(json!({"has_more": more, "failed_list": Value::Array(entries)}))
}

fn registered(state: &State) -> Option<&Subscription> {
    state.outbox.pushes.subscription.as_ref().filter(|known| known.by_api)
}
