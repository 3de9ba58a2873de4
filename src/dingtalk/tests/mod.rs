//! The platform's client against a platform of a few lines.

mod calls;
mod secrets;
mod server;

use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::*;
use crate::cache::Cache;
use crate::tokens::seal::Sealer;
use server::{Platform, Reply};

/// The secret in the settings of these tests.
const SECRET: &str = "app-secret-of-the-tests";
/// The key under which these tests share what the platform lends.
const MASTER_KEY: &str = "a master key for tests, long enough";

/// A client of `platform` with one app.
fn client(platform: &Platform, cache: Cache, clock: Clock) -> DingTalk {
    client_of(platform, "dingkey", cache, clock)
}

fn client_of(platform: &Platform, app_key: &str, cache: Cache, clock: Clock) -> DingTalk {
    DingTalk::new(
        &settings(platform),
        &apps(app_key),
        Some(vault(cache, MASTER_KEY)),
        clock,
    )
    .unwrap()
}

fn vault(cache: Cache, master_key: &str) -> Vault {
    let secrets = config::secrets::Secrets {
        master_key: Some(SecretString::from(master_key)),
    };
    let database = config::database::Database {
        url: SecretString::from("sqlite::memory:"),
        max_connections: 1,
    };
    Vault::new(cache, Arc::new(Sealer::open(&secrets, &database).unwrap()))
}

/// For tests that make so many calls at once that a busy machine is slow to serve them.
fn patient(platform: &Platform, cache: Cache, clock: Clock) -> DingTalk {
    let settings = config::dingtalk::DingTalk {
        timeout: Duration::from_secs(20),
        ..settings(platform)
    };
    DingTalk::new(&settings, &apps("dingkey"), Some(vault(cache, MASTER_KEY)), clock).unwrap()
}

fn settings(platform: &Platform) -> config::dingtalk::DingTalk {
    config::dingtalk::DingTalk {
        corp_id: "dingcorp".to_owned(),
        oapi_url: platform.url("/oapi"),
        api_url: platform.url("/api"),
        login_url: platform.url("/login"),
        timeout: Duration::from_millis(700),
    }
}

fn apps(app_key: &str) -> BTreeMap<String, config::app::App> {
    let app = config::app::App {
        app_key: app_key.to_owned(),
        app_secret: SecretString::from(SECRET),
        agent_id: "77001".to_owned(),
        allowed_origins: Vec::new(),
    };
    BTreeMap::from([("default".to_owned(), app)])
}

async fn opened(url: &str, clock: &Clock) -> Cache {
    Cache::open(
        &config::cache::Cache {
            url: SecretString::from(url),
        },
        clock.clone(),
    )
    .await
    .unwrap()
}

async fn in_process(clock: &Clock) -> Cache {
    opened("memory:", clock).await
}

fn token(value: &str, life_s: i64) -> Reply {
    Reply::json(200, format!(r#"{{"accessToken":"{value}","expireIn":{life_s}}}"#))
}

fn ticket(value: &str) -> Reply {
    Reply::json(200, format!(r#"{{"jsapiTicket":"{value}","expireIn":7200}}"#))
}

fn old(body: &str) -> Reply {
    Reply::json(200, body.to_owned())
}

fn bad_token() -> Reply {
    old(
        r#"{"errcode":88,"sub_code":"40014","sub_msg":"不合法的access_token","errmsg":"ding talk error","request_id":"1"}"#,
    )
}

fn user() -> Reply {
    old(r#"{"errcode":0,"errmsg":"ok","result":{"userid":"manager01","unionid":"u1","name":"张三","sys":true}}"#)
}

fn code() -> AuthCode {
    AuthCode::new("code-of-the-tests").unwrap()
}

fn unique(name: &str) -> String {
    format!("{name}{}", Uuid::new_v4().simple())
}
