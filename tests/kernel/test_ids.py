import time

from cauce.kernel import ids


def test_ids_are_26_characters_and_differ():
    made = {ids.new_id() for _ in range(10_000)}
    assert len(made) == 10_000
    assert {len(text) for text in made} == {26}
    assert set("".join(made)) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_a_later_id_sorts_after_an_earlier_one():
    first = ids.new_id()
    start = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == start:
        pass
    assert first < ids.new_id()


def test_an_id_begins_with_its_millisecond():
    before = time.time_ns() // 1_000_000
    text = ids.new_id()
    after = time.time_ns() // 1_000_000
    number = 0
    for char in text:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(char)
    assert before <= number >> 80 <= after


def test_a_readable_name_stays_the_same_for_an_id_and_differs_between_ids():
    assert ids.readable("01") == ids.readable("01")
    names = {ids.readable(f"{n}") for n in range(500)}
    assert len(names) > 480
    assert all(name.count("-") == 2 and name.rpartition("-")[2].isdigit() for name in names)
