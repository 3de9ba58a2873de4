"""The vendor's own package alibabacloud-dingtalk, unchanged but for its endpoint, works with the simulated DingTalk."""

from urllib.parse import urlsplit

from alibabacloud_dingtalk.contact_1_0 import models as contact
from alibabacloud_dingtalk.contact_1_0.client import Client as Contact
from alibabacloud_dingtalk.oauth2_1_0 import models as oauth2
from alibabacloud_dingtalk.oauth2_1_0.client import Client as OAuth2
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

from platform_control import URL, check, control, refusal

COMPANY = control("company")
KEY, SECRET = COMPANY["appKey"], "demo-app-secret"
OPTIONS = RuntimeOptions()


def made(client):
    """A client of the package, at the simulator's address."""
    return client(Config(protocol="http", region_id="central", endpoint=urlsplit(URL).netloc))


def app_tokens(client):
    """Checks tokens and tickets; answers an app access token."""
    answer = client.get_access_token(oauth2.GetAccessTokenRequest(app_key=KEY, app_secret=SECRET)).body
    check("accessToken gives a token for 7200 s", answer.expire_in == 7200, answer)
    request = oauth2.GetTokenRequest(client_id=KEY, client_secret=SECRET, grant_type="client_credentials")
    newest = client.get_token(COMPANY["corpId"], request).body
    check("the newest endpoint gives the same", newest.access_token == answer.access_token, newest)
    wrong = oauth2.GetAccessTokenRequest(app_key=KEY, app_secret="wrong")
    error = refusal(TeaException, lambda: client.get_access_token(wrong))
    check("a wrong AppSecret is invalidClientIdOrSecret", error.code == "invalidClientIdOrSecret", error)

    headers = oauth2.CreateJsapiTicketHeaders(x_acs_dingtalk_access_token=answer.access_token)
    ticket = client.create_jsapi_ticket_with_options(headers, OPTIONS).body
    check("jsapiTickets gives a ticket", len(ticket.jsapi_ticket) == 32 and ticket.expire_in == 7200, ticket)
    headers = oauth2.CreateJsapiTicketHeaders(x_acs_dingtalk_access_token="wrong")
    error = refusal(TeaException, lambda: client.create_jsapi_ticket_with_options(headers, OPTIONS))
    check("a wrong token is InvalidAuthentication", error.code == "InvalidAuthentication", error)
    check("with status 400", error.data["statusCode"] == 400, error.data)
    return answer.access_token


def redeem(client, **given):
    request = oauth2.GetUserTokenRequest(client_id=KEY, client_secret=SECRET, **given)
    return client.get_user_token(request).body


def me(client, token, who="me"):
    headers = contact.GetUserHeaders(x_acs_dingtalk_access_token=token)
    return client.get_user_with_options(who, headers, OPTIONS).body


def browser_login(oauth2_client, contact_client):
    code = control("oauth2/auth-codes", {"userid": "manager01", "scope": "openid corpid"})["code"]
    tokens = redeem(oauth2_client, code=code, grant_type="authorization_code")
    check("a code becomes user tokens, with the company", tokens.corp_id == COMPANY["corpId"], tokens)
    work = lambda: redeem(oauth2_client, code=code, grant_type="authorization_code")
    error = refusal(TeaException, work)
    check("it is good once", error.code == "invalidParameter.authCode.notFound", error)

    person = me(contact_client, tokens.access_token)
    check("users/me is 张三", (person.nick, person.union_id) == ("张三", "unionmanager01iE"), person)
    check("no visitor, with a mobile", (person.visitor, person.mobile) == (False, "13900000000"), person)
    same = me(contact_client, tokens.access_token, person.union_id)
    check("the same by unionId", same.nick == person.nick, same)

    refreshed = redeem(oauth2_client, refresh_token=tokens.refresh_token, grant_type="refresh_token")
    check("a refresh token gives new ones", refreshed.access_token != tokens.access_token, refreshed)
    work = lambda: redeem(oauth2_client, refresh_token=tokens.refresh_token, grant_type="refresh_token")
    check("and dies", refusal(TeaException, work).data["statusCode"] == 400)

    control("permissions", {"Contact.User.Read": False})
    error = refusal(TeaException, lambda: me(contact_client, tokens.access_token))
    control("permissions", {"Contact.User.Read": True})
    code = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    check("without the permission it is 403", (error.data["statusCode"], error.code) == (403, code), error)
    missing = error.data["accessdenieddetail"]
    check("naming what is missing", missing == {"requiredScopes": ["Contact.User.Read"]}, missing)


def search(client, token):
    headers = contact.SearchUserHeaders(x_acs_dingtalk_access_token=token)
    request = contact.SearchUserRequest(query_word="张三", offset=0, size=10, full_match_field=1)
    found = client.search_user_with_options(request, headers, OPTIONS).body
    check("a search by name", (found.list, found.total_count, found.has_more) == (["manager01"], 1, False), found)
    control("faults", {"path": "/v1.0/contact/users/search", "kind": "app_qps", "times": 1})
    error = refusal(TeaException, lambda: client.search_user_with_options(request, headers, OPTIONS))
    check("throttled is 403", error.code == "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", error)


def main():
    oauth2_client, contact_client = made(OAuth2), made(Contact)
    token = app_tokens(oauth2_client)
    browser_login(oauth2_client, contact_client)
    search(contact_client, token)


if __name__ == "__main__":
    main()
