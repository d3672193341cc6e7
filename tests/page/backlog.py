"""What there is to see: deletions of every kind, and what an audit finds."""
import uuid

LONG_AGO, DAY = 1_600_000_000_000, 86_400_000  # milliseconds


def leave_pending(users, count):
    made = [users.create_with_avatar()["id"] for _ in range(count)]
    for user_id in made:
        assert users.delete(user_id).status == 202
    return made


def leave_external(users, count):
    """Deletions of objects that nobody has: they succeed."""
    for number in range(count):
        key = f"elsewhere/{number:04}"
        assert users.private.post("/api/deletions", {"key": key}).status == 202


def rows(users, **query):
    return users.private.get("/api/deletions", **query).data["items"]


def leave_one_of_each(users, s3d):
    """One blocked deletion, one that failed, one that was not tried."""
    leave_pending(users, 2)
    blocked, failed = [row["key"] for row in rows(users)]
    s3d.fault(f"key-error,key={blocked},code=AccessDenied,status=403")
    s3d.fault(f"key-error,key={failed},code=InternalError,status=500")
    users.sweep()
    leave_pending(users, 1)
    (fresh,) = [row["key"] for row in rows(users) if row["key"] not in (blocked, failed)]
    return blocked, failed, fresh


def old_key(number):
    """A key as the service would have made it long ago, one a day; they sort by their numbers."""
    made_at = LONG_AGO + number * DAY
    return "avatars/" + str(uuid.UUID(int=made_at << 80 | 0x7 << 76 | 0x8 << 60 | number))


def leave_strays(users, count):
    """Objects in a folder that nobody owns."""
    (users.files / "avatars").mkdir(exist_ok=True)
    for number in range(1, count + 1):
        (users.files / old_key(number)).write_bytes(b"x")


def lose_an_image(users):
    """A user whose image somebody has taken away."""
    there = set(users.objects())
    users.create_with_avatar()
    (lost,) = set(users.objects()) - there
    (users.files / "avatars" / lost).unlink()
