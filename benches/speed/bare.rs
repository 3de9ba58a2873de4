//! The measure of all rates: a bare actix-web handler that answers the same bytes as the service.

use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::load::Connection;
use crate::process::{self, Process};
use crate::service::{self, Service};
use crate::{Bench, load};

/// An answer of the service, to be given again and again.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The path that it answers.
    pub(crate) path: String,
    /// Whether it answers a POST, whose body is then read and dropped.
    pub(crate) posted: bool,
    /// Its headers, but for those that the server itself writes.
    pub(crate) headers: Vec<(String, String)>,
    /// Its body.
    pub(crate) body: String,
}

/// Serves the samples in the file on one thread until it is ended.
pub(crate) fn serve(listen: SocketAddr, samples: &Path) -> anyhow::Result<()> {
    let samples: Vec<Sample> = serde_json::from_slice(&std::fs::read(samples)?)?;
    let samples: Vec<_> = samples.into_iter().map(Ready::new).collect::<anyhow::Result<_>>()?;
    let server = HttpServer::new(move || {
        samples.iter().fold(App::new(), |app, sample| {
            let (path, posted, sample) = (sample.path.clone(), sample.posted, sample.clone());
            let route = if posted {
                web::post().to(move |_: Bytes| ready(sample.answer()))
            } else {
                web::get().to(move || ready(sample.answer()))
            };
            app.route(&path, route)
        })
    });
    let server = server.workers(1).bind(listen)?.run();
    actix_web::rt::System::new().block_on(server).context("the bare server")
}

/// A bare handler that runs.
pub(crate) struct Bare {
    pub(crate) at: SocketAddr,
    /// An access token that the service gave, as the handler's answers show it.
    pub(crate) token: String,
    _process: Process,
}

impl Bench {
    /// Starts the bare handler with answers that the service gives.
    pub(super) async fn bare(&self, service: &Service) -> anyhow::Result<Bare> {
        let token = service.access_token(&self.platform).await?;
        let codes = self.platform.auth_codes(1).await?;
        let requests = [
            ("/v1/login", service::login(codes.first().context("no auth code")?)),
            ("/v1/jsapi/config", service::signed_config()),
            ("/v1/me", load::get("/v1/me", Some(&token))),
        ];
        let mut samples = Vec::new();
        let mut connection = Connection::open(service.at).await?;
        for (path, request) in requests {
            let (head, body) = connection.sample(&request).await?;
            let by_the_server = ["date", "content-length", "connection"];
            let headers = head
                .headers
                .into_iter()
                .filter(|(name, _)| !by_the_server.contains(&name.as_str()));
            samples.push(Sample {
                path: path.to_owned(),
                posted: request.starts_with(b"POST"),
                headers: headers.collect(),
                body: std::str::from_utf8(body)?.to_owned(),
            });
        }
        let file = self.folder.path().join("samples.json");
        std::fs::write(&file, serde_json::to_vec(&samples)?)?;
        let (at, this) = (process::free_address()?, std::env::current_exe()?);
        let (listen, file) = (at.to_string(), file.display().to_string());
        let log = self.folder.path().join("bare.log");
        let mut process = Process::start(&this, &["bare", &listen, &file], &[], self.cores.measured(), &log)?;
        process
            .until_it_answers(at, "/v1/me")
            .await
            .context("the bare handler")?;
        Ok(Bare {
            at,
            token,
            _process: process,
        })
    }
}

#[derive(Clone)]
struct Ready {
    path: String,
    posted: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Ready {
    fn new(sample: Sample) -> anyhow::Result<Self> {
        let headers = sample
            .headers
            .into_iter()
            .map(|(name, value)| Ok((name.parse()?, value.parse()?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            path: sample.path,
            posted: sample.posted,
            headers,
            body: sample.body.into(),
        })
    }

    fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body.clone())
    }
}
