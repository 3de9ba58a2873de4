"""The vendor's own package dingtalk-stream, unchanged but for its endpoint, hears the simulated DingTalk's events."""

import logging
import threading
import time
from queue import Queue

import dingtalk_stream

from platform_control import URL, check, control

COMPANY = control("company")
HEARD = Queue()


class Listener(dingtalk_stream.EventHandler):
    """Keeps what it hears, and acknowledges it."""

    async def process(self, event):
        HEARD.put(event)
        return dingtalk_stream.AckMessage.STATUS_OK, "OK"


def listen():
    """Runs the package's client in a thread of its own."""
    logger = logging.getLogger("stream")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    credential = dingtalk_stream.Credential(COMPANY["appKey"], "demo-app-secret")
    client = dingtalk_stream.DingTalkStreamClient(credential, logger)
    dingtalk_stream.DingTalkStreamClient.OPEN_CONNECTION_API = URL + "/v1.0/gateway/connections/open"
    client.register_all_event_handler(Listener())
    threading.Thread(target=client.start_forever, daemon=True).start()


def until(sentence, truth):
    """Waits until something holds."""
    end = time.monotonic() + 20
    while not truth() and time.monotonic() < end:
        time.sleep(0.05)
    check(sentence, truth())


def heard(kind):
    """The next event, which has to be of that kind."""
    until(f"{kind} arrives", lambda: not HEARD.empty())
    event = HEARD.get()
    check("as the next event", event.headers.event_type == kind, event)
    return event


def main():
    listen()
    until("it connects", lambda: control("events")["stream_connections"] == 1)

    control("employees/user00011/leave", {})
    event = heard("user_leave_org")
    check("it names the leaver", event.data["userId"] == ["user00011"], event)
    check("it bears an id and its time", event.headers.event_id and event.headers.event_born_time > 1600000000000, event)
    control("employees/user00011/rejoin", {})
    heard("user_add_org")
    control("employees/user00012/move", {"dept_id_list": [20]})
    heard("user_modify_org")
    control("departments/20", {"name": "上海公司"})
    check("and departments", heard("org_dept_modify").data["deptId"] == [20])
    until("all are acknowledged", lambda: control("events")["stream_open"] == 0)

    control("stream/ping", {})
    until("a ping is answered with what it brought", lambda: control("events")["stream"]["last_pong"] is not None)

    control("stream/disconnect", {})
    until("it connects again when it is told to", lambda: control("events")["stream"]["opened"] == 2)
    control("employees/user00013/leave", {})
    check("and hears again", heard("user_leave_org").data["userId"] == ["user00013"])


if __name__ == "__main__":
    main()
