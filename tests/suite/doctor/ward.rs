//! A platform that says what it is told to, and the doctor that is asked beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chrono::TimeDelta;
use dingtalk_sso::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

pub(super) const TOKEN: &str = "/v1.0/oauth2/accessToken";
const TICKET: &str = "/v1.0/oauth2/jsapiTickets";
pub(super) const SCOPES: &str = "/auth/scopes";
const DEPARTMENT: &str = "/topapi/v2/department/get";
pub(super) const MEMBERS: &str = "/topapi/v2/user/list";
pub(super) const MEMBER: &str = "/topapi/v2/user/get";

/// Answers of a platform where all is in order: an app that sees the whole company.
const IN_ORDER: [(&str, u16, &str); 6] = [
    (TOKEN, 200, r#"{"accessToken":"token-of-the-app","expireIn":7200}"#),
    (TICKET, 200, r#"{"jsapiTicket":"ticket-of-the-app","expireIn":7200}"#),
    (
        SCOPES,
        200,
        r#"{"errcode":0,"auth_org_scopes":{"authed_dept":[1],"authed_user":[]}}"#,
    ),
    (
        DEPARTMENT,
        200,
        r#"{"errcode":0,"result":{"dept_id":1,"name":"永昌集团"}}"#,
    ),
    (
        MEMBERS,
        200,
        r#"{"errcode":0,"result":{"has_more":false,"list":[{"userid":"manager01"}]}}"#,
    ),
    (MEMBER, 200, r#"{"errcode":0,"result":{"userid":"manager01"}}"#),
];

/// A platform that says what it is told to, and a folder in which the binary runs.
pub(super) struct Ward {
    pub(super) folder: TempDir,
    env: BTreeMap<String, String>,
    platform: ServerHandle,
}

/// What the doctor has said.
pub(super) struct Report {
    pub(super) code: Option<i32>,
    /// `state found advice` by label.
    pub(super) said: BTreeMap<String, String>,
}

impl Ward {
    /// A platform in order but for `other` answers.
    pub(super) fn with(other: &[(&'static str, u16, &'static str)]) -> Self {
        Self::skewed(other, TimeDelta::zero())
    }

    /// The same with its clock ahead.
    pub(super) fn skewed(other: &[(&'static str, u16, &'static str)], ahead: TimeDelta) -> Self {
        let answers: BTreeMap<&str, (u16, &str)> = IN_ORDER
            .iter()
            .chain(other)
            .map(|(path, status, body)| (*path, (*status, *body)))
            .collect();
        let answers = Arc::new(answers);
        let server = HttpServer::new(move || {
            let answers = Arc::clone(&answers);
            App::new().default_service(web::to(move |request: HttpRequest| {
                let (status, body) = answers.get(request.path()).copied().unwrap_or((404, "{}"));
                let date = (Clock::default().now() + ahead).format("%a, %d %b %Y %H:%M:%S GMT");
                let answer = HttpResponse::build(StatusCode::from_u16(status).expect("a status"))
                    .insert_header(("date", date.to_string()))
                    .body(body);
                async { answer }
            }))
        });
        let server = server
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .expect("a port");
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let platform = server.handle();
        tokio::spawn(server);
        let env = [
            ("DINGTALK__CORP_ID", "dingcorp"),
            ("DINGTALK__APP_KEY", "dingkey"),
            ("DINGTALK__APP_SECRET", "secret-of-the-app"),
            ("DINGTALK__AGENT_ID", "77001"),
            ("DINGTALK__OAPI_URL", &url),
            ("DINGTALK__API_URL", &url),
            ("HTTP__PUBLIC_URL", "https://sso.example"),
        ];
        let env = env.map(|(name, value)| (format!("SSO_{name}"), value.to_owned()));
        Self {
            folder: TempDir::new().expect("a folder"),
            env: env.into(),
            platform,
        }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.env.insert(format!("SSO_{name}"), value.to_owned());
    }

    pub(super) async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        run(self.env.iter(), &self.folder, arguments).await
    }

    pub(super) async fn examined(&self) -> Report {
        let (code, text) = self.run(&["doctor", "--json"]).await;
        Report::read(code, &text)
    }

    pub(super) async fn end(self) {
        self.platform.stop(false).await;
    }
}

impl Report {
    pub(super) fn read(code: Option<i32>, text: &str) -> Self {
        assert!(!text.contains("-of-the-app"), "a secret: {text}");
        let report: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(report["healthy"], code == Some(0));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said = report["checks"].as_array().expect("checks").iter().map(|check| {
            let label = format!("{} {}", text(&check["check"]), text(&check["app"]));
            let words = ["state", "found", "advice"].map(|part| text(&check[part])).join(" ");
            (label.trim().to_owned(), words.trim().to_owned())
        });
        Self {
            code,
            said: said.collect(),
        }
    }

    /// The labels of what ended so.
    pub(super) fn those(&self, state: &str) -> Vec<&str> {
        let such = self.said.iter().filter(|(_, words)| words.starts_with(state));
        such.map(|(label, _)| label.as_str()).collect()
    }
}

/// Runs the binary with nothing but these variables; answers its exit code and what it printed.
pub(super) async fn run(
    env: impl Iterator<Item = (&String, &String)>,
    folder: &TempDir,
    arguments: &[&str],
) -> (Option<i32>, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_dingtalk-sso"))
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .envs(env)
        .output()
        .await
        .expect("the binary");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}
