//! `[dingtalk]` less its micro-app: the platform, and the company on it.

use std::time::Duration;

use url::Url;

use super::check::{self, A_URL};
use super::reader::{Read, Reader};

/// The platform and the company on it.
#[derive(Debug, Clone)]
pub struct DingTalk {
    /// The company (企业 CorpId).
    pub corp_id: String,
    /// Host of the old API family.
    pub oapi_url: Url,
    /// Host of the new API family.
    pub api_url: Url,
    /// Host of the sign-in page for browsers.
    pub login_url: Url,
    /// How long one call may take before it counts as lost.
    pub timeout: Duration,
}

/// Longest corp id: as many bytes as the columns of it hold characters.
const LONGEST_CORP_ID: usize = 64;

/// Reads the section. Where no company is needed, it may be the empty text.
pub(super) fn read(r: &mut Reader<'_>, company_needed: bool) -> Read<DingTalk> {
    let corp_id = r.word("dingtalk.corp_id", LONGEST_CORP_ID);
    let corp_id = if company_needed {
        r.needed(
            "dingtalk.corp_id",
            "write the CorpId from the developer console's home page",
            corp_id,
        )
    } else {
        corp_id.map(Option::unwrap_or_default)
    };
    let [oapi_url, api_url, login_url] = ["oapi_url", "api_url", "login_url"].map(|host| {
        let key = format!("dingtalk.{host}");
        let url = r.checked(&key, check::base_url, A_URL);
        r.needed(&key, A_URL, url)
    });
    let timeout = r.number("dingtalk.timeout_ms", 100..=60_000).map(Duration::from_millis);
    Ok(DingTalk {
        corp_id: corp_id?,
        oapi_url: oapi_url?,
        api_url: api_url?,
        login_url: login_url?,
        timeout: timeout?,
    })
}
