//! The control paths: what a test or the demo page does to the simulated company.

mod codes;
mod company;
mod conditions;
mod jsapi;

use actix_cors::Cors;
use actix_web::web::{self, ServiceConfig};

/// Mounts `/_/…`.
pub(super) fn routes(service: &mut ServiceConfig) {
    // A page of any origin may play that it is open inside DingTalk.
    let auth_codes = web::resource("/_/auth-codes").wrap(Cors::permissive());
    let verify = web::resource("/_/jsapi/verify").wrap(Cors::permissive());
    service
        .service(auth_codes.route(web::post().to(codes::auth_code)))
        .service(verify.route(web::post().to(jsapi::verify)))
        .route("/_/dd.js", web::get().to(jsapi::client))
        .route("/_/oauth2/auth-codes", web::post().to(codes::oauth_code))
        .route("/_/tokens/invalidate", web::post().to(codes::invalidate_tokens))
        .route("/_/company", web::get().to(company::overview))
        .route("/_/employees", web::get().to(company::employees))
        .route("/_/employees", web::post().to(company::admit))
        .route("/_/employees/{userid}", web::get().to(company::employee))
        .route("/_/employees/{userid}", web::post().to(company::alter))
        .route("/_/employees/{userid}", web::patch().to(company::alter))
        .route("/_/employees/{userid}/leave", web::post().to(company::leave))
        .route("/_/employees/{userid}/rejoin", web::post().to(company::rejoin))
        .route("/_/employees/{userid}/move", web::post().to(company::move_to))
        .route("/_/departments", web::get().to(company::departments))
        .route("/_/departments", web::post().to(company::found))
        .route("/_/departments/{dept_id}", web::post().to(company::reshape))
        .route("/_/departments/{dept_id}", web::patch().to(company::reshape))
        .route("/_/departments/{dept_id}", web::delete().to(company::dissolve))
        .route("/_/changes", web::get().to(company::changes))
        .route("/_/avatars/{userid}.svg", web::get().to(company::avatar))
        .route("/_/permissions", web::get().to(conditions::permissions))
        .route("/_/permissions", web::post().to(conditions::switch_permissions))
        .route("/_/visible-range", web::get().to(conditions::visible_range))
        .route("/_/visible-range", web::post().to(conditions::set_visible_range))
        .route("/_/calls", web::get().to(conditions::calls))
        .route("/_/rates", web::get().to(conditions::rates))
        .route("/_/rates", web::post().to(conditions::limit_rate))
        .route("/_/faults", web::post().to(conditions::add_fault))
        .route("/_/faults", web::delete().to(conditions::clear_faults));
}

/// Mounts what the demo's page needs of them, under `/demo/…`.
pub(super) fn demo_routes(service: &mut ServiceConfig) {
    service
        .route("/demo/auth-codes", web::post().to(codes::auth_code))
        .route("/demo/employees", web::get().to(company::employees))
        .route("/demo/company", web::get().to(company::overview))
        .route("/demo/jsapi/verify", web::post().to(jsapi::verify))
        .route("/demo/dd.js", web::get().to(jsapi::client));
}
