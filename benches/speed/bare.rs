//! The measure of all rates: a bare actix-web handler that answers the same bytes as the service.

use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

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
