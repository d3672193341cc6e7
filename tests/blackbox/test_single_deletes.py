"""A store without DeleteObjects: what was left undone is finished one object at a time."""


def test_a_backlog_is_worked_off_one_by_one(service, s3d, agrees):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    everybody = [users.create_with_avatar()["id"] for _ in range(12)]
    for one in everybody:
        assert users.delete(one).status == 202
    s3d.fault("refuse,verb=BATCH,status=501,code=NotImplemented")
    pages = users.sweep()
    assert sum(page["deleted"] for page in pages) == len(everybody)
    assert all(users.erased(one) for one in everybody)
    assert users.log().count("the store has no bulk delete") == 1
    assert s3d.count("avatars/") == 0
    s3d.clear()
    agrees(users, s3d)
