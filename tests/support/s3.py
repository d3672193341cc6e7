"""S3 as tests see it: a bucket at an endpoint, whoever answers there."""
import base64
import functools
import hashlib
import http.client
import json
import subprocess
from xml.sax.saxutils import escape

from . import programs
from .network import HERE


class Bucket:
    """A bucket that boto3 talks to, and that --files takes as a URL."""

    def __init__(self, endpoint, bucket, access_key="test", secret="s3-secret-that-nobody-may-see",
                 region="us-east-1"):
        self.endpoint = endpoint
        self.bucket = bucket
        self.access_key, self.secret, self.region = access_key, secret, region

    @functools.cached_property
    def client(self):
        import boto3
        from botocore.config import Config
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=self.region,
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0},
                          connect_timeout=10, read_timeout=20))

    @property
    def environment(self):
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def url(self, prefix="", bucket=None, endpoint=None):
        return (f"s3://{bucket or self.bucket}/{prefix}?region={self.region}"
                f"&endpoint={endpoint or self.endpoint}&path-style=on")

    def objects(self, prefix=""):
        """Every key below `prefix` with its size, the prefix taken off."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket,
                                                                      Prefix=prefix)
        return {item["Key"][len(prefix):]: item["Size"]
                for page in pages for item in page.get("Contents", [])}

    def keep_versions(self, status="Enabled"):
        """From here on the bucket keeps versions; "Suspended": new ones take the place "null"."""
        self.client.put_bucket_versioning(Bucket=self.bucket,
                                          VersioningConfiguration={"Status": status})

    def versions(self, prefix=""):
        """All that a listing of versions names: (key, id, whether it is a marker)."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket,
                                                                           Prefix=prefix)
        return [(item["Key"], item["VersionId"], kind == "DeleteMarkers")
                for page in pages for kind in ("Versions", "DeleteMarkers")
                for item in page.get(kind, [])]

    def read(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def put(self, key, body):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)


class StandIn(Bucket):
    """Our stand-in for S3, running. Rules for what goes wrong: tests/s3d/faults.h."""

    credential = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/"
                                   "aws4_request, SignedHeaders=host, Signature=0"}

    def __init__(self, folder, *options, bucket="bucket", port=0, node=HERE):
        port_file = folder / "s3d.port"
        port_file.unlink(missing_ok=True)
        self.host = node.host
        with node.inside():
            self.process = programs.Process(
                [programs.program("s3d"), "--host", self.host, "--port", port, "--port-file",
                 port_file, "--bucket", bucket, *options], folder / "s3d.err",
                stdout=subprocess.DEVNULL)
        programs.wait_for(lambda: port_file.exists() or not self.process.is_running(),
                          what="s3d to listen")
        assert self.process.is_running(), self.process.complaint()
        self.port = int(port_file.read_text())
        super().__init__(f"http://{self.host}:{self.port}", bucket)

    def stop(self):
        code = self.process.stop()
        assert code == 0, self.process.complaint()

    def control(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, "/_control/" + path, body)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
            return json.loads(text)
        finally:
            connection.close()

    def fault(self, *rules):
        return self.control("POST", "faults", "\n".join(rules))

    def clear(self):
        return self.control("DELETE", "faults")

    def status(self):
        return self.control("GET", "status")

    def lay(self, keys):
        """Objects under these keys, many at once."""
        keys = list(keys)
        for at in range(0, len(keys), 10000):
            self.control("POST", f"objects?bucket={self.bucket}",
                         "\n".join(keys[at:at + 10000]))

    def count(self, prefix=""):
        return self.control("GET", f"objects?bucket={self.bucket}&prefix={prefix}")["count"]

    def request(self, method, path, body=None, headers=None, timeout=20):
        """One request on a connection of its own; raises what http.client raises."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, f"/{self.bucket}{path}", body,
                               {**self.credential, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def raw(self, method, path, body=None, headers=None, timeout=20):
        """Status and body; (0, b"") when no answer came."""
        try:
            return self.request(method, path, body, headers, timeout)
        except (OSError, http.client.HTTPException):
            return 0, b""

    def batch(self, keys):
        body = ("<Delete>" + "".join(f"<Object><Key>{escape(key)}</Key></Object>"
                                     for key in keys) + "</Delete>").encode()
        checksum = base64.b64encode(hashlib.md5(body).digest()).decode()
        return self.raw("POST", "?delete=", body, {"Content-MD5": checksum})

    wait_for = staticmethod(programs.wait_for)
