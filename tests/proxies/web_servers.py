"""nginx, Caddy and Apache from the distribution, with the configurations of deploy/forward-auth in them."""

import os
import urllib.parse

MODULES = "/usr/lib/apache2/modules"

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/client;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {servers}
}}
"""

CADDY = """
{{
	admin off
}}
{servers}
"""

APACHE = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
{user}
{modules}
{servers}
"""

APACHE_MODULES = "mpm_event authn_core authz_core authz_user headers proxy proxy_http auth_openidc"


def port_of(origin):
    return urllib.parse.urlsplit(origin).port


def start_nginx(company, sites):
    """Serves each origin with its demand (`role=…`, or nothing)."""
    servers = [
        company.configuration(
            "nginx.conf",
            {
                "listen 80;": f"listen 127.0.0.1:{port_of(origin)};",
                "app.example.com": urllib.parse.urlsplit(origin).hostname,
                "127.0.0.1:8080/auth/verify;": f"127.0.0.1:{company.port}/auth/verify?{demand};",
            },
        )
        for origin, demand in sites.items()
    ]
    text = NGINX.format(folder=company.folder, servers="\n".join(servers))
    company.start("nginx", ["nginx", "-p", str(company.folder), "-c", company.file("nginx.conf", text)])
    company.wait_for("nginx", port_of(next(iter(sites))))


def start_caddy(company, sites):
    """The same with Caddy."""
    servers = [
        company.configuration(
            "Caddyfile",
            {
                "http://app.example.com": origin,
                "127.0.0.1:8080": f"127.0.0.1:{company.port}",
                "uri /auth/verify?": f"uri /auth/verify?{demand}",
            },
        )
        for origin, demand in sites.items()
    ]
    path = company.file("Caddyfile", CADDY.format(servers="\n".join(servers)))
    home = {"HOME": str(company.folder), "XDG_DATA_HOME": str(company.folder), "XDG_CONFIG_HOME": str(company.folder)}
    company.start("caddy", ["caddy", "run", "--config", path, "--adapter", "caddyfile"], home)
    company.wait_for("caddy", port_of(next(iter(sites))))


def start_apache(company, origin, secret):
    """Apache as the client `wiki`."""
    servers = company.configuration(
        "apache.conf",
        {
            "*:80": f"127.0.0.1:{port_of(origin)}",
            "ServerName app.example.com": f"ServerName {urllib.parse.urlsplit(origin).hostname}",
            "https://app.example.com": origin,
            "https://sso.example.com": company.url,
            "SECRET": secret,
            "PASSPHRASE": "a-passphrase-of-the-tests",
        },
    )
    modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in APACHE_MODULES.split()]
    text = APACHE.format(
        folder=company.folder,
        port=port_of(origin),
        # A server started as root has to become somebody else.
        user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        modules="\n".join(modules),
        servers=servers,
    )
    company.start("apache", ["apache2", "-f", company.file("apache.conf", text), "-DFOREGROUND"])
    company.wait_for("apache", port_of(origin))
