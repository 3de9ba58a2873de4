"""What a test does to the simulated company, and how it tells what it saw."""

import json
import os
import sys
import urllib.request

URL = os.environ["DINGTALK_URL"].rstrip("/")


def control(path, body=None):
    """Asks a control path; answers its JSON, or None where there is none."""
    request = urllib.request.Request(f"{URL}/_/{path}", data=None if body is None else json.dumps(body).encode())
    if body is not None:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=15) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def check(sentence, truth, detail=""):
    """Prints what was seen to hold; ends the run where it does not."""
    if not truth:
        sys.exit(f"not so: {sentence} {detail}")
    print(f"ok: {sentence}")


def refusal(kind, work):
    """The exception of that kind that the work ends in."""
    try:
        answer = work()
    except kind as error:
        return error
    sys.exit(f"not so: it is refused; it answered {answer}")
