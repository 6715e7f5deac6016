"""Pages that would not fit in a message end early, in the direction of paging."""

from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.shared.budget import fit
from libs.shared.paging import Page, PageRequest


def page(*sizes: int, has_next: bool = False, has_previous: bool = False) -> Page[str]:
    """Items of these many bytes of JSON, with cursors 0, 1, 2 …"""
    items = [str(number) * (size - 2) for number, size in enumerate(sizes)]
    cursors = [str(number) for number in range(len(sizes))]
    return Page(items=items, cursors=cursors, has_next=has_next, has_previous=has_previous)


def kept(found: Page[str]) -> tuple[list[str], bool, bool]:
    assert [item[0] for item in found.items] == found.cursors
    return found.cursors, found.has_next, found.has_previous


def test_what_fits_is_left_alone() -> None:
    pages = [page(40, 40), page(20)]
    assert fit(pages, PageRequest(), 100) == pages


def test_forwards_the_first_ones_stay() -> None:
    [found] = fit([page(40, 40, 40, has_previous=True)], PageRequest(first=3), 100)
    assert kept(found) == (["0", "1"], True, True)


def test_backwards_the_last_ones_stay() -> None:
    for request in (PageRequest(last=3), PageRequest(before="x")):
        [found] = fit([page(40, 40, 40)], request, 100)
        assert kept(found) == (["1", "2"], False, True)


def test_many_pages_share_and_short_ones_stay_whole() -> None:
    found = fit([page(20, 20), page(60, 60), page()], PageRequest(), 150)
    assert list(map(kept, found)) == [(["0", "1"], False, False), (["0"], True, False), ([], False, False)]


@for_all(some.lists(some.lists(some.integers(3, 50), max_size=9), min_size=1, max_size=4), some.integers(1, 300))
def test_whoever_goes_on_meets_every_item(sizes: list[list[int]], budget_bytes: int) -> None:
    pages = [page(*one) for one in sizes]
    for before, after in zip(pages, fit(pages, PageRequest(), budget_bytes), strict=True):
        assert after.items == before.items[: len(after.items)]
        assert bool(after.items) == bool(before.items)
        assert after.has_next == (len(after.items) < len(before.items))
