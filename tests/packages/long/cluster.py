"""
What kubectl speaks with: the part of Kubernetes' API that answers what there is and takes what is
made. It holds nothing against a schema; tests/packages/test_kubernetes.py does.
"""
import http.server
import json
import threading
import urllib.parse

# Of each group: the path, the version, and what there is in it.
GROUPS = {("", "v1"): {"secrets": "Secret", "services": "Service"},
          ("apps", "v1"): {"deployments": "Deployment"},
          ("batch", "v1"): {"cronjobs": "CronJob"},
          ("networking.k8s.io", "v1"): {"networkpolicies": "NetworkPolicy"},
          ("policy", "v1"): {"poddisruptionbudgets": "PodDisruptionBudget"}}
VERBS = ["create", "delete", "get", "list", "patch", "update"]


def root_of(group, version):
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def discovery():
    """What there is, by path."""
    groups = []
    for group, version in GROUPS:
        if group:
            named = {"groupVersion": f"{group}/{version}", "version": version}
            groups.append({"name": group, "versions": [named], "preferredVersion": named})
    found = {"/api": {"kind": "APIVersions", "versions": ["v1"]},
             "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
             "/version": {"major": "1", "minor": "20", "gitVersion": "v1.20.0"}}
    for (group, version), kinds in GROUPS.items():
        found[root_of(group, version)] = {
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": [{"name": name, "singularName": "", "namespaced": True, "kind": kind,
                           "verbs": VERBS} for name, kind in kinds.items()]}
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self):
        self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                          "reason": "NotFound", "message": f"no {self.path}"})

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        found = self.server.known.get(path) or self.server.made.get(path)
        if found:
            self.answer(200, found)
        else:
            self.refuse()

    def do_POST(self):
        made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = urllib.parse.urlsplit(self.path).path
        root, _, kinds = path.rpartition("/")
        listed = self.server.known.get(root.split("/namespaces/")[0], {}).get("resources", [])
        if (kinds, made["kind"]) not in [(one["name"], one["kind"]) for one in listed]:
            self.refuse()
            return
        made["metadata"].update(namespace="default", uid="1", resourceVersion="1")
        self.server.made[f"{path}/{made['metadata']['name']}"] = made
        self.answer(201, made)

    def log_message(self, *_):
        pass


class Cluster:
    """An empty one, in this process."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.known, self.server.made = discovery(), {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def made(self):
        return list(self.server.made.values())

    def config(self):
        """The file by which kubectl finds it."""
        name, address = "here", "http://127.0.0.1:%d" % self.server.server_address[1]
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": name, "cluster": {"server": address}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "users": [{"name": name, "user": {}}]})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
