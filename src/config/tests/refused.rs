//! Settings that are refused: what is wrong is named, every fault at once, and no secret is shown.

use std::fmt::Write as _;

use rstest::rstest;

use super::given::{KEY, load, report, serve};
use crate::config::Purpose;
use crate::config::events::EventsMode;

#[rstest]
#[case::listen("SSO_HTTP__LISTEN", "localhost:8080", "is not an IP address and a port")]
#[case::listen_without_port("SSO_HTTP__LISTEN", "127.0.0.1", "is not an IP address and a port")]
#[case::listen_blank("SSO_HTTP__LISTEN", "", "is not set")]
#[case::scheme("SSO_HTTP__PUBLIC_URL", "ftp://h", "is not a URL of http or https")]
#[case::no_scheme("SSO_HTTP__PUBLIC_URL", "sso.example", "is not a URL of http or https")]
#[case::user("SSO_HTTP__PUBLIC_URL", "https://u:p@h", "without a host, or with a user name")]
#[case::no_host("SSO_HTTP__PUBLIC_URL", "https:///h", "without a host, or with a user name")]
#[case::query("SSO_HTTP__PUBLIC_URL", "https://h/?a", "with a query or fragment")]
#[case::fragment("SSO_HTTP__PUBLIC_URL", "https://h/#", "with a query or fragment")]
#[case::backslash("SSO_HTTP__PUBLIC_URL", "https://h\\x", "white space or a backslash")]
#[case::blank_behind("SSO_HTTP__PUBLIC_URL", "https://h ", "white space or a backslash")]
#[case::platform("SSO_DINGTALK__API_URL", "api.dingtalk.com", "is not a URL of http or https")]
#[case::proxies(
    "SSO_HTTP__TRUSTED_PROXIES",
    "10.0.0.1,proxy",
    "entry 2 is neither an IP address nor a network"
)]
#[case::workers("SSO_HTTP__WORKERS", "-1", "write a whole number from 0 to 1024")]
#[case::connections("SSO_DATABASE__MAX_CONNECTIONS", "0", "write a whole number from 1 to 1000")]
#[case::database("SSO_DATABASE__URL", "mongodb://h/d", "is not of a kind that is known")]
#[case::database_hash("SSO_DATABASE__URL", "postgres://u:p#q@h/d", "is not a URL that can be read")]
#[case::database_hash_later("SSO_DATABASE__URL", "postgres://h/d#q", "has a #")]
#[case::sqlite_without_file("SSO_DATABASE__URL", "sqlite://", "is not of a kind that is known")]
#[case::cache("SSO_CACHE__URL", "memcached://h", "is not of a kind that is known")]
#[case::timeout("SSO_DINGTALK__TIMEOUT_MS", "5s", "write a whole number from 100 to 60000")]
#[case::origin_slash("SSO_JSAPI__ALLOWED_ORIGINS", "https://h/", "entry 1 has more than")]
#[case::origin_path("SSO_JSAPI__ALLOWED_ORIGINS", "https://h/p", "entry 1 has more than")]
#[case::origin_user("SSO_JSAPI__ALLOWED_ORIGINS", "https://u@h", "entry 1 has more than")]
#[case::origin_junk("SSO_JSAPI__ALLOWED_ORIGINS", "https://h:443x", "entry 1 is not an origin")]
#[case::origin_no_port("SSO_JSAPI__ALLOWED_ORIGINS", "https://h:", "entry 1 has more than")]
#[case::origin_any("SSO_JSAPI__ALLOWED_ORIGINS", "*", "entry 1 is not an origin")]
#[case::origin_pattern("SSO_JSAPI__ALLOWED_ORIGINS", "https://*.h", "entry 1 is a pattern")]
#[case::origin_scheme("SSO_JSAPI__ALLOWED_ORIGINS", "null", "entry 1 is not an origin")]
#[case::digest("SSO_JSAPI__DIGEST", "md5", "write sha1 or sha256")]
#[case::issuer("SSO_TOKENS__ISSUER", "us", "is not a URL of http or https")]
#[case::access_short("SSO_TOKENS__ACCESS_TTL_S", "59", "write a whole number from 60 to 86400")]
#[case::access_long("SSO_TOKENS__ACCESS_TTL_S", "86401", "write a whole number from 60 to 86400")]
#[case::refresh_short("SSO_TOKENS__REFRESH_TTL_S", "3599", "write a whole number from 3600 to 31536000")]
#[case::refresh_long(
    "SSO_TOKENS__REFRESH_TTL_S",
    "31536001",
    "write a whole number from 3600 to 31536000"
)]
#[case::algorithm("SSO_TOKENS__ALGORITHM", "none", "write ES256 or EdDSA or RS256")]
#[case::cookie_foreign("SSO_TOKENS__COOKIE_DOMAIN", "evil.example", "does not cover the host")]
#[case::cookie_tail("SSO_TOKENS__COOKIE_DOMAIN", "0.0.1", "does not cover the host")]
#[case::master_key("SSO_SECRETS__MASTER_KEY", "short", "is shorter than 32 characters")]
#[case::events("SSO_EVENTS__MODE", "on", "write off or http or stream")]
#[case::aes_key("SSO_EVENTS__AES_KEY", "short", "is not an AES key of 43 characters")]
#[case::limit(
    "SSO_LIMITS__REJECTED_CODES_PER_MINUTE",
    "0",
    "write a whole number from 1 to 1000000"
)]
#[case::userid("SSO_ADMIN__USERIDS", "manager 01", "entry 1 is not a userid")]
#[case::format("SSO_LOG__FORMAT", "xml", "write text or json")]
#[case::filter("SSO_LOG__FILTER", "a=b=c", "is not a log filter")]
#[case::secret_blank("SSO_DINGTALK__APP_SECRET", "a secret", "has white space or more than 256 bytes")]
#[case::corp_id(
    "SSO_DINGTALK__CORP_ID",
    "ding567890123456789012345678901234567890123456789012345678901234x",
    "has white space or more than 64 bytes"
)]
#[case::secret_lines("SSO_DINGTALK__APP_SECRET", "a\nb", "has line breaks")]
#[case::secret_file("SSO_DINGTALK__APP_SECRET_FILE", "/nowhere", "cannot be read (entity not found)")]
#[case::secret_file_empty("SSO_DINGTALK__APP_SECRET_FILE", "/blank", "names an empty file")]
#[case::unknown_key("SSO_HTTP__LISTENS", "x", "is not a setting; [http] has listen, public_url")]
#[case::unknown_section("SSO_HTPP__LISTEN", "x", "the sections are admin, cache")]
#[case::one_underscore("SSO_HTTP_LISTEN", "x", "is not the name of a setting")]
#[case::small_letters("SSO_http__listen", "x", "is not the name of a setting")]
#[case::file_of_no_secret("SSO_HTTP__LISTEN_FILE", "/secret", "is not a setting")]
#[case::default_app("SSO_APPS__DEFAULT__APP_KEY", "x", "is the name of the micro-app under [dingtalk]")]
#[case::app_name("SSO_APPS__WEB.1__APP_KEY", "x", "is not a name for a micro-app")]
#[case::no_app_name("SSO_APPS__APP_KEY", "x", "is not a section of a micro-app")]
fn one_faulty_variable_is_one_line(#[case] name: &str, #[case] value: &str, #[case] words: &str) {
    let report = report(serve("", &[(name, value)]));
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.contains(words), "{report}");
    assert!(report.contains(name) || report.contains("apps."), "{report}");
}

#[rstest]
#[case::no_section("listen = 'x'", "listen: stands outside of any section")]
#[case::a_float("[http]\nlisten = 1.5", "is not text")]
#[case::a_table("[http]\nlisten = { port = 1 }", "is not text")]
#[case::a_date("[http]\nlisten = 1979-05-27", "is not text")]
#[case::mixed_list("[admin]\nuserids = ['a', true]", "is not a list of text")]
#[case::unknown_app_key(
    "[apps.a]\napp_key='k'\napp_secret='s'\nagent_id=1\nkey=2",
    "[apps.a] has agent_id, allowed_origins"
)]
#[case::one_key_twice(
    "[apps.a]\napp_key='dingkey'\napp_secret='s'\nagent_id=1",
    "is the app key of another micro-app too"
)]
#[case::capitals("[apps.Web]\napp_key='k'", "apps.Web: is not a name for a micro-app")]
#[case::both(
    "[secrets]\nmaster_key='x'\nmaster_key_file='/secret'",
    "is given beside secrets.master_key"
)]
#[case::not_toml("[http\nlisten", "the settings file: TOML parse error at line 1, column 6")]
fn one_fault_in_the_file_is_one_line(#[case] file: &str, #[case] words: &str) {
    let report = report(serve(file, &[]));
    assert_eq!(report.lines().count(), 1, "{report}");
    assert!(report.contains(words), "{report}");
}

#[test]
fn mode_http_needs_token_and_key() {
    let mode = ("SSO_EVENTS__MODE", "http");
    assert_eq!(report(serve("", &[mode])).lines().count(), 2);
    let (token, key) = (
        ("SSO_EVENTS__TOKEN", "t"),
        ("SSO_EVENTS__AES_KEY", "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"),
    );
    let settings = serve("", &[mode, token, key]).expect("good");
    assert_eq!(settings.events.mode, EventsMode::Http);
}

#[test]
fn what_kubernetes_says_of_a_service_named_sso_is_not_for_us() {
    let env = [
        ("SSO_SERVICE_HOST", "10.0.0.1"),
        ("SSO_SERVICE_PORT", "80"),
        ("SSO_SERVICE_PORT_HTTP", "80"),
        ("SSO_PORT", "tcp://10.0.0.1:80"),
        ("SSO_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    serve("", &env).expect("these are none of ours");
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = "S3CRET";
    let broken = format!("[dingtalk]\napp_secret = \"{secret}\" x");
    let mut shown = report(serve(&broken, &[]));
    let spaced = format!("{secret} {secret}");
    let url = format!("postgres://u:{secret}@");
    let faulty = [
        ("SSO_DINGTALK__APP_SECRET", spaced.as_str()),
        ("SSO_DATABASE__URL", &url),
        ("SSO_CACHE__URL", secret),
        ("SSO_SECRETS__MASTER_KEY", secret),
        ("SSO_EVENTS__TOKEN", &spaced),
        ("SSO_EVENTS__AES_KEY", secret),
        ("SSO_HTTP__PUBLIC_URL", &url),
        ("SSO_HTTP__SECRET", secret),
        ("SSO_LOG__FILTER", "S3CRET=S3CRET=S3CRET"),
    ];
    let refusal = serve("", &faulty).expect_err("faulty");
    assert_eq!(refusal.count(), faulty.len(), "{refusal}");
    write!(shown, "{refusal} {refusal:?}").expect("text");
    let (master, url) = (format!("{secret}{KEY}"), format!("{url}h/d"));
    let good = [
        ("SSO_DINGTALK__APP_SECRET", secret),
        ("SSO_SECRETS__MASTER_KEY", &master),
        ("SSO_DATABASE__URL", &url),
        ("SSO_EVENTS__TOKEN", secret),
    ];
    write!(shown, "{:?}", serve("", &good).expect("good")).expect("text");
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn every_fault_is_named_in_one_report() {
    let file = "
        listen = '0.0.0.0:80'
        [http]
        public_url = 'sso.example.com'
        trusted_proxies = ['10.0.0.0/8', 'nginx']
        [database]
        url = 'mysql://sso:secret@db/sso'
        [dingtalk]
        corp_id = 'dingcorp'
        app_key = 'dingkey'
        agent_id = 77001
        [tokens]
        access_ttl_s = 7200
        refresh_ttl_s = 3600
        alg = 'ES256'
        [apps.web]
        app_key = 'dingkey'
        app_secret_file = '/nowhere'
        agent_id = 77002
    ";
    let env = [
        ("SSO_JSAPI__ALLOWED_ORIGINS", "https://a.example/,https://*.example"),
        ("SSO_DATABASE_URL", "x"),
    ];
    let faults = load(file, &env, Purpose::Serve).expect_err("faulty");
    insta::assert_snapshot!(faults, @r#"
    listen: stands outside of any section; move it under its [section]
    SSO_DATABASE_URL: is not the name of a setting; write SSO_SECTION__KEY in capitals with two underscores, as in SSO_HTTP__LISTEN
    http.public_url (SSO_HTTP__PUBLIC_URL) in the settings file: is not a URL of http or https; write http://HOST or https://HOST, with a port or path where needed
    http.trusted_proxies (SSO_HTTP__TRUSTED_PROXIES) in the settings file: entry 2 is neither an IP address nor a network; write 10.0.0.1 or 10.0.0.0/8
    jsapi.allowed_origins (SSO_JSAPI__ALLOWED_ORIGINS) in the environment: entry 1 has more than scheme, host and port; write https://HOST or https://HOST:PORT, nothing behind it
    jsapi.allowed_origins (SSO_JSAPI__ALLOWED_ORIGINS) in the environment: entry 2 is a pattern: each origin has to be named; write https://HOST or https://HOST:PORT, nothing behind it
    dingtalk.app_secret (SSO_DINGTALK__APP_SECRET): is not set; write the app's Client Secret (AppSecret)
    apps.web.app_secret_file (SSO_APPS__WEB__APP_SECRET_FILE) in the settings file: names a file that cannot be read (entity not found); name a readable text file that holds nothing but the secret
    apps.web.app_key (SSO_APPS__WEB__APP_KEY) in the settings file: is the app key of another micro-app too; give each micro-app its own, or drop one
    tokens.refresh_ttl_s (SSO_TOKENS__REFRESH_TTL_S) in the settings file: is not a whole number of its range; write a whole number from 7200 to 31536000
    secrets.master_key (SSO_SECRETS__MASTER_KEY): is not set; write any text of 32 characters or more, the same for all instances
    tokens.alg (SSO_TOKENS__ALG) in the settings file: is not a setting; [tokens] has access_ttl_s, algorithm, browser_ttl_s, cookie_domain, issuer, refresh_ttl_s, rotate_every_days
    "#);
}
