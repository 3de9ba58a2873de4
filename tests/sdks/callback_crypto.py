"""The crypto class of the package dingtalk-sdk opens what the service seals, and the service opens what it seals."""

import json
import os
import re
import subprocess
import tempfile
import urllib.error
import urllib.request

from dingtalk.crypto import DingTalkCrypto

from platform_control import URL, check, control

COMPANY = control("company")
TOKEN, AES_KEY = "123456", "4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij"


def serve(folder):
    """Starts the service on a free port; answers its process and address."""
    settings = {
        "HTTP__LISTEN": "127.0.0.1:0",
        "DATABASE__URL": f"sqlite://{folder}/sso.db",
        "DINGTALK__CORP_ID": COMPANY["corpId"],
        "DINGTALK__APP_KEY": COMPANY["appKey"],
        "DINGTALK__APP_SECRET": "demo-app-secret",
        "DINGTALK__AGENT_ID": COMPANY["agentId"],
        "DINGTALK__OAPI_URL": URL,
        "DINGTALK__API_URL": URL,
        "EVENTS__MODE": "http",
        "EVENTS__TOKEN": TOKEN,
        "EVENTS__AES_KEY": AES_KEY,
    }
    env = {**os.environ, **{f"SSO_{name}": value for name, value in settings.items()}}
    process = subprocess.Popen([os.environ["DINGTALK_SSO"], "serve"], env=env, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        found = re.search(r"serving address=(\S+)", line)
        if found:
            return process, f"http://{found.group(1)}"
    check("the service starts", False)


def post(service, sealed, signed_as="msg_signature"):
    """Posts a sealed message as the platform does; answers status and body."""
    query = f"{signed_as}={sealed['msg_signature']}&timestamp={sealed['timeStamp']}&nonce={sealed['nonce']}"
    body = json.dumps({"encrypt": sealed["encrypt"]}).encode()
    request = urllib.request.Request(f"{service}/dingtalk/events?{query}", data=body)
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def exchange(service, owner, signed_as):
    crypto = DingTalkCrypto(TOKEN, AES_KEY, owner)
    status, answer = post(service, crypto.encrypt_message(json.dumps({"EventType": "check_url"})), signed_as)
    check(f"an envelope for {owner} under {signed_as} opens", status == 200, answer)
    word = crypto.decrypt_encrypt_str(
        answer["msg_signature"], answer["timeStamp"], answer["nonce"], answer["encrypt"]
    )
    check("the sealed answer opens, and says success", word == "success", word)


def main():
    with tempfile.TemporaryDirectory() as folder:
        process, service = serve(folder)
        try:
            for owner in (COMPANY["appKey"], COMPANY["corpId"]):
                for signed_as in ("signature", "msg_signature"):
                    exchange(service, owner, signed_as)
            stranger = DingTalkCrypto(TOKEN, AES_KEY, "dingstranger").encrypt_message('{"EventType":"check_url"}')
            status, answer = post(service, stranger)
            check("one for another owner does not", (status, answer["code"]) == (400, 1101), answer)
            wrong = DingTalkCrypto("654321", AES_KEY, COMPANY["appKey"]).encrypt_message('{"EventType":"check_url"}')
            other = post(service, wrong)[1]
            same = {key: answer[key] == other[key] for key in ("code", "error", "error_description")}
            check("nor one signed with another token, with the same answer", all(same.values()), other)
        finally:
            process.terminate()
            process.wait(timeout=15)


if __name__ == "__main__":
    main()
