"""A browser in small: cookies, redirects and forms. Every name ends at this machine, as *.localhost does in real ones."""

import http.client
import http.cookiejar
import json
import re
import socket
import urllib.error
import urllib.parse
import urllib.request


class Loopback(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.create_connection(("127.0.0.1", self.port), 20)


class Opener(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(Loopback, request)


class Answer:
    """What came back, and from where."""

    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.text = url, status, headers, body.decode()

    def sent(self, *names):
        """The values of the headers that reached the application under one of these names, in any case."""
        wanted = {name.lower() for name in names}
        return [value for name, value in json.loads(self.text)["headers"] if name.lower() in wanted]


def ask(url, headers=()):
    """One request of a program: no cookies, no redirects, headers as they are written."""
    address = urllib.parse.urlsplit(url)
    connection = Loopback(address.hostname, address.port)
    connection.putrequest("GET", urllib.parse.urlunsplit(("", "", address.path or "/", address.query, "")))
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    answer = Answer(url, response.status, response.headers, response.read())
    connection.close()
    return answer


class Browser:
    """One person's browser; it follows redirects to their end."""

    def __init__(self):
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), Opener(), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def get(self, url, headers=()):
        return self.send(urllib.request.Request(url, headers={"Accept": "text/html", **dict(headers)}))

    def post(self, url, form):
        body = urllib.parse.urlencode(form).encode()
        return self.send(urllib.request.Request(url, data=body, headers={"Accept": "text/html"}))

    def send(self, request):
        try:
            response = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as refusal:
            response = refusal
        with response:
            return Answer(response.geturl(), response.status, response.headers, response.read())

    def choose(self, page, userid):
        """Presses somebody's button on the sign-in page of the simulated DingTalk."""
        picture = re.search(r'name="id" value="([^"]+)"', page.text).group(1)
        return self.post(urllib.parse.urljoin(page.url, "/oauth2/confirm"), {"id": picture, "userid": userid})

    def sign_in(self, url, userid):
        """Opens a protected page, signs in where that leads, and answers with what the person sees then."""
        return self.choose(self.get(url), userid)


def signed_in(url, userid):
    """Somebody's browser, in which a protected page has arrived."""
    browser = Browser()
    page = browser.sign_in(url, userid)
    if page.status != 200 or page.headers["Content-Type"] != "application/json" or page.sent("Remote-User") != [userid]:
        raise AssertionError(f"{userid} did not get {url}: {page.status} {page.url} {page.text[:500]}")
    return browser
