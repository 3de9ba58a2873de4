//! Settings as an administrator meets them: what holds when nothing is said, what wins, what is refused and how.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use rstest::rstest;
use secrecy::ExposeSecret as _;

use super::events::EventsMode;
use super::fault::Faults;
use super::jsapi::Digest;
use super::log::LogFormat;
use super::tokens::Algorithm;
use super::{Purpose, Settings, layers};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/secret") => Ok("from-a-file\r\n".to_owned()),
        Some("/other") => Ok("from-another-file\n".to_owned()),
        Some("/blank") => Ok("\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn load(file: &str, env: &[(&str, &str)], purpose: Purpose) -> Result<Settings, Faults> {
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::from_sources(Some(file), &env, purpose, &read_file)
}

/// Complete settings for `serve`, with these variables beside or over them.
fn serve(file: &str, env: &[(&str, &str)]) -> Result<Settings, Faults> {
    let mut all = vec![
        ("SSO_DINGTALK__CORP_ID", "dingcorp"),
        ("SSO_DINGTALK__APP_KEY", "dingkey"),
        ("SSO_DINGTALK__APP_SECRET", "the-app-secret"),
        ("SSO_DINGTALK__AGENT_ID", "77001"),
    ];
    all.retain(|(name, _)| !env.iter().any(|(other, _)| other.trim_end_matches("_FILE") == *name));
    all.extend(env);
    load(file, &all, Purpose::Serve)
}

/// The report of settings that have to be refused.
fn report(settings: Result<Settings, Faults>) -> String {
    settings.expect_err("these settings are at fault").to_string()
}

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
        (LogFormat::Text, "info,actix_server=warn,sea_orm_migration=warn")
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
