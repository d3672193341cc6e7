"""A delete that is sent many times at once is one delete, and each that sent it gets an answer."""
import concurrent.futures
import threading
import time

AT_ONCE = 8


def test_deletes_of_one_user_at_once_are_all_answered(service, agrees):
    users = service()
    clients = [users.client() for _ in range(AT_ONCE)]
    together = threading.Barrier(AT_ONCE)
    made = [users.create_with_avatar()["id"] for _ in range(50)]

    def delete_all(place):
        answers = []
        for turn, user_id in enumerate(made):
            together.wait(60)
            # By turns all at once and one after the other: some come while the first one ends.
            time.sleep(place * 0.0007 * (turn % 5))
            answers.append(clients[place].delete(f"/api/users/{user_id}"))
        return answers

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [answer for answers in pool.map(delete_all, range(AT_ONCE))
                   for answer in answers]
    assert {answer.status for answer in answers} == {200}
    assert {answer.data["state"] for answer in answers} == {"deleted"}
    assert users.objects() == []
    users.stop()
    agrees(users)
