//! Asks DingTalk what the service will ask, with each micro-app's own secret and nothing out of the shared cache.

use futures_util::future::join_all;

use super::finding::{Finding, LIMIT, told};
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::app::DEFAULT_APP;
use crate::config::events::{Events, EventsMode};
use crate::dingtalk::DingTalk;
use crate::dingtalk::contacts::VisibleRange;
use crate::dingtalk::error::{CodeSpent, DingTalkError, NoAppToken};
use crate::dingtalk::ids::{DepartmentId, UserId};

const CLOCK: &str = "clock";
const SECRET: &str = "app secret";
const ADDRESS: &str = "server address";
const TICKET: &str = "jsapi ticket";
const RANGE: &str = "visible range";
const DEPARTMENTS: &str = "departments";
const MEMBER_LISTS: &str = "member lists";
const MEMBERS: &str = "members";
const CALLBACK: &str = "callback";

/// What to do where the range is too small.
const WIDEN: &str =
    "widen it in the developer console: 权限管理 › 通讯录权限范围, and 可见范围 of the version that is released";
/// More ids than anybody reads in a line.
const MOST_IDS: usize = 10;

/// Asks the platform for every micro-app.
pub(super) async fn examine(settings: &Settings) -> Vec<Finding> {
    let dingtalk = match DingTalk::new(&settings.dingtalk, &settings.apps, None, Clock::default()) {
        Ok(dingtalk) => dingtalk,
        Err(cause) => {
            let advice = "install the CA certificates of this machine (package ca-certificates)";
            return vec![Finding::failed(CLOCK, told(&cause), advice)];
        }
    };
    let apps = settings.apps.keys().map(|app| {
        let dingtalk = &dingtalk;
        async move {
            let findings = examine_app(dingtalk, app).await;
            findings
                .into_iter()
                .map(|finding| finding.of_app(app))
                .collect::<Vec<_>>()
        }
    });
    let (clock, apps) = tokio::join!(clock(&dingtalk), join_all(apps));
    let mut findings = vec![clock];
    if apps.is_empty() {
        findings.push(Finding::skipped(SECRET, "the settings of a micro-app"));
    }
    findings.extend(apps.into_iter().flatten());
    if settings.events.mode == EventsMode::Http && settings.apps.contains_key(DEFAULT_APP) {
        findings.push(callback(&dingtalk, &settings.events).await);
    }
    findings
}

/// Which keys the older API has registered. Those of a subscription in the developer console nobody can ask for.
async fn callback(dingtalk: &DingTalk, events: &Events) -> Finding {
    match asked(dingtalk.callback(DEFAULT_APP)).await {
        Ok(Some(registered)) => match registered.has_keys(events.token.as_ref(), events.aes_key.as_ref()) {
            [true, true] => Finding::ok(CALLBACK, format!("{} with this token and aes_key", registered.url)),
            _ => Finding::failed(
                CALLBACK,
                format!("{} is registered with another token or aes_key", registered.url),
                "register those of the settings: `callback update`",
            ),
        },
        Ok(None) => Finding::warning(
            CALLBACK,
            "nothing is registered by the older API",
            "run `callback register`, unless events are subscribed to in the developer console (开发配置 › 事件订阅)",
        ),
        Err(error) => Finding::warning(
            CALLBACK,
            error.to_string(),
            "see whether the subscription in the developer console has this token and aes_key (开发配置 › 事件订阅)",
        ),
    }
}

async fn clock(dingtalk: &DingTalk) -> Finding {
    let clock = Clock::default();
    let before = clock.now();
    match asked(dingtalk.time()).await {
        Ok(theirs) => Finding::clock(CLOCK, "DingTalk", theirs, (before, clock.now())),
        Err(error) => refused(CLOCK, &error),
    }
}

/// Asks with one micro-app's secret. What depends on something that is not to be had says so.
async fn examine_app(dingtalk: &DingTalk, app: &str) -> Vec<Finding> {
    let skipped =
        |wanting| [TICKET, RANGE, DEPARTMENTS, MEMBER_LISTS, MEMBERS].map(|check| Finding::skipped(check, wanting));
    if let Err(error) = asked(dingtalk.check_app_access_token(app)).await {
        let findings = match address_refused(&error) {
            Some(address) => [Finding::skipped(SECRET, "an allowed server address"), address],
            None => [
                refused(SECRET, &error),
                Finding::skipped(ADDRESS, "the app access token"),
            ],
        };
        return findings.into_iter().chain(skipped("the app access token")).collect();
    }
    let secret = Finding::ok(SECRET, "DingTalk gives an app access token for it");
    let scopes = asked(dingtalk.auth_scopes(app)).await;
    // The old family judges the address at every call, the new one perhaps not where it gives the token.
    let address = match &scopes {
        Err(DingTalkError::Unavailable { .. }) => Finding::skipped(ADDRESS, "an answer of DingTalk"),
        Err(error) if let Some(address) = address_refused(error) => {
            let rest = skipped("an allowed server address");
            return [secret, address].into_iter().chain(rest).collect();
        }
        _ => Finding::ok(ADDRESS, "DingTalk takes calls from it"),
    };
    let mut findings = vec![secret, address, ticket(dingtalk, app).await];
    let range = match scopes {
        Ok(scopes) => {
            findings.push(visible_range(&scopes.auth_org_scopes));
            scopes.auth_org_scopes
        }
        Err(error) => {
            findings.push(refused(RANGE, &error));
            // It may well be the whole company.
            VisibleRange {
                authed_user: Vec::new(),
                authed_dept: vec![DepartmentId::ROOT],
            }
        }
    };
    findings.extend(contacts(dingtalk, app, range).await);
    findings
}

async fn ticket(dingtalk: &DingTalk, app: &str) -> Finding {
    match asked(dingtalk.jsapi_ticket(app)).await {
        Ok(_) => Finding::ok(TICKET, "DingTalk gives one to sign pages with"),
        Err(error) => refused(TICKET, &error),
    }
}

/// Reads a department of the range, the list of its members, and one of them.
async fn contacts(dingtalk: &DingTalk, app: &str, range: VisibleRange) -> [Finding; 3] {
    let mut member = range.authed_user.into_iter().next();
    let [department, list] = if let Some(id) = range.authed_dept.into_iter().min() {
        let department = read_department(dingtalk, app, id).await;
        let (list, first) = list_members(dingtalk, app, id).await;
        member = member.or(first);
        [department, list]
    } else {
        [DEPARTMENTS, MEMBER_LISTS].map(|check| Finding::skipped(check, "a department in the visible range"))
    };
    [department, list, read_member(dingtalk, app, member).await]
}

fn visible_range(range: &VisibleRange) -> Finding {
    let people = range.authed_user.len();
    if range.authed_dept.contains(&DepartmentId::ROOT) {
        return Finding::ok(RANGE, "the whole company");
    }
    if range.authed_dept.is_empty() && people == 0 {
        return Finding::failed(RANGE, "nobody: every sign-in is refused", WIDEN);
    }
    let mut ids: Vec<String> = range
        .authed_dept
        .iter()
        .take(MOST_IDS)
        .map(|id| id.0.to_string())
        .collect();
    if range.authed_dept.len() > MOST_IDS {
        ids.push("…".to_owned());
    }
    let departments = match range.authed_dept.len() {
        0 => "no department".to_owned(),
        count => format!("{count} department(s) with all below them ({})", ids.join(", ")),
    };
    Finding::ok(
        RANGE,
        format!("{departments}, {people} more people; nobody else may sign in"),
    )
}

async fn read_department(dingtalk: &DingTalk, app: &str, id: DepartmentId) -> Finding {
    match asked(dingtalk.department(app, id)).await {
        Ok(department) => Finding::ok(DEPARTMENTS, format!("may be read, as {} ({})", department.name, id.0)),
        Err(error) => refused(DEPARTMENTS, &error),
    }
}

/// And the first of the members.
async fn list_members(dingtalk: &DingTalk, app: &str, id: DepartmentId) -> (Finding, Option<UserId>) {
    match asked(dingtalk.department_members(app, id, 0)).await {
        Ok(page) => {
            let first = page.list.into_iter().next().map(|member| member.userid);
            (Finding::ok(MEMBER_LISTS, "may be read"), first)
        }
        Err(error) => (refused(MEMBER_LISTS, &error), None),
    }
}

async fn read_member(dingtalk: &DingTalk, app: &str, member: Option<UserId>) -> Finding {
    // The permission is judged before the id: one whom no company has will do.
    let Some(member) = member.or_else(|| UserId::new("dingtalk-sso-doctor").ok()) else {
        return Finding::skipped(MEMBERS, "a member to read");
    };
    match asked(dingtalk.employee_profile(app, &member)).await {
        Ok(_) | Err(DingTalkError::NotFound { .. } | DingTalkError::OutsideRange { .. }) => {
            Finding::ok(MEMBERS, "may be read")
        }
        Err(error) => refused(MEMBERS, &error),
    }
}

/// Gives a call its time.
async fn asked<T>(call: impl Future<Output = Result<T, DingTalkError>>) -> Result<T, DingTalkError> {
    tokio::time::timeout(LIMIT, call).await.unwrap_or_else(|_elapsed| {
        Err(DingTalkError::Unavailable {
            code_spent: CodeSpent::No,
            detail: format!("no answer within {} s", LIMIT.as_secs()),
        })
    })
}

/// What to do about a refusal of our address, if it is one.
fn address_refused(error: &DingTalkError) -> Option<Finding> {
    let DingTalkError::AppToken {
        why: NoAppToken::AddressNotAllowed { seen },
        ..
    } = error
    else {
        return None;
    };
    let address = seen.map_or_else(|| "the one of this server".to_owned(), |seen| seen.to_string());
    Some(Finding::failed(
        ADDRESS,
        format!("DingTalk takes no calls from {address}"),
        "add it to the app in the developer console: 安全设置 › 服务器出口IP",
    ))
}

/// What to do about any other failure.
fn refused(check: &'static str, error: &DingTalkError) -> Finding {
    match error {
        DingTalkError::AppToken {
            why: NoAppToken::WrongSecret,
            ..
        } => Finding::failed(
            check,
            "DingTalk does not know this app_key with this app_secret",
            "copy both again from the developer console: 凭证与基础信息",
        ),
        DingTalkError::Permission { code, text } => {
            let scope = between(text, "[", "]").unwrap_or("which DingTalk does not name");
            let link = between(text, "https://", " ").map_or_else(String::new, |rest| format!(", or https://{rest}"));
            Finding::failed(
                check,
                format!("the app lacks a permission, {scope} ({code})"),
                format!("apply for it in the developer console: 权限管理{link}"),
            )
        }
        DingTalkError::OutsideRange { .. } => Finding::failed(check, error.to_string(), WIDEN),
        DingTalkError::Throttled { .. } => Finding::failed(
            check,
            error.to_string(),
            "run this again in a minute; a monthly quota that is used up (90020) lasts longer",
        ),
        DingTalkError::Unavailable { .. } => Finding::failed(
            check,
            error.to_string(),
            "can this machine reach the hosts under [dingtalk]: firewall, proxy, DNS?",
        ),
        error => Finding::fault(check, error.to_string()),
    }
}

/// What stands behind `start`, up to `end` if that follows.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split(end).next()
}
