//! The signature of `dd.config` (dingtalk-api, section 2.3).

use data_encoding::HEXLOWER;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::config::jsapi::Digest;

/// Signs `url` as DingTalk checks it; lower-case hex. `timestamp` is the one given to `dd.config`.
#[must_use]
pub fn sign(digest: Digest, ticket: &str, nonce: &str, timestamp: i64, url: &str) -> String {
    let timestamp = timestamp.to_string();
    let parts = [
        "jsapi_ticket=",
        ticket,
        "&noncestr=",
        nonce,
        "&timestamp=",
        &timestamp,
        "&url=",
        url,
    ];
    let parts = parts.into_iter();
    match digest {
        Digest::Sha1 => HEXLOWER.encode(&parts.fold(Sha1::new(), sha1::Digest::chain_update).finalize()),
        Digest::Sha256 => HEXLOWER.encode(&parts.fold(Sha256::new(), sha2::Digest::chain_update).finalize()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use url::Url;

    use super::sign;
    use crate::config::jsapi::Digest::{self, Sha1, Sha256};
    use crate::jsapi::page_url::Origins;

    const TICKET: &str = "mS5k98fdkdgDKxkXGEs8LORVREiweeWETE40P37wkidkfksDSKDJFD5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcKIDU8l";

    #[test]
    fn a_page_is_signed_as_the_published_example_has_it() {
        let origins = Origins::from_iter([Url::parse("https://abc.com").unwrap().origin()]);
        let page = origins
            .page("https://abc.com?url=http%3A%2F%2Fabc.com%2Fsomewhere&a=1#top")
            .unwrap();
        let signature = sign(Sha1, TICKET, "Zn4zmLFKD0wzilzM", 1_414_588_745, page.signed_text());
        assert_eq!(signature, "4cfa6d4f6479593550e2aa2f30e395114ae6aaf1");
    }

    #[rstest]
    #[case(Sha1, "//open.dingtalk.com", "653ecdeadf70a480b1aefa687c894a2d8ff9a8bb")]
    #[case(Sha1, "http://open.dingtalk.com", "10de2b0a6763ec3685a50272b5b0eb2848098dc2")]
    #[case(
        Sha1,
        "https://abc.com?url=http://abc.com/somewhere&a=1",
        "4cfa6d4f6479593550e2aa2f30e395114ae6aaf1"
    )]
    #[case(
        Sha256,
        "//open.dingtalk.com",
        "914767982a36d309fd531ccaf1a04e0681d474c505760a83e7b0a9fa630080bd"
    )]
    #[case(
        Sha256,
        "http://open.dingtalk.com",
        "6d6e0580d57aac61e427c1e82e7545cca4eed5c59ae6bb468c6bf6f89753cdb2"
    )]
    #[case(
        Sha256,
        "https://abc.com?url=http://abc.com/somewhere&a=1",
        "f0ee29a1395d932202d21a860c8be723fdd23599c50221b72731d37549cefd7b"
    )]
    fn the_signature_is_the_published_one(#[case] digest: Digest, #[case] url: &str, #[case] hex: &str) {
        assert_eq!(sign(digest, TICKET, "Zn4zmLFKD0wzilzM", 1_414_588_745, url), hex);
    }
}
