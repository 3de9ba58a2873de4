//! Settings as an administrator meets them: what holds when nothing is said, and what wins.

mod given;
mod refused;

use std::path::Path;

use rstest::rstest;
use secrecy::ExposeSecret as _;

use super::events::EventsMode;
use super::jsapi::Digest;
use super::log::LogFormat;
use super::tokens::Algorithm;
use super::{Purpose, Settings, layers};
use given::{KEY, load, report, serve};

fn origins(settings: &Settings, app: &str) -> Vec<String> {
    settings.apps[app]
        .allowed_origins
        .iter()
        .map(url::Origin::ascii_serialization)
        .collect()
}

#[test]
fn nothing_but_the_company_and_its_micro_app_has_to_be_set() {
    let settings = serve("", &[]).expect("these are enough");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.public_url.as_str(), "http://127.0.0.1:8080/");
    assert!(settings.http.trusted_proxies.is_empty());
    assert_eq!(settings.http.workers, 0);
    assert_eq!(settings.database.url.expose_secret(), "sqlite://data/sso.db");
    assert_eq!(settings.database.max_connections, 16);
    assert_eq!(settings.cache.url.expose_secret(), "memory:");
    assert_eq!(settings.dingtalk.corp_id, "dingcorp");
    assert_eq!(settings.dingtalk.oapi_url.as_str(), "https://oapi.dingtalk.com/");
    assert_eq!(settings.dingtalk.api_url.as_str(), "https://api.dingtalk.com/");
    assert_eq!(settings.dingtalk.login_url.as_str(), "https://login.dingtalk.com/");
    assert_eq!(settings.dingtalk.timeout.as_millis(), 5000);
    assert_eq!(settings.apps.keys().collect::<Vec<_>>(), ["default"]);
    assert_eq!(settings.apps["default"].app_key, "dingkey");
    assert_eq!(settings.apps["default"].app_secret.expose_secret(), "the-app-secret");
    assert_eq!(settings.apps["default"].agent_id, "77001");
    assert_eq!(origins(&settings, "default"), ["http://127.0.0.1:8080"]);
    assert_eq!(settings.jsapi.digest, Digest::Sha1);
    assert_eq!(settings.tokens.issuer, "http://127.0.0.1:8080");
    assert_eq!(settings.tokens.access_ttl.as_secs(), 3600);
    assert_eq!(settings.tokens.refresh_ttl.as_secs(), 2_592_000);
    assert_eq!(settings.tokens.algorithm, Algorithm::Es256);
    assert_eq!(settings.tokens.cookie_domain, None);
    assert!(settings.secrets.master_key.is_none());
    assert_eq!(settings.events.mode, EventsMode::Off);
    assert_eq!(settings.limits.rejected_codes_per_minute, 60);
    assert!(settings.admin.userids.is_empty());
    assert_eq!(
        (settings.log.format, settings.log.filter.as_str()),
        (
            LogFormat::Text,
            "info,actix_server=warn,sea_orm_migration=warn,sqlx::postgres::notice=warn"
        )
    );
}

#[rstest]
#[case("http", 4)]
#[case("database", 2)]
#[case("cache", 1)]
#[case("dingtalk", 8)]
#[case("jsapi", 3)]
#[case("tokens", 7)]
#[case("forward_auth", 1)]
#[case("secrets", 1)]
#[case("directory", 4)]
#[case("events", 4)]
#[case("limits", 1)]
#[case("admin", 1)]
#[case("log", 2)]
fn the_reference_names_every_key_that_is_read(#[case] section: &str, #[case] count: usize) {
    serve(layers::REFERENCE, &[]).expect("the reference is a settings file too");
    // The report of an unknown key lists those that are read.
    let report = report(serve(&format!("[{section}]\nno_such_key = 1"), &[]));
    let known: Vec<_> = report.split_once("] has ").expect("a list").1.split(", ").collect();
    assert_eq!(known.len(), count, "{report}");
    let (_, body) = layers::REFERENCE
        .split_once(&format!("\n[{section}]\n"))
        .expect("a section");
    let body = body.split("\n[").next().expect("its keys");
    for key in known {
        assert!(
            body.lines().any(|line| line.starts_with(&format!("{key} = "))),
            "{section}.{key}"
        );
    }
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let file = "[http]\nworkers = 3\nlisten = \"127.0.0.1:1\"\n[tokens]\naccess_ttl_s = 120";
    let settings = serve(file, &[("SSO_HTTP__LISTEN", "127.0.0.1:2")]).expect("good");
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.http.workers, 3);
    assert_eq!(settings.tokens.access_ttl.as_secs(), 120);
    assert_eq!(settings.tokens.refresh_ttl.as_secs(), 2_592_000);
}

#[rstest]
#[case::zeroes_in_front("00123", "00123")]
#[case::a_float("1e5", "1e5")]
#[case::a_word_of_toml("true", "true")]
#[case::a_list_of_toml("[1]", "[1]")]
#[case::many_digits("123456789012345678901234567890", "123456789012345678901234567890")]
fn what_looks_like_a_number_in_the_environment_stays_text(#[case] given: &str, #[case] kept: &str) {
    let env = [("SSO_DINGTALK__AGENT_ID", given), ("SSO_DINGTALK__APP_SECRET", given)];
    let settings = serve("", &env).expect("text is text");
    assert_eq!(settings.apps["default"].agent_id, kept);
    assert_eq!(settings.apps["default"].app_secret.expose_secret(), kept);
}

#[test]
fn a_number_in_the_file_is_text_where_text_is_meant() {
    let file = "[dingtalk]\ncorp_id = 1\napp_key = 2\napp_secret = 3\nagent_id = 77001\n[admin]\nuserids = [7, \"m\"]";
    let settings = load(file, &[], Purpose::Serve).expect("good");
    assert_eq!(settings.apps["default"].agent_id, "77001");
    assert_eq!(settings.apps["default"].app_secret.expose_secret(), "3");
    assert_eq!(settings.admin.userids, ["7", "m"]);
}

#[rstest]
#[case::commas_in_the_environment("", Some("https://a.example, http://b.example:81,"))]
#[case::commas_in_the_file("[jsapi]\nallowed_origins = \"https://a.example,http://b.example:81\"", None)]
#[case::an_array(
    "[jsapi]\nallowed_origins = [\"https://a.example:443\", \"http://B.example:81\"]",
    None
)]
fn a_list_is_written_with_commas_or_as_an_array(#[case] file: &str, #[case] variable: Option<&str>) {
    let env: Vec<_> = variable
        .map(|value| ("SSO_JSAPI__ALLOWED_ORIGINS", value))
        .into_iter()
        .collect();
    let settings = serve(file, &env).expect("good");
    assert_eq!(
        origins(&settings, "default"),
        ["https://a.example", "http://b.example:81"]
    );
}

#[rstest]
#[case("0.0.0.0:9000", "http://127.0.0.1:9000/")]
#[case("[::]:9000", "http://[::1]:9000/")]
#[case("10.1.2.3:80", "http://10.1.2.3/")]
fn the_public_url_follows_the_listen_address(#[case] listen: &str, #[case] public_url: &str) {
    let settings = serve("", &[("SSO_HTTP__LISTEN", listen)]).expect("good");
    assert_eq!(settings.http.public_url.as_str(), public_url);
}

#[test]
fn issuer_and_origins_follow_the_public_url() {
    let env = [
        ("SSO_HTTP__PUBLIC_URL", "https://sso.corp.example/in/"),
        ("SSO_TOKENS__COOKIE_DOMAIN", "corp.example"),
    ];
    let settings = serve("[apps.web]\napp_key='k'\napp_secret='s'\nagent_id=2", &env).expect("good");
    assert_eq!(settings.tokens.issuer, "https://sso.corp.example/in");
    assert_eq!(origins(&settings, "default"), ["https://sso.corp.example"]);
    assert_eq!(origins(&settings, "web"), ["https://sso.corp.example"]);
    assert_eq!(settings.tokens.cookie_domain.as_deref(), Some("corp.example"));
}

#[test]
fn further_micro_apps_come_from_the_file_and_the_environment() {
    let file = "[apps.web]\napp_key = 'k1'\nagent_id = 2\nallowed_origins = ['https://web.example']";
    let env = [
        ("SSO_APPS__WEB__APP_SECRET_FILE", "/secret"),
        ("SSO_APPS__M__X_1__APP_KEY", "k2"),
        ("SSO_APPS__M__X_1__APP_SECRET", "s2"),
        ("SSO_APPS__M__X_1__AGENT_ID", "3"),
        ("SSO_JSAPI__ALLOWED_ORIGINS", "https://all.example"),
    ];
    let settings = serve(file, &env).expect("good");
    assert_eq!(settings.apps.keys().collect::<Vec<_>>(), ["default", "m__x_1", "web"]);
    assert_eq!(settings.apps["web"].app_secret.expose_secret(), "from-a-file");
    assert_eq!(origins(&settings, "web"), ["https://web.example"]);
    assert_eq!(origins(&settings, "m__x_1"), ["https://all.example"]);
}

#[rstest]
#[case::a_file_of_the_environment("", &[("SSO_DINGTALK__APP_SECRET_FILE", "/secret")], "from-a-file")]
#[case::a_file_of_the_file("[dingtalk]\napp_secret_file = '/other'", &[("SSO_DINGTALK__APP_SECRET", "")], "from-another-file")]
#[case::environment_over_file("[dingtalk]\napp_secret_file = '/other'", &[("SSO_DINGTALK__APP_SECRET", "direct")], "direct")]
#[case::its_file_over_file("[dingtalk]\napp_secret = 'x'", &[("SSO_DINGTALK__APP_SECRET_FILE", "/secret")], "from-a-file")]
fn a_secret_may_stand_in_a_file_of_its_own(#[case] file: &str, #[case] env: &[(&str, &str)], #[case] secret: &str) {
    let settings = serve(file, env).expect("good");
    assert_eq!(settings.apps["default"].app_secret.expose_secret(), secret);
}

#[test]
fn other_secrets_have_files_too() {
    let env = [
        ("SSO_DATABASE__URL_FILE", "db"),
        ("SSO_CACHE__URL_FILE", "cache"),
        ("SSO_SECRETS__MASTER_KEY_FILE", "master"),
    ];
    let env: Vec<_> = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let read = |path: &Path| match path.to_str() {
        Some("db") => Ok("mysql://u:p@h/d\n".to_owned()),
        Some("cache") => Ok("rediss://h\n".to_owned()),
        _ => Ok(format!("{KEY}\n")),
    };
    let settings = Settings::from_sources(None, &env, Purpose::Demo, &read).expect("good");
    assert_eq!(settings.database.url.expose_secret(), "mysql://u:p@h/d");
    assert!(settings.database.is_server());
    assert_eq!(settings.cache.url.expose_secret(), "rediss://h");
    assert_eq!(settings.secrets.master_key.expect("given").expose_secret(), KEY);
}

#[rstest]
#[case::serve(Purpose::Serve, 5)]
#[case::keys(Purpose::Keys, 2)]
#[case::maintain(Purpose::Maintain, 1)]
#[case::demo(Purpose::Demo, 0)]
fn each_purpose_needs_what_it_uses(#[case] purpose: Purpose, #[case] faults: usize) {
    // With a database server the master key is needed by those who use it.
    match load("[database]\nurl = 'postgresql://u@h/d'", &[], purpose) {
        Ok(settings) => {
            assert_eq!(faults, 0);
            assert_eq!(settings.database.url.expose_secret(), "postgres://u@h/d");
            assert!(settings.apps.is_empty());
        }
        Err(report) => assert_eq!(report.count(), faults, "{report}"),
    }
}
