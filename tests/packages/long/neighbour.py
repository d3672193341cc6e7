"""users-service on its usual ports in another network, called from here."""
import types

from support import contract, images
from support.client import NO_ANSWER, Client
from support.network import Node
from support.service import person

PUBLIC, PRIVATE = 8080, 8081


class Neighbour:
    """`process` is anyone's in that network. What is answered is held against the contract."""

    def __init__(self, process):
        self.node = Node("127.0.0.1", types.SimpleNamespace(path=f"/proc/{process}/ns/net"))
        contract.serve(PUBLIC, "public")
        contract.serve(PRIVATE, "private")

    def call(self, method, path, body=None, port=PUBLIC, token=None, **more):
        client = Client(port, token)
        with self.node.inside():
            try:
                return client.call(method, path, body, **more)
            finally:
                client.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def status(self, token):
        """How the private API answers to a token."""
        return self.get("/api/status", port=PRIVATE, token=token).status

    def is_ready(self):
        try:
            return self.get("/api/ready").status == 200
        except NO_ANSWER:
            return False

    def user_with_avatar(self):
        made = self.call("POST", "/api/users", person())
        assert made.status == 201, made
        user = made.data["id"]
        put = self.call("PUT", f"/api/users/{user}/avatar", images.png(),
                        headers={"Content-Type": "image/png"})
        assert put.status == 201, put
        assert self.has_avatar(user)
        return user

    def has_avatar(self, user):
        return self.get(f"/api/users/{user}/avatar").status == 200

    def erase(self, user):
        """What the service answered: 200 when it is done, 202 when others are to do it."""
        return self.call("DELETE", f"/api/users/{user}").status

    def is_erased(self, user):
        return self.get(f"/api/deletions/{user}").data["state"] == "deleted"
