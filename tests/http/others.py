"""Two well-known servers as people run them: nginx in front of a server, and Node's own server."""
import shutil
import subprocess

from support import programs
from support.client import NO_ANSWER, Client
from support.ports import free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream behind {{ server unix:{folder}/behind; keepalive 64; }}
    server {{
        listen unix:{folder}/behind;
        location / {{ return 200 "ok"; }}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""

# Answers when the body has been read to its end, as a handler would that has a use for it.
NODE = """
require("http").createServer((request, response) => {{
    request.resume();
    request.on("end", () => response.end("ok"));
}}).listen({{port: {port}, host: "127.0.0.1", backlog: 1024}});
"""


class Other:
    def __init__(self, name, version, port, process):
        self.name, self.version, self.port, self.process = name, version, port, process
        self.client = Client(port)
        programs.wait_for(self.is_up, what=f"{name} to answer")

    def is_up(self):
        assert self.process.is_running(), self.process.complaint()
        try:
            return self.client.get("/api/health").status == 200
        except NO_ANSWER:
            return False

    def end(self):
        self.client.close()
        self.process.stop()


def nginx(folder):
    folder.mkdir()
    port = free_port()
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port))
    process = programs.Process([program, "-p", folder, "-c", folder / "conf",
                                "-e", folder / "error.log"], folder / "stderr")
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return Other("nginx", said.split("/")[-1].strip(), port, process)


def node(folder):
    folder.mkdir()
    port = free_port()
    (folder / "server.js").write_text(NODE.format(port=port))
    process = programs.Process(["/usr/bin/node", folder / "server.js"], folder / "stderr")
    said = subprocess.run(["/usr/bin/node", "--version"], capture_output=True, text=True,
                          check=True).stdout
    return Other("Node", said.strip().lstrip("v"), port, process)
