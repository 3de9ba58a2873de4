//! The commands that tell of the service itself: what its settings lack, and what it serves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::harness::Harness;
use crate::process::{Output, run};

/// What `serve` cannot do without.
const ENOUGH: [(&str, &str); 4] = [
    ("SSO_DINGTALK__CORP_ID", "dingcorp"),
    ("SSO_DINGTALK__APP_KEY", "dingkey"),
    ("SSO_DINGTALK__APP_SECRET", "the-app-secret"),
    ("SSO_DINGTALK__AGENT_ID", "77001"),
];

/// Runs `check-config` with `more` beside or over what is enough.
async fn check(more: &[(&str, &str)]) -> Output {
    let env: Vec<(String, String)> = ENOUGH
        .iter()
        .filter(|(name, _)| !more.iter().any(|(other, _)| other.trim_end_matches("_FILE") == *name))
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    run(&["check-config"], &env).await
}

#[tokio::test]
async fn settings_in_order_are_told_to_be_so() {
    let output = check(&[]).await;
    assert_eq!(output.exit, Some(0), "{output:?}");
    assert_eq!((&*output.stdout, &*output.stderr), ("The settings are in order.\n", ""));
}

#[tokio::test]
async fn every_fault_of_the_settings_is_named_at_once() {
    let output = check(&[
        ("SSO_DINGTALK__APP_KEY", ""),
        ("SSO_HTTP__LISTEN", "everywhere"),
        ("SSO_HTTP__PORT", "8080"),
        ("SSO_DATABASE__URL", "postgres://app:hidden-password@db/sso"),
        ("SSO_CACHE__URL", "memcached://cache"),
        ("SSO_TOKENS__ACCESS_TTL_S", "5"),
        ("SSO_SECRETS__MASTER_KEY", "hidden-and-short"),
    ])
    .await;
    assert_eq!((output.exit, &*output.stdout), (Some(2), ""), "{output:?}");
    insta::assert_snapshot!(output.stderr, @r"
    http.listen (SSO_HTTP__LISTEN) in the environment: is not an IP address and a port; write an address and a port, as in 127.0.0.1:8080
    cache.url (SSO_CACHE__URL) in the environment: is not of a kind that is known; write memory:, redis://HOST:PORT or rediss://HOST:PORT
    dingtalk.app_key (SSO_DINGTALK__APP_KEY) in the environment: is not set; write the app's Client ID (AppKey) from the developer console
    tokens.access_ttl_s (SSO_TOKENS__ACCESS_TTL_S) in the environment: is not a whole number of its range; write a whole number from 60 to 86400
    secrets.master_key (SSO_SECRETS__MASTER_KEY) in the environment: is shorter than 32 characters; write any text of 32 characters or more, the same for all instances
    http.port (SSO_HTTP__PORT) in the environment: is not a setting; [http] has listen, public_url, trusted_proxies, workers
    ");
    assert!(
        !output.stderr.contains("hidden"),
        "no value is shown: it may be a secret"
    );
}

#[tokio::test]
async fn a_micro_app_and_an_application_never_have_one_name() {
    let mut sso = Harness::start().await;
    sso.command(&["client", "add", "reports"]).await;
    for (key, value) in [("APP_KEY", "dingother"), ("APP_SECRET", "secret"), ("AGENT_ID", "2")] {
        sso.set(&format!("APPS__REPORTS__{key}"), value);
    }
    let started = timeout(Duration::from_mins(1), sso.refused(&["serve"])).await;
    let told = started.expect("it does not serve");
    assert!(
        told.contains("apps.reports") && told.contains("client show reports"),
        "{told}"
    );
    let refused = sso.output(&["client", "add", "default"]).await;
    assert_eq!(refused.exit, Some(2), "wrong usage: {}", refused.stderr);
    assert!(refused.stderr.contains("micro-app's name"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_file_of_settings_is_read_under_the_environment() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("sso.toml");
    fs::write(&file, "[http]\nlisten = \"nowhere\"\n[dingtalk]\ncorpid = \"x\"\n").expect("a file");
    let arguments = ["check-config", "--config", file.to_str().expect("a path")];
    let mut env: Vec<(String, String)> = ENOUGH.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let output = run(&arguments, &env).await;
    assert_eq!(output.exit, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("http.listen") && output.stderr.contains("corpid"),
        "{output:?}"
    );
    fs::write(&file, "[http]\nlisten = \"nowhere\"\n").expect("a file");
    env.push(("SSO_HTTP__LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
    assert_eq!(run(&arguments, &env).await.exit, Some(0));
}

#[rstest]
#[case("0123456789012345678901234567890123456789")]
#[case("00001234")]
#[tokio::test]
async fn a_secret_of_digits_alone_is_text(#[case] secret: &str) {
    let output = check(&[("SSO_DINGTALK__APP_SECRET", secret)]).await;
    assert_eq!(output.exit, Some(0), "{output:?}");
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("secret");
    fs::write(&file, format!("{secret}\n")).expect("a file");
    let path = file.to_str().expect("a path");
    let output = check(&[("SSO_DINGTALK__APP_SECRET_FILE", path)]).await;
    assert_eq!(output.exit, Some(0), "{output:?}");
}

#[tokio::test]
async fn a_secret_may_lie_in_a_file_of_its_own() {
    let mut sso = Harness::prepared(&[]).await;
    let file = sso.path("app-secret");
    let secret = format!("{}\n", sso.setting("DINGTALK__APP_SECRET"));
    fs::write(&file, secret).expect("a file");
    sso.unset("DINGTALK__APP_SECRET");
    sso.set("DINGTALK__APP_SECRET_FILE", file.to_str().expect("a path"));
    sso.start_process().await;
    assert_eq!(sso.log_in("manager01").await.status, 200);
    let missing = check(&[("SSO_DINGTALK__APP_SECRET_FILE", "/nowhere/secret")]).await;
    assert_eq!(missing.exit, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("SSO_DINGTALK__APP_SECRET"), "{missing:?}");
}

#[tokio::test]
async fn a_wrong_command_ends_with_2_and_a_failed_one_with_1() {
    assert_eq!(run(&["no-such-command"], &[]).await.exit, Some(2));
    let sso = Harness::start().await;
    let failed = sso.output(&["employee", "show", "nobody"]).await;
    assert_eq!(failed.exit, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("nobody"), "{failed:?}");
}

#[rstest]
#[case::no_id(&["client", "add", "a/b"])]
#[case::no_grant(&["client", "add", "app", "--grant", "password"])]
#[case::no_redirect_uri(&["client", "add", "app", "--redirect-uri", "somewhere"])]
#[case::no_algorithm(&["key", "rotate", "--algorithm", "RS512"])]
#[case::no_role(&["role", "set", "two words"])]
#[tokio::test]
async fn what_cannot_be_asked_for_ends_with_2(#[case] arguments: &[&str]) {
    let output = Harness::start().await.output(arguments).await;
    assert_eq!((output.exit, &*output.stdout), (Some(2), ""), "{output:?}");
    assert!(output.stderr.starts_with("failed: "), "{output:?}");
}

#[tokio::test]
async fn a_command_says_which_of_its_names_is_unknown() {
    let sso = Harness::start().await;
    sso.log_in("manager01").await;
    sso.command(&["role", "set", "reporter"]).await;
    let nobody = "failed: there is no employee nobody here: known is whoever was synced or has signed in\n";
    let no_role = "failed: there is no role writer; `role list` shows them, `role set` makes one\n";
    let no_client = "failed: there is no client none; `client list` shows them\n";
    for (arguments, said) in [
        (&["employee", "disable", "nobody"][..], nobody),
        (&["role", "grant", "nobody", "reporter"], nobody),
        (&["role", "revoke", "nobody", "reporter"], nobody),
        (&["role", "grant", "manager01", "writer"], no_role),
        (&["client", "rotate-secret", "none"], no_client),
        (&["client", "remove", "none"], no_client),
    ] {
        assert_eq!(sso.refused(arguments).await, said, "{arguments:?}");
    }
}

#[tokio::test]
async fn what_several_ask_for_at_once_is_done_once_and_the_others_are_told_so() {
    let sso = Harness::start().await;
    sso.log_in("manager01").await;
    sso.command(&["role", "set", "writer", "text:write"]).await;
    let grant = || sso.output(&["role", "grant", "manager01", "writer"]);
    let (one, two, three) = tokio::join!(grant(), grant(), grant());
    for output in [one, two, three] {
        assert_eq!(output.exit, Some(0), "{output:?}");
    }
    let add = || sso.output(&["client", "add", "shop", "--redirect-uri", "https://shop.example/cb"]);
    let (one, two, three) = tokio::join!(add(), add(), add());
    let mut exits = Vec::new();
    for output in [one, two, three] {
        exits.push(output.exit);
        let told = output.stderr.contains("there is a client shop already");
        assert_eq!(told, output.exit == Some(2), "{output:?}");
    }
    exits.sort_unstable();
    assert_eq!(exits, [Some(0), Some(2), Some(2)]);
}

#[tokio::test]
async fn without_its_schema_nothing_works_and_every_command_says_what_to_do() {
    let sso = Harness::prepared(&[]).await;
    for arguments in [
        &["serve", "--no-migrate"][..],
        &["employee", "show", "manager01"],
        &["role", "list"],
        &["client", "list"],
        &["key", "list"],
    ] {
        let said = sso.refused(arguments).await;
        assert!(said.contains("run `dingtalk-sso migrate up`"), "{arguments:?}: {said}");
    }
    sso.command(&["migrate", "up"]).await;
    assert_eq!(sso.command(&["key", "list", "--json"]).await, "[]\n");
    let steps = sso.command(&["migrate", "status"]).await.matches(" applied ").count();
    let taken = sso.command(&["migrate", "down", "--steps", "1000"]).await;
    assert_eq!(taken, format!("{steps} taken back.\n"));
    assert_eq!(sso.command(&["migrate", "down"]).await, "0 taken back.\n");
}

#[tokio::test]
async fn help_is_written_for_a_terminal() {
    for command in ["", "simulate", "callback", "client add", "key rotate", "employee show"] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let output = run(&arguments, &[]).await;
        assert_eq!(output.exit, Some(0), "{output:?}");
        for name in ["DingTalk", "OpenAPI", "AppSecret", "EdDSA"] {
            assert!(
                !output.stdout.contains(&format!("`{name}`")),
                "{command}: {}",
                output.stdout
            );
        }
    }
}

/// Files and pages, which are no part of the API.
const BESIDE_THE_API: [(&str, &str); 4] = [
    ("get", "/"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/static/{path:.*}"),
];

/// Methods and paths of the attributes over the handlers in `folder`.
fn routes_in(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            routes_in(&path, found);
            continue;
        }
        for line in fs::read_to_string(&path).expect("a source").lines() {
            let attribute = line
                .trim()
                .strip_prefix("#[")
                .and_then(|line| line.strip_suffix("\")]"));
            if let Some((method, route)) = attribute.and_then(|line| line.split_once("(\""))
                && ["get", "post", "put", "patch", "delete"].contains(&method)
            {
                found.insert((method.to_owned(), route.to_owned()));
            }
        }
    }
}

#[tokio::test]
async fn the_document_lists_every_route_that_is_served() {
    let output = run(&["openapi"], &[]).await;
    assert_eq!(output.exit, Some(0), "{output:?}");
    let document: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let mut listed = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            listed.insert((method.clone(), path.clone()));
        }
    }

    // Callbacks have a route only where they are how events come.
    let sso = Harness::with(&[
        ("EVENTS__MODE", "http"),
        ("EVENTS__TOKEN", "a-token"),
        ("EVENTS__AES_KEY", "1234567890123456789012345678901234567890123"),
    ])
    .await;
    for (method, path) in &listed {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let answer = sso.send(sso.request(method, path)).await;
        assert!(![404, 405].contains(&answer.status), "{path}: {answer:?}");
    }
    assert_eq!(sso.get("/openapi.json", "").await.body, document);

    let mut served = BTreeSet::new();
    routes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut served);
    for (method, path) in BESIDE_THE_API {
        assert!(served.remove(&(method.to_owned(), path.to_owned())), "{path}");
    }
    assert_eq!(listed, served);
}
