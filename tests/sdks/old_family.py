"""The package dingtalk-sdk, unchanged but for its base URL, works with the simulated DingTalk."""

import logging

from dingtalk import AppKeyClient, SecretClient
from dingtalk.core.exceptions import DingTalkClientException

from platform_control import URL, check, control, refusal

# The package logs each refusal that is wanted here.
logging.disable(logging.CRITICAL)
COMPANY = control("company")
SECRET = "demo-app-secret"


def at_simulator(client):
    """The same client with another base URL."""
    client.API_BASE_URL = URL + "/"
    return client


def tokens_and_tickets(client):
    check("gettoken gives a token", len(client.access_token) == 32)
    legacy = at_simulator(SecretClient(COMPANY["corpId"], SECRET))
    check("the company's own credentials give the same one", legacy.access_token == client.access_token)
    stranger = at_simulator(AppKeyClient(COMPANY["corpId"], COMPANY["appKey"], "wrong"))
    error = refusal(DingTalkClientException, lambda: stranger.access_token)
    check("a wrong AppSecret is 40096", error.errcode == 40096, error)
    stranger = at_simulator(SecretClient(COMPANY["corpId"], "wrong"))
    error = refusal(DingTalkClientException, lambda: stranger.access_token)
    check("a wrong CorpSecret is 40089", error.errcode == 40089, error)

    page = "https://page.example/app?q=1"
    signed = client.get_jsapi_params(page)
    verdict = control("jsapi/verify", {**signed, "url": page})
    check("the config that it signs is verified", verdict == {"ok": True, "digest": "sha1"}, verdict)


def sign_in(client):
    code = control("auth-codes", {"userid": "manager01"})["code"]
    user = client.user.getuserinfo(code)
    check("an auth code is of manager01", (user["userid"], user["sys_level"]) == ("manager01", 1), user)
    error = refusal(DingTalkClientException, lambda: client.user.getuserinfo(code))
    check("it is good once: 40078", error.errcode == 40078, error)

    code = control("auth-codes", {"userid": "user00001"})["code"]
    answer = client.post("/topapi/v2/user/getuserinfo", {"code": code})
    check("the newer API answers in result", answer["result"]["unionid"] == "unionuser00001iE", answer)


def people(client):
    user = client.user.get("manager01")
    check("a member in the old form", user["name"] == "张三" and user["orderInDepts"].startswith("{100000:"), user)
    user = client.post("/topapi/v2/user/get", {"userid": "manager01"})["result"]
    check("a member in the new form", user["dept_order_list"][0]["order"] > 2**53, user)
    error = refusal(DingTalkClientException, lambda: client.user.get("nobody"))
    check("nobody is 60121", error.errcode == 60121, error)
    check("by unionid", client.user.get_userid_by_unionid("unionmanager01iE")["userid"] == "manager01")
    check("a page of members", client.user.simple_list(100000, 0, 3)["hasMore"] is True)
    check("members with details", client.user.list(100000)["userlist"][0]["userid"] == "manager01")
    check("userids of a department", "manager01" in client.user.get_dept_member(100000))
    check("the headcount", client.user.get_org_user_count(only_active=False) == COMPANY["people"])
    check("administrators", [one["userid"] for one in client.user.get_admin()] == ["manager01", "user00001"])
    check("the visible range", client.user.auth_scopes()["auth_org_scopes"]["authed_dept"] == [1])


def departments(client):
    check("children of the root", client.department.list_ids() == [10, 20, 30, 40, 50])
    check("all of them", len(client.department.list(fetch_child=True)) == COMPANY["departments"] - 1)
    check("one of them", client.department.get(100000)["parentid"] == 100)
    check("the way up", client.department.list_parent_depts_by_dept(100000) == [100000, 100, 10, 1])
    check("the ways of a member", client.department.list_parent_depts("manager01") == [[100000, 100, 10, 1]])
    error = refusal(DingTalkClientException, lambda: client.department.get(999))
    check("none is 60003", error.errcode == 60003, error)


def refusals(client):
    control("tokens/invalidate", {})
    check("a dead token is fetched anew", client.user.get("manager01")["name"] == "张三")
    control("tokens/invalidate", {})
    error = refusal(DingTalkClientException, lambda: client.post("/topapi/v2/user/get", {"userid": "manager01"}))
    check("on /topapi a dead token is wrapped in 88", error.errcode == 88 and "40014" in error.errmsg, error)
    check("which this package does not understand, until an old call", client.user.get("manager01")["active"])
    control("faults", {"path": "/user/get", "kind": "system_busy", "times": 1})
    error = refusal(DingTalkClientException, lambda: client.user.get("manager01"))
    check("a busy platform is -1", error.errcode == -1, error)


def main():
    client = at_simulator(AppKeyClient(COMPANY["corpId"], COMPANY["appKey"], SECRET))
    tokens_and_tickets(client)
    sign_in(client)
    people(client)
    departments(client)
    refusals(client)


if __name__ == "__main__":
    main()
